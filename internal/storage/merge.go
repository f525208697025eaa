package storage

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// merge makes the state of a journal from its frames, in their order.
type merge struct {
	records  map[string]stamped
	rooms    []state.RoomRecord // in their order: the later ones replace those before
	repeats  []state.Repeat
	requests map[queue.Key]held
	queued   map[queue.Key]bool // by the last whole head, without those removed since
	place    int                // of the next frame or gap
	gap      int                // place of the last gap, 0 if there was none since the last whole head
}

func newMerge() *merge {
	return &merge{records: map[string]stamped{}, requests: map[queue.Key]held{}, queued: map[queue.Key]bool{}, place: 1}
}

// segment merges the frames of s. If its head is complete it replaces all that was known
// before, but for the requests that it names.
func (m *merge) segment(c *Content, s *Segment, id uint64, last owner) {
	clean := last.size > 0 && last.segment == s.Number
	frames, lostEnd, damage := scan(s.data, newSeed(id, s.Number), clean)
	if clean && s.Size < last.size {
		lostEnd, damage = true, append(damage, fmt.Errorf("has %d bytes, and had %d", s.Size, last.size))
	}
	for _, err := range damage {
		c.damage(s, err)
	}
	end := slices.IndexFunc(frames, func(f frame) bool { return f.head == endOfHead })
	complete := end >= 0 && frames[end].number == uint32(end)+1
	if complete {
		clear(m.records)
		m.rooms, m.repeats, m.gap = nil, nil, 0
		m.keep(frames[:end+1])
	} else if end < 0 {
		c.damage(s, errors.New("lacks the end of its head"))
		lostEnd = true
	}
	expected := uint32(1)
	for _, f := range frames {
		if f.number != expected {
			m.lose()
		}
		m.apply(f, s)
		expected = f.number + 1
	}
	if lostEnd {
		m.lose()
	}
}

// lose notes that frames are lost here.
func (m *merge) lose() {
	m.gap = m.place
	m.place++
}

// keep removes the requests that the head does not name.
func (m *merge) keep(head []frame) {
	clear(m.queued)
	for _, f := range head {
		for _, k := range f.queued {
			m.queued[k] = true
		}
	}
	for k := range m.requests {
		if !m.queued[k] {
			delete(m.requests, k)
		}
	}
}

func (m *merge) apply(f frame, s *Segment) {
	for _, r := range f.Records {
		m.records[r.AppID] = stamped{r, f.time, m.place}
	}
	m.place++
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

// finish puts the state into c, and says what may be older than it was.
func (m *merge) finish(c *Content) {
	for _, app := range slices.Sorted(maps.Keys(m.records)) {
		r := m.records[app]
		c.Records = append(c.Records, r.Record)
		if r.place < m.gap {
			c.Damage = append(c.Damage, fmt.Errorf("application %s: counts as of %s, newer ones may be lost", r.AppID, time.UnixMilli(r.time).UTC().Format(time.RFC3339)))
		}
	}
	c.Rooms, c.Repeats = m.rooms, m.repeats
	for k, r := range m.requests {
		c.Requests = append(c.Requests, r.Request)
		r.by.held = append(r.by.held, k)
		r.by.Requests++
	}
	lost := map[string]int{}
	for k := range m.queued {
		if _, ok := m.requests[k]; !ok {
			lost[k.AppID]++
		}
	}
	for _, app := range slices.Sorted(maps.Keys(lost)) {
		c.Damage = append(c.Damage, fmt.Errorf("application %s: %d queued callback(s) are lost", app, lost[app]))
	}
	slices.SortFunc(c.Requests, func(a, b queue.Request) int {
		return cmp.Or(cmp.Compare(a.AppID, b.AppID), cmp.Compare(a.Seq, b.Seq))
	})
}
