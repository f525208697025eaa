package main

import (
	"fmt"
	"strings"
)

// ofExporters are the matchers of the alerts that link to this dashboard: alerts with a job, including
// those of relays, and alerts that there is no exporter or no rule.
var ofExporters = []string{`job=~"$job", instance=~"$instance|"`, `job="", sdk_app_id=""`}

// running has a series for each scraped replica.
const running = "max by (instance) (tuilivekit_exporter_build_info{" + ours + "})"

// whileScraped returns expr without a result if no exporter is scraped now: an old count would look as
// if all were well.
func whileScraped(expr string) string { return expr + "\nand on () max(" + running + ")" }

// orMemory returns expr, with memoryOnly for each scraped replica without a result.
func orMemory(expr string) string { return or(expr, running, memoryOnly) }

// orNone returns expr, or a single state if expr has no result and an exporter is scraped: no
// application has a relay, or recounts.
func orNone(expr string, none state) string {
	return fmt.Sprintf("%s\nor on () label_replace(max(%s) * 0 - %d, \"name\", %q, \"\", \"\")", expr, running, -none.value, none.text)
}

func exporter() object {
	return newDashboard(exporterUID, "TUILiveKit / Exporter",
		"The health of the exporter: are callbacks accepted, refused or delayed? Are they on disk? Does the backend get them? Do recounts succeed?",
		"now-6h", variables(true), list{
			annotation("Starts", "blue", "Start", "{{instance}} started",
				"1000 * max by (instance) (process_start_time_seconds{"+ours+"})", true, true),
			annotation("Configuration loads", "green", "Configuration loaded", "{{instance}} loaded its configuration",
				"1000 * max by (instance) (tuilivekit_exporter_config_last_reload_success_timestamp_seconds{"+ours+"})", true, false),
		},
		row{title: "Now", panels: health()},
		row{title: "Alerts", panels: []panel{
			firingTable("The alerts of the exporter and its relays that fire now. The runbooks explain each alert.", ofExporters...).at(0, 0, 24, 5),
			alertTimeline("Alerts that fired, of the exporter itself and of its relays.", ofExporters...).at(0, 5, 24, 10),
		}},
		row{title: "Callbacks", collapsed: true, panels: callbacks()},
		row{title: "Storage", collapsed: true, panels: storage()},
		row{title: "Relay", collapsed: true, panels: relay()},
		row{title: "Recounts", collapsed: true, panels: recounts()},
		row{title: "Process", collapsed: true, panels: process()},
	)
}

func health() []panel {
	return []panel{
		stat("Up", "Replicas that Prometheus can scrape.", "none",
			instant("up", "sum(up{"+ours+"})")).
			steps(list{step("red", nil), step("green", 1)}).without("not scraped").at(0, 0, 3, 4),
		stat("Down", "Targets that Prometheus cannot scrape. They may still accept callbacks.", "none",
			instant("down", "count(up{"+ours+"} == 0) or count(up{"+ours+"}) * 0")).
			steps(none("red")).without("not scraped").at(3, 0, 3, 4),
		stat("Version", "Running versions. More than one is normal only during an update.", "none",
			instant("{{version}}", "count by (version) (tuilivekit_exporter_build_info{"+ours+"})")).
			named().without(unknown).at(6, 0, 4, 4),
		stat("Configuration", "Whether every scraped replica has loaded its configuration. After a failed reload the last valid one stays in use.", "none",
			instant("loaded", "min(tuilivekit_exporter_config_last_reload_successful{"+ours+"})")).
			steps(list{step("red", nil), step("green", 1)}).
			set("mappings", list{words("0", "reload failed", "red", "1", "loaded", "green")}).without(unknown).at(10, 0, 4, 4),
		stat("Storage", "Degraded: events cannot be written, so they are answered 503. It recovers by itself when the disk works again. The worst state of all scraped replicas.", "none",
			instant("storage", or("max(tuilivekit_exporter_storage_degraded{"+ours+"})", "max("+running+")", memoryOnly))).
			steps(none("red")).
			set("mappings", list{words("0", "durable", "green", "1", "degraded", "red")}).says(memoryOnly).without(unknown).at(14, 0, 4, 4),
		stat("Clock skew", "Median difference between the signature time and our clock over 15 minutes, of the replica with the largest one. Beyond the signature window, 60 s by default, every callback is refused.", "s",
			instant("skew", or("max("+medianSkew("instance")+" >= 0)", "max("+running+")", noRequest))).
			set("decimals", 1).steps(skewSteps()).says(noRequest).without(unknown).at(18, 0, 3, 4),
		stat("Panics", "Panics while answering a callback, in the time range. Each one is a bug: please report it with its log.", "none",
			instant("panics", whileScraped(`sum(increase(tuilivekit_webhook_panics_total{`+ours+`}[$__range]))`))).
			set("decimals", 0).steps(none("red")).without(unknown).at(21, 0, 3, 4),
	}
}

