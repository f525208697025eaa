package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// mounted is a folder of files as Kubernetes mounts a ConfigMap or a Secret: all are
// swapped at once, by one symbolic link.
type mounted struct {
	t       *testing.T
	dir     string
	version int
}

func (m *mounted) put(files map[string]string) {
	m.t.Helper()
	m.version++
	version := fmt.Sprintf("..version-%d", m.version)
	must := func(err error) {
		m.t.Helper()
		if err != nil {
			m.t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(m.dir, version), 0o700))
	for name, content := range files {
		must(os.WriteFile(filepath.Join(m.dir, version, name), []byte(content), 0o600))
		must(os.Chtimes(filepath.Join(m.dir, version, name), time.Unix(1, 0), time.Unix(1, 0)))
		if m.version == 1 {
			must(os.Symlink(filepath.Join("..data", name), filepath.Join(m.dir, name)))
		}
	}
	must(os.Symlink(version, filepath.Join(m.dir, "..data_tmp")))
	must(os.Rename(filepath.Join(m.dir, "..data_tmp"), filepath.Join(m.dir, "..data")))
}

func TestAutoReloadFollowsMountedFiles(t *testing.T) {
	m := &mounted{t: t, dir: t.TempDir()}
	const both = "apps: [{sdk_app_id: " + demoApp + ", token_files: [token]}, {sdk_app_id: " + otherApp + ", token_files: [token]}]\n"
	const one = "apps: [{sdk_app_id: " + demoApp + ", token_files: [token]}]\n"
	m.put(map[string]string{"config.yml": one, "token": demoToken})
	i := startApp(t, "--config.file="+filepath.Join(m.dir, "config.yml"), "--config.auto-reload", "--config.auto-reload-interval=2ms")
	status := func(app, token string) int { return i.post(signedURL(i.callback, app, token, ""), harmless).status }
	within := func(step string, want int, app, token string) {
		t.Helper()
		for late := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
			got := status(app, token)
			if got == want {
				return
			}
			if time.Now().After(late) {
				t.Fatalf("%s: got %d, want %d\n%s", step, got, want, i.log)
			}
		}
	}
	within("at the start", 403, otherApp, demoToken)
	m.put(map[string]string{"config.yml": both, "token": demoToken})
	within("one more application", 200, otherApp, demoToken)
	m.put(map[string]string{"config.yml": both, "token": otherToken})
	within("another token", 200, demoApp, otherToken)
	within("the token of before", 401, demoApp, demoToken)

	m.put(map[string]string{"config.yml": both + "label: x\n", "token": otherToken})
	i.log.wait(t, "configuration not reloaded")
	expect(t, i.scrape(), map[string]float64{reloadSuccessful: 0})
	within("what is not valid", 200, demoApp, otherToken)
	m.put(map[string]string{"config.yml": both})
	i.log.wait(t, `(?s)configuration not reloaded.*configuration not reloaded.*no such file`)
	within("without a token", 200, demoApp, otherToken)
	time.Sleep(20 * time.Millisecond) // ten more looks at the same
	if n := strings.Count(i.log.String(), "configuration not reloaded"); n != 2 {
		t.Errorf("%d lines about two configurations:\n%s", n, i.log)
	}
	m.put(map[string]string{"config.yml": one, "token": otherToken})
	within("one application less", 403, otherApp, otherToken)
	expect(t, i.scrape(), map[string]float64{reloadSuccessful: 1})
	if log := i.log.String(); strings.Contains(log, demoToken) || strings.Contains(log, otherToken) {
		t.Errorf("a token is in the log:\n%s", log)
	}
}

func TestAutoReloadOfFlagsFollowsTheToken(t *testing.T) {
	token := writeFile(t, "token", demoToken)
	i := startApp(t, "--app="+demoApp, "--app.token-file="+token, "--config.auto-reload", "--config.auto-reload-interval=2ms")
	if err := os.WriteFile(token, []byte(otherToken), 0o600); err != nil {
		t.Fatal(err)
	}
	i.log.wait(t, "configuration reloaded")
	acknowledged(t, i.post(signedURL(i.callback, demoApp, otherToken, ""), harmless))
}

// counting sends events, each newer than the last, and counts what became of them.
type counting struct {
	*configured
	acknowledged, forbidden, other atomic.Int64
	clock                          *atomic.Int64
}

func (s *counting) send(app, token string) {
	body := strings.Replace(knownEvent, "1739966441121", fmt.Sprint(s.clock.Add(1)), 1)
	resp, err := s.client.Post(signedURL(s.callback, app, token, thresholdCommand), "application/json", strings.NewReader(body))
	if err != nil {
		s.other.Add(1)
		s.t.Error(err)
		return
	}
	switch resp.Body.Close(); resp.StatusCode {
	case http.StatusOK:
		s.acknowledged.Add(1)
	case http.StatusForbidden, http.StatusTooManyRequests:
		s.forbidden.Add(1)
	default:
		s.other.Add(1)
		s.t.Errorf("application %s: got %s", app, resp.Status)
	}
}

