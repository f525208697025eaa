package handler

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// reason says why a request was refused; it is a label value.
type reason uint8

const (
	reasonPath reason = iota
	reasonMethod
	reasonQuery
	reasonUnknownApp
	reasonSign
	reasonTime
	reasonEncoding
	reasonTooLarge
	reasonTimeout
	reasonBody
	reasonJSON
	reasonField
	reasonStorage
	reasonOverload
	reasonInternal
	reasonSource
	reasonForwarded
	reasonRate
	reasonConnections
	reasonLoop
	numReasons
)

// reasons has for each reason its label, the status of the answer and its text. The
// text is all that a sender learns: one for every failed signature, so that nothing
// tells a wrong token from a wrong time.
var reasons = [numReasons]struct {
	label  string
	status int
	text   string
}{
	reasonPath:        {"path", http.StatusNotFound, ""},
	reasonMethod:      {"method", http.StatusMethodNotAllowed, "only POST is allowed"},
	reasonQuery:       {"query", http.StatusBadRequest, "query cannot be decoded or has a parameter twice"},
	reasonUnknownApp:  {"unknown_app", http.StatusForbidden, "unknown application"},
	reasonSign:        {"sign", http.StatusUnauthorized, "authentication failed"},
	reasonTime:        {"time", http.StatusUnauthorized, "authentication failed"},
	reasonEncoding:    {"encoding", http.StatusUnsupportedMediaType, "compressed bodies are not supported"},
	reasonTooLarge:    {"too_large", http.StatusRequestEntityTooLarge, "body too large"},
	reasonTimeout:     {"timeout", http.StatusRequestTimeout, "body too slow"},
	reasonBody:        {"body", http.StatusBadRequest, "body incomplete"},
	reasonJSON:        {"json", http.StatusBadRequest, ""},  // the text is the decoder's
	reasonField:       {"field", http.StatusBadRequest, ""}, // the text is the decoder's
	reasonStorage:     {"storage", http.StatusServiceUnavailable, "not durable now"},
	reasonOverload:    {"overload", http.StatusServiceUnavailable, "overloaded"},
	reasonInternal:    {"internal", http.StatusInternalServerError, "internal error"},
	reasonSource:      {"source", http.StatusForbidden, "source not allowed"},
	reasonForwarded:   {"forwarded", http.StatusBadRequest, "X-Forwarded-For is not a list of addresses"},
	reasonRate:        {"rate", http.StatusTooManyRequests, "too many requests"},
	reasonConnections: {"connections", 0, ""}, // closed: there is nobody to answer
	reasonLoop:        {"loop", http.StatusMisdirectedRequest, "relay loop"},
}

// refusal is an error that knows how to answer.
type refusal struct {
	reason reason
	text   string // of the answer, a constant; empty for that of the reason
	appID  string // as the request has it, for the log
	err    error  // for the log
	read   bool   // the body has been read
}

func (r *refusal) Error() string { return reasons[r.reason].label }

func refuse(why reason) *refusal { return &refusal{reason: why} }

// refuseBody refuses a body that the decoder has refused.
func refuseBody(err error) error {
	var field *tuilivekit.FieldError
	if !errors.As(err, &field) {
		return err
	}
	if field.InBody() {
		return &refusal{reason: reasonJSON, text: field.Error(), read: true}
	}
	return &refusal{reason: reasonField, text: field.Error(), read: true}
}

// refuseLoop refuses a callback that its backend has refused with ErrLoop.
func refuseLoop(err error, app *app) error {
	if errors.Is(err, ErrLoop) {
		return &refusal{reason: reasonLoop, appID: app.id, read: true}
	}
	return err
}

// refuse answers, counts and logs a refused request. An error that is no refusal is
// ours: its text stays in the log.
func (c *Callback) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var f *refusal
	if !errors.As(err, &f) {
		f = &refusal{reason: reasonInternal, err: err, read: true}
	}
	if f.reason.strange() {
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
	why := reasons[f.reason]
	header := w.Header()
	if f.reason == reasonPath {
		header.Set("Content-Length", "0") // no word for scanners
		w.WriteHeader(why.status)
		return
	}
	switch f.reason {
	case reasonMethod:
		header.Set("Allow", http.MethodPost)
	case reasonStorage:
		header.Set("Retry-After", "5")
	case reasonOverload, reasonRate:
		header.Set("Retry-After", "1")
	}
	text := f.text
	if text == "" {
		text = why.text
	}
	header["Content-Type"] = jsonContentType
	w.WriteHeader(why.status)
	w.Write(tuilivekit.Fail(why.status, text)) // the sender is gone if this fails: nobody to tell
}

// account counts, logs and notes a refusal.
func (c *Callback) account(f *refusal) {
	c.metrics.rejections[f.reason].Inc()
	c.refusals.write(c.log, f)
	c.note(f)
}

// refusalLogInterval is how often a refused request of one reason is logged: seldom
// enough for a log that nobody can flood, often enough to see what goes on.
const refusalLogInterval = 5 * time.Second

// refusalLog writes one line an interval for each reason and counts what it left
// out: whoever can reach the port can cause refusals at any rate.
type refusalLog [numReasons]struct {
	last       atomic.Int64 // Unix nanoseconds
	suppressed atomic.Int64
}

func (l *refusalLog) write(log logrus.FieldLogger, f *refusal) {
	of := &l[f.reason]
	now, last := time.Now().UnixNano(), of.last.Load()
	if now-last < int64(refusalLogInterval) && now >= last || !of.last.CompareAndSwap(last, now) {
		of.suppressed.Add(1)
		return
	}
	why := reasons[f.reason]
	entry := log.WithField("reason", why.label)
	if why.status != 0 {
		entry = entry.WithField("status", why.status)
	}
	if f.appID != "" {
		entry = entry.WithField("sdk_app_id", safe(f.appID))
	}
	if f.text != "" {
		entry = entry.WithField("detail", f.text)
	}
	if n := of.suppressed.Swap(0); n > 0 {
		entry = entry.WithField("suppressed", n)
	}
	if f.err != nil {
		entry = entry.WithError(f.err)
	}
	switch f.reason {
	case reasonInternal:
		entry.Error("callback failed")
	case reasonPath, reasonMethod:
		entry.Debug("request refused") // scanners
	case reasonConnections:
		entry.Warn("connection closed for a new one: too many")
	default:
		entry.Warn("callback refused")
	}
}

// safe cuts text of a request to what a log can bear: 20 characters of printable
// ASCII.
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
