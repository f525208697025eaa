package reconcile

import (
	"context"
	"math"
	"math/rand/v2"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi"
)

const (
	// slowest is the fewest calls a second that a limit of Tencent can bring a recount to.
	slowest = 0.05
	// tries is how often a call is made whose fault may pass.
	tries = 4
)

// pace keeps the calls of one application below a rate. It belongs to one goroutine.
type pace struct {
	most, rate float64 // calls a second, configured and now
	last       time.Time
}

// wait returns when the next call may be made, or false if ctx ends first. No second has more
// calls than the rate, which is why a recount has no burst.
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

// slower halves the rate: somebody else needs the limit.
func (p *pace) slower() { p.rate = max(p.rate/2, min(slowest, p.most)) }

// recover doubles the rate after a recount that met no fault, up to what is configured.
func (p *pace) recover() { p.rate = min(p.rate*2, p.most) }

// call makes a call, and again as often as its errors advise, each at the pace of c. seen is
// when the last one began, by Tencent's clock: what it answers was true then or later.
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

// sleep returns false if ctx ends first.
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
