package storage

import (
	"slices"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/journal"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/payload"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// commit appends changes to the journal as one frame.
func commit(j *journal.Journal, changes payload.Changes) error {
	removed := make([]uint64, len(changes.Removed))
	for i, k := range changes.Removed {
		removed[i] = k.Seq
	}
	return j.Append(payload.Frame{Time: time.Now().UnixMilli(), Changes: changes}.Append, entriesOf(changes.Requests), removed)
}

// entriesOf returns the requests as entries. The Seq alone is the key: it is unique among the
// requests of all applications.
func entriesOf(requests []queue.Request) []journal.Entry {
	entries := make([]journal.Entry, len(requests))
	for i, r := range requests {
		entries[i] = journal.Entry{Key: r.Seq, Size: int64(len(r.Data))}
	}
	return entries
}

// The numbers of rows in a frame of a head. A frame has about 1 KiB: one damaged byte destroys no more.
const headRecords, headRooms, headRepeats, headKeys = 8, 64, 100, 1000

// headOf returns the whole state as the head of a segment.
func headOf(all payload.Changes) journal.Head {
	now := time.Now().UnixMilli()
	h := journal.Head{Entries: entriesOf(all.Requests)}
	add := func(f payload.Frame) {
		f.Time = now
		h.Payloads = append(h.Payloads, f.Append)
	}
	for part := range slices.Chunk(all.Records, headRecords) {
		add(payload.Frame{Changes: payload.Changes{Changes: state.Changes{Records: part}}})
	}
	for part := range slices.Chunk(all.Rooms, headRooms) {
		add(payload.Frame{Changes: payload.Changes{Changes: state.Changes{Rooms: part}}})
	}
	for part := range slices.Chunk(all.Repeats, headRepeats) {
		add(payload.Frame{Changes: payload.Changes{Changes: state.Changes{Repeats: part}}})
	}
	keys := make([]queue.Key, len(all.Requests))
	for i, r := range all.Requests {
		keys[i] = r.Key()
	}
	for part := range slices.Chunk(keys, headKeys) {
		add(payload.Frame{Queued: part})
	}
	h.Entry = func(b []byte, i int) []byte {
		return payload.Frame{Time: now, Changes: payload.Changes{Requests: all.Requests[i : i+1]}}.Append(b)
	}
	return h
}
