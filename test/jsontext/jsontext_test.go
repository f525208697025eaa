// Package jsontext measures the strict decoder of callback bodies beside one on a library: the mirror of
// encoding/json/jsontext for Go versions without it. Decision record 1 has the figures.
package jsontext

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

const (
	maxDepth   = 32
	maxMembers = 256
)

var (
	errRefused = errors.New("refused")
	errStop    = errors.New("seen enough")
)

var fields = [...]string{"CallbackCommand", "EventTime", "Operator_Account", "CurRoomCount", "MaxRoomCount"}

var decoders = sync.Pool{New: func() any { return jsontext.NewDecoder(strings.NewReader("")) }}

// members calls member for each member of the object in body. Like the decoder of package tuilivekit, it
// accepts duplicates of names that it does not read, and limits the depth and the number of members.
func members(body []byte, member func(name, value []byte) error) error {
	d := decoders.Get().(*jsontext.Decoder)
	defer decoders.Put(d)
	d.Reset(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return errRefused
	}
	for n := 0; d.PeekKind() != '}'; n++ {
		name, err := d.ReadValue()
		if err != nil || n == maxMembers {
			return errRefused
		}
		if name = name[1 : len(name)-1]; bytes.IndexByte(name, '\\') >= 0 {
			if name, err = jsontext.AppendUnquote(nil, body[d.InputOffset()-int64(len(name))-2:d.InputOffset()]); err != nil {
				return errRefused
			}
		}
		value, err := valueOf(d, body)
		if err != nil {
			return errRefused
		}
		if err := member(name, value); err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil || len(bytes.TrimLeft(body[d.InputOffset():], " \t\r\n")) > 0 {
		return errRefused
	}
	return nil
}

// valueOf reads a value. Since jsontext allows 10,000 levels, nested ones are read token by
// token.
func valueOf(d *jsontext.Decoder, body []byte) ([]byte, error) {
	if kind := d.PeekKind(); kind != '{' && kind != '[' {
		return d.ReadValue()
	}
	for start := d.InputOffset(); ; {
		if _, err := d.ReadToken(); err != nil || d.StackDepth() > maxDepth {
			return nil, errRefused
		}
		if d.StackDepth() == 1 {
			return bytes.TrimLeft(body[start:d.InputOffset()], " \t\r\n:"), nil
		}
	}
}

// decode does the same as tuilivekit.Decode for a threshold event, except for the ranges of the counts:
// it finds the command, and reads the whole body strictly.
func decode(body []byte) (values [len(fields)][]byte, err error) {
	err = members(body, func(name, value []byte) error {
		if string(name) == fields[0] {
			return errStop
		}
		return nil
	})
	if !errors.Is(err, errStop) {
		return values, errRefused
	}
	return values, members(body, func(name, value []byte) error {
		for i, field := range fields {
			switch {
			case string(name) == field && values[i] != nil:
				return errRefused
			case string(name) == field:
				values[i] = value
			case bytes.EqualFold(name, []byte(field)):
				return errRefused
			}
		}
		return nil
	})
}

var own = func(body []byte) error {
	_, err := tuilivekit.Decode(body, "")
	return err
}

var library = func(body []byte) error {
	_, err := decode(body)
	return err
}

// event returns the body of a threshold event with more members.
func event(more string) []byte {
	return []byte(`{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","Operator_Account":"brennanli","EventTime":1739966441121,"CurRoomCount":400,"MaxRoomCount":500` + more + `}`)
}

// This test checks that both decoders do the same.
func TestBothRefuseTheSame(t *testing.T) {
	for more, refused := range map[string]bool{
		"": false, `,"a":1,"a":2`: false, `,"é":["\u00e9",{}]`: false, `,"EventT\u0069me":1`: true,
		`,"MaxRoomCount":1`: true, `,"maxroomcount":1`: true, `,"a":"` + "\xff" + `"`: true, `,"a":01`: true, `,`: true, `} {`: true,
		strings.Repeat(`,"a":1`, 251): false, strings.Repeat(`,"a":1`, 252): true,
		`,"a":` + strings.Repeat("[", 31) + strings.Repeat("]", 31): false,
		`,"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32): true,
	} {
		for name, f := range map[string]func([]byte) error{"own": own, "jsontext": library} {
			if err := f(event(more)); (err != nil) != refused {
				t.Errorf("%s: %.60q: %v, want refused: %t", name, more, err, refused)
			}
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, body := range []struct {
		name string
		json []byte
	}{
		{"sample", event("")},
		{"members=100", event(strings.Repeat(`,"Member":{"a":[1,2,3],"b":"text"}`, 100))},
		{"string=4KiB", event(`,"Text":"` + strings.Repeat("x", 4096) + `"`)},
		{"array=256KiB", event(`,"MemberList":[0` + strings.Repeat(`,{"Member_Account":"user"}`, 9000) + `]`)},
	} {
		for _, decoder := range []struct {
			name   string
			decode func([]byte) error
		}{{"reference", library}, {"exporter", own}} { // so the ratio is below 1 where ours is quicker
			b.Run(fmt.Sprintf("body=%s/%s", body.name, decoder.name), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(body.json)))
				for b.Loop() {
					if err := decoder.decode(body.json); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
