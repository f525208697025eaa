package main

import (
	"fmt"
	"slices"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/usage"
)

// roomsAndLimit is the ID of the panel with the marks of alerts. Panels are numbered in their order,
// rows included.
const roomsAndLimit = 12

func application() object {
	alerts := annotation("Alerts", "red", "{{alertname}}", "{{severity}}",
		`ALERTS{alertname=~"TUILiveKit.+", alertstate="firing", severity!="info", sdk_app_id=~"$sdk_app_id"}`, false, true)
	const quiet = "no number in this time, or no data"
	return newDashboard(applicationUID, "TUILiveKit / Application",
		"One application: its rooms and its limit, the age of the numbers, the time to the limit, and the callbacks of Tencent.",
		"now-6h", variables(false), append(annotations(), onlyOn(alerts, roomsAndLimit)),
		row{title: "Now", panels: []panel{
			gauge("Usage", "Usage of the limit by the best number, which alerts use too. Read it with its source and its age.",
				"percentunit", instant("{{name}}", withName(orWhyNoLimit(roomsUsage)))).
				set("min", 0).set("max", 1).steps(percentSteps()).says(noEvent, expired, noLimit).without(unknown).at(0, 0, 6, 8),
			stat("Rooms", "Rooms that are open now, by the best number.", "none",
				instant("rooms", orWhy(rooms))).says(noEvent, expired).without(unknown).at(6, 0, 4, 4),
			stat("Limit", "MaxRoomCount of the last threshold event, or max_rooms of the configuration before the first.", "none",
				instant("limit", orWhyNoLimit(roomsLimit))).says(noEvent, expired, noLimit).without(unknown).at(10, 0, 4, 4),
			freeRoomsPanel().at(14, 0, 5, 4),
			stat("Source", "Source of the number of rooms. "+aboutSources, "none",
				instant("source", orWhy(roomsSource))).says(append(slices.Clone(sources), noEvent, expired)...).without(unknown).at(19, 0, 5, 4),
			stat("Age of the number", "Age of the number of rooms, by Tencent's clock. Up to 10 minutes the number is as good as the present. If it is older, no callback has arrived since.",
				"s", instant("age", orNever(roomsAge))).steps(ageSteps()).says(noEvent).without(unknown).at(6, 4, 4, 4),
			stat("Time to the limit", "If growth stays as in the last half hour. "+aboutForecast,
				"s", instant("time left", forecast)).steps(timeLeftSteps()).says(atLimit, notFilling, noForecast, noEvent).without(unknown).at(10, 4, 4, 4),
			stat("Growth", "Growth in rooms per hour, at the pace of the last half hour. "+aboutForecast,
				"suffix: rooms/h", instant("rooms an hour", "3600 * "+growth)).
				set("decimals", 0).without("too few events, or no data").at(14, 4, 5, 4),
			stat("Last reported rooms", "CurRoomCount of the last threshold event, whatever its age.", "none",
				instant("rooms", orWhy(newest(current)))).says(noEvent, expired).without(unknown).at(19, 4, 5, 4),
		}},
		row{title: "Over time", panels: []panel{
			series("Rooms and limit", "The best number of rooms: solid while it is younger than 10 minutes, dashed when it is older. The thin lines are the numbers from which it is chosen: the last count of Tencent; the estimate, which adds the rooms opened and subtracts the rooms closed since; and the rooms known to be open from callbacks and recounts.",
				"none",
				over("rooms", whileFresh(rooms)),
				over("rooms (last known)", rooms),
				over("limit", roomsLimit),
				over("estimate", newest(estimated)),
				over("known", "max by (sdk_app_id) ("+last("tuilivekit_known_rooms")+")"),
				over("last reported", newest(current))).
				held().floor().lastKnown("B").without(quiet).
				override("byFrameRefID", "A", property("color", object{"mode": "fixed", "fixedColor": "blue"}), property("custom.fillOpacity", 15)).
				override("byFrameRefID", "B", property("color", object{"mode": "fixed", "fixedColor": "blue"})).
				override("byFrameRefID", "C", property("color", object{"mode": "fixed", "fixedColor": "red"})).
				override("byFrameRefID", "D", property("color", object{"mode": "fixed", "fixedColor": "purple"}), property("custom.lineWidth", 1)).
				override("byFrameRefID", "E", property("color", object{"mode": "fixed", "fixedColor": "green"}), property("custom.lineWidth", 1)).
				override("byFrameRefID", "F", property("color", object{"mode": "fixed", "fixedColor": "orange"}), property("custom.lineWidth", 1)).
				at(0, 0, 24, 10),
			timeline("Source of the number", "Source of the best number: green is a count of Tencent, blue a count of the exporter. "+aboutSources,
				"none", over("{{name}}", orNothing(withName(orWhy(roomsSource)), "name"))).
				says(append(slices.Clone(sources[:len(sources)-1]), unruled.paler(), noEvent.paler(), expired.paler(), noData.paler())...).at(0, 10, 24, 3),
			series("Usage", "Usage of the limit, with the levels of the alerts. Solid while younger than 10 minutes, dashed when older. Purple and dashed is the last count of Tencent, where it differs.",
				"percentunit", over("usage", whileFresh(roomsUsage)), over("usage (last known)", roomsUsage), over("last reported", "("+lastUsage+" != "+roomsUsage+")")).
				held().custom("axisSoftMin", 0.6).custom("axisSoftMax", 1.05).lines(percentSteps()).lastKnown("B").lastKnown("C").without(quiet).
				override("byFrameRefID", "A", property("color", object{"mode": "fixed", "fixedColor": "blue"})).
				override("byFrameRefID", "B", property("color", object{"mode": "fixed", "fixedColor": "blue"})).
				override("byFrameRefID", "C", property("color", object{"mode": "fixed", "fixedColor": "purple"})).at(0, 13, 12, 8),
			series("Age of the number", "Age of the number. If it stays low, the application is busy. If it grows, nobody opens or closes rooms, or callbacks do not arrive.",
				"s", over("age", roomsAge)).floor().lines(ageSteps()).without(quiet).at(12, 13, 12, 8),
			series("Growth", "Growth in rooms per hour, at the pace of the half hour before. "+aboutForecast,
				"suffix: rooms/h", over("rooms an hour", "3600 * "+growth)).custom("showPoints", "auto").without("too few events, or no data").at(0, 21, 12, 8),
			series("Time to the limit", "At the growth of the last half hour. Times of more than two days are not drawn. Nothing is drawn while the application does not grow.",
				"s", over("time left", "("+timeToLimit+" <= 172800)")).floor().lines(timeLeftSteps()).custom("showPoints", "auto").without("no forecast, or no data").at(12, 21, 12, 8),
		}},
		row{title: "What Tencent sends", panels: []panel{
			series("Threshold events", "Threshold events per minute, by the replica that received them.",
				"none", over("{{instance}}", perMinute("tuilivekit_threshold_events_total", apps, "instance"))).
				perMinute().floor().stacked().without(unknown).at(0, 0, 8, 8),
			series("Rooms created and closed", "Callbacks of rooms created (up) and destroyed (down) a minute; 0 if these callbacks are not enabled at Tencent.",
				"none",
				over("created", perMinute("tuilivekit_room_creations_total", apps, "sdk_app_id")),
				over("closed", "-"+perMinute("tuilivekit_room_destructions_total", apps, "sdk_app_id"))).
				perMinute().custom("fillOpacity", 20).without(unknown).at(8, 0, 8, 8),
			series("Callbacks by command", "Authenticated callbacks per minute, by command.",
				"none", over("{{command}}", perMinute("tuilivekit_webhook_callbacks_total", apps, "command")+" > 0")).
				perMinute().floor().stacked().without("no callback in this time, or no data").at(16, 0, 8, 8),
			series("Events that moved nothing", "Repeats (duplicate) and events older than the newest (out_of_order) per minute. Both are normal with retries and several replicas.",
				"none", over("{{reason}}", perMinute("tuilivekit_webhook_events_discarded_total", apps, "reason"))).
				perMinute().floor().without(unknown).at(0, 8, 8, 8),
			series("Oddities", "Accepted callbacks per minute that differ from Tencent's documents: a time in the future, no time, counts as text, an impossible ratio. If there are more than a few, look at the log.",
				"none", over("{{kind}}", perMinute("tuilivekit_webhook_oddities_total", apps, "kind"))).
				perMinute().floor().without(unknown).at(8, 8, 8, 8),
			stat("Last use of each token", "Time since a token signed a callback. During a rotation, remove the old token when only the new one signs.",
				"s", instant("token {{slot}}", or("time() - (max by (slot) ("+tokenUsed+") > 0)", "max by (slot) ("+tokenUsed+")", never))).
				named().says(never).without("no token, or no data").at(16, 8, 8, 8),
			replicasTable().at(0, 16, 24, 6),
		}},
		row{title: "Room life", collapsed: true, panels: roomLife()},
	)
}

