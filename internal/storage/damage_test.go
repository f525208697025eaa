package storage

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// bigFile returns a real file that has branch pages and pages that are free, and what it
// holds.
func bigFile(t testing.TB) (data []byte, want map[string]state.Counts) {
	path := t.TempDir()
	r := start(t, path, nil)
	for i := range int64(300) {
		r.record(t, event(fmt.Sprint("app", i%150), i))
	}
	r.stop()
	content, err := Read(r.path)
	if err != nil {
		t.Fatal(err)
	}
	if data, err = os.ReadFile(r.path); err != nil {
		t.Fatal(err)
	}
	want = map[string]state.Counts{}
	for _, record := range content.Records {
		want[record.AppID] = record.Counts
	}
	return data, want
}

// spoil flips a bit of the record of an application in every page of data that has it, free
// ones too, and returns where. No other name begins like that of the application.
func spoil(data []byte, app string) (places []int) {
	key := []byte(appPrefix + app)
	for at := range data {
		if bytes.HasPrefix(data[at:], key) {
			data[at+len(key)+sumSize] ^= 1
			places = append(places, at)
		}
	}
	return places
}

// checkDamaged starts on a damaged copy of a file that holds want.
func checkDamaged(t *testing.T, what string, data []byte, want map[string]state.Counts, repeats int) (kept int) {
	path := t.TempDir()
	file := filepath.Join(path, fileName)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := tryStart(path, nil)
	if err != nil {
		if !strings.Contains(err.Error(), file) {
			t.Errorf("%s: refused without the file's name: %v", what, err)
		}
		return 0
	}
	defer r.stop()
	all := r.store.All()
	older := 0
	for _, record := range all.Records {
		last := want[record.AppID]
		if record.Counts != last {
			older++
		}
		// One that is not the last one must have been true once, before the last commit.
		if record.Counts != last && (record.Events >= last.Events || record.Current != 400+record.EventTime-day0 || record.Since != last.Since) {
			t.Errorf("%s: %s is %+v, was %+v", what, record.AppID, record.Counts, last)
		}
	}
	aside, err := filepath.Glob(file + ".corrupt-*")
	if err != nil {
		t.Fatal(err)
	}
	noticed := testutil.ToFloat64(r.metrics.corruptions) == 1 && len(aside) == 1 && len(r.logs.AllEntries()) > 1
	if whole := len(all.Records) == len(want) && len(all.Repeats) == repeats; (!whole || older > 0) && !noticed {
		t.Errorf("%s: %d of %d records, %d older ones, and %d of %d repeats, silently", what, len(all.Records), len(want), older, len(all.Repeats), repeats)
	}
	if older > 1 {
		t.Errorf("%s: %d records are older than the last commit", what, older)
	}
	if len(aside) == 1 {
		if moved, err := os.ReadFile(aside[0]); err != nil || string(moved) != string(data) {
			t.Errorf("%s: the file that was moved aside is not the damaged one: %v", what, err)
		}
	}
	// It goes on.
	if _, err := r.Record(event("later", 1_000_000)); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	r.stop()
	content, err := Read(file)
	if err != nil || len(content.Damage) > 0 || len(content.Records) != len(all.Records)+1 {
		t.Errorf("%s: after the next commit: %v %v, %d records", what, err, content.Damage, len(content.Records))
	}
	return len(all.Records)
}

func TestDamage(t *testing.T) {
	data, want := bigFile(t)
	const repeats = 300
	if n := checkDamaged(t, "nothing", data, want, repeats); n != len(want) {
		t.Fatalf("an intact file has %d records, want %d", n, len(want))
	}
	kept, cases := 0, 0
	try := func(what string, damaged []byte) {
		cases++
		kept += checkDamaged(t, what, damaged, want, repeats)
	}
	for i := range 200 {
		n := i * len(data) / 200
		try(fmt.Sprintf("cut at %d", n), data[:n])
	}
	flip := func(offset, bit int) {
		damaged := append([]byte(nil), data...)
		damaged[offset] ^= 1 << bit
		try(fmt.Sprintf("bit %d of byte %d flipped", bit, offset), damaged)
	}
	page := os.Getpagesize()
	for at := 0; at < len(data); at += page {
		for i, offset := range []int{0, 8, 10, 12, 16, 20, 24, 28, 32, 40, 60, 64, 72, page / 2, page - 40} { // headers and elements come first
			flip(at+offset, (at/page+i)%8)
		}
	}
	for i := range 200 {
		flip(i*7919%len(data), i%8)
	}
	for at := 0; at+page <= len(data); at += page {
		damaged := append([]byte(nil), data...)
		clear(damaged[at : at+page])
		try(fmt.Sprintf("page at %d zeroed", at), damaged)
		copy(damaged[at:at+page], data[(at+page)%len(data):])
		try(fmt.Sprintf("page at %d is another one", at), damaged)
	}
	try("doubled", append(append([]byte(nil), data...), data...))
	try("another file", []byte(strings.Repeat("not a database\n", 5000)))
	t.Logf("%d damaged files; of %d records each, %.1f were kept on average", cases, len(want), float64(kept)/float64(cases))
	if kept < cases*len(want)/3 {
		t.Errorf("too little was kept: %d of %d", kept, cases*len(want))
	}
}

