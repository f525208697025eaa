package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/usage"
)

// The matchers of each query, for metrics of the exporter and of applications.
const (
	ours = `job=~"$job", instance=~"$instance"`
	apps = ours + `, sdk_app_id=~"$sdk_app_id"`
)

// last returns the last value of a metric of applications within 15 minutes, so that a restart or a
// failover leaves no gap. The recording rules do the same.
func last(metric string) string { return "last_over_time(" + metric + "{" + apps + "}[15m])" }

// Each replica has its own newest event. The values of one expression, rooms and limit, are those of
// the replica with the newest event.
var (
	events    = last("tuilivekit_last_event_timestamp_seconds")
	current   = last("tuilivekit_current_rooms")
	limit     = last("tuilivekit_max_rooms")
	estimated = last("tuilivekit_estimated_rooms")

	eventTime = "max by (sdk_app_id) (" + events + ")"
	age       = "clamp_min(time() - " + eventTime + ", 0)"

	lastUsage = newest(current + " / " + limit)
)

// The best number of rooms, and the values that follow from it, are those of the recording rules. If
// no rule is loaded, the best number is that of the newest event, minus the rooms known to be closed
// since.
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

	// roomsAge also has the age of an event whose numbers have expired.
	roomsAge = "(\n" + ruled("sdk_app_id:tuilivekit_rooms:best_age_seconds", "") + "\nor " + age + "\n)"
)

// ruled returns a recorded series of the scraped applications. The rules have one series for each
// application, for all jobs and instances.
func ruled(record, matchers string) string {
	return fmt.Sprintf("max by (sdk_app_id) (%s{%ssdk_app_id=~\"$sdk_app_id\"}) and on (sdk_app_id) %s", record, matchers, known)
}

// orUnruled returns the recorded series, or instead if no rule is loaded.
func orUnruled(record, instead string) string {
	return "(\n" + ruled(record, "") + "\nor (" + instead + ") unless on () tuilivekit:alert_threshold\n)"
}

// roomsSource is the source of the best number, as a value of sources.
var roomsSource = func() string {
	var all []string
	for _, s := range sources[:len(sources)-1] {
		all = append(all, fmt.Sprintf("(%s) * 0 + %d", ruled("sdk_app_id:tuilivekit_rooms:best_source", fmt.Sprintf("source=%q, ", s.text)), s.value))
	}
	return "(\n" + strings.Join(all, "\nor ") + fmt.Sprintf("\nor (%s * 0 + %d) unless on () tuilivekit:alert_threshold\n)", newest(current), unruled.value)
}()

// whileFresh returns expr for the applications whose best number is not older than 10 minutes.
func whileFresh(expr string) string {
	return "(\n" + expr + "\nand on (sdk_app_id) " + roomsAge + " <= 600\n)"
}

// ageLevel is the level of roomsAge, as a value of ages.
var ageLevel = func() string {
	var all []string
	for _, a := range slices.Backward(ages) {
		all = append(all, fmt.Sprintf("(%s >= %g) * 0 + %d", roomsAge, a.from, a.value))
	}
	return "(\n" + strings.Join(all, "\nor ") + "\n)"
}()

// newest returns expr of the replica with the newest event. expr has the labels of replicas.
func newest(expr string) string {
	return "max by (sdk_app_id) (\n  " + expr + "\n  and " + events + " == on (sdk_app_id) group_left " + eventTime + "\n)"
}

// newestFresh returns newest if the event is younger than 10 minutes.
func newestFresh(expr string) string {
	return newest(expr + "\n  and " + events + " > time() - 600")
}

// enough returns expr if there are enough events for a forecast.
func enough(expr string) string {
	return "(\n" + expr + "\nand sum by (sdk_app_id) (increase(tuilivekit_threshold_events_total{" + apps + "}[30m])) >= 10\n)"
}

// before returns expr one step earlier.
func before(expr string) string { return strings.ReplaceAll(expr, "[15m]", "[15m] offset $__interval") }

