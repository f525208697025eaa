package handler

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// refusal is an error that knows how to answer.
type refusal struct {
	*reason
	detail string // for the sender and for the log, a constant of ours; or empty
	appID  string // as the request has it, for the log
	err    error  // for the log
	read   bool   // the body has been read
}

func (f *refusal) Error() string { return f.label }

func refuse(why *reason) *refusal { return &refusal{reason: why} }

// refuseBody refuses a body that the decoder has refused.
func refuseBody(err error) error {
	var field *tuilivekit.FieldError
	if !errors.As(err, &field) {
		return err
	}
	if field.InBody() {
		return &refusal{reason: reasonJSON, detail: field.Error(), read: true}
	}
	return &refusal{reason: reasonField, detail: field.Error(), read: true}
}

// refuseLoop refuses a callback that its backend has refused with ErrLoop.
func refuseLoop(err error, app *app) error {
	if errors.Is(err, ErrLoop) {
		return &refusal{reason: reasonLoop, appID: app.id, read: true}
	}
	return err
}

// refuse counts and logs a refused request, and returns its answer. An error that is no
// refusal is ours: its text stays in the log.
func (c *Callback) refuse(w http.ResponseWriter, r *http.Request, err error) Answer {
	var f *refusal
	if !errors.As(err, &f) {
		f = &refusal{reason: reasonInternal, err: err, read: true}
	}
	if f.stranger {
		f = c.limitRefusals(w, r, f)
	}
	c.account(f)

	// What is left of the body is not waited for: net/http would read on for the sake of
	// the connection. Without anything left it reads already what comes next, and would
	// take the deadline for the end of the connection: the contexts of all its later
	// requests would be canceled.
	if !f.read && r.Body != http.NoBody {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now())
	}
	return f.answer()
}

func (f *refusal) answer() Answer {
	h := http.Header{}
	if f.allow != "" {
		h.Set("Allow", f.allow)
	}
	if f.retryAfter != "" {
		h.Set("Retry-After", f.retryAfter)
	}
	text := cmp.Or(f.detail, f.text)
	if text == "" {
		h.Set("Content-Length", "0")
		return Answer{Status: f.status, Header: h}
	}
	h["Content-Type"] = jsonContentType
	return Answer{Status: f.status, Header: h, Body: tuilivekit.Fail(f.status, text)}
}

// account counts, logs and notes a refusal.
func (c *Callback) account(f *refusal) {
	c.metrics.rejections[f.index].Inc()
	of := c.refusals[f.index]
	of.log(c.log, f)
	n := newNote(f)
	of.last.Store(n)
	of.total.Add(1)
	if app := c.apps.Load().byID[f.appID]; app != nil {
		app.stats.refused.Store(n)
	}
}

// log writes f to the log, unless the throttle holds it back: whoever can reach the port
// can cause refusals at any rate.
func (of *refusals) log(log logrus.FieldLogger, f *refusal) {
	suppressed, ok := of.throttle.Pass()
	if !ok {
		return
	}
	entry := log.WithField("reason", f.label)
	if f.status != 0 {
		entry = entry.WithField("status", f.status)
	}
	if f.appID != "" {
		entry = entry.WithField("sdk_app_id", safe(f.appID))
	}
	if f.detail != "" {
		entry = entry.WithField("detail", f.detail)
	}
	if suppressed > 0 {
		entry = entry.WithField("suppressed", suppressed)
	}
	if f.err != nil {
		entry = entry.WithError(f.err)
	}
	entry.Log(f.level, f.message)
}

// safe cuts text of a request to 20 characters of printable ASCII: more would let a
// sender write into the log.
func safe(s string) string {
	const most = 20
	cut := s[:min(len(s), most)]
	cut = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, cut)
	if len(s) > most {
		cut += "…"
	}
	return cut
}

// panicText describes a panic without its stack, which may hold a request.
func panicText(p any) string {
	if err, ok := p.(error); ok {
		return err.Error()
	}
	return fmt.Sprint(p)
}
