package storage

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
)

// A segment is full at an eighth of what is queued, within these bounds, or at four times
// its head where that is more.
const (
	minSegment = 1 << 20
	maxSegment = 4 << 20
)

const reserveName = "reserve"

// journal is the segments that one process writes. One goroutine at a time uses it; only
// bytes may be read beside it.
type journal struct {
	path string // of the folder
	fs   fileSystem
	log  logrus.FieldLogger

	id       uint64
	lock     io.Closer
	folder   os.FileInfo // that is locked
	segments []*segment  // oldest first
	current  file        // the newest segment, nil when nothing may be written to it
	seed     seed        // of the newest segment
	frames   uint32      // in it
	head     int64       // bytes of its head
	where    map[queue.Key]spot
	last     uint64   // the number of the newest segment, also if it is gone
	least    int64    // bytes of a segment that is full, at least
	reserved int64    // bytes put by
	filled   bool     // the volume was full, and has not been seen to have space since
	aside    []string // names of damaged segments, to be set aside once their content is written anew
	bytes    atomic.Int64
	buf      []byte

	folderSyncFailed bool
	lockFailed       bool
}

// segment is a file that is needed: the newest one, or one that holds queued requests.
type segment struct {
	number   uint64
	name     string
	info     os.FileInfo // as it was made or found
	size     int64
	requests int   // that are queued
	live     int64 // bytes of their data
}

// spot is where a queued request is.
type spot struct {
	segment *segment
	bytes   int64
}

var errNoSegment = errors.New("there is no segment to write to")

// hold takes the folder for this process. The error of one that is in use names the
// process that has it.
func (j *journal) hold() error {
	if err := j.fs.mkdir(j.path); err != nil {
		return err
	}
	closer, err := j.fs.lock(j.path)
	switch {
	case errors.Is(err, errInUse):
		holder := "another process"
		if o := readOwner(j.fs, j.path); o.process != 0 {
			holder = fmt.Sprint("process ", o.process)
		}
		return fmt.Errorf("in use by %s", holder)
	case errors.Is(err, errNoLock):
		if !j.lockFailed {
			j.lockFailed = true
			j.log.WithError(err).WithField("folder", j.path).Warn("the storage folder cannot be locked: make sure that no second exporter uses it")
		}
	case err != nil:
		return err
	}
	if j.folder, err = j.fs.stat(j.path); err != nil {
		closer.Close()
		return err
	}
	j.lock = closer
	return nil
}

// release lets go of everything.
func (j *journal) release() {
	j.abandon()
	if j.lock != nil {
		j.lock.Close()
		j.lock = nil
	}
}

// stop lets go of everything, and notes how long the newest segment is: if it is shorter
// at the next start, something has cut it.
func (j *journal) stop() {
	if j.current != nil {
		newest := j.segments[len(j.segments)-1]
		owner{os.Getpid(), j.id, newest.number, newest.size}.write(j.fs, j.path)
	}
	j.release()
}

// adopt makes the journal that c was read from the one that j goes on with. The next
// begin writes anew what a damaged segment holds, and sets that aside.
func (j *journal) adopt(c *Content) {
	for i := range c.Segments {
		s := &c.Segments[i]
		name := filepath.Join(j.path, s.Name)
		if s.id != 0 && !s.Damaged {
			j.id = s.id
		}
		if s.Damaged {
			j.aside = append(j.aside, name)
			continue
		}
		info, err := j.fs.stat(name)
		if err != nil {
			continue // its requests are written anew
		}
		one := &segment{number: s.Number, name: name, info: info, size: s.Size}
		j.segments = append(j.segments, one)
		for _, k := range s.held {
			j.where[k] = spot{segment: one}
		}
	}
	if j.id == 0 {
		j.id = rand.Uint64() | 1
	}
	if info, err := j.fs.stat(filepath.Join(j.path, reserveName)); err == nil {
		j.reserved = info.Size()
	}
}

// displace notes that no segment needs to hold a request.
func (j *journal) displace(k queue.Key) {
	if at, ok := j.where[k]; ok {
		delete(j.where, k)
		at.segment.requests--
		at.segment.live -= at.bytes
	}
}

func writeAll(f file, b []byte) error {
	n, err := f.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}

// place notes that s holds r, and no other segment does.
func (j *journal) place(s *segment, r queue.Request) {
	j.displace(r.Key())
	j.where[r.Key()] = spot{s, int64(len(r.Data))}
	s.requests++
	s.live += int64(len(r.Data))
}

// abandon closes the newest segment, which is not to be written any more.
func (j *journal) abandon() {
	if j.current != nil {
		j.current.Close() // it may be broken: nothing to do about an error
		j.current = nil
	}
}
