//go:build linux

// Command bench measures what durability costs: callbacks a second, their latency and
// the processor time of the exporter, with the storage on a disk and in memory only,
// beside a bare loop of write and fdatasync on the same disk. The windows of all three
// take turns, so that other work of the machine affects all of them. After printing the figures, it
// fails if a ratio to the references was above its limit several times.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
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
	if err := os.WriteFile(filepath.Join(tmp, "token"), []byte(token), 0o600); err != nil {
		return err
	}
	// On a busy machine a late commit is slow, not failed.
	args := []string{"--storage.timeout=30s", "--webhook.max-connections-per-source=1024", "--app.token-file=" + filepath.Join(tmp, "token")}
	for i := range apps {
		args = append(args, "--app="+appID(i))
	}
	durable, err := exporter.Start(binary, append(args, "--storage.path="+filepath.Join(tmp, "data"))...)
	if err != nil {
		return err
	}
	defer durable.Kill()
	memory, err := exporter.Start(binary, append(args, "--storage.path=")...)
	if err != nil {
		return err
	}
	defer memory.Kill()
	var j judge
	for _, path := range []string{"", filepath.Join(tmp, "resident")} {
		if err := resident(&j, binary, path, args); err != nil {
			return err
		}
	}
	fmt.Printf("\nmedians of %d windows of %s\n\n", *rounds, *window)
	fmt.Println("| senders | durable/s | memory/s | write+fdatasync/s | callbacks/commit | durable p50 | p99 | memory p50 | p99 | CPU durable | CPU memory | ratio |")
	fmt.Println("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, s := range strings.Split(*senders, ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			return err
		}
		for try := 1; ; try++ {
			l, err := compare(n, durable, memory, tmp)
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

// compare measures with n senders and prints a row.
func compare(n int, durable, memory *exporter.Process, disk string) (load, error) {
	var d, m []result
	var syncs []float64
	for i := range *rounds + 1 {
		rd, err := measure(durable, n, *window)
		if err != nil {
			return load{}, err
		}
		rate, err := bareSync(filepath.Join(disk, "sync"), *window/4)
		if err != nil {
			return load{}, err
		}
		rm, err := measure(memory, n, *window)
		if err != nil {
			return load{}, err
		}
		if i > 0 { // the first window warms up
			d, m, syncs = append(d, rd), append(m, rm), append(syncs, rate)
		}
	}
	ratios := make([]float64, len(d))
	for i := range d {
		ratios[i] = d[i].cpu / m[i].cpu
	}
	l := load{
		senders: n, rate: median(d, result.getRate), memoryRate: median(m, result.getRate),
		p99: median(d, result.getP99), memoryP99: median(m, result.getP99),
		sync: 1000 / medianOf(syncs), processorTimeRatio: medianOf(ratios),
	}
	fmt.Printf("| %d | %.0f | %.0f | %.0f | %.1f | %.2f ms | %.2f ms | %.2f ms | %.2f ms | %.1f µs | %.1f µs | %.2f |\n", n,
		l.rate, l.memoryRate, medianOf(syncs), median(d, result.getBatch), median(d, result.getP50), l.p99,
		median(m, result.getP50), l.memoryP99, median(d, result.getCPU), median(m, result.getCPU), l.processorTimeRatio)
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
