package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// begin makes a new segment, which begins with all, which is everything that is known,
// and removes those that are not needed then. Queued requests stay in the segments that
// hold them, unless there are few.
//
// It is how the journal starts, goes on when a segment is full, and recovers: it trusts
// nothing but segments that are still there, and removes what is not needed first. A
// full volume keeps it from nothing: it has put some space by (see keepReserve).
func (j *journal) begin(all Changes) error {
	err := j.renew(all)
	j.filled = j.filled || isFull(err)
	return err
}

func (j *journal) renew(all Changes) error {
	j.abandon()
	if err := j.regain(); err != nil {
		return err
	}
	j.recount(all.Requests)
	if len(j.segments) > 1 {
		if err := j.removeDrained(); err != nil {
			return err
		}
	}
	next, err := j.write(all, minSegment)
	if isFull(err) {
		next, err = j.writeWithReserve(all)
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

// writeWithReserve writes a segment with no more than it must have, in the space that was
// put by.
func (j *journal) writeWithReserve(all Changes) (*segment, error) {
	j.reserved = 0
	if err := j.fs.remove(filepath.Join(j.path, reserveName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	next, err := j.write(all, 0)
	if err != nil {
		_ = j.keepReserve() // for the next try
	}
	return next, err
}

// full reports whether it is time for a new segment.
func (j *journal) full() bool {
	if j.current == nil {
		return false
	}
	var live int64
	for _, s := range j.segments {
		live += s.live
	}
	return j.segments[len(j.segments)-1].size >= max(min(max(live/8, j.least), maxSegment), 4*j.head)
}

// check returns an error if the folder or a segment is not there any more, or is another
// one.
func (j *journal) check() error {
	if err := j.same(j.path, j.folder, -1); err != nil {
		return err
	}
	for _, s := range j.segments {
		if err := j.same(s.name, s.info, s.size); err != nil {
			return err
		}
	}
	return nil
}

var errReplaced = errors.New("was deleted, replaced or cut")

func (j *journal) same(name string, info os.FileInfo, size int64) error {
	now, err := j.fs.stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s %w", name, errReplaced)
	case err != nil:
		return err
	case !os.SameFile(now, info) || size >= 0 && now.Size() < size:
		return fmt.Errorf("%s %w", name, errReplaced)
	}
	return nil
}

// regain takes the folder again if it is another one, and forgets the segments that are
// not there any more.
func (j *journal) regain() error {
	err := j.same(j.path, j.folder, -1)
	if errors.Is(err, errReplaced) {
		j.release()
		j.reserved = 0
		if err = j.hold(); err == nil {
			j.log.WithField("folder", j.path).Warn("the storage folder was deleted or replaced: it is created again")
		}
	}
	if err != nil {
		return err
	}
	j.segments = slices.DeleteFunc(j.segments, func(s *segment) bool {
		gone := errors.Is(j.same(s.name, s.info, s.size), errReplaced)
		if gone { // what is in its place is not ours
			j.aside = append(j.aside, s.name)
		}
		return gone
	})
	return nil
}

// recount makes the journal hold no request but these, each where it is.
func (j *journal) recount(requests []queue.Request) {
	before := j.where
	j.where = make(map[queue.Key]spot, len(requests))
	for _, s := range j.segments {
		s.requests, s.live = 0, 0
	}
	for _, r := range requests {
		if at, ok := before[r.Key()]; ok && slices.Contains(j.segments, at.segment) {
			j.place(at.segment, r)
		}
	}
}

// write makes a segment with all in its head, and opens it to write at its end. It moves
// requests of other segments as far as these are few and their data is not above move.
func (j *journal) write(all Changes, move int64) (*segment, error) {
	number, err := j.nextNumber()
	if err != nil {
		return nil, err
	}
	s := &segment{number: number, name: filepath.Join(j.path, segmentName(number))}
	seed := newSeed(j.id, number)
	carried := j.carried(all.Requests, move)
	var head int64
	var frames uint32
	err = j.writeFile(s.name, func(f file) (err error) {
		head, frames, err = j.writeHead(f, number, seed, all, carried)
		return err
	})
	if err != nil {
		return nil, err
	}
	current, err := j.fs.open(s.name)
	if err == nil {
		s.info, err = j.fs.stat(s.name)
	}
	if err != nil {
		if current != nil {
			current.Close()
		}
		_ = j.fs.remove(s.name)
		return nil, err
	}
	s.size, j.head = head, head
	j.current, j.seed, j.frames = current, seed, frames
	for _, r := range carried {
		j.place(s, r)
		j.head -= int64(len(r.Data))
	}
	return s, nil
}

// nextNumber returns the number of a segment that is not there and was not before, after
// removing what an earlier begin has not finished.
func (j *journal) nextNumber() (uint64, error) {
	names, err := j.fs.list(j.path)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, newSuffix) {
			if err := j.fs.remove(filepath.Join(j.path, name)); err != nil {
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

// carried returns the requests to be written into a new segment: those that none holds,
// and those of segments that hold little else, as far as their data is not above most.
func (j *journal) carried(requests []queue.Request, most int64) (list []queue.Request) {
	move := map[*segment]bool{}
	for _, s := range j.segments {
		if s.live < s.size/4 && s.live < most {
			most -= s.live
			move[s] = true
		}
	}
	for _, r := range requests {
		if at, ok := j.where[r.Key()]; !ok || move[at.segment] {
			list = append(list, r)
		}
	}
	return list
}

// chunk is about how much is written at a time: a head may be large.
const chunk = 64 << 10

// writeHead writes the header and the frames of a head, and returns how much that is.
func (j *journal) writeHead(f file, segment uint64, s seed, all Changes, carried []queue.Request) (size int64, number uint32, err error) {
	now := time.Now().UnixMilli()
	b := appendHeader(nil, j.id, segment)
	flush := func() {
		if size += int64(len(b)); err == nil {
			err = writeAll(f, b)
		}
		b = b[:0]
	}
	add := func(f frame) {
		number++
		f.number, f.time, f.head = number, now, max(f.head, partOfHead)
		if b = s.appendFrame(b, f); len(b) >= chunk {
			flush()
		}
	}
	for records := range slices.Chunk(all.Records, headFrame/128) {
		add(frame{Changes: Changes{Changes: state.Changes{Records: records}}})
	}
	for rooms := range slices.Chunk(all.Rooms, headFrame/roomSize) {
		add(frame{Changes: Changes{Changes: state.Changes{Rooms: rooms}}})
	}
	for repeats := range slices.Chunk(all.Repeats, headFrame/10) {
		add(frame{Changes: Changes{Changes: state.Changes{Repeats: repeats}}})
	}
	keys := make([]queue.Key, len(all.Requests))
	for i, r := range all.Requests {
		keys[i] = r.Key()
	}
	for part := range slices.Chunk(keys, headFrame) {
		add(frame{queued: part})
	}
	for _, r := range carried {
		add(frame{Changes: Changes{Requests: []queue.Request{r}}})
	}
	add(frame{head: endOfHead})
	flush()
	return size, number, err
}
