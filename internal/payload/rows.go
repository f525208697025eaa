package payload

import (
	"encoding/binary"
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

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
