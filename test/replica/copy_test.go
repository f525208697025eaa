//go:build linux

package replica

import (
	"context"
	"fmt"
	"testing"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// If an older copy of Redis is restored, the replicas keep their newer records, and write them to
// Redis again. A replica that is added later gets them from there.
func TestOlderCopy(t *testing.T) {
	ctx, engine, w := context.Background(), startServer(t), newWorld(t, appA, appB)
	config := configFile(t, w.apps, "addresses: ["+engine.addr+"]")
	replicas := []*exporter.Process{startReplica(t, config, t.TempDir()), startReplica(t, config, t.TempDir())}
	more := func(than int64) {
		t.Helper()
		stop := w.turmoil(replicas)
		defer stop()
		eventually(t, "Redis has rooms", func() error {
			if n := engine.ZCard(ctx, rooms(appA)).Val(); n < than+50 {
				return errNotYet
			}
			return nil
		})
	}
	more(0)
	eventually(t, "replicas agree", func() error { return w.agree(replicas) })
	if err := engine.Save(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	old := engine.ZCard(ctx, rooms(appA)).Val()
	more(old)
	eventually(t, "replicas agree", func() error { return w.agree(replicas) })
	last := engine.ZRange(ctx, event(appA), -1, -1).Val()
	engine.kill()
	engine.launch(t)
	if n := engine.ZCard(ctx, rooms(appA)).Val(); n < old {
		t.Fatalf("%d rooms in the copy, %d when it was made", n, old)
	}
	if err := w.agree(replicas); err != nil {
		t.Errorf("with the older copy: %v", err)
	}
	eventually(t, "Redis has the newest event again", func() error {
		if now := engine.ZRange(ctx, event(appA), -1, -1).Val(); fmt.Sprint(now) != fmt.Sprint(last) {
			return fmt.Errorf("%v, before %v", now, last)
		}
		return nil
	})
	late := startReplica(t, config, "")
	t.Logf("a new one knows all after %s", eventually(t, "a new replica agrees", func() error {
		return w.agree([]*exporter.Process{replicas[0], replicas[1], late})
	}))
}
