package handler

import "testing"

func TestEveryReasonHasAHint(t *testing.T) {
	for i := range reason(numReasons) {
		h, ok := hints[reasons[i].label]
		if !ok || h.title == "" || h.check == "" {
			t.Errorf("hints.go does not say what to check for %q", reasons[i].label)
		}
	}
}
