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
