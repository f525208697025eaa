package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// crowded is the number of applications above which the page has a filter and collapses quiet
// applications.
const crowded = 12

const (
	// maxFilter is the maximum length in bytes of the text of a filter, which the page shows.
	maxFilter = 100
	// pageRows is the maximum number of applications on a page.
	pageRows = 200
	// sectionRows is the maximum number of backends, and of recounts, on a page.
	sectionRows = 20
)

// view is the query of the URL of the page. A refresh loads the same URL, so it keeps the view.
type view struct {
	Query    string // ?q=: part of the name or the SDKAppID of the applications to show, "" for all
	App      string // ?app=: SDKAppID of the only application to show, "" for all
	Page     int    // ?page=: number of the page of rows, from 1
	Paused   bool   // ?refresh=off: the page does not load itself again
	Language language
	asked    language // ?lang=, "" if the browser chooses the language
}

// viewOf returns the view of a request. It ignores unknown parameters.
func viewOf(r *http.Request) view {
	q := r.URL.Query()
	v := view{Query: bounded(q.Get("q")), App: bounded(q.Get("app")), Page: 1, Paused: q.Get("refresh") == "off", Language: languageOf(r)}
	if l, ok := known(q.Get("lang")); ok {
		v.asked = l
	}
	if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 1 {
		v.Page = n
	}
	return v
}

func bounded(text string) string {
	text = strings.ToValidUTF8(strings.TrimSpace(text), "")
	if len(text) > maxFilter {
		text = strings.ToValidUTF8(text[:maxFilter], "")
	}
	return text
}

// Toggle returns the query that switches the refresh off or on.
func (v view) Toggle() string {
	v.Paused = !v.Paused
	return v.href()
}

// href returns the query of the URL of v.
func (v view) href() string {
	q := url.Values{}
	if v.Query != "" {
		q.Set("q", v.Query)
	}
	if v.App != "" {
		q.Set("app", v.App)
	}
	if v.Page > 1 {
		q.Set("page", strconv.Itoa(v.Page))
	}
	if v.Paused {
		q.Set("refresh", "off")
	}
	if v.asked != "" {
		q.Set("lang", string(v.asked))
	}
	return "?" + q.Encode()
}

// All returns the query of the page of all applications.
func (v view) All() string {
	v.Query, v.App, v.Page = "", "", 1
	return v.href()
}

// Of returns the query of the page of one application.
func (v view) Of(appID string) string {
	v.Query, v.App, v.Page = "", appID, 1
	return v.href()
}

// At returns the query of another page of rows.
func (v view) At(page int) string {
	v.Page = page
	return v.href()
}

// In returns the query of the same view in another language.
func (v view) In(l language) string {
	v.asked = l
	return v.href()
}

// Asked returns the language in the query, "" if there is none.
func (v view) Asked() string { return string(v.asked) }

// filter returns pointers to those of apps that v asks for, in their order.
func (v view) filter(apps []AppStatus) []*AppStatus {
	query := strings.ToLower(v.Query)
	asked := make([]*AppStatus, 0, len(apps))
	for i := range apps {
		if a := &apps[i]; v.asksFor(a, query) {
			asked = append(asked, a)
		}
	}
	return asked
}

// asksFor reports whether the page of v shows a. query is v.Query in lower case.
func (v view) asksFor(a *AppStatus, query string) bool {
	if v.App != "" {
		return a.ID == v.App
	}
	return query == "" || strings.Contains(strings.ToLower(a.Name), query) || strings.Contains(a.ID, query)
}

// rows are the applications on one page.
type rows struct {
	Shown, Quiet      []*AppStatus // quiet applications are collapsed
	AllQuiet          int          // quiet applications on all pages
	From, To, Of      int          // numbers of the first and the last row, counted from 1, and of all rows
	Previous, Further int          // the pages before and after, 0 if there is none
}

// rows returns the page of apps that v asks for. Quiet applications come last. If there are
// more than crowded applications, they are collapsed.
func (v view) rows(apps []*AppStatus) rows {
	shown, quiet := make([]*AppStatus, 0, len(apps)), make([]*AppStatus, 0, len(apps))
	for _, a := range apps {
		if v.Query == "" && len(apps) > crowded && a.quiet() {
			quiet = append(quiet, a)
		} else {
			shown = append(shown, a)
		}
	}
	pages := max((len(apps)+pageRows-1)/pageRows, 1)
	page := min(v.Page, pages)
	from := (page - 1) * pageRows
	to := min(from+pageRows, len(apps))
	r := rows{AllQuiet: len(quiet), From: from + 1, To: to, Of: len(apps)}
	n := len(shown)
	r.Shown, r.Quiet = shown[min(from, n):min(to, n)], quiet[max(from-n, 0):max(to-n, 0)]
	if page > 1 {
		r.Previous = page - 1
	}
	if page < pages {
		r.Further = page + 1
	}
	return r
}

// quiet reports whether a has no threshold event, no refused request and no failure of its relay
// or its recounts.
func (a *AppStatus) quiet() bool {
	return a.Verdict == VerdictNever && a.LastRefusal == nil && (a.Relay == nil || a.Relay.Mode == RelayOK) &&
		(a.Reconcile == nil || class(a.Reconcile.Mode) == "good" || class(a.Reconcile.Mode) == "calm")
}
