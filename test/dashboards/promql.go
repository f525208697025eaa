package main

import (
	"fmt"
	"strings"
)

// The matchers of every query: of the exporter, and of an application.
const (
	ours = `job=~"$job", instance=~"$instance"`
	apps = ours + `, sdk_app_id=~"$sdk_app_id"`
)

// last is the last value of a metric of applications, which outlives its replica by 15
// minutes: a restart or a failover leaves no gap. So do the recording rules.
func last(metric string) string { return "last_over_time(" + metric + "{" + apps + "}[15m])" }

// Each replica has its own newest event. What is shown is of the replica whose event
// is the newest of all, and everything that one expression needs, rooms and limit,
// is of that replica.
var (
	events    = last("tuilivekit_last_event_timestamp_seconds")
	current   = last("tuilivekit_current_rooms")
	limit     = last("tuilivekit_max_rooms")
	estimated = last("tuilivekit_estimated_rooms")

	eventTime = "max by (sdk_app_id) (" + events + ")"
	age       = "clamp_min(time() - " + eventTime + ", 0)"

	usageOfReplica = current + " / " + limit
	usage          = newest(usageOfReplica)
	// atMost counts the rooms that are known to be closed since.
	atMost = newest("(" + estimated + " < " + current + " or " + current + ") / " + limit)

	// The forecast is that of the recording rules: of numbers of the last 10 minutes,
	// with at least ten events in the last 30.
	slope       = "deriv(tuilivekit_current_rooms{" + apps + "}[30m])"
	growth      = enough(newestFresh(slope))
	timeToLimit = enough(newestFresh("clamp_min(" + limit + " - " + current + ", 0) / (" + slope + " > 0)"))
)

// newest is expr, which has the labels of the replicas, of the newest event.
func newest(expr string) string {
	return "max by (sdk_app_id) (\n  " + expr + "\n  and " + events + " == on (sdk_app_id) group_left " + eventTime + "\n)"
}

// newestFresh is newest while the event is younger than 10 minutes.
func newestFresh(expr string) string {
	return newest(expr + "\n  and " + events + " > time() - 600")
}

// enough is expr where events are enough for a forecast.
func enough(expr string) string {
	return "(\n" + expr + "\nand sum by (sdk_app_id) (increase(tuilivekit_threshold_events_total{" + apps + "}[30m])) >= 10\n)"
}

// before is expr one step earlier.
func before(expr string) string { return strings.ReplaceAll(expr, "[15m]", "[15m] offset $__interval") }

// names has the name of each application. While a name changes replicas differ; one
// is taken.
var names = "topk by (sdk_app_id) (1, max by (sdk_app_id, name) (" + last("tuilivekit_app_info") + "))"

// withName adds the label name to expr, which is in parentheses or a call.
func withName(expr string) string { return expr + "\n* on (sdk_app_id) group_left (name)\n" + names }

// orWhy is expr, or -2 where its numbers have expired, or -1 where no event has come.
func orWhy(expr string) string {
	return "(\n" + expr + "\nor " + eventTime + " * 0 - 2" +
		"\nor max by (sdk_app_id) (" + last("tuilivekit_app_info") + ") * 0 - 1\n)"
}

// countAs makes the value of expr the label of that name, so that texts can show it.
func countAs(label, expr string) string {
	return fmt.Sprintf("count_values by (sdk_app_id) (%q, %s)", label, expr)
}

// perMinute is the rate of a counter by a label.
func perMinute(metric, matchers, by string) string {
	return fmt.Sprintf("60 * sum by (%s) (rate(%s{%s}[$__rate_interval]))", by, metric, matchers)
}

// rate is the rate a second of a counter of the exporter, by a label or in all.
func rate(metric, by string) string {
	if by != "" {
		by = " by (" + by + ") "
	}
	return "sum" + by + "(rate(" + metric + "{" + ours + "}[$__rate_interval]))"
}

// quantile is of a histogram, classic or native, whichever Prometheus keeps.
func quantile(q float64, metric string) string {
	return fmt.Sprintf("histogram_quantile(%[1]g, sum by (le) (rate(%[2]s_bucket{%[3]s}[$__rate_interval])))\n"+
		"or histogram_quantile(%[1]g, sum(rate(%[2]s{%[3]s}[$__rate_interval])))", q, metric, ours)
}

// firing is the state of alerts, by their severity: 1 info, 2 warning, 3 critical.
// Alerts of an application have no job and no instance.
func firing(matchers string) string {
	var all []string
	for i, severity := range []string{"info", "warning", "critical"} {
		all = append(all, fmt.Sprintf("max by (alertname, sdk_app_id, job, instance) (ALERTS{alertname=~\"TUILiveKit.+\", alertstate=\"firing\", severity=%q, %s}) * %d", severity, matchers, i+1))
	}
	return strings.Join(all, "\nor ")
}
