package handler

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// BenchmarkHandler compares a signed callback (routed, signature checked, decoded, merged,
// counted, answered) with a handler that reads the body and answers a constant. There is no
// server.
func BenchmarkHandler(b *testing.B) {
	for _, name := range []string{"bare", "routed"} {
		b.Run(name, func(b *testing.B) { benchmarkHandler(b, name) })
	}
}

func benchmarkHandler(b *testing.B, name string) {
	c, err := New(Options{Apps: []App{{ID: "1400000001", Tokens: []string{"token"}}}})
	if err != nil {
		b.Fatal(err)
	}
	handlers := map[string]http.Handler{
		"bare": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Header()["Content-Type"] = jsonContentType
			io.WriteString(w, tuilivekit.OK)
		}),
		"routed": c.Router("/callback"),
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	target := "/callback?SdkAppid=1400000001&CallbackCommand=Live.CallbackAfterCreateRoomReachingThreshold&contenttype=json" +
		"&ClientIP=192.0.2.1&OptPlatform=Android&Sign=" + tuilivekit.Sign("token", now) + "&RequestTime=" + now
	r, w := httptest.NewRequest(http.MethodPost, target, nil), &discard{header: http.Header{}}
	body := bytes.NewReader(nil)
	r.Body = io.NopCloser(body)
	var buf []byte
	start := time.Now().UnixMilli()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range int64(b.N) {
		buf = fmt.Appendf(buf[:0], `{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","Operator_Account":"brennanli","EventTime":%d,"CurRoomCount":400,"MaxRoomCount":500}`, start+i)
		body.Reset(buf)
		handlers[name].ServeHTTP(w, r)
	}
	events := c.Snapshot()[0].Events
	if name != "bare" && events != uint64(b.N) {
		b.Fatalf("%d events of %d were accepted", events, b.N)
	}
}

// discard is a ResponseWriter with the methods of a server's ResponseWriter. It writes nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header { return d.header }

func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

func (d *discard) WriteString(s string) (int, error) { return len(s), nil }

func (d *discard) WriteHeader(int) {}

func (d *discard) SetReadDeadline(time.Time) error { return nil }
