//go:build linux

package exporter

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Metrics has the samples of one scrape, by name and labels as they are exposed.
type Metrics map[string]float64

// Of returns the value of a metric of an application and whether it has one. If the metric has more labels, the
// value is the sum of its samples; created timestamps, which are all equal, are not added up.
func (m Metrics) Of(name, app string) (float64, bool) {
	label := `sdk_app_id="` + app + `"`
	if v, ok := m[name+"{"+label+"}"]; ok {
		return v, true
	}
	sum, found := 0.0, false
	for series, v := range m {
		if !strings.HasPrefix(series, name+"{") || !strings.Contains(series, label) {
			continue
		}
		if strings.HasSuffix(name, "_created") {
			return v, true
		}
		sum, found = sum+v, true
	}
	return sum, found
}

// Scrape reads the metrics in the OpenMetrics format, which has the created timestamps.
func (p *Process) Scrape(client *http.Client) (Metrics, error) {
	req, err := http.NewRequest(http.MethodGet, "http://"+p.Web+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("scrape: %s", resp.Status)
	}
	m, whole := Metrics{}, false
	s := bufio.NewScanner(resp.Body)
	for s.Scan() {
		line := s.Text()
		whole = line == "# EOF"
		series, value, ok := strings.Cut(line, "} ")
		if ok {
			series += "}"
		} else {
			series, value, ok = strings.Cut(line, " ")
		}
		if !ok || line[0] == '#' {
			continue
		}
		value, _, _ = strings.Cut(value, " ")
		if m[series], err = strconv.ParseFloat(value, 64); err != nil {
			return nil, fmt.Errorf("scrape: %q: %w", line, err)
		}
	}
	if s.Err() == nil && !whole {
		return nil, fmt.Errorf("scrape: cut")
	}
	return m, s.Err()
}

// Get returns the status of a page of the web listener.
func (p *Process) Get(path string) (int, error) {
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://" + p.Web + path)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// CPU returns the processor time that the exporter has used.
func (p *Process) CPU() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		return 0, err
	}
	// The name before the last parenthesis may have spaces; utime and stime are the
	// 12th and 13th field behind it, in hundredths of a second.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	user, errUser := strconv.Atoi(fields[11])
	system, errSystem := strconv.Atoi(fields[12])
	if errUser != nil || errSystem != nil {
		return 0, fmt.Errorf("%s: not numbers", b)
	}
	return time.Duration(user+system) * 10 * time.Millisecond, nil
}

// Resident returns the resident memory of the exporter, in bytes.
func (p *Process) Resident() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.PID()))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