// One application stays while its name and its tokens change, another one comes and
// goes. The one loses no callback; of the other, all that was acknowledged is there.
func TestChangesUnderLoadLoseNoCallback(t *testing.T) {
	t.Parallel()
	c := startConfigured(t, "--storage.path=") // a slow disk refuses, which is not what this is about
	c.client.Transport.(*http.Transport).MaxIdleConnsPerHost = 8
	var clock atomic.Int64
	clock.Store(1739966441121)
	stays, comesAndGoes := &counting{configured: c, clock: &clock}, &counting{configured: c, clock: &clock}
	var token atomic.Pointer[string] // that stays is signed with
	tokenFile := func(name, content string) string { return writeFile(t, name, content) }
	current := demoToken
	token.Store(&current)
	currentFile := tokenFile("token-0", current)

	var stop atomic.Bool
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			for !stop.Load() {
				stays.send(demoApp, *token.Load())
			}
		})
	}
	for range 2 {
		senders.Go(func() {
			for !stop.Load() {
				comesAndGoes.send(otherApp, otherToken)
			}
		})
	}
	reloads := 0
	load := func(name, tokens string, both bool) {
		t.Helper()
		config := fmt.Sprintf("apps:\n  - {sdk_app_id: %s, name: %s, token_files: [%s]}\n", demoApp, name, tokens)
		if both {
			config += fmt.Sprintf("  - {sdk_app_id: %s, token_files: [%q]}\n", otherApp, c.otherToken)
		}
		reloads++
		if reloads%2 == 0 {
			c.reloaded(config)
			return
		}
		before := strings.Count(c.log.String(), "configuration reloaded")
		c.write(t, config)
		c.hup <- syscall.SIGHUP
		for late := time.Now().Add(patience); strings.Count(c.log.String(), "configuration reloaded") == before; time.Sleep(time.Millisecond) {
			if time.Now().After(late) {
				t.Fatal("SIGHUP does nothing")
			}
		}
	}
	for round := range 10 {
		next := fmt.Sprintf("token-%d-that-must-never-be-printed", round+1)
		nextFile := tokenFile(fmt.Sprintf("token-%d", round+1), next)
		name := fmt.Sprintf("name-%d", round)
		load(name, fmt.Sprintf("%q, %q", currentFile, nextFile), round%2 == 0)
		token.Store(&next)
		seen := stays.acknowledged.Load()
		for late := time.Now().Add(patience); stays.acknowledged.Load() < seen+100 && time.Now().Before(late); {
			time.Sleep(time.Millisecond) // what was signed with the last token is answered
		}
		load(name, fmt.Sprintf("%q", nextFile), round%2 == 1)
		currentFile = nextFile
	}
	load("last", fmt.Sprintf("%q", currentFile), true)
	stop.Store(true)
	senders.Wait()
	got := c.scrape()
	expect(t, got, map[string]float64{
		series("threshold_events_total"):                                   float64(stays.acknowledged.Load()),
		`tuilivekit_threshold_events_total{sdk_app_id="` + otherApp + `"}`: float64(comesAndGoes.acknowledged.Load()),
		`tuilivekit_app_info{name="last",sdk_app_id="` + demoApp + `"}`:    1,
		rejectionsOf("sign"): 0,
		reloadSuccessful:     1,
	})
	if n := got[rejectionsOf("unknown_app")] + got[rejectionsOf("rate")]; n != float64(comesAndGoes.forbidden.Load()) {
		t.Errorf("%v refusals are counted, want %d", n, comesAndGoes.forbidden.Load())
	}
	if n := stays.forbidden.Load() + stays.other.Load() + comesAndGoes.other.Load(); n != 0 {
		t.Errorf("%d callbacks were lost", n)
	}
	if comesAndGoes.forbidden.Load() == 0 || comesAndGoes.acknowledged.Load() == 0 {
		t.Error("the other application did not come and go")
	}
	t.Logf("%d reloads; %d callbacks of the application that stays, none refused; of the other %d acknowledged and counted, %d refused while it was away",
		reloads, stays.acknowledged.Load(), comesAndGoes.acknowledged.Load(), comesAndGoes.forbidden.Load())
}

func TestARequestSeesOneConfiguration(t *testing.T) {
	c := startConfigured(t)
	conn, rest := halfSent(t, c.instance) // let in, and its body on the way
	c.reloaded(fmt.Sprintf("apps:\n  - {sdk_app_id: %s, token_files: [%q]}\n", otherApp, c.otherToken))
	if a := c.post(c.signed(thresholdCommand), knownEvent); a.status != http.StatusForbidden {
		t.Errorf("another one: got %d", a.status)
	}
	acknowledged(t, exchange(t, conn, rest))
	c.reloaded(c.both())
	expect(t, c.scrape(), map[string]float64{series("threshold_events_total"): 1, series("current_rooms"): 400})
}
