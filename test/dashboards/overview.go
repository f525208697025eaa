package main

func overview() object {
	ofSeries := applicationURL("__field.labels.sdk_app_id")
	return newDashboard(overviewUID, "TUILiveKit / Overview",
		"All applications: who is near the limit of rooms, how old that number is, and how long it will last.",
		"now-24h", variables(true), annotations(false),
		row{"Now", []panel{
			stat("Highest usage", "The application nearest to its limit, by the last number that Tencent reported for each. Read it with the age beside it: no event says that rooms were closed.",
				"percentunit", instant("{{name}}", "topk(1, "+withName(usage)+")")).
				named().steps(percentSteps()).without(noEvent).link("Show the application", ofSeries).at(0, 0, 5, 4),
			stat("Age of that number", "Time since the threshold event that the highest usage is of. Tencent sends one only when a room is created at 70 % of the limit or more, so an old number means: probably less than that by now.",
				"s", instant("{{sdk_app_id}}", age+"\nand on (sdk_app_id) topk(1, "+usage+")")).
				steps(ageSteps()).without(noEvent).at(5, 0, 4, 4),
			stat("Applications at 95 % or more", "Applications whose last known usage is 95 % or more, however old. Hosts cannot go live at 100 %.",
				"none", instant("applications", "count("+usage+" >= 0.95) or count("+usage+") * 0")).
				steps(none("red")).without(noEvent).at(9, 0, 4, 4),
			stat("Shortest time to the limit", "When the first application reaches its limit if it goes on as in the last half hour. Only applications with a number of the last 10 minutes and at least ten events in the half hour are considered.",
				"s", instant("{{name}}", "bottomk(1, "+withName(timeToLimit)+")")).
				named().steps(timeLeftSteps()).without("none is filling").link("Show the application", ofSeries).at(13, 0, 5, 4),
			stat("Applications without an event", "Configured applications for which no threshold event has ever come: they have never been at 70 %, or their callbacks do not arrive. See the callbacks in the table.",
				"none", instant("applications", "count(max by (sdk_app_id) ("+last("tuilivekit_app_info")+") unless on (sdk_app_id) "+eventTime+")\nor count(max by (sdk_app_id) ("+last("tuilivekit_app_info")+")) * 0")).
				steps(none("blue")).without("no exporter").at(18, 0, 3, 4),
			stat("Refused callbacks", "Requests that were refused in the time range, requests to other paths left out. While callbacks are refused, the numbers here stand still.",
				"short", instant("refused", `sum(increase(tuilivekit_webhook_rejections_total{`+ours+`, reason!~"path|method"}[$__range]))`)).
				set("decimals", 0).steps(none("orange")).without("no exporter").link("Show the exporter", exporterURL).at(21, 0, 3, 4),
			applicationsTable().at(0, 4, 24, 9),
		}},
		row{"Over time", []panel{
			alertTimeline("Alerts that fired, of these applications and of the exporter. They need the alerting rules; what each means is in the runbooks.",
				"{{sdk_app_id}}{{instance}}", `sdk_app_id=~"$sdk_app_id|"`).at(0, 0, 24, 6),
			timeline("Usage of every application", "The last known usage in steps of 5 %: red from 95 %, orange from 85 %, yellow from 70 %. Gaps are times without any exporter. Compare the next panel: a bar that is red for hours may be one old number.",
				"percent", over("{{name}}", withName(orWhy("5 * floor(20 * "+usage+")")))).
				set("color", object{"mode": "fixed", "fixedColor": "text"}).
				set("mappings", list{words(notShown...), between(0, 69.99, "green", 2), between(70, 84.99, "yellow", 3), between(85, 94.99, "orange", 4), between(95, 1e6, "red", 5)}).
				link("Show the application", ofSeries).at(0, 6, 24, 7),
			timeline("Age of every number", "How old the number above was: green while events came, yellow after 10 minutes, orange after an hour, purple after a day.",
				"s", over("{{name}}", withName("("+age+")"))).
				steps(ageSteps()).link("Show the application", ofSeries).at(0, 13, 24, 7),
			series("Usage", "Solid while the number is younger than 10 minutes, dashed when it is only the last one known.",
				"percentunit", over("{{name}}", withName(newestFresh(usageOfReplica))), over("{{name}}", withName(usage))).
				held().floor().set("max", 1).lines(percentSteps()).lastKnown("B").link("Show the application", ofSeries).at(0, 20, 12, 9),
			series("Time to the limit", "At the growth of the half hour before. Nothing is drawn while an application does not grow, its number is older than 10 minutes, or fewer than ten events came in the half hour.",
				"s", over("{{name}}", withName(timeToLimit))).
				floor().lines(timeLeftSteps()).custom("showPoints", "auto").without("none was filling").link("Show the application", ofSeries).at(12, 20, 12, 9),
			series("Threshold events", "Threshold events a minute, over all replicas. Each is a room created at 70 % of the limit or more.",
				"cpm", over("{{name}}", withName(perMinute("tuilivekit_threshold_events_total", apps, "sdk_app_id")))).
				floor().custom("fillOpacity", 20).link("Show the application", ofSeries).at(0, 29, 12, 8),
			series("Rooms created and closed", "Callbacks of rooms created (up) and destroyed (down) a minute, over all replicas; nothing if Tencent is not told to send them.",
				"cpm",
				over("{{name}} created", withName(perMinute("tuilivekit_room_creations_total", apps, "sdk_app_id"))),
				over("{{name}} closed", withName("-"+perMinute("tuilivekit_room_destructions_total", apps, "sdk_app_id")))).
				custom("fillOpacity", 20).link("Show the application", ofSeries).at(12, 29, 12, 8),
		}},
	)
}

