package late

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLimitGrowsWithTheWorstLateness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // timers are exact here
		w := NewWatch(t)
		time.Sleep(time.Second)
		if got := w.Limit(time.Minute); got != time.Minute {
			t.Errorf("timers are exact: got %s, want 1m0s", got)
		}
		w.note(2 * time.Millisecond)
		w.note(time.Millisecond)
		if got, want := w.Limit(time.Minute), time.Minute+100*time.Millisecond; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
