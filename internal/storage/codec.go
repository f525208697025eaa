package storage

import (
	"encoding/binary"
	"errors"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// field is a field of a message: its number, and a pointer to its value.
type field struct {
	num   protowire.Number
	value any // *uint64, *int64, *uint32 (a varint, absent if it is 0), *string, or *[]byte (absent if it is nil)
}

func appendFields(b []byte, fields ...field) []byte {
	for _, f := range fields {
		var n uint64
		switch v := f.value.(type) {
		case *uint64:
			n = *v
		case *int64:
			n = uint64(*v)
		case *uint32:
			n = uint64(*v)
		case *string:
			if *v == "" {
				continue
			}
			b = protowire.AppendString(protowire.AppendTag(b, f.num, protowire.BytesType), *v)
		case *[]byte:
			if *v != nil {
				b = protowire.AppendBytes(protowire.AppendTag(b, f.num, protowire.BytesType), *v)
			}
		}
		if n != 0 {
			b = protowire.AppendVarint(protowire.AppendTag(b, f.num, protowire.VarintType), n)
		}
	}
	return b
}

// readFields reads the given fields of a message, and skips all others. A []byte is a part of b.
func readFields(b []byte, fields ...field) error {
	return readMessage(b, func(num protowire.Number, n uint64, b []byte) error {
		for _, f := range fields {
			if f.num != num {
				continue
			}
			switch v := f.value.(type) {
			case *uint64:
				*v = n
			case *int64:
				*v = int64(n)
			case *uint32:
				*v = uint32(n)
			case *string:
				*v = string(b)
			case *[]byte:
				*v = b
			}
		}
		return nil
	})
}

// appendMessage appends a field that is a message.
func appendMessage(b []byte, num protowire.Number, fields ...field) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	start := len(b)
	b = appendFields(b, fields...)
	return slices.Insert(b, start, protowire.AppendVarint(nil, uint64(len(b)-start))...)
}

// readMessage calls do for each field of a message with its number or its bytes.
func readMessage(b []byte, do func(num protowire.Number, n uint64, b []byte) error) error {
	for len(b) > 0 {
		num, typ, size := protowire.ConsumeTag(b)
		if size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
		var n uint64
		var data []byte
		switch typ {
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			data, size = protowire.ConsumeBytes(b)
		default:
			size = protowire.ConsumeFieldValue(num, typ, b)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
		if err := do(num, n, data); err != nil {
			return err
		}
	}
	return nil
}

// row is an element of a list: an application and its numbers. Their meaning depends on the list.
type row struct {
	app           string
	hash          uint64
	first, second int64
	short         uint16
}

var errPayload = errors.New("payload is not what this version writes")

// appendRows appends a list as messages Rows, one for each run of rows of one application.
func appendRows[T any](b []byte, num protowire.Number, list []T, rowOf func(T) row) []byte {
	for i := 0; i < len(list); {
		var firsts, hashes, seconds, shorts []byte
		var before, all row
		app := rowOf(list[i]).app
		for ; i < len(list) && rowOf(list[i]).app == app; i++ {
			r := rowOf(list[i])
			firsts = protowire.AppendVarint(firsts, protowire.EncodeZigZag(r.first-before.first))
			hashes = binary.LittleEndian.AppendUint64(hashes, r.hash)
			seconds = protowire.AppendVarint(seconds, protowire.EncodeZigZag(r.second-before.second))
			shorts = binary.LittleEndian.AppendUint16(shorts, r.short)
			before = r
			all.hash |= r.hash
			all.second |= r.second
			all.short |= r.short
		}
		if all.hash == 0 {
			hashes = nil
		}
		if all.second == 0 {
			seconds = nil
		}
		if all.short == 0 {
			shorts = nil
		}
		b = appendMessage(b, num, field{1, &app}, field{2, &firsts}, field{3, &hashes}, field{4, &seconds}, field{5, &shorts})
	}
	return b
}

// readRows appends the rows of a message to list.
func readRows[T any](list []T, b []byte, of func(row) T) ([]T, error) {
	var r row
	var firsts, hashes, seconds, shorts []byte
	err := readFields(b, field{1, &r.app}, field{2, &firsts}, field{3, &hashes}, field{4, &seconds}, field{5, &shorts})
	hasHash, hasSecond, hasShort := len(hashes) > 0, len(seconds) > 0, len(shorts) > 0
	for err == nil && len(firsts) > 0 {
		firsts, err = readDifference(firsts, &r.first)
		if hasSecond && err == nil {
			seconds, err = readDifference(seconds, &r.second)
		}
		if hasHash && len(hashes) < 8 || hasShort && len(shorts) < 2 {
			return list, errPayload
		}
		if hasHash {
			r.hash, hashes = binary.LittleEndian.Uint64(hashes), hashes[8:]
		}
		if hasShort {
			r.short, shorts = binary.LittleEndian.Uint16(shorts), shorts[2:]
		}
		list = append(list, of(r))
	}
	if err == nil && len(hashes)+len(seconds)+len(shorts) > 0 {
		err = errPayload
	}
	return list, err
}

// readDifference adds the difference at the beginning of b to v, and returns the rest of b.
func readDifference(b []byte, v *int64) ([]byte, error) {
	n, size := protowire.ConsumeVarint(b)
	if size < 0 {
		return nil, errPayload
	}
	*v += protowire.DecodeZigZag(n)
	return b[size:], nil
}
