package handler_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/collector"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
)

// A backend that has a router and a registry of its own can take the callbacks itself.
func Example() {
	registry := prometheus.NewRegistry()
	callback, err := handler.New(handler.Options{
		Apps:       []handler.App{{ID: "1400000001", Name: "production", AllowUnsigned: true}},
		Registerer: registry,
	})
	if err != nil {
		log.Fatal(err)
	}
	registry.MustRegister(collector.New(callback, collector.Options{}))

	router := mux.NewRouter()
	router.Handle("/callback", callback).Methods(http.MethodPost)
	router.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))

	// Tencent would send this:
	server := httptest.NewServer(router)
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

	// And Prometheus would see this:
	scrape, err := http.Get(server.URL + "/metrics")
	if err != nil {
		log.Fatal(err)
	}
	defer scrape.Body.Close()
	text, err = io.ReadAll(scrape.Body)
	if err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "tuilivekit_current_rooms") || strings.HasPrefix(line, "tuilivekit_max_rooms") {
			fmt.Print(line)
		}
	}
	// Output:
	// {"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}
	// tuilivekit_current_rooms{sdk_app_id="1400000001"} 400
	// tuilivekit_max_rooms{sdk_app_id="1400000001"} 500
}