func TestDamageIsSaidWithItsPlace(t *testing.T) {
	data, _ := bigFile(t)
	places := map[string]bool{}
	for _, at := range spoil(data, "app149") {
		page := at / os.Getpagesize()
		places[fmt.Sprintf("page %d, offset %d: checksum of %q is wrong", page, page*os.Getpagesize(), appPrefix+"app149")] = true
	}
	content, err := parse(data)
	if err != nil || len(content.Damage) == 0 || !places[content.Damage[0].Error()] {
		t.Errorf("got %v, %v, want one of %v first", err, content.Damage, places)
	}
}

// A start on a damaged file may end at any call, and another one finds what was valid.
func TestAStartOnADamagedFileIsInterrupted(t *testing.T) {
	data, want := bigFile(t)
	spoil(data, "app149")
	damaged, err := parse(data)
	if err != nil || len(damaged.Damage) == 0 || len(damaged.Records) < len(want)/2 {
		t.Fatal(err, damaged.Damage, len(damaged.Records))
	}
	for _, cause := range []error{errDisk, syscall.ENOSPC} {
		for n := 1; n <= 5; n++ {
			for _, after := range []bool{false, true} {
				what := fmt.Sprintf("%v at call %d, after it: %t", cause, n, after)
				path := t.TempDir()
				file := filepath.Join(path, fileName)
				if err := os.WriteFile(file, data, 0o600); err != nil {
					t.Fatal(err)
				}
				d := &scriptedDisk{}
				fail := func(call int) error {
					if call == n {
						return cause
					}
					return nil
				}
				if after {
					d.after = fail
				} else {
					d.before = fail
				}
				r, err := tryStart(path, d)
				if failed := d.calls >= n; failed != (err != nil || r.startError != nil) {
					t.Fatalf("%s: %v", what, err)
				}
				if err == nil {
					r.stop()
				}
				for range 2 {
					r := start(t, path, nil)
					if got := r.store.All().Records; len(got) != len(damaged.Records) {
						t.Errorf("%s: a start after that has %d records, want %d", what, len(got), len(damaged.Records))
					}
					r.stop()
				}
				aside, err := filepath.Glob(file + ".corrupt-*")
				if err != nil || len(aside) == 0 {
					t.Errorf("%s: the damaged file is gone: %v", what, err)
				}
				for _, name := range aside {
					if kept, err := os.ReadFile(name); err != nil || !bytes.Equal(kept, data) {
						t.Errorf("%s: %s is not the damaged file: %v", what, name, err)
					}
				}
			}
		}
	}
}

