package storage

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

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

func (c *Content) damage(s *Segment, err error) {
	s.Damaged = true
	c.Damage = append(c.Damage, fmt.Errorf("%s %w", s.Name, err))
}

// scan returns the whole frames of a segment by their numbers, and says what is not
// whole; lostEnd means that this includes its end. It trusts no byte that no checksum
// covers. After a clean stop no end is torn.
func scan(data []byte, s seed, clean bool) (frames []frame, lostEnd bool, damage []error) {
	off := min(2*headerSize, len(data))
	for off < len(data) {
		if f, n, ok := s.readFrame(data[off:]); ok {
			frames = append(frames, f)
			off += n
			continue
		}
		next := s.find(data, off+1)
		if next < 0 {
			if lostEnd = clean || !s.torn(data, off); lostEnd {
				damage = append(damage, fmt.Errorf("is not readable from byte %d to its end", off))
			}
			break
		}
		damage = append(damage, fmt.Errorf("is not readable from byte %d to %d", off, next))
		off = next
	}
	if !slices.IsSortedFunc(frames, byNumber) {
		damage = append(damage, errors.New("has frames in the wrong order"))
		slices.SortStableFunc(frames, byNumber)
	}
	whole := len(frames)
	frames = slices.CompactFunc(frames, func(a, b frame) bool { return a.number == b.number })
	if len(frames) < whole {
		damage = append(damage, errors.New("has frames twice"))
	}
	if n := len(frames); n > 0 && frames[n-1].number != uint32(n) && len(damage) == 0 {
		damage = append(damage, fmt.Errorf("lacks %d frame(s)", int(frames[n-1].number)-n))
	}
	return frames, lostEnd, damage
}

func byNumber(a, b frame) int { return cmp.Compare(a.number, b.number) }

// find returns where the next whole frame begins, -1 if there is none.
func (s seed) find(data []byte, off int) int {
	for ; off+frameHeaderSize <= len(data); off++ {
		b := data[off:]
		if binary.LittleEndian.Uint32(b[4:]) == 0 || int64(binary.LittleEndian.Uint32(b)) > int64(len(b)-frameHeaderSize) {
			continue
		}
		if _, _, ok := s.readFrame(b); ok {
			return off
		}
	}
	return -1
}

// blockSize is the unit in which a file may be old or new after a power cut.
const blockSize = 4096

// torn reports whether what begins at off, which is no whole frame and has none behind
// it, is what a crash leaves of a commit that was never complete: it ends too early, or
// a block of it was never written. Nobody was told that it is durable.
func (s seed) torn(data []byte, off int) bool {
	n, ok := s.length(data[off:])
	if end := off + n; ok && end <= len(data) {
		data = data[:end]
	} else if ok || len(data)-off < frameHeaderSize {
		return true
	}
	for off < len(data) {
		end := min(off/blockSize*blockSize+blockSize, len(data))
		if allZero(data[off:end]) {
			return true
		}
		off = end
	}
	return false
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

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

type stamped struct {
	state.Record
	time  int64 // of the commit
	place int
}

type held struct {
	queue.Request
	by *Segment
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
