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
	hinted bool                  // another replica has announced a change that was not read yet

	nextRead, nextRepeat, nextWhole time.Time

	newest state.News // the newest event of this replica
	text   string     // the member of newest
}

// encoded returns the member of n, the newest event of this replica, "" if there is none.
func (b *book) encoded(n state.News) string {
	if n != b.newest {
		b.newest, b.text = n, encodeEvent(n)
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
