package storage

import (
	"encoding/binary"
	"errors"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

var errPayload = errors.New("payload is not what this version writes")

// recordField is a field of a record.
type recordField struct {
	num    protowire.Number
	signed *int64
	count  *uint64
}

// recordFields returns the fields of r by their numbers. A number is never used for
// anything else. The list is in the order of the table of the format.
func recordFields(list []recordField, r *state.Record) []recordField {
	for i, v := range []*int64{
		&r.Current, &r.Max, &r.EventTime, &r.Received, &r.Since, &r.QuotaUsed, &r.Quota, &r.QuotaTime,
		&r.Newest, &r.Cutoff, &r.Before,
	} {
		list = append(list, recordField{num: protowire.Number(2 + i), signed: v})
	}
	for i, v := range []*uint64{
		&r.Events, &r.Created, &r.Viewers, &r.Gifts, &r.Coins, &r.Likes, &r.WithoutStatistic, &r.Dropped,
	} {
		list = append(list, recordField{num: protowire.Number(32 + i), count: v})
	}
	for i := range r.Destroyed {
		list = append(list, recordField{num: protowire.Number(64 + i), count: &r.Destroyed[i]})
	}
	for i := range r.Members {
		list = append(list, recordField{num: protowire.Number(80 + i), count: &r.Members[i]})
	}
	return list
}

func appendRecord(b []byte, r state.Record) []byte {
	b = appendText(b, 1, r.AppID)
	b = appendNumber(b, operatorField, uint64(r.Operator))
	var buf [40]recordField
	for _, f := range recordFields(buf[:0], &r) {
		if f.signed != nil {
			b = appendNumber(b, f.num, uint64(*f.signed))
		} else {
			b = appendNumber(b, f.num, *f.count)
		}
	}
	return b
}

const operatorField = 31

func readRecord(b []byte) (r state.Record, err error) {
	var buf [40]recordField
	list := recordFields(buf[:0], &r)
	err = readMessage(b, func(num protowire.Number, v uint64, b []byte) error {
		switch num {
		case 1:
			r.AppID = string(b)
		case operatorField:
			r.Operator = uint32(v)
		}
		for _, f := range list {
			switch {
			case f.num != num:
			case f.signed != nil:
				*f.signed = int64(v)
			default:
				*f.count = v
			}
		}
		return nil
	})
	return r, err
}

// appendRooms appends a field for each run of rooms of one application.
func appendRooms(b []byte, num protowire.Number, rooms []state.RoomRecord) []byte {
	for len(rooms) > 0 {
		n := 1
		for n < len(rooms) && rooms[n].AppID == rooms[0].AppID {
			n++
		}
		run := rooms[:n]
		rooms = rooms[n:]
		b = appendMessage(b, num, func(b []byte) []byte {
			b = appendText(b, 1, run[0].AppID)
			b = protowire.AppendTag(b, 2, protowire.BytesType)
			b = protowire.AppendVarint(b, uint64(roomSize*len(run)))
			for _, r := range run {
				b = binary.LittleEndian.AppendUint64(b, uint64(r.Room))
				b = binary.LittleEndian.AppendUint64(b, r.Newest)
				b = binary.LittleEndian.AppendUint64(b, r.Opening)
			}
			return b
		})
	}
	return b
}

const roomSize = 24

func readRooms(list []state.RoomRecord, b []byte) ([]state.RoomRecord, error) {
	var app string
	var rooms []byte
	err := readMessage(b, func(num protowire.Number, _ uint64, b []byte) error {
		switch num {
		case 1:
			app = string(b)
		case 2:
			rooms = b
		}
		return nil
	})
	if err == nil && len(rooms)%roomSize != 0 {
		err = errPayload
	}
	if err != nil {
		return list, err
	}
	for ; len(rooms) > 0; rooms = rooms[roomSize:] {
		list = append(list, state.RoomRecord{AppID: app, Room: state.Room(binary.LittleEndian.Uint64(rooms)), Register: state.Register{
			Newest: binary.LittleEndian.Uint64(rooms[8:]), Opening: binary.LittleEndian.Uint64(rooms[16:]),
		}})
	}
	return list, nil
}

func appendRepeats(b []byte, repeats []state.Repeat) []byte {
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(8*len(repeats)))
	for _, r := range repeats {
		b = binary.LittleEndian.AppendUint64(b, r.Key)
	}
	return appendMessage(b, 2, func(b []byte) []byte {
		var before int64
		for _, r := range repeats {
			b = protowire.AppendVarint(b, protowire.EncodeZigZag(r.At-before))
			before = r.At
		}
		return b
	})
}

func readRepeats(list []state.Repeat, b []byte) ([]state.Repeat, error) {
	var keys []byte
	var times []int64
	err := readMessage(b, func(num protowire.Number, _ uint64, b []byte) (err error) {
		switch num {
		case 1:
			keys = b
		case 2:
			times, err = readDifferences(b)
		}
		return err
	})
	if err == nil && len(keys) != 8*len(times) {
		err = errPayload
	}
	if err != nil {
		return list, err
	}
	for i, at := range times {
		list = append(list, state.Repeat{Key: binary.LittleEndian.Uint64(keys[8*i:]), At: at})
	}
	return list, nil
}

func appendRequest(b []byte, r queue.Request) []byte {
	b = appendText(b, 1, r.AppID)
	b = appendNumber(b, 2, r.Seq)
	b = protowire.AppendFixed64(protowire.AppendTag(b, 3, protowire.Fixed64Type), r.Lane)
	b = appendNumber(b, 4, uint64(r.Received))
	return protowire.AppendBytes(protowire.AppendTag(b, 5, protowire.BytesType), r.Data)
}

// readRequest copies its data: b is of a whole file.
func readRequest(b []byte) (r queue.Request, err error) {
	err = readMessage(b, func(num protowire.Number, v uint64, b []byte) error {
		switch num {
		case 1:
			r.AppID = string(b)
		case 2:
			r.Seq = v
		case 3:
			r.Lane = v
		case 4:
			r.Received = int64(v)
		case 5:
			r.Data = append([]byte{}, b...) // not nil, though it be empty
		}
		return nil
	})
	return r, err
}

// appendKeys appends a field for each run of keys of one application.
func appendKeys(b []byte, num protowire.Number, keys []queue.Key) []byte {
	for len(keys) > 0 {
		n := 1
		for n < len(keys) && keys[n].AppID == keys[0].AppID {
			n++
		}
		run := keys[:n]
		keys = keys[n:]
		b = appendMessage(b, num, func(b []byte) []byte {
			b = appendText(b, 1, run[0].AppID)
			return appendMessage(b, 2, func(b []byte) []byte {
				var before int64
				for _, k := range run {
					b = protowire.AppendVarint(b, protowire.EncodeZigZag(int64(k.Seq)-before))
					before = int64(k.Seq)
				}
				return b
			})
		})
	}
	return b
}

func readKeys(list []queue.Key, b []byte) ([]queue.Key, error) {
	var app string
	var seqs []int64
	err := readMessage(b, func(num protowire.Number, _ uint64, b []byte) (err error) {
		switch num {
		case 1:
			app = string(b)
		case 2:
			seqs, err = readDifferences(b)
		}
		return err
	})
	for _, seq := range seqs {
		list = append(list, queue.Key{AppID: app, Seq: uint64(seq)})
	}
	return list, err
}
