package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/leaks"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/store"
)

func TestMain(m *testing.M) { leaks.VerifyTestMain(m) }

func TestRecordedEventsSurviveARestart(t *testing.T) {
	path := t.TempDir()
	s, stop := open(t, path)
	now := time.Now().UnixMilli()
	event := handler.Event{AppID: "1", Kind: handler.Threshold, Time: now, Received: now, Current: 400, Max: 500}
	if outcome, err := s.Record(event, handler.Request{}, time.Time{}); err != nil || outcome.Verdict != handler.Accepted {
		t.Errorf("recorded: %+v, %v", outcome, err)
	}
	if _, err := s.Record(event, handler.Request{AppID: "1", Data: []byte("x")}, time.Time{}); !errors.Is(err, handler.ErrNotDurable) {
		t.Errorf("a request that the store cannot deliver: %v", err)
	}
	stop()

	s, stop = open(t, path)
	defer stop()
	if outcome, err := s.Record(event, handler.Request{}, time.Time{}); err != nil || outcome.Verdict != handler.Duplicate {
		t.Errorf("recorded again: %+v, %v", outcome, err)
	}
	got := s.Snapshot()
	if len(got) != 1 || got[0].Current != 400 || got[0].Max != 500 || got[0].Events != 1 || got[0].Name != "one" {
		t.Errorf("got %+v", got)
	}
}

// open returns a store that runs until stop is called.
func open(t *testing.T, path string) (s *store.Store, stop func()) {
	t.Helper()
	s, err := store.Open(store.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	s.Configure([]handler.Counted{{ID: "1", Name: "one"}})
	return s, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
