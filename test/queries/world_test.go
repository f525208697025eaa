package queries

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/version"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/model/value"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/collector"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/storage"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// The world simulates three hours of two replicas, as Prometheus stores them. The code of the exporter
// receives callbacks in simulated time, and its metrics are scraped each minute. The replicas receive
// the callbacks in turn, as behind a load balancer.
//
//	production  grows from 700 rooms by 2 each minute, with an event of each; at 2 h
//	            the limit goes from 1000 to 1200
//	staging     one event at 1:10, 75 of 100 rooms, then silence
//	unheard     has no event
//	expiring    one event at 0:10; its numbers expire after two hours
//
// Replica a is down from 1:30 and starts again, empty, at 1:33. A reload of replica b
// fails at 2:30 and succeeds at 2:35.
const (
	production, staging, unheard, expiring = "1400000001", "1400000002", "1400000003", "1400000004"

	job                = "live/tuilivekit"
	replicaA, replicaB = "replica-a:19780", "replica-b:19780"

	minutes     = 180
	limitRaised = 120
	downFrom    = 90
	upAgain     = 93
	token       = "a token for tests"
)

// sample is a sample in Prometheus' storage. h or fh is set for a native histogram.
type sample struct {
	labels labels.Labels
	t      int64
	v      float64
	h      *histogram.Histogram
	fh     *histogram.FloatHistogram
}

// world has the scraped samples, with classic and with native histograms. Prometheus stores one of the
// two, depending on its configuration.
type world struct {
	start   time.Time
	classic []sample
	native  []sample
}

func (w *world) at(minute int) time.Time { return w.start.Add(time.Duration(minute) * time.Minute) }
func (w *world) end() time.Time          { return w.at(minutes) }

// replica is one running exporter.
type replica struct {
	instance string
	store    *state.Store
	callback *handler.Callback
	metrics  http.Handler
	later    *later
	series   [2]map[string]labels.Labels // of the last scrape, by kind of storage
}

// inMemory is a store in memory.
type inMemory struct {
	*state.Store
	storage.Memory
}

func startReplica(t *testing.T, instance string) *replica {
	t.Helper()
	return startReplicaOf(t, instance, []handler.App{
		{ID: production, Name: "production", Tokens: []string{token}},
		{ID: staging, Name: "staging", Tokens: []string{token}},
		{ID: unheard, Name: "unheard", Tokens: []string{token}},
		{ID: expiring, Name: "expiring", Tokens: []string{token}},
	}, newLaterWithRecounts)
}

// startReplicaOf starts a replica with apps and the metrics of later. If later is nil, it has no storage
// and no relay.
func startReplicaOf(t *testing.T, instance string, apps []handler.App, later func(prometheus.Registerer) *later) *replica {
	t.Helper()
	reg, store := prometheus.NewRegistry(), state.New(state.Options{FutureTolerance: handler.DefaultFutureTolerance})
	callback, err := handler.New(handler.Options{Registerer: reg, Apps: apps, Store: inMemory{store, storage.Memory{Store: store}}})
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{instance: instance, store: store, callback: callback, later: later(reg)}
	version.Version = "1.0.0"
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		versioncollector.NewCollector("tuilivekit_exporter"),
		collector.New(callback, collector.Options{StaleAfter: 2 * time.Hour}),
	)
	r.metrics = promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
	return r
}

// later are metrics that the packages imported here do not make: those of the main package, of the
// storage, and of the relay and recounts, which only production has. TestMetricsAreDocumented
// checks their names.
type later struct {
	reloadOK, reloadOKSince                  prometheus.Gauge
	commits, failures, corruptions, logLines prometheus.Counter
	degraded, lastSuccess                    prometheus.Gauge
	commitDurationSeconds, eventsInEachBatch prometheus.Histogram

	circuit, queued, setAside, queueOldest prometheus.Gauge
	decisions, deliveries                  prometheus.Counter
	decisionFailed, deliveryFailed, drops  prometheus.Counter
	decisionSeconds, deliverySeconds       prometheus.Histogram

	recounts *recounts // nil without
}

