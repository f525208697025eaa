package storage

import (
	"errors"
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

// scriptedDisk is the real disk with a hook before and after each call that writes. It
// does not check what a failed write leaves in a file: after an error the file must not
// be used again, and it checks that.
type scriptedDisk struct {
	osDisk
	before, after func(call int) error
	calls         int
	reused        bool
}

func (d *scriptedDisk) do(work func() error) error {
	d.calls++
	call := d.calls
	if d.before != nil {
		if err := d.before(call); err != nil {
			return err
		}
	}
	if err := work(); err != nil {
		return err
	}
	if d.after != nil {
		return d.after(call)
	}
	return nil
}

func (d *scriptedDisk) create(path string) (database, error) {
	var db database
	err := d.do(func() (err error) { db, err = d.osDisk.create(path); return err })
	if err != nil {
		if db != nil {
			db.close()
		}
		return nil, err
	}
	return &scriptedFile{database: db, disk: d}, nil
}

func (d *scriptedDisk) replace(db database, from, to string) (database, error) {
	err := d.do(func() (err error) { _, err = d.osDisk.replace(db, from, to); return err })
	if err != nil {
		db.close()
	}
	return db, err
}

func (d *scriptedDisk) keep(name, other string) error {
	return d.do(func() error { return d.osDisk.keep(name, other) })
}

type scriptedFile struct {
	database
	disk   *scriptedDisk
	failed bool
}

func (f *scriptedFile) update(w write) error {
	if f.failed {
		f.disk.reused = true
	}
	err := f.disk.do(func() error { return f.database.update(w) })
	f.failed = err != nil
	return err
}

var errDisk = errors.New("input/output error")

// Whichever call fails, before it did anything or after it did all: what was
// acknowledged is there after a crash, memory is right, and the storage recovers.
func TestTheNthCallFails(t *testing.T) {
	const startCalls = 3 // create, update, replace
	for _, after := range []bool{false, true} {
		for n := startCalls + 1; n <= startCalls+15; n++ {
			for _, failures := range []int{1, 2, 4} {
				synctest.Test(t, func(t *testing.T) { failNth(t, after, n, failures) })
			}
		}
	}
}

// failNth lets the calls from the n-th on fail, so many of them.
func failNth(t *testing.T, after bool, n, failures int) {
	d := &scriptedDisk{}
	hook := func(call int) error {
		if call >= n && call < n+failures {
			return errDisk
		}
		return nil
	}
	if after {
		d.after = hook
	} else {
		d.before = hook
	}
	path := t.TempDir()
	r := start(t, path, d)
	acknowledged := map[int64]bool{}
	const events = 30
	for i := range int64(events) {
		e := event("1", i)
		e.queued = []byte{byte(i)}
		_, err := r.Record(e)
		if i%2 == 1 && !removeOne(r.queues, "1") {
			t.Fatalf("call %d fails: nothing waits", n)
		}
		if err != nil && !errors.Is(err, state.ErrNotDurable) {
			t.Fatal(err)
		}
		acknowledged[i] = err == nil
		if a := r.store.Snapshot()[0]; a.Events != uint64(i)+1 || a.Current != 400+i {
			t.Fatalf("call %d fails: memory has %+v after event %d", n, a.Counts, i)
		}
		time.Sleep(recoverInterval / 4)
	}
	time.Sleep(time.Duration(failures+2) * recoverInterval)
	if n := testutil.ToFloat64(r.metrics.degraded); n != 0 {
		t.Errorf("it has not recovered")
	}
	if d.reused {
		t.Errorf("call %d fails: the file was used again after an error", n)
	}
	lines := len(r.logs.AllEntries())
	if failed := testutil.ToFloat64(r.metrics.failures) > 0; failed && lines != 2 || !failed && lines != 0 {
		t.Errorf("call %d fails, %d times: %d log lines", n, failures, lines)
	}
	// A crash now loses nothing, acknowledged or not.
	content, err := Read(r.path)
	if err != nil || len(content.Damage) > 0 {
		t.Fatal(err, content.Damage)
	}
	if got := content.Records[0]; got.Events != events || got.Current != 400+events-1 || len(content.Repeats) != events {
		t.Errorf("call %d fails: the file has %+v and %d repeats", n, got, len(content.Repeats))
	}
	for i, f := range content.Requests {
		if len(f.Data) != 1 || f.Data[0] != byte(events/2+i) {
			t.Errorf("call %d fails: place %d has %v", n, i, f.Data)
		}
	}
	if len(content.Requests) != events/2 {
		t.Errorf("call %d fails: %d requests wait in the file", n, len(content.Requests))
	}
}

// What was acknowledged is in the file at every moment, also while the storage fails.
func TestWhatWasAcknowledgedIsInTheFileAtEveryMoment(t *testing.T) {
	for n := 4; n <= 12; n++ {
		synctest.Test(t, func(t *testing.T) {
			d := &scriptedDisk{before: func(call int) error {
				if call >= n && call%3 != 0 {
					return errDisk
				}
				return nil
			}}
			r := start(t, t.TempDir(), d)
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
					t.Fatalf("event %d was acknowledged, the file has %+v", last, content.Records[0])
				}
				time.Sleep(recoverInterval / 3)
			}
		})
	}
}

func TestACommitThatStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &scriptedDisk{}
		release := make(chan struct{})
		d.before = func(call int) error {
			if call == 5 {
				<-release
			}
			return nil
		}
		r := start(t, t.TempDir(), d)
		r.record(t, event("1", 0))
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
		time.Sleep(2 * recoverInterval)
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
			t.Errorf("the file has %+v", got)
		}
	})
}

// What waits for a backend is bounded, and so is what is remembered of it while a commit
// hangs.
func TestMemoryIsBoundedWhileACommitHangs(t *testing.T) {
	release := make(chan struct{})
	d := &scriptedDisk{before: func(call int) error {
		if call == 4 {
			<-release
		}
		return nil
	}}
	r := start(t, t.TempDir(), d)
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
		t.Errorf("the file has %d callbacks that wait, want %d: %v %v", len(content.Requests), want, err, content.Damage)
	}
}

// A full disk is no reason to stay down, at the first start as at any other.
func TestStartOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var space atomic.Bool
		r := start(t, t.TempDir(), &scriptedDisk{before: func(int) error {
			if space.Load() {
				return nil
			}
			return syscall.ENOSPC
		}})
		if _, err := r.Record(event("1", 0)); !errors.Is(err, state.ErrNotDurable) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		space.Store(true)
		time.Sleep(3 * recoverInterval)
		r.record(t, event("1", 1))
	})
}

// Commits that are slow, and in time: who would wait for two of them is told in time.
func TestNobodyWaitsForLongerThanHisDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const commit = 900 * time.Millisecond
		d := &scriptedDisk{before: func(call int) error {
			if call > 3 {
				time.Sleep(commit)
			}
			return nil
		}}
		r := start(t, t.TempDir(), d)
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
	d := &scriptedDisk{}
	release, entered := make(chan struct{}), make(chan struct{})
	d.before = func(call int) error {
		if call == 4 {
			close(entered)
			<-release
		}
		return nil
	}
	r := start(t, t.TempDir(), d)
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
				d := &scriptedDisk{}
				broken := true
				d.before = func(call int) error {
					if call > 3 && broken {
						return errDisk
					}
					return nil
				}
				r := start(t, t.TempDir(), d)
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
		d := &scriptedDisk{before: func(call int) error {
			if call == 5 {
				time.Sleep(5 * lookInterval)
			}
			return nil
		}}
		r := start(t, t.TempDir(), d)
		e := event("1", 0)
		e.queued = []byte("x")
		r.record(t, e)
		removeOne(r.queues, "1")
		go r.stop() // which commits the removal
		time.Sleep(2 * lookInterval)
		if _, err := r.Record(event("1", 1)); err != nil && !errors.Is(err, state.ErrOverloaded) {
			t.Errorf("got %v", err)
		}
		r.stop()
	})
}

func TestTooManyThatWaitAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &scriptedDisk{}
		release := make(chan struct{})
		d.before = func(call int) error {
			if call == 4 {
				<-release
			}
			return nil
		}
		r := start(t, t.TempDir(), d)
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
