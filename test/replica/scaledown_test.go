//go:build linux

package replica

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A replica is removed as docs/replicas.md says. The callbacks that it has queued for the backend are
// only on its disk: the command state shows their number, and a start with the same folder delivers
// them.
func TestScaleDown(t *testing.T) {
	engine, w := startServer(t), newWorld(t, appA)
	var away atomic.Bool
	var mu sync.Mutex
	delivered := map[string]int{} // by body
	backend := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if away.Load() {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		delivered[string(body)]++
		fmt.Fprint(rw, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}`)
	}))
	t.Cleanup(backend.Close)
	config := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(config, []byte(fmt.Sprintf("apps: [{sdk_app_id: %s, allow_unsigned: true, relay: {url: '%s'}}]\nreplica: {redis: {addresses: ['%s']}}\n",
		appA, backend.URL, engine.addr)), 0o600); err != nil {
		t.Fatal(err)
	}
	storage := t.TempDir()
	leaves, stays := startReplica(t, config, storage), startReplica(t, config, t.TempDir())
	away.Store(true)
	const callbacks = 20
	for i := range callbacks {
		w.send(leaves, appA, "Live.CallbackAfterCreateRoom", fmt.Sprintf(
			`{"CallbackCommand":"Live.CallbackAfterCreateRoom","Operator_Account":"host","EventTime":%d,"RoomInfo":{"RoomId":"room-%d"}}`, time.Now().UnixMilli(), i))
	}
	if code, err := leaves.Stop(patience); code != 0 || err != nil {
		t.Fatalf("stop: code %d, %v", code, err)
	}
	if n := queued(t, storage); n != callbacks {
		t.Errorf("state says that %d callbacks are queued, want %d", n, callbacks)
	}
	away.Store(false)
	again := startReplica(t, config, storage)
	eventually(t, "the queue is empty", func() error {
		m, err := again.Scrape(w.client)
		if err != nil {
			return err
		}
		if n, ok := m.Of("tuilivekit_relay_queue_requests", appA); !ok || n != 0 {
			return fmt.Errorf("%v queued", n)
		}
		return nil
	})
	if code, err := again.Stop(patience); code != 0 || err != nil {
		t.Fatalf("stop: code %d, %v", code, err)
	}
	if n := queued(t, storage); n != 0 {
		t.Errorf("state says that %d callbacks are queued, want none", n)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(delivered) != callbacks {
		t.Errorf("%d callbacks delivered, want %d", len(delivered), callbacks)
	}
	// The replica that stays knows the rooms.
	eventually(t, "the other replica knows the rooms", func() error {
		m, err := stays.Scrape(w.client)
		if err != nil {
			return err
		}
		if n, _ := m.Of("tuilivekit_known_rooms", appA); n != callbacks {
			return fmt.Errorf("%v rooms", n)
		}
		return nil
	})
}

// queued returns how many callbacks state finds queued in a folder.
func queued(t *testing.T, storage string) int {
	t.Helper()
	out, err := exec.Command(binary, "state", "--json", storage).Output()
	if err != nil {
		t.Fatalf("state: %v", err)
	}
	var got struct {
		Queues []struct {
			Requests int `json:"requests"`
		} `json:"relay_queues"`
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	n := 0
	for _, q := range got.Queues {
		n += q.Requests
	}
	return n
}
