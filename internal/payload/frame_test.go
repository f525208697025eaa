package payload

import (
	"fmt"
	"reflect"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// An older program skips fields that it does not know.
func TestUnknownFieldsAreSkipped(t *testing.T) {
	const day0 = uint64(1_739_966_441_121)
	full := state.Record{}
	fill(reflect.ValueOf(&full).Elem(), new(int64))
	f := Frame{Time: 5, Changes: Changes{
		Changes: state.Changes{
			Records: []state.Record{full, {AppID: "5", Counts: state.Counts{Since: -1}}},
			Repeats: []state.Repeat{{Key: 1 << 63, At: 9}, {Key: 2, At: 3}},
			Rooms: []state.RoomRecord{
				{AppID: "1", Room: 1 << 63, Register: state.Register{Newest: 5, Opening: 1<<64 - 1}},
				{AppID: "1", Room: 3, Register: state.Register{Newest: 1<<64 - 1, Opening: 1 << 63}},
				{AppID: "1", Room: 4, Register: state.Register{Newest: day0 << 1, Opening: day0<<state.OpeningShift | 5}},
				{AppID: "1", Room: 2}, {AppID: "2", Room: 1},
				{AppID: "2", Room: 1, Register: state.Register{Newest: 9}},
			},
		},
		Requests: []queue.Request{{AppID: "1", Seq: 7, Lane: 1 << 63, Received: 8, Data: []byte("x")}, {AppID: "1", Seq: 8, Data: []byte{}}},
		Removed:  []queue.Key{{AppID: "1", Seq: 9}, {AppID: "1", Seq: 3}, {AppID: "2", Seq: 1}},
	}, Queued: []queue.Key{{AppID: "3", Seq: 1}}}
	b := f.Append(nil)
	b = protowire.AppendString(protowire.AppendTag(b, 1000, protowire.BytesType), "of the future")
	b = protowire.AppendFixed32(protowire.AppendTag(b, 1001, protowire.Fixed32Type), 5)
	app, future := "4", []byte("too")
	b = appendMessage(b, frameRecord, field{1, &app}, field{99, &future})
	f.Records = append(f.Records, state.Record{AppID: "4"})
	if got, err := Read(b); err != nil || !reflect.DeepEqual(got, f) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, f)
	}
}

// A message whose columns differ in length is not taken for a shorter one.
func TestColumnsOfDifferentLength(t *testing.T) {
	three, eight := []byte{0, 0, 0}, make([]byte, 8)
	for name, fields := range map[string][]field{
		"too few hashes":         {{2, &three}, {3, &eight}},
		"too many hashes":        {{3, &eight}},
		"a part of a hash":       {{2, &three}, {3, &three}},
		"too few second numbers": {{2, &eight}, {4, &three}},
		"too many":               {{2, &three}, {4, &eight}},
		"too few short numbers":  {{2, &eight}, {5, &eight}},
		"too many short numbers": {{2, &three}, {5, &eight}},
		"a part of one":          {{2, &three}, {5, &three}},
	} {
		if f, err := Read(appendMessage(nil, frameRepeats, fields...)); err == nil {
			t.Errorf("%s: got %+v", name, f)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(Frame{Time: 1, Changes: Changes{
		Changes:  state.Changes{Records: []state.Record{{AppID: "1", Counts: state.Counts{Current: 4}}}, Rooms: []state.RoomRecord{{AppID: "1", Room: 2, Register: state.Register{Newest: 7}}}},
		Requests: []queue.Request{{AppID: "1", Seq: 5, Data: []byte("x")}}, Removed: []queue.Key{{AppID: "1", Seq: 3}},
	}, Queued: []queue.Key{{AppID: "1", Seq: 3}}}.Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		read, err := Read(data)
		if err != nil {
			return
		}
		again, err := Read(read.Append(nil))
		if err != nil || len(again.Queued) != len(read.Queued) || again.Len() != read.Len() {
			t.Errorf("got %+v, %v, want %+v", again, err, read)
		}
	})
}

// fill gives every field of a struct another value: one that is not stored is missed.
func fill(v reflect.Value, n *int64) {
	switch *n++; v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.String:
		v.SetString(fmt.Sprint(*n))
	default:
		if v.CanInt() {
			v.SetInt(*n)
		} else {
			v.SetUint(uint64(*n))
		}
	}
}
