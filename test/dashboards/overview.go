package main

import (
	"fmt"
	"slices"
)

// ofAll are the matchers of the alerts of the selected applications and of their exporters.
var ofAll = []string{`sdk_app_id=~"$sdk_app_id"`, `sdk_app_id="", job=~"$job|"`}

func overview() object {
	ofSeries := applicationURL("__field.labels.sdk_app_id")
	critical := criticalLevel()
	return newDashboard(overviewUID, "TUILiveKit / Overview",
		"All applications: which one is near its limit of rooms, how old that number is, and how much time is left.",
		"now-24h", variables(true), annotations(),
		row{title: "Now", panels: []panel{
			stat("Highest usage", "The application with the highest usage, by the best number of rooms. Read it with its source and its age.",
				"percentunit", instant("{{name}}", orWhyNone("topk(1, "+withName(roomsUsage)+")", of{noLimit, rooms}, of{expired, eventTime}, of{noEvent, known}))).
				named().set("decimals", 1).steps(percentSteps()).says(noLimit, expired, noEvent).without(unknown).link("Show the application", ofSeries).at(0, 0, 4, 4),
			stat("Its source", "Source of the highest usage. "+aboutSources,
				"none", instant("{{sdk_app_id}}", roomsSource+"\nand on (sdk_app_id) topk(1, "+roomsUsage+")")).
				says(sources...).without("no number, or no data").at(4, 0, 3, 4),
			stat("Its age", "Age of the number with the highest usage. Up to 10 minutes it is as good as the present.",
				"s", instant("{{sdk_app_id}}", roomsAge+"\nand on (sdk_app_id) topk(1, "+roomsUsage+")")).
				steps(ageSteps()).without("no number, or no data").at(7, 0, 3, 4),
			stat(fmt.Sprintf("At %.0f %% or more", 100*critical.From), "Applications whose usage is critical or worse, however old its number is. Hosts cannot go live at 100 %.",
				"none", instant("applications", fmt.Sprintf("count(%[1]s >= %[2]g) or count(%[1]s) * 0 or count(%[3]s) * 0 - 1", roomsUsage, critical.From, known))).
				steps(none("red")).says(noEvent).without(unknown).at(10, 0, 4, 4),
			stat("Time to the limit", "When the first application reaches its limit if growth stays as in the last half hour. "+aboutForecast+" No forecast: no application grows, or data is missing.",
				"s", instant("{{name}}", orWhyNone(
					"bottomk(1, "+withName("(\n"+atTheLimit+"\nor "+timeToLimit+"\n)")+")", of{noForecast, rooms}, of{noForecast, eventTime}, of{noEvent, known}))).
				named().steps(timeLeftSteps()).says(atLimit, noForecast, noEvent).without(unknown).link("Show the application", ofSeries).at(14, 0, 4, 4),
			stat("No number", "Configured applications without a number of rooms: no threshold event and no callback of a closed room has arrived, or the numbers have expired. The table shows whether callbacks arrive.",
				"none", instant("applications", fmt.Sprintf("count(%[1]s unless on (sdk_app_id) %[2]s)\nor count(%[1]s) * 0", known, rooms))).
				steps(none("blue")).without(unknown).at(18, 0, 3, 4),
			stat("Refused", "Refused requests in the time range, without requests to other paths. While callbacks are refused, the numbers here do not change.",
				"short", instant("refused", whileScraped(`sum(increase(tuilivekit_webhook_rejections_total{`+ours+`, reason!~"path|method"}[$__range]))`))).
				set("decimals", 0).steps(none("orange")).without(unknown).link("Show the exporter", exporterURL).at(21, 0, 3, 4),
			firingTable("The alerts that fire now, of these applications and of the exporter; what each means is in the runbooks.", ofAll...).at(0, 4, 24, 6),
			applicationsTable().at(0, 10, 24, 9),
		}},
		row{title: "Over time: the twenty applications with the highest usage", panels: []panel{
			alertTimeline("Alerts that fired, of these applications and of the exporter.", ofAll...).at(0, 0, 24, 10),
			timeline("Usage of every application", "Usage by the best number, in steps of 5 %, in the colours of the alerts, of the twenty applications with the highest usage. A bar that is red for hours may be one old number: compare the next panel.",
				"percent", over("{{name}}", orNothing(withName(worst(orWhyNoLimit("5 * floor(20 * "+roomsUsage+")"))), "name"))).
				set("mappings", percentRanges(3)).says(noEvent.paler(), expired.paler(), noLimit.paler(), noData.paler()).
				link("Show the application", ofSeries).at(0, 10, 24, 10),
			timeline("Age of every number", "Age of the number above: green up to 10 minutes, yellow after 10 minutes, orange after an hour, purple after a day.",
				"none", over("{{name}}", orNothing(withName(worst(orNever(ageLevel))), "name"))).
				says(append(ageStates(), noEvent.paler(), noData.paler())...).link("Show the application", ofSeries).at(0, 20, 24, 10),
			series("Usage", "In colour while the number is younger than 10 minutes, grey and dashed when it is older.",
				"percentunit", over("{{name}}", withName(worst(whileFresh(roomsUsage)))), over("{{name}}, last known", withName(worst(roomsUsage)))).
				held().custom("axisSoftMin", 0.6).custom("axisSoftMax", 1.05).lines(percentSteps()).lastKnown("B").grey("B").
				without("no number, or no data").link("Show the application", ofSeries).at(0, 30, 12, 9),
			series("Time to the limit", "At the growth of the half hour before. Times of more than two days are not drawn. Nothing is drawn while an application does not grow. "+aboutForecast,
				"s", over("{{name}}", withName(worst("("+timeToLimit+" <= 172800)")))).
				floor().lines(timeLeftSteps()).custom("showPoints", "auto").without("no forecast, or no data").link("Show the application", ofSeries).at(12, 30, 12, 9),
			series("Threshold events", "Threshold events per minute, of all replicas. Each is a room created at 70 % of the limit or more.",
				"none", over("{{name}}", withName(worst(perMinute("tuilivekit_threshold_events_total", apps, "sdk_app_id"))))).
				perMinute().floor().custom("fillOpacity", 20).without(unknown).link("Show the application", ofSeries).at(0, 39, 12, 8),
			series("Rooms created and closed", "Callbacks of rooms created (up) and destroyed (down) a minute, over all replicas; 0 if these callbacks are not enabled at Tencent.",
				"none",
				over("{{name}} created", withName(worst(perMinute("tuilivekit_room_creations_total", apps, "sdk_app_id")))),
				over("{{name}} closed", withName(worst("-"+perMinute("tuilivekit_room_destructions_total", apps, "sdk_app_id"))))).
				perMinute().custom("fillOpacity", 20).without(unknown).link("Show the application", ofSeries).at(12, 39, 12, 8),
		}},
	)
}

