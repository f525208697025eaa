package handler

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

func TestRecentEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(26 * 365 * 24 * time.Hour) // synctest starts in 2000, which is too early for an EventTime
		c, err := New(Options{Apps: []App{{ID: "1", AllowUnsigned: true}}})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.RecentEvents("1"); len(got) != 0 {
			t.Errorf("before the first event: %v", got)
		}
		threshold := tuilivekit.RoomThreshold.String()
		start := time.Now()
		sendEvent(c, threshold, start, 400)
		sendEvent(c, threshold, start, 400)
		sendEvent(c, threshold, start.Add(-time.Second), 399)
		sendEvent(c, threshold, start.Add(time.Hour), 401)
		sendEvent(c, tuilivekit.RoomCreated.String(), start, 0) // no threshold event
		var got []string
		for _, e := range c.RecentEvents("1") {
			got = append(got, fmt.Sprintf("%d of %d %s %t %t %s", e.Current, e.Max, e.Verdict, e.Clamped, e.Durable, e.Time.Sub(start)))
		}
		want := []string{"401 of 500 accepted true true 1h0m0s", "399 of 500 out_of_order false true -1s", "400 of 500 duplicate false true 0s", "400 of 500 accepted false true 0s"}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got %q, want %q", got, want)
		}
		for i := range 100 {
			sendEvent(c, threshold, start.Add(time.Duration(i)*time.Second), i)
		}
		all := c.RecentEvents("1")
		if len(all) != recentEvents || all[0].Current != 99 || all[recentEvents-1].Current != 99-recentEvents+1 {
			t.Errorf("of 100 more: %d, from %d to %d", len(all), all[0].Current, all[len(all)-1].Current)
		}
		if err := c.Configure([]App{{ID: "1", AllowUnsigned: true}, {ID: "2", AllowUnsigned: true}}); err != nil {
			t.Fatal(err)
		}
		if len(c.RecentEvents("1")) != recentEvents || len(c.RecentEvents("2")) != 0 || c.RecentEvents("3") != nil {
			t.Error("a reload has changed the recent events")
		}
	})
}

func TestAnEventThatIsNotDurableIsShown(t *testing.T) {
	c, err := New(Options{Apps: []App{{ID: "1", AllowUnsigned: true}}, Store: failing{newMemory(), state.ErrNotDurable}})
	if err != nil {
		t.Fatal(err)
	}
	sendEvent(c, tuilivekit.RoomThreshold.String(), time.Now(), 400)
	if got := c.RecentEvents("1"); len(got) != 1 || got[0].Durable {
		t.Errorf("got %+v", got)
	}
}

func TestTheLastSelfTestIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Options{Apps: []App{{ID: "1", AllowUnsigned: true}}})
		if err != nil {
			t.Fatal(err)
		}
		if at := c.Report().Apps[0].LastSelfTest; !at.IsZero() {
			t.Errorf("before the first: %s", at)
		}
		c.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/callback?SdkAppid=1&CallbackCommand="+tuilivekit.SelfTest, strings.NewReader("{}")))
		if at := c.Report().Apps[0].LastSelfTest; !at.Equal(time.Now()) {
			t.Errorf("got %s", at)
		}
	})
}

func sendEvent(c *Callback, command string, at time.Time, current int) {
	body := fmt.Sprintf(`{"CallbackCommand":%q,"EventTime":%d,"CurRoomCount":%d,"MaxRoomCount":500}`, command, at.UnixMilli(), current)
	c.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/callback?SdkAppid=1", strings.NewReader(body)))
}
