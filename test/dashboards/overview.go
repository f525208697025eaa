package main

import "fmt"

// ofAll are the alerts of the applications chosen, and of the exporters that hear of them.
var ofAll = []string{`sdk_app_id=~"$sdk_app_id"`, `sdk_app_id="", job=~"$job|"`}

func overview() object {
	ofSeries := applicationURL("__field.labels.sdk_app_id")
	critical := criticalLevel()
	all := func(expr string) string { return fmt.Sprintf("label_replace(%s, \"name\", \"all\", \"\", \"\")", expr) }
	return newDashboard(overviewUID, "TUILiveKit / Overview",
		"All applications: who is near the limit of rooms, how old that number is, and how long it will last.",
		"now-24h", variables(true), annotations(),
		row{title: "Now", panels: []panel{
			stat("Highest usage", "The application nearest to its limit, by the last number that Tencent reported for each. Read it with the age beside it: no event says that rooms were closed.",
				"percentunit", instant("{{name}}", "topk(1, "+withName(lastUsage)+")\nor on () "+all(fmt.Sprintf("max(%s) * 0 - 1", known)))).
				named().set("decimals", 1).steps(percentSteps()).says(noEvent).without(unknown).link("Show the application", ofSeries).at(0, 0, 6, 4),
			stat("Its age", "Time since the threshold event that the highest usage is of. Tencent sends one only when a room is created at 70 % of the limit or more, so an old number means: probably less than that by now.",
				"s", instant("{{sdk_app_id}}", age+"\nand on (sdk_app_id) topk(1, "+lastUsage+")\nor on () max("+known+") * 0 - 1")).
				steps(ageSteps()).says(noEvent).without(unknown).at(6, 0, 4, 4),
			stat(fmt.Sprintf("At %.0f %% or more", 100*critical.From), "Applications whose last known usage is critical or worse, however old it is. Hosts cannot go live at 100 %.",
				"none", instant("applications", fmt.Sprintf("count(%[1]s >= %[2]g) or count(%[1]s) * 0 or count(%[3]s) * 0 - 1", lastUsage, critical.From, known))).
				steps(none("red")).says(noEvent).without(unknown).at(10, 0, 4, 4),
			stat("Time to the limit", "When the first application reaches its limit if it goes on as in the last half hour. Only applications with a number of the last 10 minutes and at least ten events in the half hour are considered; no forecast: none of these grows, or there is none.",
				"s", instant("{{name}}", fmt.Sprintf("bottomk(1, %s)\nor on () %s\nor on () %s",
					withName(fmt.Sprintf("(\n(%s >= 1) * 0 - %d\nor %s\n)", atMost, -atLimit.value, timeToLimit)),
					all(fmt.Sprintf("max(%s) * 0 - %d", eventTime, -noForecast.value)), all(fmt.Sprintf("max(%s) * 0 - 1", known))))).
				named().steps(timeLeftSteps()).says(atLimit, noForecast, noEvent).without(unknown).link("Show the application", ofSeries).at(14, 0, 4, 4),
			stat("No event", "Configured applications for which no threshold event has ever come: they have never been at 70 %, or their callbacks do not arrive. See the callbacks in the table.",
				"none", instant("applications", fmt.Sprintf("count(%[1]s unless on (sdk_app_id) %[2]s)\nor count(%[1]s) * 0", known, eventTime))).
				steps(none("blue")).without(unknown).at(18, 0, 3, 4),
			stat("Refused", "Requests that were refused in the time range, requests to other paths left out. While callbacks are refused, the numbers here stand still.",
				"short", instant("refused", whileScraped(`sum(increase(tuilivekit_webhook_rejections_total{`+ours+`, reason!~"path|method"}[$__range]))`))).
				set("decimals", 0).steps(none("orange")).without(unknown).link("Show the exporter", exporterURL).at(21, 0, 3, 4),
			firingTable("The alerts that fire now, of these applications and of the exporter; what each means is in the runbooks.", ofAll...).at(0, 4, 24, 6),
			applicationsTable().at(0, 10, 24, 9),
		}},
		row{title: "Over time", panels: []panel{
			alertTimeline("Alerts that fired, of these applications and of the exporter.", ofAll...).at(0, 0, 24, 9),
			timeline("Usage of every application", "The last known usage in steps of 5 %, in the colours of the alerts. The twenty applications that were the fullest. Compare the next panel: a bar that is red for hours may be one old number.",
				"percent", over("{{name}}", orNothing(withName(worst(orWhy("5 * floor(20 * "+lastUsage+")"))), "name"))).
				set("mappings", percentRanges(3)).says(noEvent.paler(), expired.paler(), noData.paler()).
				link("Show the application", ofSeries).at(0, 9, 24, 8),
			timeline("Age of every number", "How old the number above was: green while events came, yellow after 10 minutes, orange after an hour, purple after a day.",
				"s", over("{{name}}", orNothing(withName(worst(orNever(age))), "name"))).
				steps(ageSteps()).says(noEvent.paler(), noData.paler()).link("Show the application", ofSeries).at(0, 17, 24, 8),
			series("Usage", "In colour while the number is younger than 10 minutes, grey and dashed when it is only the last one known.",
				"percentunit", over("{{name}}", withName(newestFresh(usageOfReplica))), over("{{name}}, last known", withName(lastUsage))).
				held().custom("axisSoftMin", 0.6).custom("axisSoftMax", 1.05).lines(percentSteps()).lastKnown("B").grey("B").
				without("no event, or no data").link("Show the application", ofSeries).at(0, 25, 12, 9),
			series("Time to the limit", "At the growth of the half hour before; what is more than two days away is left out. Nothing is drawn while an application does not grow, its number is older than 10 minutes, or fewer than ten events came in the half hour.",
				"s", over("{{name}}", withName("("+timeToLimit+" <= 172800)"))).
				floor().lines(timeLeftSteps()).custom("showPoints", "auto").without("no forecast, or no data").link("Show the application", ofSeries).at(12, 25, 12, 9),
			series("Threshold events", "Threshold events a minute, over all replicas. Each is a room created at 70 % of the limit or more.",
				"none", over("{{name}}", withName(perMinute("tuilivekit_threshold_events_total", apps, "sdk_app_id")))).
				perMinute().floor().custom("fillOpacity", 20).without(unknown).link("Show the application", ofSeries).at(0, 34, 12, 8),
			series("Rooms created and closed", "Callbacks of rooms created (up) and destroyed (down) a minute, over all replicas; flat if Tencent is not told to send them.",
				"none",
				over("{{name}} created", withName(perMinute("tuilivekit_room_creations_total", apps, "sdk_app_id"))),
				over("{{name}} closed", withName("-"+perMinute("tuilivekit_room_destructions_total", apps, "sdk_app_id")))).
				perMinute().custom("fillOpacity", 20).without(unknown).link("Show the application", ofSeries).at(12, 34, 12, 8),
		}},
	)
}

