package web

import (
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
)

// BenchmarkStatusPage is the page of 1, 200 and 10,000 applications, and a bare table of 200.
func BenchmarkStatusPage(b *testing.B) {
	for _, n := range []int{1, 200, 10_000} {
		b.Run(fmt.Sprintf("applications=%d", n), func(b *testing.B) { benchmarkPage(b, http.HandlerFunc(statusOf(b, n).ServePage)) })
	}
	b.Run("reference=200", func(b *testing.B) { benchmarkPage(b, reference(200)) })
}

// A page makes the status of each application once and does not copy it. It allocates about
// 0.9 KB for each application that it does not show.
func TestPageAllocatesLittleForEachApplication(t *testing.T) {
	allocated := func(n int) uint64 {
		s, least := statusOf(t, n), uint64(math.MaxUint64)
		for range 3 { // other goroutines of the process may allocate too
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			getPage(s, "/")
			runtime.ReadMemStats(&after)
			least = min(least, after.TotalAlloc-before.TotalAlloc)
		}
		return least
	}
	few, many := allocated(1000), allocated(10_000)
	if perApp := (float64(many) - float64(few)) / 9000; perApp > 2000 {
		t.Errorf("%.0f bytes for each application", perApp)
	}
}

// A page has a bounded number of rows, however many applications there are.
func TestPageOfManyApplicationsIsBounded(t *testing.T) {
	size := func(n int) float64 {
		_, body := getPage(statusOf(t, n), "/")
		return float64(len(body))
	}
	few, many := size(200), size(10_000)
	if many > 1.1*few {
		t.Errorf("%.0f KiB with 10,000 applications, %.0f KiB with 200", many/1024, few/1024)
	}
}

func benchmarkPage(b *testing.B, h http.Handler) {
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		size = w.Body.Len()
	}
	b.ReportMetric(float64(size)/1024, "KiB")
}

// statusOf returns the Status of n applications, each with an event, a backend and recounts.
func statusOf(tb testing.TB, n int) *Status {
	tb.Helper()
	now := time.Now()
	report := handler.Report{}
	for i := range n {
		app := handler.AppReport{Commands: []handler.CommandReport{{Name: "Live.CallbackAfterCreateRoom", Total: 7, Last: now}}}
		app.ID, app.Name = strconv.Itoa(1400000000+i), fmt.Sprintf("application %d", i)
		app.Current, app.Max, app.Received, app.EventTime = int64(i), int64(n), now.UnixMilli(), now.UnixMilli()
		report.Apps = append(report.Apps, app)
	}
	return NewStatus(StatusOptions{
		Webhook: func() handler.Report { return report },
		Relay:   func(string) *RelayStatus { return &RelayStatus{Backend: "https://backend.internal"} },
		Recount: func(string) *RecountStatus { return &RecountStatus{IntervalSeconds: 600, LastSuccess: &now} },
	})
}

// reference returns a handler of a table with n rows of as many columns as an application has,
// made by the same template package.
func reference(n int) http.Handler {
	page := template.Must(template.New("").Parse(`<table>{{range .}}<tr>{{range .}}<td class="num">{{.}}</td>{{end}}</tr>{{end}}</table>`))
	table := make([][8]string, n)
	for i := range table {
		for j := range table[i] {
			table[i][j] = strconv.Itoa(1400000000 + i + j)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _ = page.Execute(w, table) })
}
