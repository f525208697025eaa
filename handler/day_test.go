package handler

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// TestMemoryIsFlat plays four days of an application that opens 10,000 rooms a day, each for
// an hour, and has a threshold event each minute. A closed room is kept for a day, and dropped
// with others some time later. So the third and the fourth day must need no more memory than
// the second.
func TestMemoryIsFlat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rooms = 10_000
		const step, open = 24 * time.Hour / rooms, rooms / 24
		c := limited(t, Options{})
		runtime.GC() // pools keep what earlier tests have used until the second collection
		before, callbacks := heap(), 0
		send := func(body string, values ...any) {
			now := time.Now()
			text := fmt.Sprintf(body, append([]any{now.UnixMilli()}, values...)...)
			seconds := fmt.Sprint(now.Unix())
			target := "/?SdkAppid=" + good.ID + "&Sign=" + tuilivekit.Sign("token", seconds) + "&RequestTime=" + seconds
			w := httptest.NewRecorder()
			c.ServeHTTP(w, httptest.NewRequest(http.MethodPost, target, strings.NewReader(text)))
			if callbacks++; w.Code != http.StatusOK {
				t.Fatalf("%s: got %d %s", text, w.Code, w.Body)
			}
		}
		day := func(n int) (inUse uint64) {
			for room := n * rooms; room < (n+1)*rooms; room++ {
				time.Sleep(step)
				send(`{"CallbackCommand":"Live.CallbackAfterCreateRoom","EventTime":%d,"RoomInfo":{"RoomId":"room-%d"}}`, room)
				if room >= open {
					send(`{"CallbackCommand":"Live.CallbackAfterDestroyRoom","EventTime":%d,"RoomId":"room-%d"}`, room-open)
				}
				if room%7 == 0 {
					send(`{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","EventTime":%d,"CurRoomCount":%d,"MaxRoomCount":500}`, open)
				}
			}
			inUse = heap()
			t.Logf("day %d: %d callbacks, %d rooms open, %d KiB", n+1, callbacks, c.Snapshot()[0].Rooms.Open, (int64(inUse)-int64(before))>>10)
			return inUse
		}
		day(0)
		second := day(1)
		for n := range 2 { // 64 KiB are three bytes of each callback of a day
			if inUse := day(n + 2); inUse > second+64<<10 {
				t.Errorf("day %d: %d bytes are in use, %d after the second day", n+3, inUse, second)
			}
		}
		if n := c.Snapshot()[0].Rooms.Open; n != open {
			t.Errorf("%d rooms are open, want %d", n, open)
		}
		runtime.KeepAlive(c)
	})
}
