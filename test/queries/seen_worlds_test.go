package queries

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
)

// scene is a simulation of 40 minutes, and the values of the variables of the dashboards.
type scene struct {
	name     string
	apps     int                                          // applications, production first
	replicas []string                                     // that are scraped
	engine   bool                                         // that they share their records through
	plain    bool                                         // no storage, no relay
	down     func(minute int, instance string) bool       // nil: never
	happen   func(t *testing.T, minute int, r []*replica) // nil: nothing
	noRules  bool
	failing  bool  // the backend of production
	recounts bool  // of production
	maxRooms int64 // of production, by its configuration
}

const sceneMinutes = 40

var scenes = []scene{
	{name: "healthy and quiet", apps: 2, replicas: []string{replicaA}, recounts: true, happen: func(t *testing.T, minute int, r []*replica) {
		r[0].threshold(t, production, 720, 1000)
		r[0].threshold(t, staging, 70, 100)
	}},
	{name: "never reported", apps: 2, replicas: []string{replicaA}, plain: true},
	{name: "at the limit", apps: 2, replicas: []string{replicaA}, happen: func(t *testing.T, minute int, r []*replica) {
		r[0].threshold(t, production, min(960+2*minute, 1000), 1000)
	}},
	{name: "replica down", apps: 2, replicas: []string{replicaA}, down: func(minute int, _ string) bool { return minute > 15 },
		happen: func(t *testing.T, minute int, r []*replica) { r[0].threshold(t, production, 850, 1000) }},
	{name: "below 70 %", apps: 2, replicas: []string{replicaA}, maxRooms: 500, happen: func(t *testing.T, minute int, r []*replica) {
		r[0].room(t, production, "Live.CallbackAfterCreateRoom", fmt.Sprint("one-", minute))
		r[0].room(t, production, "Live.CallbackAfterCreateRoom", fmt.Sprint("two-", minute))
		if minute >= 10 {
			r[0].room(t, production, "Live.CallbackAfterDestroyRoom", fmt.Sprint("one-", minute-10))
		}
		r[0].room(t, staging, "Live.CallbackAfterCreateRoom", fmt.Sprint("s-", minute))
		r[0].room(t, staging, "Live.CallbackAfterDestroyRoom", fmt.Sprint("s-", minute))
	}},
	// After the last event, with 919 rooms, one room is opened and 19 are closed. Twelve more rooms
	// are opened and closed after it; they are not among the 919.
	{name: "after the peak", apps: 2, replicas: []string{replicaA}, happen: func(t *testing.T, minute int, r []*replica) {
		switch {
		case minute < 10:
			r[0].room(t, production, "Live.CallbackAfterCreateRoom", fmt.Sprint("p-", minute))
			r[0].threshold(t, production, 910+minute, 1000)
		default:
			r[0].room(t, production, "Live.CallbackAfterDestroyRoom", fmt.Sprint("earlier-", minute))
		}
	}},
	{name: "not scraped", apps: 2},
	{name: "rules not loaded", apps: 2, replicas: []string{replicaA}, noRules: true, happen: func(t *testing.T, minute int, r []*replica) {
		r[0].threshold(t, production, 720, 1000)
	}},
	{name: "two replicas", apps: 2, replicas: []string{replicaA, replicaB}, recounts: true, down: func(minute int, instance string) bool { return instance == replicaB && minute > 30 },
		happen: func(t *testing.T, minute int, r []*replica) {
			r[minute%len(r)].threshold(t, production, 800+minute, 1000)
		}},
	{name: "backend fails, one late callback", apps: 2, replicas: []string{replicaA}, failing: true, happen: func(t *testing.T, minute int, r []*replica) {
		r[0].threshold(t, production, 720, 1000)
		if minute == sceneMinutes-2 {
			r[0].sendAt(t, time.Now().Add(-90*time.Second), 401, production, "Live.CallbackAfterCreateRoom", token, `{}`)
		}
	}},
	{name: "60 applications", apps: 60, replicas: []string{replicaA}, happen: func(t *testing.T, minute int, r []*replica) {
		if minute < 50 && minute%2 == 0 {
			for i := minute; i < minute+2; i++ {
				r[0].threshold(t, appID(i), 70+i%31, 100)
			}
		}
	}},
}

func appID(i int) string { return fmt.Sprint(1400000001 + i) }

// samples simulates the scene and returns the scraped samples and the time of its end.
func (c scene) samples(t *testing.T) (all []sample, end time.Time) {
	t.Helper()
	var apps []handler.App
	for i := range c.apps {
		apps = append(apps, handler.App{ID: appID(i), Name: fmt.Sprintf("app-%02d", i+1), Tokens: []string{token, "next"}})
	}
	apps[0].Name, apps[1].Name = "production", "staging"
	apps[0].MaxRooms = c.maxRooms
	extra := newLater
	if c.recounts {
		extra = newLaterWithRecounts
	}
	if c.plain {
		extra = func(reg prometheus.Registerer) *later {
			loaded := prometheus.NewGauge(prometheus.GaugeOpts{Name: "tuilivekit_exporter_config_last_reload_successful"})
			loaded.Set(1)
			reg.MustRegister(loaded)
			return nil
		}
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))
		w := &world{start: time.Now()}
		var replicas []*replica
		for _, instance := range c.replicas {
			replicas = append(replicas, startReplicaOf(t, instance, apps, extra))
		}
		for minute := range sceneMinutes + 1 {
			var up []*replica
			for _, r := range replicas {
				if c.down == nil || !c.down(minute, r.instance) {
					up = append(up, r)
				}
			}
			if c.happen != nil && len(up) > 0 {
				c.happen(t, minute, up)
			}
			if c.engine {
				share(up)
			}
			// Another target is scraped too: Prometheus would have no sample while all replicas are down.
			w.classic = append(w.classic, sample{labels: labels.FromStrings("__name__", "up", "job", "node", "instance", "n"), t: time.Now().UnixMilli(), v: 1})
			for _, r := range replicas {
				if alive := slices.Contains(up, r); alive && r.later != nil {
					r.later.idle()
					if c.failing {
						r.later.fail()
					}
				}
				w.scrape(t, r, slices.Contains(up, r))
			}
			time.Sleep(time.Minute)
		}
		all, end = w.classic, w.at(sceneMinutes)
	})
	return all, end
}

// idle simulates a minute without failures.
func (l *later) idle() {
	l.commits.Add(3)
	l.lastSuccess.SetToCurrentTime()
	l.commitDurationSeconds.Observe(.004)
	l.eventsInEachBatch.Observe(2)
	l.decisions.Inc()
	l.deliveries.Inc()
	l.decisionSeconds.Observe(.02)
	l.deliverySeconds.Observe(.2)
	if l.recounts != nil {
		l.recounts.idle()
	}
}

// fail simulates a minute of a backend that does not answer.
func (l *later) fail() {
	l.circuit.Set(1)
	l.decisionFailed.Add(2)
	l.deliveryFailed.Inc()
	l.queued.Set(7)
	l.queueOldest.Set(float64(time.Now().Add(-20 * time.Minute).Unix()))
}

// look returns the values of the variables of a dashboard in a scene.
func (c scene) look(uid string) choice {
	one := choice{job: job, instance: ".+", app: ".+"}
	if uid == "tuilivekit-application" {
		one.app = production
	}
	return one
}

func (c scene) server(t *testing.T, samples []sample) *server {
	t.Helper()
	if c.noRules {
		return newServer(t, samples)
	}
	return newServerWithRules(t, samples)
}
