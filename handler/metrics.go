package handler

import (
	"iter"
	"math"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/exposition"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// Events that are acknowledged and change no gauge. Their names are label values.
const (
	duplicate = iota
	outOfOrder
	numDiscards
)

var discardNames = [numDiscards]string{"duplicate", "out_of_order"}

// Differences of accepted callbacks from Tencent's documents. Their names are label values.
const (
	clamped = iota
	noEventTime
	commandMismatch
	implausible
	countType
	noRoomID
	numOddities
)

var oddityNames = [numOddities]string{"clamped", "no_event_time", "command_mismatch", "implausible", "count_type", "no_room_id"}

// count counts the differences of an event that is not a duplicate.
func (s *appStats) count(cb tuilivekit.Callback, outcome Outcome) {
	if outcome.Verdict == OutOfOrder {
		s.discarded[outOfOrder].Add(1)
	}
	if outcome.Clamped {
		s.oddities[clamped].Add(1)
	}
	if cb.EventTime == 0 {
		s.oddities[noEventTime].Add(1)
	}
	if cb.Retyped {
		s.oddities[countType].Add(1)
	}
	if (cb.Command == tuilivekit.RoomCreated || cb.Command == tuilivekit.RoomDestroyed) && len(cb.RoomID) == 0 {
		s.oddities[noRoomID].Add(1)
	}
	// Tencent documents that it sends threshold events from 70 % of the limit on. After a
	// limit was lowered, other counts are possible for a while.
	if cb.Command == tuilivekit.RoomThreshold && (cb.Current > cb.Max || cb.Current*10 < cb.Max*7) {
		s.oddities[implausible].Add(1)
	}
}

// observeDuration observes the duration of a destroyed room, if its creation is known.
func (s *appStats) observeDuration(e Event, outcome Outcome) {
	opened := e.Opened
	if opened == 0 {
		opened = outcome.Opened
	}
	if e.Kind != Destroyed || opened == 0 {
		return
	}
	closed := e.Time
	if closed == 0 || outcome.Clamped {
		closed = e.Received
	}
	s.durations.Observe(float64(closed-opened) / 1000)
}

// metrics are the metrics of the Callback itself.
type metrics struct {
	rejections []prometheus.Counter // by the index of their reason
	inFlight   prometheus.Gauge
	panics     prometheus.Counter
	duration   *exposition.Unlabeled
	delay      *exposition.Unlabeled
	skew       *exposition.Unlabeled
	clockSkew  atomic.Uint64 // math.Float64bits of the seconds, NaN before the first signed request

	direct []prometheus.Collector // see exposed
}

// exposed adds c to the collected metrics, and returns it.
func exposed[C prometheus.Collector](m *metrics, c C) C {
	m.direct = append(m.direct, c)
	return c
}

func newMetrics(table reasons) *metrics {
	m := &metrics{}
	m.setClockSkew(math.NaN())
	rejections := exposed(m, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tuilivekit_webhook_rejections_total",
		Help: "Requests to the webhook listener that were refused, by reason.",
	}, []string{"reason"}))
	for _, r := range table.list {
		m.rejections = append(m.rejections, rejections.WithLabelValues(r.label))
	}
	m.inFlight = exposed(m, prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tuilivekit_webhook_requests_in_flight",
		Help: "Callbacks in progress.",
	}))
	m.panics = exposed(m, prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tuilivekit_webhook_panics_total",
		Help: "Panics while answering a callback. Each one is a bug.",
	}))
	m.duration = exposed(m, exposition.NewUnlabeled("tuilivekit_webhook_request_duration_seconds",
		"Time from the header of a callback to its answer. Tencent waits 2 s.",
		.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2))
	m.delay = exposed(m, exposition.NewUnlabeled("tuilivekit_webhook_event_delay_seconds",
		"Time from the EventTime of a callback to its receipt. 0 if EventTime is in the future.",
		.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800))
	m.skew = exposed(m, exposition.NewUnlabeled("tuilivekit_webhook_request_skew_seconds",
		"Absolute difference between our clock and RequestTime of requests with a valid signature, also of refused ones.",
		1, 2, 5, 10, 20, 30, 60, 120, 300))
	return m
}

var clockSkewDesc = prometheus.NewDesc("tuilivekit_webhook_clock_skew_seconds",
	"Our clock minus RequestTime of the last request with a valid signature, also if it was refused. RequestTime has whole seconds.", nil, nil)

// setClockSkew sets the skew of the last signed request, in seconds.
func (m *metrics) setClockSkew(seconds float64) { m.clockSkew.Store(math.Float64bits(seconds)) }

