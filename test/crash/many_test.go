//go:build linux

package crash

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// TestManyApplications scrapes 100,000 applications as Prometheus does. The time of a scrape is compared
// with the time of compressing the same text. A scrape must not allocate memory for each series: it may
// allocate the size of the counts of each application.
func TestManyApplications(t *testing.T) {
	const n = 100_000
	const ofCompression, allocated = 4, 512 // bytes for an application
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	var yaml strings.Builder
	yaml.WriteString("apps:\n")
	for i := range n {
		fmt.Fprintf(&yaml, "  - {sdk_app_id: %d, token_files: [%s]}\n", 1400000001+i, tokenFile)
	}
	if err := os.WriteFile(config, []byte(yaml.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, filepath.Join(dir, "data"), "--config.file="+config)
	models, _, _ := newModels(t, 1)
	conn, err := exporter.Dial(p.Webhook)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if a, err := conn.PostPatiently(models[0].event(8), token); err != nil || a.Status != http.StatusOK {
		t.Fatalf("%+v, %v, want 200", a, err)
	}
	before := scrapeCompressed(t, p).allocated
	var ratios []float64
	for len(ratios) < 3 || slices.Min(ratios) > ofCompression && len(ratios) < 10 {
		began := time.Now()
		s := scrapeCompressed(t, p)
		took := time.Since(began)
		ratios = append(ratios, float64(took)/float64(compression(t, s.bytes)))
		each := (s.allocated - before) / n // since the previous scrape
		before = s.allocated
		t.Logf("%d applications: %d series in %s, %d MB of text, %.0f bytes allocated for an application", n, s.series, took.Round(time.Millisecond), s.bytes/1e6, each)
		if more := s.series - len(s.of)*n; more < 5 || more > 10 || len(s.of) < 30 || s.current != "8.0" { // the gauges and a token of one of them
			t.Errorf("%d series, %d of each application and %d more, and current rooms %q, want 5 to 10 more and 8.0", s.series, len(s.of), more, s.current)
		}
		if each < 1 || each > allocated {
			t.Errorf("a scrape allocates %.0f bytes for an application, want 1 to %d", each, allocated)
		}
	}
	stop(t, p)
	t.Logf("a scrape takes %.1f times as long as compressing that much text", slices.Min(ratios))
	if slices.Min(ratios) > ofCompression {
		t.Errorf("want at most %d times", ofCompression)
	}
}

// compression returns the time to compress that many bytes of metrics.
func compression(t *testing.T, bytes int) time.Duration {
	t.Helper()
	w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for n := 0; n < bytes; {
		line, err := fmt.Fprintf(w, "tuilivekit_webhook_callbacks_total{sdk_app_id=\"%d\",command=\"Live.CallbackAfterCreateRoom\"} 0\n", 1400000001+n/100)
		if err != nil {
			t.Fatal(err)
		}
		n += line
	}
	return time.Since(began)
}

// scraped is what a scrape of many applications returned.
type scraped struct {
	bytes, series int      // bytes of the text; series with an application
	of            []string // series of the last application, which has had no event
	current       string   // the only value of current rooms
	allocated     float64  // bytes that the exporter has allocated on its heap since its start
}

// scrapeCompressed scrapes with the headers of Prometheus.
func scrapeCompressed(t *testing.T, p *exporter.Process) (s scraped) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+p.Web+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1")
	req.Header.Set("Accept-Encoding", "gzip")
	req.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", "120") // a busy machine can need longer than the default
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := gzip.NewReader(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	lines, last := bufio.NewScanner(body), ""
	for lines.Scan() {
		line := lines.Bytes()
		s.bytes += len(line) + 1
		last = string(line)
		name, rest, _ := strings.Cut(last, "{")
		if strings.Contains(rest, `sdk_app_id="`) && !strings.HasSuffix(name, "_created") {
			s.series++
			if strings.Contains(rest, `sdk_app_id="1400100000"`) {
				s.of = append(s.of, last)
			}
		}
		if name == "tuilivekit_current_rooms" {
			s.current = last[strings.LastIndexByte(last, ' ')+1:]
		}
		if value, ok := strings.CutPrefix(last, "go_gc_heap_allocs_bytes_total "); ok {
			if s.allocated, err = strconv.ParseFloat(value, 64); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := lines.Err(); err != nil || last != "# EOF" {
		t.Fatalf("%v, last line %q", err, last)
	}
	return s
}
