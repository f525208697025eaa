package main

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi/restapitest"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// secrets are texts that nobody may read, by what they are.
type secrets map[string]string

// forms are the ways in which text may be shown.
func forms(text string) map[string]string {
	quoted := strconv.Quote(text)
	return map[string]string{
		"as it is": text, "escaped": url.QueryEscape(text), "quoted": quoted[1 : len(quoted)-1],
		"in base64": strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(text)), "="), "in hexadecimal": hex.EncodeToString([]byte(text)),
	}
}

// find returns which secrets are in text, and how.
func (s secrets) find(text string) (found []string) {
	lower := strings.ToLower(text)
	for what, secret := range s {
		for how, form := range forms(secret) {
			if strings.Contains(lower, strings.ToLower(form)) {
				found = append(found, what+" "+how)
			}
		}
	}
	return found
}

// transcript is all that the exporter has let anyone see, by where.
type transcript struct {
	t     *testing.T
	parts map[string]string
}

func (tr *transcript) add(where, text string) { tr.parts[where] += text + "\n" }

func (tr *transcript) all() string {
	var b strings.Builder
	for _, part := range tr.parts {
		b.WriteString(part)
	}
	return b.String()
}

// run adds the output of a command that ends by itself.
func (tr *transcript) run(code int, args ...string) {
	tr.t.Helper()
	p := runBinary(tr.t, nil, args...)
	if got := p.wait(); got != code {
		tr.t.Errorf("%v: exit code %d\n%s", args, got, p.output())
	}
	tr.add(strings.Join(args[:1], " "), p.output())
}

// do sends a request and adds the answer.
func (tr *transcript) do(client *http.Client, where string, req *http.Request) {
	tr.t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		tr.t.Fatal(err)
	}
	a := readAll(tr.t, resp)
	tr.add(where, fmt.Sprint(a.status, a.header, "\n", a.body))
}

