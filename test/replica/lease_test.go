//go:build linux

package replica

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/replica"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/storage"
)

// One of the replicas recounts an application. If it stops, another replica does when the lease has
// expired. Without Redis each replica does.
func TestLease(t *testing.T) {
	ctx, engine := context.Background(), startServer(t)
	start := func() (r *replica.Replicas, stop func()) {
		t.Helper()
		log := logrus.New()
		log.Out = io.Discard
		store := state.New(state.Options{})
		r, err := replica.New(replica.Options{Known: store, Learner: storage.Memory{Store: store}, Tolerance: time.Minute, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		r.Configure(&replica.Settings{Addresses: []string{engine.addr}, Prefix: "tuilivekit"})
		run, cancel := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() { defer close(done); _ = r.Run(run) }()
		eventually(t, "Redis is used", func() error {
			if !r.Health().Up {
				return errNotYet
			}
			return nil
		})
		stop = func() { cancel(); <-done }
		t.Cleanup(stop)
		return r, stop
	}
	lease := func(r *replica.Replicas, app string, want bool) {
		t.Helper()
		if got := r.Lease(ctx, app, time.Hour); got != want {
			t.Errorf("lease of %s: got %v, want %v", app, got, want)
		}
	}
	a, stopA := start()
	b, _ := start()
	lease(a, appA, true)
	lease(b, appA, false)
	lease(a, appA, true) // it renews its lease
	lease(b, appB, true) // each application has a lease of its own
	lease(a, appB, false)

	key := "{tuilivekit:" + appA + "}:reconcile"
	if left := engine.TTL(ctx, key).Val(); left <= 0 || left > time.Hour {
		t.Errorf("the lease is for %s", left)
	}
	stopA()
	lease(b, appA, false) // the lease has not expired
	if err := engine.PExpire(ctx, key, time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the lease expires", func() error {
		if engine.Exists(ctx, key).Val() != 0 {
			return errNotYet
		}
		return nil
	})
	lease(b, appA, true)
	c, _ := start()
	lease(c, appA, false)
	engine.kill()
	lease(c, appA, true) // two recounts do no harm
	lease(b, appA, true)
}