func applicationsTable() panel {
	width := func(w int) object { return property("custom.width", w) }
	link := property("links", list{object{"title": "Show the application", "url": applicationURL("__data.fields.sdk_app_id"), "targetBlank": false}})
	return table("Applications", "One line for each configured application, the fullest first. All counts of a line are of the same event; its age says how far to trust them. At most leaves out the rooms that are known to be closed since, and is what alerts go by. The name leads to the application.",
		"Usage",
		[]string{"name", "sdk_app_id", "Value #A", "Value #B", "Value #E", "Value #C", "Value #D", "Value #F", "Value #G", "Value #H", "Value #I"},
		[]string{"Time"},
		column(withName(orWhy(lastUsage))),
		column(withName("("+age+")")),
		column(withName(newest(current))),
		column(withName(newest(limit))),
		column(withName(atMost)),
		column(withName("3600 * "+growth)),
		column(withName(forecast)),
		column(withName("sum by (sdk_app_id) (increase(tuilivekit_threshold_events_total{"+apps+"}[$__range]))")),
		column(withName("sum by (sdk_app_id) (increase(tuilivekit_webhook_callbacks_total{"+apps+"}[$__range]))")),
	).
		field("name", "Application", "string", width(200), link).
		field("sdk_app_id", "SDKAppID", "string", width(110)).
		field("Value #A", "Usage", "percentunit", append(colored("gradient-gauge", percentSteps()),
			property("min", 0), property("max", 1), property("decimals", 1), width(190),
			property("mappings", list{statesAre([]state{noEvent, expired})}))...).
		field("Value #B", "Age", "s", append(colored("color-text", ageSteps()), width(100), missing(noEvent.text))...).
		field("Value #C", "Rooms", "none", width(75), missing("–")).
		field("Value #D", "Limit", "none", width(75), missing("–")).
		field("Value #E", "At most", "percentunit", append(colored("color-text", percentSteps()), property("decimals", 1), width(85), missing("–"))...).
		field("Value #F", "Growth", "suffix: /h", property("decimals", 0), width(85), missing("–")).
		field("Value #G", "To the limit", "s", append(colored("color-text", timeLeftSteps()), width(110),
			property("mappings", list{statesAre([]state{atLimit, notFilling, noForecast, noEvent})}))...).
		field("Value #H", "Events", "short", property("decimals", 0), width(75)).
		field("Value #I", "Callbacks", "short", property("decimals", 0), width(90)).
		without(unknown)
}