// TestNothingSecretIsShown runs the program as users have it, does to it what they do,
// right and wrong, and looks through all that it has shown and stored.
func TestNothingSecretIsShown(t *testing.T) {
	t.Parallel()
	const (
		envToken, nextToken, wrongToken = "token-of-the-environment-7b1f", "next-token-of-the-rotation-9c2e", "wrong-token-that-was-tried-51aa"
		operator, room, body            = "operator-of-the-room-3d81", "room-id-of-the-event-77e0", "text-of-the-body-c4b2"
		password                        = "scrape-password"
		passwordHash                    = "$2a$04$SMi.SlwJEtlAuLnIj4KV6.hlJr15VkK3YswVlDhDjgNP6FLHLmOH6"
	)
	pair, webPair := newKeyPair(t, 1), newKeyPair(t, 2)
	hidden := secrets{
		"the token": demoToken, "the token of the environment": envToken, "the next token": nextToken, "a wrong token": wrongToken,
		"the operator": operator, "the room": room, "the body": body, "the password": password, "the hash of the password": passwordHash,
	}
	for what, file := range map[string]string{"the key of the webhook": pair.keyFile, "the key of the web": webPair.keyFile} {
		hidden[what] = strings.Split(readFileText(t, file), "\n")[1]
	}
	dir := t.TempDir()
	write := func(name, content string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	token, wrong := write("token", demoToken), write("wrong", wrongToken)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "answer-of-the-backend-0d3c", http.StatusTeapot)
	}))
	defer backend.Close()
	hidden["the password of a backend"], hidden["the answer of a backend"] = "password-of-the-backend-66e1", "answer-of-the-backend-0d3c"
	tencent := startTencent(t, "https://callback-url-of-tencent.example.com/callback")
	tencent.Serve("", -1, restapitest.Text(`{"ErrorCode":60002,"ErrorInfo":"QUERY","RequestId":"QUERY"}`)) // it repeats all that it gets
	hidden["the secret key"], hidden["a UserSig"] = demoKey, "usersig=eJ"
	good := fmt.Sprintf("apps:\n  - {sdk_app_id: %s, name: shown, token_files: [%q], relay: {url: %q}, api: "+tencent.yaml+", reconcile: {interval: 1m}}\n  - {sdk_app_id: %s, token_env: [SECRET_TOKEN], relay: {url: 'http://127.0.0.1:1'}}\n", demoApp, token, backend.URL, otherApp)
	config := write("config.yml", good)
	goodWeb := fmt.Sprintf("tls_server_config: {cert_file: %q, key_file: %q}\nbasic_auth_users: {prometheus: %s}\n", webPair.certFile, webPair.keyFile, passwordHash)
	web := write("web.yml", goodWeb)
	storage := filepath.Join(dir, "data")

	seen := &transcript{t: t, parts: map[string]string{}}
	s := runBinary(t, []string{"SECRET_TOKEN=" + envToken}, "--log.level=debug", "--webhook.listen-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0",
		"--config.file="+config, "--web.config.file="+web, "--web.enable-lifecycle", "--web.enable-pprof", "--storage.path="+storage,
		"--webhook.tls-cert-file="+pair.certFile, "--webhook.tls-key-file="+pair.keyFile)
	callback := "https://" + s.stderr.wait(t, `msg="accepting callbacks" address="([^"]+)"`) + "/callback"
	webURL := "https://" + s.stderr.wait(t, `msg="Listening on" address="([^"]+)"`)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: patience}
	defer client.CloseIdleConnections()

	post := func(token, query, body string) {
		t.Helper()
		now := strconv.FormatInt(time.Now().Unix(), 10)
		sign := tuilivekit.Sign(token, now)
		hidden["the signature "+sign] = sign
		req, err := http.NewRequest(http.MethodPost, callback+"?Sign="+sign+"&RequestTime="+now+"&SdkAppid="+query, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("User-Agent", operator)
		seen.do(client, "answers to callbacks", req)
	}
	look := func() {
		t.Helper()
		for _, path := range []string{"/", "/?refresh=off", "/metrics", "/api/v1/status", "/-/healthy", "/-/ready", "/other",
			"/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1"} {
			req, err := http.NewRequest(http.MethodGet, webURL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			seen.do(client, path, req) // without the password
			req.SetBasicAuth("prometheus", password)
			req.Header.Set("Accept", "application/openmetrics-text")
			seen.do(client, path, req)
		}
		for _, name := range []string{"cmdline", "status", "comm"} {
			if runtime.GOOS != "linux" {
				break // there is no such folder
			}
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.cmd.Process.Pid, name))
			if err != nil {
				t.Fatal(err)
			}
			seen.add("list of processes", string(b))
		}
	}
	reload := func() {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, webURL+"/-/reload", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("prometheus", password)
		seen.do(client, "answers to reloads", req)
		look()
	}

	event := func(name string) string {
		return `{"CallbackCommand":"` + name + `","Operator_Account":"` + operator + `","EventTime":1739966441121,"CurRoomCount":400,"MaxRoomCount":500,"RoomInfo":{"RoomId":"` + room + `"},"RoomId":"` + room + `","x":"` + body + `"}`
	}
	for _, command := range []string{thresholdCommand, "Live.CallbackAfterCreateRoom", "Live.CallbackBeforeSendGift", body} {
		post(demoToken, demoApp, event(command))
	}
	post(envToken, otherApp, event(thresholdCommand))
	post(envToken, otherApp, event("Live.CallbackBeforeSendGift"))
	post(wrongToken, demoApp, event(thresholdCommand))
	post(envToken, demoApp, event(thresholdCommand))
	post(demoToken, "9"+demoApp, event(thresholdCommand))
	post(demoToken, demoApp+"&Sign="+operator, event(thresholdCommand))
	post(demoToken, demoApp+"&CallbackCommand="+operator, event(thresholdCommand))
	post(demoToken, demoApp, event(thresholdCommand)[:80])
	post(demoToken, demoApp, strings.Replace(event(thresholdCommand), "400", `"`+body+`"`, 1))
	look()

	for _, content := range []string{
		"apps: " + nextToken,
		strings.Replace(good, "name: shown", "name: shown, token: "+nextToken, 1),
		strings.Replace(good, "name: shown", "name: ["+nextToken+"]", 1),
		strings.Replace(good, "sdk_app_id: "+demoApp, "sdk_app_id: "+nextToken, 1),
		strings.Replace(good, "name: shown", "allow_unsigned: "+nextToken, 1),
		"apps: [\n" + nextToken + ": {",
		good + "---\n" + nextToken,
		strings.Replace(good, "//", "//user:password-of-the-backend-66e1@", 1),
		strings.Replace(good, "url: 'http", "url: 'password-of-the-backend-66e1", 1),
	} {
		write("config.yml", content)
		reload()
		s.signal(syscall.SIGHUP)
		seen.run(1, "check-config", config)
	}
	write("config.yml", good)
	for _, content := range []string{strings.Repeat(nextToken, 5), " \n", nextToken} {
		write("token", content)
		reload()
	}
	post(nextToken, demoApp, event(thresholdCommand))
	post(demoToken, demoApp, event(thresholdCommand))
	for _, content := range []string{"basic_auth_users: " + password, "basic_auth_users: {prometheus: " + password + "}", "tls_server_config: " + password} {
		write("web.yml", content)
		reload()
		look()
	}
	write("web.yml", goodWeb)
	for name, content := range map[string]string{pair.certFile: readFileText(t, pair.keyFile), pair.keyFile: readFileText(t, webPair.keyFile)} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.stderr.wait(t, "certificate not reloaded")
	look()

	plain := serveBinary(t, nil, "--app="+demoApp, "--app.token-file="+token)
	secure := callback
	callback = plain.callback
	post(nextToken, demoApp, event(thresholdCommand))
	for _, args := range [][]string{{"--token-file=" + token}, {"--token-file=" + wrong}, {"--token-file=" + token, "--late=1h"}, {"--token-file=" + token, "--malformed"}} {
		code := 1
		if len(args) == 1 && args[0] == "--token-file="+token {
			code = 0
		}
		seen.run(code, append([]string{"send", "--app=" + demoApp, "--url=" + plain.callback}, args...)...)
	}
	seen.run(1, "send", "--app="+demoApp, "--token-file="+token, "--url="+secure) // which it does not trust
	seen.run(1, "send", "--app="+demoApp, "--token-file="+token, "--url=http://user:"+password+"@127.0.0.1:1/x")
	for _, command := range []string{"serve", "check-config", "send", "doctor", "setup", "state", "healthcheck"} {
		seen.run(0, command, "--help")
	}
	seen.run(0, "--help")
	withAPI := write("api.yml", fmt.Sprintf("apps: [{sdk_app_id: %s, token_files: [%q], api: %s}]", demoApp, token, tencent.yaml))
	seen.run(1, "doctor", "--config.file="+withAPI, "--url="+plain.callback, "--storage.path="+dir)
	seen.run(1, "doctor", "--json", "--config.file="+withAPI, "--url="+secure, "--storage.path="+dir)
	seen.run(1, "doctor", "--report", "--config.file="+withAPI)
	atSetup := []string{"setup", "--config.file=" + withAPI, "--app=" + demoApp, "--url=" + plain.callback, "--backup-folder=" + dir}
	seen.run(1, atSetup...)
	s.stderr.wait(t, "recounts stopped") // by what heals now
	tencent.Heal()
	seen.run(1, atSetup...)
	seen.run(0, append(atSetup, "--take-url", "--replace-token", "--apply")...)
	seen.run(0, "check-config", write("flat.yml", fmt.Sprintf("apps: [{sdk_app_id: 1, token_files: [%q]}]", token)))
	seen.run(0, "state", storage)
	seen.run(0, "state", "--json", storage)
	seen.run(1, "healthcheck", "--url="+webURL+"/-/healthy")
	s.signal(syscall.SIGTERM)
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	plain.end()
	seen.add("log", s.output())
	seen.add("log", plain.output())
	for where, folder := range map[string]string{"storage": filepath.Join(plain.cmd.Dir, "data"), "storage with a queue": storage} {
		stored, err := filepath.Glob(filepath.Join(folder, "*"))
		if err != nil || len(stored) == 0 {
			t.Fatal(stored, err)
		}
		for _, name := range stored {
			seen.add(where, readFileText(t, name))
		}
	}

	for where, text := range seen.parts {
		for _, what := range hidden.find(text) {
			// What a backend answers is for the sender, and requests that wait for it are
			// stored as they came.
			passedOn := strings.HasPrefix(what, "the signature") || strings.HasPrefix(what, "the operator") || strings.HasPrefix(what, "the room") || strings.HasPrefix(what, "the body")
			if where == "answers to callbacks" && strings.HasPrefix(what, "the answer of a backend") || where == "storage with a queue" && passedOn {
				continue
			}
			t.Errorf("%s: %s is shown:\n%.2000q", where, what, text)
		}
	}
	checkTranscript(t, seen, hidden)
}

// checkTranscript proves that the search finds what is there: what is shown on purpose,
// and each secret if it were shown.
func checkTranscript(t *testing.T, seen *transcript, hidden secrets) {
	t.Helper()
	all := seen.all()
	for _, shown := range []string{
		demoApp, "shown", "callback accepted", "callback refused", "configuration not reloaded", "certificate not reloaded", "authentication failed", "200 map[", "401 map[", "500 map[",
		"tuilivekit_current_rooms", "Wrong signature", "token_files", "--web.config.file", "goroutine ", "Tencent would have seen: ", "web configuration not reloaded", "is valid",
	} {
		if (secrets{"": shown}).find(all) == nil {
			t.Errorf("%q is not in the transcript", shown)
		}
	}
	for what, secret := range hidden {
		for how, form := range forms(secret) {
			at := bytes.Repeat([]byte("x"), 100)
			if len(hidden.find(string(at)+form+string(at))) == 0 {
				t.Errorf("%s %s would not be found", what, how)
			}
		}
	}
	t.Logf("%d secrets in %d forms each; %d bytes of %d kinds of output", len(hidden), len(forms("")), len(all), len(seen.parts))
}
