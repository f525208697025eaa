package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Callbacks to another path are lost, and if they are signed their sender is one of ours.
func TestSignedCallbackToAnotherPathIsNoScanner(t *testing.T) {
	i := startApp(t, "--webhook.path=/hook")
	at := func(path, query string) string { return "http://" + i.addr + path + "?" + query }
	now := time.Now().Unix()
	signed := signedQuery(demoApp, demoToken, thresholdCommand, now)
	bare := i.post(at("/hook/", ""), knownEvent)
	for _, path := range []string{"/hook/", "/", "/callback", "/Hook", "/%68ook"} {
		a := i.post(at(path, signed), knownEvent)
		if a.status != http.StatusNotFound || a.body != "" || len(a.header) != len(bare.header) {
			t.Errorf("%s: got %d %q %v, a stranger gets %v", path, a.status, a.body, a.header, bare.header)
		}
	}
	expect(t, i.scrape(), map[string]float64{rejectionsOf("signed_path"): 5, rejectionsOf("path"): 1, series("threshold_events_total"): 0})
	i.log.wait(t, `level=warning msg="callback refused" error="the path is \\"/hook/\\", and must be \\"/hook\\"" reason=signed_path sdk_app_id=`+demoApp)
	page := i.get("/").body
	for _, part := range []string{"Signed, but to a wrong path", "and must be &#34;/hook&#34;"} {
		if !strings.Contains(page, part) {
			t.Errorf("the status page lacks %s", part)
		}
	}

	for _, query := range []string{
		signedQuery(demoApp, "wrong", thresholdCommand, now),
		signedQuery("2", demoToken, thresholdCommand, now),
		signedQuery(demoApp, demoToken, thresholdCommand, now-3600), // heard an hour ago
		"SdkAppid=" + demoApp,
		signed + "&Sign=x",
	} {
		i.post(at("/hook/", query), knownEvent)
	}
	i.get("/") // the other listener
	do(t, i.client, http.MethodGet, at("/hook/", signed), "")
	expect(t, i.scrape(), map[string]float64{rejectionsOf("signed_path"): 5, rejectionsOf("path"): 7})
}

func TestUnsignedCallbackToAnotherPathIsNobodys(t *testing.T) {
	i := startApp(t, "--app=1", "--app.allow-unsigned")
	i.post("http://"+i.addr+"/other?SdkAppid=1", knownEvent)
	expect(t, i.scrape(), map[string]float64{rejectionsOf("signed_path"): 0, rejectionsOf("path"): 1})
}
