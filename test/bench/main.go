//go:build linux

// Command bench measures what durability costs: callbacks a second, their latency and
// the processor time of the exporter, with the storage on a disk and in memory only,
// beside a bare loop of write and fdatasync on the same disk, and beside a bare server of net/http
// that appends and syncs the bodies. The windows of all take turns, so that other work of the machine affects
// all of them. After printing the figures, it fails if a ratio to the references was above its limit several times.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

var (
	dir     = flag.String("dir", "", "folder on the disk to measure, by default that of temporary files")
	window  = flag.Duration("window", 2*time.Second, "how long one measurement takes")
	rounds  = flag.Int("rounds", 5, "how many measurements of each kind; the median is printed")
	senders = flag.String("senders", "1,16,64,128", "numbers of concurrent senders")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	tmp, err := os.MkdirTemp(*dir, "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	binary, err := exporter.Build(tmp)
	if err != nil {
		return err
	}
	bare := filepath.Join(tmp, "bare")
	if out, err := exec.Command("go", "build", "-o", bare, "github.com/tuilivekit-exporter/tuilivekit-exporter/test/bench/bare").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(tmp, "token"), []byte(token), 0o600); err != nil {
		return err
	}
	// On a busy machine a late commit is slow, not failed.
	args := []string{"--storage.timeout=30s", "--webhook.max-connections-per-source=1024", "--app.token-file=" + filepath.Join(tmp, "token")}
	for i := range apps {
		args = append(args, "--app="+appID(i))
	}
	s, err := start(binary, bare, tmp, args)
	if err != nil {
		return err
	}
	defer s.kill()
	var j judge
	for _, path := range []string{"", filepath.Join(tmp, "resident")} {
		if err := resident(&j, binary, path, args); err != nil {
			return err
		}
	}
	fmt.Printf("\nmedians of %d windows of %s\n\n", *rounds, *window)
	fmt.Println("| senders | durable/s | memory/s | write+fdatasync/s | callbacks/commit | durable p50 | p99 | memory p50 | p99 | CPU durable | CPU memory | ratio | bare, durable | bare, memory | ratio |")
	fmt.Println("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, number := range strings.Split(*senders, ",") {
		n, err := strconv.Atoi(number)
		if err != nil {
			return err
		}
		for try := 1; ; try++ {
			l, err := compare(n, s, tmp)
			if err != nil {
				return err
			}
			if n != targetSenders {
				break
			}
			fmt.Printf("\n%s\n\n", l.targets())
			problem := l.problem()
			if problem == nil {
				break
			}
			fmt.Printf("%v\n\n", problem)
			if try == limitTries {
				j.failures = append(j.failures, problem)
				break
			}
		}
	}
	return errors.Join(j.failures...)
}

// servers are what is measured, each with the storage on a disk and in memory only.
type servers struct{ durable, memory, bareDurable, bareMemory *exporter.Process }

func start(binary, bare, dir string, args []string) (s servers, err error) {
	for _, one := range []struct {
		process **exporter.Process
		binary  string
		args    []string
	}{
		{&s.durable, binary, append(slices.Clone(args), "--storage.path="+filepath.Join(dir, "data"))},
		{&s.memory, binary, append(slices.Clone(args), "--storage.path=")},
		{&s.bareDurable, bare, []string{"--storage.path=" + filepath.Join(dir, "bare-data")}},
		{&s.bareMemory, bare, nil},
	} {
		if *one.process, err = exporter.Start(one.binary, one.args...); err != nil {
			s.kill()
			return s, err
		}
	}
	return s, nil
}

func (s servers) kill() {
	for _, p := range []*exporter.Process{s.durable, s.memory, s.bareDurable, s.bareMemory} {
		if p != nil {
			p.Kill()
		}
	}
}

// compare measures with n senders and prints a row.
func compare(n int, s servers, disk string) (load, error) {
	var d, m, bd, bm []result
	var syncs []float64
	for i := range *rounds + 1 {
		rate, err := bareSync(filepath.Join(disk, "sync"), *window/4)
		if err != nil {
			return load{}, err
		}
		for _, one := range []struct {
			process *exporter.Process
			results *[]result
		}{{s.durable, &d}, {s.memory, &m}, {s.bareDurable, &bd}, {s.bareMemory, &bm}} {
			r, err := measure(one.process, n, *window)
			if err != nil {
				return load{}, err
			}
			if i > 0 { // the first window warms up
				*one.results = append(*one.results, r)
			}
		}
		if i > 0 {
			syncs = append(syncs, rate)
		}
	}
	l := load{
		senders: n, rate: median(d, result.getRate), memoryRate: median(m, result.getRate),
		p99: median(d, result.getP99), memoryP99: median(m, result.getP99),
		sync: 1000 / medianOf(syncs), processorTime: median(d, result.getCPU), memoryProcessorTime: median(m, result.getCPU),
		bareProcessorTime: median(bd, result.getCPU), bareMemoryProcessorTime: median(bm, result.getCPU),
	}
	fmt.Printf("| %d | %.0f | %.0f | %.0f | %.1f | %.2f ms | %.2f ms | %.2f ms | %.2f ms | %.1f µs | %.1f µs | %.2f | %.1f µs | %.1f µs | %.2f |\n", n,
		l.rate, l.memoryRate, medianOf(syncs), median(d, result.getBatch), median(d, result.getP50), l.p99,
		median(m, result.getP50), l.memoryP99, l.processorTime, l.memoryProcessorTime, l.processorTime/l.memoryProcessorTime,
		l.bareProcessorTime, l.bareMemoryProcessorTime, l.bareProcessorTime/l.bareMemoryProcessorTime)
	return l, nil
}

// resident prints the memory of an exporter after many callbacks: the least of several runs, because
// garbage is collected late on a busy machine.
func resident(j *judge, binary, storage string, args []string) error {
	name := "durable"
	if storage == "" {
		name = "memory only"
	}
	var least memory
	for try := range limitTries {
		folder := storage
		if storage != "" {
			folder = filepath.Join(storage, strconv.Itoa(try))
		}
		m, err := residentOnce(binary, append(slices.Clone(args), "--storage.path="+folder))
		if err != nil {
			return err
		}
		if try == 0 || m.after < least.after {
			least = m
		}
		if least.after < targetResident {
			break
		}
	}
	fmt.Printf("resident memory with %d applications, %s: %.1f MiB at start, %.1f MiB after %d callbacks (at most %.1f): %s\n",
		apps, name, mib(least.before), mib(least.after), least.callbacks, mib(least.peak), j.memory(name, least.after))
	return nil
}

// memory is the resident memory of an exporter, in bytes, before and after its callbacks.
type memory struct {
	before, after, peak int64
	callbacks           int
}

func residentOnce(binary string, args []string) (m memory, err error) {
	const callbacks = 100_000
	p, err := exporter.Start(binary, args...)
	if err != nil {
		return m, err
	}
	defer p.Kill()
	if m.before, err = p.Resident(); err != nil {
		return m, err
	}
	for m.callbacks < callbacks {
		r, err := measure(p, 16, 250*time.Millisecond)
		if err != nil {
			return m, err
		}
		m.callbacks += r.callbacks
		if m.after, err = p.Resident(); err != nil {
			return m, err
		}
		m.peak = max(m.peak, m.after)
	}
	return m, nil
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

func median(results []result, value func(result) float64) float64 {
	values := make([]float64, len(results))
	for i, r := range results {
		values[i] = value(r)
	}
	return medianOf(values)
}

func medianOf(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
