package storage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/journal"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/payload"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// history is what a journal held after each of its frames, by its applications.
type history struct {
	dir   string
	files map[string]string
	last  map[string]state.Counts
	ever  map[string][]state.Counts // all that were ever true
	queue int
}

// newHistory makes a journal of one process, of some segments, whose newest has a head of
// many frames and many frames behind it.
func newHistory(t testing.TB) history {
	h := history{dir: t.TempDir(), last: map[string]state.Counts{}, ever: map[string][]state.Counts{}}
	fs := &scripted{} // without syncs
	r := start(t, h.dir, fs)
	for i := range int64(900) {
		e := event(fmt.Sprint("app", i%150), i)
		if i < 600 {
			e.queued = bytes.Repeat([]byte{byte(i)}, 3000)
		}
		r.record(t, e)
		all := r.store.All()
		at := slices.IndexFunc(all.Records, func(c state.Record) bool { return c.AppID == e.AppID })
		h.last[e.AppID] = all.Records[at].Counts
		h.ever[e.AppID] = append(h.ever[e.AppID], all.Records[at].Counts)
	}
	r.stop()
	h.files, h.queue = files(t, h.dir), 600
	if n := len(segments(t, h.dir)); n < 2 {
		t.Fatalf("%d segments", n)
	}
	return h
}

// newest returns the name and the content of the newest segment.
func (h history) newest() (string, []byte) {
	var name string
	for n := range h.files {
		if strings.HasPrefix(n, segmentPrefix) {
			name = max(name, n)
		}
	}
	return name, []byte(h.files[name])
}

// content returns what the journal holds if a segment is damaged so.
func (h history) content(t testing.TB, name string, data []byte) *Content {
	t.Helper()
	damaged := maps.Clone(h.files)
	damaged[name] = string(data)
	return readFiles(t, h.dir, damaged)
}

// readFiles reads a folder as if it had these files.
func readFiles(t testing.TB, dir string, content map[string]string) *Content {
	t.Helper()
	c, err := journal.Read(inMemory{files: content}, dir)
	if err != nil {
		t.Fatal(err)
	}
	return newContent(c)
}

// inMemory is a file system whose only folder has these files.
type inMemory struct {
	journal.OS
	files map[string]string
}

func (m inMemory) List(string) ([]string, error)    { return slices.Collect(maps.Keys(m.files)), nil }
func (m inMemory) Read(name string) ([]byte, error) { return []byte(m.files[filepath.Base(name)]), nil }

// check looks for numbers that never were, and for ones that are older in silence. It
// returns which share of records and requests was kept.
func (h history) check(t testing.TB, what string, c *Content) float64 {
	t.Helper()
	kept, said := 0, fmt.Sprint(c.Damage)
	for _, r := range c.Records {
		if !slices.Contains(h.ever[r.AppID], r.Counts) {
			t.Errorf("%s: %s was never %+v", what, r.AppID, r.Counts)
		}
		if r.Counts == h.last[r.AppID] {
			kept++
		} else if !strings.Contains(said, "application "+r.AppID+": counts as of") {
			t.Errorf("%s: %s is older in silence: %s", what, r.AppID, said)
		}
	}
	for _, r := range c.Requests {
		if len(r.Data) != 3000 || r.Data[0] != r.Data[2999] {
			t.Errorf("%s: request %d was never so", what, r.Seq)
		}
	}
	if whole := kept == len(h.last) && len(c.Requests) == h.queue && len(c.Repeats) == 900; !whole && len(c.Damage) == 0 {
		t.Errorf("%s: %d of %d records, %d requests, %d repeats, in silence", what, kept, len(h.last), len(c.Requests), len(c.Repeats))
	}
	return float64(kept+len(c.Requests)) / float64(len(h.last)+h.queue)
}

