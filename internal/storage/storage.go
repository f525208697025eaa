package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

const (
	fileName = "state.db"
	lockName = "lock"

	// maxWaiting is how many events may wait for a commit, and maxBatch how many one
	// commit takes.
	maxWaiting = 4096
	maxBatch   = 1024
	// recoverInterval is how often a degraded storage tries to write a new file.
	recoverInterval = time.Second
	// removeInterval is how long what has been delivered may stay in the file when no event
	// takes it along: a crash meanwhile delivers it again.
	removeInterval = 100 * time.Millisecond
)

// Options are the settings of a Storage. All but Registerer are required.
type Options struct {
	// Path is the folder of the file. It is made if it is not there.
	Path string
	// Store and Queues get what the file holds, and every event and request after that.
	Store  *state.Store
	Queues *queue.Queues
	// Timeout is how long a commit may take before its events are answered as not
	// durable.
	Timeout    time.Duration
	Log        logrus.FieldLogger
	Registerer prometheus.Registerer

	disk disk // nil for that of the system
}

// Storage records events durably. Record may be called from several goroutines.
type Storage struct {
	store   *state.Store
	queues  *queue.Queues
	path    string // of the file
	timeout time.Duration
	log     logrus.FieldLogger
	metrics *metrics
	disk    disk
	locked  *os.File
	db      database // nil after an error; used by one commit at a time
	ledger  *ledger

	degraded health

	startError error  // why there is no file to write, if Open goes on without
	aside      string // the name to keep a damaged file under, before another one takes its place

	waiting chan *request
	free    sync.Pool   // of *request
	stopped atomic.Bool // Run has returned, or is about to
}

// request is an event that waits, and the callback to queue with it.
type request struct {
	event    state.Event
	callback queue.Request // with nil Data if there is none
	deadline time.Time
	outcome  state.Outcome
	err      error
	done     chan struct{}
}

// Open takes the folder at o.Path for this process, reads its file, and puts what it
// holds into o.Store. A damaged file is moved aside once a new one is written with what
// was valid. It fails when the folder is in use, cannot be written, or holds a file of a
// newer version.
func Open(o Options) (*Storage, error) {
	s := &Storage{
		store: o.Store, queues: o.Queues, path: filepath.Join(o.Path, fileName), timeout: o.Timeout, log: o.Log, disk: o.disk,
		waiting: make(chan *request, maxWaiting),
	}
	s.free.New = func() any { return &request{done: make(chan struct{}, 1)} }
	if s.disk == nil {
		s.disk = osDisk{}
	}
	if err := os.MkdirAll(o.Path, 0o700); err != nil {
		return nil, fmt.Errorf("%s: %w", o.Path, err)
	}
	var err error
	if s.locked, err = lock(filepath.Join(o.Path, lockName)); err != nil {
		return nil, err
	}
	s.metrics = newMetrics(o.Registerer)
	if err := s.load(); err != nil {
		s.Close()
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	s.metrics.lastSuccess.SetToCurrentTime()
	return s, nil
}

// Close lets go of the folder. It is for a Storage that has never Run.
func (s *Storage) Close() {
	s.abandon()
	s.locked.Close()
}

// load reads the file into the store and writes a new one with the same content. So
// bbolt reads only what it has written itself: on a broken page it may panic in a
// goroutine of its own, where nothing can contain it.
func (s *Storage) load() error {
	content, err := Read(s.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		content = &Content{}
	case err != nil:
		return err
	}
	s.store.Restore(content.Changes.Changes)
	s.queues.TrackRemovals()
	s.queues.Add(content.Requests...)
	if len(content.Damage) > 0 {
		s.noteDamage(content)
	}
	err = s.rewrite(content.Changes)
	if errors.Is(err, syscall.ENOSPC) {
		s.startError = err // what is known can be shown, and the disk may get space again
		return nil
	}
	return err
}

// noteDamage says what is wrong with the file. It keeps its name until there is another
// one: if the start ends here, the next one finds it again.
func (s *Storage) noteDamage(content *Content) {
	s.aside = s.path + ".corrupt-" + time.Now().UTC().Format("20060102T150405.000Z")
	s.metrics.corruptions.Inc()
	for i, damage := range content.Damage {
		if i == 10 {
			s.log.WithField("more", len(content.Damage)-i).Error("storage file is damaged: not all is listed")
			break
		}
		s.log.WithError(damage).WithField("file", s.path).Error("storage file is damaged")
	}
	s.log.WithField("moved_to", s.aside).WithField("applications", len(content.Records)).
		Error("damaged storage file is moved aside, what was valid in it is kept: counts may be missing or old")
}

// commit writes changes to the file. After an error the file must not be used again.
func (s *Storage) commit(changes Changes) error {
	if s.db == nil {
		return errors.New("no file")
	}
	if err := s.db.update(s.ledger.plan(changes)); err != nil {
		s.abandon()
		return err
	}
	return nil
}

// rewrite writes all, which is everything that is known, to a new file that takes the
// place of the old one.
func (s *Storage) rewrite(all Changes) error {
	s.abandon()
	next := s.path + ".new"
	db, err := s.disk.create(next)
	if err != nil {
		return err
	}
	l := newLedger()
	w := l.plan(all)
	w.puts = append(w.puts, versionEntry())
	if err := db.update(w); err != nil {
		db.close()
		return err
	}
	if s.aside != "" {
		if err := s.disk.keep(s.path, s.aside); err != nil {
			db.close()
			return fmt.Errorf("move the damaged file aside: %w", err)
		}
		s.aside = ""
	}
	if db, err = s.disk.replace(db, next, s.path); err != nil {
		return err
	}
	s.db, s.ledger = db, l
	return nil
}

// abandon closes a file that is not to be written any more.
func (s *Storage) abandon() {
	if s.db != nil {
		s.db.close() // it may be broken: nothing to do about an error
		s.db = nil
	}
}
