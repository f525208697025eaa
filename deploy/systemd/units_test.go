// Package systemd_test checks the units beside it, without systemd where that is possible.
package systemd_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/manual"
)

const unitFile = "tuilivekit-exporter.service"

// TestUnit checks that the unit fits the command line and the files beside it, and gives the
// service no more than it needs.
func TestUnit(t *testing.T) {
	for _, problem := range checkUnit(t, readFile(t, unitFile)) {
		t.Error(problem)
	}
}

// TestUnitCheck breaks the unit, one line at a time.
func TestUnitCheck(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"a flag that does not exist", "--storage.path", "--storage.dir", "ExecStart"},
		{"a configuration that is not there", "/config.yaml", "/config.yml", "config.file"},
		{"state that is lost", "--storage.path=%S/tuilivekit-exporter", "--storage.path=/tmp", "storage.path"},
		{"root", "User=tuilivekit-exporter\n", "", "User"},
		{"a user that nobody makes", "User=tuilivekit-exporter\n", "User=exporter\n", "User"},
		{"no reload", "-HUP", "-USR1", "ExecReload"},
		{"systemd waits for nothing", "Type=notify", "Type=simple", "Type"},
		{"no watchdog", "WatchdogSec=30s\n", "", "WatchdogSec"},
		{"a writable system", "ProtectSystem=strict", "ProtectSystem=no", "ProtectSystem"},
		{"capabilities", "CapabilityBoundingSet=\n", "", "CapabilityBoundingSet"},
		{"no way to notify", " AF_UNIX", "", "RestrictAddressFamilies"},
		{"tokens in a core dump", "LimitCORE=0\n", "", "LimitCORE"},
		{"killed before it has stopped", "TimeoutStopSec=20s", "TimeoutStopSec=5s", "TimeoutStopSec"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			whole := readFile(t, unitFile)
			broken := strings.Replace(whole, tt.old, tt.new, 1)
			if broken == whole {
				t.Fatalf("the unit has no %q to break", tt.old)
			}
			if got := checkUnit(t, broken); !strings.Contains(strings.Join(got, "\n"), tt.want) {
				t.Errorf("got problems %q, want one with %s", got, tt.want)
			}
		})
	}
}

// readUnit returns the values of each key, in all sections.
func readUnit(text string) map[string][]string {
	keys := map[string][]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && line[0] != '#' {
			keys[key] = append(keys[key], value)
		}
	}
	return keys
}

// checkUnit returns what does not fit the command line or the files beside it, or gives
// the service more than it needs.
func checkUnit(t *testing.T, text string) (problems []string) {
	unit := readUnit(text)
	same := func(key, got, want string) {
		if got != want {
			problems = append(problems, key+": got "+got+", want "+want)
		}
	}
	for key, want := range map[string]string{
		"Type": "notify", "ExecReload": "/bin/kill -HUP $MAINPID", "StateDirectory": "tuilivekit-exporter", "ProtectSystem": "strict", "ProtectHome": "yes",
		"NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "MemoryDenyWriteExecute": "yes", "RestrictNamespaces": "yes",
		"RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX", "SystemCallFilter": "@system-service ~@privileged @resources",
		"PrivateDevices": "yes", "PrivateTmp": "yes", "ProtectKernelTunables": "yes", "UMask": "0077",
		"LimitCORE": "0",
	} {
		if unit[key] == nil {
			problems = append(problems, key+": missing")
		}
		same(key, strings.Join(unit[key], " "), want)
	}
	if d, err := time.ParseDuration(strings.Join(unit["WatchdogSec"], " ")); err != nil || d < 10*time.Second {
		problems = append(problems, "WatchdogSec: at least 10 s: a slow disk is no reason to be killed")
	}
	command := strings.Fields(strings.Join(unit["ExecStart"], " "))
	flags, err := manual.Read(t, "../..")["serve"].Parse(command[1:]...)
	if err != nil {
		return append(problems, "ExecStart: "+err.Error())
	}
	timeout, err := time.ParseDuration(flags["shutdown.timeout"])
	if err != nil {
		t.Fatal(err)
	}
	stop, err := time.ParseDuration(unit["TimeoutStopSec"][0])
	if err != nil || stop <= timeout {
		problems = append(problems, "TimeoutStopSec: must be more than "+timeout.String())
	}
	_, line, _ := strings.Cut(readFile(t, "sysusers.conf"), "\nu ")
	user, _, _ := strings.Cut(line, " ")
	same("User", strings.Join(unit["User"], " "), user)
	same("Group", strings.Join(unit["Group"], " "), user)
	same("storage.path", flags["storage.path"], "%S/"+unit["StateDirectory"][0])
	// The example and a token as they will lie beside one another.
	dir := t.TempDir()
	for name, content := range map[string]string{"config.yaml": readFile(t, "config.example.yaml"), "token": "token"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := config.Load(strings.Replace(flags["config.file"], "/etc/tuilivekit-exporter", dir, 1)); err != nil {
		problems = append(problems, "config.file: "+err.Error())
	}
	return problems
}

func TestUnitOfTheSocket(t *testing.T) {
	serve := manual.Read(t, "../..")["serve"]
	flags, err := serve.Parse()
	if err != nil {
		t.Fatal(err)
	}
	socket, conf := readUnit(readFile(t, "tuilivekit-exporter.socket")), readUnit(readFile(t, "socket.conf"))
	if got, want := ":"+socket["ListenStream"][0], flags["web.listen-address"]; got != want {
		t.Errorf("the socket listens on %s, the exporter on %s", got, want)
	}
	name, value, _ := strings.Cut(conf["Environment"][0], "=")
	if want := serve["web.systemd-socket"].Variable; name != want || value != "true" {
		t.Errorf("got %s=%s, want %s=true", name, value, want)
	}
}

// What systemd itself says of the units, and of how much the service may do.
func TestUnitsWithSystemd(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not there, so systemd is not asked: apt-get install systemd")
	}
	program, err := os.Executable() // systemd only looks whether it is there
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	service := strings.ReplaceAll(readFile(t, unitFile), "/usr/local/bin/tuilivekit-exporter", program)
	files := map[string]string{"tuilivekit-exporter.service": service, "tuilivekit-exporter.socket": readFile(t, "tuilivekit-exporter.socket")}
	var paths []string
	for name, content := range files {
		paths = append(paths, filepath.Join(dir, name))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(paths)
	run := func(args ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, err := exec.CommandContext(ctx, analyze, args...).CombinedOutput()
		if err != nil || strings.Contains(string(out), "/tuilivekit-exporter.") && args[0] == "verify" {
			t.Errorf("systemd-analyze %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		t.Logf("%s", out)
	}
	run(append([]string{"verify", "--man=no"}, paths...)...)
	run("security", "--offline=true", "--no-pager", "--threshold=15", paths[0]) // of 100
}

func readFile(t *testing.T, name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
