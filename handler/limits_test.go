package handler

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

func TestTooManyRefusalsOfOneSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := limited(t, Options{Limits: Limits{TrustedProxies: prefixes("10.0.0.0/8")}})
		const attacker = "192.0.2.1"
		refused := func(n int, from string, header ...string) (by map[int]int) {
			by = map[int]int{}
			for range n {
				by[call(c, from, false, header...).Code]++
			}
			return by
		}
		want := func(step string, got map[int]int, unauthorized, tooMany int) {
			t.Helper()
			if got[401] != unauthorized || got[429] != tooMany || len(got) > 2 {
				t.Errorf("%s: got %v, want %d of 401 and %d of 429", step, got, unauthorized, tooMany)
			}
		}
		want("a burst", refused(1500, attacker), 1000, 500)
		w := call(c, attacker, false)
		if w.Header().Get("Retry-After") != "1" || w.Body.String() != `{"ActionStatus":"FAIL","ErrorInfo":"too many requests","ErrorCode":429}` {
			t.Errorf("got %v %s", w.Header(), w.Body)
		}
		if w := call(c, attacker, true); w.Code != http.StatusOK {
			t.Errorf("a signed callback from there: got %d", w.Code)
		}
		want("another source", refused(10, "192.0.2.2"), 10, 0)
		want("a proxy itself", refused(1500, "10.0.0.1"), 1500, 0)
		want("the same source behind a proxy", refused(10, "10.0.0.1", attacker), 0, 10)
		want("another source behind the proxy", refused(10, "10.0.0.1", "192.0.2.3"), 10, 0)
		time.Sleep(time.Second)
		want("a second later", refused(200, attacker), 100, 100)
		for range 2000 {
			if w := call(c, "192.0.2.9", true); w.Code != http.StatusOK {
				t.Fatalf("a signed callback of many: got %d", w.Code)
			}
		}
		if n := testutil.ToFloat64(c.metrics.rejections[reasonRate.index]); n != 611 {
			t.Errorf("%v refusals counted, want 611", n)
		}
	})
}

func TestAllowedSources(t *testing.T) {
	c := limited(t, Options{Limits: Limits{TrustedProxies: prefixes("10.0.0.0/8"), AllowedSources: prefixes("192.0.2.0/24")}})
	for _, tc := range []struct {
		name, from string
		header     []string
		status     int
		text       string
	}{
		{"allowed", "192.0.2.1", nil, 200, ""},
		{"not allowed", "198.51.100.1", nil, 403, "source not allowed"},
		{"not allowed, with an allowed address in the header", "198.51.100.1", []string{"192.0.2.1"}, 403, "source not allowed"},
		{"allowed, behind a proxy", "10.0.0.1", []string{"192.0.2.1"}, 200, ""},
		{"not allowed, behind a proxy", "10.0.0.1", []string{"198.51.100.1"}, 403, "source not allowed"},
		{"not allowed, behind a proxy, with an allowed address in the header", "10.0.0.1", []string{"192.0.2.1, 198.51.100.1"}, 403, "source not allowed"},
		{"unreadable, behind a proxy", "10.0.0.1", []string{"192.0.2.1, x"}, 400, "X-Forwarded-For is not a list of addresses"},
		{"the proxy itself", "10.0.0.1", nil, 403, "source not allowed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := call(c, tc.from, true, tc.header...)
			if w.Code != tc.status || !strings.Contains(w.Body.String(), `"ErrorInfo":"`+tc.text+`"`) {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
		})
	}
}

func TestTooManyCallbacksInWork(t *testing.T) {
	recorder := &stuck{newMemory(), make(chan struct{}), make(chan struct{})}
	c := limited(t, Options{Store: recorder})
	event := func() int {
		now := fmt.Sprint(time.Now().Unix())
		r := httptest.NewRequest(http.MethodPost, "/?SdkAppid="+good.ID+"&Sign="+tuilivekit.Sign("token", now)+"&RequestTime="+now,
			strings.NewReader(`{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","CurRoomCount":1,"MaxRoomCount":1}`))
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r)
		if w.Code == http.StatusServiceUnavailable && w.Header().Get("Retry-After") != "1" {
			t.Errorf("Retry-After: got %q", w.Header().Get("Retry-After"))
		}
		return w.Code
	}
	var busy sync.WaitGroup
	for range DefaultMaxInWork {
		busy.Go(func() {
			if got := event(); got != http.StatusOK {
				t.Errorf("got %d", got)
			}
		})
		<-recorder.entered
	}
	for range 100 { // a refusal does not wait
		if got := event(); got != http.StatusServiceUnavailable {
			t.Fatalf("one callback too many: got %d", got)
		}
	}
	if got := call(c, "192.0.2.1", false).Code; got != http.StatusUnauthorized {
		t.Errorf("an unsigned callback: got %d", got)
	}
	close(recorder.release)
	busy.Wait()
	if n := c.inWork.Load(); n != 0 {
		t.Errorf("%d callbacks are still in progress", n)
	}
	if n := testutil.ToFloat64(c.metrics.rejections[reasonOverload.index]); n != 100 {
		t.Errorf("%v refusals counted, want 100", n)
	}
}

// stuck is a Store whose Record waits until the test closes release.
type stuck struct {
	memory
	entered chan struct{}
	release chan struct{}
}

func (s *stuck) Record(state.Event, queue.Request, time.Time) (state.Outcome, error) {
	s.entered <- struct{}{}
	<-s.release
	return state.Outcome{}, nil
}

func TestAfterAPanicNoCallbackIsInProgress(t *testing.T) {
	c := limited(t, Options{})
	now := fmt.Sprint(time.Now().Unix())
	for range 3 {
		r := httptest.NewRequest(http.MethodPost, "/?SdkAppid="+good.ID+"&Sign="+tuilivekit.Sign("token", now)+"&RequestTime="+now, nil)
		r.Body = brokenBody{panics: true}
		c.ServeHTTP(httptest.NewRecorder(), r)
	}
	if n := c.inWork.Load(); n != 0 {
		t.Errorf("%d callbacks are in progress", n)
	}
}

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func limited(t *testing.T, o Options) *Callback {
	t.Helper()
	o.Apps = []App{good}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// call sends a request, signed or not, as if from the address from.
func call(c *Callback, from string, signed bool, header ...string) *httptest.ResponseRecorder {
	target := "/callback?SdkAppid=" + good.ID
	if signed {
		now := fmt.Sprint(time.Now().Unix())
		target += "&Sign=" + tuilivekit.Sign("token", now) + "&RequestTime=" + now
	}
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(`{"CallbackCommand":"x"}`))
	r.RemoteAddr = from + ":4711"
	for _, line := range header {
		r.Header.Add("X-Forwarded-For", line)
	}
	w := httptest.NewRecorder()
	c.Router("/callback").ServeHTTP(w, r)
	return w
}
