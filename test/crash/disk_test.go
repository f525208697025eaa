//go:build linux

package crash

import (
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

const degraded = "tuilivekit_exporter_storage_degraded"

func TestDiskFull(t *testing.T) {
	if !withMounts(t) {
		return
	}
	disk := smallDisk(t)
	testTrouble(t, filepath.Join(disk, "data"), func() (failed, over func()) {
		return func() {}, fill(t, disk)
	})
}

// TestDiskReadOnly fills the disk and makes its folder read-only. When the open file has failed, it frees
// the space; then only the read-only folder prevents a new file.
func TestDiskReadOnly(t *testing.T) {
	if !withMounts(t) {
		return
	}
	disk := smallDisk(t)
	testTrouble(t, filepath.Join(disk, "data"), func() (failed, over func()) {
		return fill(t, disk), readOnly(t, filepath.Join(disk, "data"))
	})
}

// trouble sends events of one application while the disk fails.
type trouble struct {
	t    *testing.T
	p    *exporter.Process
	conn *exporter.Conn
	sent int64
	time int64
}

const troubled = "1400000001"

func (s *trouble) event(n int64) exporter.Event {
	return exporter.Event{App: troubled, Command: commands[n%3], Time: s.time + n, Current: n, Max: maxOffset, Name: fmt.Sprint("name-", n)}
}

// post sends the next event and returns the answer.
func (s *trouble) post() exporter.Answer {
	s.t.Helper()
	s.sent++
	return s.again(s.sent)
}

func (s *trouble) again(n int64) exporter.Answer {
	s.t.Helper()
	a, err := s.conn.Post(s.event(n), token)
	if err != nil {
		s.t.Fatalf("event %d: %v\n%s", n, err, s.p.LogText())
	}
	if a.Status != http.StatusOK && (a.Status != http.StatusServiceUnavailable || a.RetryAfter != "5") {
		s.t.Fatalf("event %d: %+v, want 200, or 503 and Retry-After: 5", n, a)
	}
	return a
}

// ofProcess matches the metrics that each process counts from zero.
var ofProcess = regexp.MustCompile("_(webhook|room_duration|rest_rate_alarms)_")

// counts scrapes the metrics of the application and compares them with the events that were sent.
func (s *trouble) counts() exporter.Metrics {
	s.t.Helper()
	all := scrape(s.t, s.p)
	m := maps.Clone(all)
	maps.DeleteFunc(m, func(series string, _ float64) bool {
		return !strings.Contains(series, `sdk_app_id="`+troubled+`"`) || ofProcess.MatchString(series)
	})
	for i, name := range counters {
		want := 0
		for n := int64(1); n <= s.sent; n++ {
			if s.event(n).Command == commands[i] {
				want++
			}
		}
		if got, _ := m.Of(name, troubled); got != float64(want) {
			s.t.Errorf("%s is %g after %d events, want %d", name, got, s.sent, want)
		}
	}
	if got, _ := m.Of("tuilivekit_current_rooms", troubled); got != float64(s.sent/3*3) {
		s.t.Errorf("current rooms are %g after %d events", got, s.sent)
	}
	return m
}

// testTrouble sends events until begin makes the disk fail. It calls failed after the first event that is
// not acknowledged, and over to repair the disk.
func testTrouble(t *testing.T, storage string, begin func() (failed, over func())) {
	args := flags([]string{troubled})
	s := &trouble{t: t, p: start(t, storage, args...), time: time.Now().Add(-time.Hour).UnixMilli()}
	s.connect()
	for range 30 {
		if a := s.post(); a.Status != http.StatusOK {
			t.Fatalf("before: %+v, want 200", a)
		}
	}
	failed, over := begin()
	// Writes succeed until the file must grow.
	for end := time.Now().Add(10 * time.Second); s.post().Status == http.StatusOK; {
		if time.Now().After(end) {
			t.Fatal("all is acknowledged: the disk has room")
		}
	}
	first := s.sent
	failed()
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if a := s.post(); a.Status != http.StatusServiceUnavailable {
			t.Fatalf("event %d: %+v, want 503", s.sent, a)
		}
		if a := s.again(first); a.Status != http.StatusServiceUnavailable {
			t.Fatalf("event %d, which is not durable, again: %+v, want 503", first, a)
		}
	}
	s.counts()
	if got := scrape(t, s.p)[degraded]; got != 1 {
		t.Errorf("%s is %g, want 1", degraded, got)
	}
	if status, err := s.p.Get("/-/ready"); err != nil || status != http.StatusOK {
		t.Errorf("/-/ready: %d, %v, want 200: a restart would not help", status, err)
	}
	if n := len(s.p.Lines("storage is degraded")); n != 1 {
		t.Errorf("%d lines say that the storage is degraded, want 1\n%s", n, s.p.LogText())
	}
	if n := len(s.p.Lines("storage has recovered")); n != 0 {
		t.Errorf("%d lines say that the storage has recovered, want 0", n)
	}

	over()
	took := s.waitRecovered()
	t.Logf("%d events not acknowledged, recovered %s after the disk was back", s.sent-first+1, took.Round(time.Millisecond))
	// Nothing is sent before the kill: events that were only in memory must be durable by now.
	want := s.counts()
	s.restart(storage, args, want)
	for n := first; n <= s.sent; n++ {
		if a := s.again(n); a.Status != http.StatusOK {
			t.Fatalf("event %d again: %+v, want 200", n, a)
		}
	}
	for range 30 {
		if a := s.post(); a.Status != http.StatusOK {
			t.Fatalf("after: %+v, want 200", a)
		}
	}
	s.restart(storage, args, s.counts())
}

// waitRecovered returns when the storage says that it has recovered.
func (s *trouble) waitRecovered() time.Duration {
	s.t.Helper()
	back := time.Now()
	for scrape(s.t, s.p)[degraded] != 0 {
		if time.Since(back) > patience {
			s.t.Fatalf("still degraded %s after the disk is back\n%s", patience, s.p.LogText())
		}
		time.Sleep(10 * time.Millisecond)
	}
	took := time.Since(back)
	for len(s.p.Lines("storage has recovered")) == 0 { // the log is written asynchronously
		if time.Since(back) > patience {
			s.t.Fatal("no line says that the storage has recovered")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := len(s.p.Lines("storage has recovered")); n != 1 {
		s.t.Errorf("%d lines say that the storage has recovered, want 1", n)
	}
	return took
}

func (s *trouble) connect() {
	s.t.Helper()
	var err error
	if s.conn, err = exporter.Dial(s.p.Webhook); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.conn.Close)
}

// restart kills the exporter, starts it again and compares the metrics.
func (s *trouble) restart(storage string, args []string, want exporter.Metrics) {
	s.t.Helper()
	s.p.Kill()
	s.p = start(s.t, storage, args...)
	s.connect()
	if got := s.counts(); !maps.Equal(got, want) {
		s.t.Errorf("after kill -9:\n%v\nbefore:\n%v", got, want)
	}
}
