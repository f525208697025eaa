//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// BenchmarkCallback sends signed threshold events to the webhook listener of an exporter in
// memory, where each is read, checked, decoded, merged and counted, and to a bare server of
// net/http that drains the body and answers a constant. cpu-ns/op is the processor time of
// the server for one callback.
func BenchmarkCallback(b *testing.B) {
	for _, size := range []int{150, 4 << 10} {
		b.Run(fmt.Sprintf("senders=32/body=%d", size), func(b *testing.B) { compareCallbacks(b, 32, size) })
	}
}

// BenchmarkGrowthOfCallbacks is the same for many senders and for large bodies.
func BenchmarkGrowthOfCallbacks(b *testing.B) {
	for senders := 1; senders <= 1024; senders *= 4 {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) { compareCallbacks(b, senders, 150) })
	}
	for _, size := range []int{150, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10} {
		b.Run(fmt.Sprintf("body=%d", size), func(b *testing.B) { compareCallbacks(b, 1, size) })
	}
}

func compareCallbacks(b *testing.B, senders, size int) {
	c := newCLI(io.Discard, io.Discard)
	if _, err := c.app.Parse([]string{
		"--app=" + demoApp, "--app.token-file=" + writeFile(b, "token", demoToken), "--storage.path=",
		"--webhook.max-connections-per-source=2048", "--webhook.max-connections=2048", "--webhook.max-requests=2048",
	}); err != nil {
		b.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	a, err := newApp(&c.serve, log)
	if err != nil {
		b.Fatal(err)
	}
	bare := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header()["Content-Type"] = []string{"application/json"}
		io.WriteString(w, tuilivekit.OK)
	})}
	listen := func(b *testing.B) net.Listener {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { listener.Close() })
		return listener
	}
	b.Run("reference", func(b *testing.B) {
		listener := listen(b)
		go bare.Serve(listener)
		benchmarkCallback(b, listener.Addr().String(), senders, size)
	})
	b.Run("exporter", func(b *testing.B) {
		listener, before := listen(b), a.callback.Snapshot()[0].Events
		go a.webhookServer().Serve(a.callback.Listener(listener))
		benchmarkCallback(b, listener.Addr().String(), senders, size)
		if events := a.callback.Snapshot()[0].Events - before; events != uint64(b.N*senders) {
			b.Fatalf("%d events of %d were accepted", events, b.N*senders)
		}
	})
}

// benchmarkCallback lets senders send a callback each, again and again. All of them are in
// one thread, with sockets that block, so that their processor time can be told from the
// server's.
func benchmarkCallback(b *testing.B, addr string, senders, size int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	sockets := make([]int, senders)
	for i := range sockets {
		sockets[i] = blockingSocket(b, addr)
	}
	requestTime := strconv.FormatInt(time.Now().Unix(), 10)
	head := "POST /callback?SdkAppid=" + demoApp + "&CallbackCommand=Live.CallbackAfterCreateRoomReachingThreshold&contenttype=json&ClientIP=192.0.2.1&OptPlatform=Android" +
		"&Sign=" + tuilivekit.Sign(demoToken, requestTime) + "&RequestTime=" + requestTime +
		" HTTP/1.1\r\nHost: exporter:19781\r\nUser-Agent: tencent\r\nAccept: */*\r\nContent-Type: application/json\r\nContent-Length: "
	const body = `{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","EventTime":%d,"CurRoomCount":400,"MaxRoomCount":500,"Operator_Account":"%s"}`
	operator := strings.Repeat("x", max(0, size-len(fmt.Sprintf(body, eventTime.Load(), ""))))
	var request, answer []byte
	total, own := cpuTime(b), threadTime(b)
	b.ReportAllocs()
	for b.Loop() {
		for _, socket := range sockets {
			text := fmt.Sprintf(body, eventTime.Add(1), operator)
			request = append(append(append(request[:0], head...), strconv.Itoa(len(text))...), "\r\n\r\n"...)
			for rest := append(request, text...); len(rest) > 0; {
				n, err := syscall.Write(socket, rest)
				if err != nil && err != syscall.EINTR {
					b.Fatal(err)
				}
				rest = rest[max(0, n):]
			}
		}
		for _, socket := range sockets {
			answer = readOK(b, socket, answer[:0])
		}
	}
	ns := float64(cpuTime(b)-total) - float64(threadTime(b)-own)
	b.ReportMetric(ns/float64(b.N*senders), "cpu-ns/op")
}

// readOK reads the answer OK into answer.
func readOK(b *testing.B, socket int, answer []byte) []byte {
	var buf [1024]byte
	for !bytes.HasSuffix(answer, []byte("\r\n\r\n"+tuilivekit.OK)) {
		n, err := syscall.Read(socket, buf[:])
		if err == syscall.EINTR {
			continue
		}
		if answer = append(answer, buf[:max(0, n)]...); err != nil || n == 0 || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) {
			b.Fatalf("%q, %v", answer, err)
		}
	}
	return answer
}

// blockingSocket returns a connected socket that blocks its thread.
func blockingSocket(b *testing.B, addr string) int {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { file.Close() })
	return int(file.Fd()) // which makes it blocking
}

// threadTime returns the processor time that this thread has used.
func threadTime(b *testing.B) time.Duration {
	const rusageThread = 1 // RUSAGE_THREAD, which package syscall does not have
	var u syscall.Rusage
	if err := syscall.Getrusage(rusageThread, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// eventTime is that of the last event. Each event is another one.
var eventTime = func() *atomic.Int64 {
	var ms atomic.Int64
	ms.Store(time.Now().Add(-time.Hour).UnixMilli())
	return &ms
}()