// skewSteps returns the threshold of the alert and the signature window as thresholds.
func skewSteps() list { return list{step("green", nil), step("orange", 20), step("red", 60)} }

func callbacks() []panel {
	return []panel{
		series("Answered callbacks", "Requests per second to the callback path, accepted and refused, by replica.",
			"reqps", over("{{instance}}", rate("tuilivekit_webhook_request_duration_seconds_count", "instance")+
				"\nor sum by (instance) (histogram_count(rate(tuilivekit_webhook_request_duration_seconds{"+ours+"}[$__rate_interval])))")).
			floor().stacked().without(unknown).at(0, 0, 8, 8),
		series("Callbacks of each application", "Authenticated callbacks a minute.",
			"none", over("{{name}}", withName(perMinute("tuilivekit_webhook_callbacks_total", apps, "sdk_app_id")))).
			perMinute().floor().custom("fillOpacity", 20).without(unknown).link("Show the application", applicationURL("__field.labels.sdk_app_id")).at(8, 0, 8, 8),
		series("Refused requests", "Per minute, by reason. path and method: scanners. sign: a wrong token. time: a wrong clock. unknown_app: an SDKAppID that is not configured.",
			"none", over("{{reason}}", perMinute("tuilivekit_webhook_rejections_total", ours, "reason")+" > 0"),
			over("all", "60 * "+rate("tuilivekit_webhook_rejections_total", ""))).
			perMinute().floor().without(unknown).at(16, 0, 8, 8),
		quantiles("Time to answer", "From the header of a request to its answer. Tencent waits 2 s.",
			"tuilivekit_webhook_request_duration_seconds").
			lines(list{step("green", nil), step("yellow", 0.5), step("red", 2)}).at(0, 8, 8, 8),
		quantiles("Delay of events", "From Tencent's time of an event to its receipt. Minutes mean that callbacks are queued between Tencent and the exporter. An alert fires from 60 s on.",
			"tuilivekit_webhook_event_delay_seconds").
			lines(list{step("green", nil), step("orange", 60)}).at(8, 8, 8, 8),
		series("Clock skew", "Median difference between the signature time and our clock over 15 minutes, so that one late callback does not matter. An alert fires from 20 s on.",
			"s", over("{{instance}}", medianSkew("instance")+" >= 0")).
			floor().lines(skewSteps()).without("no request, or no data").at(16, 8, 8, 8),
		series("Callbacks in flight", "Callbacks in progress. If the level only rises, the disk or the backend hangs.",
			"none", over("{{instance}}", "max by (instance) (tuilivekit_webhook_requests_in_flight{"+ours+"})")).
			floor().without(unknown).at(0, 16, 8, 8),
		series("Events that moved nothing", "Repeats and events older than the newest, per minute, of all applications.",
			"none", over("{{reason}}", perMinute("tuilivekit_webhook_events_discarded_total", apps, "reason"))).
			perMinute().floor().without(unknown).at(8, 16, 8, 8),
		series("Oddities", "Accepted callbacks per minute that differ from Tencent's documents, of all applications.",
			"none", over("{{kind}}", perMinute("tuilivekit_webhook_oddities_total", apps, "kind"))).
			perMinute().floor().without(unknown).at(16, 16, 8, 8),
	}
}

