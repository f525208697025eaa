package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/journal"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// volume is the real file system with so many bytes, in blocks. It does not count the
// folder itself, nor what a file system keeps for its own use.
type volume struct {
	scripted
	size int64
	path string
	mu   sync.Mutex
}

func (v *volume) Create(name string) (journal.File, error) {
	f, err := v.scripted.Create(name)
	return &volumeFile{f, v}, err
}

func (v *volume) Open(name string) (journal.File, error) {
	f, err := v.scripted.Open(name)
	return &volumeFile{f, v}, err
}

func (v *volume) used() (n int64) {
	entries, _ := os.ReadDir(v.path)
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			n += (info.Size() + blockSize - 1) / blockSize * blockSize
		}
	}
	return n
}

type volumeFile struct {
	journal.File
	v *volume
}

func (f *volumeFile) Write(b []byte) (int, error) {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	if left := max(f.v.size-f.v.used(), 0); int64(len(b)) > left {
		n, _ := f.File.Write(b[:left])
		return n, syscall.ENOSPC
	}
	return f.File.Write(b)
}

// A volume that our own queue has filled gets free again when the queue is delivered, while
// running and after a restart.
func TestAVolumeThatTheQueueHasFilled(t *testing.T) {
	for _, restart := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			path := t.TempDir()
			v := &volume{size: 256 << 10, path: path}
			r := start(t, path, v)
			refused := 0
			for i := range int64(14) {
				e := event("1", i)
				e.queued = bytes.Repeat([]byte{1}, 20_000)
				if _, err := r.Record(e); errors.Is(err, state.ErrNotDurable) {
					refused++
				} else if err != nil {
					t.Fatal(err)
				}
			}
			if refused == 0 {
				t.Fatal("it is not full")
			}
			time.Sleep(5 * lookInterval)
			if testutil.ToFloat64(r.metrics.degraded) != 1 {
				t.Error("not degraded, and the queue is not delivered")
			}
			if restart {
				r.stop()
				r = start(t, path, v)
			}
			for removeOne(r.queues, "1") {
			}
			time.Sleep(3 * lookInterval)
			if testutil.ToFloat64(r.metrics.degraded) != 0 {
				t.Fatalf("restart %t: degraded with an empty queue: %v", restart, r.Health().Cause)
			}
			for i := range int64(5) {
				r.record(t, event("1", 100+i))
			}
			if used := v.used(); used > 128<<10 {
				t.Errorf("restart %t: %d bytes with an empty queue", restart, used)
			}
		})
	}
}

// A full default queue, whose oldest are dropped, on a volume of 1.4 times its bytes: all
// is durable, also after a restart.
func TestAFullQueueNeedsLittleMore(t *testing.T) {
	t.Parallel()
	const requests, bytesOfQueue = 20_000, 16 << 20
	path := t.TempDir()
	v := &volume{size: bytesOfQueue * 14 / 10, path: path}
	most := int64(0)
	for range 2 {
		r := start(t, path, v)
		r.queues.Limit("1", requests, bytesOfQueue)
		for i := range int64(3 * bytesOfQueue / 8192) {
			e := event("1", i+int64(r.store.Snapshot()[0].Events))
			e.queued = bytes.Repeat([]byte{1}, 8192)
			if _, err := r.Record(e); err != nil {
				t.Fatalf("event %d: %v, %d of %d bytes are used: %v", i, err, v.used(), v.size, r.Health().Cause)
			}
			most = max(most, r.journal.Size())
		}
		if n := r.queues.Size("1").Bytes; n < bytesOfQueue-8192 {
			t.Errorf("the queue has %d bytes", n)
		}
		r.stop()
	}
	t.Logf("%.3f times the bytes of the queue at most", float64(most)/bytesOfQueue)
}