// Some file systems have one name for each file.
func TestACopyIsInPlaceOfASecondName(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(name, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := copyFile(name, name+"2"); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(name + "2"); err != nil || string(b) != "content" {
		t.Errorf("got %q, %v", b, err)
	}
	if err := copyFile(name, name+"2"); err == nil {
		t.Error("a file was written over")
	}
}

// An older copy of a page is valid by all its own sums.
func TestAnOlderPageIsNoticed(t *testing.T) {
	path := t.TempDir()
	r := start(t, path, nil)
	for i := range int64(200) {
		r.record(t, event(fmt.Sprint("app", i), i))
	}
	before, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(200) {
		r.record(t, event(fmt.Sprint("app", i), 1000+i))
	}
	r.stop()
	after, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	stale := 0
	for at := 2 * page; at+page <= min(len(before), len(after)); at += page {
		damaged := append([]byte(nil), after...)
		copy(damaged[at:at+page], before[at:])
		content, err := parse(damaged)
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range content.Records {
			if record.Events != 2 {
				stale++
				if len(content.Damage) == 0 {
					t.Fatalf("page at %d is older, silently", at)
				}
				break
			}
		}
	}
	t.Logf("%d pages made a record older", stale)
}

// A power cut during a commit leaves any of its pages behind, and not the others. What
// was acknowledged before is there all the same.
func TestPowerCut(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	random := rand.New(rand.NewPCG(1, 2))
	page := os.Getpagesize()
	cases, broken := 0, 0
	var before []byte
	for i := range int64(150) {
		e := event(fmt.Sprint("app", i%70), i)
		e.queued = make([]byte, random.IntN(3000))
		if i%3 == 0 {
			removeOne(r.queues, e.AppID) // in the same commit
		}
		r.record(t, e)
		after, err := os.ReadFile(r.path)
		if err != nil {
			t.Fatal(err)
		}
		var written []int
		for at := 0; at < len(after); at += page {
			if at+page > len(before) || !bytes.Equal(before[at:at+page], after[at:at+page]) {
				written = append(written, at)
			}
		}
		// Nothing was acknowledged before the first one, and a removal may have had a commit of its own.
		single := i > 0 && newest(t, after) == newest(t, before)+1
		for n := range 20 {
			if !single {
				break
			}
			cut := append([]byte(nil), before...)
			if random.IntN(2) == 0 {
				cut = append(cut, make([]byte, max(0, len(after)-len(cut)))...)
			}
			for k, at := range written {
				// The first page written is that of the meta: alone, with all but one, with some.
				if (k == 0 || n != 0 && random.IntN(3) > 0) && at+page <= len(cut) {
					copy(cut[at:at+page], after[at:])
				}
			}
			content, err := parse(cut)
			if err != nil {
				t.Fatal(err)
			}
			cases++
			if len(content.Damage) > 0 {
				broken++
			}
			checkPowerCut(t, content, i)
		}
		before = after
	}
	t.Logf("%d power cuts, %d left a commit that is not whole", cases, broken)
	if broken < cases/4 || cases < 1000 {
		t.Error("too few: this tests little")
	}
}

// Changes that are alike cancel out in the exclusive or of checksums that are linear, as
// those of a CRC are: two records that each count one more, for instance.
func TestChangesThatAreAlikeAreNoticed(t *testing.T) {
	records := func(events uint64) (sum uint64, xor uint32) {
		l := newLedger()
		for _, app := range []string{"1400000001", "1400000002"} {
			e := l.put(recordEntry(state.Record{AppID: app, Counts: state.Counts{Current: 400, Max: 500, Counters: state.Counters{Events: events}}}))
			xor ^= e.sum()
		}
		return l.sum, xor
	}
	before, xorBefore := records(6)
	after, xorAfter := records(7)
	if xorBefore != xorAfter {
		t.Error("they do not cancel out: this tests nothing")
	}
	if before == after {
		t.Error("two records that are older are not noticed")
	}
}

// newest returns the id of the last transaction of a file.
func newest(t *testing.T, data []byte) uint64 {
	t.Helper()
	metas, err := readMetas(data)
	if err != nil {
		t.Fatal(err)
	}
	return metas[0].txid
}

// checkPowerCut looks for the first n events, of app0 to app69 in turn.
func checkPowerCut(t *testing.T, content *Content, n int64) {
	t.Helper()
	events, last := uint64(0), map[string]int64{}
	for _, r := range content.Records {
		events += r.Events
		last[r.AppID] = r.EventTime
		if r.Current != 400+r.EventTime-day0 {
			t.Errorf("after %d events: a record that never was: %+v", n, r)
		}
	}
	if events != uint64(n) && events != uint64(n+1) {
		t.Errorf("after %d events: %d are there", n, events)
	}
	for i := max(0, n-70); i < n; i++ {
		if app := fmt.Sprint("app", i%70); last[app] < day0+i {
			t.Errorf("after %d events: %s is of %d, was of %d", n, app, last[app]-day0, i)
		}
	}
	if len(content.Repeats) != int(n) && len(content.Repeats) != int(n+1) {
		t.Errorf("after %d events: %d repeats are known", n, len(content.Repeats))
	}
	place := map[string]uint64{}
	for _, f := range content.Requests {
		if f.Seq <= place[f.AppID] {
			t.Errorf("after %d events: place %d of %s comes behind %d", n, f.Seq, f.AppID, place[f.AppID])
		}
		place[f.AppID] = f.Seq
	}
}

func FuzzParse(f *testing.F) {
	small, err := os.ReadFile("testdata/v1.db")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(small)
	f.Add(small[:9000])
	f.Fuzz(func(t *testing.T, data []byte) {
		content, err := parse(data)
		if err == nil && len(content.Damage) == 0 && len(content.Records)+len(content.Repeats) > len(data) {
			t.Fatalf("%d records and %d repeats from %d bytes", len(content.Records), len(content.Repeats), len(data))
		}
	})
}
