package repository_test

import (
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// checks has, for each program that a document runs, a function that returns the problem of its
// arguments, "" if there is none. A program that is not here fails the test: decide how its commands are
// tested.
var checks = map[string]func(t *testing.T, words []string) string{
	// Parsed by TestCommandsInDocuments of the exporter; those of tencent.md and operate.md are
	// run by its TestWalk…, those of the README by make check-readme.
	"tuilivekit-exporter":     nothing,
	"bin/tuilivekit-exporter": nothing,
	"curl":                    seesMetrics,
	"(umask":                  nothing, // TestWalkWithoutABackend runs it
	"cp":                      nothing, // TestWalkOfOperations runs it

	"make":      isTarget,
	"scripts/*": existing,
	"docker":    existing, // make check-readme compares the image; test/deploy has the Compose files
	"helm":      existing, // make check-chart and make check-kube install the chart
	"kubectl":   existing,
	"jsonnet":   existing, // test/mixin renders it
	"go":        existing,
	"for":       existing,
	"done":      nothing,

	// The packages are installed by make release-check, the units checked by deploy/systemd.
	"install":   existing,
	"systemctl": isUnit,
	// The deb makes its user with it, and make release-check reads as this user.
	"systemd-sysusers": nothing,
	"runuser":          asService,
	"sudo":             isReleased,
	"tar":              isReleased,
	"sha256sum":        isReleased,
	"ACL":              nothing, // redis-cli; test/replica sets the user up
}

// TestCommandsOfDocumentsAreTested checks the commands in fenced code. Lines of output are listed by
// their first word.
func TestCommandsOfDocumentsAreTested(t *testing.T) {
	output := regexp.MustCompile(`^(tuilivekit_\w+\{|This machine|Callback URL|Tencent, application|Monitoring|[a-z_/]+/ |\*_test\.go|cmd/|internal/|test/|testdata/)`)
	found := 0
	for _, name := range filesOf(t, ".md") {
		if name == "CHANGELOG.md" {
			continue
		}
		for _, m := range regexp.MustCompile("(?ms)^ *```(\\w*)\n(.*?)^ *```$").FindAllStringSubmatch(readFile(t, name), -1) {
			if m[1] != "" && m[1] != "sh" || output.MatchString(strings.TrimSpace(m[2])) {
				continue
			}
			for line := range strings.Lines(strings.ReplaceAll(m[2], "\\\n", " ")) {
				words := strings.Fields(line)
				if len(words) == 0 {
					continue
				}
				found++
				if problem := checkCommand(t, words); problem != "" {
					t.Errorf("%s: %q: %s", name, strings.TrimSpace(line), problem)
				}
			}
		}
	}
	if found < 60 {
		t.Errorf("only %d commands found", found)
	}
}

// TestCommandsOfDocumentsAreChecked breaks commands.
func TestCommandsOfDocumentsAreChecked(t *testing.T) {
	for _, tt := range []struct{ command, want string }{
		{"make demo", ""},
		{"make demos", "no such target"},
		{"curl -s http://localhost:19780/metrics | grep -E 'relay_queue_requests'", ""},
		{"curl -s http://localhost:19780/metrics | grep -E 'relay_queue_callbacks'", "no metric"},
		{"curl -s http://localhost:9780/metrics", "another address"},
		{"install -m 755 deploy/systemd/socket.conf /etc", ""},
		{"install -m 755 deploy/systemd/sockets.conf /etc", "deploy/systemd/sockets.conf is not there"},
		{"systemctl restart tuilivekit-exporter", ""},
		{"systemctl restart tuilivekit", "no such unit"},
		{"tar -xzf tuilivekit-exporter-" + strings.TrimSpace(readFile(t, "VERSION")) + ".linux-amd64.tar.gz", ""},
		{"tar -xzf tuilivekit-exporter-0.0.9.linux-amd64.tar.gz", "no release has tuilivekit-exporter-0.0.9.linux-amd64.tar.gz"},
		{"runuser -u tuilivekit-exporter -- tuilivekit-exporter doctor", ""},
		{"runuser -u nobody -- tuilivekit-exporter doctor", "not the exporter as the user"},
		{"ansible all", "nobody tests it"},
	} {
		if got := checkCommand(t, strings.Fields(tt.command)); !strings.HasPrefix(got, tt.want) || (tt.want == "") != (got == "") {
			t.Errorf("%s: got %q, want %q", tt.command, got, tt.want)
		}
	}
}

func checkCommand(t *testing.T, words []string) string {
	program := words[0]
	if strings.HasPrefix(program, "scripts/") {
		program = "scripts/*"
	}
	check, ok := checks[program]
	if !ok {
		return "nobody tests it"
	}
	return check(t, words)
}

// asService accepts the exporter, run by the user of the service.
func asService(_ *testing.T, words []string) string {
	if len(words) < 5 || strings.Join(words[1:5], " ") != "-u tuilivekit-exporter -- tuilivekit-exporter" {
		return "not the exporter as the user of the service"
	}
	return ""
}

func nothing(*testing.T, []string) string { return "" }

func isTarget(t *testing.T, words []string) string {
	for _, word := range words[1:] {
		if strings.Contains(word, "=") {
			continue
		}
		if strings.HasPrefix(word, "#") {
			break
		}
		if !strings.Contains(readFile(t, "Makefile"), "\n"+word+": ") {
			return "no such target"
		}
	}
	return ""
}

// existing checks the arguments that are files of the repository.
func existing(_ *testing.T, words []string) string {
	for _, word := range words {
		if !regexp.MustCompile(`^(deploy|scripts|alerts|dashboards)/[\w./-]+$`).MatchString(word) {
			continue
		}
		if _, err := os.Stat(word); err != nil {
			return word + " is not there"
		}
	}
	return ""
}

// seesMetrics checks the address, and that the pattern of grep matches a line of the golden file.
func seesMetrics(t *testing.T, words []string) string {
	line := strings.Join(words, " ")
	if !regexp.MustCompile(`http://(localhost|127\.0\.0\.1):19780/(metrics|api/v1/status|-/\w+|$)`).MatchString(line) {
		return "another address than that of the web listener"
	}
	m := regexp.MustCompile(`grep (?:-E )?'?([^']+)'?$`).FindStringSubmatch(line)
	if m == nil {
		return ""
	}
	for _, metric := range strings.Split(readFile(t, "testdata/metrics.txt"), "\n") {
		// The values in the golden file are examples: a pattern may match other values.
		if regexp.MustCompile(strings.ReplaceAll(m[1], ` [1-9]`, "")).MatchString(metric) {
			return ""
		}
	}
	return "no metric has it"
}

func isUnit(_ *testing.T, words []string) string {
	if words[1] == "daemon-reload" {
		return ""
	}
	unit := words[len(words)-1]
	if path.Ext(unit) == "" {
		unit += ".service"
	}
	if _, err := os.Stat("deploy/systemd/" + unit); err != nil {
		return "no such unit"
	}
	return ""
}

// isReleased checks the names of the files of a release, as .goreleaser.yaml makes them.
func isReleased(t *testing.T, words []string) string {
	version := strings.TrimSpace(readFile(t, "VERSION"))
	released := regexp.MustCompile(`^(\./)?tuilivekit-exporter(-` + regexp.QuoteMeta(version) + `\.linux-amd64(\.tar\.gz|/.*)?|_` + regexp.QuoteMeta(version) + `_linux_amd64\.(deb|rpm))$`)
	for _, word := range words {
		if strings.Contains(word, "tuilivekit-exporter") && !strings.Contains(word, "conf") && !released.MatchString(word) {
			return "no release has " + word
		}
	}
	return ""
}
