package queries

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
)

const none = -12345 // there must be no value

func TestWhatPanelsShow(t *testing.T) {
	w := shared(t)
	s := newServerWithRules(t, w.native)
	const overview, application, exporter = "tuilivekit-overview", "tuilivekit-application", "tuilivekit-exporter"
	app := func(id string) choice { return choice{".+", ".+", id} }
	for _, c := range []struct {
		fact        string
		uid, title  string
		ref         string
		minute      int
		choice      choice
		id          string // of the series, if there are several
		want, about float64
	}{
		{"rooms are of the newest event, which replica b has", application, "Rooms", "A", 89, app(production), "", 878, 0},
		{"rooms are of the newest event, which replica a has", application, "Rooms", "A", 88, app(production), "", 876, 0},
		{"rooms go on while a replica is down", application, "Rooms", "A", downFrom + 1, app(production), "", 882, 0},
		{"rooms do not fall back when an empty replica starts", application, "Rooms", "A", upAgain, app(production), "", 886, 0},
		{"the limit before it is raised", application, "Limit", "A", limitRaised - 1, app(production), "", 1000, 0},
		{"the limit is that of the newest event", application, "Limit", "A", limitRaised, app(production), "", 1200, 0},
		{"usage never pairs the rooms and the limit of two replicas", application, "Usage", "A", limitRaised, app(production), "", 940. / 1200, 1e-9},
		{"free rooms neither", application, "Free rooms", "B", limitRaised, app(production), "", 260, 0},
		{"usage stays after the last event", application, "Usage", "A", minutes, app(staging), "", 0.75, 1e-9},
		{"age is beside it", application, "Age of the number", "A", minutes, app(staging), "", 110*60 + 2, 0},
		{"rooms known to be closed lower the usage", application, "Usage", "A", minutes, app(production), "", 1060. / 1200, 0.01},
		{"what Tencent reported stays beside it", application, "Last reported rooms", "A", minutes, app(staging), "", 75, 0},
		{"a fresh event is the source", application, "Source", "A", minutes, app(production), "", 1, 0},
		{"an old event and what is known since is an estimate", application, "Source", "A", minutes, app(staging), "", 3, 0},
		{"growth is in rooms an hour", application, "Growth", "A", minutes, app(production), "", 120, 6},
		{"time to the limit", application, "Time to the limit", "A", minutes, app(production), "", 140 * 30, 250},
		{"no forecast from one event", application, "Time to the limit", "A", minutes, app(staging), "", -5, 0},
		{"no number before the first event", application, "Rooms", "A", minutes, app(unheard), "", -1, 0},
		{"no age before the first event", application, "Age of the number", "A", minutes, app(unheard), "", -1, 0},
		{"expired numbers are gone", application, "Rooms", "A", minutes, app(expiring), "", -2, 0},
		{"their age is not", application, "Age of the number", "A", minutes, app(expiring), "", 170*60 + 2, 0},
		{"a fresh number is solid", application, "Rooms and limit", "A", minutes, app(production), "", 1060, 0},
		{"an old number is not", application, "Rooms and limit", "A", minutes, app(staging), "", none, 0},
		{"it is dashed", application, "Rooms and limit", "B", minutes, app(staging), "", 75, 0},

		{"the highest usage", overview, "Highest usage", "A", minutes, everything, production, 1060. / 1200, 1e-9},
		{"and only that", overview, "Highest usage", "A", minutes, everything, staging, none, 0},
		{"the age of the same application", overview, "Its age", "A", minutes, everything, production, 2, 0},
		{"no application at 90 %, which is not nothing", overview, "At 90 % or more", "A", minutes, everything, "", 0, 0},
		{"two applications without a number", overview, "No number", "A", minutes, everything, "", 2, 0},
		{"the table says that no event came", overview, "Applications", "A", minutes, everything, unheard, -1, 0},
		{"the table says that numbers expired", overview, "Applications", "A", minutes, everything, expiring, -2, 0},
		{"the table has the usage", overview, "Applications", "A", minutes, everything, staging, 0.75, 1e-9},
		{"the timeline has steps of 5 %", overview, "Usage of every application", "A", minutes, everything, production, 85, 0},
		{"a step starts at its number", overview, "Usage of every application", "A", minutes, everything, staging, 75, 0},
		{"the timeline says that no event came", overview, "Usage of every application", "A", minutes, everything, unheard, -1, 0},
		{"events of all replicas a minute", overview, "Threshold events", "A", minutes, everything, production, 1, 0.01},
		{"the shortest time is that of the one that fills", overview, "Time to the limit", "A", minutes, everything, production, 140 * 30, 250},

		{"a replica that is down", exporter, "Down", "A", downFrom, everything, "", 1, 0},
		{"none down, which is not nothing", exporter, "Down", "A", minutes, everything, "", 0, 0},
		{"a reload that failed on one replica", exporter, "Configuration", "A", 152, everything, "", 0, 0},
		{"the configuration of all replicas is loaded", exporter, "Configuration", "A", minutes, everything, "", 1, 0},
		{"the storage is durable", exporter, "Storage", "A", minutes, everything, "", 0, 0},
		{"what waits for a backend, of both replicas", exporter, "Queued callbacks", "A", minutes, everything, production, 14, 0},
		{"decisions of both replicas a minute", exporter, "Decisions", "A", minutes, everything, production, 2, 0.01},
		{"a recount of a minute ago", exporter, "Age of the last recount", "A", minutes, everything, production, 0, 0},
		{"recounts of both replicas an hour", exporter, "Recounts", "A", minutes, everything, production, 240, 0.1},
		{"a recount that fails is one line more", exporter, "Recounts", "B", minutes, everything, production, 120, 0.1},
		{"rooms closed by recounts go down", exporter, "Rooms corrected", "B", minutes, everything, production, -240, 0.1},
		{"calls of both replicas a second", exporter, "Calls of the server API", "A", minutes, everything, production, 1, 0.01},
		{"clock skew is the median of the alert", exporter, "Clock skew", "A", minutes, everything, "", 0, 1},
	} {
		t.Run(c.fact, func(t *testing.T) {
			expr := c.choice.fill(find(t, c.uid, c.title, c.ref))
			vector, err := s.instant(t, expr, w.at(c.minute))
			if err != nil {
				t.Fatal(err)
			}
			got, shown := float64(none), "no value"
			for _, sample := range vector {
				if c.id == "" || sample.Metric.Get("sdk_app_id") == c.id {
					got, shown = sample.F, fmt.Sprint(sample.F)
				}
			}
			if math.Abs(got-c.want) > c.about || c.id == "" && len(vector) > 1 {
				t.Errorf("got %s in %d series, want %g ± %g\n%s", shown, len(vector), c.want, c.about, expr)
			}
		})
	}
}

