package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A segment begins with its header, twice, so that one damaged place does not destroy both:
//
//	8 bytes  magic
//	4 bytes  format version
//	4 bytes  CRC-32C of the other bytes
//	8 bytes  ID of the journal, a random number
//	8 bytes  number of the segment, as in its name
//
// Frames follow. Each frame is:
//
//	4 bytes  length of the payload
//	4 bytes  number of the frame in its segment, from 1
//	4 bytes  CRC-32C of the frame's number and the payload
//	4 bytes  CRC-32C of the 12 bytes before
//	         payload
//
// Both checksums begin with the CRC-32C of the ID of the journal and the number of the
// segment: a frame is valid in its segment only, and no sender of payloads can forge one.
// Numbers are little-endian.
//
// A frame without a payload ends the head of a segment. The head has the whole state, and the entries
// that no older segment holds.
const (
	magic           = "tuilivek"
	formatVersion   = 1
	headerSize      = 32
	frameHeaderSize = 16
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frame is a frame of a segment.
type frame struct {
	number  uint32
	payload []byte
}

// appendHeader appends the header of a segment, twice.
func appendHeader(b []byte, id, segment uint64) []byte {
	start := len(b)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint32(b, formatVersion)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint64(b, id)
	b = binary.LittleEndian.AppendUint64(b, segment)
	binary.LittleEndian.PutUint32(b[start+12:], headerSum(b[start:]))
	return append(b, b[start:start+headerSize]...)
}

func headerSum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:12], castagnoli), castagnoli, b[16:headerSize])
}

// ErrNewer is the error of a segment that a newer version of this program has written.
var ErrNewer = errors.New("written by a newer version")

// readHeader returns the ID of the journal that a segment belongs to, 0 if it has no readable
// header. whole means that both copies of the header can be read.
func readHeader(data []byte, segment uint64) (id uint64, whole bool, err error) {
	err = errors.New("has no readable header")
	whole = true
	for copy := range 2 {
		b := data[min(copy*headerSize, len(data)):]
		if len(b) < headerSize || string(b[:8]) != magic || binary.LittleEndian.Uint32(b[12:]) != headerSum(b) {
			whole = false
			continue
		}
		if version := binary.LittleEndian.Uint32(b[8:]); version > formatVersion {
			return 0, false, fmt.Errorf("%w (format %d, this one reads %d)", ErrNewer, version, formatVersion)
		}
		if number := binary.LittleEndian.Uint64(b[24:]); number != segment {
			err = fmt.Errorf("is segment %d by its header", number)
			continue
		}
		id, err = binary.LittleEndian.Uint64(b[16:]), nil
	}
	return id, whole, err
}

// seed is the value that the checksums of the frames of a segment begin with.
type seed uint32

func newSeed(id, segment uint64) seed {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], id)
	binary.LittleEndian.PutUint64(b[8:], segment)
	return seed(crc32.Checksum(b[:], castagnoli))
}

// appendFrame appends a frame.
func (s seed) appendFrame(b []byte, number uint32, payload Encode) []byte {
	start := len(b)
	b = payload(append(b, make([]byte, frameHeaderSize)...))
	header, content := b[start:start+frameHeaderSize], b[start+frameHeaderSize:]
	binary.LittleEndian.PutUint32(header, uint32(len(content)))
	binary.LittleEndian.PutUint32(header[4:], number)
	binary.LittleEndian.PutUint32(header[8:], s.sum(header[4:8], content))
	binary.LittleEndian.PutUint32(header[12:], s.sum(header[:12], nil))
	return b
}

// sum returns the checksum of a and b.
func (s seed) sum(a, b []byte) uint32 {
	return crc32.Update(crc32.Update(uint32(s), castagnoli, a), castagnoli, b)
}

// length returns the length of the frame at the beginning of b. ok means that the header of
// the frame is valid; b may be shorter than the frame.
func (s seed) length(b []byte) (n int, ok bool) {
	if len(b) < frameHeaderSize {
		return 0, false
	}
	return frameHeaderSize + int(binary.LittleEndian.Uint32(b)), s.sum(b[:12], nil) == binary.LittleEndian.Uint32(b[12:])
}

// readFrame reads the frame at the beginning of b, whose payload is a part of b, and returns
// its length. ok means that the frame is whole.
func (s seed) readFrame(b []byte) (f frame, n int, ok bool) {
	n, ok = s.length(b)
	if !ok || n > len(b) {
		return frame{}, 0, false
	}
	f = frame{binary.LittleEndian.Uint32(b[4:]), b[frameHeaderSize:n]}
	return f, n, s.sum(b[4:8], f.payload) == binary.LittleEndian.Uint32(b[8:])
}
