package storage

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/journal"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/payload"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

const (
	// maxWaiting is the largest number of events that wait for a commit. maxBatch is the largest
	// number of events of one commit, maxBatchBytes that of bytes of their queued requests.
	maxWaiting    = 4096
	maxBatch      = 1024
	maxBatchBytes = 4 << 20
	// lookInterval is the time between two checks of whether the files still exist. If the storage
	// is degraded, each check tries to recover.
	lookInterval = time.Second
	// removeInterval is the time until the removal of delivered requests is committed, if no event
	// is committed before. After a crash in that time, they are delivered again.
	removeInterval = 100 * time.Millisecond
)

// Options are the settings of a Storage. All but Registerer are required.
type Options struct {
	// Path is the folder of the journal. It is created if it does not exist.
	Path string
	// Store and Queues get the content of the journal, and every event and request after that.
	Store  *state.Store
	Queues *queue.Queues
	// Timeout is the maximum time of a commit. If a commit takes longer, its events are answered as
	// not durable.
	Timeout    time.Duration
	Log        logrus.FieldLogger
	Registerer prometheus.Registerer

	fs         journal.FileSystem // nil for that of the operating system
	minSegment int64              // as in journal.Options
}

// Storage records events durably. Record may be called from several goroutines.
type Storage struct {
	store   *state.Store
	queues  *queue.Queues
	path    string
	timeout time.Duration
	log     logrus.FieldLogger
	metrics *metrics
	journal *journal.Journal // used by one goroutine at a time

	degraded atomic.Pointer[Health] // nil while events are durable

	startError error // of beginning a segment, if Open succeeds without one

	waiting  chan *request
	learning chan *learning
	free     sync.Pool   // of *request
	stopped  atomic.Bool // Run answers no more requests
}

// Open locks the folder at o.Path, reads its journal, and puts the content into o.Store and o.Queues.
// Damaged files are set aside after their valid content is written anew. Open fails if the folder is in
// use, cannot be written, or holds a file of a newer version. It does not fail if the volume is full.
func Open(o Options) (*Storage, error) {
	j, content, err := journal.Open(journal.Options{Path: o.Path, Log: o.Log, FS: o.fs, MinSegment: o.minSegment})
	s := &Storage{
		store: o.Store, queues: o.Queues, path: o.Path, timeout: o.Timeout, log: o.Log, journal: j,
		metrics: newMetrics(o.Registerer, j.Size),
		waiting: make(chan *request, maxWaiting), learning: make(chan *learning),
	}
	s.free.New = func() any { return &request{done: make(chan struct{}, 1)} }
	if err == nil {
		err = s.load(newContent(content))
	}
	if err != nil {
		s.Close()
		return nil, journal.Explain(fmt.Errorf("%s: %w", o.Path, err))
	}
	s.metrics.lastSuccess.SetToCurrentTime()
	return s, nil
}

// Close unlocks the folder. It is for a Storage that has never Run.
func (s *Storage) Close() { s.journal.Close() }

// load puts content into the store and the queues, and begins a segment: a segment that
// another process has written is not written again.
func (s *Storage) load(content *Content) error {
	s.store.Restore(content.Changes.Changes)
	s.queues.TrackRemovals()
	s.queues.Add(content.Requests...)
	s.journal.Adopt(content.Content)
	s.noteDamage(content.Damage)
	// The store may have fewer records than content: it forgets old repeats, and full queues drop requests.
	err := s.journal.Begin(headOf(s.all()))
	if journal.IsFull(err) {
		s.startError = err // the state can be shown, and the volume may get space again
		return nil
	}
	return err
}

// all returns the whole state.
func (s *Storage) all() payload.Changes {
	return payload.Changes{Changes: s.store.All(), Requests: s.queues.All()}
}

// noteDamage logs and counts the damage of the journal.
func (s *Storage) noteDamage(damage []error) {
	if len(damage) == 0 {
		return
	}
	s.metrics.corruptions.Inc()
	const most = 10
	for _, err := range damage[:min(len(damage), most)] {
		s.log.WithError(err).WithField("folder", s.path).Error("storage is damaged")
	}
	if more := len(damage) - most; more > 0 {
		s.log.WithField("more", more).Error("storage is damaged: not all is listed")
	}
}
