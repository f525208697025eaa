package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/usage"
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

	lastUsage = newest(current + " / " + limit)
)

// The best number of rooms, and what follows from it, is what the recording rules have: at
// every level of use. Where they are not loaded it is that of the newest event, without
// the rooms that are known to be closed since.
var (
	fewest = "(" + estimated + " < " + current + " or " + current + ")"
	slope  = "deriv(tuilivekit_current_rooms{" + apps + "}[30m])"

	rooms       = orUnruled("sdk_app_id:tuilivekit_rooms:best", newest(fewest))
	roomsLimit  = orUnruled("sdk_app_id:tuilivekit_rooms:limit", newest(limit))
	freeRooms   = orUnruled("sdk_app_id:tuilivekit_rooms:headroom", newest("clamp_min("+limit+" - "+fewest+", 0)"))
	roomsUsage  = orUnruled("sdk_app_id:tuilivekit_rooms_usage:best_ratio", newest(fewest+" / "+limit))
	growth      = orUnruled("sdk_app_id:tuilivekit_rooms:deriv30m", enough(newestFresh(slope)))
	timeToLimit = orUnruled("sdk_app_id:tuilivekit_time_to_limit_seconds:forecast",
		enough(newestFresh("clamp_min("+limit+" - "+current+", 0) / ("+slope+" > 0)")))

	// roomsAge is the age of an event too whose numbers have expired.
	roomsAge = "(\n" + ruled("sdk_app_id:tuilivekit_rooms:best_age_seconds", "") + "\nor " + age + "\n)"
)

// ruled is a recorded series of the applications that are scraped. The rules have one for
// each application, whatever job and instance report it.
func ruled(record, matchers string) string {
	return fmt.Sprintf("max by (sdk_app_id) (%s{%ssdk_app_id=~\"$sdk_app_id\"}) and on (sdk_app_id) %s", record, matchers, known)
}

// orUnruled is what is recorded, or instead where no rule is loaded.
func orUnruled(record, instead string) string {
	return "(\n" + ruled(record, "") + "\nor (" + instead + ") unless on () tuilivekit:alert_threshold\n)"
}

// roomsSource is the source of the best number, as a value that stands for its name.
var roomsSource = func() string {
	var all []string
	for _, s := range sources[:len(sources)-1] {
		all = append(all, fmt.Sprintf("(%s) * 0 + %d", ruled("sdk_app_id:tuilivekit_rooms:best_source", fmt.Sprintf("source=%q, ", s.text)), s.value))
	}
	return "(\n" + strings.Join(all, "\nor ") + fmt.Sprintf("\nor (%s * 0 + %d) unless on () tuilivekit:alert_threshold\n)", newest(current), unruled.value)
}()

// whileFresh is expr of the applications whose best number is not older than 10 minutes.
func whileFresh(expr string) string {
	return "(\n" + expr + "\nand on (sdk_app_id) " + roomsAge + " <= 600\n)"
}

// ageLevel is the level of roomsAge, as ages numbers them.
var ageLevel = func() string {
	var all []string
	for _, a := range slices.Backward(ages) {
		all = append(all, fmt.Sprintf("(%s >= %g) * 0 + %d", roomsAge, a.from, a.value))
	}
	return "(\n" + strings.Join(all, "\nor ") + "\n)"
}()

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

// known has each configured application that was scraped.
var known = "max by (sdk_app_id) (" + last("tuilivekit_app_info") + ")"

// or is expr, or where it has no value a state for each series of of.
func or(expr, of string, s state) string {
	return fmt.Sprintf("%s\nor %s * 0 - %d", expr, of, -s.value)
}

// orWhy is expr of applications, or why it has no value: its numbers have expired, or no
// event has come.
func orWhy(expr string) string {
	return "(\n" + or(or(expr, eventTime, expired), known, noEvent) + "\n)"
}

// orWhyNoLimit is the same of what needs the limit, which may not be known.
func orWhyNoLimit(expr string) string { return orWhy(or(expr, rooms, noLimit)) }

