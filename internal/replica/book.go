package replica

import (
	"math/rand/v2"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// book is what this replica knows of the engine's records of one application.
type book struct {
	id     string
	event  string                // the newest event in the engine, as its member
	rooms  map[roomMember]uint64 // the scores in the engine, of rooms that changed lately
	hint   float64               // the score of the last announced change
	hinted bool                  // another replica has announced a change that was not read yet
	read   int64                 // time of the last read, Unix milliseconds; 0 before the first
	failed bool                  // the last command for the application has failed

	nextRead, nextRepeat, nextWhole time.Time

	newest state.News // the newest event that this replica knows
	text   string     // its member
}

// encoded returns the member of n, the newest event that this replica knows, and "" if there is
// no event.
func (b *book) encoded(n state.News) string {
	if n != b.newest {
		b.newest, b.text = n, encodeEvent(n)
	}
	return b.text
}

// recover notes that the engine accepts commands for the application again. The engine may have
// lost records meanwhile, so all rooms are exchanged soon.
func (b *book) recover(now time.Time) {
	b.failed = false
	if limit := now.Add(spread(retryInterval)); b.nextWhole.After(limit) {
		b.nextWhole = limit
	}
}

// spread returns a random part of d. It keeps the applications from being exchanged at the same
// moment.
func spread(d time.Duration) time.Duration { return rand.N(d) }
