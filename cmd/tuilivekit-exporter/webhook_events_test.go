package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestRepeatedCallbackIsCountedOnce(t *testing.T) {
	i := startApp(t)
	for range 3 {
		acknowledged(t, i.post(i.signed(thresholdCommand), fixture(t, thresholdCommand)))
	}
	expect(t, i.scrape(), map[string]float64{
		series("threshold_events_total"): 1,
		callbacksOf(thresholdCommand):    3,
		discardsFor("duplicate"):         2,
	})
}

func TestEventsOutOfOrderAreCountedAndTheNewestStays(t *testing.T) {
	i := startApp(t)
	for _, at := range []string{"1739966441121", "1739966441123", "1739966441122"} {
		body := strings.NewReplacer("1739966441121", at, "400", "4"+at[len(at)-2:]).Replace(knownEvent)
		acknowledged(t, i.post(i.signed(thresholdCommand), body))
	}
	expect(t, i.scrape(), map[string]float64{
		series("current_rooms"):          423,
		series("threshold_events_total"): 3,
		discardsFor("out_of_order"):      1,
	})
}

func TestEventInTheFutureNeitherFreezesTheGaugeNorIsLost(t *testing.T) {
	i := startApp(t)
	event := func(at time.Time, current string) string {
		return strings.NewReplacer("1739966441121", strconv.FormatInt(at.UnixMilli(), 10), "400", current).Replace(knownEvent)
	}
	acknowledged(t, i.post(i.signed(thresholdCommand), event(time.Now().AddDate(10, 0, 0), "410")))
	got := i.scrape()
	expect(t, got, map[string]float64{series("current_rooms"): 410, oddityOf("clamped"): 1})
	if at := got[series("last_event_timestamp_seconds")]; at > float64(time.Now().Unix()+1) {
		t.Errorf("the time of the event is %f", at)
	}
	acknowledged(t, i.post(i.signed(thresholdCommand), event(time.Now().Add(time.Second), "411"))) // within the tolerance
	expect(t, i.scrape(), map[string]float64{series("current_rooms"): 411, oddityOf("clamped"): 1, series("threshold_events_total"): 2})
}

func TestEventTimeThatCannotBeUsedIsThatOfReceipt(t *testing.T) {
	for _, eventTime := range []string{`"soon"`, `null`, `-1`, `1739966441`, `17399664411219999999999`, `1.7e12`, `[]`} {
		t.Run(eventTime, func(t *testing.T) {
			t.Parallel()
			i := startApp(t)
			acknowledged(t, i.post(i.signed(thresholdCommand), strings.Replace(knownEvent, "1739966441121", eventTime, 1)))
			got := i.scrape()
			expect(t, got, map[string]float64{
				series("current_rooms"):                400,
				oddityOf("no_event_time"):              1,
				series("last_event_timestamp_seconds"): got[series("last_event_received_timestamp_seconds")],
			})
		})
	}
}

func TestRoomCallbacksMoveTheEstimate(t *testing.T) {
	i := startApp(t)
	acknowledged(t, i.post(i.signed(thresholdCommand), knownEvent))
	room := func(command, id, at string) {
		acknowledged(t, i.post(i.signed(command), `{"CallbackCommand":"`+command+`","RoomId":"`+id+`","EventTime":`+at+`}`))
	}
	room("Live.CallbackAfterCreateRoom", "a", "1739966441122")
	room("Live.CallbackAfterCreateRoom", "b", "1739966441122")
	room("Live.CallbackAfterCreateRoom", "b", "1739966441122") // a repeat
	room("Live.CallbackAfterCreateRoom", "c", "1739966441120") // counted by Tencent already
	room("Live.CallbackAfterDestroyRoom", "a", "1739966441123")
	expect(t, i.scrape(), map[string]float64{
		series("current_rooms"):                            400,
		series("estimated_rooms"):                          401,
		series("room_creations_total"):                     3,
		series("room_destructions_total", `cause="other"`): 1,
	})
}

// A quota may have been lowered: that is Tencent's to explain.
func TestImplausibleCountsAreTakenAndCounted(t *testing.T) {
	i := startApp(t)
	for n, counts := range []string{`"CurRoomCount":501,"MaxRoomCount":500`, `"CurRoomCount":349,"MaxRoomCount":500`, `"CurRoomCount":350,"MaxRoomCount":500`, `"CurRoomCount":500,"MaxRoomCount":500`} {
		body := strings.Replace(knownEvent, `"CurRoomCount":400,"MaxRoomCount":500`, counts, 1)
		acknowledged(t, i.post(i.signed(thresholdCommand), strings.Replace(body, "1739966441121", fmt.Sprint(1739966441121+n), 1)))
	}
	expect(t, i.scrape(), map[string]float64{oddityOf("implausible"): 2, series("threshold_events_total"): 4, series("current_rooms"): 500})
}

func TestClockSkewShows(t *testing.T) {
	i := startApp(t)
	for _, seconds := range []int64{30, 90, -90} {
		a := i.post(i.callback+"?"+signedQuery(demoApp, demoToken, "", time.Now().Unix()-seconds), harmless)
		if accepted := a.status == http.StatusOK; accepted != (seconds == 30) {
			t.Errorf("signed %d s ago: got %d", seconds, a.status)
		}
		if skew := i.scrape()["tuilivekit_webhook_clock_skew_seconds"]; skew < float64(seconds) || skew > float64(seconds)+2 {
			t.Errorf("signed %d s ago: the skew is %v", seconds, skew)
		}
	}
	i.log.wait(t, "our clock minus RequestTime is 90 s: check both clocks .NTP.")
	// Who has no token moves it not.
	i.post(i.callback+"?"+signedQuery(demoApp, "wrong", "", time.Now().Unix()-1000), harmless)
	if skew := i.scrape()["tuilivekit_webhook_clock_skew_seconds"]; skew > -88 {
		t.Errorf("a stranger makes the skew %v", skew)
	}
}
