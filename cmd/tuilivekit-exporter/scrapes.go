package main

import (
	"net/http"
	"time"
)

const (
	maxScrapes = 4               // that are answered at a time
	scrapeWait = 5 * time.Second // for a place: Prometheus gives up after 10 s, if nobody tells it otherwise
)

// limitScrapes answers maxScrapes requests at a time, the others in the order in which
// they came; 503 to one that has waited for scrapeWait. Who has gone meanwhile keeps
// nobody waiting.
func limitScrapes(next http.Handler) http.Handler {
	places := make(chan struct{}, maxScrapes) // who sends to a full channel waits in order
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		late := time.NewTimer(scrapeWait)
		defer late.Stop()
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		case <-r.Context().Done():
			return
		case <-late.C:
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many scrapes", http.StatusServiceUnavailable)
			return
		}
		if r.Context().Err() == nil { // gone when its turn came
			next.ServeHTTP(w, r)
		}
	})
}
