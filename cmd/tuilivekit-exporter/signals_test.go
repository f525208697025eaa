package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// While the configuration is being read for the first time, from a pipe, a signal asks to
// read it again.
func TestAReloadAskedForDuringStartHappensAfterIt(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "config.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skipf("no named pipes here: %v", err)
	}
	write := func(apps ...int) {
		t.Helper()
		content := "apps:\n"
		for _, id := range apps {
			content += fmt.Sprintf("  - {sdk_app_id: %d, allow_unsigned: true}\n", id)
		}
		f, err := os.OpenFile(pipe, os.O_WRONLY, 0) // it waits for the reader
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(content); err != nil {
			t.Fatal(err)
		}
	}
	p := runBinary(t, nil, "--config.file="+pipe, "--webhook.listen-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0")
	p.stderr.wait(t, "starting tuilivekit-exporter")
	p.signal(syscall.SIGHUP)
	write(1)
	p.stderr.wait(t, "accepting callbacks")
	write(1, 2)
	p.stderr.wait(t, `msg="configuration reloaded" applications=2`)
	p.signal(syscall.SIGTERM)
	p.expect(0, "msg=stopped")
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	for _, tc := range []struct {
		name, flag, state string
		first, second     os.Signal
	}{
		{"during the delay", "--shutdown.delay=1h", "not ready, stopping after the delay", syscall.SIGTERM, syscall.SIGTERM},
		{"during the drain", "--shutdown.timeout=1h", "stopping: answering the callbacks in progress", os.Interrupt, syscall.SIGTERM},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := serveBinary(t, nil, "--app=1", "--app.allow-unsigned", "--web.enable-pprof", tc.flag)
			conn := dial(t, strings.TrimPrefix(s.web, "http://"))
			fmt.Fprint(conn, "GET /debug/pprof/trace?seconds=100 HTTP/1.1\r\nHost: x\r\n\r\n") // which the drain waits for
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
			for !strings.Contains(do(t, client, http.MethodGet, s.web+"/debug/pprof/goroutine?debug=2", "").body, "pprof.Trace") {
			}
			s.signal(tc.first)
			s.stderr.wait(t, tc.state)
			s.signal(tc.second)
			s.expect(1)
			if got, want := lastLine(s.stderr.String()), "tuilivekit-exporter: stopped at once by a second signal (terminated): "; !strings.HasPrefix(got, want) {
				t.Errorf("the last line is %s", got)
			}
		})
	}
}

func TestErrorsObeyTheFormatOfTheLog(t *testing.T) {
	for _, tc := range []struct {
		name string
		env  []string
		args string
	}{
		{"a flag with a value", nil, "--log.format=json"},
		{"a flag and its value", nil, "--log.format json"},
		{"a variable", []string{"TUILIVEKIT_EXPORTER_LOG_FORMAT=json"}, ""},
		{"a flag that does not exist", nil, "--log.format=json --storage.dir=x"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := runBinary(t, tc.env, strings.Fields(tc.args)...)
			p.expect(1)
			var line struct{ Error, Level, Msg string }
			if err := json.Unmarshal([]byte(lastLine(p.stderr.String())), &line); err != nil || line.Level != "error" || line.Error == "" || line.Msg == "" {
				t.Errorf("the last line is %s (%v)", lastLine(p.stderr.String()), err)
			}
		})
	}
}

func TestTheFirstLineSaysWhatStarts(t *testing.T) {
	s := serveBinary(t, nil, "--app=1", "--app.allow-unsigned", "--log.format=logfmt")
	first, _, _ := strings.Cut(s.stderr.String(), "\n")
	if !strings.Contains(first, `level=info msg="starting tuilivekit-exporter" configuration=flags`) || !strings.Contains(first, "version=1.2.3-test") {
		t.Errorf("the first line is %s", first)
	}
}
