package replica

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// With the defaults of the client library one call may hang for half a minute. The library must not
// retry: the next exchange does.
func TestClientIsBounded(t *testing.T) {
	for name, s := range map[string]Settings{
		"one server": {Addresses: []string{"127.0.0.1:1"}},
		"Sentinel":   {Addresses: []string{"127.0.0.1:1", "127.0.0.1:2"}, MasterName: "live"},
	} {
		t.Run(name, func(t *testing.T) {
			client := s.connect(0)
			defer client.Close()
			o := client.(*redis.Client).Options()
			checkBounds(t, o.ContextTimeoutEnabled, o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout)
			if o.MaxRetries != 0 || o.DialerRetries != 1 {
				t.Errorf("%d retries, %d attempts to connect", o.MaxRetries, o.DialerRetries)
			}
			if o.Protocol != 2 || !o.DisableIdentity || o.MaintNotificationsConfig.Mode != maintnotifications.ModeDisabled {
				t.Errorf("protocol %d, identity disabled %v, maintenance notifications %s", o.Protocol, o.DisableIdentity, o.MaintNotificationsConfig.Mode)
			}
		})
	}
	t.Run("Cluster", func(t *testing.T) {
		client := Settings{Addresses: []string{"127.0.0.1:1", "127.0.0.1:2"}, Cluster: true}.connect(0)
		defer client.Close()
		o := client.(*redis.ClusterClient).Options()
		checkBounds(t, o.ContextTimeoutEnabled, o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout)
		if o.MaxRetries > 0 || o.DialerRetries != 1 {
			t.Errorf("%d retries, %d attempts to connect", o.MaxRetries, o.DialerRetries)
		}
		if o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			t.Error("it reads from replicas of the Cluster, which return old records")
		}
		if o.Protocol != 2 || !o.DisableIdentity || o.MaintNotificationsConfig.Mode != maintnotifications.ModeDisabled {
			t.Errorf("protocol %d, identity disabled %v, maintenance notifications %s", o.Protocol, o.DisableIdentity, o.MaintNotificationsConfig.Mode)
		}
	})
}

func checkBounds(t *testing.T, deadlines bool, times ...time.Duration) {
	t.Helper()
	if !deadlines {
		t.Error("the deadline of a context is ignored")
	}
	for _, d := range times {
		if d <= 0 || d > ioTimeout {
			t.Errorf("time-outs %s: one is not set, or longer than %s", times, ioTimeout)
		}
	}
}

// Check returns when its context ends, and after its time-out, if the server accepts connections and
// never answers.
func TestCheckOfASilentServer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := Settings{Addresses: []string{silent.Addr().String()}, Prefix: "p"}
	if err := Check(ctx, s); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context has ended: %v", err)
	}
	if err := Check(context.Background(), s); err == nil {
		t.Error("a server that never answers can be used")
	}
}
