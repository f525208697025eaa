package storage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// The file has one bucket. Its keys are:
//
//	version      the format version, 4 bytes
//	summary      how many app, fwd and rep values there are, and the sum of their checksums,
//	             mixed: a value that is gone, or an older one that is back, is noticed;
//	             and the id of its transaction, so that an older summary is too (since version 2).
//	             Before version 3 the checksums were combined by exclusive or: changes that are
//	             alike cancel out there, since those of a CRC do
//	app/ID       the record of an application, 9 numbers
//	fwd/ID/SEQ   a callback that waits for its application's backend: its receipt, and the
//	             callback as package relay has packed it (since version 2)
//	rep/SEQ      what recognizes repeats of the events of one commit, 2 numbers each
//
// Each value begins with the CRC-32C of its key and of the rest. Numbers are 8 bytes,
// big-endian.
const formatVersion = 3

const (
	bucketName    = "tuilivekit"
	versionKey    = "version"
	summaryKey    = "summary"
	appPrefix     = "app/"
	forwardPrefix = "fwd/"
	repeatsPrefix = "rep/"
)

const (
	sumSize    = 4
	recordSize = 9 * 8
	repeatSize = 2 * 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// entry is a key with its whole value.
type entry struct{ key, value []byte }

func newEntry(key string, payload []byte) entry {
	value := make([]byte, sumSize, sumSize+len(payload))
	value = append(value, payload...)
	binary.BigEndian.PutUint32(value, checksum([]byte(key), payload))
	return entry{[]byte(key), value}
}

func checksum(key, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, payload)
}

// sum returns the checksum that e carries.
func (e entry) sum() uint32 { return binary.BigEndian.Uint32(e.value) }

// mix spreads a checksum, so that nothing is left of its being linear (it is the last step
// of SplitMix64).
func mix(checksum uint32) uint64 {
	z := uint64(checksum) + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// payload returns the value without its checksum, which must be right.
func (e entry) payload() ([]byte, error) {
	if len(e.value) < sumSize {
		return nil, fmt.Errorf("value of %q is cut", e.key)
	}
	payload := e.value[sumSize:]
	if checksum(e.key, payload) != e.sum() {
		return nil, fmt.Errorf("checksum of %q is wrong", e.key)
	}
	return payload, nil
}

func versionEntry() entry {
	return newEntry(versionKey, binary.BigEndian.AppendUint32(nil, formatVersion))
}

func summaryEntry(count, sum, transaction uint64) entry {
	b := binary.BigEndian.AppendUint64(nil, count)
	b = binary.BigEndian.AppendUint64(b, sum)
	return newEntry(summaryKey, binary.BigEndian.AppendUint64(b, transaction))
}

func recordEntry(r state.Record) entry {
	b := make([]byte, 0, recordSize)
	for _, n := range []int64{
		r.Current, r.Max, r.EventTime, r.Received, int64(r.Events), int64(r.Created), int64(r.DestroyedRooms()), int64(r.WithoutStatistic)<<20 | int64(r.Operator), r.Since,
	} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return newEntry(appPrefix+r.AppID, b)
}

// decodeRecord reads what recordEntry wrote.
func decodeRecord(key string, payload []byte) (state.Record, error) {
	if len(payload) != recordSize {
		return state.Record{}, fmt.Errorf("value of %q has %d bytes, should have %d", key, len(payload), recordSize)
	}
	n := func(i int) int64 { return int64(binary.BigEndian.Uint64(payload[i*8:])) }
	return state.Record{AppID: strings.TrimPrefix(key, appPrefix), Counts: state.Counts{
		Current: n(0), Max: n(1), EventTime: n(2), Received: n(3), Operator: uint32(n(7) & (1<<20 - 1)), Since: n(8),
		Counters: state.Counters{Events: uint64(n(4)), Created: uint64(n(5)), Destroyed: [state.NumDestroyCauses]uint64{uint64(n(6))}, WithoutStatistic: uint64(n(7) >> 20)},
	}}, nil
}

func forwardKey(k queue.Key) string {
	return forwardPrefix + k.AppID + "/" + string(binary.BigEndian.AppendUint64(nil, k.Seq))
}

// hasLane marks the time of receipt of a request that is followed by its lane. Requests
// without one are of one lane.
const hasLane = 1 << 63

func forwardEntry(f queue.Request) entry {
	b := make([]byte, 0, 16+len(f.Data))
	b = binary.BigEndian.AppendUint64(b, uint64(f.Received)|hasLane)
	b = binary.BigEndian.AppendUint64(b, f.Lane)
	return newEntry(forwardKey(f.Key()), append(b, f.Data...))
}

// decodeForward reads what forwardEntry wrote. The result has a copy of payload.
func decodeForward(key string, payload []byte) (queue.Request, error) {
	app, ok := strings.CutPrefix(key, forwardPrefix)
	cut := len(app) - 9
	if !ok || cut < 0 || app[cut] != '/' || len(payload) < 8 {
		return queue.Request{}, fmt.Errorf("value of %q has %d bytes", key, len(payload))
	}
	r := queue.Request{AppID: app[:cut], Seq: binary.BigEndian.Uint64([]byte(app[cut+1:])), Lane: 1}
	received := binary.BigEndian.Uint64(payload)
	payload = payload[8:]
	if received&hasLane != 0 {
		if len(payload) < 8 {
			return queue.Request{}, fmt.Errorf("value of %q has no lane", key)
		}
		r.Lane, payload = binary.BigEndian.Uint64(payload), payload[8:]
	}
	r.Received, r.Data = int64(received&^hasLane), bytes.Clone(payload)
	return r, nil
}

func repeatsKey(seq uint64) string {
	return repeatsPrefix + string(binary.BigEndian.AppendUint64(nil, seq))
}

func repeatsEntry(seq uint64, repeats []state.Repeat) entry {
	b := make([]byte, 0, len(repeats)*repeatSize)
	for _, r := range repeats {
		b = binary.BigEndian.AppendUint64(b, r.Key)
		b = binary.BigEndian.AppendUint64(b, uint64(r.At))
	}
	return newEntry(repeatsKey(seq), b)
}

// decodeRepeats reads what repeatsEntry wrote.
func decodeRepeats(key string, payload []byte) (repeats []state.Repeat, err error) {
	if len(key) != len(repeatsPrefix)+8 || len(payload) == 0 || len(payload)%repeatSize != 0 {
		return nil, fmt.Errorf("value of %q has %d bytes", key, len(payload))
	}
	for b := payload; len(b) > 0; b = b[repeatSize:] {
		repeats = append(repeats, state.Repeat{Key: binary.BigEndian.Uint64(b), At: int64(binary.BigEndian.Uint64(b[8:]))})
	}
	return repeats, nil
}