// orWhyNone is expr, or where no application has a value why one series named all has none.
func orWhyNone(expr string, states ...of) string {
	for _, s := range states {
		expr += fmt.Sprintf("\nor on () label_replace(max(%s) * 0 - %d, \"name\", \"all\", \"\", \"\")", s.expr, -s.state.value)
	}
	return expr
}

// of is a state of those series that expr has.
type of struct {
	state state
	expr  string
}

// whyNotFree is of the applications whose free rooms are not known, and of no other.
var whyNotFree = "(\n" + or(or(fmt.Sprintf("%s * 0 - %d", rooms, -noLimit.value), eventTime, expired), known, noEvent) + "\n)\nunless on (sdk_app_id) " + freeRooms

// orDash is expr of applications, or a dash. If the answer to one query of a table is empty and
// that to another is not, older versions of Grafana name the columns otherwise, or fail.
func orDash(expr string) string { return "(\n" + or(expr, known, dash) + "\n)" }

// orNever is expr of applications, or no event has come.
func orNever(expr string) string { return "(\n" + or(expr, known, noEvent) + "\n)" }

// orNothing is expr, or where nothing at all is known one series whose label says so: a
// timeline without a series is an error message.
func orNothing(expr, label string) string {
	return fmt.Sprintf("%s\nor on () label_replace(vector(%d), %q, %q, \"\", \"\")", expr, noData.value, label, noData.text)
}

// forecast is the time to the limit, or why there is none.
var forecast = "(\n" + atTheLimit + "\nor " +
	or(or(or(or(timeToLimit, "("+growth+" <= 0)", notFilling), rooms, noForecast), eventTime, noForecast), known, noEvent) + "\n)"

var atTheLimit = fmt.Sprintf("(%s >= 1) * 0 - %d", roomsUsage, -atLimit.value)

// freeFrom is the free rooms of an application whose usage has the level of that index,
// so that each level can have its colour.
func freeFrom(level int) string {
	levels := usage.Levels()
	free := freeRooms + "\nand on (sdk_app_id) " + roomsUsage + fmt.Sprintf(" >= %g", levels[level].From)
	if level+1 < len(levels) {
		free += "\nand on (sdk_app_id) " + roomsUsage + fmt.Sprintf(" < %g", levels[level+1].From)
	}
	return free
}

// medianSkew is that of the alert: half of the requests were signed so far off our clock.
func medianSkew(by string) string {
	const metric = "tuilivekit_webhook_request_skew_seconds"
	return fmt.Sprintf("(\nhistogram_quantile(0.5, sum by (%[1]s, le) (rate(%[2]s_bucket{%[3]s}[15m])))\n"+
		"or histogram_quantile(0.5, sum by (%[1]s) (rate(%[2]s{%[3]s}[15m])))\n)", by, metric, ours)
}

// mean is the average of a histogram, classic or native.
func mean(metric string) string {
	return observed(fmt.Sprintf("sum(rate(%[1]s_sum{%[2]s}[$__rate_interval])) / sum(rate(%[1]s_count{%[2]s}[$__rate_interval]))\n"+
		"or histogram_sum(sum(rate(%[1]s{%[2]s}[$__rate_interval]))) / histogram_count(sum(rate(%[1]s{%[2]s}[$__rate_interval])))", metric, ours))
}

// observed is expr of a histogram where it has observations. Elsewhere it is NaN, of which
// Grafana draws an empty graph without a word.
func observed(expr string) string { return "(\n" + expr + "\n) >= -Inf" }

// mostAtOnce are the twenty applications with the highest usage in the time range. Those
// that have never reported come last.
var mostAtOnce = "topk(20, max by (sdk_app_id) (max_over_time(sdk_app_id:tuilivekit_rooms_usage:best_ratio{sdk_app_id=~\"$sdk_app_id\"}[$__range] @ end()))" +
	"\nor max by (sdk_app_id) (\n  max_over_time(tuilivekit_current_rooms{" + apps + "}[$__range] @ end()) / max_over_time(tuilivekit_max_rooms{" + apps + "}[$__range] @ end())\n)" +
	"\nor max by (sdk_app_id) (last_over_time(tuilivekit_app_info{" + apps + "}[$__range] @ end())) * 0 - 1)"

