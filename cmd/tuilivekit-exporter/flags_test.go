package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func TestVersionHasBuildInformation(t *testing.T) {
	t.Parallel()
	runBinary(t, nil, "--version").expect(0, "version 1.2.3-test", "go version:", runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
}

// Go stamps no revision where it may not ask git, for example in a clone of another user.
func TestMakeSetsBuildInformation(t *testing.T) {
	t.Parallel()
	head, err := exec.Command("git", "-C", "../..", "rev-parse", "HEAD").Output()
	if err != nil {
		t.Skip("not in a git repository: ", err)
	}
	bin := filepath.Join(t.TempDir(), "exporter")
	if out, err := exec.Command("make", "-C", "../..", "build", "BIN="+bin, "GOFLAGS=-buildvcs=false").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.Command(bin, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"revision: " + strings.TrimSpace(string(head)), `build user: +\S+@\S+`, `build date: +\d{4}-\d\d-\d\dT`} {
		if !regexp.MustCompile(pattern).Match(out) {
			t.Errorf("no %s in %s", pattern, out)
		}
	}
}

func TestHelpHasAllCommandsAndVariables(t *testing.T) {
	t.Parallel()
	runBinary(t, nil, "--help").expect(0, "serve ", "the default command", "--webhook.listen-address", "check-config", "send", "healthcheck")
	runBinary(t, nil, "serve", "--help").expect(0, "--config.file", "--webhook.tls-key-file", "--web.config.file", "$TUILIVEKIT_EXPORTER_APP", "TUILIVEKIT_EXPORTER_WEBHOOK_LISTEN_ADDRESS")
	runBinary(t, nil, "send", "--help").expect(0, "--ramp", "--rate", "--[no-]unsigned", "--[no-]malformed", "--late")
}

func TestWrongFlagIsNamed(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for _, tc := range []struct {
		args string
		want string
	}{
		{"", "--config.file=FILE"},
		{"serve", "--app=SDKAPPID"},
		{"--nope", "'--nope'"},
		{"frobnicate", "frobnicate"},
		{"--app", "'--app'"},
		{"--app=one", "--app: "},
		{"--app=01", "--app: "},
		{"--app=1", "--app.token-file: missing: set it, or set --app.allow-unsigned to accept callbacks that anyone can forge"},
		{"--app=1 --app=1 --app.allow-unsigned", "--app: "},
		{"--app=1 --app.token-file=" + missing, "--app.token-file: "},
		{"--app.token-file=" + missing, "--app.token-file"},
		{"--app.allow-unsigned", "--app.allow-unsigned"},
		{"--app=1 --config.file=x", "--config.file"},
		{"--config.file=" + missing, missing},
		{"--webhook.path=callback", `--webhook.path: "callback" must be / followed by at least one character`},
		{"--webhook.path=/", "--webhook.path: "},
		{"--webhook.path=/{x}", "--webhook.path: "},
		{"--webhook.path=/a?b", "--webhook.path: "},
		{"--webhook.tls-cert-file=x", "--webhook.tls-key-file"},
		{"--webhook.tls-key-file=x", "--webhook.tls-cert-file"},
		{"--webhook.enable-http2", "--webhook.tls-cert-file"},
		{"--webhook.max-body-bytes=lots", "--webhook.max-body-bytes: "},
		{"--webhook.max-body-bytes=10B", "--webhook.max-body-bytes: "},
		{"--webhook.signature-window=soon", "--webhook.signature-window: "},
		{"--webhook.signature-window=4s", "--webhook.signature-window: "},
		{"--webhook.signature-window=301s", "--webhook.signature-window: "},
		{"--config.auto-reload-interval=0s", "--config.auto-reload-interval: "},
		{"--webhook.max-requests=0", "--webhook.max-requests: "},
		{"--webhook.max-connections=0", "--webhook.max-connections: "},
		{"--webhook.max-connections-per-source=0", "--webhook.max-connections-per-source: "},
		{"--webhook.refusals-per-second=0", "--webhook.refusals-per-second: "},
		{"--webhook.refusals-per-second=NaN", "--webhook.refusals-per-second: "},
		{"--webhook.trusted-proxies=proxy", "--webhook.trusted-proxies: "},
		{"--webhook.trusted-proxies=::ffff:10.0.0.0/104", "--webhook.trusted-proxies: "},
		{"--webhook.allowed-sources=10.0.0.0/33", "--webhook.allowed-sources: "},
		{"--webhook.listen-address=nowhere", "--webhook.listen-address: "},
		{"--web.listen-address=nowhere", "--web.listen-address: "},
		{"--web.config.file=" + missing, "--web.config.file: "},
		{"--web.telemetry-path=metrics", "--web.telemetry-path: "},
		{"--web.telemetry-path=/-/ready", "--web.telemetry-path: "},
		{"--storage.timeout=0s", "--storage.timeout: "},
		{"--storage.path=/dev/null", "--storage.path: /dev/null: "},
		{"--state.stale-after=old", "--state.stale-after: "},
		{"--state.stale-after=-1s", "--state.stale-after: "},
		{"--state.future-tolerance=-1s", "--state.future-tolerance: "},
		{"--shutdown.timeout=-1s", "--shutdown.timeout: "},
		{"--shutdown.delay=-1s", "--shutdown.delay: "},
		{"--log.level=loud", "--log.level: "},
		{"--log.format=xml", "--log.format: "},
		{"config.yml", "unexpected config.yml; a configuration file is given by --config.file=FILE"},
		{"-config.file=x", "flags begin with two dashes"},
		{"--webhook.max-requests=many", `--webhook.max-requests: "many" is not a number, or is out of range (see --help)`},
		{"--shutdown.timeout=5", `--shutdown.timeout: "5" is not a duration with a unit, for example 5s or 1m30s (see --help)`},
		{"--webhook.max-body-bytes=-1", `--webhook.max-body-bytes: "-1" is not a size, for example 256KiB (see --help)`},
		{"--log.level=INFO", `--log.level: "INFO" is not one of debug,info,warn,error (see --help)`},
		{"check-config", "file"},
		{"send", "--app"},
		{"send --app=1", "--token-file: missing: set it to sign the callbacks, or set --unsigned"},
		{"send --app=x --unsigned", `--app: "x" is not an SDKAppID, which is a decimal number without leading zeros`},
		{"send --app=01 --unsigned", "--app: "},
		{"send --app= --unsigned", "--app: "},
		{"send --app=1 --unsigned --rate=NaN", "--rate: "},
		{"send --app=1 --unsigned --timeout=0s", "--timeout: "},
		{"send --app=1 --unsigned --expect-timeout=-1s", "--expect-timeout: "},
		{"send --app=1 --token-file=" + missing, "--token-file: "},
		{"send --app=1 --unsigned --url=here", "--url: "},
		{"send --app=1 --unsigned --url=http://127.0.0.1:1/#x", "--url: "},
		{"send --app=1 --unsigned --ramp=1", "--ramp: "},
		{"send --app=1 --unsigned --ramp=1:x", "--ramp: "},
		{"send --app=1 --unsigned --ramp=1:9000000000000000", "--ramp: "},
		{"send --app=1 --unsigned --count=many", "--count: "},
		{"send --app=1 --unsigned --count=-1", "--count: must be at least 1"},
		{"send --app=1 --unsigned --count=0", "--count: must be at least 1"},
		{"send --app=1 --unsigned --ramp=1:3 --count=0", "--count: must be at least 1"},
		{"send --app=1 --unsigned --rate=-1", "--rate: "},
		{"send --app=1 --unsigned --concurrency=0", "--concurrency: "},
		{"send --app=1 --unsigned --late=long", "--late: "},
		{"healthcheck --timeout=long", "--timeout: "},
		{"healthcheck --url=:", "--url: "},
	} {
		t.Run(strings.ReplaceAll(tc.args, missing, "MISSING"), func(t *testing.T) {
			t.Parallel()
			args := strings.Fields(tc.args)
			// A flag is wrong even if all the others are right.
			if len(args) > 0 && strings.HasPrefix(args[0], "--") && !strings.Contains(tc.args, "app") && !strings.Contains(tc.args, "--config.file") {
				args = append([]string{"--app=1", "--app.allow-unsigned"}, args...)
			}
			for _, flag := range []string{"--web.listen-address=", "--webhook.listen-address="} {
				if len(args) > 0 && strings.HasPrefix(args[0], "--") && !strings.Contains(tc.args, flag) && tc.args != "--app" {
					args = append(args, flag+"127.0.0.1:0")
				}
			}
			p := runBinary(t, nil, args...)
			p.expect(1, tc.want)
			if line := lastLine(p.stderr.String()); !strings.HasPrefix(line, "tuilivekit-exporter: ") || !strings.Contains(line, tc.want) {
				t.Errorf("the last line is %q", line)
			}
		})
	}
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

func TestWrongVariableIsNamed(t *testing.T) {
	for _, variable := range []string{"LOG_LEVEL=loud", "SHUTDOWN_TIMEOUT=long", "WEBHOOK_MAX_BODY_BYTES=lots", "WEB_ENABLE_PPROF=perhaps"} {
		t.Run(variable, func(t *testing.T) {
			t.Parallel()
			name, _, _ := strings.Cut(variable, "=")
			runBinary(t, []string{"TUILIVEKIT_EXPORTER_" + variable}, "--app=1", "--app.allow-unsigned").expect(1, "TUILIVEKIT_EXPORTER_"+name+": ")
		})
	}
}

func TestVariablesStandInForFlags(t *testing.T) {
	t.Parallel()
	bare := runBinary(t, []string{
		"TUILIVEKIT_EXPORTER_APP=" + demoApp + "=demo",
		"TUILIVEKIT_EXPORTER_APP_TOKEN_FILE=" + writeFile(t, "token", demoToken),
		"TUILIVEKIT_EXPORTER_WEBHOOK_LISTEN_ADDRESS=127.0.0.1:0",
		"TUILIVEKIT_EXPORTER_WEB_LISTEN_ADDRESS=127.0.0.1:0",
		"TUILIVEKIT_EXPORTER_WEBHOOK_PATH=/hook",
		"TUILIVEKIT_EXPORTER_LOG_FORMAT=json",
		"TUILIVEKIT_EXPORTER_VERSION=1.2.3", // of an image; it is no flag to give
	})
	addr := bare.stderr.wait(t, `"address":"([^"]+)".*"msg":"accepting callbacks"`)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	acknowledged(t, do(t, client, http.MethodPost, signedURL("http://"+addr+"/hook", demoApp, demoToken, ""), harmless))
	bare.signal(syscall.SIGTERM)
	bare.expect(0)
}

func TestCheckConfig(t *testing.T) {
	token := writeFile(t, "token", demoToken)
	good := fmt.Sprintf("apps:\n  - sdk_app_id: %s\n    name: demo\n    token_files: [%q]\n", demoApp, token)
	for _, tc := range []struct {
		name, content string
		code          int
		want          []string
	}{
		{"valid", good, 0, []string{"application " + demoApp + " (demo): 1 token(s)", "is valid"}},
		{"valid, with a warning", "apps: [{sdk_app_id: 1, allow_unsigned: true}]", 0, []string{"warning: application 1: allow_unsigned", "is valid"}},
		{"unknown key", good + "    colour: red\n", 1, []string{"config.yml:5: apps[0].colour: unknown key, must be one of sdk_app_id, "}},
		{"a misspelled key", strings.ReplaceAll(good, "token_files", "tokens"), 1, []string{"config.yml:4: apps[0].tokens: unknown key, did you mean token_files?"}},
		{"a syntax error", good + "    relay: {timeout: 1s\n    allow_unsigned: true\n", 1, []string{"config.yml:5: not valid YAML: "}},
		{"a variable that is not set", "apps: [{sdk_app_id: 1, token_env: [NOT_SET]}]", 1, []string{"config.yml:1: apps[0].token_env[0]: environment variable NOT_SET is not set"}},
		{"a relay to a cloud's metadata", good + "    relay:\n      url: http://169.254.169.254/x\n", 1,
			[]string{"config.yml:6: apps[0].relay.url: address ", "address 169.254.169.254:80 is refused: link-local, multicast or a cloud's metadata"}},
		{"a common relay to a cloud's metadata", good + "relay:\n  timeout: 1s\n  url: http://[fd00:ec2::254]:8080\n", 1,
			[]string{"config.yml:7: relay.url: address [fd00:ec2::254]:8080 is refused: "}},
		{"a relay to a name that nobody knows", good + "    relay: {url: 'https://backend.invalid'}\n", 0,
			[]string{"warning: application " + demoApp + ": the host of relay.url cannot be resolved here: lookup backend.invalid", "is valid"}},
		{"missing token", strings.ReplaceAll(good, token, token+".missing"), 1, []string{":4: apps[0].token_files[0]: "}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			file := writeFile(t, "config.yml", tc.content)
			runBinary(t, nil, "check-config", file).expect(tc.code, tc.want...)
			if tc.code != 0 { // so does a start
				runBinary(t, nil, "--config.file="+file, "--storage.path=", "--web.listen-address=127.0.0.1:0", "--webhook.listen-address=127.0.0.1:0").expect(tc.code, tc.want...)
			}
		})
	}
	runBinary(t, nil, "check-config", filepath.Join(t.TempDir(), "missing.yml")).expect(1, "missing.yml")
}

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	s := serveBinary(t, nil, "--app=1", "--app.allow-unsigned")
	runBinary(t, nil, "healthcheck", "--url="+s.web+"/-/healthy").expect(0)
	runBinary(t, nil, "healthcheck", "--url="+s.web+"/-/ready").expect(0)
	runBinary(t, []string{"TUILIVEKIT_EXPORTER_HEALTHCHECK_URL=" + s.web + "/-/healthy"}, "healthcheck").expect(0)
	runBinary(t, nil, "healthcheck", "--url="+s.web+"/other").expect(1, "404")
	s.end()
	runBinary(t, nil, "healthcheck", "--url="+s.web+"/-/healthy").expect(1, "connection refused")
}

func TestSignals(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			s := serveBinary(t, nil, "--app=1", "--app.allow-unsigned")
			s.signal(sig)
			s.expect(0, "stopping", "msg=stopped")
		})
	}
	t.Run("hangup", func(t *testing.T) {
		t.Parallel()
		file := writeFile(t, "config.yml", "apps: [{sdk_app_id: 1, allow_unsigned: true}]")
		s := serveBinary(t, nil, "--config.file="+file)
		if err := os.WriteFile(file, []byte("apps: [{sdk_app_id: 2, allow_unsigned: true}]"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.signal(syscall.SIGHUP)
		s.stderr.wait(t, "configuration reloaded")
		expect(t, s.scrape(), map[string]float64{`tuilivekit_threshold_events_total{sdk_app_id="2"}`: 0})
		s.end()
	})
}
