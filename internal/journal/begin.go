package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A segment is full at an eighth of the size of all entries, within these bounds, or at
// four times its head if that is more.
const (
	minSegment = 1 << 20
	maxSegment = 4 << 20
)

// Head is the whole state, with which a segment begins.
type Head struct {
	// Payloads are the frames of a head.
	Payloads []Encode
	// Entries are all entries that are not removed.
	Entries []Entry
	// Entry appends the payload of Entries[i]: a frame that holds this entry alone.
	Entry func(b []byte, i int) []byte
}

// Full reports whether it is time to begin a new segment.
func (j *Journal) Full() bool {
	if j.current == nil {
		return false
	}
	var live int64
	for _, s := range j.segments {
		live += s.live
	}
	return j.segments[len(j.segments)-1].size >= max(min(max(live/8, j.min), maxSegment), 4*j.head)
}

// Begin makes a new segment that begins with h, and removes the segments that are not needed
// then. Entries stay in the segments that hold them, unless there are few.
//
// The caller begins a segment at start, when a segment is full, and after an error. Begin relies only
// on segments that still exist. It removes segments before it writes, and on a full volume it uses the
// space of the reserve.
func (j *Journal) Begin(h Head) (err error) {
	defer func() { j.filled = j.filled || IsFull(err) }()
	j.abandon()
	if err := j.regain(); err != nil {
		return err
	}
	j.recount(h.Entries)
	if err := j.removeDrained(); err != nil {
		return err
	}
	next, err := j.write(h, minSegment)
	if IsFull(err) { // in the space of the reserve, and without other entries
		if e := j.fs.Remove(filepath.Join(j.path, reserveName)); e != nil && !errors.Is(e, os.ErrNotExist) {
			return e
		}
		if next, err = j.write(h, 0); err != nil {
			_ = j.keepReserve() // for the next attempt
		}
	}
	if err != nil {
		return err
	}
	j.segments = append(j.segments, next)
	for _, name := range j.aside {
		if err := j.setAside(name); err != nil {
			return fmt.Errorf("set the damaged segment aside: %w", err)
		}
	}
	j.aside = nil
	if err := j.removeDrained(); err != nil {
		return err
	}
	owner{os.Getpid(), j.id, next.number, 0}.write(j.fs, j.path)
	return j.keepReserve()
}

// write makes a segment with the head h and opens it to append to it. It moves the entries
// of other segments that hold few entries, up to move bytes.
func (j *Journal) write(h Head, move int64) (*segment, error) {
	number, err := j.nextNumber()
	if err != nil {
		return nil, err
	}
	s := &segment{number: number, name: filepath.Join(j.path, segmentName(number))}
	seed := newSeed(j.id, number)
	carried := j.carried(h.Entries, move)
	var frames uint32
	err = j.writeFile(s.name, func(f File) (err error) {
		s.size, frames, err = writeHead(f, appendHeader(nil, j.id, number), seed, h, carried)
		return err
	})
	if err != nil {
		return nil, err
	}
	if s.info, err = j.fs.Stat(s.name); err == nil {
		j.current, err = j.fs.Open(s.name)
	}
	if err != nil {
		j.current = nil
		_ = j.fs.Remove(s.name)
		return nil, err
	}
	j.seed, j.frames, j.head = seed, frames, s.size
	for _, i := range carried {
		j.place(s, h.Entries[i])
		j.head -= h.Entries[i].Size
	}
	return s, nil
}

// nextNumber returns a number that no segment has or had, after removing the incomplete
// files of an earlier Begin.
func (j *Journal) nextNumber() (uint64, error) {
	names, err := j.fs.List(j.path)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, newSuffix) {
			if err := j.fs.Remove(filepath.Join(j.path, name)); err != nil {
				return 0, err
			}
		}
		if number, ok := segmentNumber(name); ok {
			j.last = max(j.last, number)
		}
	}
	j.last++
	return j.last, nil
}

// carried returns the entries to write into a new segment: the entries that no segment holds, and the
// entries of segments that hold few, up to most bytes.
func (j *Journal) carried(entries []Entry, most int64) (list []int) {
	var move []*segment
	for _, s := range j.segments {
		if s.live < s.size/4 && s.live < most {
			most -= s.live
			move = append(move, s)
		}
	}
	for i, e := range entries {
		if at, ok := j.where[e.Key]; !ok || slices.Contains(move, at.segment) {
			list = append(list, i)
		}
	}
	return list
}

// chunk is the approximate size of one write of a large file.
const chunk = 64 << 10

// writeHead writes header and the frames of h, and returns their size and number.
func writeHead(f File, header []byte, s seed, h Head, carried []int) (size int64, frames uint32, err error) {
	b := header
	add := func(payload Encode, least int) {
		frames++
		if b = s.appendFrame(b, frames, payload); len(b) >= least && err == nil {
			size += int64(len(b))
			err = writeAll(f, b)
			b = b[:0]
		}
	}
	for _, payload := range h.Payloads {
		add(payload, chunk)
	}
	for _, i := range carried {
		add(func(b []byte) []byte { return h.Entry(b, i) }, chunk)
	}
	add(func(b []byte) []byte { return b }, 0) // the end of the head
	return size, frames, err
}
