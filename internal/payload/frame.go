package payload

import (
	"bytes"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// Frame is one payload. docs/storage.md describes its fields.
type Frame struct {
	// Time is that of the commit, in Unix milliseconds.
	Time int64
	Changes
	// Queued are, in the head of a segment, the requests that are queued, also in older segments.
	Queued []queue.Key
}

const (
	frameTime protowire.Number = iota + 1
	frameRecord
	frameRepeats
	frameRequest
	frameRemoved
	frameQueued
	frameRooms
	frameCounted
)

// Append appends the payload to b. It changes and keeps nothing of f.
func (f Frame) Append(b []byte) []byte {
	b = appendFields(b, field{frameTime, &f.Time})
	fields := make([]field, 0, maxRecordFields)
	for i := range f.Records {
		b = appendMessage(b, frameRecord, recordFields(fields, &f.Records[i])...)
	}
	for i := range f.Requests {
		b = appendMessage(b, frameRequest, requestFields(&f.Requests[i])...)
	}
	b = appendRows(b, frameRepeats, f.Repeats, repeatRow)
	b = f.appendRooms(b)
	b = appendRows(b, frameRemoved, f.Removed, keyRow)
	return appendRows(b, frameQueued, f.Queued, keyRow)
}

// appendRooms appends rooms in their order: later records of a room replace earlier ones. Rooms of the
// application of the first record have no app_id.
func (f Frame) appendRooms(b []byte) []byte {
	first := ""
	if len(f.Records) > 0 {
		first = f.Records[0].AppID
	}
	of := func(r state.RoomRecord) row {
		row := roomRow(r)
		if row.app == first {
			row.app = ""
		}
		return row
	}
	for rooms := f.Rooms; len(rooms) > 0; {
		num, n := frameRooms, 1
		if rooms[0].Counted {
			num = frameCounted
		}
		for n < len(rooms) && rooms[n].Counted == rooms[0].Counted {
			n++
		}
		b = appendRows(b, num, rooms[:n], of)
		rooms = rooms[n:]
	}
	return b
}

// readRooms reads rooms. With counted, their repeats follow.
func (f *Frame) readRooms(b []byte, counted bool) (err error) {
	known := len(f.Rooms)
	f.Rooms, err = readRows(f.Rooms, b, roomOf)
	for i := known; i < len(f.Rooms) && err == nil; i++ {
		r := &f.Rooms[i]
		switch {
		case r.AppID != "":
		case len(f.Records) == 0:
			err = errPayload
		default:
			r.AppID = f.Records[0].AppID
		}
		if counted {
			f.Repeats = append(f.Repeats, r.Repeat(f.Time))
		}
	}
	return err
}

// Read reads a payload. It skips fields that it does not know, and keeps no part of b. The error means that
// the payload is not complete, or was written by something else.
func Read(b []byte) (f Frame, err error) {
	err = readMessage(b, func(num protowire.Number, n uint64, b []byte) (err error) {
		switch num {
		case frameTime:
			f.Time = int64(n)
		case frameRecord:
			var r state.Record
			err = readFields(b, recordFields(nil, &r)...)
			f.Records = append(f.Records, r)
		case frameRequest:
			var r queue.Request
			err = readFields(b, requestFields(&r)...)
			r.Data = bytes.Clone(r.Data) // else it would keep the whole segment in memory
			f.Requests = append(f.Requests, r)
		case frameRepeats:
			f.Repeats, err = readRows(f.Repeats, b, repeatOf)
		case frameRooms, frameCounted:
			err = f.readRooms(b, num == frameCounted)
		case frameRemoved:
			f.Removed, err = readRows(f.Removed, b, keyOf)
		case frameQueued:
			f.Queued, err = readRows(f.Queued, b, keyOf)
		}
		return err
	})
	return f, err
}

// maxRecordFields is the number of fields of a record. A list with space for them is not on the heap.
const maxRecordFields = 21 + int(state.NumDestroyCauses) + int(state.NumMemberCauses)

// recordFields appends the fields of r to list. A number is never used for another field.
func recordFields(list []field, r *state.Record) []field {
	list = append(list, []field{
		{1, &r.AppID}, {2, &r.Current}, {3, &r.Max}, {4, &r.EventTime}, {5, &r.Received}, {6, &r.Since},
		{7, &r.QuotaUsed}, {8, &r.Quota}, {9, &r.QuotaTime}, {10, &r.Newest}, {11, &r.Cutoff}, {12, &r.Before},
		{31, &r.Operator}, {32, &r.Events}, {33, &r.Created}, {34, &r.Viewers}, {35, &r.Gifts}, {36, &r.Coins},
		{37, &r.Likes}, {38, &r.WithoutStatistic}, {39, &r.Dropped},
	}...)
	for i := range r.Destroyed {
		list = append(list, field{protowire.Number(64 + i), &r.Destroyed[i]})
	}
	for i := range r.Members {
		list = append(list, field{protowire.Number(80 + i), &r.Members[i]})
	}
	return list
}

func requestFields(r *queue.Request) []field {
	return []field{{1, &r.AppID}, {2, &r.Seq}, {3, &r.Lane}, {4, &r.Received}, {5, &r.Data}}
}

func keyRow(k queue.Key) row { return row{app: k.AppID, first: int64(k.Seq)} }
func keyOf(r row) queue.Key  { return queue.Key{AppID: r.app, Seq: uint64(r.first)} }

func repeatRow(r state.Repeat) row { return row{hash: r.Key, first: r.At} }
func repeatOf(r row) state.Repeat  { return state.Repeat{Key: r.hash, At: r.first} }

// roomRow replaces the time of the opening by its difference from the time of the newest event, which is
// the opening in most rooms.
func roomRow(r state.RoomRecord) row {
	since := r.Newest>>1 - r.Opening>>state.OpeningShift
	return row{
		app: r.AppID, hash: uint64(r.Room), first: int64(r.Newest),
		second: int64(since<<state.OperatorShift | r.Opening&state.OpeningFlags), short: uint16(r.Opening >> state.OperatorShift),
	}
}

func roomOf(r row) state.RoomRecord {
	newest, second := uint64(r.first), uint64(r.second)
	opened := newest>>1 - uint64(r.second>>state.OperatorShift)
	return state.RoomRecord{AppID: r.app, Room: state.Room(r.hash), Register: state.Register{
		Newest: newest, Opening: opened<<state.OpeningShift | uint64(r.short)<<state.OperatorShift | second&state.OpeningFlags,
	}}
}
