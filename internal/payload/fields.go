package payload

import (
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
