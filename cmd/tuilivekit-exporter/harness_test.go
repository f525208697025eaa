package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// The application that tests take callbacks of, unless they say otherwise.
const (
	demoApp   = "1400000001"
	demoToken = "token-that-must-never-be-printed"
)

// patience is how long a test waits before it takes a program for hung. It is no limit of
// time: a test that compares times uses internal/late.
const patience = 2 * time.Minute

// instance is a running exporter.
type instance struct {
	t        *testing.T
	app      *app
	log      *logBuffer
	addr     string // host:port of the webhook listener
	callback string // URL
	web      string // URL, without a path
	client   *http.Client
	hup      chan os.Signal
	stop     func() error // stops it and returns what run returned
	mayFail  bool         // when the test ends, with an error of run
}

// startApp runs an exporter with the flags args, on ports that are free, until the
// test ends. Without an application among the flags it has demoApp.
func startApp(t *testing.T, args ...string) *instance {
	t.Helper()
	if !regexp.MustCompile(`--(app=|config\.file)`).MatchString(strings.Join(args, " ")) {
		args = append(args, "--app="+demoApp+"=demo", "--app.token-file="+writeFile(t, "token", demoToken))
	}
	args = append([]string{"serve", "--log.level=debug", "--web.listen-address=127.0.0.1:0", "--webhook.listen-address=127.0.0.1:0"}, args...)
	if !strings.Contains(strings.Join(args, " "), "--storage.path") {
		args = append(args, "--storage.path="+t.TempDir())
	}
	cli := newCLI(io.Discard, io.Discard)
	if _, err := cli.app.Parse(args); err != nil {
		t.Fatal(err)
	}
	i := &instance{t: t, log: newLogBuffer(), client: &http.Client{Transport: &http.Transport{}, Timeout: patience}, hup: make(chan os.Signal, 1)}
	var err error
	if i.app, err = newApp(&cli.serve, cli.serve.newLogger(i.log)); err != nil {
		t.Fatal(err)
	}
	l, err := cli.serve.listen()
	if err != nil {
		t.Fatal(err)
	}
	i.addr = l.webhook.Addr().String()
	i.callback = "http://" + i.addr + cli.serve.webhookPath
	if i.app.cert.used() {
		i.callback = "https://" + i.addr + cli.serve.webhookPath
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- i.app.run(ctx, l, i.hup) }()
	i.stop = sync.OnceValue(func() error {
		cancel()
		i.client.CloseIdleConnections()
		select {
		case err := <-done:
			return err
		case <-time.After(cli.serve.shutdownTimeout + patience):
			return fmt.Errorf("run does not return")
		}
	})
	t.Cleanup(func() {
		if err := i.stop(); err != nil && !i.mayFail {
			t.Errorf("run returned %v", err)
		}
	})
	i.web = "http://" + i.log.wait(t, `msg="Listening on" address="([^"]+)"`)
	i.log.wait(t, `msg="(accepting callbacks)"`) // since then it is ready
	return i
}

// get returns the answer of the web listener.
func (i *instance) get(path string) answer {
	i.t.Helper()
	return do(i.t, i.client, http.MethodGet, i.web+path, "")
}

// post sends a callback.
func (i *instance) post(target, body string) answer {
	i.t.Helper()
	return do(i.t, i.client, http.MethodPost, target, body)
}

// signed returns the callback URL of demoApp, signed now. command may be empty.
func (i *instance) signed(command string) string {
	return signedURL(i.callback, demoApp, demoToken, command)
}

// keepSending sends callbacks from two senders until stop is called, and fails the test
// unless each is answered OK. sent counts them.
func (i *instance) keepSending(client *http.Client) (sent *atomic.Int64, stop func()) {
	sent = new(atomic.Int64)
	var stopped atomic.Bool
	var senders sync.WaitGroup
	for range 2 {
		senders.Go(func() {
			for !stopped.Load() {
				resp, err := client.Post(i.signed(""), "application/json", strings.NewReader(harmless))
				if err != nil {
					i.t.Error(err)
					return
				}
				if resp.Body.Close(); resp.StatusCode != http.StatusOK {
					i.t.Errorf("got %s", resp.Status)
				}
				sent.Add(1)
			}
		})
	}
	return sent, func() { stopped.Store(true); senders.Wait() }
}

