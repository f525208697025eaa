package handler

import (
	"strings"
	"sync/atomic"
	"time"
)

// notes remember for people what the metrics only count: the last refusal of each
// reason. Whoever can reach the port can cause refusals, so there is one for a reason,
// and of the request it has no more than what the log has.
type notes [numReasons]struct {
	total atomic.Uint64
	last  atomic.Pointer[note]
}

// note is one refusal. It is not changed once it is made.
type note struct {
	reason reason
	at     time.Time
	appID  string // printable; empty if the request did not get so far
	detail string
}

func newNote(f *refusal) *note {
	n := &note{reason: f.reason, at: time.Now(), appID: strings.Clone(safe(f.appID)), detail: f.text}
	if f.reason == reasonTime && f.err != nil {
		n.detail = f.err.Error() // the skew, which only the holder of a token can cause
	}
	return n
}

// note keeps f as the last refusal of its reason, and of its application if that is
// configured.
func (c *Callback) note(f *refusal) {
	n := newNote(f)
	c.notes[f.reason].last.Store(n)
	c.notes[f.reason].total.Add(1)
	if app := c.apps.Load().byID[f.appID]; app != nil {
		app.stats.refused.Store(n)
	}
}
