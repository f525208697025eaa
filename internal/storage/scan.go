package storage

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

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

func (c *Content) damage(s *Segment, err error) {
	s.Damaged = true
	c.Damage = append(c.Damage, fmt.Errorf("%s %w", s.Name, err))
}
