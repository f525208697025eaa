package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/reconcile"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

var update = flag.Bool("update", false, "write golden files and generated documents again")

// checkFile compares content with the file of that name below the root of the
// module, or writes it with -update.
func checkFile(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join("..", "..", name)
	if *update {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(content, "\n")
	for i, line := range strings.Split(string(want), "\n") {
		if i >= len(got) || got[i] != line {
			t.Fatalf("%s is not what the code makes (make docs writes it again); line %d is\n%s\nand should be\n%s",
				name, i+1, line, strings.Join(got[min(i, len(got)-1):min(i+1, len(got))], ""))
		}
	}
	if n := strings.Count(string(want), "\n"); len(got) != n+1 {
		t.Fatalf("%s is not what the code makes (make docs writes it again): it has %d lines, should have %d", name, n+1, len(got))
	}
}

// withSample calls do with an exporter, whose time stands still, after
// the documented sample, a request without a signature and one of an
// application that is not configured.
func withSample(t *testing.T, do func(t *testing.T, a *app)) {
	withConfig(t, `apps:
  - {sdk_app_id: 1400000001, name: production, max_rooms: 400, token_files: [TOKEN], relay: {url: 'http://127.0.0.1:1'}, api: {region: singapore, secret_key_file: TOKEN}, reconcile: {}}
  - {sdk_app_id: 1400000002, token_files: [TOKEN]}
replica: {redis: {addresses: ['127.0.0.1:1']}}
`, func(t *testing.T, a *app) {
		sample, err := os.ReadFile("../../testdata/callbacks/Live.CallbackAfterCreateRoomReachingThreshold.json")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"Live.CallbackAfterCreateRoom", "Live.CallbackAfterDestroyRoom", "Live.CallbackAfterMemberStateChanged", "Group.CallbackOnDailyGroupQuotaAlarm", "Alert.RequestOverLimit"} {
			body, err := os.ReadFile("../../testdata/callbacks/" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodPost, "/callback"+signed("1400000001", "token"), strings.NewReader(string(body)))
			a.webhook.ServeHTTP(httptest.NewRecorder(), r)
		}
		for _, query := range []string{signed("1400000001", "token"), "?SdkAppid=1400000001", "?SdkAppid=3"} {
			r := httptest.NewRequest(http.MethodPost, "/callback"+query, strings.NewReader(string(sample)))
			a.webhook.ServeHTTP(httptest.NewRecorder(), r)
		}
		recountOnce(a)
		do(t, a)
	})
}

// noRooms is a server API whose list of rooms is empty, once.
type noRooms struct{ asked bool }

func (n *noRooms) Rooms(ctx context.Context, _ string) (restapi.RoomPage, error) {
	if n.asked {
		<-ctx.Done()
	}
	n.asked = true
	return restapi.RoomPage{}, ctx.Err()
}

func (n *noRooms) Room(context.Context, string) (restapi.Room, error) {
	return restapi.Room{}, errors.New("no room is known")
}
func (n *noRooms) Clock() (restapi.Clock, bool) { return restapi.Clock{}, false }
func (n *noRooms) Close()                       {}

// recountOnce lets one recount of demoApp succeed, in no time.
func recountOnce(a *app) {
	app := reconcile.App{ID: demoApp, API: &noRooms{}, Interval: 1, Rate: 1e9}
	a.recounts.Configure([]reconcile.App{app})
	ctx, stop := context.WithCancel(context.Background())
	var recounting sync.WaitGroup
	recounting.Go(func() { _ = a.recounts.Run(ctx) })
	time.Sleep(time.Microsecond) // of the bubble
	synctest.Wait()
	stop()
	recounting.Wait()
	app.Interval = 10 * time.Minute
	a.recounts.Configure([]reconcile.App{app})
}

// withConfig calls do with an exporter that has the configuration config, in which TOKEN
// is a file with the token "token". Its time stands still, a moment after that of the
// documented sample.
func withConfig(t *testing.T, config string, do func(t *testing.T, a *app)) {
	synctest.Test(t, func(t *testing.T) {
		eventTime := time.UnixMilli(1739966441121) // of the documented sample
		time.Sleep(time.Until(eventTime.Add(250 * time.Millisecond)))
		token := writeFile(t, "token", "token")
		file := writeFile(t, "c.yaml", strings.ReplaceAll(config, "TOKEN", token))
		c := newCLI(io.Discard, io.Discard)
		args := []string{"--config.file=" + file, "--storage.path=" + t.TempDir()}
		if _, err := c.app.Parse(args); err != nil {
			t.Fatal(err)
		}
		log := logrus.New()
		log.SetOutput(io.Discard)
		a, err := newApp(&c.serve, log)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		var storing sync.WaitGroup
		storing.Go(func() { _ = a.storage.Run(ctx) })
		defer storing.Wait()
		defer stop()
		a.health.SetReady(true)
		do(t, a)
	})
}

// read returns what the web listener answers.
func (a *app) read(t *testing.T, path, accept string) string {
	t.Helper()
	return a.ask(t, path, accept).Body.String()
}

// ask returns the whole answer of the web listener.
func (a *app) ask(t *testing.T, path, accept string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	a.web.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w
}

// expositionText returns what is scraped, with the given Accept header, after callbacks
// that leave no metric without a series. Time stands still; what depends on the
// machine or on the build is left out.
func expositionText(t *testing.T, accept string) (text string) {
	withSample(t, func(t *testing.T, a *app) {
		machine := regexp.MustCompile(`^(# (HELP|TYPE|UNIT) )?(go_|process_)`)
		value := regexp.MustCompile(`="[^"]*"`)
		for line := range strings.Lines(a.read(t, "/metrics", accept)) {
			if strings.HasPrefix(line, "tuilivekit_exporter_build_info{") {
				line = value.ReplaceAllString(line, `="…"`)
			}
			if !machine.MatchString(line) {
				text += line
			}
		}
	})
	return text
}

func TestGoldenExposition(t *testing.T) {
	t.Parallel()
	text := expositionText(t, "")
	checkFile(t, "testdata/metrics.txt", text)
	checkFile(t, "testdata/metrics.openmetrics.txt", expositionText(t, "application/openmetrics-text;version=1.0.0"))

	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("promlint: %s: %s", p.Metric, p.Text)
	}
}

// signed returns the query of a callback that is signed now.
func signed(app, token string) string {
	now := strconv.FormatInt(time.Now().Unix(), 10)
	return "?SdkAppid=" + app + "&Sign=" + tuilivekit.Sign(token, now) + "&RequestTime=" + now
}