// names has the name of each application. While a name changes, replicas may have different names;
// one of them is used.
var names = "topk by (sdk_app_id) (1, max by (sdk_app_id, name) (" + last("tuilivekit_app_info") + "))"

// withName adds the label name to expr, which is in parentheses or a call.
func withName(expr string) string { return expr + "\n* on (sdk_app_id) group_left (name)\n" + names }

// known has a series for each configured application that was scraped.
var known = "max by (sdk_app_id) (" + last("tuilivekit_app_info") + ")"

// or returns expr, with a state for each series of of without a value.
func or(expr, of string, s state) string {
	return fmt.Sprintf("%s\nor %s * 0 - %d", expr, of, -s.value)
}

// orWhy returns expr of applications, with expired or noEvent for each application without a value.
func orWhy(expr string) string {
	return "(\n" + or(or(expr, eventTime, expired), known, noEvent) + "\n)"
}

// orWhyNoLimit does the same for an expr that needs the limit. It also has noLimit.
func orWhyNoLimit(expr string) string { return orWhy(or(expr, rooms, noLimit)) }

// orWhyNone returns expr, or if no application has a value, one series named all with the reason.
func orWhyNone(expr string, states ...of) string {
	for _, s := range states {
		expr += fmt.Sprintf("\nor on () label_replace(max(%s) * 0 - %d, \"name\", \"all\", \"\", \"\")", s.expr, -s.state.value)
	}
	return expr
}

// of is a state and the series that are in this state.
type of struct {
	state state
	expr  string
}

// whyNotFree has a state for each application whose free rooms are not known.
var whyNotFree = "(\n" + or(or(fmt.Sprintf("%s * 0 - %d", rooms, -noLimit.value), eventTime, expired), known, noEvent) + "\n)\nunless on (sdk_app_id) " + freeRooms

// orDash returns expr of applications, with a dash for each application without a value. If one query
// of a table has no result and another has, older versions of Grafana rename the columns, or fail.
func orDash(expr string) string { return "(\n" + or(expr, known, dash) + "\n)" }

// orNever returns expr of applications, with noEvent for each application without a value.
func orNever(expr string) string { return "(\n" + or(expr, known, noEvent) + "\n)" }

// orNothing returns expr, or if it has no result, one series with the state noData: Grafana shows an
// error message for a timeline without a series.
func orNothing(expr, label string) string {
	return fmt.Sprintf("%s\nor on () label_replace(vector(%d), %q, %q, \"\", \"\")", expr, noData.value, label, noData.text)
}

// forecast is the time to the limit, or a state that says why there is none.
var forecast = "(\n" + atTheLimit + "\nor " +
	or(or(or(or(timeToLimit, "("+growth+" <= 0)", notFilling), rooms, noForecast), eventTime, noForecast), known, noEvent) + "\n)"

var atTheLimit = fmt.Sprintf("(%s >= 1) * 0 - %d", roomsUsage, -atLimit.value)

// freeFrom returns the free rooms of the applications whose usage has the level with this index, so
// that each level has its colour.
func freeFrom(level int) string {
	levels := usage.Levels()
	free := freeRooms + "\nand on (sdk_app_id) " + roomsUsage + fmt.Sprintf(" >= %g", levels[level].From)
	if level+1 < len(levels) {
		free += "\nand on (sdk_app_id) " + roomsUsage + fmt.Sprintf(" < %g", levels[level+1].From)
	}
	return free
}

// medianSkew returns the median clock skew, as in the alert.
func medianSkew(by string) string {
	const metric = "tuilivekit_webhook_request_skew_seconds"
	return fmt.Sprintf("(\nhistogram_quantile(0.5, sum by (%[1]s, le) (rate(%[2]s_bucket{%[3]s}[15m])))\n"+
		"or histogram_quantile(0.5, sum by (%[1]s) (rate(%[2]s{%[3]s}[15m])))\n)", by, metric, ours)
}

