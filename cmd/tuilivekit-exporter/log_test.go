package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const logLinesDropped = "tuilivekit_exporter_log_lines_dropped_total"

// pipedServer is a run of the binary whose standard error is a pipe. What has been read of
// it is in seen.
type pipedServer struct {
	*server
	reader *os.File
	seen   *logBuffer
}

// servePiped runs the binary and reads its log until it serves, and no further.
func servePiped(t *testing.T, args ...string) *pipedServer {
	t.Helper()
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	cmd := exec.CommandContext(ctx, bin, append(args, "--app="+demoApp, "--app.token-file="+writeFile(t, "token", demoToken), "--storage.path=",
		"--webhook.listen-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0")...)
	cmd.Dir, cmd.Env, cmd.Stderr = t.TempDir(), []string{"PATH="}, writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	t.Cleanup(func() { cancel(); reader.Close(); cmd.Wait() })
	s := &pipedServer{server: &server{program: &program{t: t, cmd: cmd, stdout: newLogBuffer(), stderr: newLogBuffer()}}, reader: reader, seen: newLogBuffer()}
	buf := make([]byte, 4096)
	for !strings.Contains(s.seen.String(), "Listening on") || !strings.Contains(s.seen.String(), "accepting callbacks") || !strings.HasSuffix(s.seen.String(), "\n") {
		n, err := reader.Read(buf)
		if err != nil {
			t.Fatalf("%v: %s", err, s.seen)
		}
		s.seen.Write(buf[:n])
	}
	s.callback = "http://" + s.seen.wait(t, `msg="accepting callbacks" address="([^"]+)"`) + "/callback"
	s.web = "http://" + s.seen.wait(t, `msg="Listening on" address="([^"]+)"`)
	return s
}

// accepted sends n callbacks that are accepted, each of which is logged for debugging.
func (s *pipedServer) accepted(n int) {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: patience}
	defer client.CloseIdleConnections()
	var senders sync.WaitGroup
	for range min(n, 8) {
		senders.Go(func() {
			for range (n + 7) / 8 {
				resp, err := client.Post(signedURL(s.callback, demoApp, demoToken, ""), "application/json", strings.NewReader(harmless))
				if err != nil {
					s.t.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				if resp.Body.Close(); resp.StatusCode != http.StatusOK {
					s.t.Errorf("a callback is answered %s", resp.Status)
				}
			}
		})
	}
	if senders.Wait(); s.t.Failed() {
		s.t.FailNow()
	}
}

// untilDropped sends callbacks until the metric says that lines were dropped.
func (s *pipedServer) untilDropped(callbacks int) {
	s.t.Helper()
	for s.accepted(callbacks); s.scrape()[logLinesDropped] == 0; {
		s.accepted(callbacks)
	}
}

func TestTheReaderOfTheLogGoesAway(t *testing.T) {
	t.Parallel()
	s := servePiped(t, "--log.level=debug")
	s.reader.Close()
	s.untilDropped(1)
	s.accepted(10)
	s.signal(syscall.SIGTERM)
	s.expect(0)
}

func TestTheReaderOfTheLogStopsReading(t *testing.T) {
	t.Parallel()
	s := servePiped(t, "--log.level=debug")
	s.untilDropped(2000)
	s.accepted(100)
	go io.Copy(s.seen, s.reader)
	s.seen.wait(t, `level=warning msg="log lines dropped: standard error cannot be written fast enough" lines=[1-9]`)
	s.signal(syscall.SIGTERM)
	s.expect(0)
	s.seen.wait(t, "msg=stopped")
}

func TestAStopWithALogThatNobodyReads(t *testing.T) {
	t.Parallel()
	s := servePiped(t, "--log.level=debug")
	s.untilDropped(2000)
	s.signal(syscall.SIGTERM)
	s.expect(0)
}

// gate is a writer that blocks until it is opened.
type gate struct {
	open chan struct{}
	bytes.Buffer
}

func (g *gate) Write(b []byte) (int, error) {
	<-g.open
	return g.Buffer.Write(b)
}

func TestLogWriterKeepsOrderAndBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		l := newLogWriter(g)
		l.onDropped = func(n int64) { fmt.Fprintf(l, "%d dropped\n", n) }
		stop := l.start()
		fmt.Fprintln(l, "first") // is being written
		synctest.Wait()
		line := strings.Repeat("x", 1023) + "\n"
		for range 1024 + 5 {
			io.WriteString(l, line)
		}
		if got := l.dropped.Load(); got != 5 {
			t.Errorf("%d lines dropped, want 5", got)
		}
		close(g.open)
		stop()
		if want := "first\n" + "5 dropped\n"; g.Len() != len(want)+1<<20 || !strings.HasPrefix(g.String(), "first\nx") || !strings.HasSuffix(g.String(), "x\n5 dropped\n") {
			t.Errorf("%d bytes are written, which end with %q", g.Len(), g.String()[max(0, g.Len()-40):])
		}
	})
}

func TestLogWriterStopsWithAWriterThatBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		l := newLogWriter(g)
		stop, begin := l.start(), time.Now()
		fmt.Fprintln(l, "a line")
		stop()
		if took := time.Since(begin); took != logFlushTimeout {
			t.Errorf("took %s", took)
		}
		close(g.open)
	})
}

// failing takes part of the first write.
type failing struct{ n int }

func (f *failing) Write([]byte) (int, error) { return f.n, errors.New("no space") }

func TestLogWriterCountsWhatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLogWriter(&failing{n: 4})
		stop := l.start()
		io.WriteString(l, "one\ntwo\nthree\n")
		stop()
		if got := l.dropped.Load(); got != 2 {
			t.Errorf("%d lines dropped, want 2", got)
		}
	})
}
