package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A day of three minutes: one event, then two rooms are closed, then one is opened whose callback is lost.
func TestPictureOfADay(t *testing.T) {
	var samples strings.Builder
	for minute, m := range []struct{ truth, current, known, estimated int }{{80, 80, 79, 80}, {78, 80, 77, 78}, {79, 80, 77, 78}} {
		at := int64(minute+1) * 60_000
		for name, value := range map[string]int{
			"true_rooms": m.truth, "tuilivekit_current_rooms": m.current, "tuilivekit_max_rooms": 100, "tuilivekit_known_rooms": m.known,
			"tuilivekit_estimated_rooms": m.estimated, "tuilivekit_last_event_timestamp_seconds": 60,
		} {
			fmt.Fprintf(&samples, "%d %s{sdk_app_id=\"1\"} %d\n", at, name, value)
		}
	}
	dir := t.TempDir()
	file, picture := filepath.Join(dir, "day.txt"), filepath.Join(dir, "day.svg")
	if err := os.WriteFile(file, []byte(samples.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run(&out, file, "../../alerts/recording.yaml", picture); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| current | 1.0 | 2 |", "| known | 1.3 | 2 |", "| estimated | 0.3 | 1 |", "| best | 0.3 | 1 |", "limit 100", "map[event:3]"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	svg, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range numbers {
		if !strings.Contains(string(svg), ">"+n.name+"</text>") {
			t.Errorf("%s is not in the picture", n.name)
		}
	}
	for _, broken := range []string{"", "1 a{} x\n", "x a{} 1\n", "1 a{ 1\n", "60000 true_rooms{sdk_app_id=\"1\"} 1\n"} {
		if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := run(&out, file, "../../alerts/recording.yaml", picture); err == nil {
			t.Errorf("%q: no error", broken)
		}
	}
}
