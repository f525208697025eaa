package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	logtest "github.com/sirupsen/logrus/hooks/test"
)

func open(t *testing.T, path string) (*Journal, *Content) {
	t.Helper()
	log, _ := logtest.NewNullLogger()
	j, c, err := Open(Options{Path: path, Log: log})
	t.Cleanup(j.Close)
	if err != nil {
		t.Fatal(err)
	}
	return j, c
}

// large is the size of an entry that is not moved into the next segment.
const large = 1 << 20

// begin begins a segment with a text and these entries.
func begin(t *testing.T, j *Journal, state string, entries ...Entry) {
	t.Helper()
	h := Head{Payloads: []Encode{text(state)}, Entries: entries, Entry: func(b []byte, i int) []byte { return fmt.Append(b, "entry ", entries[i].Key) }}
	if err := j.Begin(h); err != nil {
		t.Fatal(err)
	}
}

func text(s string) Encode { return func(b []byte) []byte { return append(b, s...) } }

func add(t *testing.T, j *Journal, payload string, entries []Entry, removed ...uint64) {
	t.Helper()
	if err := j.Append(text(payload), entries, removed); err != nil {
		t.Fatal(err)
	}
}

// said returns the payloads of each segment, with | behind a complete head and ? where
// frames are lost.
func said(c *Content) string {
	var b strings.Builder
	for _, s := range c.Segments {
		fmt.Fprint(&b, s.Number, ":")
		for i, f := range s.Frames {
			if f.Gap {
				b.WriteString(" ?")
			}
			if b.WriteString(" " + string(f.Payload)); i+1 == s.Head {
				b.WriteString("|")
			}
		}
		if s.LostEnd {
			b.WriteString(" ?")
		}
		b.WriteString("; ")
	}
	return b.String()
}

func wantSaid(t *testing.T, path, want string, damage int) *Content {
	t.Helper()
	c, err := Read(OS{}, path)
	if err != nil {
		t.Fatal(err)
	}
	if got := said(c); got != want || len(c.Damage) != damage {
		t.Errorf("got  %s, damage %v\nwant %s, %d", got, c.Damage, want, damage)
	}
	return c
}

func TestASegmentIsKeptForItsEntries(t *testing.T) {
	path := t.TempDir()
	j, c := open(t, path)
	j.Adopt(c)
	begin(t, j, "none")
	add(t, j, "a", []Entry{{1, large}})
	add(t, j, "b", []Entry{{2, 10}}, 2) // removed at once
	wantSaid(t, path, "1: none | a b; ", 0)

	begin(t, j, "one", Entry{1, large})
	add(t, j, "c", nil)
	wantSaid(t, path, "1: none | a b; 2: one | c; ", 0)
	j.Close()

	j, c = open(t, path)
	c.Segments[0].Held = []uint64{1} // as its frames say
	j.Adopt(c)
	begin(t, j, "again", Entry{1, large})
	wantSaid(t, path, "1: none | a b; 3: again |; ", 0)
	add(t, j, "d", nil, 1)
	wantSaid(t, path, "3: again | d; ", 0)
	if want := int64(2*headerSize + 3*frameHeaderSize + len("again") + len("d")); j.Size() != want {
		t.Errorf("%d bytes, want %d", j.Size(), want)
	}
}

// An entry that no segment holds is written into the next one.
func TestAnEntryThatNoSegmentHolds(t *testing.T) {
	path := t.TempDir()
	j, c := open(t, path)
	j.Adopt(c)
	begin(t, j, "state", Entry{1, 7}, Entry{2, 7})
	wantSaid(t, path, "1: state entry 1 entry 2 |; ", 0)
}

func TestLostFrames(t *testing.T) {
	path := t.TempDir()
	j, c := open(t, path)
	j.Adopt(c)
	begin(t, j, "state")
	for _, payload := range []string{"a", "b", "c"} {
		add(t, j, payload, nil)
	}
	whole := len("state") + 2*frameHeaderSize + 2*headerSize // without the frames behind the head
	frame := frameHeaderSize + 1
	name := filepath.Join(path, segmentName(1))
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		stopped bool
		change  func(b []byte) []byte
		want    string
		damage  int
	}{
		{"nothing", false, func(b []byte) []byte { return b }, "1: state | a b c; ", 0},
		{"a torn end", false, func(b []byte) []byte { return b[:len(b)-1] }, "1: state | a b; ", 0},
		{"a torn end after a clean stop", true, func(b []byte) []byte { return b[:len(b)-1] }, "1: state | a b ?; ", 2},
		{"a lost end after a clean stop", true, func(b []byte) []byte { return b[:len(b)-frame] }, "1: state | a b ?; ", 1},
		{"a flipped bit", false, func(b []byte) []byte { b[whole+frame-1] ^= 1; return b }, "1: state | ? b c; ", 1},
		{"a flipped bit at the end", false, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, "1: state | a b ?; ", 1},
		{"a flipped bit in the head", false, func(b []byte) []byte { b[2*headerSize+frameHeaderSize] ^= 1; return b }, "1: ?  a b c; ", 1},
		{"one header", false, func(b []byte) []byte { b[3] ^= 1; return b }, "1: state | a b c; ", 1},
		{"both headers", false, func(b []byte) []byte { clear(b[:2*headerSize]); return b }, "1: state | a b c; ", 1},
		{"no frame", false, func(b []byte) []byte { return b[:2*headerSize] }, "1: ?; ", 1},
		{"nothing left", false, func([]byte) []byte { return nil }, "1: ?; ", 2},
		{"frames in the wrong order", false, func(b []byte) []byte {
			return append(append(b[:whole:whole], b[whole+frame:]...), b[whole:whole+frame]...)
		}, "1: state | a b c; ", 1},
		{"a frame twice", false, func(b []byte) []byte { return append(b, b[len(b)-frame:]...) }, "1: state | a b c; ", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := owner{journal: j.id, segment: 1}
			if tc.stopped {
				o.size = int64(len(data))
			}
			o.write(OS{}, path)
			if err := os.WriteFile(name, tc.change(bytes.Clone(data)), 0o600); err != nil {
				t.Fatal(err)
			}
			wantSaid(t, path, tc.want, tc.damage)
		})
	}
}

