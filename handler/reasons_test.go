package handler_test

import (
	"bytes"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/web"
)

var update = flag.Bool("update", false, "write docs/refusals.md")

func TestDocumentsOfRefusals(t *testing.T) {
	const name = "../docs/refusals.md"
	want := handler.Document(*handler.AllReasons)
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != want {
		t.Errorf("%s differs from the code (%v): run make docs", name, err)
	}
	for line := range strings.Lines(want) {
		if strings.HasPrefix(line, "|") && strings.Contains(line, "|  |") {
			t.Errorf("a reason has an empty field: %s", line)
		}
	}
}

// A new entry of the table is in the answer, the metric, the log, the status page and the document.
func TestAReasonIsOneEntry(t *testing.T) {
	var log bytes.Buffer
	logger := logrus.New()
	logger.SetOutput(&log)
	registry := prometheus.NewRegistry()
	c, refused, document, err := handler.NewWithReason(handler.Options{
		Apps: []handler.App{{ID: "1400000001", AllowUnsigned: true}}, Registerer: registry, Log: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	refused.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusTeapot || w.Header().Get("Retry-After") != "9" ||
		w.Body.String() != `{"ActionStatus":"FAIL","ErrorInfo":"short and stout","ErrorCode":418}` {
		t.Errorf("the answer is %d %v %s", w.Code, w.Header(), w.Body)
	}

	text, err := testutil.CollectAndFormat(registry, expfmt.TypeTextPlain, "tuilivekit_webhook_rejections_total")
	if err != nil {
		t.Fatal(err)
	}
	status := httptest.NewRecorder()
	web.NewStatus(web.StatusOptions{Webhook: c.Report, Log: logger}).ServePage(status, httptest.NewRequest(http.MethodGet, "/", nil))
	for where, got := range map[string]struct{ text, want string }{
		"the metric":      {string(text), `tuilivekit_webhook_rejections_total{reason="teapot"} 1`},
		"the log":         {log.String(), `level=warning msg="callback refused" reason=teapot status=418`},
		"the status page": {status.Body.String(), "Not a coffee machine"},
		"its advice":      {status.Body.String(), "Ask a coffee machine."},
		"the document":    {document, "| `teapot` | 418 | Not a coffee machine | Ask a coffee machine. |"},
	} {
		if !strings.Contains(got.text, got.want) {
			t.Errorf("%s has no %q:\n%s", where, got.want, got.text)
		}
	}
}
