package queries

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

const replicaC = "replica-c:19780"

// ofEachReplica are panels that show each replica by itself.
var ofEachReplica = []string{"Threshold events", "What each replica knows"}

// TestReplicasCountOnce compares what the dashboards show of the same callbacks: if one replica
// receives all of them, and if each of three receives a third, with an engine and without. The
// callback that a room was destroyed reaches another replica than the one that it was created.
func TestReplicasCountOnce(t *testing.T) {
	one := scene{apps: 2, replicas: []string{replicaA}, happen: func(t *testing.T, minute int, r []*replica) {
		if minute == 0 {
			return // all counters are scraped at zero
		}
		r[minute%len(r)].threshold(t, production, 700+5*minute, 1000)
		r[(minute+1)%len(r)].threshold(t, staging, 70+minute/2, 100)
		r[minute%len(r)].room(t, production, "Live.CallbackAfterCreateRoom", fmt.Sprint("room-", minute))
		if minute > 10 {
			r[minute%len(r)].room(t, production, "Live.CallbackAfterDestroyRoom", fmt.Sprint("room-", minute-10))
		}
	}}
	three, engine := one, one
	three.replicas = []string{replicaA, replicaB, replicaC}
	engine.replicas, engine.engine = three.replicas, true
	want := one.seen(t)
	for name, c := range map[string]scene{"without an engine": three, "with an engine": engine} {
		t.Run(name, func(t *testing.T) {
			got := c.seen(t)
			for panel, w := range want {
				g := got[panel]
				if !c.engine { // docs/replicas.md: the known rooms are not right
					g, w = slices.DeleteFunc(g, isKnown), slices.DeleteFunc(slices.Clone(w), isKnown)
				}
				if !slices.Equal(g, w) {
					t.Errorf("%s: shows %s, with one replica %s", panel, inWords(g), inWords(w))
				}
			}
		})
	}
}

func isKnown(s shown) bool { return s.name == "known" }

// seen returns what the panels of applications show.
func (c scene) seen(t *testing.T) map[string][]shown {
	t.Helper()
	samples, end := c.samples(t)
	s, seen := newServerWithRules(t, samples), map[string][]shown{}
	for _, d := range load(t) {
		if d.UID == "tuilivekit-exporter" {
			continue // of the replicas themselves
		}
		for _, p := range d.Panels {
			if p.Type != "row" && !slices.Contains(ofEachReplica, p.Title) {
				seen[d.UID+": "+p.Title+" ("+p.Type+")"] = s.see(t, p, c.look(d.UID), end)
			}
		}
	}
	return seen
}

// share exchanges the newest events and the rooms of all replicas, as an engine does.
func share(replicas []*replica) {
	for _, from := range replicas {
		for _, to := range replicas {
			if to == from {
				continue
			}
			for _, app := range from.store.AppendNewest(nil) {
				if app.Received > 0 {
					to.store.Learn(app.News)
				}
				for _, r := range from.store.Rooms(app.AppID, 0) {
					opened, operator, _ := r.Opened()
					to.store.LearnRoom(state.RoomNews{AppID: app.AppID, Room: r.Room, Received: r.Time(),
						RoomEvent: state.RoomEvent{Time: r.Time(), Closed: r.Closed(), Opened: opened, Operator: operator}})
				}
			}
		}
	}
}
