package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestCommandThatOnlyTheURLNames(t *testing.T) {
	const counts = `"EventTime":1739966441121,"CurRoomCount":400,"MaxRoomCount":500}`
	for name, body := range map[string]string{"missing": `{` + counts, "empty": `{"CallbackCommand":"",` + counts} {
		t.Run(name, func(t *testing.T) {
			i := startApp(t)
			target := strings.Replace(i.signed(thresholdCommand), "CallbackCommand", "webhookcommand", 1)
			acknowledged(t, i.post(target, body))
			if a := i.post(i.signed(thresholdCommand), `{}`); a.status != http.StatusBadRequest || !strings.Contains(a.body, `"CurRoomCount: missing"`) {
				t.Errorf("no counts: answered %d %s", a.status, a.body)
			}
			acknowledged(t, i.post(i.signed(""), `{}`)) // the console's test
			expect(t, i.scrape(), map[string]float64{
				series("current_rooms"):          400,
				series("threshold_events_total"): 1,
				callbacksOf(thresholdCommand):    1,
				callbacksOf("other"):             1,
				oddityOf("command_mismatch"):     0,
			})
		})
	}
}

// The backend decides, whatever the command is called and however the rest of the body looks.
func TestDecisionsByNameAndOfAnyBody(t *testing.T) {
	const says = `{"ActionStatus":"OK","ErrorInfo":"no","ErrorCode":102100}`
	b := newBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, says)
	})
	i := startApp(t, relayTo(t, "url: '"+b.URL+"'"))
	bodies := []string{
		`{"CallbackCommand":"Sns.CallbackPrevFriendAdd","From_Account":"a"}`,
		`{"CallbackCommand":"Sns.CallbackPrevFriendResponse","From_Account":"a"}`,
		`{"CallbackCommand":"Live.CallbackBeforeSendGift","roomId":"r","RoomId":"r"}`,
		"{\"CallbackCommand\":\"Live.CallbackBeforeSendGift\",\"Nick\":\"\xe9\"}",
		`{"CallbackCommand":"Live.CallbackBeforeSendGift",` + strings.TrimSuffix(strings.Repeat(`"x":0,`, 257), ",") + `}`,
		`{"CallbackCommand":"Live.CallbackBeforeSendGift","EventTime":"soon","x":[nil]}`,
	}
	for n, body := range bodies {
		if a := i.post(i.signed(""), body); a.status != http.StatusOK || a.body != says {
			t.Errorf("%.80s: answered %d %s", body, a.status, a.body)
		}
		if got := b.wait(t, n+1)[n]; string(got.body) != body {
			t.Errorf("the backend got %q, want %q", got.body, body)
		}
	}
	expect(t, i.scrape(), map[string]float64{series("relay_decisions_total"): float64(len(bodies))})
}

func TestCallbacksThatAreNotReadArePassedOnAsTheyAre(t *testing.T) {
	b := newBackend(t, nil)
	i := startApp(t, relayTo(t, "url: '"+b.URL+"'"))
	for n, body := range []string{
		`{"CallbackCommand":"Live.CallbackAfterSomethingNew","eventtime":1,"RoomId":"r","RoomId":"s"}`,
		"{\"Nick\":\"\xe9\",\"CallbackCommand\":\"Group.CallbackAfterSendMsg\"}",
	} {
		acknowledged(t, i.post(i.signed(""), body))
		if got := b.wait(t, n+1)[n]; string(got.body) != body {
			t.Errorf("the backend got %q, want %q", got.body, body)
		}
	}
}
