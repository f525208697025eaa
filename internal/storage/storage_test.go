package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/journal"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// What the tests know of the journal's files.
const (
	segmentPrefix   = "segment-"
	headerSize      = 32
	frameHeaderSize = 16
	blockSize       = 4096
)

func segmentName(number int) string { return fmt.Sprintf(segmentPrefix+"%08d", number) }

const day0 = int64(1_739_966_441_121)

// running is an open storage whose writer runs.
type running struct {
	*Storage
	store  *state.Store
	queues *queue.Queues
	logs   *logtest.Hook
	stop   func()
}

// start opens the storage at path on fs, nil for the real one, and runs it until stop is
// called or the test ends.
func start(t testing.TB, path string, fs journal.FileSystem, minSegment ...int64) *running {
	t.Helper()
	r, err := tryStart(path, fs, minSegment...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	return r
}

func tryStart(path string, fs journal.FileSystem, minSegment ...int64) (*running, error) {
	log, logs := logtest.NewNullLogger()
	log.SetLevel(logrus.DebugLevel)
	store := state.New(state.Options{FutureTolerance: time.Minute})
	store.Configure([]state.App{{ID: "1"}, {ID: "2"}})
	timeout := time.Second
	if fs == nil {
		timeout = time.Minute // the disk of a machine that has other work
	}
	queues := queue.New()
	s, err := Open(Options{Path: path, Store: store, Queues: queues, Timeout: timeout, Log: log, fs: fs, minSegment: append(minSegment, 0)[0]})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Run(ctx)
	}()
	return &running{s, store, queues, logs, sync.OnceFunc(func() { cancel(); <-done })}, nil
}

// callback is what a test records: an event, and what is queued with it.
type callback struct {
	state.Event
	queued   []byte
	deadline time.Time
}

// Record is that of the Storage.
func (r *running) Record(c callback) (state.Outcome, error) {
	return r.Storage.Record(c.Event, queue.Request{AppID: c.AppID, Lane: 1, Received: c.Received, Data: c.queued}, c.deadline)
}

// event is the i-th one of an application.
func event(app string, i int64) callback {
	return callback{Event: state.Event{AppID: app, Kind: state.Threshold, Time: day0 + i, Received: day0 + i, Current: 400 + i, Max: 10_000_000, Subject: []byte(`"a"`)}}
}

func (r *running) record(t testing.TB, e callback) state.Outcome {
	t.Helper()
	o, err := r.Record(e)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestARestartKeepsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "on the way")
	r := start(t, path, nil)
	for i := range int64(10) {
		r.record(t, event("1", i))
	}
	r.record(t, callback{Event: state.Event{AppID: "2", Kind: state.Created, Time: day0, Received: day0, Subject: []byte(`"r"`)}})
	r.record(t, callback{Event: state.Event{AppID: "2", Kind: state.Destroyed, Time: day0, Received: day0, Subject: []byte(`"r"`)}})
	r.record(t, event("not configured", 1))
	want := r.store.Snapshot()
	time.Sleep(2 * time.Millisecond) // so that a new Since would be another one
	r.stop()

	r = start(t, path, nil)
	if got := r.store.Snapshot(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if o := r.record(t, event("1", 9)); o.Verdict != state.Duplicate {
		t.Errorf("a repeat of an event before the restart is %+v", o)
	}
	if n := len(r.store.All().Records); n != 3 {
		t.Errorf("%d records, want 3: that of an application that is not configured must stay", n)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %o", info.Mode().Perm())
	}
	if len(r.logs.AllEntries()) != 0 {
		t.Errorf("logged %v", r.logs.LastEntry().Message)
	}
}

func TestRepeatsThatAreTooOldLeaveTheJournal(t *testing.T) {
	path := t.TempDir()
	r := start(t, path, nil)
	for i := range int64(5) {
		r.record(t, event("1", i))
	}
	r.record(t, event("1", 5+state.RepeatWindow.Milliseconds()))
	r.stop()
	start(t, path, nil).stop() // begins a segment
	content, err := Read(r.path)
	if err != nil || len(content.Damage) > 0 {
		t.Fatal(err, content.Damage)
	}
	if len(content.Repeats) != 1 {
		t.Errorf("%d repeats are in the journal, want 1", len(content.Repeats))
	}
}

func TestEventsThatWaitShareACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := &scripted{}
		r := start(t, t.TempDir(), fs)
		release := make(chan struct{})
		fs.hold("sync", release)
		before := testutil.ToFloat64(r.metrics.commits)
		for i := range int64(100) {
			go r.Record(event("1", i))
		}
		synctest.Wait() // the first ones are in a commit, the others behind it
		close(release)
		synctest.Wait()
		time.Sleep(time.Millisecond)
		if n := testutil.ToFloat64(r.metrics.commits) - before; n > 2 {
			t.Errorf("%v commits, want 2", n)
		}
		if a := r.store.Snapshot()[0]; a.Events != 100 || a.Current != 499 {
			t.Errorf("got %+v", a)
		}
	})
}