// observeClockSkew observes the skew of a signed request, and sets it.
func (m *metrics) observeClockSkew(seconds float64) {
	m.setClockSkew(seconds)
	m.skew.Observe(math.Abs(seconds))
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.direct {
		c.Describe(ch)
	}
	ch <- clockSkewDesc
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.direct {
		c.Collect(ch)
	}
	if skew := math.Float64frombits(m.clockSkew.Load()); !math.IsNaN(skew) {
		ch <- prometheus.MustNewConstMetric(clockSkewDesc, prometheus.GaugeValue, skew)
	}
}

// appMetrics are the metrics of the configured applications. They are read from the appStats,
// so the series of an application end when it is removed from the configuration.
type appMetrics struct{ apps *atomic.Pointer[apps] }

var (
	callbackCounter = exposition.Counter("tuilivekit_webhook_callbacks_total",
		"Authenticated callbacks, by command; commands that Tencent does not document are \"other\".", "command")
	discardedCounter = exposition.Counter("tuilivekit_webhook_events_discarded_total",
		"Events that were acknowledged and changed no gauge: duplicate (an exact repeat, not counted as an event) or out_of_order (older than the newest event, and counted).", "reason")
	oddityCounter = exposition.Counter("tuilivekit_webhook_oddities_total",
		"Accepted callbacks that differ from Tencent's documents, by kind.", "kind")
	rateAlarmCounter = exposition.Counter("tuilivekit_rest_rate_alarms_total",
		"Callbacks Alert.RequestOverLimit, by the command of Tencent's server API that was called too often; other commands are \"other\".", "command")
	durationHistogram = exposition.Histogram("tuilivekit_room_duration_seconds",
		"Time from the creation of a room until it was destroyed. Tencent reports the creation in whole seconds.", "",
		60, 300, 600, 1800, 3600, 7200, 14400, 28800, 86400)
	tokenUsedGauge = exposition.Gauge("tuilivekit_webhook_token_last_used_timestamp_seconds",
		"Time of the last request that the token of this slot signed, also of late ones; 0 if there was none. Slots count from 0 in the order of the configuration.", "slot")
)

// Describe implements prometheus.Collector.
func (m appMetrics) Describe(ch chan<- *prometheus.Desc) { exposition.Describe(m.Sets(), ch) }

// Collect implements prometheus.Collector.
func (m appMetrics) Collect(ch chan<- prometheus.Metric) { exposition.Collect(m.Sets(), ch) }

// Sets implements exposition.Source.
func (m appMetrics) Sets() []exposition.Set {
	list := m.apps.Load().list
	return []exposition.Set{
		{Family: callbackCounter, Samples: counters(list, commandNames[:], func(s *appStats, i int) uint64 { return s.commands[i].total.Load() })},
		{Family: discardedCounter, Samples: counters(list, discardNames[:], func(s *appStats, i int) uint64 { return s.discarded[i].Load() })},
		{Family: oddityCounter, Samples: counters(list, oddityNames[:], func(s *appStats, i int) uint64 { return s.oddities[i].Load() })},
		{Family: rateAlarmCounter, Samples: counters(list, restCommandNames[:], func(s *appStats, i int) uint64 { return s.rateAlarms[i].Load() })},
		{Family: durationHistogram, Samples: durations(list)},
		{Family: tokenUsedGauge, Samples: tokensUsed(list)},
	}
}

var commandNames = func() (names [tuilivekit.Commands]string) {
	for i := range names {
		names[i] = tuilivekit.Command(i).String()
	}
	return names
}()

var restCommandNames = func() (names [tuilivekit.RESTCommands]string) {
	for i := range names {
		names[i] = tuilivekit.RESTCommand(i).String()
	}
	return names
}()

func durations(list []*app) iter.Seq[exposition.Sample] {
	return func(yield func(exposition.Sample) bool) {
		for _, app := range list {
			if !yield(exposition.Sample{AppID: app.id, Observations: app.stats.durations, Created: app.stats.since}) {
				return
			}
		}
	}
}

// counters returns the counters whose label values are names. of returns the value of the i-th.
func counters(list []*app, names []string, of func(s *appStats, i int) uint64) iter.Seq[exposition.Sample] {
	return func(yield func(exposition.Sample) bool) {
		for _, app := range list {
			for i, name := range names {
				if !yield(exposition.Sample{AppID: app.id, Label: name, Value: float64(of(app.stats, i)), Created: app.stats.since}) {
					return
				}
			}
		}
	}
}

// tokensUsed returns a sample of each configured token. So an operator sees a token that was
// never used, before removing another token.
func tokensUsed(list []*app) iter.Seq[exposition.Sample] {
	return func(yield func(exposition.Sample) bool) {
		for _, app := range list {
			for i := range app.tokens {
				used := float64(app.stats.tokenUsed[i].Load()) / 1000
				if !yield(exposition.Sample{AppID: app.id, Label: strconv.Itoa(i), Value: used}) {
					return
				}
			}
		}
	}
}
