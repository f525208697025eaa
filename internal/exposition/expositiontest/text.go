package expositiontest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// readText parses the text format of Prometheus or of OpenMetrics. It refuses timestamps and
// exemplars, which the exporter does not write.
func readText(body io.Reader, openMetrics bool) (*Exposition, error) {
	r := &textReader{openMetrics: openMetrics, e: &Exposition{Families: map[string]*Family{}}}
	lines := bufio.NewReader(body)
	for n := 1; ; n++ {
		line, err := lines.ReadString('\n')
		switch {
		case err == io.EOF && line == "":
			if openMetrics && !r.ended {
				return nil, errors.New("no # EOF")
			}
			return r.e, nil
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", n, err)
		case r.ended:
			return nil, fmt.Errorf("line %d is after # EOF", n)
		}
		if err := r.line(strings.TrimSuffix(line, "\n")); err != nil {
			return nil, fmt.Errorf("line %d, %.200q: %w", n, line, err)
		}
	}
}

type textReader struct {
	openMetrics bool
	e           *Exposition
	name        string // name of the current family in this format
	help        *string
	family      *Family // nil until its type is known
	ended       bool
}

func (r *textReader) line(line string) error {
	if !strings.HasPrefix(line, "#") {
		return r.sample(line)
	}
	if line == "# EOF" && r.openMetrics {
		r.ended = true
		return nil
	}
	fields := strings.SplitN(line, " ", 4)
	if len(fields) != 4 || fields[0] != "#" || !isName(fields[2]) {
		return errors.New("neither # HELP, # TYPE nor # UNIT")
	}
	switch keyword, name, rest := fields[1], fields[2], fields[3]; keyword {
	case "HELP":
		text, err := unescape(rest, r.openMetrics)
		if err != nil {
			return err
		}
		r.name, r.help, r.family = name, &text, nil
		return nil
	case "TYPE":
		return r.typeLine(name, rest)
	case "UNIT":
		if !r.openMetrics || r.family == nil || name != r.name || !strings.HasSuffix(name, "_"+rest) {
			return errors.New("a unit that is not at the end of the name, or does not follow the type")
		}
		return nil
	default:
		return errors.New("neither # HELP, # TYPE nor # UNIT")
	}
}

func (r *textReader) typeLine(name, kind string) error {
	if r.family != nil || r.help == nil || name != r.name {
		return errors.New("a type that does not follow the help")
	}
	if suffixes[kind] == nil {
		return errors.New("unknown type")
	}
	full := name
	if r.openMetrics && kind == "counter" {
		full += "_total"
	}
	if r.e.Families[full] != nil {
		return errors.New("a repeated family")
	}
	r.family = &Family{Type: kind, Help: *r.help, Values: map[string]float64{}, Created: map[string]float64{}}
	r.e.Families[full] = r.family
	r.help = nil
	return nil
}

func (r *textReader) sample(line string) error {
	end := strings.IndexAny(line, "{ ")
	if end < 0 {
		return errors.New("no value")
	}
	name, rest := line[:end], line[end:]
	if r.family == nil {
		return errors.New("a sample without help and type")
	}
	suffix, ok := strings.CutPrefix(name, r.name)
	if !r.openMetrics && r.family.Type == "counter" {
		suffix, ok = suffixes["counter"][0], name == r.name
	}
	if !ok || !slices.Contains(suffixes[r.family.Type], suffix) || suffix == "_created" && !r.openMetrics {
		return fmt.Errorf("no sample of the %s %s", r.family.Type, r.name)
	}
	labels, rest, err := readLabels(rest)
	if err != nil {
		return err
	}
	text, ok := strings.CutPrefix(rest, " ")
	value, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil || strings.ContainsAny(text, "xX_iI+") && !strings.Contains(text, "e+") && text != "+Inf" && text != "-Inf" {
		return fmt.Errorf("%q is not a value", text)
	}
	if suffix == "_created" {
		key, err := series("", labels)
		if err != nil {
			return err
		}
		return r.family.addCreated(key, value)
	}
	key, err := series(name, labels)
	if err != nil {
		return err
	}
	return r.family.add(key, value)
}

// readLabels parses the labels in braces at the beginning of s, if there are any, and returns the
// rest of s.
func readLabels(s string) (labels []label, rest string, err error) {
	if !strings.HasPrefix(s, "{") {
		return nil, s, nil
	}
	for s = s[1:]; ; s = s[1:] {
		name, value, ok := strings.Cut(s, `="`)
		if !ok {
			return nil, "", errors.New("a label without a value")
		}
		end := 0
		for end < len(value) && value[end] != '"' {
			if value[end] == '\\' {
				end++
			}
			end++
		}
		if end+1 >= len(value) {
			return nil, "", errors.New("labels without an end")
		}
		text, err := unescape(value[:end], true)
		if err != nil {
			return nil, "", err
		}
		labels = append(labels, label{name, text})
		switch s = value[end+1:]; s[0] {
		case '}':
			return labels, s[1:], nil
		case ',':
		default:
			return nil, "", errors.New("neither , nor } after a label")
		}
	}
}

// unescape resolves \\ and \n and, where quotes are escaped, \".
func unescape(s string, quotes bool) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"' && quotes:
			return "", errors.New("a quote that is not escaped")
		case s[i] != '\\':
			b.WriteByte(s[i])
		case i+1 == len(s):
			return "", errors.New("a backslash at the end")
		default:
			i++
			switch {
			case s[i] == 'n':
				b.WriteByte('\n')
			case s[i] == '\\', s[i] == '"' && quotes:
				b.WriteByte(s[i])
			default:
				return "", fmt.Errorf(`\%c is not an escape`, s[i])
			}
		}
	}
	return b.String(), nil
}

// suffixes are the suffixes of the samples of each type. OpenMetrics reserves them.
var suffixes = map[string][]string{
	"counter":   {"_total", "_created"},
	"gauge":     {""},
	"histogram": {"_bucket", "_sum", "_count", "_created"},
	"summary":   {"", "_sum", "_count", "_created"},
}
