package reconcile

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi/restapitest"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

const (
	list = "live_engine_http_srv/get_room_list"
	info = "live_engine_http_srv/get_room_info"
)

// inBubble runs a test with n rooms that are known, and a client of the stand-in.
func inBubble(t *testing.T, n int, f func(*world, API)) {
	t.Helper()
	certified()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for range n {
			w.open(heard, false)
		}
		time.Sleep(time.Minute)
		client, closeAll := connect(t, w.api, 0)
		defer closeAll()
		f(w, client)
	})
}

// expect compares the counts, and fails if rooms were opened or closed wrongly.
func (w *world) expect(recounts, failures uint64) {
	w.t.Helper()
	if r, f := w.counts().recounts.Load(), w.counts().failures.Load(); r != recounts || f != failures {
		w.t.Errorf("%d recounts, %d failed, want %d and %d: %s", r, f, recounts, failures, w.log)
	}
	if missing, extra := w.wrong(); missing+extra > 0 {
		w.t.Errorf("%d missing, %d extra", missing, extra)
	}
}

// page answers with one room and a cursor.
func page(cursor func() string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"ErrorCode":0,"Response":{"Next":%q,"RoomList":[{"RoomId":"room-1","CreateTime":946684800}]}}`, cursor())
	}
}

func TestListsWithoutAnEnd(t *testing.T) {
	n := 0
	for _, tc := range []struct {
		name   string
		cursor func() string
		calls  uint64
	}{
		{"a cursor that comes twice", func() string { return "1-1" }, 2},
		{"a new cursor for ever", func() string { n++; return fmt.Sprint(n) }, minPages},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, 3, func(w *world, api API) {
				w.api.Serve(list, -1, page(tc.cursor))
				stop := w.start(api, 24*time.Hour, 8)
				defer stop()
				w.waitFor(1)
				w.expect(1, 1)
				if calls := w.counts().calls.Load(); calls != tc.calls {
					t.Errorf("%d calls, want %d", calls, tc.calls)
				}
			})
		})
	}
}

// A list that is empty all at once closes no room that has not been asked about, and is called
// faulty when enough of them turn out to be open.
func TestListThatIsSuddenlyEmpty(t *testing.T) {
	for _, tc := range []struct {
		rooms    int
		failures uint64
	}{{trusted / 2, 0}, {500, 1}} {
		inBubble(t, tc.rooms, func(w *world, api API) {
			w.api.Serve(list, -1, restapitest.Text(`{"ErrorCode":0,"Response":{"Next":"","RoomList":[]}}`))
			stop := w.start(api, time.Hour, 2)
			defer stop()
			w.waitFor(1)
			w.expect(1, tc.failures)
			if calls := w.api.Calls(info); calls > trusted {
				t.Errorf("%d rooms were asked about", calls)
			}
		})
	}
}

// Rooms that are known by their hash only are never closed for an empty list.
func TestEmptyListAndRoomsKnownByTheirHash(t *testing.T) {
	inBubble(t, 0, func(w *world, api API) {
		for range 10 {
			w.open(before, false)
		}
		time.Sleep(time.Minute)
		w.api.Serve(list, -1, restapitest.Text(`{"ErrorCode":0,"Response":{"Next":"","RoomList":[]}}`))
		stop := w.start(api, 10*time.Minute, 2)
		defer stop()
		w.waitFor(3)
		w.expect(3, 0)
	})
}

// A list that is empty is no second list that does not have a room.
func TestEmptyListAfterAGoodOne(t *testing.T) {
	inBubble(t, 10, func(w *world, api API) {
		for range 5 {
			w.open(before, true)
		}
		time.Sleep(time.Minute)
		stop := w.start(api, 10*time.Minute, 2)
		defer stop()
		w.waitFor(1)
		w.api.Serve(list, -1, restapitest.Text(`{"ErrorCode":0,"Response":{"Next":"","RoomList":[]}}`))
		w.waitFor(2)
		w.expect(2, 0)
		w.api.Heal()
		w.waitFor(3) // now they are taken for closed: the limit that is documented
		if missing, extra := w.wrong(); missing != 5 || extra != 0 {
			t.Errorf("%d missing, %d extra", missing, extra)
		}
	})
}

// opening opens a room that is not listed while the list is read.
type opening struct {
	API
	w *world
}

func (o opening) Rooms(ctx context.Context, next string) (restapi.RoomPage, error) {
	o.w.open(heard, true)
	return o.API.Rooms(ctx, next)
}

// A room whose callback is on its way is left to it.
func TestRoomThatOpensJustBefore(t *testing.T) {
	inBubble(t, 3, func(w *world, api API) {
		w.open(lost, false)
		stop := w.start(api, time.Minute, 8) // within 3 s
		defer stop()
		w.waitFor(1)
		if missing, _ := w.wrong(); missing != 1 || w.counts().opened.Load() != 0 {
			t.Errorf("%d missing, %d opened by the recount", missing, w.counts().opened.Load())
		}
		w.waitFor(2) // no callback has come
		w.expect(2, 0)
		if w.counts().opened.Load() != 1 {
			t.Errorf("%d opened by the recounts", w.counts().opened.Load())
		}
	})
}

// A room that opens during a recount is known by its callback, and is not asked about.
func TestRoomsThatOpenMeanwhile(t *testing.T) {
	inBubble(t, 45, func(w *world, api API) {
		stop := w.start(opening{api, w}, time.Hour, 2)
		defer stop()
		w.waitFor(1)
		w.expect(1, 0)
		if calls := w.api.Calls(info); calls > 1 { // the first one opened before Tencent's whole second
			t.Errorf("%d rooms were asked about", calls)
		}
	})
}

func TestHalfAnswersCloseNothing(t *testing.T) {
	for _, serve := range []func(http.ResponseWriter, *http.Request){restapitest.Empty, restapitest.Half, restapitest.Hang, restapitest.Status(502), restapitest.Text("{}")} {
		inBubble(t, 30, func(w *world, api API) {
			w.api.Serve(list, -1, serve)
			stop := w.start(api, 10*time.Minute, 2)
			defer stop()
			w.waitFor(1)
			w.expect(1, 1)
			w.api.Heal()
			w.waitFor(2)
			w.expect(2, 1)
		})
	}
}

// What may pass is tried again within the recount.
func TestFaultsThatPass(t *testing.T) {
	for _, code := range []int{100001, 60008, 60007, 60011} {
		inBubble(t, 45, func(w *world, api API) {
			w.api.Fail(list, 2, code)
			stop := w.start(api, 10*time.Minute, 2)
			defer stop()
			w.waitFor(1)
			w.expect(1, 0)
			if calls := w.counts().calls.Load(); calls != 5 {
				t.Errorf("code %d: %d calls, want 3 pages and 2 failures", code, calls)
			}
		})
	}
}

// A limit halves the rate, and recounts without a fault double it again.
func TestRateAfterALimit(t *testing.T) {
	inBubble(t, 400, func(w *world, api API) { // 20 pages
		took := func(recount uint64) time.Duration {
			w.waitFor(recount)
			return time.Duration(w.counts().duration.Load()).Round(time.Second)
		}
		w.api.Fail(list, 2, 60007)
		stop := w.start(api, 10*time.Minute, 2)
		defer stop()
		if limited, next, last := took(1), took(2), took(3); limited < 35*time.Second || next != 19*time.Second || last != 10*time.Second {
			t.Errorf("20 pages took %v at a rate of 0.5, then %v at 1, then %v at 2", limited, next, last)
		}
		w.expect(3, 0)
	})
}

// An error that does not heal stops recounts until the configuration is loaded again.
func TestErrorsThatDoNotHeal(t *testing.T) {
	for _, code := range []int{60010, 60020, 70009, 70020, 100007} {
		inBubble(t, 3, func(w *world, api API) {
			w.api.Fail("", -1, code)
			stop := w.start(api, 10*time.Minute, 2)
			defer stop()
			w.waitFor(1)
			time.Sleep(24 * time.Hour)
			w.expect(1, 1)
			if calls := w.counts().calls.Load(); calls != 1 || !w.counts().stopped.Load() {
				t.Errorf("code %d: %d calls, stopped is %t", code, calls, w.counts().stopped.Load())
			}
			if h := w.health(); !h.Stopped || h.Failures != 1 || h.Calls != 1 || h.LastFailure.IsZero() || h.LastError == "" || h.Advice == "" || !h.LastSuccess.IsZero() {
				t.Errorf("code %d: health is %+v", code, h)
			}
			if !strings.Contains(w.log.String(), "recounts stopped until the configuration is reloaded") {
				t.Errorf("the log does not say so: %s", w.log)
			}
			w.api.Heal()
			w.r.Configure([]App{{ID: app, API: api, Interval: 10 * time.Minute, Rate: 2}})
			w.waitFor(2)
			w.expect(2, 1)
			if w.counts().stopped.Load() {
				t.Error("it is still stopped")
			}
			if h := w.health(); h.Stopped || h.Recounts != 2 || h.Failures != 1 || h.Listed != 3 || h.LastSuccess.IsZero() {
				t.Errorf("after a reload: health is %+v", h)
			}
		})
	}
}

// A reload in the middle of a recount begins it again, and one between two does not.
func TestReload(t *testing.T) {
	inBubble(t, 400, func(w *world, api API) {
		apps := []App{{ID: app, API: api, Interval: 10 * time.Minute, Rate: 2}}
		stop := w.start(api, 10*time.Minute, 2)
		defer stop()
		for w.counts().calls.Load() < 10 {
			time.Sleep(time.Second)
		}
		w.r.Configure(apps)
		w.waitFor(1)
		calls := w.counts().calls.Load()
		for range 5 {
			w.r.Configure(apps)
			time.Sleep(time.Second)
		}
		w.expect(1, 0)
		if again := w.counts().calls.Load(); again != calls || calls < 29 {
			t.Errorf("%d calls, then %d", calls, again)
		}
		w.r.Configure(nil)
		time.Sleep(time.Hour)
		w.r.Configure(apps)
		if w.counts().calls.Load() != 0 {
			t.Error("an application that comes back goes on where it was")
		}
	})
}

func TestIDsAreBounded(t *testing.T) {
	i := &ids{}
	for n := range state.Room(maxIDs + 1000) {
		i.add(n, "room")
	}
	if len(i.byHash) != maxIDs {
		t.Errorf("%d ids are kept", len(i.byHash))
	}
	if _, ok := i.of(maxIDs + 999); !ok {
		t.Error("the newest id is gone")
	}
	i.keep(map[state.Room]int64{maxIDs + 999: 1})
	if len(i.byHash) != 1 {
		t.Errorf("%d ids are kept of one open room", len(i.byHash))
	}
}

// A replica without the lease says so, and makes no call.
func TestHealthWithoutTheLease(t *testing.T) {
	inBubble(t, 3, func(w *world, api API) {
		var has atomic.Bool
		w.r.lease = func(context.Context, string, time.Duration) bool { return has.Load() }
		stop := w.start(api, 10*time.Minute, 2)
		defer stop()
		time.Sleep(time.Hour)
		if h := w.health(); !h.Elsewhere || h.Recounts != 0 || h.Calls != 0 {
			t.Errorf("without: %+v", h)
		}
		has.Store(true)
		w.waitFor(1)
		if h := w.health(); h.Elsewhere || h.Recounts != 1 {
			t.Errorf("with: %+v", h)
		}
	})
}
