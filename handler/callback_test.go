package handler

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

var good = App{ID: "1400000001", Tokens: []string{"token"}}

func TestConfigureRefuses(t *testing.T) {
	c, err := New(Options{Apps: []App{good}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		apps []App
		want string
	}{
		{"no applications", nil, "no applications"},
		{"no ID", []App{good, {Tokens: []string{"t"}}}, "application 1: ID is not a decimal SDKAppID"},
		{"a leading zero", []App{{ID: "01", Tokens: []string{"t"}}}, "application 0: ID is not a decimal SDKAppID"},
		{"a sign", []App{{ID: "+1", Tokens: []string{"t"}}}, "application 0: ID is not a decimal SDKAppID"},
		{"an ID twice", []App{good, good}, "application 1: ID 1400000001 is used twice"},
		{"no tokens", []App{{ID: "1"}}, "application 0: no tokens"},
		{"a name in Latin-1", []App{{ID: "1", Name: "B\xfcro", Tokens: []string{"t"}}}, "application 0: name is not UTF-8"},
		{"an empty token", []App{{ID: "1", Tokens: []string{""}}}, "application 0: token 0 has 0 bytes, must have 1 to 128"},
		{"a long token", []App{{ID: "1", Tokens: []string{"a", strings.Repeat("b", 129)}}}, "application 0: token 1 has 129 bytes, must have 1 to 128"},
		{"five tokens", []App{{ID: "1", Tokens: []string{"a", "b", "c", "d", "e"}}}, "application 0: 5 tokens, the maximum is 4"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := c.Configure(tc.apps); err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if apps := c.Snapshot(); len(apps) != 1 || apps[0].ID != good.ID || apps[0].Name != good.ID {
				t.Errorf("the configuration has changed: %+v", apps)
			}
		})
	}
}

func TestATokenAtTheSameIndexKeepsItsTime(t *testing.T) {
	c, err := New(Options{Apps: []App{{ID: "1", Tokens: []string{"old", "new"}}}})
	if err != nil {
		t.Fatal(err)
	}
	stats := c.apps.Load().byID["1"].stats
	stats.tokenUsed[0].Store(7)
	stats.tokenUsed[1].Store(8)
	if err := c.Configure([]App{{ID: "1", Tokens: []string{"other"}}, {ID: "bad"}}); err == nil || stats.tokenUsed[0].Load() != 7 {
		t.Errorf("a refused configuration (%v) has changed the time of a token", err)
	}
	if err := c.Configure([]App{{ID: "1", Tokens: []string{"old", "newer"}}}); err != nil {
		t.Fatal(err)
	}
	if a, b := stats.tokenUsed[0].Load(), stats.tokenUsed[1].Load(); a != 7 || b != 0 {
		t.Errorf("last used %d and %d, want 7 and 0", a, b)
	}
}

func TestRefusalsAreLoggedEveryFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := logrus.New()
		log.SetOutput(&out)
		c, err := New(Options{Apps: []App{good}, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		refused := func(target string) {
			c.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, target, strings.NewReader("{}")))
		}
		for range 100 {
			refused("/callback?SdkAppid=2%0a3%1b[31m4567890123456789012345&x=secret")
			refused("/callback?SdkAppid=1400000001&Sign=secret")
		}
		time.Sleep(5*time.Second - 1)
		refused("/callback?SdkAppid=2")
		time.Sleep(time.Nanosecond)
		refused("/callback?SdkAppid=2")
		text := out.String()
		if n := strings.Count(text, "\n"); n != 3 {
			t.Errorf("%d lines, want 3:\n%s", n, text)
		}
		for _, want := range []string{"reason=unknown_app", "reason=sign", "suppressed=100", `sdk_app_id="2?3?[31m456789012345…"`} {
			if !strings.Contains(text, want) {
				t.Errorf("no %s in\n%s", want, text)
			}
		}
		if strings.Contains(text, "secret") {
			t.Errorf("request text in\n%s", text)
		}
	})
}

