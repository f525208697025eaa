package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/exposition/expositiontest"
)

// The formats of an exposition, by what Prometheus sends as Accept.
var formats = map[string]string{
	"text":        "text/plain;version=0.0.4",
	"OpenMetrics": "application/openmetrics-text;version=1.0.0",
	"protobuf":    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
}

// A reader that forgives nothing reads the whole exposition in each format, and finds the
// same values in all of them. The relays have failed, so that their metrics are not all 0.
func TestFormatsOfTheExpositionAreStrictAndEqual(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ apps, relays int }{{1, 0}, {1, 1}, {1000, 1000}} {
		t.Run(fmt.Sprintf("%d applications and %d relays", tt.apps, tt.relays), func(t *testing.T) {
			config := "apps:\n"
			for i := range tt.apps {
				relay := ""
				if i < tt.relays {
					relay = ", relay: {url: 'http://127.0.0.1:1'}"
				}
				config += fmt.Sprintf("  - {sdk_app_id: %d, name: 'quo\"ted \\ %[1]d', token_files: [TOKEN]%s}\n", 1400000000+i, relay)
			}
			withConfig(t, config, func(t *testing.T, a *app) {
				for i := range min(tt.apps, 3) {
					for _, body := range []string{
						`{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","EventTime":1739966441121,"CurRoomCount":400,"MaxRoomCount":500}`,
						`{"CallbackCommand":"Live.CallbackAfterCreateRoom","EventTime":1739966441000}`,
						`{"CallbackCommand":"Live.CallbackBeforeSendGift","EventTime":1739966440000}`,
					} {
						r := httptest.NewRequest(http.MethodPost, "/callback"+signed(fmt.Sprint(1400000000+i), "token"), strings.NewReader(body))
						a.webhook.ServeHTTP(httptest.NewRecorder(), r)
					}
				}
				read := map[string]*expositiontest.Exposition{}
				for name, accept := range formats {
					answer := a.ask(t, "/metrics", accept)
					var err error
					if read[name], err = expositiontest.Read(answer.Header().Get("Content-Type"), answer.Body); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
				}
				machine := func(name string) bool { return strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") }
				for _, other := range []string{"OpenMetrics", "protobuf"} {
					for _, line := range expositiontest.Diff(read["text"], read[other], machine) {
						t.Errorf("text and %s: %s", other, line)
					}
				}
				for _, line := range expositiontest.Diff(read["OpenMetrics"], read["protobuf"], machine) {
					t.Errorf("OpenMetrics and protobuf: %s", line)
				}
				if got := len(read["protobuf"].Families); got < 50 {
					t.Errorf("only %d families", got)
				}
			})
		})
	}
}
