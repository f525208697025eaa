package journal

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const segmentPrefix = "segment-"

func segmentName(number uint64) string { return fmt.Sprintf(segmentPrefix+"%08d", number) }

// segmentNumber returns the number of a segment by its name.
func segmentNumber(name string) (number uint64, ok bool) {
	number, err := strconv.ParseUint(strings.TrimPrefix(name, segmentPrefix), 10, 63)
	return number, err == nil && name == segmentName(number)
}

// Content is the content of a journal.
type Content struct {
	// Segments are its files, oldest first.
	Segments []Segment
	// Damage are the errors in them.
	Damage []error
}

// Segment is a file of a journal.
type Segment struct {
	Number uint64
	Name   string // without its folder
	Size   int64  // bytes
	// Damaged means that a part of it cannot be read. The next Begin sets it aside.
	Damaged bool
	// Frames are the frames that can be read, in their order.
	Frames []Frame
	// Head is the number of Frames that are its head, 0 if the head is not complete.
	Head int
	// LostEnd means that frames after the last of Frames are lost.
	LostEnd bool
	// Held are the keys of the entries in it that are not removed. The caller of Open sets it.
	Held []uint64

	data    []byte
	journal uint64 // ID, 0 if it is not known
}

// Frame is a frame of a segment.
type Frame struct {
	// Payload is empty if the frame ends the head. It is a part of the file in memory: a
	// part of it that is kept keeps all of it.
	Payload []byte
	// Gap means that frames before this one are lost.
	Gap bool
}

// Read reads the journal in a folder, or one segment of it, without changing anything. A
// journal may be written meanwhile. It fails if nothing can be read or if a file is of a
// newer version (ErrNewer); damage is no error.
func Read(fs FileSystem, path string) (*Content, error) {
	info, err := fs.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		name := filepath.Base(path)
		if _, ok := segmentNumber(name); !ok {
			return nil, fmt.Errorf("%s is not a segment: its name is not like %s", path, segmentName(1))
		}
		segments, err := readSegments(fs, filepath.Dir(path), []string{name})
		if err != nil {
			return nil, err
		}
		return parse(segments, owner{})
	}
	const attempts = 100
	for range attempts {
		// The lock file is read first: what it says of the segments is true of those that are read later.
		last := readOwner(fs, path)
		names, err := fs.List(path)
		if err != nil {
			return nil, err
		}
		segments, err := readSegments(fs, path, names)
		if errors.Is(err, os.ErrNotExist) {
			continue // it was removed because newer segments do not need it
		}
		if err != nil {
			return nil, err
		}
		return parse(segments, last)
	}
	return nil, fmt.Errorf("%s changes all the time: try again", path)
}

// readSegments reads the segments among the files of a folder, oldest first.
func readSegments(fs FileSystem, path string, names []string) (segments []Segment, err error) {
	for _, name := range names {
		if number, ok := segmentNumber(name); ok {
			data, err := fs.Read(filepath.Join(path, name))
			if err != nil {
				return nil, err
			}
			segments = append(segments, Segment{Number: number, Name: name, Size: int64(len(data)), data: data})
		}
	}
	slices.SortFunc(segments, func(a, b Segment) int { return cmp.Compare(a.Number, b.Number) })
	return segments, nil
}

// parse finds the frames of segments. last is the content of the lock file, as far as that can be read.
func parse(segments []Segment, last owner) (*Content, error) {
	c := &Content{Segments: segments}
	id, known := uint64(0), false // of the journal: that of the lock file, if a segment has it, else the newest
	for i := range segments {
		s := &segments[i]
		var whole bool
		var err error
		s.journal, whole, err = readHeader(s.data, s.Number)
		switch {
		case errors.Is(err, ErrNewer):
			return nil, fmt.Errorf("%s is %w", s.Name, err)
		case err != nil:
			c.Spoil(s, err)
		case !whole:
			c.Spoil(s, errors.New("one of its two headers is not readable"))
		}
		if s.journal != 0 && !known {
			id, known = s.journal, s.journal == last.journal
		}
	}
	if id == 0 {
		id = last.journal
	}
	for i := range segments {
		s := &segments[i]
		if s.journal != 0 && s.journal != id {
			c.Spoil(s, errors.New("belongs to another journal"))
			s.LostEnd = true
			continue
		}
		c.frames(s, newSeed(id, s.Number), last)
	}
	if n := len(segments); n > 0 && segments[n-1].Number < last.segment {
		c.Damage = append(c.Damage, fmt.Errorf("%s is missing", segmentName(last.segment)))
		segments[n-1].LostEnd = true
	}
	return c, nil
}

// frames finds the frames of s.
func (c *Content) frames(s *Segment, seed seed, last owner) {
	clean := last.size > 0 && last.segment == s.Number
	frames, lostEnd, damage := scan(s.data, seed, clean)
	if clean && s.Size < last.size {
		lostEnd, damage = true, append(damage, fmt.Errorf("has %d bytes, and had %d", s.Size, last.size))
	}
	end := slices.IndexFunc(frames, func(f frame) bool { return len(f.payload) == 0 })
	if end < 0 {
		lostEnd, damage = true, append(damage, errors.New("lacks the end of its head"))
	} else if frames[end].number == uint32(end)+1 {
		s.Head = end + 1
	}
	for _, err := range damage {
		c.Spoil(s, err)
	}
	s.LostEnd = lostEnd
	expected := uint32(1)
	for _, f := range frames {
		s.Frames = append(s.Frames, Frame{Payload: f.payload, Gap: f.number != expected})
		expected = f.number + 1
	}
}

// Spoil records that s, a segment of c, is damaged.
func (c *Content) Spoil(s *Segment, err error) {
	s.Damaged = true
	c.Damage = append(c.Damage, fmt.Errorf("%s %w", s.Name, err))
}
