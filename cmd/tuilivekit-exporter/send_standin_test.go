package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// freeAddr returns an address of loopback to listen on: where there is 127.0.0.2, one that
// no other test is given in the meantime.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestSendSeesWhatTheRelayPassesOn(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	i := startApp(t, relayTo(t, "url: 'http://"+addr+"/hook'"))
	send := func(args ...string) *program {
		return runBinary(t, nil, append([]string{"send", "--url=" + i.callback, "--app=" + demoApp, "--token-file=" + writeFile(t, "token", demoToken), "--expect-relay=" + addr}, args...)...)
	}
	send().expect(0, "1 of 1 callbacks arrived unchanged at the stand-in backend, http://"+addr)
	send("--count=20", "--command=Live.CallbackAfterUpdateRoomInfo").expect(0, "20 of 20 callbacks arrived unchanged")
	send("--command=Live.CallbackBeforeSendGift").expect(0, "1 of 1 callbacks arrived unchanged")
	send("--late=2m").expect(1, "1 of 1 callbacks were not answered OK", "0 of 0 callbacks arrived")
	// It waits for the next stand-in, before what the same user causes.
	i.post(i.signed(""), strings.Replace(numbered(1), "{", `{"Operator_Account":"tuilivekit-exporter-send-0",`, 1))
	send().expect(0, "1 of 1 callbacks arrived unchanged", "1 × arrived but was not sent now")
}

func TestSendSaysWhatARelayChangesOrLoses(t *testing.T) {
	addr := freeAddr(t)
	passOn := func(change func(*http.Request, *url.URL)) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, okBody)
			if change == nil {
				return
			}
			body, _ := io.ReadAll(r.Body)
			u := &url.URL{Scheme: "http", Host: addr, RawQuery: r.URL.RawQuery}
			header := r.Header.Clone()
			change(r, u)
			req, err := http.NewRequest(r.Method, u.String(), strings.NewReader(string(body)))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header = header
			if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
				resp.Body.Close()
			}
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	for name, tc := range map[string]struct{ target, want string }{
		"the query": {passOn(func(_ *http.Request, u *url.URL) { u.RawQuery += "&more" }), "1 × arrived with another query"},
		"a method":  {passOn(func(r *http.Request, _ *url.URL) { r.Method = http.MethodPut }), "1 × arrived with another method"},
		"nothing":   {passOn(nil), "1 × not arrived after 100ms"},
	} {
		t.Run(name, func(t *testing.T) {
			runBinary(t, nil, "send", "--url="+tc.target, "--app="+demoApp, "--unsigned", "--expect-relay="+addr, "--expect-timeout=100ms").
				expect(1, "0 of 1 callbacks arrived unchanged", tc.want, "not all callbacks arrived unchanged")
		})
	}
	runBinary(t, nil, "send", "--app="+demoApp, "--unsigned", "--expect-relay="+addr+"0").expect(1, "--expect-relay: listen tcp")
}
