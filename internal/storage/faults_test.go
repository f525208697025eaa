package storage

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// kinds are those of the calls of a fileSystem and of its files.
var kinds = []string{"mkdir", "lock", "list", "read", "create", "open", "rename", "remove", "syncFolder", "stat", "write", "sync", "close"}

// thorough is set by make thorough: what takes minutes is done in full, and in part
// otherwise.
var thorough = os.Getenv("THOROUGH") != ""

// Whichever call fails, before it did anything or after it did all, once or several
// times: what was acknowledged is there after a crash, memory is right, and the storage
// recovers.
func TestTheNthCallFails(t *testing.T) {
	t.Parallel()
	clean := &scripted{}
	var begun, calls map[string]int
	synctest.Test(t, func(t *testing.T) {
		r := start(t, t.TempDir(), clean)
		begun = maps.Clone(clean.n)
		recordMany(t, r, "no call fails")
		calls = maps.Clone(clean.n)
		checkMany(t, r, "no call fails")
	})
	cases := 0
	for _, kind := range kinds {
		for n := begun[kind] + 1; n <= calls[kind]; n++ {
			for _, tc := range []struct {
				before bool
				times  int
				err    error
			}{{true, 1, errDisk}, {false, 1, errDisk}, {true, 3, syscall.ENOSPC}, {false, 5, errDisk}, {true, 1, errShort}} {
				if errors.Is(tc.err, errShort) && kind != "write" {
					continue
				}
				cases++
				if !thorough && cases%6 != 0 {
					continue
				}
				what := fmt.Sprintf("%v of %s %d to %d, before it: %t", tc.err, kind, n, n+tc.times-1, tc.before)
				synctest.Test(t, func(t *testing.T) {
					fs := &scripted{}
					fs.script(func(c call) error {
						if c.kind == kind && c.n >= n && c.n < n+tc.times && c.before == tc.before {
							return tc.err
						}
						return nil
					})
					path := t.TempDir()
					r := start(t, path, fs)
					recordMany(t, r, what)
					checkMany(t, r, what)
					if fs.reused {
						t.Errorf("%s: a file was used again after an error", what)
					}
				})
				if t.Failed() {
					return
				}
			}
		}
	}
	t.Logf("%d cases; calls of a run without a fault: %v", cases, calls)
}

// many and manySize are how many events recordMany records, and how much each queues:
// some segments in all.
const many, manySize = 30, 100 << 10

// recordMany records events, removes half of what they have queued, and looks for them in
// memory.
func recordMany(t *testing.T, r *running, what string) {
	acknowledged := 0
	for i := range int64(many) {
		e := event("1", i)
		e.queued = bytes.Repeat([]byte{byte(i)}, manySize)
		_, err := r.Record(e)
		if i%2 == 1 && !removeOne(r.queues, "1") {
			t.Fatalf("%s: nothing is queued", what)
		}
		if err != nil && !errors.Is(err, state.ErrNotDurable) {
			t.Fatal(err)
		}
		if err == nil {
			acknowledged++
		}
		if a := r.store.Snapshot()[0]; a.Events != uint64(i)+1 || a.Current != 400+i {
			t.Fatalf("%s: memory has %+v after event %d", what, a.Counts, i)
		}
		time.Sleep(lookInterval / 4)
	}
	if acknowledged < many/6 {
		t.Errorf("%s: only %d of %d were acknowledged", what, acknowledged, many)
	}
}

// checkMany looks on disk for what recordMany has recorded.
func checkMany(t *testing.T, r *running, what string) {
	time.Sleep(8 * lookInterval)
	if testutil.ToFloat64(r.metrics.degraded) != 0 {
		t.Errorf("%s: it has not recovered", what)
	}
	lines := len(r.logs.AllEntries())
	if failed := testutil.ToFloat64(r.metrics.failures) > 0; failed && lines%2 != 0 || !failed && lines != 0 {
		t.Errorf("%s: %d log lines", what, lines)
	}
	// A crash now loses nothing, acknowledged or not.
	content, err := Read(r.path)
	if err != nil || len(content.Damage) > 0 {
		t.Fatal(what, err, content.Damage)
	}
	if got := content.Records[0]; got.Events != many || got.Current != 400+many-1 || len(content.Repeats) != many {
		t.Errorf("%s: the journal has %+v and %d repeats", what, got, len(content.Repeats))
	}
	for i, f := range content.Requests {
		if len(f.Data) != manySize || f.Data[0] != byte(many/2+i) {
			t.Errorf("%s: place %d has %d", what, i, f.Data[0])
		}
	}
	if len(content.Requests) != many/2 {
		t.Errorf("%s: %d requests are queued on disk", what, len(content.Requests))
	}
	if n := len(content.Segments); n > 4 {
		t.Errorf("%s: %d segments", what, n)
	}
}

