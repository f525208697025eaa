package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/late"
)

// notifySocket is systemd's end of the notifications.
func notifySocket(t *testing.T) (*net.UnixConn, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(2 * patience)); err != nil {
		t.Fatal(err)
	}
	return conn, path
}

// notified returns the next notification.
func notified(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	var buf [1024]byte
	n, err := conn.Read(buf[:])
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func TestSystemdIsNotified(t *testing.T) {
	t.Parallel()
	conn, path := notifySocket(t)
	const interval = 400 * time.Millisecond
	s := serveBinary(t, []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=400000"}, "--app=1", "--app.allow-unsigned")
	if got := notified(t, conn); got != "READY=1" {
		t.Fatalf("first: got %q", got)
	}
	for _, url := range []string{s.web + "/-/ready", s.callback} { // both serve by then
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	watch, start := late.NewWatch(t), time.Now()
	for range 4 {
		if got := notified(t, conn); got != "WATCHDOG=1" {
			t.Fatalf("then: got %q", got)
		}
	}
	if took := time.Since(start); took > watch.Limit(4*interval) {
		t.Errorf("4 pats of the watchdog took %s", took)
	}
	s.signal(syscall.SIGTERM)
	got := notified(t, conn)
	for got == "WATCHDOG=1" {
		got = notified(t, conn)
	}
	if got != "STOPPING=1" {
		t.Errorf("at last: got %q", got)
	}
	s.expect(0, "msg=stopped")
	if err := conn.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 100)); err == nil {
		t.Errorf("%d bytes more", n)
	}
}

func TestSystemdIsNotToldReadyWithoutAWebListener(t *testing.T) {
	conn, path := notifySocket(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	p := runBinary(t, []string{"NOTIFY_SOCKET=" + path}, "--app=1", "--app.allow-unsigned",
		"--webhook.listen-address=127.0.0.1:0", "--web.listen-address="+taken.Addr().String())
	p.expect(1, "--web.listen-address")
	if strings.Contains(p.output(), "accepting callbacks") {
		t.Errorf("it took callbacks:\n%s", p.output())
	}
	if err := conn.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	var buf [100]byte
	if n, err := conn.Read(buf[:]); err == nil {
		t.Errorf("systemd was told %q", buf[:n])
	}
}

// systemd hands over the web listener as file 3 and names the process that gets it.
func TestSystemdOpensTheWebListener(t *testing.T) {
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	conn, path := notifySocket(t)
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, bin,
		"--app=1", "--app.allow-unsigned", "--webhook.listen-address=127.0.0.1:0", "--storage.path=")
	log := newLogBuffer()
	cmd.Stderr, cmd.ExtraFiles = log, []*os.File{file}
	cmd.Env = []string{"LISTEN_FDS=1", "NOTIFY_SOCKET=" + path, "TUILIVEKIT_EXPORTER_WEB_SYSTEMD_SOCKET=true"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if got := notified(t, conn); got != "READY=1" {
		t.Errorf("got %q", got)
	}
	resp, err := http.Get("http://" + listener.Addr().String() + "/-/ready")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%v %v", resp, err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, log)
	}
}