func storage() []panel {
	const quiet = "memory only, or no data"
	return []panel{
		timeline("Durable", "Green: acknowledged callbacks are on disk. Red: nothing can be written, and callbacks are answered 503.",
			"none", over("{{instance}}", orNothing(orMemory("max by (instance) (tuilivekit_exporter_storage_degraded{"+ours+"})"), "instance"))).
			set("mappings", list{words("0", "durable", "green", "1", "degraded", "red")}).says(memoryOnly.paler(), noData.paler()).at(0, 0, 12, 6),
		series("Age of the last commit", "Time since the last successful commit. It also grows while no callback arrives. If commits fail, it is the time since callbacks were last durable.",
			"s", over("{{instance}}", "time() - max by (instance) (tuilivekit_exporter_storage_last_success_timestamp_seconds{"+ours+"})")).
			floor().without(quiet).at(12, 0, 12, 6),
		series("Commits", "Commits per second, and commits that failed or took too long.",
			"ops", over("commits", rate("tuilivekit_exporter_storage_commits_total", "")),
			over("failed", rate("tuilivekit_exporter_storage_failures_total", ""))).
			floor().override("byFrameRefID", "B", property("color", object{"mode": "fixed", "fixedColor": "red"})).without(quiet).at(0, 6, 6, 8),
		quantiles("Commit duration", "From the first write of a batch to the end of its fsync, which is a part of the time to answer. From 1 s on the storage is degraded.",
			"tuilivekit_exporter_storage_commit_duration_seconds").
			lines(list{step("green", nil), step("yellow", 0.25), step("red", 1)}).without("no commit, or no data").at(6, 6, 6, 8),
		series("Events of a batch", "Average number of callbacks in one commit. It grows with the load, not with time.",
			"none", over("events", mean("tuilivekit_exporter_storage_batch_events"))).
			floor().without("no commit, or no data").at(12, 6, 6, 8),
		stat("Damaged files", "Damaged storage files that were found at the start of a replica. Their valid records were kept. The log names the renamed file.",
			"none", instant("damaged", or("sum(tuilivekit_exporter_storage_corruptions_total{"+ours+"})", "max("+running+")", memoryOnly))).
			steps(none("red")).says(memoryOnly).without(unknown).at(18, 6, 6, 8),
	}
}