// newLater returns the later metrics without recounts.
func newLater(reg prometheus.Registerer) *later {
	gauge := func(name string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "tuilivekit_exporter_" + name})
	}
	counter := func(name string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "tuilivekit_exporter_" + name})
	}
	histogram := func(name string, buckets ...float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tuilivekit_exporter_" + name, Buckets: buckets, NativeHistogramBucketFactor: 1.1,
		})
	}
	l := &later{
		reloadOK:              gauge("config_last_reload_successful"),
		reloadOKSince:         gauge("config_last_reload_success_timestamp_seconds"),
		logLines:              counter("log_lines_dropped_total"),
		commits:               counter("storage_commits_total"),
		failures:              counter("storage_failures_total"),
		corruptions:           counter("storage_corruptions_total"),
		degraded:              gauge("storage_degraded"),
		lastSuccess:           gauge("storage_last_success_timestamp_seconds"),
		commitDurationSeconds: histogram("storage_commit_duration_seconds", .001, .01, .1, 1),
		eventsInEachBatch:     histogram("storage_batch_events", 1, 4, 16, 64),
	}
	relayed := func(labels ...string) prometheus.Labels {
		m := prometheus.Labels{"sdk_app_id": production}
		if len(labels) > 0 {
			m[labels[0]] = labels[1]
		}
		return m
	}
	relayGauge := func(name string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "tuilivekit_relay_" + name, ConstLabels: relayed()})
	}
	relayCounter := func(name string, labels ...string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "tuilivekit_relay_" + name, ConstLabels: relayed(labels...)})
	}
	relaySeconds := func(kind string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tuilivekit_relay_request_duration_seconds", ConstLabels: relayed("kind", kind),
			Buckets: []float64{.01, .1, 1}, NativeHistogramBucketFactor: 1.1,
		})
	}
	l.circuit, l.queued, l.setAside = relayGauge("circuit_open"), relayGauge("queue_requests"), relayGauge("set_aside_requests")
	l.queueOldest = relayGauge("queue_oldest_timestamp_seconds")
	l.decisions, l.deliveries = relayCounter("decisions_total"), relayCounter("deliveries_total")
	l.decisionFailed = relayCounter("decision_failures_total", "reason", "timeout")
	l.deliveryFailed = relayCounter("delivery_failures_total", "reason", "status")
	l.drops = relayCounter("dropped_total", "reason", "refused")
	l.decisionSeconds, l.deliverySeconds = relaySeconds("decision"), relaySeconds("delivery")
	reg.MustRegister(l.circuit, l.queued, l.setAside, l.queueOldest, l.decisions, l.deliveries, l.decisionFailed, l.deliveryFailed, l.drops,
		l.decisionSeconds, l.deliverySeconds)
	reg.MustRegister(l.reloadOK, l.reloadOKSince, l.logLines, l.commits, l.failures, l.corruptions, l.degraded, l.lastSuccess,
		l.commitDurationSeconds, l.eventsInEachBatch)
	l.reloadOK.Set(1)
	l.reloadOKSince.SetToCurrentTime()
	return l
}

// work simulates a minute of these metrics.
func (l *later) work() {
	l.commits.Add(3)
	l.lastSuccess.SetToCurrentTime()
	l.commitDurationSeconds.Observe(.004)
	l.eventsInEachBatch.Observe(2)
	for _, c := range []prometheus.Counter{l.decisions, l.deliveries, l.decisionFailed, l.deliveryFailed, l.drops} {
		c.Inc()
	}
	l.queued.Set(7)
	l.queueOldest.Set(float64(time.Now().Add(-90*time.Second).UnixMilli()) / 1000)
	l.decisionSeconds.Observe(.02)
	l.deliverySeconds.Observe(.2)
	if l.recounts != nil {
		l.recounts.work()
	}
}

// send sends a callback to the replica and checks that the status of its answer is want.
func (r *replica) send(t *testing.T, want int, app, command, secret, body string) {
	t.Helper()
	r.sendAt(t, time.Now(), want, app, command, secret, body)
}

// sendAt is send with a signature of another time.
func (r *replica) sendAt(t *testing.T, at time.Time, want int, app, command, secret, body string) {
	t.Helper()
	now := strconv.FormatInt(at.Unix(), 10)
	query := url.Values{"SdkAppid": {app}, "CallbackCommand": {command}, "RequestTime": {now}, "Sign": {tuilivekit.Sign(secret, now)}}
	answer := httptest.NewRecorder()
	r.callback.ServeHTTP(answer, httptest.NewRequest("POST", "/callback?"+query.Encode(), strings.NewReader(body)))
	if answer.Code != want {
		t.Fatalf("%s of %s: answered %d %s, want %d", command, app, answer.Code, answer.Body, want)
	}
}

// threshold sends a threshold event whose time is two seconds ago.
func (r *replica) threshold(t *testing.T, app string, current, limit int) {
	t.Helper()
	r.thresholdOf(t, app, current, limit, time.Now().Add(-2*time.Second))
}

func (r *replica) thresholdOf(t *testing.T, app string, current, limit int, at time.Time) {
	t.Helper()
	r.send(t, 200, app, "Live.CallbackAfterCreateRoomReachingThreshold", token, fmt.Sprintf(
		`{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","Operator_Account":"o","EventTime":%d,"CurRoomCount":%d,"MaxRoomCount":%d}`,
		at.UnixMilli(), current, limit))
}

