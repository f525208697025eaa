package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi/restapitest"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/setup"
)

const backendURL = "https://backend.example.com/tuilivekit"

// setupWorld is a running exporter, a stand-in of Tencent and a configuration file.
type setupWorld struct {
	*instance
	t      *testing.T
	api    *tencentAPI
	file   string
	folder string
	shown  string // by all commands
}

// newSetupWorld has an exporter whose application has this relay.
func newSetupWorld(t *testing.T, relay string) *setupWorld {
	t.Helper()
	w := &setupWorld{t: t, folder: t.TempDir(), file: writeFile(t, "config.yml", "")}
	w.api = startTencent(t, backendURL)
	if relay != "" {
		relay = fmt.Sprintf(", relay: {url: %q}", relay)
	}
	(&configured{file: w.file}).write(t, fmt.Sprintf("apps: [{sdk_app_id: %s, token_files: [%q], api: %s%s}]", demoApp, writeFile(t, "token", demoToken), w.api.yaml, relay))
	w.instance = startApp(t, "--config.file="+w.file)
	return w
}

// setup runs the command and returns what it shows, its error too.
func (w *setupWorld) setup(args ...string) string {
	w.t.Helper()
	out, err := runCLI(w.t, append([]string{"setup", "--config.file=" + w.file, "--app=" + demoApp, "--backup-folder=" + w.folder}, args...)...)
	if err != nil {
		out += "error: " + err.Error() + "\n"
	}
	w.shown += out
	return out
}

// at returns Tencent's configuration.
func (w *setupWorld) at() (callback restapitest.Callback, token restapitest.Token) {
	w.api.Update(demoApp, func(a *restapitest.App) {
		if a.Callback != nil {
			callback = *a.Callback
		}
		if a.Token != nil {
			token = *a.Token
		}
	})
	return callback, token
}

func (w *setupWorld) change(change func(*restapitest.App)) { w.api.Update(demoApp, change) }

func (w *setupWorld) expect(out, want string) {
	w.t.Helper()
	if !strings.Contains(out, want) {
		w.t.Errorf("no %q in\n%s", want, out)
	}
}

func TestSetupOfANewApplication(t *testing.T) {
	w := newSetupWorld(t, "")
	w.change(func(a *restapitest.App) { a.Callback, a.Token = nil, nil })
	out := w.setup("--url=" + w.callback)
	w.expect(out, "+ callback URL  "+w.callback)
	w.expect(out, "+ command       "+thresholdCommand)
	w.expect(out, "Nothing was written")
	if callback, token := w.at(); callback.URL != "" || token.Token != "" {
		t.Errorf("written without --apply: %v", callback)
	}
	w.expect(w.setup("--url="+w.callback, "--apply"), "Written.")
	callback, token := w.at()
	if callback.URL != w.callback || !slices.Equal(callback.Commands, setup.Commands) || token != (restapitest.Token{Token: demoToken, Enabled: true}) {
		t.Errorf("Tencent has %v", callback)
	}
	w.expect(w.setup("--url="+w.callback, "--apply"), "Nothing to change")
	if strings.Contains(w.shown, demoToken) || strings.Contains(w.shown, demoKey) {
		t.Errorf("a secret is shown:\n%s", w.shown)
	}
}

