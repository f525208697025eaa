package restapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi/restapitest"
)

// shown returns all that err can be made to show.
func shown(err error) string {
	var b strings.Builder
	for e := err; e != nil; e = errors.Unwrap(e) {
		fmt.Fprintf(&b, "%v %+v %#v %s\n", e, e, e, e.Error())
	}
	return b.String()
}

// A hostile or broken API must harm nothing and learn nothing, and its answers must not show
// what was sent to it.
func TestHostileAPI(t *testing.T) {
	reached := make(chan string, 1)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached <- r.URL.String() }))
	defer elsewhere.Close()
	for _, tc := range []struct {
		name  string
		serve func(http.ResponseWriter, *http.Request)
		want  restapi.Fault // 0: an *Error
	}{
		{"hangs", restapitest.Hang, restapi.TimedOut},
		{"drips", restapitest.Drip, restapi.TimedOut},
		{"10 GB", restapitest.Huge, restapi.TooLarge},
		{"half an answer", restapitest.Half, restapi.NoConnection},
		{"nothing in it", restapitest.Empty, restapi.NotTencent},
		{"redirect", restapitest.Redirect(elsewhere.URL), restapi.BadStatus},
		{"redirect to nonsense", restapitest.Redirect("http://[::"), restapi.BadStatus},
		{"gateway", restapitest.Status(http.StatusBadGateway), restapi.BadStatus},
		{"not HTTP", restapitest.Hijack("QUERY QUERY"), restapi.NoConnection},
		{"query in a header", restapitest.Hijack("HTTP/1.1 200 OK\r\nQUERY\r\n\r\n"), restapi.NoConnection},
		{"query in the status", restapitest.Hijack("HTTP/1.1 QUERY\r\n\r\n"), restapi.NoConnection},
		{"query in a length", restapitest.Hijack("HTTP/1.1 200 OK\r\nContent-Length: QUERY\r\n\r\n"), restapi.NoConnection},
		{"query in a coding", restapitest.Hijack("HTTP/1.1 200 OK\r\nTransfer-Encoding: QUERY\r\n\r\n"), restapi.NoConnection},
		{"web page", restapitest.Text("<html>QUERY</html>"), restapi.NotTencent},
		{"other JSON", restapitest.Text(`{"error":"QUERY"}`), restapi.NotTencent},
		{"code that is text", restapitest.Text(`{"ErrorCode":"QUERY"}`), restapi.NotTencent},
		{"list that is text", restapitest.Text(`{"ErrorCode":0,"Response":{"RoomList":"QUERY"}}`), restapi.NotTencent},
		{"no list", restapitest.Text(`{"ErrorCode":0,"Response":{"Next":""}}`), restapi.NotTencent},
		{"room without an id", restapitest.Text(`{"ErrorCode":0,"Response":{"RoomList":[{}]}}`), restapi.NotTencent},
		{"query in an error", restapitest.Text(`{"ErrorCode":60002,"ErrorInfo":"QUERY","RequestId":"QUERY\u0007"}`), 0},
		{"key in an error", restapitest.Text(`{"ErrorCode":60002,"ErrorInfo":"` + key + strings.Repeat("é", 1000) + `"}`), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var sent atomic.Pointer[string] // the UserSig
			api := restapitest.New()
			api.Serve("", -1, tc.serve)
			c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sig := r.URL.Query().Get("usersig")
				sent.Store(&sig)
				api.ServeHTTP(w, r)
			}), func(o *restapi.Options) {
				if tc.want == restapi.TimedOut {
					o.Timeout = 300 * time.Millisecond
				}
			})
			_, err := c.Rooms(t.Context(), "")
			var transport *restapi.TransportError
			if got := errors.As(err, &transport); got != (tc.want != 0) || got && transport.Fault != tc.want {
				t.Errorf("%v, want fault %d", err, tc.want)
			}
			text, sig := shown(err), *sent.Load()
			for _, secret := range []string{sig, strings.ReplaceAll(sig, "*", "%2A"), sig[:40], key} {
				if strings.Contains(text, secret) {
					t.Errorf("%q is shown: %s", secret, text)
				}
			}
			if len(err.Error()) > 1000 || strings.ContainsRune(err.Error(), 7) {
				t.Errorf("not fit to be shown: %q", err)
			}
			if restapi.AdviceOf(err).Meaning == "" {
				t.Error("no advice")
			}
		})
	}
	t.Cleanup(func() {
		select {
		case url := <-reached:
			t.Errorf("the redirect was followed: %s", url)
		default:
		}
	})
}

func TestFaultsWithoutAnAPI(t *testing.T) {
	trusted := httptest.NewTLSServer(nil)
	defer trusted.Close()
	trusted.Config.ErrorLog = nil
	plain := httptest.NewServer(nil)
	defer plain.Close()
	for _, tc := range []struct {
		name, host string
		want       restapi.Fault
	}{
		{"nobody listens", "127.0.0.1:1", restapi.NoConnection},
		{"no such host", "host.invalid", restapi.NoAddress},
		{"certificate of nobody", strings.TrimPrefix(trusted.URL, "https://"), restapi.BadCertificate},
		{"no TLS", strings.TrimPrefix(plain.URL, "http://"), restapi.BadCertificate},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := restapi.New(restapi.Options{AppID: appID, Host: tc.host, Identifier: "administrator", SecretKey: key})
			defer c.Close()
			_, err := c.Rooms(t.Context(), "")
			var transport *restapi.TransportError
			if !errors.As(err, &transport) || transport.Fault != tc.want {
				t.Errorf("%v, want fault %d", err, tc.want)
			}
			if text := shown(err); strings.Contains(text, "usersig") || strings.Contains(text, key) {
				t.Errorf("a secret is shown: %s", text)
			}
		})
	}
}

func TestEndOfTheContextIsNoTimeout(t *testing.T) {
	api, c := standIn(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	api.Serve("", -1, func(w http.ResponseWriter, r *http.Request) { cancel(); restapitest.Hang(w, r) })
	if _, err := c.Rooms(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not the end of the context", err)
	}
}

// A connection that Tencent has closed meanwhile costs no call.
func TestClosedConnectionIsMadeAgain(t *testing.T) {
	api, c := standIn(t, nil)
	if _, err := c.Rooms(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	api.Serve(list, 1, restapitest.Hijack(""))
	if _, err := c.Rooms(t.Context(), ""); err != nil {
		t.Error(err)
	}
}
