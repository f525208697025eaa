package handler

import (
	"fmt"
	"net/http"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// Router returns a handler for a listener that serves only callbacks. It serves c at exactly
// path. It refuses all other paths with 404 and an empty body, and counts them. It does not
// redirect: a client would follow with a GET without a body. A path that is escaped, ends in a
// slash or has another letter case is another path. A callback to another path with a valid
// signature gets the same answer, but is counted for another reason.
func (c *Callback) Router(path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != path {
			c.refuse(w, r, c.wrongPath(r, path)).write(w)
			return
		}
		c.ServeHTTP(w, r)
	})
}

// wrongPath returns the refusal of a request to another path than want.
func (c *Callback) wrongPath(r *http.Request, want string) *refusal {
	app := c.signer(r)
	if app == nil {
		return refuse(reasonPath)
	}
	return &refusal{reason: reasonSignedPath, appID: app.id, err: fmt.Errorf("the path is %q, and must be %q", safe(r.URL.EscapedPath()), want)}
}

// signer returns the application whose token has signed r within the signature window, nil if
// there is none. It takes the same time for an unknown application as for a configured one.
func (c *Callback) signer(r *http.Request) *app {
	query, err := tuilivekit.ParseQuery(r.URL.RawQuery)
	if err != nil || r.Method != http.MethodPost || query.Sign == "" || c.checkSource(r) != nil {
		return nil
	}
	app, tokens := c.apps.Load().byID[query.AppID], dummyTokens
	if app != nil {
		tokens = app.tokens
	}
	slot := tuilivekit.Signer(tokens, query.RequestTime, query.Sign)
	requestTime, ok := tuilivekit.ParseRequestTime(query.RequestTime)
	skew := time.Now().Unix() - requestTime
	if slot < 0 || !ok || skew > c.window || skew < -c.window {
		return nil
	}
	return app
}
