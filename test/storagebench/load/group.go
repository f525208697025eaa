//go:build linux

package load

import (
	"encoding/binary"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// Entry is the value of one application, which replaces the value before.
type Entry struct {
	Key   string
	Value []byte
}

// Store commits entries durably. One goroutine calls it.
type Store interface {
	// Commit returns when the entries are durable.
	Commit([]Entry) error
	Close() error
}

// Group adds group commit to a Store, as the exporter has it: the waiting events are counted, committed
// together, published and answered. It commits the counts of each application, without the hashes that
// recognize repeats.
func Group(s Store, counts *state.Store) Recorder {
	g := &group{waiting: make(chan *waiting, 4096), closed: make(chan error)}
	go g.run(s, counts)
	return g
}

type waiting struct {
	event state.Event
	done  chan error
}

type group struct {
	waiting chan *waiting
	closed  chan error
}

func (g *group) Record(e state.Event) error {
	w := &waiting{e, make(chan error, 1)}
	g.waiting <- w
	return <-w.done
}

func (g *group) Close() error {
	close(g.waiting)
	return <-g.closed
}

func (g *group) run(s Store, counts *state.Store) {
	for first := range g.waiting {
		batch := []*waiting{first}
		for len(batch) < 1024 && len(g.waiting) > 0 {
			batch = append(batch, <-g.waiting)
		}
		changes := counts.Begin()
		for _, w := range batch {
			changes.Count(w.event)
		}
		var entries []Entry
		for _, r := range changes.Changes().Records {
			entries = append(entries, Entry{r.AppID, encode(r)})
		}
		err := s.Commit(entries)
		changes.Publish()
		for _, w := range batch {
			w.done <- err
		}
	}
	g.closed <- s.Close()
}

// encode returns the numbers of a record that a threshold event changes.
func encode(r state.Record) []byte {
	var b []byte
	for _, n := range []int64{r.Current, r.Max, r.EventTime, r.Received, int64(r.Events), r.Since, int64(r.Operator)} {
		b = binary.AppendVarint(b, n)
	}
	return b
}
