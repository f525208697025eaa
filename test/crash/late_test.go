//go:build linux

package crash

import (
	"net/http"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// A refusal of a slow machine is not taken for a fault, and a quick one is.
func TestLateAnswers(t *testing.T) {
	for _, tc := range []struct {
		answer exporter.Answer
		late   bool
	}{
		{exporter.Answer{Status: http.StatusServiceUnavailable, Took: 1500 * time.Millisecond}, true},
		{exporter.Answer{Status: http.StatusServiceUnavailable, Took: time.Second}, false},
		{exporter.Answer{Status: http.StatusInternalServerError, Took: 2 * time.Second}, false},
		{exporter.Answer{Status: http.StatusOK, Took: 2 * time.Second}, false},
	} {
		if got := tc.answer.Late(); got != tc.late {
			t.Errorf("%+v: late is %t", tc.answer, got)
		}
	}
}