func TestDamage(t *testing.T) { // a part of it if not thorough
	t.Parallel()
	h := newHistory(t)
	name, data := h.newest()
	cases, kept := map[string]int{}, map[string]float64{}
	try := func(kind, where string, damaged []byte) {
		cases[kind]++
		kept[kind] += h.check(t, kind+" "+where, h.content(t, name, damaged))
	}
	if share := h.check(t, "nothing", h.content(t, name, data)); share != 1 {
		t.Fatalf("%.3f of an intact journal", share)
	}
	random := rand.New(rand.NewPCG(1, 3))
	changed := func(change func(b []byte)) []byte {
		b := bytes.Clone(data)
		change(b)
		return b
	}
	offsets := make([]int, 0, 600) // each of the headers, and many others
	for i := range 2 * headerSize {
		offsets = append(offsets, i)
	}
	for range 236 {
		offsets = append(offsets, random.IntN(len(data)))
	}
	if !thorough {
		random.Shuffle(len(offsets), func(i, j int) { offsets[i], offsets[j] = offsets[j], offsets[i] })
		offsets = offsets[:len(offsets)/8]
	}
	for _, at := range offsets {
		try("flip", fmt.Sprint("at ", at), changed(func(b []byte) { b[at] ^= 1 << random.IntN(8) }))
		try("cut", fmt.Sprint("at ", at), data[:at])
		try("hole", fmt.Sprint("at ", at), slices.Concat(data[:at], data[min(len(data), at+1+random.IntN(3000)):]))
		try("insert", fmt.Sprint("at ", at), slices.Concat(data[:at], []byte{1, 2, 3}, data[at:]))
	}
	for at := 0; at < len(data); at += blockSize {
		if !thorough && at/blockSize%8 != 0 {
			continue
		}
		end := min(at+blockSize, len(data))
		try("zeroed block", fmt.Sprint("at ", at), changed(func(b []byte) { clear(b[at:end]) }))
		try("swapped block", fmt.Sprint("at ", at), changed(func(b []byte) {
			other := random.IntN(len(data)/blockSize) * blockSize
			n := min(blockSize, len(data)-max(at, other))
			copy(b[at:at+n], data[other:other+n])
			copy(b[other:other+n], data[at:at+n])
		}))
	}
	bounds := frameBounds(data)
	for i, b := range bounds {
		if i > 30 && i%5 != 0 || !thorough && i%8 != 0 {
			continue
		}
		frame := data[b[0]:b[1]]
		try("repeated frame", fmt.Sprint(i), slices.Concat(data[:b[1]], frame, data[b[1]:]))
		try("repeated frame", fmt.Sprint(i, " at the end"), slices.Concat(data, frame))
		if i > 0 {
			before := data[bounds[i-1][0]:bounds[i-1][1]]
			try("swapped frames", fmt.Sprint(i), slices.Concat(data[:bounds[i-1][0]], frame, before, data[b[1]:]))
		}
		try("lost frame", fmt.Sprint(i), slices.Concat(data[:b[0]], data[b[1]:]))
	}
	total := 0
	for kind, n := range cases {
		total += n
		t.Logf("%4d x %-15s %.4f kept", n, kind, kept[kind]/float64(n))
	}
	if thorough && total < 1000 {
		t.Errorf("only %d cases", total)
	}
	for _, kind := range []string{"flip", "repeated frame", "swapped frames"} {
		if share := kept[kind] / float64(cases[kind]); share < 0.97 {
			t.Errorf("%s: only %.4f was kept", kind, share)
		}
	}
}

// frameBounds returns where the frames of a segment begin and end.
func frameBounds(data []byte) (bounds [][2]int) {
	for off := 2 * headerSize; off < len(data); {
		end := off + frameHeaderSize + int(binary.LittleEndian.Uint32(data[off:]))
		bounds = append(bounds, [2]int{off, end})
		off = end
	}
	return bounds
}

// A segment in the place of another one, of this journal or of another one, is never
// taken for what it is not.
func TestForeignSegments(t *testing.T) {
	t.Parallel()
	h, other := newHistory(t), newHistory(t)
	name, data := h.newest()
	oldest := segmentName(1)
	for n := range h.files {
		if strings.HasPrefix(n, segmentPrefix) {
			oldest = min(oldest, n)
		}
	}
	_, foreign := other.newest()
	for what, tc := range map[string]struct {
		name string
		data []byte
	}{
		"the oldest as the newest":                   {name, []byte(h.files[oldest])},
		"the newest as the oldest":                   {oldest, data},
		"of another journal, as the newest":          {name, foreign},
		"of another journal, as the oldest":          {oldest, []byte(other.files[oldest])},
		"of another journal, behind our own":         {name, slices.Concat(data, foreign)},
		"a frame of another journal, behind our own": {name, slices.Concat(data, foreign[2*headerSize:])},
		"no segment at all":                          {name, []byte(strings.Repeat("not a segment\n", 5000))},
		"empty":                                      {name, nil},
		"ourselves twice":                            {name, slices.Concat(data, data)},
	} {
		c := h.content(t, tc.name, tc.data)
		h.check(t, what, c)
		if len(c.Damage) == 0 {
			t.Errorf("%s: not noticed", what)
		}
	}
	// One more, of a higher number.
	next := segmentName(99)
	h.files[next] = string(foreign)
	c := h.content(t, next, foreign)
	if share := h.check(t, "another one", c); share != 1 || len(c.Damage) == 0 {
		t.Errorf("another journal's segment as the newest: %.3f kept, %v", share, c.Damage)
	}
}

