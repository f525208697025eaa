package queries

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/teststorage"
)

// server is Prometheus' own storage and engine, with samples in it.
type server struct {
	storage *teststorage.TestStorage
	engine  *promql.Engine
}

func newServer(t *testing.T, samples []sample) *server {
	t.Helper()
	s := emptyServer(t)
	s.add(t, samples)
	return s
}

// newServerWithRules evaluates the shipped rules each minute, as Prometheus does.
func newServerWithRules(t *testing.T, samples []sample) *server {
	t.Helper()
	s := emptyServer(t)
	groups := s.loadRules(t)
	for len(samples) > 0 {
		now := samples[0].t
		n := slices.IndexFunc(samples, func(later sample) bool { return later.t > now })
		if n < 0 {
			n = len(samples)
		}
		s.add(t, samples[:n])
		samples = samples[n:]
		for _, group := range groups {
			group.Eval(t.Context(), time.UnixMilli(now))
			for _, rule := range group.Rules() {
				if err := rule.LastError(); err != nil {
					t.Fatalf("rule %s: %v", rule.Name(), err)
				}
			}
		}
	}
	return s
}

func emptyServer(t *testing.T) *server {
	t.Helper()
	return &server{
		storage: teststorage.New(t),
		engine:  newEngine(t),
	}
}

// newEngine returns an engine with the limits of Prometheus' own tests. Package promqltest has
// dependencies that not every module proxy has.
func newEngine(t *testing.T) *promql.Engine {
	t.Helper()
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 50_000_000, Timeout: 100 * time.Second, LookbackDelta: 5 * time.Minute,
		EnableAtModifier: true, EnableNegativeOffset: true, Parser: parser.NewParser(parser.Options{}),
	})
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return engine
}

// add stores samples.
func (s *server) add(t *testing.T, samples []sample) {
	t.Helper()
	appender := s.storage.Appender(t.Context())
	for _, sample := range samples {
		var err error
		if sample.h != nil || sample.fh != nil {
			_, err = appender.AppendHistogram(0, sample.labels, sample.t, sample.h, sample.fh)
		} else {
			_, err = appender.Append(0, sample.labels, sample.t, sample.v)
		}
		if err != nil {
			t.Fatalf("append %s: %v", sample.labels, err)
		}
	}
	if err := appender.Commit(); err != nil {
		t.Fatal(err)
	}
}

// loadRules loads the rules in alerts/, in the order of their files.
func (s *server) loadRules(t *testing.T) []*rules.Group {
	t.Helper()
	manager := rules.NewManager(&rules.ManagerOptions{
		Context: t.Context(), Logger: promslog.NewNopLogger(), Registerer: prometheus.NewRegistry(),
		AppendableV2: s.storage, Queryable: s.storage,
		QueryFunc:   rules.EngineQueryFunc(s.engine, s.storage),
		NotifyFunc:  func(context.Context, string, ...*rules.Alert) {},
		ExternalURL: &url.URL{},
		Parser:      parser.NewParser(parser.Options{}),
	})
	var all []*rules.Group
	for _, file := range []string{"recording.yaml", "alerts.yaml"} {
		groups, errs := manager.LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, "../../alerts/"+file)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		for _, name := range slices.Sorted(maps.Keys(groups)) {
			all = append(all, groups[name])
			for _, rule := range groups[name].Rules() {
				if alert, ok := rule.(*rules.AlertingRule); ok {
					alert.SetRestored(true) // there is no state to restore, so ALERTS starts at once
				}
			}
		}
	}
	return all
}

// instant runs an instant query.
func (s *server) instant(t *testing.T, expr string, at time.Time) (promql.Vector, error) {
	t.Helper()
	q, err := s.engine.NewInstantQuery(t.Context(), s.storage, nil, expr, at)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	result := q.Exec(t.Context())
	if result.Err != nil {
		return nil, result.Err
	}
	vector, err := result.Vector()
	if err != nil {
		return nil, err
	}
	return append(promql.Vector(nil), vector...), nil
}

// over runs a range query.
func (s *server) over(t *testing.T, expr string, from, to time.Time, step time.Duration) (promql.Matrix, error) {
	t.Helper()
	q, err := s.engine.NewRangeQuery(t.Context(), s.storage, nil, expr, from, to, step)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	result := q.Exec(t.Context())
	if result.Err != nil {
		return nil, result.Err
	}
	matrix, err := result.Matrix()
	if err != nil {
		return nil, err
	}
	if n := len(result.Warnings); n > 0 {
		return nil, fmt.Errorf("warnings: %v", result.Warnings.AsErrors())
	}
	var copied promql.Matrix
	for _, series := range matrix { // the engine keeps the points
		copied = append(copied, promql.Series{Metric: series.Metric,
			Floats: append([]promql.FPoint(nil), series.Floats...), Histograms: append([]promql.HPoint(nil), series.Histograms...)})
	}
	return copied, nil
}
