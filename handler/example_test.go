package handler_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/collector"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/store"
)

// A backend with its own router and registry accepts the callbacks itself, with a store that
// survives a crash.
func Example() {
	dir := folder()
	defer os.RemoveAll(dir)
	registry := prometheus.NewRegistry()
	durable, err := store.Open(store.Options{Path: dir, Registerer: registry})
	if err != nil {
		log.Fatal(err)
	}
	callback, err := handler.New(handler.Options{
		Apps:       []handler.App{{ID: "1400000001", Name: "production", AllowUnsigned: true}},
		Store:      durable,
		Registerer: registry,
	})
	if err != nil {
		log.Fatal(err)
	}
	registry.MustRegister(collector.New(callback, collector.Options{}))
	stop := background(durable.Run)
	defer stop()

	router := mux.NewRouter()
	router.Handle("/callback", callback).Methods(http.MethodPost)
	router.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))

	tryOut(router)
	// Output:
	// {"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}
	// tuilivekit_current_rooms{sdk_app_id="1400000001"} 400
	// tuilivekit_max_rooms{sdk_app_id="1400000001"} 500
}

// The same with the router of the standard library, in memory only.
func Example_serveMux() {
	registry := prometheus.NewRegistry()
	callback, err := handler.New(handler.Options{
		Apps:       []handler.App{{ID: "1400000001", Name: "production", AllowUnsigned: true}},
		Registerer: registry,
	})
	if err != nil {
		log.Fatal(err)
	}
	registry.MustRegister(collector.New(callback, collector.Options{}))

	mux := http.NewServeMux()
	mux.Handle("POST /callback", callback)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))

	tryOut(mux)
	// Output:
	// {"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}
	// tuilivekit_current_rooms{sdk_app_id="1400000001"} 400
	// tuilivekit_max_rooms{sdk_app_id="1400000001"} 500
}

// background runs f in a goroutine. stop cancels the context of f and waits until f returns.
func background(f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	return func() { cancel(); <-done }
}

// folder returns the folder of the program's data.
func folder() string {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	return dir
}

// tryOut sends a callback as Tencent does, and scrapes the metrics as Prometheus does.
func tryOut(h http.Handler) {
	server := httptest.NewServer(h)
	defer server.Close()
	answer, err := http.Post(server.URL+"/callback?SdkAppid=1400000001", "application/json", strings.NewReader(
		`{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","EventTime":1739966441121,"CurRoomCount":400,"MaxRoomCount":500}`))
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
	scrape, err := http.Get(server.URL + "/metrics")
	if err != nil {
		log.Fatal(err)
	}
	defer scrape.Body.Close()
	if text, err = io.ReadAll(scrape.Body); err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "tuilivekit_current_rooms") || strings.HasPrefix(line, "tuilivekit_max_rooms") {
			fmt.Print(line)
		}
	}
}
