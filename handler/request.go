package handler

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// authenticate returns the application of the request. An unknown application takes as much
// work as a known one, so that the time of the answer does not tell which are configured.
func (c *Callback) authenticate(query tuilivekit.Query, now time.Time) (*app, error) {
	app := c.apps.Load().byID[query.AppID]
	if app == nil {
		tuilivekit.Signer(dummyTokens, query.RequestTime, query.Sign)
		return nil, &refusal{reason: reasonUnknownApp, appID: query.AppID}
	}
	signed := query.Sign != "" || query.RequestTime != ""
	if app.allowUnsigned && (!signed || len(app.tokens) == 0) {
		return app, nil
	}
	slot := tuilivekit.Signer(app.tokens, query.RequestTime, query.Sign)
	requestTime, ok := tuilivekit.ParseRequestTime(query.RequestTime)
	if slot < 0 || !ok {
		return nil, &refusal{reason: reasonSign, appID: app.id}
	}
	// The signature is valid: strangers cannot change these metrics.
	skew := now.Unix() - requestTime
	if query.Command != tuilivekit.SelfTest { // these metrics are about Tencent
		c.metrics.observeClockSkew(float64(now.UnixMilli())/1000 - float64(requestTime))
		app.stats.tokenUsed[slot].Store(now.UnixMilli())
	}
	if skew > c.window || skew < -c.window {
		return nil, &refusal{reason: reasonTime, appID: app.id, err: errors.New("our clock minus RequestTime is " +
			strconv.FormatInt(skew, 10) + " s: check both clocks (NTP)")}
	}
	return app, nil
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// readBody reads the body into buf. It fails if the body has not arrived bodyTimeout after now.
func (c *Callback) readBody(w http.ResponseWriter, r *http.Request, buf *bytes.Buffer, now time.Time) error {
	if len(r.TransferEncoding) > 0 {
		// If a request has chunks and a Content-Length, the chunks apply. A proxy that used
		// the length sees another end of the body (request smuggling, RFC 9112, section
		// 6.3). So no further request is read from this connection.
		w.Header().Set("Connection", "close")
	}
	for _, encoding := range r.Header["Content-Encoding"] {
		if !strings.EqualFold(encoding, "identity") {
			return refuse(reasonEncoding)
		}
	}
	if r.ContentLength > c.maxBody {
		w.Header().Set("Connection", "close")
		return refuse(reasonTooLarge)
	}
	// This fails if the ResponseWriter is that of a test, or of a server that sets its
	// deadlines itself.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(now.Add(c.bodyTimeout))
	body := r.Body
	if r.ContentLength < 0 { // otherwise net/http reads ContentLength bytes
		body = http.MaxBytesReader(w, body, c.maxBody)
	}
	if _, err := buf.ReadFrom(body); err != nil {
		return refuseRead(w, err)
	}
	return nil
}

// refuseRead returns the refusal for err, an error of reading the body.
func refuseRead(w http.ResponseWriter, err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return refuse(reasonTooLarge)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		w.Header().Set("Connection", "close")
		return refuse(reasonTimeout)
	}
	return &refusal{reason: reasonBody, err: err}
}
