package handler

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

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

// limitRefusals applies the rate limit to f, the refusal of a stranger: it returns f, or
// the refusal for too many requests. A connection that only carried such requests is
// closed.
func (c *Callback) limitRefusals(w http.ResponseWriter, r *http.Request, f *refusal) *refusal {
	keep, exceeded := c.gate.Refuse(r)
	if !keep {
		w.Header().Set("Connection", "close")
	}
	if exceeded {
		return &refusal{reason: reasonRate, appID: f.appID}
	}
	return f
}

// panicText describes a panic without its stack, which may hold a request.
func panicText(p any) string {
	if err, ok := p.(error); ok {
		return err.Error()
	}
	return fmt.Sprint(p)
}