func TestDamageIsSaid(t *testing.T) {
	h := newHistory(t)
	name, data := h.newest()
	bounds := frameBounds(data)
	last := bounds[len(bounds)-1]
	data[last[0]+frameHeaderSize+3] ^= 1
	c := h.content(t, name, data)
	if len(c.Damage) < 2 || c.Damage[0].Error() != fmt.Sprintf("%s is not readable from byte %d to its end", name, last[0]) ||
		!strings.HasPrefix(c.Damage[1].Error(), "application app0: counts as of 20") {
		t.Errorf("got %v", c.Damage)
	}
	// One frame of many that came later than its application's last one.
	data = []byte(h.files[name])
	middle := bounds[len(bounds)/2]
	data[middle[0]+frameHeaderSize+3] ^= 1
	c = h.content(t, name, data)
	if c.Damage[0].Error() != fmt.Sprintf("%s is not readable from byte %d to %d", name, middle[0], middle[1]) {
		t.Errorf("got %v", c.Damage)
	}
}

// A start on a damaged journal may end at any call; another one finds what was valid, and
// the damaged file is kept.
func TestAStartOnADamagedJournalIsInterrupted(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	name, data := h.newest()
	data[len(data)/2] ^= 1
	h.files[name] = string(data)
	write := func() string {
		dir := t.TempDir()
		for n, content := range h.files {
			if err := os.WriteFile(filepath.Join(dir, n), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	want := h.content(t, name, data)
	if len(want.Damage) == 0 {
		t.Fatal("not damaged")
	}
	clean := &scripted{}
	r, err := tryStart(write(), clean)
	if err != nil {
		t.Fatal(err)
	}
	r.stop()
	if testutil.ToFloat64(r.metrics.corruptions) != 1 {
		t.Error("not counted")
	}
	cases := 0
	for kind, calls := range clean.n {
		for n := 1; n <= calls; n++ {
			for _, before := range []bool{true, false} {
				cases++
				what := fmt.Sprintf("%s %d, before it: %t", kind, n, before)
				fs := &scripted{}
				fs.script(func(c call) error {
					if c.kind == kind && c.n == n && c.before == before {
						return []error{errDisk, syscall.ENOSPC}[cases%2]
					}
					return nil
				})
				dir := write()
				if r, err := tryStart(dir, fs); err == nil {
					r.stop()
				}
				for range 2 {
					r := start(t, dir, &scripted{})
					if got := r.store.All().Records; len(got) != len(want.Records) || len(r.queues.All()) != len(want.Requests) {
						t.Errorf("%s: a start after that has %d records and %d requests, want %d and %d", what, len(got), len(r.queues.All()), len(want.Records), len(want.Requests))
					}
					r.stop()
				}
				aside, err := filepath.Glob(filepath.Join(dir, name+".corrupt-*"))
				if err != nil || len(aside) != 1 {
					t.Fatalf("%s: set aside are %v, %v", what, aside, err)
				}
				if kept, err := os.ReadFile(aside[0]); err != nil || !bytes.Equal(kept, data) {
					t.Errorf("%s: what is set aside is not the damaged file: %v", what, err)
				}
				if c, err := Read(dir); err != nil || len(c.Damage) > 0 {
					t.Errorf("%s: after that: %v %v", what, err, c.Damage)
				}
			}
		}
	}
	t.Logf("%d cases", cases)
}

// TestPowerCut cuts the power in every commit, and leaves any of the blocks of the disk
// that the commit has changed as they were, as zeros, or as they should be, and the file as
// short as it was or longer. What was acknowledged is there all the same, and nothing of
// the commit that was not unless all of it is.
func TestPowerCut(t *testing.T) { // 100,000 cuts if thorough
	t.Parallel()
	path := t.TempDir()
	s, store, queues := openIdle(t, path, 16<<10) // many new segments
	defer s.Close()
	random := rand.New(rand.NewPCG(1, 2))
	wanted := 5_000
	if thorough {
		wanted = 100_000
	}
	cuts, torn, whole, begun := 0, 0, 0, 0
	for i := int64(0); cuts < wanted; i++ {
		want := snapshot(s.all())
		before := files(t, path)
		batch := store.Begin()
		var changes payload.Changes
		for n := range 1 + random.Int64N(2) {
			e := event(fmt.Sprint("app", i%4), 3*i+n)
			e.Time += i * 10_000 // so that repeats are forgotten
			e.Received = e.Time
			batch.Count(e.Event)
			changes.Requests = append(changes.Requests, queues.Number(queue.Request{AppID: e.AppID, Received: e.Received, Lane: uint64(1 + i), Data: bytes.Repeat([]byte{byte(1 + i%200)}, random.IntN(6000))}))
			for random.IntN(2) == 0 || queues.Size(e.AppID).Requests > 1 {
				removeOne(queues, e.AppID)
			}
		}
		changes.Changes, changes.Removed = batch.Changes(), queues.TakeRemoved()
		if err := commit(s.journal, changes); err != nil {
			t.Fatal(err)
		}
		batch.Publish()
		queues.Add(changes.Requests...)
		wantAfter := snapshot(s.all())
		after := files(t, path)
		newest := slices.Max(segmentsIn(after))
		first := len(before[newest]) / blockSize
		blocks := (len(after[newest])-1)/blockSize - first + 1
		all := 1
		for range blocks {
			all *= 3
		}
		for n := range min(all, 300) {
			choice := n
			if all > 300 {
				choice = random.IntN(all)
			}
			cut := maps.Clone(before)
			cut[newest] = string(cutBlocks([]byte(before[newest]), []byte(after[newest]), first, blocks, choice))
			c := readFiles(t, path, cut)
			cuts++
			got := snapshot(c.Changes)
			switch {
			case got == wantAfter:
				whole++
			case cut[newest] == after[newest] || got != want:
				t.Fatalf("commit %d, blocks %d: got %s\nwant %s\nor %s", i, choice, got, want, wantAfter)
			default:
				torn++
			}
			if len(c.Damage) > 0 {
				t.Fatalf("commit %d, blocks %d: a torn end is called damage: %v", i, choice, c.Damage)
			}
		}
		if s.journal.Full() {
			begun++
			old := files(t, path)
			if err := s.journal.Begin(headOf(s.all())); err != nil {
				t.Fatal(err)
			}
			// Before the old segments were removed, and after that.
			both := files(t, path)
			for _, content := range []map[string]string{both, merged(old, both)} {
				c := readFiles(t, path, content)
				if got := snapshot(c.Changes); got != wantAfter || len(c.Damage) > 0 {
					t.Fatalf("commit %d, then a new segment: got %s\nwant %s, damage %v", i, got, wantAfter, c.Damage)
				}
			}
		}
	}
	t.Logf("%d power cuts: %d left nothing of the commit, %d all of it; %d new segments", cuts, torn, whole, begun)
	if torn < wanted/2 || whole == 0 || begun == 0 {
		t.Error("this tests little")
	}
}

// segmentsIn returns the names of the segments among files.
func segmentsIn(content map[string]string) (names []string) {
	for name := range content {
		if strings.HasPrefix(name, segmentPrefix) {
			names = append(names, name)
		}
	}
	return names
}

func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// cutBlocks returns the file with each block old (0), zero (1) or new (2), by the digits
// of state to the base of 3.
func cutBlocks(before, after []byte, first, blocks, state int) []byte {
	cut := bytes.Clone(before)
	for b := range blocks {
		choice := state % 3
		state /= 3
		at := (first + b) * blockSize
		end := min(at+blockSize, len(after))
		if choice == 0 {
			continue
		}
		if len(cut) < end {
			cut = append(cut, make([]byte, end-len(cut))...)
		}
		if choice == 2 {
			copy(cut[at:end], after[at:end])
		}
	}
	return cut
}

// snapshot is the same for equal contents.
func snapshot(c payload.Changes) string {
	var b strings.Builder
	slices.SortFunc(c.Records, func(a, b state.Record) int { return strings.Compare(a.AppID, b.AppID) })
	for _, r := range c.Records {
		fmt.Fprint(&b, r.AppID, r.Events, r.Current, r.EventTime, " ")
	}
	recent := 0 // the journal keeps those that are too old until the next segment
	for _, r := range c.Repeats {
		if c.Repeats[len(c.Repeats)-1].At-r.At <= state.RepeatWindow.Milliseconds() {
			recent++
		}
	}
	fmt.Fprint(&b, recent)
	for _, r := range sorted(c.Requests) {
		fmt.Fprint(&b, " ", r.Seq, ":", len(r.Data))
	}
	return b.String()
}
