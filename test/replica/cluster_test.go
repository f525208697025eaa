//go:build linux

package replica

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// In a Cluster of three nodes the keys of each application are in one slot. The replicas follow a
// slot that moves to another node. While a node is away, only its applications are not exchanged.
func TestCluster(t *testing.T) {
	w := newWorld(t, appA, appB, "1400000003", "1400000004", "1400000005", "1400000006")
	nodes := startCluster(t)
	config := configFile(t, w.apps, fmt.Sprintf("addresses: ['%s', '%s', '%s'], cluster: true", nodes[0].addr, nodes[1].addr, nodes[2].addr))
	replicas := []*exporter.Process{startReplica(t, config, t.TempDir()), startReplica(t, config, t.TempDir())}
	eventually(t, "Redis is used", engineIs(w, replicas, 1))
	stop := w.turmoil(replicas)
	eventually(t, "rooms are shared", func() error {
		if w.sample(replicas[0], `tuilivekit_replica_taken_total{kind="room"}`) < 5 {
			return errNotYet
		}
		return nil
	})

	from, to := moveSlot(t, nodes, rooms(appA))
	if n := len(keysIn(t, from, rooms(appA))); n != 0 {
		t.Errorf("%d keys of the slot are left", n)
	}
	before := to.ZCard(context.Background(), rooms(appA)).Val()
	eventually(t, "the node that has the slot now is used", func() error {
		if now := to.ZCard(context.Background(), rooms(appA)).Val(); before == 0 || now <= before {
			return fmt.Errorf("%d members, %d when the slot had moved", now, before)
		}
		return nil
	})
	eventually(t, "Redis is used", engineIs(w, replicas, 1))
	stop()
	t.Logf("equal %s after a slot has moved", eventually(t, "replicas agree", func() error { return w.agree(replicas) }))

	stop = w.turmoil(replicas)
	nodes[2].kill()
	eventually(t, "the fault is seen", engineIs(w, replicas, 0))
	nodes[2].launch(t)
	stop()
	t.Logf("equal %s after a node has come back", eventually(t, "replicas agree", func() error { return w.agree(replicas) }))
	w.counted(replicas)
}

// startCluster runs three nodes until the test ends.
func startCluster(t *testing.T) (nodes []*server) {
	t.Helper()
	ctx := context.Background()
	for i, slots := range [][2]int{{0, 5460}, {5461, 10922}, {10923, 16383}} {
		s := startServer(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no")
		if err := s.ClusterAddSlotsRange(ctx, slots[0], slots[1]).Err(); err != nil {
			t.Fatal(err)
		}
		if err := s.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(); err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, s)
	}
	for _, s := range nodes[1:] {
		host, port, _ := net.SplitHostPort(nodes[0].addr)
		if err := s.ClusterMeet(ctx, host, port).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range nodes {
		eventually(t, "the Cluster is whole", func() error {
			if info := s.ClusterInfo(ctx).Val(); !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_slots_ok:16384") {
				return fmt.Errorf("%s", info)
			}
			return nil
		})
	}
	return nodes
}

// moveSlot moves the slot of a key to another node, as redis-cli --cluster reshard does.
func moveSlot(t *testing.T, nodes []*server, key string) (from, to *server) {
	t.Helper()
	ctx := context.Background()
	do := func(s *server, args ...any) any {
		t.Helper()
		answer, err := s.Do(ctx, args...).Result()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return answer
	}
	slot := nodes[0].ClusterKeySlot(ctx, key).Val()
	for i, s := range nodes {
		if s.Exists(ctx, key).Err() == nil {
			from, to = s, nodes[(i+1)%len(nodes)]
		}
	}
	if from == nil {
		t.Fatalf("no node has %s", key)
	}
	toID := do(to, "CLUSTER", "MYID")
	do(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", do(from, "CLUSTER", "MYID"))
	do(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", toID)
	host, port, _ := net.SplitHostPort(to.addr)
	for keys := keysIn(t, from, key); len(keys) > 0; keys = keysIn(t, from, key) {
		for _, k := range keys {
			do(from, "MIGRATE", host, port, k, 0, 5000)
		}
	}
	for _, s := range []*server{to, from} {
		do(s, "CLUSTER", "SETSLOT", slot, "NODE", toID)
	}
	return from, to
}

// keysIn returns the keys that a node has in the slot of a key.
func keysIn(t *testing.T, s *server, key string) []string {
	t.Helper()
	keys, err := s.ClusterGetKeysInSlot(context.Background(), int(s.ClusterKeySlot(context.Background(), key).Val()), 100).Result()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
