package stack

import (
	"os"
	"regexp"
	"testing"
)

func TestShorten(t *testing.T) {
	const long = `groups:
  - name: rooms
    interval: 30s
    rules:
      - record: tuilivekit:alert_window_seconds
        expr: vector(24 * 3600)
      - record: tuilivekit:alert_threshold
        expr: vector(60)
      - alert: Rooms
        expr: increase(rooms[15m] offset 1d) > 0
        for: 5m
        keep_firing_for: 10m
        annotations:
          summary: '{{ query "max_over_time(rooms[1h] offset 1h)" }} in 30 minutes [sic]'
`
	const want = `groups:
    - name: rooms
      interval: 250ms
      rules:
        - record: tuilivekit:alert_window_seconds
          expr: vector(24 * 3600) / 200
        - record: tuilivekit:alert_threshold
          expr: vector(60)
        - alert: Rooms
          expr: increase(rooms[4500ms] offset 432000ms) > 0
          for: 1500ms
          keep_firing_for: 3000ms
          annotations:
            summary: '{{ query "max_over_time(rooms[18000ms] offset 18000ms)" }} in 30 minutes [sic]'
`
	got, err := Shorten([]byte(long), 200)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// No duration of the shipped rules is left as it was.
func TestShortenLeavesNoLongTimes(t *testing.T) {
	for _, file := range ruleFiles {
		b, err := os.ReadFile("../../alerts/" + file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Shorten(b, 240)
		if err != nil {
			t.Fatal(err)
		}
		got = regexp.MustCompile(`(?m)^\s*#.*$`).ReplaceAll(got, nil)
		long := regexp.MustCompile(`(?m)(\[\d+[smhdw]\]|offset \d+[smhdw]\b|(for|interval): \d+[smhdw]\b).*$`)
		if left := long.FindAllString(string(got), -1); len(left) > 0 {
			t.Errorf("%s: left %q", file, left)
		}
	}
}