// roomLife has the panels of the statistics in callbacks of rooms destroyed.
func roomLife() []panel {
	const none = "no room closed in this time, or no data"
	perRoom := func(metric string) string {
		return fmt.Sprintf("sum(rate(tuilivekit_room_%[1]s_total{%[2]s}[$__rate_interval]))\n"+
			"/ (sum(rate(tuilivekit_room_destructions_total{%[2]s}[$__rate_interval])) - sum(rate(tuilivekit_rooms_without_statistics_total{%[2]s}[$__rate_interval])) > 0)", metric, apps)
	}
	return []panel{
		series("Rooms closed", "Rooms closed per minute, by who closed them; 0 if these callbacks are not enabled at Tencent.",
			"none", over("{{cause}}", perMinute("tuilivekit_room_destructions_total", apps, "cause"))).
			perMinute().floor().stacked().without(unknown).at(0, 0, 8, 8),
		series("Duration of rooms", "From the creation of a room to its closing: median, 95th and 99th percentile.",
			"s", over("50 %", quantileOf(0.5, "tuilivekit_room_duration_seconds", apps)), over("95 %", quantileOf(0.95, "tuilivekit_room_duration_seconds", apps)),
			over("99 %", quantileOf(0.99, "tuilivekit_room_duration_seconds", apps))).
			floor().without(none).at(8, 0, 8, 8),
		series("Viewers of a room", "Average of the closed rooms whose callback has statistics.",
			"none", over("viewers", perRoom("viewers"))).
			floor().without(none).at(16, 0, 8, 8),
		series("Gifts and likes of a room", "Average of the closed rooms whose callback has statistics.",
			"none", over("gifts", perRoom("gifts")), over("coins of gifts", perRoom("gift_coins")), over("likes", perRoom("likes"))).
			floor().without(none).at(0, 8, 12, 8),
		series("Members", "Members that entered or left per minute, by cause. Tencent sends nothing for the members of a closed room, so this does not give the number of members online.",
			"none", over("{{cause}}", perMinute("tuilivekit_member_changes_total", apps, "cause"))).
			perMinute().floor().without(unknown).at(12, 8, 12, 8),
	}
}