// Texts about the best number that several panels share.
const (
	aboutSources = "Event: a threshold event of the last 10 minutes. Recount: the rooms known, after a recount of the last half hour. Estimate: an older event, and the rooms opened and closed since. Known: the rooms known from callbacks, before any event."

	aboutForecast = "A forecast needs a number of the last 10 minutes, and ten events or rooms created in the half hour."
)

func applicationsTable() panel {
	width := func(w int) object { return property("custom.width", w) }
	link := property("links", list{object{"title": "Show the application", "url": applicationURL("__data.fields.sdk_app_id"), "targetBlank": false}})
	return table("Applications", "One line for each configured application, the highest usage first. Rooms are the best number, which alerts use too. Its source and its age say how far to trust it. "+aboutSources+" The name leads to the application.",
		"Usage",
		[]string{"name", "sdk_app_id", "Value #A", "Value #B", "Value #C", "Value #D", "Value #E", "Value #F", "Value #G", "Value #H", "Value #I", "Value #J"},
		[]string{"Time"},
		column(withName(orWhyNoLimit(roomsUsage))),
		column(withName(orDash(rooms))),
		column(withName(orDash(roomsLimit))),
		column(withName(orDash(freeRooms))),
		column(withName(orDash(roomsSource))),
		column(withName(orNever(roomsAge))),
		column(withName(orDash("3600 * "+growth))),
		column(withName(forecast)),
		column(withName("sum by (sdk_app_id) (increase(tuilivekit_threshold_events_total{"+apps+"}[$__range]))")),
		column(withName("sum by (sdk_app_id) (increase(tuilivekit_webhook_callbacks_total{"+apps+"}[$__range]))")),
	).
		field("name", "Application", "string", width(240), link).
		field("sdk_app_id", "SDKAppID", "string", width(110)).
		field("Value #A", "Usage", "percentunit", append(colored("gradient-gauge", percentSteps()),
			property("min", 0), property("max", 1), property("decimals", 1), width(160),
			property("mappings", list{statesAre([]state{noEvent, expired, noLimit})}))...).
		field("Value #B", "Rooms", "none", width(70), missing()).
		field("Value #C", "Limit", "none", width(70), missing()).
		field("Value #D", "Free", "none", width(70), missing()).
		field("Value #E", "Source", "none", width(85), property("custom.displayMode", "color-text"),
			property("mappings", list{statesAre(append(slices.Clone(sources), dash)), nothing(dash.text, 1)})).
		field("Value #F", "Age", "s", append(colored("color-text", ageSteps()), width(90), property("mappings", list{statesAre([]state{noEvent})}))...).
		field("Value #G", "Growth", "suffix: /h", property("decimals", 0), width(85), missing()).
		field("Value #H", "To the limit", "s", append(colored("color-text", timeLeftSteps()), width(105),
			property("mappings", list{statesAre([]state{atLimit, notFilling, noForecast, noEvent})}))...).
		field("Value #I", "Events", "short", property("decimals", 0), width(70)).
		field("Value #J", "Callbacks", "short", property("decimals", 0), width(85)).
		without(unknown)
}
