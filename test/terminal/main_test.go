package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestSpans(t *testing.T) {
	got := spans("  \x1b[31mFAIL\x1b[0m  url_dns")
	want := []span{{"", "  "}, {"red", "FAIL"}, {"", "  url_dns"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWrap(t *testing.T) {
	got := wrap([]span{{"a", strings.Repeat("x", columns-1)}, {"b", "yz"}})
	if len(got) != 2 || got[0][1] != (span{"b", "y"}) || got[1][0] != (span{"b", "z"}) {
		t.Errorf("got %q", got)
	}
}

// TestPictures checks that the pictures of the documents have the texts that a reader needs. It does not
// check that the program prints the same today: make pictures draws them again.
func TestPictures(t *testing.T) {
	for name, wants := range map[string][]string{
		"terminal-run.svg":    {"make run", "callback URL  http://127.0.0.1:19781/callback", "try"},
		"terminal-send.svg":   {"1 of 1 callbacks sent", "70 of 70 callbacks sent", "401 Unauthorized"},
		"terminal-doctor.svg": {"doctor --config.file=config.yaml", "pass", "FAIL", "self_test"},
	} {
		b, err := os.ReadFile("../../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for d := xml.NewDecoder(strings.NewReader(string(b))); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if data, ok := token.(xml.CharData); ok {
				text.Write(data)
			}
		}
		for _, want := range wants {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%s does not show %q", name, want)
			}
		}
		if home, err := os.Getwd(); err == nil && strings.Contains(string(b), strings.TrimSuffix(home, "/test/terminal")) {
			t.Errorf("%s names a folder of the machine that made it", name)
		}
	}
}
