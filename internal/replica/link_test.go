package replica

import (
	"bufio"
	"context"
	"net"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// A server refuses all connections: in protected mode it closes them, with a wrong password it keeps
// them open. Rounds with nothing to offer ask it nothing, and must not be taken for a recovery.
func TestAFailureIsLoggedOnce(t *testing.T) {
	for name, refuse := range map[string]func(net.Conn){
		"protected mode": func(conn net.Conn) {
			_, _ = conn.Write([]byte("-DENIED Redis is running in protected mode\r\n"))
			conn.Close()
		},
		"wrong password": func(conn net.Conn) {
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				if strings.HasPrefix(lines.Text(), "*") { // a command begins
					_, _ = conn.Write([]byte("-WRONGPASS invalid username-password pair or user is disabled.\r\n"))
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) { refusal(t, refuse) })
	}
}

// refusal runs rounds with a server that refuses all connections, and expects one warning.
func refusal(t *testing.T, refuse func(net.Conn)) {
	denying, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer denying.Close()
	go func() {
		for {
			conn, err := denying.Accept()
			if err != nil {
				return
			}
			go refuse(conn)
		}
	}()
	log, logs := logtest.NewNullLogger()
	r, err := New(Options{Known: state.New(state.Options{}), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	s := Settings{Addresses: []string{denying.Addr().String()}, Prefix: "p", Username: "exporter", Password: "old"}
	r.Configure(&s)
	e := &engine{s.connect(0), keysOf(s.Prefix)}
	defer e.Close()
	l := newLink(r, e)
	for n := range 10 {
		l.round(context.Background(), n%readEvery == 0)
		if r.Health().Up {
			t.Fatalf("round %d: the engine is said to be up", n)
		}
	}
	if entries := logs.AllEntries(); len(entries) != 1 || entries[0].Level != logrus.WarnLevel {
		t.Errorf("%d log lines, want one warning", len(entries))
	}
}