func TestWhatIsNotCommittedIsNotVisible(t *testing.T) {
	fs := &scripted{}
	r := start(t, t.TempDir(), fs)
	fs.script(func(c call) error {
		if c.kind == "sync" && c.before && r.store.Snapshot()[0].Known() {
			return errors.New("visible before the commit")
		}
		return nil
	})
	r.record(t, event("1", 1))
	if !r.store.Snapshot()[0].Known() {
		t.Error("not visible after the answer")
	}
}

func TestASecondProcessIsToldWhoHasTheFolder(t *testing.T) {
	path := t.TempDir()
	start(t, path, nil)
	begin := time.Now()
	_, err := tryStart(path, nil)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("in use by process %d", os.Getpid())) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took > time.Second/2 {
		t.Errorf("it took %s", took)
	}
}

// What cannot be read now is not damaged: it must not be set aside.
func TestAFileThatCannotBeReadStays(t *testing.T) {
	path := t.TempDir()
	r := start(t, path, nil)
	r.record(t, event("1", 1))
	r.stop()
	for _, kind := range []string{"list", "read"} {
		fs := &scripted{}
		fs.script(func(c call) error {
			if c.kind == kind {
				return errDisk
			}
			return nil
		})
		if _, err := tryStart(path, fs); !errors.Is(err, errDisk) || !strings.Contains(err.Error(), r.path) {
			t.Errorf("got %v", err)
		}
	}
	r = start(t, path, nil)
	if a := r.store.Snapshot()[0]; a.Events != 1 {
		t.Errorf("got %+v", a.Counts)
	}
	if n := testutil.ToFloat64(r.metrics.corruptions); n != 0 {
		t.Errorf("%v corruptions", n)
	}
}

func TestPathsThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, segmentName(1)), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"a file": file, "below a file": filepath.Join(file, "x"), "a folder where a file should be": dir} {
		if _, err := tryStart(path, nil); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// segments returns the names of the segments in a folder.
func segments(t testing.TB, path string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(path, segmentPrefix+"????????"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// files returns the content of a folder.
func files(t testing.TB, path string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]string{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(path, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		content[e.Name()] = string(b)
	}
	return content
}

func TestARestartKeepsTheQueues(t *testing.T) {
	path := t.TempDir()
	r := start(t, path, nil)
	const n = 20
	for i := range int64(n) {
		e := event("1", i)
		e.queued = fmt.Append(nil, "callback ", i)
		r.record(t, e)
		r.record(t, callback{Event: state.Event{AppID: "2", Received: day0 + i}, queued: make([]byte, 10_000)})
	}
	q := r.queues
	for range 5 {
		removeOne(q, "1")
	}
	for q.HasRemoved() { // no event takes it along: it is committed all the same
		time.Sleep(time.Millisecond)
	}
	want := fmt.Sprint(sorted(r.queues.All()))
	r.stop()
	content, err := Read(r.path)
	if err != nil || len(content.Damage) > 0 {
		t.Fatal(err, content.Damage)
	}
	if got := fmt.Sprint(sorted(content.Requests)); got != want {
		t.Errorf("the file has  %.300s\nwant %.300s", got, want)
	}
	r = start(t, path, nil)
	if got := fmt.Sprint(sorted(r.queues.All())); got != want {
		t.Errorf("got  %.300s\nwant %.300s", got, want)
	}
	r.record(t, callback{Event: state.Event{AppID: "1", Received: day0}, queued: []byte("last")})
	if all := sorted(r.queues.All()); string(all[n-5].Data) != "last" || all[n-5].AppID != "1" {
		t.Errorf("a new one is not the last of its application: %+v", all[n-5])
	}
}

func sorted(list []queue.Request) []queue.Request {
	slices.SortFunc(list, func(a, b queue.Request) int { return cmp.Or(cmp.Compare(a.AppID, b.AppID), cmp.Compare(a.Seq, b.Seq)) })
	return list
}

func TestReadWhileItIsWritten(t *testing.T) {
	t.Parallel()
	r := start(t, t.TempDir(), nil)
	r.record(t, event("1", 0))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range int64(4) {
		wg.Go(func() {
			for n := i + 1; ctx.Err() == nil; n += 4 {
				r.record(t, event("1", n))
			}
		})
	}
	var last uint64
	for range 200 {
		content, err := Read(r.path)
		if err != nil {
			t.Error(err)
			break
		}
		if len(content.Damage) > 0 || len(content.Records) != 1 || content.Records[0].Events < last || content.Records[0].Events == 0 {
			t.Errorf("read %+v with damage %v after %d events", content.Records, content.Damage, last)
			break
		}
		last = content.Records[0].Events
	}
	cancel()
	wg.Wait()
}

// removeOne removes a queued request of an application, and reports whether there was one.
func removeOne(q *queue.Queues, app string) bool {
	it := q.Take(app, queue.Fresh, time.Now())
	return it != nil && q.Done(it)
}