func relay() []panel {
	const quiet = "no relay, or no data"
	return []panel{
		timeline("Circuit", "Red: the backend failed too often in a row. Only probes reach it, and other decisions are answered as on_failure says. If there are more than twenty backends, those whose circuit was open.",
			"none", over("{{name}}", orNothing(orNone(withName(twenty("max by (sdk_app_id) (tuilivekit_relay_circuit_open{"+apps+"})", "tuilivekit_relay_circuit_open")), noRelay), "name"))).
			set("mappings", list{words("0", "closed", "green", "1", "open", "red")}).says(noRelay.paler(), noData.paler()).at(0, 0, 12, 10),
		series("Oldest queued callback", "Time that the oldest callback has waited for its backend. If the line rises, the backend accepts no callbacks; an alert fires from 5 minutes on.",
			"s", over("{{name}}", withName("(\ntime() - min by (sdk_app_id) (tuilivekit_relay_queue_oldest_timestamp_seconds{"+apps+"} > 0)\nor max by (sdk_app_id) (tuilivekit_relay_queue_oldest_timestamp_seconds{"+apps+"}) * 0\n)"))).
			floor().lines(list{step("green", nil), step("orange", 300)}).without(quiet).at(12, 0, 12, 10),
		series("Queued callbacks", "Callbacks that are acknowledged, on disk and not yet delivered to the backend, including those set aside.",
			"none", over("{{name}}", withName("sum by (sdk_app_id) (tuilivekit_relay_queue_requests{"+apps+"})"))).
			floor().without(quiet).at(0, 10, 6, 8),
		series("Set aside", "Queued callbacks that failed for five minutes while the backend accepted others. Other callbacks of their rooms are delivered, and they are retried. An alert fires while there are any.",
			"none", over("{{name}}", withName("sum by (sdk_app_id) (tuilivekit_relay_set_aside_requests{"+apps+"})"))).
			floor().without(quiet).at(6, 10, 6, 8),
		series("Decisions", "Callbacks per minute that asked the backend for a decision.",
			"none", over("{{name}}", withName(perMinute("tuilivekit_relay_decisions_total", apps, "sdk_app_id")))).
			perMinute().floor().without(quiet).at(12, 10, 6, 8),
		series("Deliveries", "Queued callbacks per minute that the backend accepted.",
			"none", over("{{name}}", withName(perMinute("tuilivekit_relay_deliveries_total", apps, "sdk_app_id")))).
			perMinute().floor().without(quiet).at(18, 10, 6, 8),
		series("Failures", "Per minute, by reason. A failed delivery is retried. The backend does not get a dropped callback.",
			"none", over("decision: {{reason}}", perMinute("tuilivekit_relay_decision_failures_total", apps, "reason")+" > 0"),
			over("delivery: {{reason}}", perMinute("tuilivekit_relay_delivery_failures_total", apps, "reason")+" > 0"),
			over("dropped: {{reason}}", perMinute("tuilivekit_relay_dropped_total", apps, "reason")+" > 0"),
			over("all", strings.ReplaceAll("60 * (sum(rate(tuilivekit_relay_decision_failures_total{$}[$__rate_interval])) + sum(rate(tuilivekit_relay_delivery_failures_total{$}[$__rate_interval])))", "{$}", "{"+apps+"}"))).
			perMinute().floor().without(quiet).at(0, 18, 12, 8),
		series("Time of the backend", "95th percentile of decisions and of deliveries. Tencent waits 2 s for a decision.",
			"s", over("{{kind}}", observed("histogram_quantile(0.95, sum by (le, kind) (rate(tuilivekit_relay_request_duration_seconds_bucket{"+apps+"}[$__rate_interval])))\n"+
				"or histogram_quantile(0.95, sum by (kind) (rate(tuilivekit_relay_request_duration_seconds{"+apps+"}[$__rate_interval])))"))).
			floor().lines(list{step("green", nil), step("yellow", 0.5), step("red", 1.5)}).without("no request, or no data").at(12, 18, 12, 8),
	}
}

