package web

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
)

func TestQuietApplicationsAreCollapsedWhereThereAreMany(t *testing.T) {
	c, s := newTestStatus(t, manyApps(200)...)
	post(c, "1007", "token", time.Now(), threshold(400, 500))
	post(c, "1008", "wrong", time.Now(), threshold(400, 500))
	_, body := getPage(s, "/")
	if n := strings.Count(body, "data-app="); n != 200 {
		t.Errorf("%d rows", n)
	}
	for id, shown := range map[string]bool{"1007": true, "1008": true, "1001": false, "1200": false} {
		if before(body, `data-app="`+id+`"`) != shown {
			t.Errorf("%s is shown: %t", id, !shown)
		}
	}
	for _, part := range []string{"<summary>198 quiet applications", `<a href="#applications">`, `<a href="#refusals">Refused requests (1)</a>`, `id="refusals"`, `name="q"`} {
		if !strings.Contains(body, part) {
			t.Errorf("the page lacks %s", part)
		}
	}

	c, s = newTestStatus(t, manyApps(crowded)...)
	post(c, "1007", "token", time.Now(), threshold(400, 500))
	if _, body := getPage(s, "/"); strings.Contains(body, "quiet application") || strings.Contains(body, `name="q"`) {
		t.Error("few applications are collapsed, or have a filter")
	}
}

func TestFilter(t *testing.T) {
	_, s := newTestStatus(t, manyApps(200)...)
	for query, want := range map[string]int{"karaoke 12": 11, "KARAOKE 200": 1, "1200": 1, "": 200, "  ": 200, "nothing": 0} {
		_, body := getPage(s, "/?q="+url.QueryEscape(query))
		if n := strings.Count(body, "data-app="); n != want {
			t.Errorf("%q: %d rows, want %d", query, n, want)
		}
		if filtered := strings.TrimSpace(query) != ""; strings.Contains(body, `<details class="quiet"`) == filtered {
			t.Errorf("%q: the applications found are collapsed, or the quiet applications are not", query)
		}
	}
	_, body := getPage(s, "/?refresh=off&q=Karaoke+7")
	for _, part := range []string{`value="Karaoke 7"`, `<input type="hidden" name="refresh" value="off">`, `<a href="?q=Karaoke&#43;7">resume</a>`, `<a href="?refresh=off">show all</a>`} {
		if !strings.Contains(body, part) {
			t.Errorf("the page lacks %s", part)
		}
	}
	for _, hostile := range []string{`"><script>x</script>`, "\xff\xfeq", strings.Repeat("ü", 5000), "\u202e"} {
		_, body := getPage(s, "/?q="+url.QueryEscape(hostile))
		if strings.Contains(body, "<script") || strings.Contains(body, "\xff") || len(body) > 20_000 {
			t.Errorf("%.20q: the page has %d bytes", hostile, len(body))
		}
	}
}

func TestClockSkewIsJudged(t *testing.T) {
	for seconds, want := range map[int]string{0: "good", 4: "good", 10: "warn", -10: "warn", 50: "bad", 120: "bad", -120: "bad"} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Hour)
			c, s := newTestStatus(t, handler.App{ID: "1"})
			post(c, "1", "token", time.Now().Add(-time.Duration(seconds)*time.Second), threshold(400, 500))
			if _, body := getPage(s, "/"); !strings.Contains(body, `<div class="`+want+`">`+"\n<dt>Clock") {
				t.Errorf("%d s is not %s", seconds, want)
			}
		})
	}
	_, s := newTestStatus(t, handler.App{ID: "1"})
	if _, body := getPage(s, "/"); !strings.Contains(body, "<div>\n<dt>Clock") {
		t.Error("an unknown clock skew has a class")
	}
}

func TestSendCommandHasTheLocalURL(t *testing.T) {
	c, err := handler.New(handler.Options{Apps: []handler.App{{ID: "1", Tokens: []string{"token"}}}})
	if err != nil {
		t.Fatal(err)
	}
	s := NewStatus(StatusOptions{Webhook: c.Report, CallbackURL: func() CallbackURLStatus { return CallbackURLStatus{Local: "http://127.0.0.1:4711/hook"} }})
	if _, body := getPage(s, "/"); !strings.Contains(body, "tuilivekit-exporter send --url http://127.0.0.1:4711/hook --app 1 --token-file TOKEN-FILE<") {
		t.Error("the page has another command")
	}
}

// manyApps returns n applications. The ID of the first is 1001.
func manyApps(n int) []handler.App {
	apps := make([]handler.App, n)
	for i := range apps {
		apps[i] = handler.App{ID: fmt.Sprint(1001 + i), Name: fmt.Sprintf("Karaoke %d", i+1)}
	}
	return apps
}

// before reports whether part is on the page before the collapsed applications.
func before(body, part string) bool {
	open, _, _ := strings.Cut(body, `<details class="quiet"`)
	return strings.Contains(open, part)
}