// TestLimitChangeIsMarkedOnce checks that a change of the limit is marked once, although two replicas
// receive it at different times.
func TestLimitChangeIsMarkedOnce(t *testing.T) {
	w := shared(t)
	s := newServer(t, w.classic)
	for _, d := range load(t) {
		for _, a := range d.Annotations.List {
			if a.Name != "Limit changes" {
				continue
			}
			matrix, err := s.over(t, everything.fill(a.Expr), w.start, w.end(), step)
			if err != nil {
				t.Fatal(err)
			}
			want := promql.FPoint{T: w.at(limitRaised).UnixMilli(), F: 1}
			if len(matrix) != 1 || len(matrix[0].Floats) != 1 || matrix[0].Floats[0] != want || matrix[0].Metric.Get("rooms") != "1200" {
				t.Errorf("%s: got %v, want one mark at %d with the label rooms=1200", d.UID, matrix, want.T)
			}
		}
	}
}

// TestEventsAreMarkedAtTheirTime checks that the values of the annotation are the times of the events in
// milliseconds.
func TestEventsAreMarkedAtTheirTime(t *testing.T) {
	w := shared(t)
	s := newServer(t, w.classic)
	for _, d := range load(t) {
		for _, a := range d.Annotations.List {
			if a.Name != "Threshold events" {
				continue
			}
			vector, err := s.instant(t, choice{".+", ".+", staging}.fill(a.Expr), w.end())
			want := float64(w.at(70).Add(-2 * time.Second).UnixMilli())
			if err != nil || len(vector) != 1 || vector[0].F != want || !a.UseValueForTime {
				t.Errorf("%s: got %v, %v, want one value of %v that is used as time", d.UID, vector, err, want)
			}
		}
	}
}

// find returns the query of a panel.
func find(t *testing.T, uid, title, refID string) string {
	t.Helper()
	for _, d := range load(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				if d.UID == uid && p.Title == title && target.RefID == refID {
					return target.Expr
				}
			}
		}
	}
	t.Fatalf("%s has no panel %q with a query %s", uid, title, refID)
	return ""
}
