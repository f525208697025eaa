package exposition

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
)

const (
	// maxOpen is how many scrapes are answered at a time. Each takes a goroutine and, besides
	// what it compresses with, two buffers of bufferSize.
	maxOpen = 32
	// maxTurns is how many of them are encoded at a time. The others wait for their turn, in
	// the order in which they came, or for their network.
	maxTurns = 4
	// maxWait is how long another one waits for a place before it is refused: a scraper that
	// reads its answer is served within that.
	maxWait = 900 * time.Millisecond
	// bufferSize is how much is encoded before it is compressed or sent.
	bufferSize = 32 << 10

	// A scraper has to take its answer within the time that it says it waits, or
	// defaultTimeout if it does not say, and within maxTimeout anyway.
	defaultTimeout = 30 * time.Second
	maxTimeout     = 2 * time.Minute
)

// Handler returns a handler that answers as promhttp does, with OpenMetrics and its
// created samples. A scraper that does not read its answer keeps no other one waiting. If
// too many are being answered for maxWait, the answer is 503. errorLog gets what goes wrong.
func (r *Registry) Handler(errorLog promhttp.Logger) http.Handler {
	return &scrapes{registry: r, errorLog: errorLog, open: make(chan struct{}, maxOpen), turns: make(chan struct{}, maxTurns)}
}

// scrapes answers scrapes.
type scrapes struct {
	registry *Registry
	errorLog promhttp.Logger
	open     chan struct{} // has one for each scrape
	turns    chan struct{} // has one for each that is being encoded
}

// ServeHTTP implements http.Handler.
func (s *scrapes) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !s.enter(req.Context()) {
		tooMany(w)
		return
	}
	defer func() { <-s.open }()
	deadline := time.Now().Add(timeout(req.Header))
	ctx, cancel := context.WithDeadline(req.Context(), deadline)
	defer cancel()
	// A ResponseWriter without deadlines is one of a test.
	_ = http.NewResponseController(w).SetWriteDeadline(deadline)
	turn := &turn{ctx: ctx, turns: s.turns, w: w}
	if err := turn.take(); err != nil {
		if req.Context().Err() == nil { // else nobody waits for the answer
			tooMany(w)
		}
		return
	}
	defer turn.leave()
	format := expfmt.NegotiateAccept(req.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...)
	parts, err := s.registry.gather(format, req.URL.Query()["name[]"])
	if err != nil {
		s.errorLog.Println("error gathering metrics:", err)
		http.Error(w, "An error has occurred while serving metrics:\n\n"+err.Error(), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", string(format))
	header.Add("Vary", "Accept")
	header.Add("Vary", "Accept-Encoding")
	coding := negotiateCoding(req.Header)
	if coding != identity {
		header.Set("Content-Encoding", coding)
	}
	body := compress(turn, coding)
	err = write(body, format, parts)
	if err == nil {
		err = body.Close()
	}
	if err != nil {
		s.errorLog.Println("error sending metrics:", err)
		panic(http.ErrAbortHandler) // or a part would be taken for the whole
	}
}

// enter waits for a place, and reports whether there is one. Whoever waits gets the next
// one in the order of arrival.
func (s *scrapes) enter(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	select {
	case s.open <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func tooMany(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, "too many scrapes", http.StatusServiceUnavailable)
}

// timeout returns how long the scraper waits for the answer. Prometheus sends the timeout
// of its configuration with each scrape.
func timeout(h http.Header) time.Duration {
	seconds, err := strconv.ParseFloat(h.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err != nil || !(seconds > 0) {
		return defaultTimeout
	}
	return time.Duration(min(seconds, maxTimeout.Seconds()) * float64(time.Second))
}

// turn is the turn of one scrape to be encoded, and the writer of its answer. A turn is
// left while the answer is written: that takes as long as the scraper likes.
type turn struct {
	ctx   context.Context // ends when nobody waits for the answer any more
	turns chan struct{}   // whoever sends to a full channel waits in order
	taken bool
	w     http.ResponseWriter
}

func (t *turn) take() error {
	select {
	case t.turns <- struct{}{}:
		t.taken = true
		return nil
	case <-t.ctx.Done():
		return t.ctx.Err()
	}
}

func (t *turn) leave() {
	if t.taken {
		t.taken = false
		<-t.turns
	}
}

// Write implements io.Writer.
func (t *turn) Write(b []byte) (int, error) {
	t.leave()
	n, err := t.w.Write(b)
	if err == nil {
		err = t.take()
	}
	return n, err
}
