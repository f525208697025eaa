package main

import (
	"regexp"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// newGoCollector returns a collector of the Go runtime, with the metrics of runtime/metrics instead
// of go_memstats_*: in OpenMetrics the counter go_memstats_alloc_bytes_total has the family name
// go_memstats_alloc_bytes, which is a gauge as well.
func newGoCollector() prometheus.Collector {
	return collectors.NewGoCollector(
		collectors.WithGoCollectorMemStatsMetricsDisabled(),
		collectors.WithGoCollectorRuntimeMetrics(collectors.GoRuntimeMetricsRule{
			Matcher: regexp.MustCompile(`^/gc/heap/(allocs|frees|goal|live|objects):|^/gc/cycles/total:|^/memory/classes/(heap/\w+|os-stacks|total):`),
		}),
	)
}
