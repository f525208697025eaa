package storage

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
)

// A request that was set aside stays so over a restart, behind no other, and leaves the
// disk like every other.
func TestWhatIsSetAsideStaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	r := start(t, path, nil)
	for i := range int64(3) {
		cb := event("1", i)
		cb.queued = []byte("x")
		if _, err := r.Record(cb); err != nil {
			t.Fatal(err)
		}
	}
	r.queues.SetAside(r.queues.Take("1", queue.Fresh, time.Now()), time.Now())
	r.stop()

	r = start(t, path, nil)
	if size := r.queues.Size("1"); size.SetAside != 1 || size.Requests != 3 || size.Lanes != 1 {
		t.Errorf("after a restart: %+v", size)
	}
	aside, first := r.queues.Take("1", queue.Aside, time.Now()), r.queues.Take("1", queue.Fresh, time.Now())
	if aside == nil || first == nil || aside.Seq >= first.Seq {
		t.Fatalf("set aside is %v, first of its lane %v", aside, first)
	}
	r.queues.Done(aside)
	r.queues.Done(first)
	r.stop()

	r = start(t, path, nil)
	if size := r.queues.Size("1"); size.SetAside != 0 || size.Requests != 1 {
		t.Errorf("after another one: %+v", size)
	}
}
