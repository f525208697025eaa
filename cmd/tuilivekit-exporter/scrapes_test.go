package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestScrapesWaitForTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var served []string
		release := make(chan struct{})
		h := limitScrapes(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			served = append(served, r.URL.Path)
			<-release
		}))
		var scrapes sync.WaitGroup
		scrape := func(ctx context.Context, name string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			scrapes.Go(func() { h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, name, nil)) })
			synctest.Wait()
			return w
		}
		ctx := t.Context()
		for range maxScrapes {
			scrape(ctx, "/held")
		}
		gone, leave := context.WithCancel(ctx)
		for range 1000 {
			scrape(gone, "/reset")
		}
		late := scrape(ctx, "/late")
		time.Sleep(scrapeWait / 2)
		first := scrape(ctx, "/first")
		second := scrape(ctx, "/second")
		leave()
		time.Sleep(scrapeWait / 2)
		synctest.Wait()
		if late.Code != http.StatusServiceUnavailable || late.Header().Get("Retry-After") == "" {
			t.Errorf("after %s: got %d", scrapeWait, late.Code)
		}
		served = nil
		release <- struct{}{}
		synctest.Wait()
		release <- struct{}{}
		synctest.Wait()
		if len(served) != 2 || served[0] != "/first" || served[1] != "/second" {
			t.Errorf("served are %v", served)
		}
		close(release)
		scrapes.Wait()
		if first.Code != http.StatusOK || second.Code != http.StatusOK {
			t.Errorf("got %d and %d", first.Code, second.Code)
		}
	})
}
