//go:build linux

package replica

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// The primary of a Sentinel setup is killed during writes, KILLS times. The replicas use the new
// primary, and offer the records again that the failover has lost.
func TestSentinel(t *testing.T) {
	ctx, w := context.Background(), newWorld(t, appA, appB)
	byAddr := map[string]*server{}
	first := startServer(t)
	byAddr[first.addr] = first
	host, port, _ := net.SplitHostPort(first.addr)
	for range 2 {
		s := startServer(t, "--replicaof", host+" "+port)
		byAddr[s.addr] = s
	}
	var sentinels []string
	var asked *redis.SentinelClient
	for range 3 {
		file := filepath.Join(t.TempDir(), "sentinel.conf")
		text := fmt.Sprintf("sentinel monitor live %s %s 2\nsentinel down-after-milliseconds live 500\nsentinel failover-timeout live 2000\n", host, port)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := startSentinel(t, file)
		sentinels = append(sentinels, s.addr)
		if asked == nil {
			asked = redis.NewSentinelClient(&redis.Options{Addr: s.addr})
			t.Cleanup(func() { asked.Close() })
		}
	}
	config := configFile(t, w.apps, "addresses: ['"+strings.Join(sentinels, "', '")+"'], sentinel: {master_name: live}")
	replicas := []*exporter.Process{startReplica(t, config, t.TempDir()), startReplica(t, config, t.TempDir())}
	primary := func() (string, error) {
		found, err := asked.GetMasterAddrByName(ctx, "live").Result()
		if err != nil || len(found) != 2 {
			return "", fmt.Errorf("no primary: %w", err)
		}
		return net.JoinHostPort(found[0], found[1]), nil
	}
	longest := time.Duration(0)
	for n := range number(t, "KILLS", 3) {
		eventually(t, "the Sentinels know two others and their Sentinels", func() error {
			info, err := asked.Master(ctx, "live").Result()
			if err != nil || info["num-slaves"] < "2" || info["num-other-sentinels"] < "2" || info["flags"] != "master" {
				return fmt.Errorf("%v %w", info, err)
			}
			return nil
		})
		stop := w.turmoil(replicas)
		eventually(t, "the replicas use Redis", func() error {
			if w.sample(replicas[0], "tuilivekit_replica_engine_up") != 1 {
				return errNotYet
			}
			return nil
		})
		old, err := primary()
		if err != nil {
			t.Fatal(err)
		}
		byAddr[old].kill()
		eventually(t, "there is another primary", func() error {
			if now, err := primary(); err != nil || now == old {
				return fmt.Errorf("%s, %w", now, err)
			}
			return nil
		})
		stop()
		took := eventually(t, "replicas agree", func() error { return w.agree(replicas) })
		longest = max(longest, took)
		t.Logf("kill %d: equal %s after the failover", n+1, took)
		w.counted(replicas)
		byAddr[old].launch(t)
	}
	t.Logf("equal at the latest %s after a failover", longest)
}

// If the Sentinel that answers first names a primary that is down, the replicas find the primary by
// another Sentinel. After two failovers in a row a Sentinel may do so for as long as that primary is
// down.
func TestSentinelNamesADeadPrimary(t *testing.T) {
	w, primary := newWorld(t, appA), startServer(t)
	sentinel := func(address string) *server {
		host, port, _ := net.SplitHostPort(address)
		return startSentinel(t, sentinelFile(t, fmt.Sprintf("sentinel monitor live %s %s 2\n", host, port)))
	}
	wrong, right := sentinel(freeAddress(t)), sentinel(primary.addr)
	proxy := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "sentinel", "127.0.0.1:0", right.addr)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(`{"type":"latency","attributes":{"latency":100}}`)); err != nil { // it answers last
		t.Fatal(err)
	}
	config := configFile(t, w.apps, "addresses: ['"+wrong.addr+"', '"+proxy.Listen+"'], sentinel: {master_name: live}")
	p := startReplica(t, config, t.TempDir())
	eventually(t, "Redis is used", engineIs(w, []*exporter.Process{p}, 1))
}

// startSentinel runs a Sentinel until the test ends. It writes its configuration file.
func startSentinel(t *testing.T, file string) *server {
	t.Helper()
	s := startServerWith(t, func(port string) []string {
		return []string{file, "--port", port, "--bind", "127.0.0.1", "--sentinel"}
	})
	return s
}
