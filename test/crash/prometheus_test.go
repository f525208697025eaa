//go:build linux

package crash

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// prometheus is a Prometheus that scrapes one target.
type prometheus struct{ url string }

// startPrometheus starts Prometheus. The target has a fixed address, whatever the port of the exporter is:
// another address would make other series.
func startPrometheus(t *testing.T, target *atomic.Pointer[exporter.Process]) prometheus {
	t.Helper()
	root, err := exporter.Root()
	if err != nil {
		t.Fatal(err)
	}
	tool := exec.Command(filepath.Join(root, "scripts", "tool"), "prometheus")
	tool.Stderr = os.Stderr
	path, err := tool.Output()
	if err != nil {
		t.Fatal("scripts/tool prometheus:", err)
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := target.Load()
		if p == nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: p.Web}).ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	err = os.WriteFile(config, []byte(`global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: tuilivekit
    static_configs: [{targets: ["`+proxy.Listener.Addr().String()+`"]}]
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	logFile := filepath.Join(dir, "log")
	log, err := os.Create(logFile)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(strings.TrimSpace(string(path)), "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "tsdb"),
		"--web.listen-address=127.0.0.1:0", "--enable-feature=created-timestamp-zero-ingestion,promql-extended-range-selectors")
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return prometheus{"http://" + waitAddress(t, logFile)}
}

// waitAddress returns the address that Prometheus logs once it listens.
func waitAddress(t *testing.T, logFile string) string {
	t.Helper()
	listening := regexp.MustCompile(`msg="Listening on" .*address=(127\.0\.0\.1:\d+)`)
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		b, err := os.ReadFile(logFile)
		if m := listening.FindSubmatch(b); m != nil {
			return string(m[1])
		}
		if err != nil || time.Now().After(end) {
			t.Fatalf("Prometheus does not listen: %v\n%s", err, b)
		}
	}
}

// waitUp returns when a scrape that began after the call has succeeded.
func (p prometheus) waitUp(t *testing.T) { t.Helper(); p.wait(t, 1) }

// waitDown returns when such a scrape has failed.
func (p prometheus) waitDown(t *testing.T) { t.Helper(); p.wait(t, 0) }

func (p prometheus) wait(t *testing.T, up float64) {
	t.Helper()
	now := float64(time.Now().UnixMilli()) / 1000
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if values := p.values(t, "timestamp(up)"); len(values) == 0 || values[0] <= now {
			continue
		}
		if values := p.values(t, "up"); len(values) == 1 && values[0] == up {
			return
		}
	}
	t.Fatalf("up is not %g after a minute", up)
}

// query returns the value of an expression with one result.
func (p prometheus) query(t *testing.T, expression string) float64 {
	t.Helper()
	values := p.values(t, expression)
	if len(values) != 1 {
		t.Fatalf("%s has %d values, want 1", expression, len(values))
	}
	return values[0]
}

func (p prometheus) values(t *testing.T, expression string) (values []float64) {
	t.Helper()
	resp, err := http.Get(p.url + "/api/v1/query?query=" + url.QueryEscape(expression))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Error string
		Data  struct{ Result []struct{ Value [2]any } }
	}
	err = json.NewDecoder(resp.Body).Decode(&answer)
	if resp.StatusCode == http.StatusServiceUnavailable {
		return nil // Prometheus is not ready yet
	}
	if err != nil || answer.Error != "" {
		t.Fatalf("%s: %v %s", expression, err, answer.Error)
	}
	for _, r := range answer.Data.Result {
		text, _ := r.Value[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		values = append(values, v)
	}
	return values
}