// What was acknowledged is on disk at every moment, also while the storage fails.
func TestWhatWasAcknowledgedIsOnDiskAtEveryMoment(t *testing.T) {
	for n := 1; n <= 12; n++ {
		synctest.Test(t, func(t *testing.T) {
			fs := &scripted{}
			r := start(t, t.TempDir(), fs)
			calls := 0
			fs.script(func(c call) error {
				if calls++; calls >= n && calls%7 > 3 && c.before && c.kind != "stat" {
					return errDisk
				}
				return nil
			})
			var last int64 = -1
			for i := range int64(40) {
				if _, err := r.Record(event("1", i)); err == nil {
					last = i
				}
				content, err := Read(r.path)
				if err != nil || len(content.Damage) > 0 {
					t.Fatal(err, content.Damage)
				}
				if last >= 0 && content.Records[0].Current < 400+last {
					t.Fatalf("event %d was acknowledged, the journal has %+v", last, content.Records[0])
				}
				time.Sleep(lookInterval / 3)
			}
			if last < 0 {
				t.Error("nothing was acknowledged")
			}
		})
	}
}

func TestACommitThatStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := &scripted{}
		r := start(t, t.TempDir(), fs)
		r.record(t, event("1", 0))
		release := make(chan struct{})
		fs.hold("sync", release)
		begin := time.Now()
		if _, err := r.Record(event("1", 1)); !errors.Is(err, state.ErrNotDurable) {
			t.Fatalf("got %v", err)
		}
		if took := time.Since(begin); took != r.timeout {
			t.Errorf("the answer took %s, want %s", took, r.timeout)
		}
		// While it stalls, answers and snapshots do not wait.
		begin = time.Now()
		const more = maxPending/2 + 10 // each is a record and a repeat
		for i := range int64(more) {
			if _, err := r.Record(event("1", 2+i)); !errors.Is(err, state.ErrNotDurable) {
				t.Fatalf("got %v", err)
			}
		}
		if a := r.store.Snapshot()[0]; a.Events != 2+more {
			t.Errorf("memory has %+v", a.Counts)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("answers took %s", took)
		}
		if h := r.Health(); h.DegradedSince.IsZero() || !errors.Is(h.Cause, errTimeout) {
			t.Errorf("health while degraded: %+v", h)
		}
		if n := testutil.ToFloat64(r.metrics.degraded); n != 1 {
			t.Error("not degraded")
		}
		close(release)
		time.Sleep(2 * lookInterval)
		if n := testutil.ToFloat64(r.metrics.degraded); n != 0 {
			t.Error("it has not recovered")
		}
		if h := r.Health(); h != (Health{}) {
			t.Errorf("health after it has recovered: %+v", h)
		}
		r.record(t, event("1", 1_000_000))
		content, err := Read(r.path)
		if err != nil || len(content.Damage) > 0 {
			t.Fatal(err, content.Damage)
		}
		if got := content.Records[0]; got.Counts != r.store.Snapshot()[0].Counts {
			t.Errorf("the journal has %+v", got)
		}
	})
}

// What waits for a backend is bounded, and so is what is remembered of it while a commit
// hangs.
func TestMemoryIsBoundedWhileACommitHangs(t *testing.T) {
	release := make(chan struct{})
	fs := &scripted{}
	r := start(t, t.TempDir(), fs)
	fs.hold("sync", release)
	r.queues.Limit("1", 20_000, 1<<20)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	const callbacks, size = 500, 100 << 10
	for i := range int64(callbacks) {
		e := event("1", i)
		e.queued = make([]byte, size)
		if _, err := r.Record(e); !errors.Is(err, state.ErrNotDurable) {
			t.Fatalf("got %v", err)
		}
	}
	if more := int64(heap() - before); more > 2*maxPendingBytes {
		t.Errorf("the heap has grown by %d bytes for %d that may wait", more, 1<<20)
	}
	want := r.queues.Size("1").Requests
	close(release)
	for late := time.Now().Add(10 * time.Second); testutil.ToFloat64(r.metrics.degraded) != 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("it has not recovered")
		}
	}
	r.stop()
	content, err := Read(r.path)
	if err != nil || len(content.Damage) > 0 || len(content.Requests) != want || content.Records[0].Events != callbacks {
		t.Errorf("the journal has %d callbacks that wait, want %d: %v %v", len(content.Requests), want, err, content.Damage)
	}
}

// A full disk is no reason to stay down, at the first start as at any other.
func TestStartOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var space atomic.Bool
		fs := &scripted{}
		fs.script(func(c call) error {
			if c.kind == "write" && !space.Load() {
				return syscall.ENOSPC
			}
			return nil
		})
		r := start(t, t.TempDir(), fs)
		if _, err := r.Record(event("1", 0)); !errors.Is(err, state.ErrNotDurable) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		space.Store(true)
		time.Sleep(3 * lookInterval)
		r.record(t, event("1", 1))
	})
}

