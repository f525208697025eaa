package journal

import (
	"errors"
	"os"
	"slices"
)

// place records that s, and no other segment, holds e.
func (j *Journal) place(s *segment, e Entry) {
	j.displace(e.Key)
	j.where[e.Key] = spot{s, e.Size}
	s.entries++
	s.live += e.Size
}

// displace records that no segment needs to hold an entry.
func (j *Journal) displace(key uint64) {
	if at, ok := j.where[key]; ok {
		delete(j.where, key)
		at.segment.entries--
		at.segment.live -= at.size
	}
}

// recount records that the journal holds only these entries, each in its segment.
func (j *Journal) recount(entries []Entry) {
	before := j.where
	j.where = make(map[uint64]spot, len(entries))
	for _, s := range j.segments {
		s.entries, s.live = 0, 0
	}
	for _, e := range entries {
		if at, ok := before[e.Key]; ok && slices.Contains(j.segments, at.segment) {
			j.place(at.segment, e)
		}
	}
}

// removeDrained removes the segments that hold no entry, except the newest.
func (j *Journal) removeDrained() error {
	defer func() {
		var total int64
		for _, s := range j.segments {
			total += s.size
		}
		j.bytes.Store(total)
	}()
	removed := false
	for i := 0; i < len(j.segments)-1; {
		s := j.segments[i]
		if s.entries > 0 {
			i++
			continue
		}
		if err := j.fs.Remove(s.name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		j.segments, removed = slices.Delete(j.segments, i, i+1), true
	}
	if removed {
		return j.syncFolder()
	}
	return nil
}
