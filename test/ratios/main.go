// Command ratios reads the output of go test -bench from standard input and prints it again, followed
// by a table: for each benchmark that has both, the ratio of the sub-benchmark "exporter" to
// "reference". It fails if a ratio is more than limit times the recorded ratio.
//
// The ratio is that of the least figures of all rounds: the least is what the machine takes
// when nothing disturbs it, and a ratio does not depend on how fast it is.
//
//	scripts/bench | go run ./ratios -recorded ratios/recorded.txt
//	go run ./ratios -picture FILE -by apps
package main

import (
	"bufio"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// limit is the factor of the recorded ratio from which on a ratio is a regression.
const limit = 1.5

func main() {
	recorded := flag.String("recorded", "", "file with the ratios to compare with, NAME RATIO in each line")
	write := flag.Bool("update", false, "write that file again, and the table of -document")
	document := flag.String("document", "", "document with a table of the ratios")
	picture := flag.String("picture", "", "SVG to write, of how the figures grow")
	by := flag.String("by", "", "what grows in the picture, the part NAME= of the benchmark's name")
	flag.Parse()
	if err := run(os.Stdin, os.Stdout, *recorded, *document, *write, *picture, *by); err != nil {
		fmt.Fprintln(os.Stderr, "ratios:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, recorded, document string, write bool, picture, by string) error {
	list, err := read(in, out)
	if err != nil {
		return err
	}
	if picture != "" {
		svg, err := draw(list, by)
		if err != nil {
			return err
		}
		return os.WriteFile(picture, svg, 0o644)
	}
	known := map[string]float64{}
	if recorded != "" && !write {
		if known, err = readRecorded(recorded); err != nil {
			return err
		}
	}
	regressed := table(out, list, known)
	if write {
		err := writeRecorded(recorded, list)
		if document != "" {
			err = errors.Join(err, writeDocument(document, list))
		}
		return err
	}
	return regressed
}

// pair has the figures of a benchmark, one for each round.
type pair struct {
	name                string
	unit                string
	reference, exporter []float64
}

// read returns the benchmarks that have both figures, in the order of their names, and
// prints what it reads.
func read(in io.Reader, out io.Writer) ([]*pair, error) {
	pairs := map[string]*pair{}
	lines := bufio.NewScanner(in)
	failed := false
	for lines.Scan() {
		fmt.Fprintln(out, lines.Text())
		failed = failed || strings.HasPrefix(lines.Text(), "FAIL") || strings.HasPrefix(lines.Text(), "--- FAIL")
		name, value, unit, ok := parse(lines.Text())
		if !ok {
			continue
		}
		base, which, ok := cutLast(name, "/")
		if !ok || which != "reference" && which != "exporter" {
			continue
		}
		p := pairs[base]
		if p == nil {
			p = &pair{name: base, unit: unit}
			pairs[base] = p
		}
		if which == "reference" {
			p.reference = append(p.reference, value)
		} else {
			p.exporter = append(p.exporter, value)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if failed {
		return nil, errors.New("a benchmark failed")
	}
	var list []*pair
	for _, p := range pairs {
		if len(p.reference) != len(p.exporter) && len(p.reference) > 0 { // a benchmark without reference is for pictures
			return nil, fmt.Errorf("%s: %d rounds of the reference and %d of the exporter", p.name, len(p.reference), len(p.exporter))
		}
		list = append(list, p)
	}
	if len(list) == 0 {
		return nil, errors.New("no benchmark with a reference")
	}
	slices.SortFunc(list, func(a, b *pair) int { return cmp.Compare(a.name, b.name) })
	return list, nil
}

// parse reads a line of go test -bench. The value is the processor time of an operation if
// the benchmark has measured it, else its time.
func parse(line string) (name string, value float64, unit string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return "", 0, "", false
	}
	name = strings.TrimPrefix(fields[0], "Benchmark")
	if base, procs, ok := cutLast(name, "-"); ok {
		if _, err := strconv.Atoi(procs); err == nil {
			name = base
		}
	}
	for i := 3; i < len(fields); i += 2 {
		if fields[i] != "ns/op" && fields[i] != "cpu-ns/op" || unit == "cpu-ns/op" {
			continue
		}
		v, err := strconv.ParseFloat(fields[i-1], 64)
		if err != nil {
			return "", 0, "", false
		}
		value, unit = v, fields[i]
	}
	return name, value, unit, unit != "" && value > 0
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// ratio returns the ratio of the least figures.
func (p *pair) ratio() float64 { return slices.Min(p.exporter) / slices.Min(p.reference) }

// ratios returns the ratio of each round.
func (p *pair) ratios() []float64 {
	ratios := make([]float64, len(p.exporter))
	for i := range ratios {
		ratios[i] = p.exporter[i] / p.reference[i]
	}
	return ratios
}

// table prints the ratios, and returns an error for those that are far above known.
func table(out io.Writer, list []*pair, known map[string]float64) error {
	var regressions []error
	fmt.Fprintln(out, "\n| benchmark | reference | exporter | ratio | of rounds | recorded |\n|---|--:|--:|--:|--:|--:|")
	for _, p := range list {
		if len(p.reference) == 0 {
			continue
		}
		ratio, was := p.ratio(), "-"
		if k, ok := known[p.name]; ok {
			was = fmt.Sprintf("%.3g", k)
			if ratio > limit*k {
				regressions = append(regressions, fmt.Errorf("%s takes %.3g of its reference, more than %.1f times the %.3g that were recorded", p.name, ratio, limit, k))
			}
		}
		fmt.Fprintf(out, "| %s | %s | %s | %.3g | %.3g–%.3g | %s |\n", p.name, duration(slices.Min(p.reference)), duration(slices.Min(p.exporter)),
			ratio, slices.Min(p.ratios()), slices.Max(p.ratios()), was)
	}
	return errors.Join(regressions...)
}

// duration returns the text of nanoseconds.
func duration(ns float64) string {
	for _, unit := range []struct {
		ns   float64
		name string
	}{{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}} {
		if ns >= unit.ns {
			return fmt.Sprintf("%.3g %s", ns/unit.ns, unit.name)
		}
	}
	return fmt.Sprintf("%.3g ns", ns)
}

func readRecorded(path string) (map[string]float64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	known := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if known[name], err = strconv.ParseFloat(value, 64); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return known, nil
}

func writeRecorded(path string, list []*pair) error {
	var b strings.Builder
	b.WriteString("# What each benchmark takes of its reference. make bench BENCH=-update writes this file again.\n")
	for _, p := range list {
		if len(p.reference) > 0 {
			fmt.Fprintf(&b, "%s %.3g\n", p.name, p.ratio())
		}
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}
