package main

import (
	"fmt"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/usage"
)

// The meanings of colours and numbers, which all dashboards share.

// percentSteps returns the levels of usage as thresholds of a ratio.
func percentSteps() list {
	var steps list
	for i, l := range usage.Levels() {
		if i == 0 {
			steps = append(steps, step(l.Color, nil))
		} else {
			steps = append(steps, step(l.Color, l.From))
		}
	}
	return steps
}

// percentRanges returns the levels of usage as mappings of values in percent, for a timeline.
func percentRanges(index int) list {
	var ranges list
	levels := usage.Levels()
	for i, l := range levels {
		to := 1e6
		if i+1 < len(levels) {
			to = 100*levels[i+1].From - .01
		}
		ranges = append(ranges, between(100*l.From, to, l.Color, index+i))
	}
	return ranges
}

// criticalLevel returns the level critical. At the limit hosts cannot go live.
func criticalLevel() usage.Level { return usage.Of(.95) }

// ages are the levels of the age of a number. An old number is not a failure, because Tencent sends
// nothing below 70 %. But the current number may differ.
var ages = []struct {
	from float64
	state
}{
	{0, state{1, "< 10 min", "green"}}, {600, state{2, "10 min+", "yellow"}}, {3600, state{3, "1 h+", "orange"}}, {86400, state{4, "1 day+", "purple"}},
}

func ageSteps() list {
	steps := list{step(ages[0].color, nil)}
	for _, a := range ages[1:] {
		steps = append(steps, step(a.color, a.from))
	}
	return steps
}

// ageStates returns the levels of age as values of a timeline. If a timeline has thresholds, Grafana
// merges its values by these and ignores the mappings: "no event yet" would be green.
func ageStates() []state {
	var all []state
	for _, a := range ages {
		all = append(all, a.state)
	}
	return all
}

func timeLeftSteps() list {
	return list{step("red", nil), step("orange", 3600), step("yellow", 4*3600), step("green", 12*3600)}
}

// none returns the thresholds of a value that should be 0.
func none(color string) list { return list{step("green", nil), step(color, 1)} }

// pale is the colour of states that need no attention.
const pale = "rgba(128, 128, 128, 0.2)"

// state is a value that a query returns instead of a number, with its text and colour. It is below 0,
// except in ages and sources.
type state struct {
	value       int
	text, color string
}

var (
	noEvent    = state{-1, "no event yet", "text"}
	expired    = state{-2, "expired", "text"}
	atLimit    = state{-3, "at the limit", "dark-red"}
	notFilling = state{-4, "not filling", "text"}
	noForecast = state{-5, "no forecast", "text"}
	memoryOnly = state{-6, "memory only", "text"}
	noRelay    = state{-7, "no relay", "text"}
	never      = state{-8, "never used", "text"}
	noData     = state{-9, "no data", "text"}
	down       = state{-10, "down", "red"}
	noRequest  = state{-11, "no request", "text"}
	noLimit    = state{-12, "no limit known", "text"}
	noRecount  = state{-13, "no recount", "text"}
	dash       = state{-1_000_000, "–", "text"} // of a number in a table, which may be below 0
)

// sources are the sources of the best number, with the names of the recording rules. Green is a count
// of Tencent, blue a count of the exporter. The last source is used if no rule is loaded.
var sources = []state{
	{1, "event", "green"}, {2, "recount", "green"}, {3, "estimate", "blue"}, {4, "known", "blue"}, unruled,
}

var unruled = state{5, "last event", "text"}

// paler returns the state in pale, for a timeline, where it fills a bar.
func (s state) paler() state { return state{s.value, s.text, pale} }

func statesAre(states []state) object {
	var texts []any
	for _, s := range states {
		texts = append(texts, fmt.Sprint(s.value), s.text, s.color)
	}
	return words(texts...)
}

// unknown is the text of a panel without data: the exporter may be down, or may not be scraped.
const unknown = "no data"

// applicationURL returns the URL of the dashboard of an application. id is the Grafana variable of its
// SDKAppID.
func applicationURL(id string) string {
	return "/d/" + applicationUID + "?var-sdk_app_id=${" + id + "}&" + vars + "&${__url_time_range}"
}

const exporterURL = "/d/" + exporterUID + "?" + vars + "&${__url_time_range}"

// severities returns the texts and colours of severities. 0 is no alert. If the rules are not loaded,
// it is not known whether there is an alert.
func severities() object {
	return words("0", "none", "green", "1", "info", "blue", "2", "warning", "orange", "3", "critical", "red", fmt.Sprint(noData.value), "?", pale)
}

// alertTimeline returns a panel of the twenty worst alerts that matchers find, by severity and by the
// time for which they fired.
func alertTimeline(description string, matchers ...string) panel {
	return timeline("Alerts", description+" The twenty most severe. This needs the alerting rules. The runbooks explain each alert.", "none",
		over("{{alert}} {{name}} {{instance}}", orNoAlert(worstAlerts(matchers), 0, noData.value))).
		set("mappings", list{severities()}).without(unknown)
}

// firingTable returns a table of the alerts that fire now.
func firingTable(description string, matchers ...string) panel {
	return table("Firing now", description, "Severity",
		[]string{"Value #A", "alert", "name", "instance", "Value #B"}, []string{"Time", "sdk_app_id", "job"},
		column(orNoAlert(firing(matchers), 0, noData.value)), column(orNoAlert(since(matchers), dash.value, dash.value))).
		field("Value #A", "Severity", "none", property("custom.width", 110),
			property("custom.displayMode", "color-text"), property("mappings", list{severities()})).
		field("alert", "Alert", "string", property("custom.width", 280)).
		field("name", "Application", "string", property("custom.width", 280)).
		field("instance", "Instance", "string", property("custom.width", 280)).
		field("Value #B", "Since", "dateTimeAsIso", property("custom.width", 200), missing()).
		without(unknown)
}
