//go:build linux

package replica

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// With many applications a replica does not read all of them every second: it reads those that another
// replica has changed. The test counts the reads until an event is known, not the time.
func TestManyApplications(t *testing.T) {
	const many = 600 // more than are read every second
	ctx, engine := context.Background(), startServer(t)
	var apps []string
	for i := range many {
		apps = append(apps, strconv.Itoa(1400000001+i))
	}
	w := newWorld(t, apps...)
	config := configFile(t, apps, "addresses: ["+engine.addr+"]")
	replicas := []*exporter.Process{startReplica(t, config, t.TempDir()), startReplica(t, config, t.TempDir())}
	eventually(t, "Redis is used", engineIs(w, replicas, 1))
	reads := func() int {
		t.Helper()
		m := regexp.MustCompile(`cmdstat_zrange:calls=(\d+)`).FindStringSubmatch(engine.Info(ctx, "commandstats").Val())
		if m == nil {
			t.Fatal("nothing was read")
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	var counts []int
	for range 9 {
		before, app := reads(), apps[len(counts)*60]
		now := time.Now().UnixMilli()
		w.send(replicas[0], app, "Live.CallbackAfterCreateRoomReachingThreshold", fmt.Sprintf(
			`{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","Operator_Account":"host","EventTime":%d,"CurRoomCount":499,"MaxRoomCount":500}`, now))
		eventually(t, "the other replica has the event", func() error {
			m, err := replicas[1].Scrape(w.client)
			if err != nil {
				return err
			}
			if at, _ := m.Of("tuilivekit_last_event_timestamp_seconds", app); at != float64(now)/1e3 {
				return errNotYet
			}
			return nil
		})
		counts = append(counts, reads()-before)
	}
	// In 15 seconds both replicas read all applications. Without the announcement of the change, as
	// many reads as there are applications would pass on average.
	slices.Sort(counts)
	t.Logf("reads until an event is known: %v", counts)
	if median := counts[len(counts)/2]; median > many/2 {
		t.Errorf("%d reads of both replicas until an event is known, with %d applications", median, many)
	}
}
