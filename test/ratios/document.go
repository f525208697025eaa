package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// The table of a document is between these lines.
const (
	tableBegin = "<!-- make bench BENCH=-update writes this table. -->\n"
	tableEnd   = "<!-- End of the table. -->\n"
)

// writeDocument replaces the table of ratios in a document.
func writeDocument(path string, list []*pair) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), tableBegin)
	_, after, closed := strings.Cut(rest, tableEnd)
	if !ok || !closed {
		return fmt.Errorf("%s: no table between %q and %q", path, tableBegin, tableEnd)
	}
	var b strings.Builder
	b.WriteString("| benchmark | reference | exporter | ratio | ratio of each round |\n|---|--:|--:|--:|--:|\n")
	for _, p := range list {
		if len(p.reference) > 0 {
			fmt.Fprintf(&b, "| %s | %s | %s | %.3g | %.3g–%.3g |\n", p.name, duration(slices.Min(p.reference)), duration(slices.Min(p.exporter)),
				p.ratio(), slices.Min(p.ratios()), slices.Max(p.ratios()))
		}
	}
	return os.WriteFile(path, []byte(before+tableBegin+b.String()+tableEnd+after), 0o644)
}
