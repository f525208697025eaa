// Package restapitest is a stand-in of Tencent's server API for tests and the demo. It is made
// from the documented samples and rules: envelopes, error codes, rate limits, UserSig, regions,
// pages of rooms by a cursor over ViewCount, rooms that the list does not show, and callback
// configuration.
//
// It cannot show what Tencent does where the documents are silent or inferred from: the text
// and form of a cursor, whether rooms with IsPublicVisible false are really left out of the
// list and known to get_room_info, whether SortDirection is honoured, over which time a rate is
// measured, whether set_callback refuses to replace, and everything about Chat's numbers beyond
// their form. A test against it proves that the exporter keeps to the documents, not that the
// documents are right.
package restapitest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// API is one region of the server API. It is an http.Handler; its methods may be called from
// several goroutines.
type API struct {
	mu     sync.Mutex
	apps   map[string]*App
	faults []fault
	calls  map[string]int
	limits map[string]int // calls a second of one application
	recent map[string][]time.Time
	peak   map[string]int // most calls of an application within a second

	honoursOrder bool
}

// App is an application. Set its fields before its first call.
type App struct {
	ID        string
	SecretKey string
	Admins    []string // administrators; others exist and are none

	Callback      *Callback // nil: not set
	Token         *Token    // nil: not set
	Egress        []string
	CallbacksSent [2]int // sent and answered yesterday

	rooms map[string]*Room
	born  int64 // of the newest room
}

// Callback is what get_callback reads and set_callback writes.
type Callback struct {
	URL      string   `json:"Url"`
	Commands []string `json:"CallbackCommandList"`
}

// Token is what get_callback_token reads and set_callback_token writes.
type Token struct {
	Token   string
	Enabled bool `json:"IsTokenEnable"`
}

// Room is an open room.
type Room struct {
	ID      string
	Private bool // IsPublicVisible is false
	Created time.Time
	views   int64
	born    int64 // tells rooms of one ViewCount apart
}

// New returns an API without applications, with the documented limits.
func New() *API {
	return &API{
		apps: map[string]*App{}, calls: map[string]int{}, recent: map[string][]time.Time{}, peak: map[string]int{},
		limits: map[string]int{
			"live_engine_http_srv/get_room_list": 10, "live_engine_http_srv/get_room_info": 200,
			"live_config/get_callback": 200, "live_config/set_callback": 200, "live_config/update_callback": 200,
			"live_config/get_callback_token": 200, "live_config/set_callback_token": 200,
			"ConfigSvc/GetIPList": 200, "openconfigsvr/getappinfo": 200, "group_open_http_svc/get_appid_group_list": 1,
		},
	}
}

// HonourSortDirection lets get_room_list read SortDirection, as Tencent may do. Otherwise it is
// passed over.
func (a *API) HonourSortDirection() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.honoursOrder = true
}

// Add adds an application, which the API owns from then on.
func (a *API) Add(app *App) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if app.rooms == nil {
		app.rooms = map[string]*Room{}
	}
	a.apps[app.ID] = app
}

// Update changes an application while the API is in use.
func (a *API) Update(id string, change func(*App)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(a.apps[id])
}

// Open opens a room, Enter raises its ViewCount by entries, and Close closes it.
func (a *API) Open(app string, r Room) {
	a.mu.Lock()
	defer a.mu.Unlock()
	target := a.apps[app]
	target.born++
	r.born = target.born
	target.rooms[r.ID] = &r
}

// Enter raises the ViewCount of a room: it moves up the list.
func (a *API) Enter(app, room string, entries int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r := a.apps[app].rooms[room]; r != nil {
		r.views += entries
	}
}

// Close closes a room, and reports whether it was open.
func (a *API) Close(app, room string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.apps[app].rooms[room]
	delete(a.apps[app].rooms, room)
	return ok
}

// OpenRooms returns how many rooms are open.
func (a *API) OpenRooms(app string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.apps[app].rooms)
}

// Calls returns how many calls of a name have come, those that failed too.
func (a *API) Calls(name string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls[name]
}

// Peak returns the most calls of all names that an application has made within one second.
func (a *API) Peak(app string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.peak[app]
}

// request is a call that has been let in.
type request struct {
	name string
	app  *App
	body []byte
	r    *http.Request
}

// ServeHTTP answers a call.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		return // the caller has gone
	}
	name := strings.TrimPrefix(r.URL.Path, "/v4/")
	a.mu.Lock()
	a.calls[name]++
	f := a.nextFault(name)
	a.mu.Unlock()
	if f != nil && f.serve != nil {
		r.Body = io.NopCloser(bytes.NewReader(body)) // it may call ServeHTTP in the end
		f.serve(w, r)
		return
	}
	a.mu.Lock()
	var answer map[string]any
	if f != nil {
		answer = failure(f.code)
	} else {
		answer = a.answer(name, r, body)
	}
	a.mu.Unlock()
	write(w, answer)
}

// answer decides one call, in the order in which Tencent would. a.mu is held.
func (a *API) answer(name string, r *http.Request, body []byte) map[string]any {
	serve, ok := calls[name]
	var object map[string]json.RawMessage
	switch {
	case r.Method != http.MethodPost || !ok:
		return failure(60009)
	case json.Unmarshal(body, &object) != nil:
		return failure(60003)
	}
	q := r.URL.Query()
	if !q.Has("sdkappid") {
		return failure(60012)
	}
	app, code := a.admit(q.Get("sdkappid"), q.Get("identifier"), q.Get("usersig"))
	if code != 0 {
		return failure(code)
	}
	if !a.withinLimit(app.ID, name) {
		return failure(60007)
	}
	return serve(a, request{name, app, body, r})
}

// admit checks who calls.
func (a *API) admit(id, identifier, sig string) (*App, int) {
	app := a.apps[id]
	if app == nil {
		return nil, 70020 // also if it lives in another region
	}
	info, err := tuilivekit.ParseUserSig(sig)
	switch now := time.Now(); {
	case err != nil:
		return nil, 70003
	case info.AppID != id:
		return nil, 70014
	case info.Identifier != identifier:
		return nil, 70013
	case !tuilivekit.VerifyUserSig(sig, app.SecretKey):
		return nil, 70009
	case now.Truncate(time.Second).After(info.Expires):
		return nil, 70001
	case info.Issued.After(now):
		return nil, 70003
	}
	for _, admin := range app.Admins {
		if admin == identifier {
			return app, 0
		}
	}
	return nil, 60010
}

// withinLimit counts a call within the last second.
func (a *API) withinLimit(app, name string) bool {
	now := time.Now()
	count := func(key string) int {
		kept := a.recent[key][:0]
		for _, t := range a.recent[key] {
			if now.Sub(t) < time.Second {
				kept = append(kept, t)
			}
		}
		a.recent[key] = append(kept, now)
		return len(a.recent[key])
	}
	a.peak[app] = max(a.peak[app], count(app))
	return count(app+" "+name) <= a.limits[name]
}
