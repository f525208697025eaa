package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// What of deploy/systemd can be checked without systemd: that the unit fits the command
// line and the files beside it, and gives the service no more than it needs.

const unitFile = "deploy/systemd/tuilivekit-exporter.service"

func TestUnit(t *testing.T) {
	for _, problem := range checkUnit(t, readFile(t, unitFile)) {
		t.Error(problem)
	}
}

// TestUnitCheck breaks the unit, one line at a time.
func TestUnitCheck(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"a flag that does not exist", "--storage.path", "--storage.dir", "ExecStart"},
		{"a configuration that is not there", "%d/config.yaml", "%d/config.yml", "config.file"},
		{"a token that is not there", "LoadCredential=token:", "LoadCredential=secret:", "token"},
		{"state that is lost", "--storage.path=%S/tuilivekit-exporter", "--storage.path=/tmp", "storage.path"},
		{"root", "DynamicUser=yes\n", "", "DynamicUser"},
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
		"Type": "notify", "DynamicUser": "yes", "StateDirectory": "tuilivekit-exporter", "ProtectSystem": "strict", "ProtectHome": "yes",
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
	cli := newCLI(t.Output(), t.Output())
	command := strings.Fields(strings.Join(unit["ExecStart"], " "))
	if name, err := cli.app.Parse(command[1:]); err != nil || name != "serve" {
		return append(problems, "ExecStart: cannot be parsed")
	}
	stop, err := time.ParseDuration(unit["TimeoutStopSec"][0])
	if err != nil || stop <= cli.serve.shutdownTimeout {
		problems = append(problems, "TimeoutStopSec: must be more than "+cli.serve.shutdownTimeout.String())
	}
	same("storage.path", cli.serve.storagePath, "%S/"+unit["StateDirectory"][0])
	// The credentials as they will lie beside one another.
	dir := t.TempDir()
	for _, credential := range unit["LoadCredential"] {
		id, _, _ := strings.Cut(credential, ":")
		content := "token"
		if id == "config.yaml" {
			content = readFile(t, "deploy/systemd/config.example.yaml")
		}
		if err := os.WriteFile(filepath.Join(dir, id), []byte(content), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	check := checkConfigCommand{file: strings.Replace(cli.serve.configFile, "%d", dir, 1)}
	if err := check.run(t.Context(), t.Output()); err != nil {
		problems = append(problems, "config.file: "+err.Error())
	}
	return problems
}

func TestUnitOfTheSocket(t *testing.T) {
	cli := newCLI(t.Output(), t.Output())
	if _, err := cli.app.Parse(nil); err != nil {
		t.Fatal(err)
	}
	socket, conf := readUnit(readFile(t, "deploy/systemd/tuilivekit-exporter.socket")), readUnit(readFile(t, "deploy/systemd/socket.conf"))
	if got, want := ":"+socket["ListenStream"][0], (*cli.serve.web.WebListenAddresses)[0]; got != want {
		t.Errorf("the socket listens on %s, the exporter on %s", got, want)
	}
	name, value, _ := strings.Cut(conf["Environment"][0], "=")
	found := false
	for _, flag := range cli.app.GetCommand("serve").Model().Flags {
		found = found || flag.Envar == name && flag.Name == "web.systemd-socket"
	}
	if !found || value != "true" {
		t.Errorf("%s is not the variable of --web.systemd-socket", name)
	}
}

// What systemd itself says of the units, and of how much the service may do.
func TestUnitsWithSystemd(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not there, so systemd is not asked: apt-get install systemd")
	}
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	service := strings.ReplaceAll(readFile(t, unitFile), "/usr/local/bin/tuilivekit-exporter", bin)
	files := map[string]string{"tuilivekit-exporter.service": service, "tuilivekit-exporter.socket": readFile(t, "deploy/systemd/tuilivekit-exporter.socket")}
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
		ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
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
