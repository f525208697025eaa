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

// MaxTokens is how many callback tokens of an application can be live at once.
const MaxTokens = tuilivekit.MaxTokens

// App is an application whose callbacks are accepted.
type App struct {
	// ID is the SDKAppID in decimal, without leading zeros.
	ID string
	// Name is the operator's name for it, in UTF-8, by default ID.
	Name string
	// MaxRooms is how many rooms it may have, 0 if that is not known: the limit until a
	// threshold event tells it.
	MaxRooms int64
	// Tokens are the callback tokens that may sign, at most MaxTokens. With two, a
	// token can be changed without losing a callback.
	Tokens []string
	// AllowUnsigned accepts callbacks without a signature. SDKAppIDs are no secret: anyone
	// who can reach the URL can then set the counts. If there are Tokens, the signature of a
	// signed callback is still checked.
	AllowUnsigned bool
	// Backend is the application's own server, which got the callbacks before. Without a
	// Backend, a callback that asks for a decision is answered OK.
	Backend Backend
}

// Backend is the application's own server: it decides the answers of callbacks that ask
// for a decision, and gets all others later. Its methods may be called from several
// goroutines. They return values and errors; only the Callback writes answers.
type Backend interface {
	// Decide returns the answer to r, whose body is body. It must return before ctx ends,
	// and must not use body after that. ErrLoop is answered 421, any other error 500.
	Decide(ctx context.Context, r *http.Request, body []byte) (Answer, error)
	// Pack returns r, whose body is body, as the Backend wants to get it later. It is
	// recorded with its event, in one commit. Pack must not block or keep body. ErrLoop is
	// answered 421, any other error 500.
	Pack(r *http.Request, body []byte) (Packed, error)
}

// Answer is the answer to a callback.
type Answer struct {
	// Status is the HTTP status, 200 to 599.
	Status int
	// Header has the header fields; only Content-Type and Content-Encoding are sent.
	Header http.Header
	// Body is sent as it is. It must not be changed afterwards.
	Body []byte
}

// Packed is a callback as a Backend gets it later.
type Packed struct {
	// Lane is the same for callbacks that the Backend gets in their order. It is not 0.
	Lane uint64
	// Data is what the Backend can read. It must not be changed afterwards. Nil if nothing
	// is to be delivered later.
	Data []byte
}

// ErrLoop is returned by a Backend for a request that has passed it already.
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

// appStats counts what came for one application since it was configured.
type appStats struct {
	since        time.Time
	commands     [tuilivekit.Commands]atomic.Uint64
	last         [tuilivekit.Commands]atomic.Int64 // Unix milliseconds, meaningless without a count
	discarded    [numDiscards]atomic.Uint64
	oddities     [numOddities]atomic.Uint64
	rateAlarms   [tuilivekit.RESTCommands]atomic.Uint64
	durations    *exposition.Observations
	tokenUsed    [MaxTokens]atomic.Int64 // Unix milliseconds, 0 if never
	warnedBefore atomic.Bool
	refused      atomic.Pointer[note] // the last one, nil without
	recent       recent               // threshold events
	selfTested   atomic.Int64         // Unix milliseconds of the last self-test, 0 if none
}

// dummyTokens are checked for an unknown application, so that it costs as much work as a
// known one.
var dummyTokens = []string{rand.Text()}

// Configure makes list the applications whose callbacks are accepted, at once; see
// Prepare.
func (c *Callback) Configure(list []App) error {
	apply, err := c.Prepare(list)
	if err == nil {
		apply()
	}
	return err
}

// Prepare checks list and changes nothing. It fails when there are no applications, when
// one has a malformed or repeated ID, or when its tokens are too many, too long, empty,
// or none without AllowUnsigned. The function that it returns makes list the applications
// whose callbacks are accepted, at once, and cannot fail: a request is judged by the old ones
// or by the new ones. Counters of applications that stay go on. list must not be changed until then.
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
			return fmt.Errorf("application %d: ID %s is there twice", i, a.ID)
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
		return errors.New("name is not UTF-8") // no scrape could be parsed
	}
	if len(a.Tokens) == 0 && !a.AllowUnsigned {
		return errors.New("no tokens")
	}
	if len(a.Tokens) > MaxTokens {
		return fmt.Errorf("%d tokens, at most %d can be live", len(a.Tokens), MaxTokens)
	}
	for i, token := range a.Tokens {
		if token == "" || len(token) > tuilivekit.MaxTokenLength {
			return fmt.Errorf("token %d has %d bytes, must have 1 to %d", i, len(token), tuilivekit.MaxTokenLength)
		}
	}
	return nil
}

// newApp takes over the counters of old, which may be nil. A token that keeps its slot
// keeps the time of its last use.
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
