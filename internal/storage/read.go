package storage

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

const segmentPrefix = "segment-"

func segmentName(number uint64) string { return fmt.Sprintf(segmentPrefix+"%08d", number) }

// segmentNumber returns the number of a segment by its name.
func segmentNumber(name string) (number uint64, ok bool) {
	number, err := strconv.ParseUint(strings.TrimPrefix(name, segmentPrefix), 10, 63)
	return number, err == nil && name == segmentName(number)
}

// Content is what a journal holds.
type Content struct {
	Changes
	// Segments are its files, oldest first.
	Segments []Segment
	// Damage is what is wrong with them. What is in Changes was right once all the same,
	// but may not be all, or not the newest: Damage says of which applications.
	Damage []error
}

// Segment is a file of a journal.
type Segment struct {
	Number   uint64
	Name     string // without its folder
	Size     int64
	Damaged  bool
	Requests int // queued requests that it holds

	data []byte
	id   uint64
	held []queue.Key
}

// Read reads the journal in a folder, or one segment of it, without changing anything and
// also while an exporter writes to it. It fails if nothing can be read or if a file is of
// a newer version; damage is no error.
func Read(path string) (*Content, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return readFolder(osFiles{}, path)
	}
	number, ok := segmentNumber(filepath.Base(path))
	if !ok {
		return nil, fmt.Errorf("%s is not a segment: its name is not like %s", path, segmentName(1))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(map[uint64][]byte{number: data}, owner{})
}

// readFolder reads all segments. One that is removed meanwhile is not needed by those
// that follow, so all are read again.
func readFolder(fs fileSystem, path string) (*Content, error) {
	const attempts = 100
	for range attempts {
		files, err := readSegments(fs, path)
		switch {
		case errors.Is(err, errGone):
			continue
		case err != nil:
			return nil, err
		}
		return parse(files, readOwner(fs, path))
	}
	return nil, fmt.Errorf("%s changes all the time: try again", path)
}

// errGone is the error of a segment that was removed after the folder was listed.
var errGone = errors.New("segment is gone")

func readSegments(fs fileSystem, path string) (map[uint64][]byte, error) {
	names, err := fs.list(path)
	if err != nil {
		return nil, err
	}
	files := map[uint64][]byte{}
	for _, name := range names {
		if number, ok := segmentNumber(name); ok {
			files[number], err = fs.read(filepath.Join(path, name))
			switch {
			case errors.Is(err, os.ErrNotExist):
				return nil, errGone
			case err != nil:
				return nil, err
			}
		}
	}
	return files, nil
}

// parse reads the segments of a journal, given by their numbers. last is what its owner
// has said, as far as that is known.
func parse(files map[uint64][]byte, last owner) (*Content, error) {
	c := &Content{}
	id, known := last.journal, false // known: it is that of a segment
	for number, data := range files {
		c.Segments = append(c.Segments, Segment{Number: number, Name: segmentName(number), Size: int64(len(data)), data: data})
	}
	slices.SortFunc(c.Segments, func(a, b Segment) int { return cmp.Compare(a.Number, b.Number) })
	newest := uint64(0) // the ID of the newest segment
	for i := range c.Segments {
		s := &c.Segments[i]
		var whole bool
		var err error
		s.id, whole, err = readHeader(s.data, s.Number)
		switch {
		case errors.Is(err, ErrNewer):
			return nil, fmt.Errorf("%s is %w", s.Name, err)
		case err != nil:
			c.damage(s, err)
		case !whole:
			c.damage(s, errors.New("one of its two headers is not readable"))
		}
		if s.id != 0 {
			newest = s.id
			known = known || s.id == id
		}
	}
	if !known && newest != 0 {
		id = newest
	}
	m := newMerge()
	for i := range c.Segments {
		s := &c.Segments[i]
		if s.id != 0 && s.id != id {
			c.damage(s, errors.New("belongs to another journal"))
			m.lose()
			continue
		}
		m.segment(c, s, id, last)
	}
	if n := len(c.Segments); n > 0 && c.Segments[n-1].Number < last.segment {
		c.Damage = append(c.Damage, fmt.Errorf("%s is missing", segmentName(last.segment)))
		m.lose()
	}
	m.finish(c)
	return c, nil
}

// blockSize is the unit in which a file may be old or new after a power cut.
const blockSize = 4096

type stamped struct {
	state.Record
	time  int64 // of the commit
	place int
}

type held struct {
	queue.Request
	by *Segment
}
