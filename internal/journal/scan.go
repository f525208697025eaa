package journal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// blockSize is the unit in which a file may be old or new after a power cut.
const blockSize = 4096

// scan returns the whole frames of a segment in the order of their numbers, and an error for each range
// of bytes without whole frames. lostEnd means that frames at the end are lost. It trusts no
// byte without a checksum. After a clean stop an incomplete end is damage.
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

// find returns the offset of the next whole frame, -1 if there is none.
func (s seed) find(data []byte, off int) int {
	for ; off+frameHeaderSize <= len(data); off++ {
		if _, _, ok := s.readFrame(data[off:]); ok {
			return off
		}
	}
	return -1
}

// torn reports whether the bytes from off, which have no whole frame, are the rest of an append that a
// crash has interrupted: the frame ends too early, or a block of it was never written. Such a frame was
// not acknowledged.
func (s seed) torn(data []byte, off int) bool {
	n, ok := s.length(data[off:])
	if end := off + n; ok && end <= len(data) {
		data = data[:end]
	} else if ok || len(data)-off < frameHeaderSize {
		return true
	}
	for off < len(data) {
		end := min(off/blockSize*blockSize+blockSize, len(data))
		if len(bytes.Trim(data[off:end], "\x00")) == 0 {
			return true
		}
		off = end
	}
	return false
}
