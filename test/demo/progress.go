package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress prints the steps of the start and, every 15 seconds, the step in progress.
type progress struct {
	out  io.Writer
	next chan string
	done sync.WaitGroup
}

func newProgress(out io.Writer) *progress {
	p := &progress{out: out, next: make(chan string)}
	p.done.Go(p.print)
	return p
}

// step ends the previous step and begins a new one.
func (p *progress) step(name string) { p.next <- name }

// stop ends the last step.
func (p *progress) stop() {
	close(p.next)
	p.done.Wait()
}

func (p *progress) print() {
	tick := time.NewTicker(15 * time.Second)
	defer tick.Stop()
	var step string
	var began time.Time
	end := func() {
		if step != "" {
			fmt.Fprintf(p.out, "  ready: %-14s %3.0f s\n", step, time.Since(began).Seconds())
		}
	}
	for {
		select {
		case name, ok := <-p.next:
			end()
			if !ok {
				return
			}
			step, began = name, time.Now()
			tick.Reset(15 * time.Second)
		case <-tick.C:
			if step != "" {
				fmt.Fprintf(p.out, "  still: %-14s %3.0f s\n", step, time.Since(began).Seconds())
			}
		}
	}
}
