package storage

import (
	"fmt"
	"slices"
	"time"
)

// commit writes changes. After an error the newest segment is not written again: what the
// kernel has made of it is not known.
func (j *journal) commit(changes Changes) error {
	if j.current == nil {
		return errNoSegment
	}
	j.frames++
	j.buf = j.seed.appendFrame(j.buf[:0], frame{number: j.frames, time: time.Now().UnixMilli(), Changes: changes})
	if err := writeAll(j.current, j.buf); err != nil {
		j.filled = j.filled || isFull(err)
		j.abandon()
		return err
	}
	if err := j.current.Sync(); err != nil {
		j.abandon()
		return fmt.Errorf("sync: %w", err)
	}
	newest := j.segments[len(j.segments)-1]
	newest.size += int64(len(j.buf))
	j.bytes.Add(int64(len(j.buf)))
	if cap(j.buf) > maxSegment {
		j.buf = nil
	}
	for _, r := range changes.Requests {
		j.place(newest, r)
	}
	for _, k := range changes.Removed {
		j.displace(k)
	}
	if slices.ContainsFunc(j.segments[:len(j.segments)-1], func(s *segment) bool { return s.requests == 0 }) {
		return j.removeDrained()
	}
	return nil
}