// What is there is kept, and can be had back.
func TestSetupTakesOverFromTheRelay(t *testing.T) {
	w := newSetupWorld(t, backendURL)
	had := []string{"Live.CallbackBeforeSendGift", "Live.CallbackBeforeCallBackNotBlock", thresholdCommand, "Live.CallbackOfTheFuture"}
	w.change(func(a *restapitest.App) { a.Callback.Commands = had })
	w.expect(w.setup("--url="+w.callback, "--apply"), "Written.")
	callback, _ := w.at()
	want := append(slices.Clone(had), "Live.CallbackAfterCreateRoom", "Live.CallbackAfterDestroyRoom")
	if callback.URL != w.callback || !slices.Equal(callback.Commands, want) {
		t.Errorf("Tencent has %v, want the commands %v", callback, want)
	}
	files, err := filepath.Glob(filepath.Join(w.folder, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("backups: %v (%v)", files, err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup has the mode %v (%v)", info.Mode(), err)
	}
	w.expect(w.setup("--restore="+files[0]), "+ callback URL  "+backendURL)
	w.expect(w.setup("--restore="+files[0], "--apply"), "Written.")
	if callback, token := w.at(); callback.URL != backendURL || !slices.Equal(callback.Commands, had) || token.Token != demoToken {
		t.Errorf("after restoring Tencent has %v", callback)
	}
}

func TestSetupTakesTheURLOfTheExporter(t *testing.T) {
	w := newSetupWorld(t, backendURL)
	w.expect(w.setup("--webhook.external-url="+w.callback), "+ callback URL  "+w.callback)
	w.expect(w.setup("--webhook.external-url=https://other.example.com/callback", "--url="+w.callback), "+ callback URL  "+w.callback)
	t.Setenv("TUILIVEKIT_EXPORTER_WEBHOOK_EXTERNAL_URL", w.callback)
	w.expect(w.setup(), "+ callback URL  "+w.callback)
	// It is no --url, which --restore excludes.
	w.expect(w.setup("--restore="+w.file), w.file+" is not a backup of setup")
	t.Setenv("TUILIVEKIT_EXPORTER_WEBHOOK_EXTERNAL_URL", "")
	w.expect(w.setup(), "--url or --webhook.external-url: required")
}

func TestSetupRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, relay string
		plant       func(*setupWorld)
		args        []string
		want        string
	}{
		{"the URL of another backend", "", nil, nil, "which would get none any more"},
		{"the URL of another backend than the relay's", backendURL + "/", nil, nil, "which would get none any more"},
		{"a token that the exporter does not have", backendURL, func(w *setupWorld) {
			w.change(func(a *restapitest.App) { a.Token.Token = "another" })
		}, nil, "a token that the exporter does not have"},
		{"an exporter that does not run", backendURL, nil, []string{"--self-test-url=http://127.0.0.1:1/callback"}, "has not shown that it accepts the token: access denied"},
		{"an exporter that has another token", backendURL, func(w *setupWorld) {
			w.change(func(a *restapitest.App) { a.Token = nil })
			(&configured{file: w.file}).write(w.t, strings.Replace(readFileText(w.t, w.file), "token_files: [", fmt.Sprintf("token_files: [%q, ", writeFile(w.t, "token", "not reloaded")), 1))
		}, nil, "has not shown that it accepts the token: the exporter does not accept the signature"},
		{"no administrator", backendURL, func(w *setupWorld) {
			w.change(func(a *restapitest.App) { a.Admins = nil })
		}, nil, "account management"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newSetupWorld(t, tc.relay)
			if tc.plant != nil {
				tc.plant(w)
			}
			callback, token := w.at()
			out := w.setup(append([]string{"--url=" + w.callback, "--apply"}, tc.args...)...)
			w.expect(out, "error: ")
			w.expect(out, tc.want)
			if c, n := w.at(); c.URL != callback.URL || !slices.Equal(c.Commands, callback.Commands) || n != token {
				t.Errorf("Tencent has %v", c)
			}
			if files, _ := filepath.Glob(filepath.Join(w.folder, "*")); len(files) > 0 {
				t.Errorf("files are left: %v", files)
			}
		})
	}
}

func TestSetupRestoresOnlyABackup(t *testing.T) {
	w := newSetupWorld(t, backendURL)
	w.expect(w.setup("--restore="+w.file), w.file+" is not a backup of setup")
	other, err := setup.Save(w.folder, otherApp, setup.State{})
	if err != nil {
		t.Fatal(err)
	}
	w.expect(w.setup("--restore="+other), "is a backup of application "+otherApp)
}

func TestSetupDoesWhatItIsToldTo(t *testing.T) {
	w := newSetupWorld(t, "")
	w.change(func(a *restapitest.App) { a.Token.Token = "another" })
	w.expect(w.setup("--url="+w.callback, "--take-url", "--replace-token", "--apply"), "Written.")
	if callback, token := w.at(); callback.URL != w.callback || token.Token != demoToken {
		t.Errorf("Tencent has %v", callback)
	}
}