func (r *replica) room(t *testing.T, app, command, id string) {
	t.Helper()
	r.send(t, 200, app, command, token, fmt.Sprintf(
		`{"CallbackCommand":%q,"RoomId":%q,"EventTime":%d,"EventType":"DestroyByUser","RoomInfo":{"CreateTime":%d},`+
			`"Statistic":{"TotalViewers":40,"TotalGiftsSent":3,"TotalGiftCoins":30,"TotalLikesReceived":200}}`,
		command, id, time.Now().UnixMilli(), time.Now().Add(-20*time.Minute).Unix()))
}

// newWorld simulates the three hours.
func newWorld(t *testing.T) *world {
	w := &world{}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))) // synctest starts in 2000, too early for an EventTime
		w.start = time.Now()
		a, b := startReplica(t, replicaA), startReplica(t, replicaB)
		for minute := range minutes + 1 {
			if minute == upAgain {
				series := a.series
				a = startReplica(t, replicaA)
				a.series = series
			}
			turn := []*replica{a, b}
			up := minute < downFrom || minute >= upAgain
			if !up {
				turn = []*replica{b}
			}
			happen(t, minute, turn[minute%len(turn)], b)
			for _, r := range turn {
				r.later.work()
			}
			w.scrape(t, a, up)
			w.scrape(t, b, true)
			time.Sleep(time.Minute)
		}
	})
	return w
}

// happen sends the callbacks of a minute. Those of production are sent to r.
func happen(t *testing.T, minute int, r, b *replica) {
	t.Helper()
	limit := 1000
	if minute >= limitRaised {
		limit = 1200
	}
	r.threshold(t, production, rooms(minute), limit)
	r.room(t, production, "Live.CallbackAfterCreateRoom", fmt.Sprint("c", minute))
	r.room(t, production, "Live.CallbackAfterDestroyRoom", fmt.Sprint("d", minute))
	switch {
	case minute == 150:
		b.later.reloadOK.Set(0)
	case minute == 155:
		b.later.reloadOK.Set(1)
		b.later.reloadOKSince.SetToCurrentTime()
	case minute == 10:
		b.threshold(t, expiring, 90, 100)
	case minute == 70:
		b.threshold(t, staging, 75, 100)
	case minute > 70 && minute%10 == 7: // nothing moves
		at := time.Now().Add(-2 * time.Second)
		for range 2 {
			b.thresholdOf(t, staging, 70, 100, at.Add(-24*time.Hour))
		}
		b.send(t, 401, staging, "Live.CallbackAfterCreateRoom", "another token", `{}`)
		b.send(t, 403, "1499999999", "Live.CallbackAfterCreateRoom", token, `{}`)
	}
}

// rooms returns the number of rooms of production.
func rooms(minute int) int { return 700 + 2*minute }

// scrape does what Prometheus does each minute.
func (w *world) scrape(t *testing.T, r *replica, up bool) {
	t.Helper()
	var body []byte
	if up {
		request := httptest.NewRequest("GET", "/metrics", nil)
		request.Header.Set("Accept", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
		answer := httptest.NewRecorder()
		r.metrics.ServeHTTP(answer, request)
		body = answer.Body.Bytes()
	}
	now := time.Now().UnixMilli()
	for kind, to := range []*[]sample{&w.classic, &w.native} {
		samples, err := parse(body, r.instance, now, textparse.ParserOptions{IgnoreNativeHistograms: kind == 0})
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]labels.Labels{}
		for _, s := range samples {
			seen[s.labels.String()] = s.labels
		}
		for id, gone := range r.series[kind] {
			if _, ok := seen[id]; !ok {
				samples = append(samples, sample{labels: gone, t: now, v: math.Float64frombits(value.StaleNaN)})
			}
		}
		r.series[kind] = seen
		health := sample{labels: labels.FromStrings("__name__", "up", "job", job, "instance", r.instance), t: now}
		if up {
			health.v = 1
		}
		*to = append(append(*to, samples...), health)
	}
}

// parse parses an exposition of the exporter.
func parse(body []byte, instance string, now int64, opts textparse.ParserOptions) ([]sample, error) {
	p, err := textparse.New(body, "application/vnd.google.protobuf", labels.NewSymbolTable(), opts)
	if err != nil {
		return nil, err
	}
	var samples []sample
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return samples, nil
		} else if err != nil {
			return nil, err
		}
		s := sample{t: now}
		switch entry {
		case textparse.EntrySeries:
			_, _, s.v = p.Series()
		case textparse.EntryHistogram:
			_, _, s.h, s.fh = p.Histogram()
		default:
			continue
		}
		var own labels.Labels
		p.Labels(&own)
		b := labels.NewBuilder(own)
		s.labels = b.Set("job", job).Set("instance", instance).Labels()
		samples = append(samples, s)
	}
}
