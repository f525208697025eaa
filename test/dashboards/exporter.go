package main

import "strings"

func exporter() object {
	return newDashboard(exporterUID, "TUILiveKit / Exporter",
		"The health of the exporter: are callbacks taken, refused, delayed, and are they safe on disk, does the application's backend get them.",
		"now-6h", variables(true), list{
			annotation("Starts", "blue", "Start", "{{instance}} started",
				"1000 * max by (instance) (process_start_time_seconds{"+ours+"})", true, true),
			annotation("Configuration loads", "green", "Configuration loaded", "{{instance}} loaded its configuration",
				"1000 * max by (instance) (tuilivekit_exporter_config_last_reload_success_timestamp_seconds{"+ours+"})", true, true),
		},
		row{"Now", []panel{
			stat("Replicas up", "Replicas that Prometheus can scrape.", "none",
				instant("up", "sum(up{"+ours+"})")).
				steps(list{step("red", nil), step("green", 1)}).without("not scraped").at(0, 0, 3, 4),
			stat("Replicas down", "Targets that Prometheus cannot scrape. They may still take callbacks.", "none",
				instant("down", "count(up{"+ours+"} == 0) or count(up{"+ours+"}) * 0")).
				steps(none("red")).without("not scraped").at(3, 0, 3, 4),
			stat("Version", "Versions that run. More than one is normal during an update only.", "none",
				instant("{{version}}", "count by (version) (tuilivekit_exporter_build_info{"+ours+"})")).
				named().without("no exporter").at(6, 0, 4, 4),
			stat("Configuration", "Whether every replica has loaded its configuration. After a failed reload the last good one stays.", "none",
				instant("loaded", "min(tuilivekit_exporter_config_last_reload_successful{"+ours+"})")).
				steps(list{step("red", nil), step("green", 1)}).
				set("mappings", list{words("0", "reload failed", "red", "1", "loaded", "green")}).without("no exporter").at(10, 0, 4, 4),
			stat("Storage", "Degraded: events cannot be written, so they are answered 503 and not acknowledged. It recovers by itself once the disk does.", "none",
				instant("storage", "max(tuilivekit_exporter_storage_degraded{"+ours+"})")).
				steps(none("red")).
				set("mappings", list{words("0", "durable", "green", "1", "degraded", "red")}).without("memory only").at(14, 0, 4, 4),
			stat("Clock skew", "Our clock minus Tencent's at the last signed callback, of the replica that is furthest off. Beyond 60 s every signature is refused.", "s",
				instant("skew", "max(abs(tuilivekit_webhook_clock_skew_seconds{"+ours+"}))")).
				steps(list{step("green", nil), step("yellow", 10), step("orange", 30), step("red", 55)}).without("no signed callback yet").at(18, 0, 3, 4),
			stat("Panics", "Panics while answering a callback, in the time range. Each one is a bug: please report it with its log.", "none",
				instant("panics", `sum(increase(tuilivekit_webhook_panics_total{`+ours+`}[$__range]))`)).
				set("decimals", 0).steps(none("red")).without("no exporter").at(21, 0, 3, 4),
		}},
		row{"Alerts", []panel{
			alertTimeline("Alerts that fired, of the exporter itself. They need the alerting rules; what each means is in the runbooks.",
				"{{job}} {{instance}}", `sdk_app_id="", job=~"$job|", instance=~"$instance|"`).at(0, 0, 24, 5),
		}},
		row{"Callbacks", []panel{
			series("Answered callbacks", "Requests to the callback path a second, accepted and refused, by replica.",
				"reqps", over("{{instance}}", rate("tuilivekit_webhook_request_duration_seconds_count", "instance")+
					"\nor sum by (instance) (histogram_count(rate(tuilivekit_webhook_request_duration_seconds{"+ours+"}[$__rate_interval])))")).
				floor().custom("fillOpacity", 20).custom("stacking", object{"mode": "normal", "group": "A"}).at(0, 0, 8, 8),
			series("Callbacks of each application", "Authenticated callbacks a minute.",
				"cpm", over("{{name}}", withName(perMinute("tuilivekit_webhook_callbacks_total", apps, "sdk_app_id")))).
				floor().custom("fillOpacity", 20).link("Show the application", applicationURL("__field.labels.sdk_app_id")).at(8, 0, 8, 8),
			series("Refused requests", "A minute, by reason; reasons that do not occur are left out. path and method are scanners. sign: a wrong token. time: a clock that is off. unknown_app: an SDKAppID that is not configured.",
				"cpm", over("{{reason}}", perMinute("tuilivekit_webhook_rejections_total", ours, "reason")+" > 0")).
				floor().custom("fillOpacity", 20).custom("stacking", object{"mode": "normal", "group": "A"}).without("none refused").at(16, 0, 8, 8),
			quantiles("Time to answer", "From the header of a request to its answer. Tencent waits 2 s.",
				"tuilivekit_webhook_request_duration_seconds").
				lines(list{step("green", nil), step("yellow", 0.5), step("red", 2)}).at(0, 8, 8, 8),
			quantiles("Delay of events", "From Tencent's time of an event to its receipt. Minutes mean that callbacks queue on their way.",
				"tuilivekit_webhook_event_delay_seconds").
				lines(list{step("green", nil), step("yellow", 10), step("red", 60)}).at(8, 8, 8, 8),
			series("Clock skew", "Our clock minus Tencent's at the last signed callback, whole seconds.",
				"s", over("{{instance}}", "max by (instance) (tuilivekit_webhook_clock_skew_seconds{"+ours+"})")).
				lines(list{step("red", nil), step("green", -55), step("red", 55)}).without("no signed callback yet").at(16, 8, 8, 8),
			series("Callbacks in flight", "Callbacks that are being answered. A level that only rises is a disk or a backend that hangs.",
				"none", over("{{instance}}", "max by (instance) (tuilivekit_webhook_requests_in_flight{"+ours+"})")).
				floor().at(0, 16, 8, 8),
			series("Events that moved nothing", "Repeats and events older than the newest, a minute, of all applications.",
				"cpm", over("{{reason}}", perMinute("tuilivekit_webhook_events_discarded_total", apps, "reason"))).
				floor().at(8, 16, 8, 8),
			series("Oddities", "Accepted callbacks with something strange about them, a minute, of all applications.",
				"cpm", over("{{kind}}", perMinute("tuilivekit_webhook_oddities_total", apps, "kind"))).
				floor().at(16, 16, 8, 8),
		}},
		row{"Storage", []panel{
			timeline("Durable", "Green: what is acknowledged is on disk. Red: nothing can be written, callbacks are answered 503.",
				"none", over("{{instance}}", "max by (instance) (tuilivekit_exporter_storage_degraded{"+ours+"})")).
				set("color", object{"mode": "fixed", "fixedColor": "text"}).
				set("mappings", list{words("0", "durable", "green", "1", "degraded", "red")}).without("memory only").at(0, 0, 12, 6),
			series("Age of the last commit", "Time since something was last written successfully. It grows while nothing comes; with failures beside it, it is how long nothing has been safe.",
				"s", over("{{instance}}", "time() - max by (instance) (tuilivekit_exporter_storage_last_success_timestamp_seconds{"+ours+"})")).
				floor().without("memory only").at(12, 0, 12, 6),
			series("Commits", "Commits a second, and those that failed or took too long.",
				"ops", over("commits", rate("tuilivekit_exporter_storage_commits_total", "")),
				over("failed", rate("tuilivekit_exporter_storage_failures_total", ""))).
				floor().override("byFrameRefID", "B", property("color", object{"mode": "fixed", "fixedColor": "red"})).without("memory only").at(0, 6, 6, 8),
			quantiles("Commit duration", "From the first write of a batch to the end of its fsync. It is a part of the time to answer; from 1 s on the storage counts as degraded.",
				"tuilivekit_exporter_storage_commit_duration_seconds").
				lines(list{step("green", nil), step("yellow", 0.25), step("red", 1)}).without("memory only").at(6, 6, 6, 8),
			quantiles("Events of a batch", "Callbacks that one fsync made durable. It grows with the load, not with time.",
				"tuilivekit_exporter_storage_batch_events").
				set("unit", "none").without("memory only").at(12, 6, 6, 8),
			stat("Damaged files", "Storage files that were found damaged at the start of a replica. What was valid in them was kept; the log names the file that was moved aside.",
				"none", instant("damaged", "sum(tuilivekit_exporter_storage_corruptions_total{"+ours+"})")).
				steps(none("red")).without("memory only").at(18, 6, 6, 8),
		}},
		row{"Relay", []panel{
			timeline("Circuit", "Red: the backend has failed to decide too often in a row, so it is only probed, and on_failure is the answer.",
				"none", over("{{name}}", withName("max by (sdk_app_id) (tuilivekit_relay_circuit_open{"+apps+"})"))).
				set("color", object{"mode": "fixed", "fixedColor": "text"}).
				set("mappings", list{words("0", "closed", "green", "1", "open", "red")}).without("no relay").at(0, 0, 12, 6),
			series("Age of what waits", "Time that the oldest callback has waited for its backend. A line that rises is a backend that takes nothing.",
				"s", over("{{name}}", withName("max by (sdk_app_id) (tuilivekit_relay_queue_oldest_age_seconds{"+apps+"})"))).
				floor().lines(list{step("green", nil), step("orange", 300)}).without("no relay").at(12, 0, 12, 6),
			series("Waiting callbacks", "Acknowledged, on disk, and not yet taken by the backend.",
				"none", over("{{name}}", withName("sum by (sdk_app_id) (tuilivekit_relay_queue_requests{"+apps+"})"))).
				floor().without("no relay").at(0, 6, 6, 8),
			series("Passed on", "Callbacks a minute: decisions inside the request of Tencent, deliveries after it.",
				"cpm", over("decisions {{name}}", withName(perMinute("tuilivekit_relay_decisions_total", apps, "sdk_app_id"))),
				over("deliveries {{name}}", withName(perMinute("tuilivekit_relay_deliveries_total", apps, "sdk_app_id")))).
				floor().without("no relay").at(6, 6, 6, 8),
			series("Failures", "A minute, by reason. A delivery that fails is tried again; a callback that is dropped is lost to the backend.",
				"cpm", over("decision: {{reason}}", perMinute("tuilivekit_relay_decision_failures_total", apps, "reason")+" > 0"),
				over("delivery: {{reason}}", perMinute("tuilivekit_relay_delivery_failures_total", apps, "reason")+" > 0"),
				over("dropped: {{reason}}", perMinute("tuilivekit_relay_dropped_total", apps, "reason")+" > 0")).
				floor().without("none failed").at(12, 6, 6, 8),
			series("Time of the backend", "95 % of decisions, and of attempts to deliver, took at most this. Tencent waits 2 s for a decision.",
				"s", over("{{kind}}", "histogram_quantile(0.95, sum by (le, kind) (rate(tuilivekit_relay_request_duration_seconds_bucket{"+apps+"}[$__rate_interval])))\n"+
					"or histogram_quantile(0.95, sum by (kind) (rate(tuilivekit_relay_request_duration_seconds{"+apps+"}[$__rate_interval])))")).
				floor().lines(list{step("green", nil), step("yellow", 0.5), step("red", 1.5)}).without("no relay").at(18, 6, 6, 8),
		}},
		row{"Process", []panel{
			timeline("Up", "Whether Prometheus could scrape each replica.",
				"none", over("{{instance}}", "max by (instance) (up{"+ours+"})")).
				set("color", object{"mode": "fixed", "fixedColor": "text"}).
				set("mappings", list{words("0", "down", "red", "1", "up", "green")}).at(0, 0, 12, 6),
			series("Uptime", "Time since each replica started; a saw is a replica that keeps restarting.",
				"s", over("{{instance}}", "time() - max by (instance) (process_start_time_seconds{"+ours+"})")).
				floor().at(12, 0, 12, 6),
			series("CPU", "Cores in use by each replica.", "none",
				over("{{instance}}", rate("process_cpu_seconds_total", "instance"))).floor().at(0, 6, 6, 8),
			series("Resident memory", "Memory of each replica.", "bytes",
				over("{{instance}}", "max by (instance) (process_resident_memory_bytes{"+ours+"})")).floor().at(6, 6, 6, 8),
			series("Open files", "Share of the limit of file descriptors, sockets included.", "percentunit",
				over("{{instance}}", "max by (instance) (process_open_fds{"+ours+"} / process_max_fds{"+ours+"})")).
				floor().lines(percentSteps()).at(12, 6, 6, 8),
			series("Goroutines", "A level that only rises is a leak.", "none",
				over("{{instance}}", "max by (instance) (go_goroutines{"+ours+"})")).floor().at(18, 6, 6, 8),
		}},
	)
}

// quantiles is a panel of a histogram.
func quantiles(title, description, metric string) panel {
	unit := "none"
	if strings.HasSuffix(metric, "_seconds") {
		unit = "s"
	}
	return series(title, description+" Half, 95 % and 99 % were at most this.", unit,
		over("50 %", quantile(0.5, metric)), over("95 %", quantile(0.95, metric)), over("99 %", quantile(0.99, metric))).floor()
}