// mean returns the average of a histogram, classic or native.
func mean(metric string) string {
	return observed(fmt.Sprintf("sum(rate(%[1]s_sum{%[2]s}[$__rate_interval])) / sum(rate(%[1]s_count{%[2]s}[$__rate_interval]))\n"+
		"or histogram_sum(sum(rate(%[1]s{%[2]s}[$__rate_interval]))) / histogram_count(sum(rate(%[1]s{%[2]s}[$__rate_interval])))", metric, ours))
}

// observed returns expr without its NaN values, which a histogram without observations has. Grafana
// would draw an empty graph instead of the text of an empty panel.
func observed(expr string) string { return "(\n" + expr + "\n) >= -Inf" }

// mostAtOnce has the twenty applications with the highest usage in the time range. Applications
// without an event come last.
var mostAtOnce = "topk(20, max by (sdk_app_id) (max_over_time(sdk_app_id:tuilivekit_rooms_usage:best_ratio{sdk_app_id=~\"$sdk_app_id\"}[$__range] @ end()))" +
	"\nor max by (sdk_app_id) (\n  max_over_time(tuilivekit_current_rooms{" + apps + "}[$__range] @ end()) / max_over_time(tuilivekit_max_rooms{" + apps + "}[$__range] @ end())\n)" +
	"\nor max by (sdk_app_id) (last_over_time(tuilivekit_app_info{" + apps + "}[$__range] @ end())) * 0 - 1)"

// worst returns expr for the applications of mostAtOnce.
func worst(expr string) string { return "(\n" + expr + "\nand on (sdk_app_id) " + mostAtOnce + "\n)" }

// twenty returns expr for the twenty applications with the highest metric in the time range.
func twenty(expr, metric string) string {
	return "(\n" + expr + "\nand on (sdk_app_id) topk(20, max by (sdk_app_id) (max_over_time(" + metric + "{" + apps + "}[$__range] @ end())))\n)"
}

// countAs returns the value of expr as a label, which texts can show.
func countAs(label, expr string) string {
	return fmt.Sprintf("count_values by (sdk_app_id) (%q, %s)", label, expr)
}

// perMinute returns the rate per minute of a counter by a label.
func perMinute(metric, matchers, by string) string {
	return fmt.Sprintf("60 * sum by (%s) (rate(%s{%s}[$__rate_interval]))", by, metric, matchers)
}

// rate returns the rate per second of a counter of the exporter, by a label or in total.
func rate(metric, by string) string {
	if by != "" {
		by = " by (" + by + ") "
	}
	return "sum" + by + "(rate(" + metric + "{" + ours + "}[$__rate_interval]))"
}

// quantile returns a quantile of a histogram of the exporter, classic or native.
func quantile(q float64, metric string) string { return quantileOf(q, metric, ours) }

func quantileOf(q float64, metric, matchers string) string {
	return observed(fmt.Sprintf("histogram_quantile(%[1]g, sum by (le) (rate(%[2]s_bucket{%[3]s}[$__rate_interval])))\n"+
		"or histogram_quantile(%[1]g, sum(rate(%[2]s{%[3]s}[$__rate_interval])))", q, metric, matchers))
}

// alertLabels identify an alert. Alerts of an application have no job and no instance, alerts of an
// exporter no sdk_app_id.
const alertLabels = "alertname, sdk_app_id, job, instance"

// bySeverity returns metric for the alerts that matchers find, multiplied by the weight of their
// severity: info, warning, critical.
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

// named adds a short name and the name of the application to alerts.
func named(alerts string) string {
	return "label_replace(\n(\n" + alerts + "\n) * on (sdk_app_id) group_left (name) (" + names + " or label_replace(vector(1), \"sdk_app_id\", \"\", \"\", \"\"))" +
		"\n, \"alert\", \"$1\", \"alertname\", \"TUILiveKit(.+)\")"
}

var nowFiring = "ALERTS{alertstate=\"firing\", %s}"

func firing(matchers []string) string {
	return "max by (alert, name, sdk_app_id, job, instance) (" + named(bySeverity(matchers, nowFiring, [3]int{1, 2, 3})) + ")"
}

// since returns the time at which the firing alerts began, in milliseconds.
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
