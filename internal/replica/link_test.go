package replica

import (
	"context"
	"net"
	"testing"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// A server in protected mode accepts connections, and closes them. Rounds with nothing to offer ask it
// nothing, and must not be taken for a recovery.
func TestAFailureIsLoggedOnce(t *testing.T) {
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
			_, _ = conn.Write([]byte("-DENIED Redis is running in protected mode\r\n"))
			conn.Close()
		}
	}()
	log, logs := logtest.NewNullLogger()
	r, err := New(Options{Known: state.New(state.Options{}), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	s := Settings{Addresses: []string{denying.Addr().String()}, Prefix: "p"}
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
