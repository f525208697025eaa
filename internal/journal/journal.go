package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/sirupsen/logrus"
)

// Options are the settings of a Journal. Path and Log are required.
type Options struct {
	// Path is the folder. It is created if it does not exist.
	Path string
	Log  logrus.FieldLogger
	// FS is the file system; nil is that of the operating system.
	FS FileSystem
	// MinSegment is the size in bytes below which no segment is full; 0 means 1 MiB.
	MinSegment int64
}

// Journal has the segments that this process writes. It is not safe for concurrent use, except Size.
type Journal struct {
	path string
	fs   FileSystem
	log  logrus.FieldLogger
	min  int64 // Options.MinSegment

	id       uint64
	lock     io.Closer
	folder   os.FileInfo // of the locked folder
	segments []*segment  // oldest first
	current  File        // the newest segment; nil if it must not be written
	seed     seed        // of the newest segment
	frames   uint32      // in the newest segment
	head     int64       // size of its head without the entries
	where    map[uint64]spot
	last     uint64   // number of the newest segment, even if that was deleted
	filled   bool     // the volume was full, and has not had headroom since
	aside    []string // names of damaged segments, to be set aside once their content is written anew
	bytes    atomic.Int64
	buf      []byte

	folderSyncFailed bool
	lockFailed       bool
}

// segment is a file of the journal: the newest segment, or a segment that holds entries.
type segment struct {
	number  uint64
	name    string
	info    os.FileInfo // as it was created or found
	size    int64
	entries int
	live    int64 // size of its entries
}

// spot is the place of an entry.
type spot struct {
	segment *segment
	size    int64
}

// Entry is a part of a frame. Its segment is kept until the key is removed or appended
// again. A key names one entry at a time.
type Entry struct {
	Key  uint64
	Size int64 // bytes, not more than its frame has
}

// Encode appends a payload to b. A payload is never empty.
type Encode func(b []byte) []byte

// Open locks the folder for this process and reads it. The error of a folder in use names
// the process that uses it. The caller decodes the Content, sets Segment.Held of each segment, and
// calls Adopt and Begin before the first Append. The Journal is not nil even after an error: the caller
// closes it.
func Open(o Options) (*Journal, *Content, error) {
	j := &Journal{path: o.Path, fs: o.FS, log: o.Log, min: cmp.Or(o.MinSegment, minSegment), where: map[uint64]spot{}}
	if j.fs == nil {
		j.fs = OS{}
	}
	if err := j.hold(); err != nil {
		return j, nil, err
	}
	c, err := Read(j.fs, j.path)
	return j, c, err
}

// Adopt makes j continue the journal of c, which Open has returned. The next Begin writes
// the entries of damaged segments anew and sets these segments aside.
func (j *Journal) Adopt(c *Content) {
	for _, s := range c.Segments {
		name := filepath.Join(j.path, s.Name)
		if s.Damaged {
			j.aside = append(j.aside, name)
			continue
		}
		j.id = s.journal
		info, err := j.fs.Stat(name)
		if err != nil {
			continue // its entries are written anew
		}
		one := &segment{number: s.Number, name: name, info: info, size: s.Size}
		j.segments = append(j.segments, one)
		for _, key := range s.Held {
			j.where[key] = spot{segment: one}
		}
	}
	if j.id == 0 {
		j.id = rand.Uint64() | 1
	}
}

var errNoSegment = errors.New("there is no segment to write to")

// Append writes a frame and syncs it. The frame holds the entries of add; those of remove
// are not needed any more, even if add has them. After an error only Begin makes the
// journal writable again.
func (j *Journal) Append(payload Encode, add []Entry, remove []uint64) error {
	if j.current == nil {
		return errNoSegment
	}
	j.frames++
	j.buf = j.seed.appendFrame(j.buf[:0], j.frames, payload)
	if err := writeAll(j.current, j.buf); err != nil {
		j.filled = j.filled || IsFull(err)
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
	for _, e := range add {
		j.place(newest, e)
	}
	for _, key := range remove {
		j.displace(key)
	}
	if slices.ContainsFunc(j.segments[:len(j.segments)-1], func(s *segment) bool { return s.entries == 0 }) {
		return j.removeDrained()
	}
	return nil
}

// Size returns the size of all segments in bytes. It does not block and may be called from
// any goroutine.
func (j *Journal) Size() int64 { return j.bytes.Load() }

// Close releases the folder, and notes the length of the newest segment: if that is shorter
// at the next start, it was cut. It may be called twice.
func (j *Journal) Close() {
	if j.current != nil {
		newest := j.segments[len(j.segments)-1]
		owner{os.Getpid(), j.id, newest.number, newest.size}.write(j.fs, j.path)
	}
	j.release()
}
