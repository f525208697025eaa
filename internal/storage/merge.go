package storage

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/journal"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/payload"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// Content is the content of a journal.
type Content struct {
	// Changes were correct at some time. If there is Damage, changes may be missing or old; Damage
	// names the applications.
	payload.Changes
	*journal.Content
}

// Read reads the journal in a folder, or one segment of it, without changing anything. An
// exporter may write to it meanwhile. It fails if nothing can be read or if a file is of a
// newer version; damage is no error.
func Read(path string) (*Content, error) {
	c, err := journal.Read(journal.OS{}, path)
	if err != nil {
		return nil, err
	}
	return newContent(c), nil
}

// newContent decodes the content of a journal. It records damage in c, and the requests that each
// segment holds.
func newContent(c *journal.Content) *Content {
	content := &Content{Content: c}
	m := &merge{records: map[string]*stored{}, requests: map[queue.Key]held{}, queued: map[queue.Key]bool{}}
	for i := range c.Segments {
		m.segment(c, &c.Segments[i])
	}
	m.finish(content)
	return content
}

// merge makes the state of a journal from its frames, in their order.
type merge struct {
	records  map[string]*stored
	rooms    []state.RoomRecord // later ones replace earlier ones
	repeats  []state.Repeat
	requests map[queue.Key]held
	queued   map[queue.Key]bool // by the last complete head, without those removed since
}

// stored is a record with its place in the journal.
type stored struct {
	state.Record
	time int64 // of its commit
	old  bool  // frames after it are lost
}

// held is a request and the segment that holds it.
type held struct {
	queue.Request
	by *journal.Segment
}

// segment merges the frames of s. A complete head replaces everything before it, except
// the requests that it names.
func (m *merge) segment(c *journal.Content, s *journal.Segment) {
	frames := make([]payload.Frame, len(s.Frames))
	for i, f := range s.Frames {
		var err error
		if frames[i], err = payload.Read(f.Payload); err != nil {
			c.Spoil(s, fmt.Errorf("has a frame that cannot be decoded: %w", err))
			frames[i], s.Frames[i].Gap, s.Head = payload.Frame{}, true, 0
		}
	}
	if s.Head > 0 {
		clear(m.records)
		m.rooms, m.repeats = nil, nil
		m.keep(frames[:s.Head])
	}
	for i, f := range frames {
		if s.Frames[i].Gap {
			m.lose()
		}
		m.apply(f, s)
	}
	if s.LostEnd {
		m.lose()
	}
}

// lose records that frames are lost at this place.
func (m *merge) lose() {
	for _, r := range m.records {
		r.old = true
	}
}

// keep removes the requests that the head does not name.
func (m *merge) keep(head []payload.Frame) {
	clear(m.queued)
	for _, f := range head {
		for _, k := range f.Queued {
			m.queued[k] = true
		}
	}
	maps.DeleteFunc(m.requests, func(k queue.Key, _ held) bool { return !m.queued[k] })
}

func (m *merge) apply(f payload.Frame, s *journal.Segment) {
	for _, r := range f.Records {
		if was := m.records[r.AppID]; was != nil {
			r.Newest = max(r.Newest, was.Newest)
		}
		m.records[r.AppID] = &stored{Record: r, time: f.Time}
	}
	m.rooms = append(m.rooms, f.Rooms...)
	m.repeats = append(m.repeats, f.Repeats...)
	for _, r := range f.Requests {
		m.requests[r.Key()] = held{r, s}
	}
	for _, k := range f.Removed {
		delete(m.requests, k)
		delete(m.queued, k)
	}
}

// finish puts the state into c, and records as damage which records may be old.
func (m *merge) finish(c *Content) {
	for _, app := range slices.Sorted(maps.Keys(m.records)) {
		r := m.records[app]
		c.Records = append(c.Records, r.Record)
		if r.old {
			c.Damage = append(c.Damage, fmt.Errorf("application %s: counts as of %s, newer ones may be lost", app, time.UnixMilli(r.time).UTC().Format(time.RFC3339)))
		}
	}
	c.Rooms, c.Repeats = m.rooms, m.repeats
	for k, r := range m.requests {
		c.Requests = append(c.Requests, r.Request)
		r.by.Held = append(r.by.Held, k.Seq)
		delete(m.queued, k)
	}
	lost := map[string]int{}
	for k := range m.queued {
		lost[k.AppID]++
	}
	for _, app := range slices.Sorted(maps.Keys(lost)) {
		c.Damage = append(c.Damage, fmt.Errorf("application %s: %d queued callback(s) are lost", app, lost[app]))
	}
	slices.SortFunc(c.Requests, func(a, b queue.Request) int {
		return cmp.Or(cmp.Compare(a.AppID, b.AppID), cmp.Compare(a.Seq, b.Seq))
	})
}
