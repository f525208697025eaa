package web

import (
	"net/url"
	"strings"
)

// crowded is the number of applications from which on the page offers a filter and
// collapses quiet applications.
const crowded = 12

// maxFilter bounds the text of a filter, which the page shows again.
const maxFilter = 100

// view is what the query of the page asks for. It survives each refresh, because a
// refresh loads the same URL.
type view struct {
	Query  string // ?q=: part of the name or the SDKAppID of the applications to show, "" shows all
	Paused bool   // ?refresh=off: the page does not load itself again
}

// viewOf reads the query of a request. Unknown parameters are ignored.
func viewOf(u *url.URL) view {
	q := u.Query()
	text := strings.ToValidUTF8(strings.TrimSpace(q.Get("q")), "")
	if len(text) > maxFilter {
		text = strings.ToValidUTF8(text[:maxFilter], "")
	}
	return view{Query: text, Paused: q.Get("refresh") == "off"}
}

// href returns the query of the page as v sees it.
func (v view) href() string {
	q := url.Values{}
	if v.Query != "" {
		q.Set("q", v.Query)
	}
	if v.Paused {
		q.Set("refresh", "off")
	}
	return "?" + q.Encode()
}

// Toggle returns the query of the same view, paused or not.
func (v view) Toggle() string {
	v.Paused = !v.Paused
	return v.href()
}

// All returns the query of the same view without a filter.
func (v view) All() string {
	v.Query = ""
	return v.href()
}

// show splits the applications that v asks for: quiet ones are collapsed where there are
// many applications.
func (v view) show(apps []AppStatus) (shown, quiet []AppStatus) {
	query := strings.ToLower(v.Query)
	for _, a := range apps {
		switch {
		case query != "" && !strings.Contains(strings.ToLower(a.Name), query) && !strings.Contains(a.ID, query):
		case query == "" && len(apps) > crowded && a.quiet():
			quiet = append(quiet, a)
		default:
			shown = append(shown, a)
		}
	}
	return shown, quiet
}

// quiet reports whether a has nothing that somebody should see: no event, nothing refused, no
// trouble at its backend.
func (a AppStatus) quiet() bool {
	return a.Verdict == VerdictNever && a.LastRefusal == nil && (a.Relay == nil || a.Relay.Mode == RelayOK)
}