const tokenUsed = "tuilivekit_webhook_token_last_used_timestamp_seconds{" + apps + "}"

// freeRoomsPanel has a query for each level of usage, of which one has a value. This gives a number of
// rooms the colour of a ratio.
func freeRoomsPanel() panel {
	var targets []object
	for i, l := range usage.Levels() {
		targets = append(targets, instant(l.Words, freeFrom(i)))
	}
	targets = append(targets, instant("why", whyNotFree))
	p := stat("Free rooms", "Limit minus rooms, in the colour of the usage.", "none", targets...).says(noEvent, expired, noLimit).without(unknown)
	for i, l := range usage.Levels() {
		p = p.override("byFrameRefID", string(rune('A'+i)), property("color", object{"mode": "fixed", "fixedColor": l.Color}))
	}
	return p
}

func replicasTable() panel {
	return table("What each replica knows", "Age of the newest event of each replica. The dashboards show the newest of all replicas. That other replicas have older ones is normal.",
		"Time of the event", []string{"instance", "job", "Value #A", "Value #B", "Value #C", "Value #D"}, []string{"Time"},
		column(or(or("max by (job, instance) (1000 * tuilivekit_last_event_timestamp_seconds{"+apps+"})", knows, noEvent), isDown, down)),
		ofReplicas("tuilivekit_current_rooms"),
		ofReplicas("tuilivekit_max_rooms"),
		ofReplicas("tuilivekit_last_event_received_timestamp_seconds{"+apps+"} - tuilivekit_last_event_timestamp_seconds")).
		without(unknown).
		field("instance", "Instance", "string", property("links", list{object{"title": "Show the exporter", "url": exporterURL, "targetBlank": false}})).
		field("job", "Job", "string").
		field("Value #A", "Time of the event", "dateTimeAsIso", property("mappings", list{statesAre([]state{noEvent, down})})).
		field("Value #B", "Rooms", "none", missing()).
		field("Value #C", "Limit", "none", missing()).
		field("Value #D", "Delay of the event", "s", missing())
}

// Replicas that know of the application, and those that are down.
const (
	knows  = "max by (job, instance) (tuilivekit_app_info{" + apps + "})"
	isDown = "max by (job, instance) (up{" + ours + "} == 0)"
)

// ofReplicas returns a column of an expression that ends with a metric of an application.
func ofReplicas(expr string) object {
	return column(or(or("max by (job, instance) ("+expr+"{"+apps+"})", knows, dash), isDown, dash))
}
