package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const rounds = `goos: linux
BenchmarkScrape/apps=10/reference-2 	3	100 ns/op	5 B/op
BenchmarkScrape/apps=10/exporter-2 	3	10 ns/op	5 B/op
BenchmarkScrape/apps=10/reference-2 	3	1000 ns/op
BenchmarkScrape/apps=10/exporter-2 	3	900 ns/op
BenchmarkScrape/apps=10/reference-2 	3	200 ns/op
BenchmarkScrape/apps=10/exporter-2 	3	30 ns/op
BenchmarkScrape/apps=2000/reference 	3	200 ns/op	7000 cpu-ns/op
BenchmarkScrape/apps=2000/exporter 	3	30 ns/op	3500 cpu-ns/op
BenchmarkAlone-2 	3	30 ns/op
`

func TestRatiosAreThoseOfTheLeastFigures(t *testing.T) {
	recorded := filepath.Join(t.TempDir(), "recorded.txt")
	for _, tc := range []struct{ recorded, regression string }{
		{"# a comment\nScrape/apps=10 0.067\nScrape/apps=2000 0.34\n", ""},
		{"Scrape/apps=10 0.066\nScrape/apps=2000 0.34\n", "Scrape/apps=10 takes 0.1 "},
		{"Scrape/apps=2000 0.33\n", "Scrape/apps=2000 takes 0.5"},
	} {
		if err := os.WriteFile(recorded, []byte(tc.recorded), 0o600); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		err := run(strings.NewReader(rounds), &out, recorded, "", false, "", "")
		if (err != nil) != (tc.regression != "") || err != nil && !strings.Contains(err.Error(), tc.regression) {
			t.Errorf("%q: got %v, want %q", tc.recorded, err, tc.regression)
		}
		for _, want := range []string{rounds, "| Scrape/apps=10 | 100 ns | 10 ns | 0.1 | 0.1–0.9 |", "| Scrape/apps=2000 | 7 µs | 3.5 µs | 0.5 |"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %q in\n%s", want, out.String())
			}
		}
	}
	if err := run(strings.NewReader(rounds), io.Discard, recorded, "", true, "", ""); err != nil {
		t.Fatal(err)
	}
	if err := run(strings.NewReader(rounds), io.Discard, recorded, "", false, "", ""); err != nil {
		t.Errorf("what was recorded just now: %v", err)
	}
}

func TestDocumentGetsTheTable(t *testing.T) {
	folder := t.TempDir()
	recorded, document := filepath.Join(folder, "recorded.txt"), filepath.Join(folder, "document.md")
	update := func(text string) (string, error) {
		if err := os.WriteFile(document, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := run(strings.NewReader(rounds), io.Discard, recorded, document, true, "", "")
		got, readErr := os.ReadFile(document)
		if readErr != nil {
			t.Fatal(readErr)
		}
		return string(got), err
	}
	got, err := update("before\n" + tableBegin + "old\n" + tableEnd + "after\n")
	if err != nil {
		t.Fatal(err)
	}
	const row = "| Scrape/apps=10 | 100 ns | 10 ns | 0.1 | 0.1–0.9 |\n"
	if !strings.HasPrefix(got, "before\n"+tableBegin) || !strings.HasSuffix(got, tableEnd+"after\n") || !strings.Contains(got, row) || strings.Contains(got, "old") {
		t.Errorf("got\n%s", got)
	}
	if again, err := update(got); err != nil || again != got {
		t.Errorf("a second time: %v\n%s", err, again)
	}
	if _, err := update("no table\n"); err == nil {
		t.Error("a document without a table is no error")
	}
}

func TestBenchmarksThatFailAreNoSuccess(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":     "ok\n",
		"a failure":   rounds + "--- FAIL: BenchmarkScrape\n",
		"half a pair": rounds + "BenchmarkScrape/apps=10/reference-2 	3	100 ns/op\n",
	} {
		if err := run(strings.NewReader(in), io.Discard, "", "", false, "", ""); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestPicture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "growth.svg")
	if err := run(strings.NewReader(rounds), io.Discard, "", "", false, path, "apps"); err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for decoder := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{">10</text>", ">2k</text>", ">exporter</text>", ">reference</text>", ">apps</text>"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("no %s in\n%s", want, svg)
		}
	}
	if err := run(strings.NewReader(rounds), io.Discard, "", "", false, path, "senders"); err == nil {
		t.Error("a picture of nothing")
	}
}
