package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/replica"
)

// No answer and no scrape waits for Redis: all of them end while a command of the exchange waits
// for the answer of Redis.
func TestRedisNeverAnswers(t *testing.T) {
	i := startApp(t)
	redis := &silentRedis{asked: make(chan struct{}), stopped: make(chan struct{})}
	t.Cleanup(func() { close(redis.stopped) }) // before the exporter stops
	i.app.replicas.Configure(&replica.Settings{
		Addresses: []string{"redis.example.com:6379"}, Prefix: "tuilivekit",
		Dial: func(context.Context, string, string) (net.Conn, error) { return &silentConn{silentRedis: redis}, nil },
	})
	select {
	case <-redis.asked:
	case <-time.After(patience):
		t.Fatal("Redis is not asked")
	}
	for n := range 1000 {
		body := fmt.Sprintf(`{"CallbackCommand":"Live.CallbackAfterCreateRoom","Operator_Account":"host","EventTime":%d,"RoomInfo":{"RoomId":"room-%d"}}`,
			time.Now().UnixMilli(), n)
		if got := i.post(i.signed("Live.CallbackAfterCreateRoom"), body); got.status != http.StatusOK {
			t.Fatalf("callback %d: %d %s", n, got.status, got.body)
		}
		if n%10 > 0 {
			continue
		}
		if got := i.get("/metrics"); got.status != http.StatusOK {
			t.Fatalf("scrape %d: %d %s", n, got.status, got.body)
		}
	}
	if got := i.get("/-/ready"); got.status != http.StatusOK {
		t.Errorf("ready: %d %s", got.status, got.body)
	}
	samples := i.scrape()
	for name, want := range map[string]float64{
		`tuilivekit_known_rooms{sdk_app_id="` + demoApp + `"}`: 1000,
		"tuilivekit_replica_exchanges_total":                   1,
		"tuilivekit_replica_exchange_failures_total":           0,
	} {
		if got := samples[name]; got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	if n := redis.returned.Load(); n > 0 {
		t.Errorf("%d commands were answered", n)
	}
}

// silentRedis takes commands and does not answer until it stops. It has no time-outs: a command
// waits longer than the exporter would let it.
type silentRedis struct {
	once     sync.Once
	asked    chan struct{} // closed by the first command
	stopped  chan struct{}
	returned atomic.Int64 // reads that are over
}

type silentConn struct {
	net.Conn // nil: what is not below is not called
	*silentRedis
}

func (c *silentConn) Write(b []byte) (int, error) { return len(b), nil }

func (c *silentConn) Read([]byte) (int, error) {
	c.once.Do(func() { close(c.asked) })
	<-c.stopped
	c.returned.Add(1)
	return 0, io.EOF
}

func (c *silentConn) Close() error                     { return nil }
func (c *silentConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *silentConn) SetDeadline(time.Time) error      { return nil }
func (c *silentConn) SetReadDeadline(time.Time) error  { return nil }
func (c *silentConn) SetWriteDeadline(time.Time) error { return nil }
