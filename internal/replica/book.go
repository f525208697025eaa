package replica

import (
	"math/rand/v2"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// book is what is known of the engine's records of one application.
type book struct {
	id     string
	event  string                // the newest member that the engine has
	rooms  map[roomMember]uint64 // what it has of the rooms that changed lately
	hint   float64               // the last change that another replica has announced
	read   int64                 // when it was last read, Unix milliseconds
	failed bool                  // a command for it has failed since it was last exchanged as a whole

	nextRead, nextRepeat, nextWhole time.Time

	counts state.Counts // without counters: what text is the member of
	text   string
}

// encoded returns the member of the newest event in c.
func (b *book) encoded(c state.Counts) string {
	event := state.Counts{EventTime: c.EventTime, Current: c.Current, Max: c.Max, Received: c.Received, Operator: c.Operator}
	if event != b.counts {
		b.counts, b.text = event, encodeEvent(event)
	}
	return b.text
}

// recover notes that the engine takes commands for the application again: who knows what it
// has lost.
func (b *book) recover(now time.Time) {
	b.failed = false
	if limit := now.Add(spread(retryInterval)); b.nextWhole.After(limit) {
		b.nextWhole = limit
	}
}

// spread returns a part of d, so that not all applications have their turn at once.
func spread(d time.Duration) time.Duration { return rand.N(d) }
