package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// halfSent starts a callback and returns its connection and the half that is not sent.
func halfSent(t *testing.T, i *instance) (conn net.Conn, rest string) {
	t.Helper()
	request := badRow{body: knownEvent, header: fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n", len(knownEvent))}.request(time.Now().Unix())
	half := len(request) - len(knownEvent)/2
	conn = dial(t, i.addr)
	if _, err := io.WriteString(conn, request[:half]); err != nil {
		t.Fatal(err)
	}
	// The server says so when it begins to read the body.
	want := "HTTP/1.1 100 Continue\r\n\r\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v", got, err)
	}
	return conn, request[half:]
}

func TestCallbackInFlightIsAnsweredWhileStopping(t *testing.T) {
	i := startApp(t)
	i.log.wait(t, "accepting callbacks")
	if a := i.get("/-/ready"); a.status != http.StatusOK {
		t.Errorf("ready before: got %d", a.status)
	}
	conn, rest := halfSent(t, i)
	stopped := make(chan error, 1)
	go func() { stopped <- i.stop() }()
	i.log.wait(t, "stopping: answering the callbacks in progress")

	if a := i.get("/-/ready"); a.status != http.StatusServiceUnavailable {
		t.Errorf("ready while stopping: got %d", a.status)
	}
	if a := i.get("/-/healthy"); a.status != http.StatusOK {
		t.Errorf("healthy while stopping: got %d", a.status)
	}
	closed := false
	for late := time.Now().Add(patience); !closed && time.Now().Before(late); {
		c, err := net.Dial("tcp", i.addr)
		if closed = err != nil; !closed {
			c.Close()
		}
	}
	if !closed {
		t.Error("new connections are taken while stopping")
	}
	select {
	case err := <-stopped:
		t.Fatalf("run returned %v before the answer", err)
	default:
	}
	acknowledged(t, exchange(t, conn, rest))
	if err := <-stopped; err != nil {
		t.Errorf("run returned %v", err)
	}
	if snapshot := i.app.callback.Snapshot(); snapshot[0].Current != 400 {
		t.Errorf("the event is not there: %+v", snapshot)
	}
}

func TestCallbacksAreTakenDuringTheDelay(t *testing.T) {
	const delay = 300 * time.Millisecond
	i := startApp(t, "--shutdown.delay="+delay.String())
	stopped := make(chan error, 1)
	start := time.Now()
	go func() { stopped <- i.stop() }()
	i.log.wait(t, "not ready, stopping after the delay")
	if a := i.get("/-/ready"); a.status != http.StatusServiceUnavailable {
		t.Errorf("ready: got %d", a.status)
	}
	acknowledged(t, exchange(t, dial(t, i.addr), badRow{}.request(time.Now().Unix())))
	if strings.Contains(i.log.String(), "stopping: answering") && time.Since(start) < delay {
		t.Error("it did not wait")
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took < delay {
		t.Errorf("stopped after %s, want no sooner than %s", took, delay)
	}
}

func TestStopDoesNotWaitForIdleConnections(t *testing.T) {
	i := startApp(t)
	conn := dial(t, i.addr)
	acknowledged(t, exchange(t, conn, badRow{}.request(time.Now().Unix())))
	if err := i.stop(); err != nil { // as it does when it has waited in vain
		t.Error(err)
	}
}

func TestStopTakesNoLongerThanItsTimeout(t *testing.T) {
	i := startApp(t, "--shutdown.timeout=20ms")
	i.mayFail = true
	halfSent(t, i)
	err := i.stop()
	if err == nil || !strings.Contains(err.Error(), "stop the webhook listener") {
		t.Errorf("got %v", err)
	}
	if log := i.log.String(); !strings.Contains(log, "callbacks in progress were not answered") {
		t.Error(log)
	}
}

func TestBothListenersAreClosedWhenRunReturns(t *testing.T) {
	i := startApp(t)
	if err := i.stop(); err != nil {
		t.Error(err)
	}
	for _, addr := range []string{i.addr, strings.TrimPrefix(i.web, "http://")} {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			t.Errorf("%s is still open", addr)
		}
	}
}