// recounts has the panels of recounts. With a shared Redis each recount is made by one replica.
func recounts() []panel {
	const quiet = "no recount, or no data"
	of := func(by, metric string) string {
		return withName(by + " by (sdk_app_id) (tuilivekit_reconcile_" + metric + "{" + apps + "})")
	}
	return []panel{
		timeline("State of recounts", "Red: Tencent refuses the calls in a way that does not heal, so recounts have stopped until the configuration is reloaded. Of replicas, the best. If there are more than twenty applications, those that were stopped.",
			"none", over("{{name}}", orNothing(orNone(withName(twenty("min by (sdk_app_id) (tuilivekit_reconcile_stopped{"+apps+"})", "tuilivekit_reconcile_stopped")), noRecount), "name"))).
			set("mappings", list{words("0", "running", "green", "1", "stopped", "red")}).says(noRecount.paler(), noData.paler()).at(0, 0, 8, 10),
		series("Age of the last recount", "Time since a recount succeeded. The line is a saw of one interval; there is an alert from three intervals on.",
			"s", over("{{name}}", withName("time() - max by (sdk_app_id) (tuilivekit_reconcile_last_success_timestamp_seconds{"+apps+"})"))).
			floor().without(quiet).at(8, 0, 8, 10),
		series("Recounts", "Recounts that ended, and those of them that failed, an hour. The log says which call failed and what to do.",
			"suffix: /h", over("{{name}}", withName("3600 * sum by (sdk_app_id) (rate(tuilivekit_reconcile_recounts_total{"+apps+"}[$__rate_interval]))")),
			over("{{name}} failed", withName("3600 * sum by (sdk_app_id) (rate(tuilivekit_reconcile_failures_total{"+apps+"}[$__rate_interval]))"))).
			floor().override("byFrameRefID", "B", property("color", object{"mode": "fixed", "fixedColor": "red"})).without(quiet).at(16, 0, 8, 10),
		series("Rooms corrected", "Rooms an hour that recounts found open (up) or closed (down) and that were not known so. Each is a callback that was lost, or that is not enabled.",
			"suffix: /h",
			over("{{name}} opened", withName("3600 * sum by (sdk_app_id) (rate(tuilivekit_reconcile_rooms_opened_total{"+apps+"}[$__rate_interval]))")),
			over("{{name}} closed", withName("-3600 * sum by (sdk_app_id) (rate(tuilivekit_reconcile_rooms_closed_total{"+apps+"}[$__rate_interval]))"))).
			custom("fillOpacity", 20).without(quiet).at(0, 10, 8, 8),
		series("Calls of the server API", "Calls a second by recounts. Tencent allows 10 of the room list for an application, which its backend needs too.",
			"reqps", over("{{name}}", withName("sum by (sdk_app_id) (rate(tuilivekit_reconcile_calls_total{"+apps+"}[$__rate_interval]))"))).
			floor().lines(list{step("green", nil), step("orange", 8)}).without(quiet).at(8, 10, 8, 8),
		series("Duration of a recount", "Of the last one that succeeded. If it is longer than the interval, the next recount begins when it has ended: raise the interval or the rate.",
			"s", over("{{name}}", of("max", "duration_seconds")), over("{{name}} interval", of("max", "interval_seconds"))).
			floor().lastKnown("B").without(quiet).at(16, 10, 8, 8),
	}
}

func process() []panel {
	return []panel{
		timeline("Up", "Whether Prometheus could scrape each replica.",
			"none", over("{{instance}}", orNothing("max by (instance) (up{"+ours+"})", "instance"))).
			set("mappings", list{words("0", "down", "red", "1", "up", "green")}).says(noData.paler()).at(0, 0, 8, 6),
		series("Uptime", "Time since each replica started. If it falls again and again, the replica keeps restarting.",
			"s", over("{{instance}}", "time() - max by (instance) (process_start_time_seconds{"+ours+"})")).
			floor().without(unknown).at(8, 0, 8, 6),
		series("Dropped log lines", "Log lines per minute that were dropped because standard error could not be written fast enough. Callbacks are not delayed. An alert fires.",
			"none", over("{{instance}}", perMinute("tuilivekit_exporter_log_lines_dropped_total", ours, "instance"))).
			perMinute().floor().without(unknown).at(16, 0, 8, 6),
		series("CPU", "Cores in use by each replica.", "none",
			over("{{instance}}", rate("process_cpu_seconds_total", "instance"))).floor().custom("axisSoftMax", 0.01).without(unknown).at(0, 6, 6, 8),
		series("Resident memory", "Memory of each replica.", "bytes",
			over("{{instance}}", "max by (instance) (process_resident_memory_bytes{"+ours+"})")).floor().without(unknown).at(6, 6, 6, 8),
		series("Open files", "Share of the limit of file descriptors, sockets included.", "percentunit",
			over("{{instance}}", "max by (instance) (process_open_fds{"+ours+"} / process_max_fds{"+ours+"})")).
			floor().custom("axisSoftMax", 0.01).lines(percentSteps()).without(unknown).at(12, 6, 6, 8),
		series("Goroutines", "A level that only rises is a leak.", "none",
			over("{{instance}}", "max by (instance) (go_goroutines{"+ours+"})")).floor().without(unknown).at(18, 6, 6, 8),
	}
}

// quantiles returns a panel of a histogram of seconds.
func quantiles(title, description, metric string) panel {
	return series(title, description+" Median, 95th and 99th percentile.", "s",
		over("50 %", quantile(0.5, metric)), over("95 %", quantile(0.95, metric)), over("99 %", quantile(0.99, metric))).
		floor().custom("axisSoftMax", 0.01).without("no callback in this time, or no data")
}
