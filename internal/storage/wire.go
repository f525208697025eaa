package storage

import "google.golang.org/protobuf/encoding/protowire"

// appendNumber appends a varint field, unless it is 0, which is what its absence means.
func appendNumber(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
}

func appendText(b []byte, num protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
}

// appendMessage appends a field that content writes.
func appendMessage(b []byte, num protowire.Number, content func([]byte) []byte) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	start := len(b)
	b = content(b)
	n := len(b) - start
	var prefix [10]byte
	length := protowire.AppendVarint(prefix[:0], uint64(n))
	b = append(b, length...)
	copy(b[start+len(length):], b[start:start+n])
	copy(b[start:], length)
	return b
}

// readMessage calls field for each field of a message: v has a number, b has bytes.
func readMessage(b []byte, field func(num protowire.Number, v uint64, b []byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		var v uint64
		var data []byte
		switch typ {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			v, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			data, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := field(num, v, data); err != nil {
			return err
		}
	}
	return nil
}

func appendRead[T any](list []T, b []byte, read func([]byte) (T, error)) ([]T, error) {
	one, err := read(b)
	return append(list, one), err
}

// readDifferences reads numbers that are each given by the difference from the one
// before.
func readDifferences(b []byte) (list []int64, err error) {
	var before int64
	for len(b) > 0 {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		b = b[n:]
		before += protowire.DecodeZigZag(v)
		list = append(list, before)
	}
	return list, nil
}
