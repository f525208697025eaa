//go:build linux

package crash

import (
	"fmt"
	"math"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// The commands in the order of model.sent and the like, and their counters.
var (
	commands = [3]exporter.Command{exporter.Threshold, exporter.Created, exporter.Destroyed}
	counters = [3]string{"tuilivekit_threshold_events_total", "tuilivekit_room_creations_total", "tuilivekit_room_destructions_total"}
	births   = [3]string{"tuilivekit_threshold_events_created", "tuilivekit_room_creations_created", "tuilivekit_room_destructions_created"}
)

// model has the values that the exporter may show for one application. Its events are numbered, and the time
// and both counts of a threshold event contain its number. So each gauge shows which event it comes from, and
// all gauges must come from the same event.
type model struct {
	app   string
	epoch int64 // time of event 0, so long ago that no event is in the future
	sums  *sums
	t     *testing.T

	mu         sync.Mutex
	next       int64          // number of the next event
	wasSent    map[int64]bool // numbers of the events that were sent
	sent       [3]int         // how many were sent, without repeats
	acked      [3]int         // how many of them were answered 200
	newest     int64          // number of the newest threshold event among these
	unanswered []int64        // sent and not acknowledged
	late       [3]int         // how many of them were answered 503 because time was up
	recent     []int64        // some of the answered ones

	// Values of the scrapes so far. Only one goroutine scrapes at a time.
	shown  [3]float64
	born   [3]float64
	number int64 // of the event in the gauges
}

// sums has the numbers of the summary line.
type sums struct {
	mu                                                           sync.Mutex
	acked, unanswered, repeats, scrapes, lost, regressed, backed int
}

func (s *sums) add(n *int, delta int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n += delta
}

func (s *sums) String() string {
	return fmt.Sprintf("%d events acknowledged, %d cut off and sent again, %d repeats, %d scrapes: %d events lost or counted twice, %d gauges regressed, %d counters back",
		s.acked, s.unanswered, s.repeats, s.scrapes, s.lost, s.regressed, s.backed)
}

func newModels(t *testing.T, n int) (models []*model, apps []string, s *sums) {
	s = &sums{}
	for i := range n {
		app := fmt.Sprint(1400000001 + i)
		apps = append(apps, app)
		models = append(models, &model{
			app: app, epoch: time.Now().Add(-time.Hour).UnixMilli(), sums: s, t: t,
			wasSent: make(map[int64]bool), newest: -1, number: -1,
		})
	}
	return models, apps, s
}

// command returns the index of the command of event n. Most are threshold events.
func command(n int64) int { return max(0, int(n%8)-5) }

const maxOffset = 1_000_000

func (m *model) event(n int64) exporter.Event {
	return exporter.Event{
		App: m.app, Command: commands[command(n)], Time: m.epoch + n, Current: n, Max: maxOffset + n, Name: fmt.Sprintf("name-%d", n),
	}
}

// draw returns the number of an event that was not sent yet.
func (m *model) draw() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next++
	return m.next - 1
}

// begin records that event n is about to be sent.
func (m *model) begin(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.wasSent[n] {
		m.wasSent[n] = true
		m.sent[command(n)]++
	}
}

// end records how event n was answered, if err is nil. It was sent for the first time, or again because it had
// not been acknowledged.
func (m *model) end(n int64, a exporter.Answer, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil || a.Status != http.StatusOK {
		if a.Late() {
			m.late[command(n)]++
		}
		m.unanswered = append(m.unanswered, n)
		m.sums.add(&m.sums.unanswered, 1)
		return
	}
	m.acked[command(n)]++
	m.sums.add(&m.sums.acked, 1)
	if command(n) == 0 {
		m.newest = max(m.newest, n)
	}
	if m.recent = append(m.recent, n); len(m.recent) > 100 {
		m.recent = m.recent[1:]
	}
}

// known has the events that the exporter must have counted, and those that it may have counted.
type known struct {
	acked, sent [3]int
	newest      int64
}

func (m *model) known() known {
	m.mu.Lock()
	defer m.mu.Unlock()
	return known{m.acked, m.sent, m.newest}
}

// check compares a scrape with the events that were answered before it began, the events that were sent
// before it ended, and the earlier scrapes.
func (m *model) check(before known, s exporter.Metrics) {
	after := m.known()
	for i, name := range counters {
		got, ok := s.Of(name, m.app)
		born, _ := s.Of(births[i], m.app)
		if !ok {
			m.t.Errorf("%s: %s is not there", m.app, name)
			continue
		}
		if got < float64(before.acked[i]) {
			m.sums.add(&m.sums.lost, before.acked[i]-int(got))
			m.t.Errorf("%s: %s is %g, but %d were acknowledged", m.app, name, got, before.acked[i])
		}
		if got > float64(after.sent[i]) {
			m.sums.add(&m.sums.lost, int(got)-after.sent[i])
			m.t.Errorf("%s: %s is %g, but only %d were sent", m.app, name, got, after.sent[i])
		}
		if got < m.shown[i] {
			m.sums.add(&m.sums.backed, 1)
			m.t.Errorf("%s: %s is %g, but was %g", m.app, name, got, m.shown[i])
		}
		// A counter and its created timestamp become durable with its first event.
		if m.shown[i] > 0 && born != m.born[i] || born == 0 {
			m.sums.add(&m.sums.backed, 1)
			m.t.Errorf("%s: %s is %f, but was %f", m.app, births[i], born, m.born[i])
		}
		m.shown[i], m.born[i] = got, born
	}
	m.checkGauges(before, s)
}

func (m *model) checkGauges(before known, s exporter.Metrics) {
	current, ok := s.Of("tuilivekit_current_rooms", m.app)
	limit, _ := s.Of("tuilivekit_max_rooms", m.app)
	seconds, _ := s.Of("tuilivekit_last_event_timestamp_seconds", m.app)
	n := int64(current)
	if !ok {
		n = -1
	} else if n != int64(limit)-maxOffset || n != int64(math.Round(seconds*1000))-m.epoch {
		m.sums.add(&m.sums.regressed, 1)
		m.t.Errorf("%s: %g of %g rooms at %f are not of one event", m.app, current, limit, seconds)
		return
	}
	m.mu.Lock()
	sent := m.wasSent[n] && command(n) == 0
	m.mu.Unlock()
	if ok && !sent {
		m.t.Errorf("%s: the gauges have event %d, which was not sent", m.app, n)
	}
	if n < before.newest || n < m.number {
		m.sums.add(&m.sums.regressed, 1)
		m.t.Errorf("%s: the gauges have event %d, but %d was acknowledged and %d shown", m.app, n, before.newest, m.number)
	}
	m.number = n
}
