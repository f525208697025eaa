//go:build linux

package replica

import (
	"context"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// If the network between a replica and Redis is slow, resets connections, or drops data, nothing is
// lost and no event is counted twice.
func TestNetworkFaults(t *testing.T) {
	engine, w := startServer(t), newWorld(t, appA, appB)
	control := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(control, "redis", "127.0.0.1:0", engine.addr)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	// Only the first replica reaches Redis over the network with faults.
	replicas := []*exporter.Process{
		startReplica(t, configFile(t, w.apps, "addresses: ['"+proxy.Listen+"']"), t.TempDir()),
		startReplica(t, configFile(t, w.apps, "addresses: ['"+engine.addr+"']"), t.TempDir()),
	}
	behind := replicas[:1]
	for _, fault := range []struct {
		name, toxic string
		up          float64 // whether the exchange succeeds with the fault
	}{
		{"latency", `{"type":"latency","attributes":{"latency":100,"jitter":50}}`, 1},
		{"latency beyond the time-out", `{"type":"latency","attributes":{"latency":5000}}`, 0},
		{"resets", `{"type":"reset_peer","attributes":{"timeout":0}}`, 0},
		{"connections that end in the middle of an answer", `{"type":"limit_data","attributes":{"bytes":100}}`, 0},
		{"half-open, commands do not arrive", `{"type":"timeout","stream":"upstream","attributes":{"timeout":0}}`, 0},
		{"half-open, answers do not arrive", `{"type":"timeout","stream":"downstream","attributes":{"timeout":0}}`, 0},
	} {
		t.Run(fault.name, func(t *testing.T) {
			eventually(t, "Redis is used", engineIs(w, behind, 1))
			stop := w.turmoil(replicas)
			toxic, err := proxy.Toxics.AddToxicJson(strings.NewReader(fault.toxic))
			if err != nil {
				t.Fatal(err)
			}
			was := w.sample(replicas[0], "tuilivekit_replica_exchanges_total")
			eventually(t, "exchanges are tried", func() error {
				if w.sample(replicas[0], "tuilivekit_replica_exchanges_total") < was+4 {
					return errNotYet
				}
				return nil
			})
			eventually(t, "the exchange is as expected", engineIs(w, behind, fault.up))
			if err := engineIs(w, replicas[1:], 1)(); err != nil {
				t.Errorf("the other replica: %v", err)
			}
			if status, err := replicas[0].Get("/-/ready"); status != 200 || err != nil {
				t.Errorf("ready: %d, %v", status, err)
			}
			if fault.up == 0 {
				// A toxic that holds data sends it when it is removed, which a network would not do.
				proxy.Stop()
			}
			if err := proxy.Toxics.RemoveToxic(context.Background(), toxic.Name); err != nil {
				t.Fatal(err)
			}
			if fault.up == 0 {
				if err := proxy.Start(); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "Redis is used", engineIs(w, behind, 1))
			stop()
			t.Logf("equal after %s", eventually(t, "replicas agree", func() error { return w.agree(replicas) }))
			w.counted(replicas)
		})
	}
}