// scrape returns the values of all series on /metrics.
func (i *instance) scrape() map[string]float64 {
	i.t.Helper()
	a := i.get("/metrics")
	if a.status != http.StatusOK {
		i.t.Fatalf("/metrics answers %d: %s", a.status, a.body)
	}
	return parseSeries(i.t, a.body)
}

// parseSeries reads the text format. It knows nothing of timestamps: there are none.
func parseSeries(t *testing.T, text string) map[string]float64 {
	t.Helper()
	series := map[string]float64{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		cut := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[cut+1:], 64)
		if err != nil {
			t.Fatalf("metric line %q: %v", line, err)
		}
		series[line[:cut]] = value
	}
	return series
}

// expect compares some series with what they should be.
func expect(t *testing.T, got, want map[string]float64) {
	t.Helper()
	for name, value := range want {
		if n, ok := got[name]; !ok || n != value {
			t.Errorf("%s: got %v (there: %t), want %v", name, n, ok, value)
		}
	}
}

// answer is what came back for a request.
type answer struct {
	status int
	header http.Header
	body   string
}

func do(t *testing.T, client *http.Client, method, target, body string) answer {
	t.Helper()
	req, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return readAll(t, resp)
}

func readAll(t *testing.T, resp *http.Response) answer {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// signedURL returns target with the query that Tencent adds.
func signedURL(target, app, token, command string) string {
	return target + "?" + signedQuery(app, token, command, time.Now().Unix())
}

func signedQuery(app, token, command string, seconds int64) string {
	requestTime := strconv.FormatInt(seconds, 10)
	return "SdkAppid=" + app + "&CallbackCommand=" + url.QueryEscape(command) + "&contenttype=json&ClientIP=" + marker +
		"&OptPlatform=RESTAPI&Sign=" + tuilivekit.Sign(token, requestTime) + "&RequestTime=" + requestTime
}

// marker is text of requests that must appear in no answer, log or metric.
const marker = "text-of-the-request"

// rawRequest writes the bytes of a request to addr and returns the answer to it. With
// end it says that nothing follows.
func rawRequest(t *testing.T, addr, request string, end bool) answer {
	t.Helper()
	conn := dial(t, addr)
	go func() { // a server that refuses early does not read all of it
		io.WriteString(conn, request)
		if end {
			conn.(*net.TCPConn).CloseWrite()
		}
	}()
	return readAnswer(t, conn, request)
}

// exchange does the same on a connection that is open.
func exchange(t *testing.T, conn net.Conn, request string) answer {
	t.Helper()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return readAnswer(t, conn, request)
}

// readAnswer reads the answer to request, and nothing behind it that matters.
func readAnswer(t *testing.T, conn net.Conn, request string) answer {
	t.Helper()
	method, _, _ := strings.Cut(request, " ")
	reader := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(reader, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("read the answer: %v", err)
		}
		if resp.StatusCode != http.StatusContinue {
			return readAll(t, resp)
		}
	}
}

// dial connects to addr, for as long as the test runs, and no longer than patience.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// writeFile writes a file that only its owner can read, and returns its name.
func writeFile(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// logBuffer keeps what is logged.
type logBuffer struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	written chan struct{} // closed at the next line
}

func newLogBuffer() *logBuffer { return &logBuffer{written: make(chan struct{})} }

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.written)
	l.written = make(chan struct{})
	return l.buf.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// wait returns the first group of pattern as soon as the log has it.
func (l *logBuffer) wait(t *testing.T, pattern string) string {
	t.Helper()
	re, late := regexp.MustCompile(pattern), time.After(patience)
	for {
		l.mu.Lock()
		m, written := re.FindStringSubmatch(l.buf.String()), l.written
		l.mu.Unlock()
		if m != nil {
			return m[len(m)-1]
		}
		select {
		case <-written:
		case <-late:
			t.Fatalf("the log never has %s:\n%s", pattern, l)
		}
	}
}

// run does what args ask for, as the program does.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return execute(ctx, nil, args, stdout, stderr)
}
