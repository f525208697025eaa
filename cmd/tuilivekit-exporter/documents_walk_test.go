package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// walk does what a document tells a reader to do: it writes the files, runs the commands in their
// order with the built program, and looks for what the reader should see. Only addresses differ.
type walk struct {
	t      *testing.T
	dir    string
	server *server
	last   string // output of the last command
	ran    []string
}

var (
	codeBlock = regexp.MustCompile("(?ms)^ *```(\\w*)\n(.*?)^ *```$")
	shouldSee = regexp.MustCompile("(?s)You should see(?: that `check-config` prints a line for each application and)? `([^`]+)`")
)

// follow walks through a part of a document. Yaml is written to the file that its first line
// names.
func (w *walk) follow(part string) {
	w.t.Helper()
	rest := part
	for {
		at := codeBlock.FindStringSubmatchIndex(rest)
		if at == nil {
			w.look(rest)
			return
		}
		w.look(rest[:at[0]])
		language, code := rest[at[2]:at[3]], rest[at[4]:at[5]]
		rest = rest[at[1]:]
		if language == "yaml" {
			first, _, _ := strings.Cut(code, "\n")
			w.write(strings.TrimPrefix(first, "# "), code)
			continue
		}
		for line := range strings.Lines(strings.ReplaceAll(code, "\\\n", " ")) {
			if line = strings.TrimSpace(line); line != "" {
				w.do(line)
			}
		}
	}
}

// look compares the output of the last command with what the text says of it.
func (w *walk) look(text string) {
	w.t.Helper()
	for _, m := range shouldSee.FindAllStringSubmatch(text, -1) {
		if !strings.Contains(w.last, m[1]) {
			w.t.Errorf("after %q: the reader should see %q and sees %q", w.ran[len(w.ran)-1], m[1], w.last)
		}
	}
}

