package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// newAppError returns why there is no exporter with the flags args.
func newAppError(t *testing.T, args ...string) string {
	t.Helper()
	cli := newCLI(io.Discard, io.Discard)
	if _, err := cli.app.Parse(append(args, "--storage.path="+t.TempDir())); err != nil {
		return err.Error()
	}
	_, err := newApp(&cli.serve, cli.serve.newLogger(io.Discard))
	if err == nil {
		t.Fatal("no error")
	}
	return err.Error()
}

// configured is an exporter with a configuration file that a test writes again.
type configured struct {
	*instance
	file, token, otherToken string
}

const reloadSuccessful = "tuilivekit_exporter_config_last_reload_successful"

func startConfigured(t *testing.T, args ...string) *configured {
	t.Helper()
	c := &configured{file: writeFile(t, "config.yml", ""), token: writeFile(t, "token", demoToken), otherToken: writeFile(t, "token", otherToken)}
	c.write(t, c.both())
	c.instance = startApp(t, append(args, "--config.file="+c.file, "--web.enable-lifecycle")...)
	return c
}

func (c *configured) write(t *testing.T, content string) {
	t.Helper()
	if err := os.WriteFile(c.file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c *configured) both() string {
	return c.one() + fmt.Sprintf("  - {sdk_app_id: %s, token_files: [%q]}\n", otherApp, c.otherToken)
}

func (c *configured) one() string {
	return fmt.Sprintf("apps:\n  - {sdk_app_id: %s, token_files: [%q]}\n", demoApp, c.token)
}

func (c *configured) reload() answer {
	c.t.Helper()
	return c.post(c.web+"/-/reload", "")
}

func (c *configured) reloaded(content string) {
	c.t.Helper()
	c.write(c.t, content)
	if a := c.reload(); a.status != http.StatusOK {
		c.t.Fatalf("reload: got %d %s", a.status, a.body)
	}
}

// otherSigned is the callback URL of otherApp.
func (c *configured) otherSigned() string {
	return signedURL(c.callback, otherApp, otherToken, thresholdCommand)
}

func TestApplicationThatLeavesComesBackWithItsCounts(t *testing.T) {
	c := startConfigured(t)
	acknowledged(t, c.post(c.otherSigned(), knownEvent))
	acknowledged(t, c.post(c.signed(thresholdCommand), knownEvent))

	c.reloaded(c.one())
	if a := c.post(c.otherSigned(), newerEvent); a.status != http.StatusForbidden {
		t.Errorf("callback of an application that left: got %d", a.status)
	}
	if text := c.get("/metrics").body; strings.Contains(text, otherApp) {
		t.Error("the exposition still has it")
	}
	expect(t, c.scrape(), map[string]float64{series("current_rooms"): 400, callbacksOf(thresholdCommand): 1})

	c.reloaded(c.both())
	expect(t, c.scrape(), map[string]float64{
		`tuilivekit_current_rooms{sdk_app_id="` + otherApp + `"}`:          400,
		`tuilivekit_max_rooms{sdk_app_id="` + otherApp + `"}`:              500,
		`tuilivekit_threshold_events_total{sdk_app_id="` + otherApp + `"}`: 1,
		callbacksOf(thresholdCommand):                                      1,
	})
	acknowledged(t, c.post(c.otherSigned(), knownEvent)) // a repeat, still
	expect(t, c.scrape(), map[string]float64{`tuilivekit_threshold_events_total{sdk_app_id="` + otherApp + `"}`: 1})
}

func TestBrokenConfigurationLeavesTheLastGoodOne(t *testing.T) {
	c := startConfigured(t)
	acknowledged(t, c.post(c.signed(thresholdCommand), knownEvent))
	loadedAt := c.scrape()["tuilivekit_exporter_config_last_reload_success_timestamp_seconds"]
	c.write(t, c.one()+"    label: x\n")
	a := c.reload()
	if a.status != http.StatusInternalServerError || !strings.Contains(a.body, c.file) {
		t.Errorf("reload: got %d %s", a.status, a.body)
	}
	expect(t, c.scrape(), map[string]float64{
		reloadSuccessful: 0, series("current_rooms"): 400,
		"tuilivekit_exporter_config_last_reload_success_timestamp_seconds": loadedAt,
	})
	acknowledged(t, c.post(c.otherSigned(), harmless))
	if log := c.log.String(); !strings.Contains(log, "configuration not reloaded") {
		t.Error(log)
	}
	c.reloaded(c.one())
	got := c.scrape()
	expect(t, got, map[string]float64{reloadSuccessful: 1})
	if at := got["tuilivekit_exporter_config_last_reload_success_timestamp_seconds"]; at <= loadedAt {
		t.Errorf("loaded at %f, and before at %f", at, loadedAt)
	}
}

func TestSIGHUPReadsTheFilesAgain(t *testing.T) {
	c := startConfigured(t)
	if err := os.WriteFile(c.token, []byte("next-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	next := func() int { return c.post(signedURL(c.callback, demoApp, "next-token", ""), harmless).status }
	if got := next(); got != http.StatusUnauthorized {
		t.Errorf("new token before: got %d", got)
	}
	c.hup <- syscall.SIGHUP
	c.log.wait(t, "configuration reloaded")
	if got := next(); got != http.StatusOK {
		t.Errorf("new token: got %d", got)
	}
	if got := c.post(c.signed(""), harmless).status; got != http.StatusUnauthorized {
		t.Errorf("old token: got %d", got)
	}

	if err := os.Remove(c.token); err != nil {
		t.Fatal(err)
	}
	c.hup <- syscall.SIGHUP
	c.log.wait(t, "configuration not reloaded")
	if got := next(); got != http.StatusOK {
		t.Errorf("token after its file is gone: got %d", got)
	}
	expect(t, c.scrape(), map[string]float64{reloadSuccessful: 0})
}

func TestReloadRefusesATokenFileThatCannotBeRight(t *testing.T) {
	c := startConfigured(t)
	for fault, content := range map[string]string{
		"is encoded as UTF-16": "\xff\xfen\x00e\x00x\x00t\x00",
		"has several lines":    demoToken + "\nnext\n",
		"is empty":             "\n",
	} {
		if err := os.WriteFile(c.token, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		a := c.reload()
		if want := c.file + ":2: apps[0].token_files[0]: file " + c.token + " " + fault; a.status != http.StatusInternalServerError || !strings.Contains(a.body, want) {
			t.Errorf("got %d %s, want %s", a.status, a.body, want)
		}
		acknowledged(t, c.post(c.signed(""), harmless)) // the last good token
		expect(t, c.scrape(), map[string]float64{reloadSuccessful: 0})
	}
	if err := os.WriteFile(c.token, []byte("\xef\xbb\xbf"+demoToken+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.reloaded(c.one())
	acknowledged(t, c.post(c.signed(""), harmless))
}

func TestReloadLosesNoCallback(t *testing.T) {
	c := startConfigured(t)
	sent, stop := c.keepSending(c.client)
	for n := range 30 {
		c.reloaded([]string{c.one(), c.both()}[n%2])
	}
	stop()
	expect(t, c.scrape(), map[string]float64{callbacksOf("other"): float64(sent.Load())})
}

func TestReloadsDoNotCollide(t *testing.T) {
	c := startConfigured(t)
	var reloads sync.WaitGroup
	for range 8 {
		reloads.Go(func() {
			if a := c.reload(); a.status != http.StatusOK {
				t.Errorf("got %d %s", a.status, a.body)
			}
		})
	}
	reloads.Wait()
	expect(t, c.scrape(), map[string]float64{reloadSuccessful: 1})
}

func TestConfigurationErrorNamesFileLineAndKey(t *testing.T) {
	token := writeFile(t, "token", demoToken)
	good := fmt.Sprintf("apps:\n  - sdk_app_id: 1\n    token_files: [%q]\n", token)
	for _, tc := range []struct{ name, content, want string }{
		{"an unknown key", good + "    label: demo\n", `:4: apps[0].label: unknown key, must be one of sdk_app_id, name`},
		{"an unknown key at the top", "app: []\n" + good, `:1: app: unknown key, did you mean apps?`},
		{"no applications", "apps: []\n", ":1: apps: no applications"},
		{"an empty file", "", ": apps: no applications"},
		{"an id that is no number", strings.Replace(good, ": 1", ": one", 1), ":2: apps[0].sdk_app_id: must be a decimal number"},
		{"an id twice", good + fmt.Sprintf("  - {sdk_app_id: 1, token_files: [%q]}\n", token), ":4: apps[1].sdk_app_id: 1 is already used by apps[0]"},
		{"no id", good + "  - name: second\n", ":4: apps[1].sdk_app_id: missing"},
		{"no token", "apps:\n  - sdk_app_id: 1\n", ":2: apps[0].token_files: no token"},
		{"a token file that is missing", strings.Replace(good, token, token+".missing", 1), ":3: apps[0].token_files[0]: open " + token + ".missing: no such file"},
		{"an empty token", strings.Replace(good, token, writeFile(t, "empty", "\n"), 1), ":3: apps[0].token_files[0]: "},
		{"no YAML", "apps: [\n", ":1: not valid YAML: "},
		{"a list where there is text", strings.Replace(good, ": 1", ": 1\n    name: [a]", 1), ":3: apps[0].name: must be a string, not a list"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := writeFile(t, "config.yml", tc.content)
			got := newAppError(t, "--config.file="+file)
			if !strings.HasPrefix(got, file) || !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if strings.Contains(got, demoToken) {
				t.Error("it has the token")
			}
		})
	}
}

func TestReloadTakesNoTimeFromCallbacks(t *testing.T) {
	c := startConfigured(t)
	c.app.reloading.Lock() // a reload that hangs on a slow disk
	defer c.app.reloading.Unlock()
	acknowledged(t, c.post(c.signed(thresholdCommand), knownEvent))
	expect(t, c.scrape(), map[string]float64{series("current_rooms"): 400})
}