// worst is expr of the applications of mostAtOnce.
func worst(expr string) string { return "(\n" + expr + "\nand on (sdk_app_id) " + mostAtOnce + "\n)" }

// twenty is expr of the twenty applications whose metric was highest in the time range.
func twenty(expr, metric string) string {
	return "(\n" + expr + "\nand on (sdk_app_id) topk(20, max by (sdk_app_id) (max_over_time(" + metric + "{" + apps + "}[$__range] @ end())))\n)"
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
func quantile(q float64, metric string) string { return quantileOf(q, metric, ours) }

func quantileOf(q float64, metric, matchers string) string {
	return observed(fmt.Sprintf("histogram_quantile(%[1]g, sum by (le) (rate(%[2]s_bucket{%[3]s}[$__rate_interval])))\n"+
		"or histogram_quantile(%[1]g, sum(rate(%[2]s{%[3]s}[$__rate_interval])))", q, metric, matchers))
}

// alertLabels tell one alert from another. Those of an application have no job and no
// instance, those of an exporter no sdk_app_id.
const alertLabels = "alertname, sdk_app_id, job, instance"

// bySeverity adds up a function of the alerts that matchers find: 1 for info, 2 for warning,
// 3 for critical, or as weights has them.
func bySeverity(matchers []string, metric string, weights [3]int) string {
	var all []string
	for i, severity := range []string{"info", "warning", "critical"} {
		for _, m := range matchers {
			of := fmt.Sprintf(metric, fmt.Sprintf("alertname=~\"TUILiveKit.+\", severity=%q, %s", severity, m))
			all = append(all, fmt.Sprintf("max by (%s) (%s) * %d", alertLabels, of, weights[i]))
		}
	}
	return strings.Join(all, "\nor ")
}

// named gives alerts a short name and the name of their application.
func named(alerts string) string {
	return "label_replace(\n(\n" + alerts + "\n) * on (sdk_app_id) group_left (name) (" + names + " or label_replace(vector(1), \"sdk_app_id\", \"\", \"\", \"\"))" +
		"\n, \"alert\", \"$1\", \"alertname\", \"TUILiveKit(.+)\")"
}

var nowFiring = "ALERTS{alertstate=\"firing\", %s}"

func firing(matchers []string) string {
	return "max by (alert, name, sdk_app_id, job, instance) (" + named(bySeverity(matchers, nowFiring, [3]int{1, 2, 3})) + ")"
}

// since is when the alerts that fire began, in milliseconds.
func since(matchers []string) string {
	return "1000 * max by (alert, name, sdk_app_id, job, instance) (" + named("max by ("+alertLabels+") (ALERTS_FOR_STATE{alertname=~\"TUILiveKit.+\"})\nand on ("+alertLabels+") (\n"+
		bySeverity(matchers, nowFiring, [3]int{1, 2, 3})+"\n)") + ")"
}

// worstAlerts are the alerts of the twenty that fired longest, the critical ones first.
func worstAlerts(matchers []string) string {
	return named("(\n" + bySeverity(matchers, nowFiring, [3]int{1, 2, 3}) + "\n)" +
		"\nand on (" + alertLabels + ") topk(20,\n" + bySeverity(matchers, "count_over_time(ALERTS{alertstate=\"firing\", %s}[$__range] @ end())", [3]int{1, 1000, 1_000_000}) + "\n)")
}

// orNoAlert is what alerts has, or a value for that there is none, which only the rules can
// say, or another one where these are not loaded.
func orNoAlert(alerts string, noAlert, noRules int) string {
	return alerts + fmt.Sprintf("\nor on () label_replace(max(tuilivekit:alert_threshold) * 0 + %d, \"alert\", \"no alert\", \"\", \"\")", noAlert) +
		fmt.Sprintf("\nor on () label_replace(vector(%d), \"alert\", \"the alerting rules are not loaded\", \"\", \"\")", noRules)
}
