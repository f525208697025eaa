//go:build linux

package crash

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// load sends events from several clients, each over its own connection, and scrapes, until the exporter
// does not answer any more.
type load struct {
	p      *exporter.Process
	models []*model
	group  sync.WaitGroup
	stop   atomic.Bool  // send no more requests
	closed atomic.Int64 // connections that ended between two answers
}

func startLoad(p *exporter.Process, models []*model, clients int, random *rand.Rand) *load {
	l := &load{p: p, models: models}
	for i := range clients {
		r := rand.New(rand.NewPCG(random.Uint64(), 0))
		l.group.Go(func() { l.send(models[i%len(models)], r) })
	}
	l.group.Go(func() { l.scrape() })
	return l
}

// wait returns when all clients have ended.
func (l *load) wait() {
	l.stop.Store(true)
	l.group.Wait()
}

// send is one client. It sends some events out of order, and some twice.
func (l *load) send(m *model, random *rand.Rand) {
	conn, err := exporter.Dial(l.p.Webhook)
	if err != nil {
		return // the exporter has ended
	}
	defer conn.Close()
	for {
		numbers := []int64{m.draw()}
		if random.IntN(10) == 0 {
			numbers = []int64{m.draw(), numbers[0]}
		}
		for _, n := range numbers {
			m.begin(n)
			a, err := conn.Post(m.event(n), token)
			m.end(n, a, err)
			if !l.goesOn(m, a, err) {
				return
			}
		}
		if random.IntN(10) == 0 {
			m.mu.Lock()
			n := int64(-1)
			if len(m.recent) > 0 {
				n = m.recent[random.IntN(len(m.recent))]
			}
			m.mu.Unlock()
			if n < 0 {
				continue
			}
			m.sums.add(&m.sums.repeats, 1)
			if a, err := conn.Post(m.event(n), token); !l.goesOn(m, a, err) {
				return
			}
		}
	}
}

// goesOn checks an answer and reports whether the connection can be used for another request.
func (l *load) goesOn(m *model, a exporter.Answer, err error) bool {
	switch {
	case err != nil && a.Status != 0:
		m.t.Errorf("%s: %v", m.app, err)
	case err != nil:
		l.closed.Add(1)
	case a.Status != http.StatusOK && !a.Late():
		m.t.Errorf("%s: answered %d after %s", m.app, a.Status, a.Took)
	}
	return err == nil && (a.Status == http.StatusOK || a.Late()) && !a.Close
}

func (l *load) scrape() {
	client := &http.Client{Transport: &http.Transport{}, Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	for !l.stop.Load() && check(l.p, client, l.models) == nil {
		time.Sleep(2 * time.Millisecond)
	}
}

// check scrapes once and compares the metrics with the models. Its error is that of the scrape.
func check(p *exporter.Process, client *http.Client, models []*model) error {
	before := make([]known, len(models))
	for i, m := range models {
		before[i] = m.known()
	}
	s, err := p.Scrape(client)
	if err != nil {
		return err
	}
	for i, m := range models {
		m.check(before[i], s)
	}
	models[0].sums.add(&models[0].sums.scrapes, 1)
	return nil
}

// settle sends the events again that were not acknowledged. The exporter may have counted them or not; after that
// each must be counted once, so each counter has exactly one right value.
func settle(p *exporter.Process, models []*model) error {
	conn, err := exporter.Dial(p.Webhook)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, m := range models {
		again := m.unanswered
		m.unanswered, m.late = nil, [3]int{}
		for _, n := range again {
			a, err := conn.PostPatiently(m.event(n), token)
			if err != nil {
				return err
			}
			if a.Status != http.StatusOK {
				m.t.Errorf("%s: event %d again: answered %d", m.app, n, a.Status)
			}
			m.end(n, a, nil)
		}
	}
	return check(p, http.DefaultClient, models)
}
