package handler

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// BenchmarkMembers compares the callback of a member that enters with that of a threshold
// event, in memory. B-kept/op is the growth of the heap for each callback.
func BenchmarkMembers(b *testing.B) {
	for _, bb := range []struct{ name, command, body string }{
		{"reference", "Live.CallbackAfterCreateRoomReachingThreshold",
			`{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","Operator_Account":"brennanli","EventTime":%d,"CurRoomCount":400,"MaxRoomCount":500}`},
		{"exporter", "Live.CallbackAfterMemberStateChanged",
			`{"CallbackCommand":"Live.CallbackAfterMemberStateChanged","RoomId":"room","EventType":"Online","EventCause":"Enter","MemberList":[{"Member_Account":"a"}],"EventTime":%d}`},
	} {
		b.Run(bb.name, func(b *testing.B) {
			c, err := New(Options{Apps: []App{{ID: "1400000001", Tokens: []string{"token"}}}})
			if err != nil {
				b.Fatal(err)
			}
			routed, now := c.Router("/callback"), strconv.FormatInt(time.Now().Unix(), 10)
			r, w := httptest.NewRequest(http.MethodPost, "/callback?SdkAppid=1400000001&CallbackCommand="+bb.command+
				"&contenttype=json&ClientIP=192.0.2.1&OptPlatform=Android&Sign="+tuilivekit.Sign("token", now)+"&RequestTime="+now, nil), &discard{header: http.Header{}}
			body, start := bytes.NewReader(nil), time.Now().UnixMilli()
			r.Body = io.NopCloser(body)
			var buf []byte
			before := heap()
			b.ReportAllocs()
			b.ResetTimer()
			for i := range int64(b.N) {
				buf = fmt.Appendf(buf[:0], bb.body, start+i)
				body.Reset(buf)
				routed.ServeHTTP(w, r)
			}
			b.StopTimer()
			b.ReportMetric(max(float64(heap())-float64(before), 0)/float64(b.N), "B-kept/op")
			if counts := c.Snapshot()[0]; bb.name == "reference" && counts.Events != uint64(b.N) {
				b.Fatalf("%d events of %d were accepted", counts.Events, b.N)
			}
			runtime.KeepAlive(c)
		})
	}
}

// heap returns the bytes in use after a garbage collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