func applicationsTable() panel {
	return table("Applications", "One line for each configured application, the fullest first. All counts of a line are of the same event; its age says how far to trust them. At most now leaves out the rooms that are known to be closed since, and is what alerts go by. A click leads to the application.",
		"Usage",
		[]string{"name", "sdk_app_id", "Value #A", "Value #B", "Value #E", "Value #C", "Value #D", "Value #F", "Value #G", "Value #H", "Value #I"},
		[]string{"Time"},
		column(withName(orWhy(usage))),
		column(withName("("+age+")")),
		column(withName(newest(current))),
		column(withName(newest(limit))),
		column(withName(atMost)),
		column(withName("3600 * "+growth)),
		column(withName(timeToLimit)),
		column(withName("sum by (sdk_app_id) (increase(tuilivekit_threshold_events_total{"+apps+"}[$__range]))")),
		column(withName("sum by (sdk_app_id) (increase(tuilivekit_webhook_callbacks_total{"+apps+"}[$__range]))")),
	).
		set("links", list{object{"title": "Show the application", "url": applicationURL("__data.fields.sdk_app_id"), "targetBlank": false}}).
		field("name", "Application", "string").
		field("sdk_app_id", "SDKAppID", "string").
		field("Value #A", "Usage", "percentunit", append(colored("gradient-gauge", percentSteps()),
			property("min", 0), property("max", 1), property("decimals", 1), property("custom.width", 220),
			property("mappings", list{words(notShown...)}))...).
		field("Value #B", "Age of the number", "s", append(colored("color-text", ageSteps()), missing(noEvent))...).
		field("Value #C", "Rooms", "none", missing("–")).
		field("Value #D", "Limit", "none", missing("–")).
		field("Value #E", "At most now", "percentunit", append(colored("color-text", percentSteps()), property("decimals", 1), missing("–"))...).
		field("Value #F", "Growth per hour", "none", property("decimals", 0), missing("–")).
		field("Value #G", "Time to the limit", "s", append(colored("color-text", timeLeftSteps()), missing("not filling"))...).
		field("Value #H", "Events", "short", property("decimals", 0)).
		field("Value #I", "Callbacks", "short", property("decimals", 0))
}
