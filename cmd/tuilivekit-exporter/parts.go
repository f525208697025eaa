package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	oklog "github.com/oklog/run"
)

// parts are the parts of a process that run at the same time. When one of them returns, all are
// stopped, one after another, in the order in which they were added: a part is added before the
// parts that it hands work to.
type parts struct {
	group   oklog.Group
	timeout time.Duration // for stopping all of them

	begin             sync.Once
	drained, deadline context.Context
	cancel            context.CancelFunc
	failed            error // the errors of stopping
}

// part is one of the parts.
type part struct {
	name string
	// run returns when its context ends, or when the part has failed.
	run func(context.Context) error
	// stop finishes the work of the part before the context of run ends. It returns when the
	// work is finished, or when its own context ends. It is nil if there is nothing to finish.
	stop func(context.Context) error
	// late is added to the error if run does not return in time: what that means.
	late string
}

// add adds p. If p does not return in time, its goroutine is abandoned: the process ends.
func (ps *parts) add(p part) {
	ctx, cancel := context.WithCancel(context.Background())
	done, leave := make(chan error, 1), make(chan struct{})
	stopped := make(chan struct{})
	ps.group.Add(func() error {
		defer close(stopped)
		go func() { done <- p.run(ctx) }()
		select {
		case err := <-done:
			return err
		case <-leave:
			return nil
		}
	}, func(error) {
		ps.begin.Do(ps.startClock)
		if p.stop != nil {
			if err := p.stop(ps.drained); err != nil {
				ps.fail(p.name, err)
			}
		}
		cancel()
		select {
		case <-stopped:
		case <-ps.deadline.Done():
			close(leave)
			ps.fail(p.name, errors.New("takes longer than --shutdown.timeout"+p.late))
		}
	})
}

func (ps *parts) fail(name string, err error) {
	ps.failed = errors.Join(ps.failed, fmt.Errorf("stop the %s: %w", name, err))
}

// startClock starts the time limits of stopping: three quarters of the time are for the work in
// progress, the rest is for the last commit.
func (ps *parts) startClock() {
	var cancelDeadline, cancelDrained context.CancelFunc
	ps.deadline, cancelDeadline = context.WithTimeout(context.Background(), ps.timeout)
	ps.drained, cancelDrained = context.WithTimeout(ps.deadline, ps.timeout*3/4)
	ps.cancel = func() { cancelDrained(); cancelDeadline() }
}

// run starts all parts, and returns when they have stopped. Its error joins the error of the part
// that returned first and the errors of stopping.
func (ps *parts) run() error {
	err := ps.group.Run()
	ps.cancel()
	return errors.Join(err, ps.failed)
}
