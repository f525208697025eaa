package main

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// A self-test is answered by who knows a token, and by this program, and leaves no trace
// beyond the requests that were answered.
func TestSelfTestIsNoCallback(t *testing.T) {
	b := newBackend(t, nil)
	file := writeFile(t, "config.yml", fmt.Sprintf("apps:\n  - {sdk_app_id: %s, token_files: [%q], relay: {url: %q}}\n", demoApp, writeFile(t, "token", demoToken), b.URL))
	i := startApp(t, "--config.file="+file)
	before := i.scrape()
	if a := i.post(i.signed(tuilivekit.SelfTest), "{}"); a.status != http.StatusOK || a.body != tuilivekit.SelfTestOK {
		t.Errorf("got %d %s", a.status, a.body)
	}
	threshold := `{"CallbackCommand":"` + thresholdCommand + `","EventTime":1739966441121,"CurRoomCount":400,"MaxRoomCount":500}`
	if a := i.post(i.signed(tuilivekit.SelfTest), threshold); a.body != tuilivekit.SelfTestOK {
		t.Errorf("got %s for a self-test with the body of an event", a.body)
	}
	if a := i.post(signedURL(i.callback, demoApp, "wrong", tuilivekit.SelfTest), "{}"); a.status != http.StatusUnauthorized {
		t.Errorf("got %d with a wrong token", a.status)
	}
	after := i.scrape()
	compared := 0
	for series, was := range before {
		mayMove := regexp.MustCompile(`^(go|process)_|webhook_request_duration|rejections_total{reason="sign"}|exporter_(scrape|build)|webhook_connections`)
		if mayMove.MatchString(series) {
			continue
		}
		if compared++; after[series] != was {
			t.Errorf("%s is %v, was %v", series, after[series], was)
		}
	}
	if compared < 50 || len(after) != len(before) {
		t.Errorf("%d series compared; there are %d, were %d", compared, len(after), len(before))
	}
	select {
	case <-b.got:
		t.Error("the backend has got it")
	default:
	}
}
