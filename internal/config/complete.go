package config

import (
	"fmt"
	"net"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// complete sets the defaults, reads the secrets, and checks what the types of the fields do not
// check. Relative paths start at dir.
func (c *Config) complete(dir string) (warnings []string, err error) {
	if len(c.Apps) == 0 {
		return nil, &keyError{path{"apps"}, "no applications: at least one is required"}
	}
	ids := make(map[AppID]int, len(c.Apps))
	tokens := tokenOwners{of: make(map[string]*owners, len(c.Apps))}
	read := c.readAllTokens(dir)
	for i := range c.Apps {
		app := &c.Apps[i]
		at := path{"apps", i}
		if err := app.completeNames(at, ids); err != nil {
			return nil, err
		}
		ids[app.SDKAppID] = i
		if read[i].err != nil {
			return nil, read[i].err
		}
		warnings = append(warnings, read[i].warnings...)
		more, err := app.completeRelay(c.Relay, at.to("relay"), dir)
		if err != nil {
			return nil, err
		}
		warnings = append(warnings, more...)
		if more, err = app.completeAPI(at, dir); err != nil {
			return nil, err
		}
		warnings = append(warnings, more...)
		if app.AllowUnsigned {
			warnings = append(warnings, fmt.Sprintf("application %s: allow_unsigned is set: anyone who can reach the webhook listener can set its counts", app.SDKAppID))
		}
		tokens.add(app)
	}
	for _, o := range tokens.shared {
		warnings = append(warnings, o.warning())
	}
	if c.Replica != nil {
		more, err := c.Replica.complete(path{"replica"}, dir)
		if err != nil {
			return nil, err
		}
		warnings = append(warnings, more...)
	}
	return warnings, nil
}

// completeNames checks the id, the name and the limit of an application, and sets the default of its
// name. ids has the indexes of the applications before it.
func (app *App) completeNames(at path, ids map[AppID]int) error {
	if app.SDKAppID == "" {
		return &keyError{at.to("sdk_app_id"), "missing: every application needs its SDKAppID"}
	}
	if first, ok := ids[app.SDKAppID]; ok {
		return &keyError{at.to("sdk_app_id"), fmt.Sprintf("%s is already used by apps[%d]", app.SDKAppID, first)}
	}
	if !utf8.ValidString(app.Name) { // Prometheus would refuse the whole scrape
		return &keyError{at.to("name"), fmt.Sprintf("%q is not valid UTF-8", app.Name)}
	}
	if app.MaxRooms != nil && (*app.MaxRooms < 1 || *app.MaxRooms > tuilivekit.MaxCount) {
		return &keyError{at.to("max_rooms"), fmt.Sprintf("%d is not between 1 and %d", *app.MaxRooms, tuilivekit.MaxCount)}
	}
	if app.Name == "" {
		app.Name = string(app.SDKAppID)
	}
	return nil
}

// tokenOwners are the owners of all tokens.
type tokenOwners struct {
	of     map[string]*owners // by token
	shared []*owners          // of tokens that several applications have
}

// add adds the tokens of app. A token may occur twice.
func (t *tokenOwners) add(app *App) {
	for _, token := range app.Tokens {
		o := t.of[token.Reveal()]
		switch {
		case o == nil:
			t.of[token.Reveal()] = &owners{first: app.SDKAppID, last: app.SDKAppID, n: 1}
		case o.last != app.SDKAppID:
			if o.last, o.n = app.SDKAppID, o.n+1; o.n == 2 {
				t.shared = append(t.shared, o)
			}
		}
	}
}

// owners are the applications that have a token.
type owners struct {
	first, last AppID
	n           int
}

func (o *owners) warning() string {
	if o.n == 2 {
		return fmt.Sprintf("applications %s and %s share a token: whoever signs for one can sign for the other", o.first, o.last)
	}
	return fmt.Sprintf("applications %s to %s, %d of them, share a token: whoever signs for one can sign for all", o.first, o.last, o.n)
}

// completeRelay gives app its relay, nil if it has none.
func (app *App) completeRelay(defaults *Relay, at path, dir string) (warnings []string, err error) {
	switch {
	case app.Relay == nil && (defaults == nil || defaults.URL == ""):
		return nil, nil
	case app.Relay != nil && app.Relay.Disabled || app.Relay == nil && defaults.Disabled:
		app.Relay = nil
		return nil, nil
	case app.Relay == nil:
		app.Relay, at = &Relay{}, path{"relay"}
	}
	if err := app.Relay.complete(defaults, at, dir); err != nil {
		return nil, err
	}
	if ip := net.ParseIP(app.Relay.Target.Hostname()); app.Relay.Target.Scheme == "http" && !ip.IsLoopback() && app.Relay.Target.Hostname() != "localhost" {
		warnings = append(warnings, fmt.Sprintf("application %s: relay.url has no TLS: anyone between the exporter and the backend can read and change callbacks and answers", app.SDKAppID))
	}
	return warnings, nil
}

// tokensRead is the result of reading the tokens of one application.
type tokensRead struct {
	warnings []string
	err      error
}

// readAllTokens reads the tokens of all applications, several at the same time: with thousands of
// files, reading takes half of the time of a start.
func (c *Config) readAllTokens(dir string) []tokensRead {
	read := make([]tokensRead, len(c.Apps))
	var next atomic.Int64
	var readers sync.WaitGroup
	for range min(len(c.Apps), runtime.GOMAXPROCS(0)) {
		readers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(c.Apps); i = int(next.Add(1)) - 1 {
				read[i].warnings, read[i].err = c.Apps[i].readTokens(path{"apps", i}, dir)
			}
		})
	}
	readers.Wait()
	return read
}

// readTokens reads the tokens of app. at is the place of app in the file.
func (app *App) readTokens(at path, dir string) (warnings []string, err error) {
	for i, name := range app.TokenFiles {
		at := at.to("token_files", i)
		if name == "" {
			return nil, &keyError{at, "the file name is empty"}
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		token, open, err := ReadTokenFile(name)
		if err != nil {
			return nil, &keyError{at, err.Error()}
		}
		if open {
			warnings = append(warnings, fmt.Sprintf("token file %s can be read by everyone, or written by its group: chmod 600, or 640 for its group", name))
		}
		if odd := looksOdd(token); odd != "" {
			warnings = append(warnings, fmt.Sprintf("token file %s %s", name, odd))
		}
		app.Tokens = append(app.Tokens, token)
	}
	for i, name := range app.TokenEnv {
		token, err := tokenFromEnv(name)
		if err != nil {
			return nil, &keyError{at.to("token_env", i), err.Error()}
		}
		if odd := looksOdd(token); odd != "" {
			warnings = append(warnings, fmt.Sprintf("environment variable %s %s", name, odd))
		}
		app.Tokens = append(app.Tokens, token)
	}
	switch {
	case len(app.Tokens) > tuilivekit.MaxTokens:
		return nil, &keyError{at.to("token_files"), fmt.Sprintf("%d tokens: an application can have at most %d", len(app.Tokens), tuilivekit.MaxTokens)}
	case len(app.Tokens) == 0 && !app.AllowUnsigned:
		return nil, &keyError{at.to("token_files"), "no token: set token_files or token_env, or set allow_unsigned to accept callbacks that anyone can forge"}
	}
	return warnings, nil
}
