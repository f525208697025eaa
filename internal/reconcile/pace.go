package reconcile

import (
	"context"
	"math"
	"math/rand/v2"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi"
)

const (
	// slowest is the lowest rate of calls per second that Tencent's rate limit can lead to.
	slowest = 0.05
	// tries is the largest number of attempts of a call whose error may be temporary.
	tries = 4
)

// pace limits the rate of the calls of one application. It is not safe for concurrent use.
type pace struct {
	most, rate float64 // calls a second, configured and now
	last       time.Time
}

// wait blocks until the next call may be made. It returns false if ctx ends first. There is no burst:
// no second has more calls than the rate.
func (p *pace) wait(ctx context.Context) bool {
	next := p.last.Add(time.Duration(math.Ceil(float64(time.Second) / p.rate)))
	if p.last.IsZero() {
		next = time.Now()
	}
	if !sleep(ctx, max(time.Until(next), 0)) {
		return false
	}
	p.last = time.Now()
	return true
}

// slower halves the rate: the backend of the application has the same rate limit.
func (p *pace) slower() { p.rate = max(p.rate/2, min(slowest, p.most)) }

// recover doubles the rate, up to the configured rate. It is called after a recount without errors.
func (p *pace) recover() { p.rate = min(p.rate*2, p.most) }

// call makes a call, and repeats it as the advice of its errors says, at the pace of c. seen is the
// time when the last attempt began, by Tencent's clock: its answer was true then or later.
func (c *counter) call(ctx context.Context, do func() error) (seen int64, err error) {
	backoff := time.Second
	for try := 1; ; try++ {
		if !c.pace.wait(ctx) {
			return 0, ctx.Err()
		}
		c.metrics.calls.Add(1)
		began := time.Now()
		err := do()
		if err == nil || ctx.Err() != nil {
			return c.tencentTime(began), err
		}
		switch restapi.AdviceOf(err).Retry {
		case restapi.Slower:
			c.pace.slower()
		case restapi.Soon:
		default:
			return c.tencentTime(began), err
		}
		if try == tries {
			return 0, err
		}
		if !sleep(ctx, backoff+rand.N(backoff)) {
			return 0, ctx.Err()
		}
		backoff *= 2
	}
}

// tencentTime returns what Tencent's clock said at t, or up to a second less and the time of an
// answer's way less, in Unix milliseconds. The events of callbacks have the time of that clock. A
// time that is too early does no harm: what callbacks said in that second stays.
func (c *counter) tencentTime(t time.Time) int64 {
	if clock, ok := c.app.API.Clock(); ok {
		t = t.Add(-clock.Local.Sub(clock.Server))
	}
	return t.UnixMilli()
}

// sleep blocks for d. It returns false if ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
