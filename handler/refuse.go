package handler

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// refuse counts and logs a refused request, and returns its answer. An error that is not a
// refusal is answered 500; its text is only in the log.
func (c *Callback) refuse(w http.ResponseWriter, r *http.Request, err error) Answer {
	var f *refusal
	if !errors.As(err, &f) {
		f = &refusal{reason: reasonInternal, err: err, read: true}
	}
	if f.stranger {
		f = c.limitRefusals(w, r, f)
	}
	c.account(f)

	// net/http would read the rest of the body, to use the connection again. The deadline
	// prevents this. If the body has been read, net/http already reads the next request. A
	// deadline would then end that read, and cancel the contexts of all later requests.
	if !f.read && r.Body != http.NoBody {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now())
	}
	return f.answer()
}

// account counts and logs a refusal, and keeps it for Report.
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

// limitRefusals applies the rate limit to f, whose reason has stranger. It returns f, or the
// refusal for too many requests. If no callback was accepted on the connection, the answer
// closes it.
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

// panicText returns the value of a panic as text, without the stack, which may contain a
// request.
func panicText(p any) string {
	if err, ok := p.(error); ok {
		return err.Error()
	}
	return fmt.Sprint(p)
}
