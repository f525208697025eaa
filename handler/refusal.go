package handler

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// refusal is an error that has an answer.
type refusal struct {
	*reason
	detail string // for the sender and the log; a constant of the source, or empty
	appID  string // SDKAppID of the request, not checked; for the log
	err    error  // for the log
	read   bool   // the body has been read
}

func (f *refusal) Error() string { return f.label }

func refuse(why *reason) *refusal { return &refusal{reason: why} }

// refuseBody returns the refusal for err of the decoder, or err if it is not a FieldError.
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

// refuseLoop returns the refusal for err of a Backend if it is ErrLoop, else err.
func refuseLoop(err error, app *app) error {
	if errors.Is(err, ErrLoop) {
		return &refusal{reason: reasonLoop, appID: app.id, read: true}
	}
	return err
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

// log writes f to the log, at most once in refusalLogInterval: senders without a token can
// cause refusals at any rate.
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

// safe returns at most 20 bytes of s, with ? for each character that is not printable ASCII. So
// a sender cannot forge log lines.
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

// note is the last refusal of a reason or of an application. It has only the parts of the
// request that the log has. It is immutable.
type note struct {
	*reason
	at     time.Time
	appID  string // printable; empty if the request was refused before its SDKAppID was read
	detail string
}

func newNote(f *refusal) *note {
	n := &note{reason: f.reason, at: time.Now(), appID: strings.Clone(safe(f.appID)), detail: f.detail}
	if (f.reason == reasonTime || f.reason == reasonSignedPath) && f.err != nil {
		n.detail = f.err.Error() // only the holder of a token can cause these errors
	}
	return n
}

func (n *note) report() Refusal {
	return Refusal{Reason: n.label, Title: n.title, Check: n.check, Time: n.at, AppID: n.appID, Detail: n.detail}
}
