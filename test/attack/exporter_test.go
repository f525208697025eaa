// Package attack_test attacks the built exporter over loopback, each attack for some seconds, while a good
// client sends callbacks and a scraper reads the metrics.
package attack_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	app    = "1400000001" // of the good client
	victim = "1400000002" // an attacker has seen signed URLs of it
	token  = "token-of-the-attack-tests"
)

// exporter is a running exporter.
type exporter struct {
	*testing.T
	webhook, web string // host:port
	roots        *x509.CertPool
	log          *log
	scraper      *http.Client
}

// startExporter builds the exporter and runs it until the test ends. files is its limit of open files; 0
// is the limit of the test.
func startExporter(t *testing.T, files int, storage string) *exporter {
	t.Helper()
	dir := t.TempDir()
	bin := os.Getenv("EXPORTER")
	if bin == "" {
		bin = filepath.Join(dir, "tuilivekit-exporter")
		build := exec.Command("go", "build", "-o", bin, "./cmd/tuilivekit-exporter")
		build.Dir, build.Env = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build the exporter: %v\n%s", err, out)
		}
	}
	cert, key, roots := selfSigned(t)
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	web := file("web.yml", fmt.Sprintf("tls_server_config: {cert_file: %q, key_file: %q}\nhttp_server_config: {http2: true}\n", file("cert.pem", cert), file("key.pem", key)))
	e := &exporter{T: t, roots: roots, log: newLog()}
	args := []string{bin, "--app=" + app, "--app=" + victim, "--app.token-file=" + file("token", token),
		"--webhook.listen-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0", "--web.config.file=" + web, "--web.enable-pprof", "--log.format=json", "--storage.path=" + storage}
	if files > 0 {
		args = append([]string{"/bin/sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, files)}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Stderr, cmd.Env = dir, e.log, []string{"PATH="}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		late := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
		defer late.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the exporter ended with %v", err)
		}
	})
	e.webhook, e.web = e.log.field(t, "accepting callbacks", "address"), e.log.field(t, "Listening on", "address")
	e.scraper = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	return e
}

func selfSigned(t *testing.T) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "exporter.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(certPEM)
	return string(certPEM), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})), roots
}

// scrape returns the values of all series.
func (e *exporter) scrape() (map[string]float64, error) {
	resp, err := e.scraper.Get("https://" + e.web + "/metrics")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("scrape: %s", resp.Status)
	}
	series := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		line := lines.Text()
		if cut := strings.LastIndexByte(line, ' '); cut > 0 && line[0] != '#' {
			value, err := strconv.ParseFloat(line[cut+1:], 64)
			if err != nil {
				return nil, fmt.Errorf("scrape: %q: %w", line, err)
			}
			series[line[:cut]] = value
		}
	}
	return series, lines.Err()
}

func (e *exporter) mustScrape() map[string]float64 {
	e.Helper()
	s, err := e.scrape()
	if err != nil {
		e.Fatal(err)
	}
	return s
}

// held is the number of goroutines and open files of an exporter.
type held struct {
	goroutines, files int
	stacks            string // of the goroutines
}

// holds reads the number of goroutines from the profile: go_goroutines also counts those that gather the
// metrics, and their number varies.
func (e *exporter) holds() (h held) {
	e.Helper()
	h.stacks = e.pprof("goroutine?debug=1")
	if _, err := fmt.Sscanf(h.stacks, "goroutine profile: total %d\n", &h.goroutines); err != nil {
		e.Fatalf("goroutines: %v in %.100q", err, h.stacks)
	}
	h.files = int(e.mustScrape()["process_open_fds"])
	return h
}

// atRest returns the lowest numbers within a second: connections that clients have closed take a moment
// to end.
func (e *exporter) atRest() held {
	e.Helper()
	least := e.holds()
	for range 20 {
		time.Sleep(50 * time.Millisecond)
		now := e.holds()
		least = held{goroutines: min(least.goroutines, now.goroutines), files: min(least.files, now.files)}
	}
	return least
}

// collectGarbage runs the garbage collector of the exporter.
func (e *exporter) collectGarbage() {
	e.Helper()
	e.pprof("heap?gc=1")
}

func (e *exporter) pprof(profile string) string {
	e.Helper()
	resp, err := e.scraper.Get("https://" + e.web + "/debug/pprof/" + profile)
	if err != nil {
		e.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		e.Fatalf("pprof/%s: %s, %v", profile, resp.Status, err)
	}
	return string(body)
}

func refusals(series map[string]float64, reason string) float64 {
	return series[`tuilivekit_webhook_rejections_total{reason="`+reason+`"}`]
}

// query returns the query of a callback of an application, signed now.
func query(of string) string {
	now := strconv.FormatInt(time.Now().Unix(), 10)
	sum := sha256.Sum256([]byte(token + now))
	return "SdkAppid=" + of + "&Sign=" + hex.EncodeToString(sum[:]) + "&RequestTime=" + now
}

func event(current int, at int64) string {
	return fmt.Sprintf(`{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","Operator_Account":"x","EventTime":%d,"CurRoomCount":%d,"MaxRoomCount":1000}`, at, current)
}

// from returns the n-th source address of the attackers. If loopback has only one address, it is that of
// the good client.
func from(n int) *net.TCPAddr {
	ip := net.IPv4(127, 1, byte(n/250), byte(1+n%250))
	if l, err := net.Listen("tcp", ip.String()+":0"); err == nil {
		l.Close()
		return &net.TCPAddr{IP: ip}
	}
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
}

// dialFrom connects to the webhook listener. It returns nil if the connection is refused.
func (e *exporter) dialFrom(ctx context.Context, n int) net.Conn {
	d := net.Dialer{LocalAddr: from(n), Timeout: 2 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", e.webhook)
	if err != nil {
		return nil
	}
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

// statuses reads all answers on a connection until it is closed, and closes it.
func statuses(conn net.Conn) (all []int) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return all
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		all = append(all, resp.StatusCode)
		if err != nil {
			return all
		}
	}
}

// log keeps the lines that the exporter logs.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func newLog() *log { return &log{} }

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *log) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSuffix(l.buf.String(), "\n"), "\n")
}

// field waits for a line with the message, and returns one field of it.
func (l *log) field(t *testing.T, message, field string) string {
	t.Helper()
	for late := time.Now().Add(2 * time.Minute); time.Now().Before(late); time.Sleep(10 * time.Millisecond) {
		for _, line := range l.lines() {
			var fields map[string]any
			if json.Unmarshal([]byte(line), &fields) == nil && fields["msg"] == message {
				return fmt.Sprint(fields[field])
			}
		}
	}
	t.Fatalf("the log does not have %q:\n%s", message, strings.Join(l.lines(), "\n"))
	return ""
}
