package stack

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// shortest is the shortest interval of evaluation and the interval of scrapes.
const shortest = 250 * time.Millisecond

// Shorten divides all durations in a file of rules by speed: the interval of groups, for and
// keep_firing_for of alerts, ranges and offsets of expressions and annotations, and the values of
// tuilivekit:alert_window_seconds. It changes nothing else.
func Shorten(rules []byte, speed int) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(rules, &root); err != nil {
		return nil, err
	}
	var err error
	walk(&root, func(key string, value *yaml.Node, of map[string]*yaml.Node) {
		if err != nil {
			return
		}
		switch key {
		case "interval", "for", "keep_firing_for":
			var d time.Duration
			if d, err = parse(value.Value); err == nil {
				d /= time.Duration(speed)
				if key == "interval" {
					d = max(d, shortest)
				}
				value.Value = format(d)
			}
		case "expr", "description", "summary":
			value.Value = shortenText(value.Value, speed)
			if record := of["record"]; key == "expr" && record != nil && record.Value == "tuilivekit:alert_window_seconds" {
				value.Value += " / " + strconv.Itoa(speed)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return yaml.Marshal(&root)
}

var (
	ranges  = regexp.MustCompile(`\[\w+\]`)
	offsets = regexp.MustCompile(`\boffset \w+`)
)

func shortenText(s string, speed int) string {
	shorten := func(d string) string {
		parsed, err := parse(d)
		if err != nil {
			return d // a word that only looks like a duration
		}
		return format(parsed / time.Duration(speed))
	}
	s = ranges.ReplaceAllStringFunc(s, func(m string) string { return "[" + shorten(m[1:len(m)-1]) + "]" })
	return offsets.ReplaceAllStringFunc(s, func(m string) string { return "offset " + shorten(strings.TrimPrefix(m, "offset ")) })
}

// walk calls f for every scalar in a mapping, with the mapping.
func walk(n *yaml.Node, f func(key string, value *yaml.Node, of map[string]*yaml.Node)) {
	of := map[string]*yaml.Node{}
	if n.Kind == yaml.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			of[n.Content[i].Value] = n.Content[i+1]
		}
		for key, value := range of {
			if value.Kind == yaml.ScalarNode {
				f(key, value, of)
			}
		}
	}
	for _, c := range n.Content {
		walk(c, f)
	}
}

// parse reads a duration of Prometheus with one unit. The rules have no durations with two.
func parse(s string) (time.Duration, error) {
	if n, ok := strings.CutSuffix(s, "d"); ok {
		s = n + "h"
		d, err := time.ParseDuration(s)
		return 24 * d, err
	}
	return time.ParseDuration(s)
}

func format(d time.Duration) string { return fmt.Sprintf("%dms", max(d.Milliseconds(), 1)) }
