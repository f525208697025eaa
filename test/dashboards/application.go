package main

func application() object {
	return newDashboard(applicationUID, "TUILiveKit / Application",
		"One application: its rooms against its limit, how old the numbers are, when the limit is reached, and what Tencent sends.",
		"now-6h", variables(false), append(annotations(true),
			annotation("Alerts", "red", "{{alertname}}", "{{severity}}",
				`ALERTS{alertname=~"TUILiveKit.+", alertstate="firing", sdk_app_id=~"$sdk_app_id"}`, false, true)),
		row{"Now", []panel{
			gauge("Usage", "Rooms of the limit, by the last threshold event. It stays until the next event, however many rooms are closed: read it with its age.",
				"percentunit", instant("{{name}}", withName(usage))).
				set("min", 0).set("max", 1).steps(percentSteps()).without(noEvent).at(0, 0, 6, 8),
			stat("Age of the number", "Time since that event, by Tencent's clock. Up to 10 minutes the number can be taken for the present. Older means: no room was created at 70 % or more since then.",
				"s", instant("age", age)).steps(ageSteps()).without(noEvent).at(6, 0, 6, 4),
			stat("Time to the limit", "If it goes on as in the last half hour. Only with a number of the last 10 minutes and at least ten events in the half hour.",
				"s", instant("time left", timeToLimit)).steps(timeLeftSteps()).without("not filling").at(12, 0, 6, 4),
			stat("Growth", "Rooms more an hour, at the pace of the last half hour. Only with a number of the last 10 minutes and at least ten events in the half hour.",
				"none", instant("rooms an hour", "3600 * "+growth)).
				set("decimals", 0).without("too few events").at(18, 0, 6, 4),
			stat("Rooms", "CurRoomCount of the last threshold event.", "none",
				instant("rooms", newest(current))).without(noEvent).at(6, 4, 4, 4),
			stat("Limit", "MaxRoomCount of the same event.", "none",
				instant("limit", newest(limit))).without(noEvent).at(10, 4, 4, 4),
			stat("Free rooms", "Limit minus rooms of that event.", "none",
				instant("free", newest(limit+" - "+current))).without(noEvent).at(14, 4, 5, 4),
			stat("At most now", "Usage without the rooms that are known to be closed since, which is what alerts go by. Rooms that open at 70 % or more are always reported, so it is at most this, or below 70 %. Equal to the usage if Tencent is not told to send callbacks of closed rooms.",
				"percentunit", instant("at most", atMost)).set("decimals", 1).steps(percentSteps()).without(noEvent).at(19, 4, 5, 4),
		}},
		row{"Over time", []panel{
			series("Rooms and limit", "Solid while the number is younger than 10 minutes, dashed when it is only the last one known. The limit is that of the same event; the estimate adds rooms created and takes off rooms closed since, as far as their callbacks came to the same replica.",
				"none",
				over("rooms", newestFresh(current)),
				over("rooms (last known)", newest(current)),
				over("limit", newest(limit)),
				over("estimate", newest(estimated))).
				held().floor().lastKnown("B").
				override("byFrameRefID", "A", property("color", object{"mode": "fixed", "fixedColor": "blue"}), property("custom.fillOpacity", 15)).
				override("byFrameRefID", "B", property("color", object{"mode": "fixed", "fixedColor": "blue"})).
				override("byFrameRefID", "C", property("color", object{"mode": "fixed", "fixedColor": "red"})).
				override("byFrameRefID", "D", property("color", object{"mode": "fixed", "fixedColor": "purple"}), property("custom.lineWidth", 1)).
				at(0, 0, 24, 10),
			series("Usage", "Rooms of the limit with the levels 70, 85 and 95 %. Solid while younger than 10 minutes, dashed when only the last one known.",
				"percentunit", over("usage", newestFresh(usageOfReplica)), over("usage (last known)", usage), over("at most now", atMost)).
				held().floor().set("max", 1).lines(percentSteps()).lastKnown("B").at(0, 10, 12, 8),
			series("Age of the number", "How old the newest event was. A saw that stays low is a busy application; a slope is silence: below 70 %, or callbacks that do not arrive.",
				"s", over("age", age)).floor().lines(ageSteps()).at(12, 10, 12, 8),
			series("Growth", "Rooms more an hour, at the pace of the half hour before. Nothing is drawn for a number older than 10 minutes or of fewer than ten events.",
				"none", over("rooms an hour", "3600 * "+growth)).custom("showPoints", "auto").without("too few events").at(0, 18, 12, 8),
			series("Time to the limit", "At that growth. Nothing is drawn while the application does not grow.",
				"s", over("time left", timeToLimit)).floor().lines(timeLeftSteps()).custom("showPoints", "auto").without("not filling").at(12, 18, 12, 8),
		}},
		row{"What Tencent sends", []panel{
			series("Threshold events", "Threshold events a minute, by the replica that took them.",
				"cpm", over("{{instance}}", perMinute("tuilivekit_threshold_events_total", apps, "instance"))).
				floor().custom("fillOpacity", 20).custom("stacking", object{"mode": "normal", "group": "A"}).at(0, 0, 8, 8),
			series("Rooms created and closed", "Callbacks of rooms created (up) and destroyed (down) a minute; nothing if Tencent is not told to send them.",
				"cpm",
				over("created", perMinute("tuilivekit_room_creations_total", apps, "sdk_app_id")),
				over("closed", "-"+perMinute("tuilivekit_room_destructions_total", apps, "sdk_app_id"))).
				custom("fillOpacity", 20).at(8, 0, 8, 8),
			series("Callbacks by command", "Authenticated callbacks a minute. Commands that have never come are left out.",
				"cpm", over("{{command}}", perMinute("tuilivekit_webhook_callbacks_total", apps, "command")+" > 0")).
				floor().custom("fillOpacity", 20).custom("stacking", object{"mode": "normal", "group": "A"}).without("no callback").at(16, 0, 8, 8),
			series("Events that moved nothing", "Repeats (duplicate) and events older than the newest (out_of_order) a minute. Both are normal with retries and several replicas.",
				"cpm", over("{{reason}}", perMinute("tuilivekit_webhook_events_discarded_total", apps, "reason"))).
				floor().at(0, 8, 8, 8),
			series("Oddities", "Callbacks a minute that were accepted although something about them is strange: a time in the future, no time, counts as text, a ratio that cannot be. More than a few are worth a look at the log.",
				"cpm", over("{{kind}}", perMinute("tuilivekit_webhook_oddities_total", apps, "kind"))).
				floor().at(8, 8, 8, 8),
			stat("Last use of each token", "Time since a token signed a callback. While rotating, remove the old one when it is no longer used.",
				"s", instant("token {{slot}}", `time() - max by (slot) (tuilivekit_webhook_token_last_used_timestamp_seconds{`+apps+`})`)).
				named().without("no signed callback yet").at(16, 8, 8, 8),
			table("What each replica knows", "The newest event that each replica has. The dashboards show the one with the smallest age. The others stay behind; that is normal.",
				"Time of the event", []string{"instance", "job", "Value #A", "Value #B", "Value #C", "Value #D"}, []string{"Time"},
				ofReplicas("1000 * tuilivekit_last_event_timestamp_seconds"),
				ofReplicas("tuilivekit_current_rooms"),
				ofReplicas("tuilivekit_max_rooms"),
				ofReplicas("tuilivekit_last_event_received_timestamp_seconds{"+apps+"} - tuilivekit_last_event_timestamp_seconds")).
				without(noEvent).
				set("links", list{object{"title": "Show the exporter", "url": exporterURL, "targetBlank": false}}).
				field("instance", "Instance", "string").
				field("job", "Job", "string").
				field("Value #A", "Time of the event", "dateTimeAsIso").
				field("Value #B", "Rooms", "none").
				field("Value #C", "Limit", "none").
				field("Value #D", "Delay of the event", "s").
				at(0, 16, 24, 6),
		}},
	)
}

// ofReplicas is a column of an expression that ends with a metric of an application.
func ofReplicas(expr string) object {
	return column("max by (job, instance) (" + expr + "{" + apps + "})")
}
