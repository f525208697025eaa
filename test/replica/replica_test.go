//go:build linux

package replica

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

const (
	appA = "1400000001"
	appB = "1400000002"
)

// All of three replicas know the callbacks that any of them has received. So does a replica that is
// added later, and a replica that starts with its storage while Redis is away.
func TestReplicasAgree(t *testing.T) {
	engine, w := startServer(t), newWorld(t, appA, appB)
	config := configFile(t, w.apps, "addresses: ["+engine.addr+"]")
	var replicas []*exporter.Process
	storages := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	for _, storage := range storages {
		replicas = append(replicas, startReplica(t, config, storage))
	}
	stop := w.turmoil(replicas)
	time.Sleep(3 * time.Second) // of random callbacks
	stop()
	t.Logf("equal after %s", eventually(t, "replicas agree", func() error { return w.agree(replicas) }))
	w.counted(replicas)
	eventually(t, "replicas see each other", func() error {
		for _, p := range replicas {
			if n := w.sample(p, "tuilivekit_replica_peers"); n != 2 {
				return fmt.Errorf("%v peers", n)
			}
		}
		return nil
	})

	late := startReplica(t, config, "")
	t.Logf("a new one knows all after %s", eventually(t, "a new replica agrees", func() error { return w.agree([]*exporter.Process{replicas[0], late}) }))

	engine.kill()
	if code, err := replicas[1].Stop(patience); code != 0 || err != nil {
		t.Fatalf("stop: code %d, %v", code, err)
	}
	alone := startReplica(t, config, storages[1])
	if err := w.agree([]*exporter.Process{replicas[0], alone}); err != nil {
		t.Errorf("a replica that starts alone: %v", err)
	}
}

// While Redis hangs or is away, callbacks are acknowledged and metrics are served. Afterwards the
// replicas agree again, also if Redis has lost all data. Nothing is lost, and no event is counted
// twice.
func TestRedisComesAndGoes(t *testing.T) {
	engine, w := startServer(t), newWorld(t, appA)
	config := configFile(t, w.apps, "addresses: ["+engine.addr+"]")
	replicas := []*exporter.Process{startReplica(t, config, t.TempDir()), startReplica(t, config, t.TempDir())}
	up := func(want float64) func() error { return engineIs(w, replicas, want) }
	stopped := time.Duration(number(t, "STOPPED", 3)) * time.Second
	for _, fault := range []struct {
		name        string
		begin, heal func()
	}{
		{"stopped", func() { engine.signal(t, syscall.SIGSTOP); time.Sleep(stopped) }, func() { engine.signal(t, syscall.SIGCONT) }},
		{"killed, comes back empty", engine.kill, func() { engine.launch(t) }},
		{"full", func() {
			set(t, engine, "maxmemory", "1")
		}, func() { set(t, engine, "maxmemory", "0") }},
		{"read-only", func() {
			if err := engine.ReplicaOf(context.Background(), "127.0.0.1", "1").Err(); err != nil {
				t.Fatal(err)
			}
		}, func() {
			if err := engine.ReplicaOf(context.Background(), "NO", "ONE").Err(); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			eventually(t, "Redis is used", up(1))
			stop := w.turmoil(replicas)
			fault.begin()
			eventually(t, "the fault is seen", up(0))
			for _, p := range replicas {
				if status, err := p.Get("/-/ready"); status != 200 || err != nil {
					t.Errorf("ready: %d, %v", status, err)
				}
			}
			fault.heal()
			healed := time.Now()
			eventually(t, "the fault is over", up(1))
			stop()
			eventually(t, "replicas agree", func() error { return w.agree(replicas) })
			t.Logf("equal %s after the fault", time.Since(healed))
		})
	}
	w.counted(replicas)
	for _, p := range replicas {
		apart, together := len(p.Lines("replicas are apart")), len(p.Lines("replicas are together again"))
		if apart < 4 || together > apart {
			t.Errorf("the log has %d lines of replicas that are apart, %d of replicas that are together again", apart, together)
		}
	}
}

func set(t *testing.T, s *server, key, value string) {
	t.Helper()
	if err := s.ConfigSet(context.Background(), key, value).Err(); err != nil {
		t.Fatal(err)
	}
}