// Commits that are slow, and in time: who would wait for two of them is told in time.
func TestNobodyWaitsForLongerThanHisDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const commit = 900 * time.Millisecond
		fs := &scripted{}
		r := start(t, t.TempDir(), fs)
		fs.script(func(c call) error {
			if c.kind == "sync" && c.before {
				time.Sleep(commit)
			}
			return nil
		})
		begin := time.Now()
		var senders sync.WaitGroup
		for i, tc := range []struct {
			at, patience time.Duration // 0: without end
			err          error
			min, max     time.Duration // of the answer
		}{
			{0, 1500 * time.Millisecond, nil, commit, commit},
			{100 * time.Millisecond, 1500 * time.Millisecond, state.ErrNotDurable, 1400 * time.Millisecond, 1500 * time.Millisecond},
			{100 * time.Millisecond, 500 * time.Millisecond, state.ErrOverloaded, 300 * time.Millisecond, 500 * time.Millisecond},
			{100 * time.Millisecond, 0, nil, 2*commit - 100*time.Millisecond, 2*commit - 100*time.Millisecond},
			{commit + 10*time.Millisecond, 150 * time.Millisecond, state.ErrOverloaded, 0, 150 * time.Millisecond},
			{commit + 20*time.Millisecond, 0, nil, 2*commit - 20*time.Millisecond, 2*commit - 20*time.Millisecond},
		} {
			senders.Go(func() {
				time.Sleep(tc.at)
				e := event("1", int64(i))
				if tc.patience > 0 {
					e.deadline = time.Now().Add(tc.patience)
				}
				sent := time.Now()
				if _, err := r.Record(e); !errors.Is(err, tc.err) {
					t.Errorf("%d: got %v, want %v", i, err, tc.err)
				}
				if took := time.Since(sent); took < tc.min || took > tc.max+maxPatience {
					t.Errorf("%d: answered after %s, want %s to %s", i, took, tc.min, tc.max)
				}
			})
		}
		senders.Wait()
		if took := time.Since(begin); took < 3*commit || took > 3*commit+2*maxPatience {
			t.Errorf("it took %s, want the time of three commits", took)
		}
		if n := testutil.ToFloat64(r.metrics.degraded); n != 0 {
			t.Error("degraded, by commits that were in time")
		}
		if a := r.store.Snapshot()[0]; a.Events != 4 || a.Current != 405 {
			t.Errorf("memory has %+v, want the four events that were not refused", a.Counts)
		}
	})
}

func TestASnapshotDoesNotWaitForACommit(t *testing.T) {
	fs := &scripted{}
	release, entered := make(chan struct{}), make(chan struct{})
	r := start(t, t.TempDir(), fs)
	fs.script(func(c call) error {
		if c.kind == "sync" && c.before {
			close(entered)
			<-release
		}
		return nil
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.record(t, event("1", 0))
	}()
	<-entered
	if r.store.Snapshot()[0].Known() { // it would hang here, or show what is not durable
		t.Error("visible before the commit")
	}
	close(release)
	<-done
}

func TestStoppingWhileDegraded(t *testing.T) {
	for _, tc := range []struct {
		name  string
		heals bool
	}{{"writes what it can", true}, {"gives up in time", false}} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fs := &scripted{}
				r := start(t, t.TempDir(), fs)
				broken := true
				fs.script(func(c call) error {
					if c.kind == "write" && broken {
						return errDisk
					}
					return nil
				})
				if _, err := r.Record(event("1", 0)); !errors.Is(err, state.ErrNotDurable) {
					t.Fatalf("got %v", err)
				}
				synctest.Wait()
				broken = !tc.heals
				r.stop()
				content, err := Read(r.path)
				if err != nil {
					t.Fatal(err)
				}
				if got := len(content.Records) == 1; got != tc.heals {
					t.Errorf("in the file: %t, want %t", got, tc.heals)
				}
				if _, err := r.Record(event("1", 1)); !errors.Is(err, state.ErrOverloaded) {
					t.Errorf("after the stop: got %v", err)
				}
			})
		})
	}
}

// An event that comes too late has an answer too, also while the last commit is slow.
func TestAnEventDuringTheLastCommitIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := &scripted{}
		r := start(t, t.TempDir(), fs)
		e := event("1", 0)
		e.queued = []byte("x")
		r.record(t, e)
		fs.script(func(c call) error {
			if c.kind == "sync" && c.before {
				time.Sleep(5 * lateInterval)
			}
			return nil
		})
		removeOne(r.queues, "1")
		go r.stop() // which commits the removal
		time.Sleep(2 * lateInterval)
		if _, err := r.Record(event("1", 1)); err != nil && !errors.Is(err, state.ErrOverloaded) {
			t.Errorf("got %v", err)
		}
		r.stop()
	})
}

func TestTooManyThatWaitAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := &scripted{}
		r := start(t, t.TempDir(), fs)
		release := make(chan struct{})
		fs.hold("sync", release)
		for i := range int64(maxWaiting + 1) {
			go r.Record(event("1", i))
			synctest.Wait()
		}
		if _, err := r.Record(event("1", -1)); !errors.Is(err, state.ErrOverloaded) {
			t.Errorf("got %v", err)
		}
		close(release)
		synctest.Wait()
		if a := r.store.Snapshot()[0]; a.Events != maxWaiting+1 {
			t.Errorf("memory has %+v", a.Counts)
		}
	})
}