func TestFailuresWhileReadingTheBody(t *testing.T) {
	for _, tc := range []struct {
		name   string
		body   brokenBody
		status int
		reason *reason
	}{
		{"a panic is answered and counted", brokenBody{panics: true}, http.StatusInternalServerError, reasonInternal},
		{"a read error is a refusal", brokenBody{}, http.StatusBadRequest, reasonBody},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			c, err := New(Options{Apps: []App{{ID: "1", AllowUnsigned: true}}, Registerer: reg})
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodPost, "/callback?SdkAppid=1", nil)
			r.Body = tc.body
			c.ServeHTTP(w, r)
			if w.Code != tc.status || !strings.Contains(w.Body.String(), `"FAIL"`) || strings.Contains(w.Body.String(), "broken") {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
			if n := testutil.ToFloat64(c.metrics.rejections[tc.reason.index]); n != 1 {
				t.Errorf("%v refusals of the reason", n)
			}
			panics := 0.0
			if tc.body.panics {
				panics = 1
			}
			if n := testutil.ToFloat64(c.metrics.panics); n != panics {
				t.Errorf("%v panics, want %v", n, panics)
			}
			if n := testutil.ToFloat64(c.metrics.inFlight); n != 0 {
				t.Errorf("%v requests in flight", n)
			}
		})
	}
}

func TestASecondCallbackInOneRegistryFails(t *testing.T) {
	reg := prometheus.NewRegistry()
	if _, err := New(Options{Apps: []App{good}, Registerer: reg}); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Apps: []App{good}, Registerer: reg}); err == nil {
		t.Error("no error")
	}
}

// brokenBody is a request body whose Read fails or panics.
type brokenBody struct{ panics bool }

func (b brokenBody) Read([]byte) (int, error) {
	if b.panics {
		panic("broken")
	}
	return 0, errors.New("broken")
}

func (brokenBody) Close() error { return nil }

func TestACallbackTakesFewAllocations(t *testing.T) {
	bare := testing.Benchmark(func(b *testing.B) { benchmarkHandler(b, "bare") })
	whole := testing.Benchmark(func(b *testing.B) { benchmarkHandler(b, "routed") })
	if n := whole.AllocsPerOp() - bare.AllocsPerOp(); n > 4 {
		t.Errorf("%d allocations a callback more than a bare handler", n)
	}
}

func TestEventsThatAreNotDurableAreNotAcknowledged(t *testing.T) {
	for _, tc := range []struct {
		name   string
		err    error
		retry  string
		reason *reason
	}{
		{"a storage that fails", fmt.Errorf("%w: disk full", state.ErrNotDurable), "5", reasonStorage},
		{"an error of another kind", errors.New("secret"), "5", reasonStorage},
		{"too many queued events", state.ErrOverloaded, "1", reasonOverload},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := New(Options{Apps: []App{{ID: "1", AllowUnsigned: true}}, Store: failing{newMemory(), tc.err}})
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			c.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/callback?SdkAppid=1", strings.NewReader(
				`{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","CurRoomCount":4,"MaxRoomCount":5}`)))
			if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != tc.retry || strings.Contains(w.Body.String(), "disk full") || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("got %d, Retry-After %q, %s", w.Code, w.Header().Get("Retry-After"), w.Body)
			}
			if n := testutil.ToFloat64(c.metrics.rejections[tc.reason.index]); n != 1 {
				t.Errorf("%v refusals of the reason", n)
			}
			// A callback without an event does not need the storage.
			w = httptest.NewRecorder()
			c.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/callback?SdkAppid=1", strings.NewReader(`{}`)))
			if w.Code != http.StatusOK {
				t.Errorf("a callback without an event: %d", w.Code)
			}
		})
	}
}

// The machine may be busy, so the minimum times of many rounds are compared.
func TestAnUnknownApplicationTakesTheSameTime(t *testing.T) {
	c, err := New(Options{Apps: []App{good}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	cost := func(appID string) time.Duration {
		query := tuilivekit.Query{AppID: appID, Sign: tuilivekit.Sign("wrong", fmt.Sprint(now.Unix())), RequestTime: fmt.Sprint(now.Unix())}
		least := time.Hour
		for range 200 {
			start := time.Now()
			for range 200 {
				if app, err := c.authenticate(query, now); app != nil || err == nil {
					t.Fatal("a wrong signature is accepted")
				}
			}
			least = min(least, time.Since(start)/200)
		}
		return least
	}
	var known, unknown time.Duration
	for range 10 {
		known, unknown = cost(good.ID), cost("1400000002")
		if ratio := float64(known) / float64(unknown); ratio > .6 && ratio < 1.7 {
			return
		}
	}
	t.Errorf("a wrong signature takes %s, an unknown application %s", known, unknown)
}

// failing is a Store that fails. It keeps nothing.
type failing struct {
	memory
	err error
}

func (f failing) Record(state.Event, queue.Request, time.Time) (state.Outcome, error) {
	return state.Outcome{}, f.err
}