// If Redis loses all data and no connection breaks, the replicas write the data again.
func TestFlush(t *testing.T) {
	engine, w := startServer(t), newWorld(t, appA, appB)
	config := configFile(t, w.apps, "addresses: ["+engine.addr+"]")
	replicas := []*exporter.Process{startReplica(t, config, t.TempDir()), startReplica(t, config, t.TempDir())}
	stop := w.turmoil(replicas)
	eventually(t, "Redis has rooms", func() error {
		if n := engine.ZCard(context.Background(), rooms(appA)).Val(); n < 50 {
			return errNotYet
		}
		return nil
	})
	stop()
	eventually(t, "replicas agree", func() error { return w.agree(replicas) })
	before := engine.ZCard(context.Background(), rooms(appA)).Val()
	if err := engine.FlushAll(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	took := eventually(t, "Redis has all rooms again", func() error {
		if n := engine.ZCard(context.Background(), rooms(appA)).Val(); n < before {
			return fmt.Errorf("%d members, %d before", n, before)
		}
		return nil
	})
	t.Logf("Redis has all rooms again after %s", took)
	if err := w.agree(replicas); err != nil {
		t.Error(err)
	}
}

func rooms(app string) string { return "{tuilivekit:" + app + "}:rooms" }
func event(app string) string { return "{tuilivekit:" + app + "}:event" }

// A member that no replica has written changes no number, and is removed.
func TestPoison(t *testing.T) {
	engine, w := startServer(t), newWorld(t, appA, appB)
	config := configFile(t, w.apps, "addresses: ["+engine.addr+"]")
	replicas := []*exporter.Process{startReplica(t, config, t.TempDir()), startReplica(t, config, t.TempDir())}
	stop := w.turmoil(replicas)
	ctx := context.Background()
	const year2100 = 4102444800000
	poison := []redis.Z{}
	for i := range 20 {
		poison = append(poison, redis.Z{Member: fmt.Sprintf("%013d:%010d:%010d:%013d:0000", year2100+i, 1, 2, year2100)})
	}
	poison = append(poison, redis.Z{Member: "zzz"}, redis.Z{Member: ""}, redis.Z{Member: "9999999999999:0000000001:0000000000:9999999999999:0000"})
	for range 3 {
		if err := engine.ZAdd(ctx, event(appA), poison...).Err(); err != nil {
			t.Fatal(err)
		}
		if err := engine.ZAdd(ctx, rooms(appA),
			redis.Z{Member: "00000000000000aa", Score: 2 * year2100}, redis.Z{Member: "00000000000000ab", Score: 1e300},
			redis.Z{Member: "00000000000000ac", Score: -1}, redis.Z{Member: "00000000000000ad", Score: 2*year2100 + .5},
			redis.Z{Member: "not a room", Score: float64(2 * time.Now().UnixMilli())},
			redis.Z{Member: "00000000000000AE", Score: float64(2 * time.Now().UnixMilli())}).Err(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
	}
	stop()
	eventually(t, "replicas agree", func() error { return w.agree(replicas) })
	eventually(t, "the members are gone", func() error {
		last := engine.ZRange(ctx, event(appA), -1, -1).Val()
		if n := engine.ZCount(ctx, rooms(appA), fmt.Sprint(2*year2100), "+inf").Val(); len(last) != 1 || last[0] > "2" || n > 0 {
			return fmt.Errorf("last event %q, %d rooms of the future", last, n)
		}
		return nil
	})
	for _, reason := range []string{"malformed", "future"} {
		sum := 0.0
		for _, p := range replicas {
			sum += w.sample(p, `tuilivekit_replica_dropped_total{reason="`+reason+`"}`)
		}
		if sum == 0 {
			t.Errorf("no member is counted as %s", reason)
		}
	}

	// A key of another type only stops the exchange of its application.
	engine.Del(ctx, event(appA), rooms(appA))
	engine.Set(ctx, event(appA), "text", 0)
	engine.Set(ctx, rooms(appA), "text", 0)
	eventually(t, "the fault is seen", func() error {
		if w.sample(replicas[0], "tuilivekit_replica_engine_up") != 0 {
			return errNotYet
		}
		return nil
	})
	all := w.apps
	w.apps = []string{appB}
	stop = w.turmoil(replicas)
	time.Sleep(time.Second)
	stop()
	eventually(t, "the other application is shared", func() error { return w.agree(replicas) })
	engine.Del(ctx, event(appA), rooms(appA))
	w.apps = all
	stop = w.turmoil(replicas)
	time.Sleep(time.Second)
	stop()
	eventually(t, "both are shared", func() error { return w.agree(replicas) })
}