func TestAMissingSegment(t *testing.T) {
	path := t.TempDir()
	j, c := open(t, path)
	j.Adopt(c)
	begin(t, j, "old")
	add(t, j, "a", []Entry{{1, large}})
	begin(t, j, "new", Entry{1, large})
	if err := os.Remove(filepath.Join(path, segmentName(2))); err != nil {
		t.Fatal(err)
	}
	wantSaid(t, path, "1: old | a ?; ", 1)
}

// After an error only Begin makes a journal writable.
func TestAppendAfterAnError(t *testing.T) {
	j, c := open(t, t.TempDir())
	j.Adopt(c)
	if err := j.Append(text("a"), nil, nil); !errors.Is(err, errNoSegment) {
		t.Errorf("got %v", err)
	}
	begin(t, j, "state")
	j.current.Close() // so that the next write fails
	for range 2 {
		if err := j.Append(text("a"), nil, nil); err == nil {
			t.Error("no error")
		}
	}
	begin(t, j, "state")
	add(t, j, "b", nil)
}

func TestANewerFormatIsRefusedAndStays(t *testing.T) {
	path := t.TempDir()
	j, c := open(t, path)
	j.Adopt(c)
	begin(t, j, "state")
	j.Close()
	name := filepath.Join(path, segmentName(1))
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for at := range 2 {
		b := data[at*headerSize:]
		b[8]++
		binary.LittleEndian.PutUint32(b[12:], headerSum(b))
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	log, _ := logtest.NewNullLogger()
	j, _, err = Open(Options{Path: path, Log: log})
	j.Close()
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), segmentName(1)) {
		t.Errorf("got %v", err)
	}
	if after, err := os.ReadFile(name); err != nil || !bytes.Equal(after, data) {
		t.Error("the segment has changed")
	}
}

func TestReadOneSegment(t *testing.T) {
	path := t.TempDir()
	j, c := open(t, path)
	j.Adopt(c)
	begin(t, j, "state")
	wantSaid(t, filepath.Join(path, segmentName(1)), "1: state |; ", 0)
	if _, err := Read(OS{}, filepath.Join(path, ownerName)); err == nil || !strings.Contains(err.Error(), "is not a segment") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	s := newSeed(7, 1)
	b := appendHeader(nil, 7, 1)
	for i, payload := range []string{"state", "", "change"} {
		b = s.appendFrame(b, uint32(i)+1, text(payload))
	}
	f.Add(b)
	f.Add(b[:len(b)-3])
	f.Fuzz(func(t *testing.T, data []byte) {
		segments := []Segment{{Number: 1, data: data, Size: int64(len(data))}, {Number: 2, data: data, Size: int64(len(data))}}
		if _, err := parse(segments, owner{journal: 7}); err != nil && !errors.Is(err, ErrNewer) {
			t.Fatal(err)
		}
	})
}

// A folder that is read while it is written has no damage, whatever happens after a segment was read.
func TestReadIsOvertaken(t *testing.T) {
	for name, happen := range map[string]func(t *testing.T, j *Journal){
		"by a new segment": func(t *testing.T, j *Journal) { begin(t, j, "head 2") },
		"by a clean stop":  func(t *testing.T, j *Journal) { add(t, j, "b", nil); j.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			j, _ := open(t, path)
			begin(t, j, "head 1")
			add(t, j, "a", nil)
			fs := &overtaken{then: func() { happen(t, j) }}
			c, err := Read(fs, path)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := said(c), "1: head 1 | a; "; got != want || len(c.Damage) > 0 {
				t.Errorf("got %s, damage %v, want %s", got, c.Damage, want)
			}
		})
	}
}

// overtaken is a FileSystem that calls then after the first segment was read.
type overtaken struct {
	OS
	then func()
}

func (o *overtaken) Read(name string) ([]byte, error) {
	b, err := o.OS.Read(name)
	if then := o.then; then != nil && filepath.Base(name) == segmentName(1) {
		o.then = nil
		then()
	}
	return b, err
}