// Requests that stay, one in many, do not keep the segments of all others.
func TestStragglersDoNotKeepSegments(t *testing.T) {
	path := t.TempDir()
	r := start(t, path, &scripted{}, 64<<10)
	for i := range int64(2000) {
		q := queue.Request{AppID: "1", Lane: uint64(i + 1), Received: day0, Data: bytes.Repeat([]byte{1}, 1000)}
		if _, err := r.Storage.Record(event("1", i).Event, q, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if it := r.queues.Take("1", queue.Fresh, time.Now()); i%100 != 0 {
			r.queues.Done(it)
		}
	}
	r.stop()
	content, err := Read(path)
	if err != nil || len(content.Damage) > 0 || len(content.Requests) < 20 {
		t.Fatal(err, content.Damage, len(content.Requests))
	}
	if n := len(content.Segments); n > 3 {
		t.Errorf("%d segments for %d requests", n, len(content.Requests))
	}
}

// A folder or a segment that goes away while the exporter runs is noticed within a second,
// and all is written anew.
func TestFilesThatGoAway(t *testing.T) {
	for name, take := range map[string]func(path string) error{
		"the folder":         os.RemoveAll,
		"the folder, moved":  func(path string) error { return os.Rename(path, path+".away") },
		"the segments":       func(path string) error { return removeAll(path, segmentPrefix+"*") },
		"everything in it":   func(path string) error { return removeAll(path, "*") },
		"a segment, cut":     func(path string) error { return os.Truncate(filepath.Join(path, segmentName(1)), 70) },
		"a segment, changed": func(path string) error { return replace(filepath.Join(path, segmentName(1))) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "data")
				r := start(t, path, nil)
				e := event("1", 1)
				e.queued = []byte("callback")
				r.record(t, e)
				if err := take(path); err != nil {
					t.Fatal(err)
				}
				before := testutil.ToFloat64(r.metrics.failures)
				time.Sleep(lookInterval + lookInterval/2)
				if testutil.ToFloat64(r.metrics.failures) == before {
					t.Error("it is not counted")
				}
				time.Sleep(2 * lookInterval)
				r.record(t, event("1", 2))
				if _, err := tryStart(path, nil); err == nil {
					t.Error("a second process gets in")
				}
				r.stop()
				content, err := Read(path)
				if err != nil || len(content.Damage) > 0 || len(content.Requests) != 1 || len(content.Records) != 1 || content.Records[0].Events != 2 {
					t.Errorf("the journal has %+v, %v", content, err)
				}
			})
		})
	}
}

func removeAll(path, pattern string) error {
	names, err := filepath.Glob(filepath.Join(path, pattern))
	for _, name := range names {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// replace puts a copy in the place of a file, as an editor does.
func replace(name string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(name+".copy", b, 0o600), os.Rename(name+".copy", name))
}

// A copy that is made at any moment is a backup.
func TestABackupIsACopy(t *testing.T) {
	path := t.TempDir()
	r := start(t, path, nil)
	stop := make(chan struct{})
	var sender sync.WaitGroup
	sender.Go(func() {
		for i := int64(0); ; i++ {
			select {
			case <-stop:
				return
			default:
				e := event("1", i)
				e.queued = bytes.Repeat([]byte{1}, 50_000)
				r.record(t, e)
				removeOne(r.queues, "1")
			}
		}
	})
	var last uint64
	for range 20 {
		copied := t.TempDir()
		durable := r.store.Snapshot()[0].Events
		if err := os.CopyFS(copied, os.DirFS(path)); err != nil {
			continue // cp fails too when a segment is removed under its hands: copy again
		}
		c, err := Read(copied)
		if err != nil || len(c.Damage) > 0 {
			t.Fatal(err, c.Damage)
		}
		if durable > 0 && (len(c.Records) != 1 || c.Records[0].Events < durable || c.Records[0].Events < last) {
			t.Errorf("the copy has %+v, %d were acknowledged before", c.Records, durable)
		}
		if len(c.Records) == 1 {
			last = c.Records[0].Events
		}
	}
	close(stop)
	sender.Wait()
	if last == 0 {
		t.Error("this tests nothing")
	}
}

// A file system that cannot sync folders is used all the same, and that is said once.
func TestAFolderThatCannotBeSynced(t *testing.T) {
	for _, cause := range []error{syscall.EINVAL, syscall.ENOTSUP} {
		fs := &scripted{}
		fs.script(func(c call) error {
			if c.kind == "syncFolder" {
				return cause
			}
			return nil
		})
		path := t.TempDir()
		r := start(t, path, fs)
		r.record(t, event("1", 1))
		r.stop()
		if lines := r.logs.AllEntries(); len(lines) != 1 {
			t.Errorf("%v: %d log lines, want 1", cause, len(lines))
		}
	}
}

// noLocks is a file system without locks, as some network file systems are.
type noLocks struct{ journal.OS }

func (noLocks) Lock(string) (io.Closer, error) {
	return io.NopCloser(nil), fmt.Errorf("%w: %w", journal.ErrNoLock, syscall.ENOLCK)
}

// A file system that cannot lock folders is used all the same, and that is said once, also
// when the folder is made anew. It is not taken for a folder that another process uses.
func TestAFolderThatCannotBeLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "data")
		r := start(t, path, noLocks{})
		r.record(t, event("1", 1))
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * lookInterval)
		r.record(t, event("1", 2))
		r.stop()
		var said int
		for _, entry := range r.logs.AllEntries() {
			if strings.Contains(entry.Message, "cannot be locked") {
				said++
			}
		}
		if said != 1 {
			t.Errorf("%d log lines say that the folder cannot be locked, want 1", said)
		}
	})
}
