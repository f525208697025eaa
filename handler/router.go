package handler

import (
	"fmt"
	"net/http"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// Router returns a handler for a listener of its own: c at exactly path, and 404 with
// an empty body, counted, for all the rest. It does not redirect: a POST that is
// redirected to a cleaner path arrives there as a GET, and without its body. A path that
// is written in another way (escaped, with a slash at the end, in other letter case) is
// another path. A callback that a live token has signed is refused for a reason of its own
// there: the answer is the same, but its sender is one of ours.
func (c *Callback) Router(path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != path {
			c.refuse(w, r, c.wrongPath(r, path)).write(w)
			return
		}
		c.ServeHTTP(w, r)
	})
}

// wrongPath returns why a request to another path than want is refused.
func (c *Callback) wrongPath(r *http.Request, want string) *refusal {
	app := c.signer(r)
	if app == nil {
		return refuse(reasonPath)
	}
	return &refusal{reason: reasonSignedPath, appID: app.id, err: fmt.Errorf("the path is %q, and must be %q", safe(r.URL.EscapedPath()), want)}
}

// signer returns the application whose live token has signed r within the signature window,
// nil if there is none. It takes the same time for an unknown application.
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