func (w *walk) write(name, content string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// do runs a command line.
func (w *walk) do(line string) {
	w.t.Helper()
	w.ran = append(w.ran, line)
	words := strings.Fields(line)
	switch {
	case words[0] == "tuilivekit-exporter" && strings.HasPrefix(words[1], "--config.file"):
		w.server = serveBinaryIn(w.t, w.dir, nil, words[1:]...)
	case words[0] == "tuilivekit-exporter" && words[1] == "setup":
		w.last = "" // it needs Tencent's server API: setup_test.go
	case words[0] == "tuilivekit-exporter":
		args := words[1:]
		if words[1] == "doctor" {
			args = append(args, "--exporter.url="+w.server.web, "--webhook.listen-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0")
		}
		for i := range args {
			if w.server != nil {
				args[i] = strings.Replace(args[i], "https://callback.example.com/callback", w.server.callback, 1)
				args[i] = strings.Replace(args[i], "http://127.0.0.1:19780", w.server.web, 1)
			}
		}
		p := runBinaryIn(w.t, w.dir, nil, args...)
		code := p.wait()
		w.last = p.output()
		if code != 0 && words[1] != "doctor" { // a URL on loopback is a fault for doctor
			w.t.Errorf("%s: exit code %d: %s", line, code, w.last)
		}
		if words[1] == "check-config" && strings.Contains(w.last, "warning: token") {
			w.t.Errorf("%s: what the document says to do brings a warning: %s", line, w.last)
		}
	case words[0] == "curl":
		w.last = w.grep(line)
	default: // od, cp
		cmd := exec.Command("sh", "-euc", line)
		cmd.Dir = w.dir
		out, err := cmd.CombinedOutput()
		if w.last = string(out); err != nil {
			w.t.Errorf("%s: %v: %s", line, err, out)
		}
	}
}

// grep gets the metrics and returns the lines that the pattern of the command has.
func (w *walk) grep(line string) string {
	w.t.Helper()
	m := regexp.MustCompile(`^curl -s http://localhost:19780/metrics \| grep (?:-E )?(?:'([^']+)'|(\S+))$`).FindStringSubmatch(line)
	if m == nil {
		w.t.Fatalf("%q has another form", line)
	}
	var found []string
	for metric := range strings.Lines(do(w.t, http.DefaultClient, http.MethodGet, w.server.web+"/metrics", "").body) {
		if !strings.HasPrefix(metric, "#") && regexp.MustCompile(m[1]+m[2]).MatchString(metric) {
			found = append(found, metric)
		}
	}
	if len(found) == 0 {
		w.t.Errorf("%s: no line", line)
	}
	return strings.Join(found, "")
}

// page returns the parts of a document by their headings of level 2.
func page(t *testing.T, name string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for _, part := range strings.Split(string(b), "\n## ")[1:] {
		title, body, _ := strings.Cut(part, "\n")
		parts[title] = body
	}
	return parts
}

func TestWalkWithoutABackend(t *testing.T) {
	t.Parallel()
	w := &walk{t: t, dir: t.TempDir()}
	w.follow(page(t, "tencent.md")["Without a backend"])
	if len(w.ran) < 6 {
		t.Errorf("only %q were run", w.ran)
	}
	if got := w.server.scrape()[`tuilivekit_webhook_callbacks_total{command="Live.CallbackAfterUpdateRoomInfo",sdk_app_id="1400000001"}`]; got != 1 {
		t.Errorf("%v callbacks, want 1", got)
	}
}

func TestWalkWithABackend(t *testing.T) {
	asked := make(chan string, 10)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path + " " + r.URL.Query().Get("CallbackCommand")
		_, _ = io.WriteString(w, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}`)
	}))
	defer backend.Close()
	w := &walk{t: t, dir: t.TempDir()}
	w.write("token", demoToken)
	part := page(t, "tencent.md")["With a backend"]
	if !strings.Contains(part, "https://backend.internal/tuilivekit") {
		t.Fatal("the URL of the backend is another one")
	}
	w.follow(strings.ReplaceAll(part, "https://backend.internal", backend.URL))
	if len(w.ran) < 4 {
		t.Errorf("only %q were run", w.ran)
	}
	if got, want := <-asked, "/tuilivekit Live.CallbackBeforeSendGift"; got != want {
		t.Errorf("the backend was asked %q, want %q", got, want)
	}
}

func TestWalkOfOperations(t *testing.T) {
	t.Parallel()
	w := &walk{t: t, dir: t.TempDir()}
	w.write("token", demoToken)
	w.write("config.yaml", "apps: [{sdk_app_id: 1400000001, name: production, token_files: [token]}]\n")
	w.do("tuilivekit-exporter --config.file=config.yaml")
	w.do("tuilivekit-exporter send --url https://callback.example.com/callback --app 1400000001 --token-file token")
	parts := page(t, "operate.md")
	for _, title := range []string{"See whether it works", "Back up and restore", "Upgrade", "Rotate a token"} {
		if parts[title] == "" {
			t.Errorf("no part %q", title)
		}
		w.follow(parts[title])
		if title == "Back up and restore" && !regexp.MustCompile(`1400000001 +400 +500`).MatchString(w.last) {
			t.Errorf("the backup does not have the counts: %s", w.last)
		}
	}
}

func TestWalkOfTheInstallation(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(b), "\n## Install\n")
	part, _, _ = strings.Cut(part, "\n### Container\n") // make check-docker runs that
	w := &walk{t: t, dir: t.TempDir()}
	w.write("token", demoToken)
	w.follow(strings.ReplaceAll(part, "backend.internal", "192.0.2.1")) // no name server is asked
	if len(w.ran) != 2 || w.server == nil {
		t.Errorf("only %q were run", w.ran)
	}
}

// TestConfigurationsInDocuments checks each configuration of a document as check-config does, with
// files in the places of its secrets.
func TestConfigurationsInDocuments(t *testing.T) {
	t.Setenv("STAGING_TOKEN", demoToken+"x")
	var files []string
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/zh-CN/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	checked := 0
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range codeBlock.FindAllStringSubmatch(string(b), -1) {
			if m[1] != "yaml" || !regexp.MustCompile(`(?m)^apps:$`).MatchString(m[2]) {
				continue
			}
			checked++
			w := &walk{t: t, dir: t.TempDir()}
			for i, secret := range regexp.MustCompile(`(/run/secrets/[\w.-]+|\btoken(\.next)?\b)[],} \n]`).FindAllStringSubmatch(m[2], -1) {
				w.write(filepath.Base(secret[1]), demoToken+strings.Repeat("x", i))
			}
			w.write("config.yaml", strings.NewReplacer("/run/secrets/", w.dir+"/", "backend.internal", "192.0.2.1").Replace(m[2]))
			if out, err := runCLI(t, "check-config", filepath.Join(w.dir, "config.yaml")); err != nil {
				t.Errorf("%s: %v: %s\n%s", filepath.Base(name), err, out, m[2])
			}
		}
	}
	if checked < 8 {
		t.Errorf("only %d configurations found", checked)
	}
}
