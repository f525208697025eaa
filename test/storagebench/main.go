//go:build linux

// Command storagebench compares the exporter's storage with databases that could take its
// place: each is a program of its own, and all take turns on the same disk. The exporter's
// storage alone keeps what recognizes repeats; the others have the same group commit in
// front (see load.Group). Reading after a crash is not compared.
package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/storagebench/load"
)

// stores are the programs, and the packages whose lines are the store's own.
var stores = []struct {
	name     string
	packages []string
}{
	{"bare", nil},
	{"journal", []string{"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/storage", "github.com/tuilivekit-exporter/tuilivekit-exporter/internal/payload", "github.com/tuilivekit-exporter/tuilivekit-exporter/internal/journal"}},
	{"bbolt", []string{"go.etcd.io/bbolt"}},
	{"pebble", []string{"github.com/cockroachdb/"}},
	{"raftwal", []string{"github.com/hashicorp/raft-wal", "go.etcd.io/bbolt"}},
	{"sqlite", []string{"modernc.org/"}},
}

var senders = []int{1, 64, 256}

var (
	rounds = flag.Int("rounds", 5, "how often each program runs with each number of senders; the table has the medians")
	window = flag.String("window", "2s", "how long one run takes")
	dir    = flag.String("dir", ".", "folder on the file system to measure")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "storagebench:", err)
		os.Exit(1)
	}
}

func run() error {
	bin, err := os.MkdirTemp("", "storagebench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(bin)
	sizes, lines := map[string]int64{}, map[string]int{}
	for _, s := range stores {
		fmt.Fprintln(os.Stderr, "building", s.name)
		if sizes[s.name], err = build(bin, s.name); err != nil {
			return err
		}
		if lines[s.name], err = count(s.name, s.packages); err != nil {
			return err
		}
	}
	figures := map[string]map[int][]load.Figures{}
	for round := range *rounds {
		for _, n := range senders {
			for _, s := range stores {
				fmt.Fprintf(os.Stderr, "round %d of %d: %s, %d senders\n", round+1, *rounds, s.name, n)
				f, err := measure(filepath.Join(bin, s.name), n)
				if err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
				if figures[s.name] == nil {
					figures[s.name] = map[int][]load.Figures{}
				}
				figures[s.name][n] = append(figures[s.name][n], f)
			}
		}
	}
	fmt.Println("| store | lines of code | program, MB more | resident, MiB | events a second: 1, 64, 256 senders | p99, ms | processor time of an event, us |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|")
	for _, s := range stores {
		row := func(verb string, of func(load.Figures) float64) string {
			var cells []string
			for _, n := range senders {
				cells = append(cells, fmt.Sprintf(verb, median(figures[s.name][n], of)))
			}
			return strings.Join(cells, ", ")
		}
		fmt.Printf("| %s | %d | %.1f | %.0f | %s | %s | %s |\n", s.name, lines[s.name],
			float64(sizes[s.name]-sizes["bare"])/1e6,
			median(figures[s.name][64], func(f load.Figures) float64 { return f.Resident }),
			row("%.0f", func(f load.Figures) float64 { return f.Rate }),
			row("%.1f", func(f load.Figures) float64 { return f.P99 }),
			row("%.0f", func(f load.Figures) float64 { return f.CPU }))
	}
	return nil
}

func median(all []load.Figures, of func(load.Figures) float64) float64 {
	all = slices.SortedFunc(slices.Values(all), func(a, b load.Figures) int { return cmp.Compare(of(a), of(b)) })
	return of(all[len(all)/2])
}

// build returns the size of the program in bytes.
func build(bin, name string) (int64, error) {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(bin, name), "./"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("build %s: %w", name, err)
	}
	info, err := os.Stat(filepath.Join(bin, name))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func measure(program string, senders int) (f load.Figures, err error) {
	cmd := exec.Command(program, "-senders="+strconv.Itoa(senders), "-window="+*window, "-dir="+*dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &f)
	}
	return f, err
}

// count returns the lines of code of the packages that begin so and that the program is
// built of, without blank lines and lines that are a comment.
func count(name string, prefixes []string) (lines int, err error) {
	list := exec.Command("go", "list", "-deps", "-f", "{{$p := .}}{{range .GoFiles}}{{$p.ImportPath}} {{$p.Dir}}/{{.}}\n{{end}}", "./"+name)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return 0, err
	}
	for file := range strings.Lines(string(out)) {
		path, name, _ := strings.Cut(strings.TrimSpace(file), " ")
		if !slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(path, prefix) }) {
			continue
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return 0, err
		}
		for line := range strings.Lines(string(content)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
				lines++
			}
		}
	}
	return lines, nil
}
