package storage

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

const (
	// maxWaiting is how many events may wait for a commit; maxBatch and maxBatchBytes are
	// how many, and how many bytes of queued requests, one commit takes.
	maxWaiting    = 4096
	maxBatch      = 1024
	maxBatchBytes = 4 << 20
	// lookInterval is how often the storage looks whether its files are still there, and
	// tries to recover if it is degraded.
	lookInterval = time.Second
	// removeInterval is how long what has been delivered may stay in the journal when no
	// event takes it along: a crash meanwhile delivers it again.
	removeInterval = 100 * time.Millisecond
)

// Options are the settings of a Storage. All but Registerer are required.
type Options struct {
	// Path is the folder of the journal. It is made if it is not there.
	Path string
	// Store and Queues get what the journal holds, and every event and request after that.
	Store  *state.Store
	Queues *queue.Queues
	// Timeout is how long a commit may take before its events are answered as not
	// durable.
	Timeout    time.Duration
	Log        logrus.FieldLogger
	Registerer prometheus.Registerer

	fs fileSystem // nil for that of the system
}

// Storage records events durably. Record may be called from several goroutines.
type Storage struct {
	store   *state.Store
	queues  *queue.Queues
	path    string
	timeout time.Duration
	log     logrus.FieldLogger
	metrics *metrics
	journal *journal // used by one goroutine at a time

	degraded health

	startError error // why there is no segment to write to, if Open goes on without

	waiting  chan *request
	learning chan *learning
	free     sync.Pool   // of *request
	stopped  atomic.Bool // Run has returned, or is about to
}

// Open takes the folder at o.Path for this process, reads its journal, and puts what it
// holds into o.Store and o.Queues. Damaged files are set aside once what was valid in them
// is written anew. It fails when the folder is in use, cannot be written, or holds a file
// of a newer version. It does not fail when the volume is full.
func Open(o Options) (*Storage, error) {
	if o.fs == nil {
		o.fs = osFiles{}
	}
	s := &Storage{
		store: o.Store, queues: o.Queues, path: o.Path, timeout: o.Timeout, log: o.Log,
		journal: &journal{path: o.Path, fs: o.fs, log: o.Log, least: minSegment, where: map[queue.Key]spot{}},
		waiting: make(chan *request, maxWaiting), learning: make(chan *learning),
	}
	s.metrics = newMetrics(o.Registerer, &s.journal.bytes)
	s.free.New = func() any { return &request{done: make(chan struct{}, 1)} }
	err := s.journal.hold()
	if err == nil {
		err = s.load()
	}
	if err != nil {
		s.Close()
		return nil, explain(fmt.Errorf("%s: %w", o.Path, err))
	}
	s.metrics.lastSuccess.SetToCurrentTime()
	return s, nil
}

// Close lets go of the folder. It is for a Storage that has never Run.
func (s *Storage) Close() { s.journal.release() }

// load reads the journal into the store and the queues, and begins a segment: what
// another process has written to is not written again.
func (s *Storage) load() error {
	content, err := readFolder(s.journal.fs, s.path)
	if err != nil {
		return err
	}
	s.store.Restore(content.Changes.Changes)
	s.queues.TrackRemovals()
	s.queues.Add(content.Requests...)
	s.journal.adopt(content)
	s.noteDamage(content.Damage)
	// As the store has it: old repeats are forgotten, and too long queues shortened.
	err = s.journal.begin(s.all())
	if isFull(err) {
		s.startError = err // what is known can be shown, and the volume may get space again
		return nil
	}
	return err
}

// all returns everything that is to be durable.
func (s *Storage) all() Changes {
	return Changes{Changes: s.store.All(), Requests: s.queues.All()}
}

// noteDamage says what is wrong with the journal.
func (s *Storage) noteDamage(damage []error) {
	if len(damage) == 0 {
		return
	}
	s.metrics.corruptions.Inc()
	const most = 10
	for i, err := range damage {
		if i == most {
			s.log.WithField("more", len(damage)-most).Error("storage is damaged: not all is listed")
			return
		}
		s.log.WithError(err).WithField("folder", s.path).Error("storage is damaged")
	}
}
