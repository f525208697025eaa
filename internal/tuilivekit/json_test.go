package tuilivekit

import (
	"bytes"
	"testing"
)

// plain is compared with a loop over each byte: each byte value at each place of a string
// of each length, after bytes that borrow and bytes that do not.
func TestPlainStopsWhereALoopWould(t *testing.T) {
	loop := func(data []byte) int {
		for i, c := range data {
			if c < ' ' || c == '"' || c == '\\' {
				return i
			}
		}
		return len(data)
	}
	for _, filling := range []byte{' ', '!', '#', '[', ']', 0x7f, 0x80, 0xa2, 0xdc, 0xff} {
		for length := range 26 {
			data := bytes.Repeat([]byte{filling}, length)
			for at := range data {
				for value := range 256 {
					data[at] = byte(value)
					if got, want := plain(data), loop(data); got != want {
						t.Fatalf("%q: got %d, want %d", data, got, want)
					}
				}
				data[at] = filling
			}
		}
	}
}
