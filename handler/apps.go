package handler

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/exposition"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// MaxTokens is the maximum number of callback tokens of an application.
const MaxTokens = tuilivekit.MaxTokens

// App is an application whose callbacks are accepted.
type App struct {
	// ID is the SDKAppID in decimal, without leading zeros.
	ID string
	// Name is the operator's name for the application, in UTF-8. The default is ID.
	Name string
	// MaxRooms is the limit of rooms before the first threshold event, 0 if it is not known.
	MaxRooms int64
	// Tokens are the callback tokens that may sign, at most MaxTokens. While a token is
	// replaced, the old and the new token are both given, so that no callback is refused.
	Tokens []string
	// AllowUnsigned accepts callbacks without a signature. SDKAppIDs are no secret: anyone
	// who can reach the URL can then set the counts. If there are Tokens, the signature of a
	// signed callback is still checked.
	AllowUnsigned bool
	// Backend is the application's own server, nil if it has none. Without a Backend, a
	// callback that asks for a decision is answered OK.
	Backend Backend
}

// Backend is the application's own server. It decides the answers to callbacks that ask for a
// decision. All other callbacks are delivered to it after they were acknowledged. Its methods
// may be called from several goroutines. Only the Callback writes answers.
type Backend interface {
	// Decide returns the answer to r, whose body is body. It must return before ctx ends,
	// and must not use body after it has returned. ErrLoop is answered 421, any other error
	// 500.
	Decide(ctx context.Context, r *http.Request, body []byte) (Answer, error)
	// Pack returns r, whose body is body, in the encoding in which the Backend gets it later.
	// The result is recorded in the same commit as the event. Pack must not block, and must
	// not keep body. ErrLoop is answered 421, any other error 500.
	Pack(r *http.Request, body []byte) (Packed, error)
}

// Answer is the answer to a callback.
type Answer struct {
	// Status is the HTTP status, 200 to 599.
	Status int
	// Header has the header fields. Only Content-Type and Content-Encoding are sent.
	Header http.Header
	// Body is sent unchanged. Nobody may change it after it was returned.
	Body []byte
}

// Packed is a callback to deliver to a Backend later.
type Packed struct {
	// Lane is equal for callbacks that must be delivered in their order. It is not 0.
	Lane uint64
	// Data is the callback in the encoding of the Backend, nil if there is nothing to deliver.
	// Nobody may change it after it was returned.
	Data []byte
}

// ErrLoop is returned by a Backend for a request that it has relayed before.
var ErrLoop = errors.New("relay loop")

// apps are the configured applications. It is immutable.
type apps struct {
	byID map[string]*app
	list []*app // in the order of their IDs
}

type app struct {
	id            string
	tokens        []string
	allowUnsigned bool
	backend       Backend // or nil
	stats         *appStats
}

// appStats are the counters of one application since it was configured, and its last events.
//
// What each callback changes stands first and together: with many applications it is not in the
// processor's cache, and waiting for it takes longer than the change.
type appStats struct {
	tokenUsed [MaxTokens]atomic.Int64 // time of the last use, Unix milliseconds; 0 before the first
	recent    recent                  // threshold events
	commands  [tuilivekit.Commands]commandStats

	since        time.Time
	discarded    [numDiscards]atomic.Uint64
	oddities     [numOddities]atomic.Uint64
	rateAlarms   [tuilivekit.RESTCommands]atomic.Uint64
	durations    *exposition.Observations
	warnedBefore atomic.Bool
	refused      atomic.Pointer[note] // the last refusal, nil before the first
	selfTested   atomic.Int64         // time of the last self-test, Unix milliseconds; 0 before the first
}

// commandStats are the accepted callbacks of one command.
type commandStats struct {
	total atomic.Uint64
	last  atomic.Int64 // time of the last one, Unix milliseconds; undefined before the first
}

// dummyTokens are checked for an unknown application, so that the time of an answer does not
// tell whether an application is configured.
var dummyTokens = []string{rand.Text()}

// Configure makes list the configured applications. It is Prepare and apply in one call.
func (c *Callback) Configure(list []App) error {
	apply, err := c.Prepare(list)
	if err == nil {
		apply()
	}
	return err
}

// Prepare checks list and changes nothing. It fails if list is empty, if an ID is malformed or
// repeated, if a name is not UTF-8, if a token is empty or too long, if there are more than
// MaxTokens tokens, or if there is no token and AllowUnsigned is false. apply makes list the
// configured applications and cannot fail. A request uses either the old list or the new list
// as a whole. An application that is in both keeps its counters. list must not be changed
// before apply returns.
func (c *Callback) Prepare(list []App) (apply func(), err error) {
	if err := check(list); err != nil {
		return nil, err
	}
	return func() { c.apply(list) }, nil
}

func (c *Callback) apply(list []App) {
	c.configure.Lock()
	defer c.configure.Unlock()
	old, next := c.apps.Load(), &apps{byID: make(map[string]*app, len(list))}
	shown := make([]Counted, 0, len(list))
	for _, a := range list {
		app := newApp(a, old.byID[a.ID])
		next.byID[a.ID], next.list = app, append(next.list, app)
		shown = append(shown, Counted{ID: a.ID, Name: cmp.Or(a.Name, a.ID), MaxRooms: a.MaxRooms})
	}
	slices.SortFunc(next.list, func(a, b *app) int { return cmp.Compare(a.id, b.id) })
	c.store.Configure(shown)
	c.apps.Store(next)
}

func check(list []App) error {
	if len(list) == 0 {
		return errors.New("no applications")
	}
	ids := make(map[string]bool, len(list))
	for i, a := range list {
		if err := a.check(); err != nil {
			return fmt.Errorf("application %d: %w", i, err)
		}
		if ids[a.ID] {
			return fmt.Errorf("application %d: ID %s is used twice", i, a.ID)
		}
		ids[a.ID] = true
	}
	return nil
}

func (a App) check() error {
	if !tuilivekit.ValidAppID(a.ID) {
		return errors.New("ID is not a decimal SDKAppID")
	}
	if !utf8.ValidString(a.Name) {
		return errors.New("name is not UTF-8") // Prometheus would refuse every scrape
	}
	if len(a.Tokens) == 0 && !a.AllowUnsigned {
		return errors.New("no tokens")
	}
	if len(a.Tokens) > MaxTokens {
		return fmt.Errorf("%d tokens, the maximum is %d", len(a.Tokens), MaxTokens)
	}
	for i, token := range a.Tokens {
		if token == "" || len(token) > tuilivekit.MaxTokenLength {
			return fmt.Errorf("token %d has %d bytes, must have 1 to %d", i, len(token), tuilivekit.MaxTokenLength)
		}
	}
	return nil
}

// newApp returns the application that a describes, with the counters of old, which may be nil.
// A token that has the same index as before keeps the time of its last use.
func newApp(a App, old *app) *app {
	next := &app{id: a.ID, tokens: append([]string(nil), a.Tokens...), allowUnsigned: a.AllowUnsigned, backend: a.Backend}
	if old == nil {
		next.stats = &appStats{since: time.Now(), durations: durationHistogram.Observations()}
		return next
	}
	next.stats = old.stats
	for i := range next.stats.tokenUsed {
		if i >= len(next.tokens) || i >= len(old.tokens) || next.tokens[i] != old.tokens[i] {
			next.stats.tokenUsed[i].Store(0)
		}
	}
	return next
}
