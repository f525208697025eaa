package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/doctor"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi/restapitest"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

const demoKey = "secret-key-of-the-application-7f2a"

// tencentAPI is a stand-in of the server API that a configuration can name.
type tencentAPI struct {
	*restapitest.API
	yaml string // the value of api
}

// startTencent starts a stand-in with demoApp, set up for a callback URL.
func startTencent(t *testing.T, callback string) *tencentAPI {
	t.Helper()
	api := restapitest.New()
	api.Add(&restapitest.App{
		ID: demoApp, SecretKey: demoKey, Admins: []string{"administrator"}, CallbacksSent: [2]int{10, 10},
		Callback: &restapitest.Callback{URL: callback, Commands: []string{tuilivekit.RoomThreshold.String(), tuilivekit.RoomCreated.String(), tuilivekit.RoomDestroyed.String()}},
		Token:    &restapitest.Token{Token: demoToken, Enabled: true},
	})
	server := httptest.NewTLSServer(api)
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return &tencentAPI{api, fmt.Sprintf("{host: %q, allow_host: true, secret_key_file: %q, ca_file: %q}",
		strings.TrimPrefix(server.URL, "https://"), writeFile(t, "key", demoKey), writeFile(t, "ca.pem", string(ca)))}
}

// runCLI runs a command as main does.
func runCLI(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	var out bytes.Buffer
	err = run(t.Context(), args, &out, io.Discard)
	return out.String(), err
}

func TestDoctor(t *testing.T) {
	file := writeFile(t, "config.yml", "")
	i := startApp(t)
	api := startTencent(t, i.callback)
	c := configured{file: file}
	c.write(t, fmt.Sprintf("apps: [{sdk_app_id: %s, token_files: [%q], api: %s}]", demoApp, writeFile(t, "token", demoToken), api.yaml))
	args := []string{"doctor", "--config.file=" + file, "--url=" + i.callback, "--exporter.url=" + i.web, "--storage.path=" + t.TempDir()}

	out, err := runCLI(t, append(args, "--json")...)
	var got struct{ Checks []doctor.Check }
	if e := json.Unmarshal([]byte(out), &got); e != nil {
		t.Fatalf("%v: %s", e, out)
	}
	status := map[string]doctor.Status{}
	for _, check := range got.Checks {
		status[check.ID] = check.Status
	}
	// The exporter is on loopback, which Tencent cannot reach, and nothing else is wrong.
	for id, want := range map[string]doctor.Status{
		"configuration": doctor.Pass, "storage": doctor.Pass, "exporter": doctor.Pass, "url": doctor.Pass, "url_dns": doctor.Fail, "url_reachable": doctor.Pass,
		"url_tls": doctor.Warn, "self_test": doctor.Pass, "tencent_access": doctor.Pass, "clock": doctor.Pass, "tencent_url": doctor.Pass,
		"commands_threshold": doctor.Pass, "commands_rooms": doctor.Pass, "tencent_token": doctor.Pass, "sources": doctor.Pass, "answered": doctor.Pass,
		"prometheus": doctor.Skip, "alertmanager": doctor.Skip,
	} {
		if status[id] != want {
			t.Errorf("%s: %q, want %q", id, status[id], want)
		}
	}
	if err == nil {
		t.Error("a failed check does not fail the command")
	}

	page, _ := runCLI(t, append(args, "--color=always")...)
	report, err := runCLI(t, append(args, "--report")...)
	if err != nil || !strings.Contains(report, "1. Does get_room_list") {
		t.Errorf("report: %v\n%s", err, report)
	}
	if !strings.Contains(page, "\x1b[32mpass\x1b[0m") || strings.Contains(report, demoApp) {
		t.Errorf("page or report are wrong:\n%s\n%s", page, report)
	}
	for _, secret := range []string{demoToken, demoKey, "usersig", "Sign="} {
		if strings.Contains(out+page+report+i.log.String(), secret) {
			t.Errorf("%s is shown", secret)
		}
	}

	t.Setenv("TUILIVEKIT_EXPORTER_WEBHOOK_EXTERNAL_URL", "https://exporter.example/callback?")
	if out, _ := runCLI(t, slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return strings.HasPrefix(arg, "--url=") })...); !strings.Contains(out, "https://exporter.example/callback? has a character") {
		t.Errorf("without --url, that of the exporter is not checked:\n%s", out)
	}

	c.write(t, "apps: 1")
	if out, err := runCLI(t, args...); err == nil || !strings.Contains(out, "FAIL  configuration") {
		t.Errorf("a configuration that is not valid: %v\n%s", err, out)
	}
	if _, err := runCLI(t, append(args, "--report")...); err == nil {
		t.Error("a report without a configuration")
	}
}
