package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// A segment is a file. It begins with its header, twice, so that one damaged place does
// not take both:
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
// Both checksums are seeded with the ID of the journal and the number of the segment: a
// frame is valid in its place only, and nobody who sends callbacks can make one. Numbers
// are little-endian.
//
// The payload is a message in the wire format of Protocol Buffers. Unknown fields are
// skipped, and values are absolute, so a new field needs no new format version.
//
//	Frame     1 time      varint   of the commit, Unix milliseconds
//	          2 record    Record   repeated: replaces that of its application
//	          3 repeats   Repeats
//	          4 request   Request  repeated: is queued
//	          5 removed   Keys     repeated: are no longer queued
//	          6 queued    Keys     repeated: in the head, all that are queued, also in older segments
//	          7 head      varint   1 in the head of the segment, 2 in the last frame of the head
//	          8 rooms     Rooms    repeated: replace those before
//	Record    1 app_id    string
//	          2 current  3 max  4 event_time  5 received  6 since  7 quota_used  8 quota
//	          9 quota_time  10 newest  11 cutoff  12 before  31 operator
//	          32 events  33 created  34 viewers  35 gifts  36 coins  37 likes
//	          38 without_statistic  39 dropped  64... destroyed, by cause  80... members, by
//	          cause: varint each, the fields of state.Record
//	Rooms     1 app_id    string
//	          2 registers bytes    24 for each room: room, newest, opening
//	Repeats   1 keys      bytes    8 for each repeat
//	          2 times     bytes    varint for each: zigzag of the difference from the one before
//	Request   1 app_id    string   2 seq varint   3 lane fixed64   4 received varint   5 data bytes
//	Keys      1 app_id    string
//	          2 seqs      bytes    varint for each: zigzag of the difference from the one before
//
// The head of a segment is its first frames. It holds the whole state, and the queued
// requests that no older segment holds.
const (
	magic           = "tuilivek"
	formatVersion   = 1
	headerSize      = 32
	frameHeaderSize = 16
	// headFrame is about how much one frame of a head holds: what one damaged byte can
	// take.
	headFrame = 1 << 10
)

// What field 7 of a frame says.
const (
	partOfHead = 1
	endOfHead  = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Changes is what one commit writes, or all that a journal holds.
type Changes struct {
	state.Changes
	// Requests are queued behind those before.
	Requests []queue.Request
	// Removed are no longer queued, also if they are among Requests.
	Removed []queue.Key
}

// Empty reports whether nothing changes.
func (c Changes) Empty() bool {
	return c.Changes.Empty() && len(c.Requests)+len(c.Removed) == 0
}

// frame is what a frame holds.
type frame struct {
	number uint32
	time   int64
	head   uint64 // partOfHead, endOfHead or 0
	Changes
	queued []queue.Key
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

// ErrNewer is the error of a journal that a newer version of this program has written.
var ErrNewer = errors.New("written by a newer version")

// readHeader returns the ID of the journal that a segment belongs to. whole says that
// both copies of the header can be read.
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

// seed is what the checksums of the frames of a segment begin with.
type seed uint32

func newSeed(id, segment uint64) seed {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], id)
	binary.LittleEndian.PutUint64(b[8:], segment)
	return seed(crc32.Checksum(b[:], castagnoli))
}

// sums returns the checksums of a frame: header are its first 8 bytes.
func (s seed) sums(header, payload []byte) (ofPayload, ofHeader uint32) {
	ofPayload = crc32.Update(crc32.Update(uint32(s), castagnoli, header[4:8]), castagnoli, payload)
	var sum [4]byte
	binary.LittleEndian.PutUint32(sum[:], ofPayload)
	return ofPayload, crc32.Update(crc32.Update(uint32(s), castagnoli, header[:8]), castagnoli, sum[:])
}

// appendFrame appends f.
func (s seed) appendFrame(b []byte, f frame) []byte {
	start := len(b)
	b = appendPayload(append(b, make([]byte, frameHeaderSize)...), f)
	header, payload := b[start:start+frameHeaderSize], b[start+frameHeaderSize:]
	binary.LittleEndian.PutUint32(header, uint32(len(payload)))
	binary.LittleEndian.PutUint32(header[4:], f.number)
	ofPayload, ofHeader := s.sums(header, payload)
	binary.LittleEndian.PutUint32(header[8:], ofPayload)
	binary.LittleEndian.PutUint32(header[12:], ofHeader)
	return b
}

// length returns the length of the frame that b begins with. ok means that the header of
// the frame is valid; b may be shorter than the frame.
func (s seed) length(b []byte) (n int, ok bool) {
	if len(b) < frameHeaderSize {
		return 0, false
	}
	ofHeader := crc32.Update(uint32(s), castagnoli, b[:12])
	return frameHeaderSize + int(binary.LittleEndian.Uint32(b)), ofHeader == binary.LittleEndian.Uint32(b[12:])
}

// readFrame reads the frame that b begins with. ok means that it is whole.
func (s seed) readFrame(b []byte) (f frame, n int, ok bool) {
	n, ok = s.length(b)
	if !ok || n > len(b) {
		return frame{}, 0, false
	}
	payload := b[frameHeaderSize:n]
	if ofPayload, _ := s.sums(b, payload); ofPayload != binary.LittleEndian.Uint32(b[8:]) {
		return frame{}, 0, false
	}
	f, err := readPayload(payload)
	f.number = binary.LittleEndian.Uint32(b[4:])
	return f, n, err == nil
}

// The fields of Frame. They and those below are given in the table above.
const (
	frameTime protowire.Number = iota + 1
	frameRecord
	frameRepeats
	frameRequest
	frameRemoved
	frameQueued
	frameHead
	frameRooms
)

func appendPayload(b []byte, f frame) []byte {
	b = appendNumber(b, frameTime, uint64(f.time))
	for _, r := range f.Records {
		b = appendMessage(b, frameRecord, func(b []byte) []byte { return appendRecord(b, r) })
	}
	if len(f.Repeats) > 0 {
		b = appendMessage(b, frameRepeats, func(b []byte) []byte { return appendRepeats(b, f.Repeats) })
	}
	for _, r := range f.Requests {
		b = appendMessage(b, frameRequest, func(b []byte) []byte { return appendRequest(b, r) })
	}
	b = appendRooms(b, frameRooms, f.Rooms)
	b = appendKeys(b, frameRemoved, f.Removed)
	b = appendKeys(b, frameQueued, f.queued)
	return appendNumber(b, frameHead, f.head)
}

func readPayload(b []byte) (f frame, err error) {
	err = readMessage(b, func(num protowire.Number, v uint64, b []byte) (err error) {
		switch num {
		case frameTime:
			f.time = int64(v)
		case frameRecord:
			f.Records, err = appendRead(f.Records, b, readRecord)
		case frameRepeats:
			f.Repeats, err = readRepeats(f.Repeats, b)
		case frameRequest:
			f.Requests, err = appendRead(f.Requests, b, readRequest)
		case frameRemoved:
			f.Removed, err = readKeys(f.Removed, b)
		case frameQueued:
			f.queued, err = readKeys(f.queued, b)
		case frameHead:
			f.head = v
		case frameRooms:
			f.Rooms, err = readRooms(f.Rooms, b)
		}
		return err
	})
	return f, err
}
