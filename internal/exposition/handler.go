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
	// maxOpen is the maximum number of scrapes in progress. Each needs a goroutine, two buffers
	// of bufferSize, and the memory of its compressor.
	maxOpen = 32
	// maxTurns is the maximum number of scrapes that are encoded at a time. The other scrapes in
	// progress wait for a turn, in the order of their arrival, or for their client.
	maxTurns = 4
	// maxWait is the maximum time that a scrape waits until fewer than maxOpen are in progress.
	// Then it is answered 503.
	maxWait = 900 * time.Millisecond
	// bufferSize is the number of bytes that are encoded before they are compressed or sent.
	bufferSize = 32 << 10
	// A scraper must read its answer within the timeout in its request, or within
	// defaultTimeout if the request has none, but within maxTimeout at most.
	defaultTimeout = 30 * time.Second
	maxTimeout     = 2 * time.Minute
)

// Handler returns a handler that answers as promhttp does, with OpenMetrics and created samples. A
// scraper that does not read its answer does not delay others. If there are too many scrapes in
// progress for maxWait, the answer is 503. errorLog gets the errors of gathering and sending.
func (r *Registry) Handler(errorLog promhttp.Logger) http.Handler {
	return &scrapes{registry: r, errorLog: errorLog, open: make(chan struct{}, maxOpen), turns: make(chan struct{}, maxTurns)}
}

// scrapes answers scrapes.
type scrapes struct {
	registry *Registry
	errorLog promhttp.Logger
	open     chan struct{} // has a value for each scrape in progress
	turns    chan struct{} // has a value for each scrape that is being encoded
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
	// Only the ResponseWriter of a test has no deadlines.
	_ = http.NewResponseController(w).SetWriteDeadline(deadline)
	turn := &turn{ctx: ctx, turns: s.turns, w: w}
	if err := turn.take(); err != nil {
		if req.Context().Err() == nil { // else the client has closed the connection
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
		panic(http.ErrAbortHandler) // so that the client does not accept a part as the whole
	}
}

// enter waits until fewer than maxOpen scrapes are in progress, for maxWait at most, and reports
// whether there are. Scrapes enter in the order of their arrival.
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

// timeout returns the maximum time to send the answer. Prometheus sends its configured timeout
// with each scrape.
func timeout(h http.Header) time.Duration {
	seconds, err := strconv.ParseFloat(h.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err != nil || !(seconds > 0) {
		return defaultTimeout
	}
	return time.Duration(min(seconds, maxTimeout.Seconds()) * float64(time.Second))
}

// turn is the right of one scrape to be encoded, and the writer of its answer. The turn is
// released during each write, because the scraper may be slow.
type turn struct {
	ctx   context.Context // ends at the deadline, or when the client has closed the connection
	turns chan struct{}   // senders to a full channel wait in their order
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
