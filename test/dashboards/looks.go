package main

// What colours and numbers mean, the same everywhere.

func percentSteps() list {
	return list{step("green", nil), step("yellow", 0.70), step("orange", 0.85), step("red", 0.95)}
}

// ageSteps: an old number is not bad, Tencent is silent below 70 %. It is only no
// longer to be taken for the present.
func ageSteps() list {
	return list{step("green", nil), step("yellow", 600), step("orange", 3600), step("purple", 86400)}
}

func timeLeftSteps() list {
	return list{step("red", nil), step("orange", 3600), step("yellow", 4*3600), step("green", 12*3600)}
}

// none is for what should be 0.
func none(color string) list { return list{step("green", nil), step(color, 1)} }

const noEvent = "no event yet"

var notShown = []any{"-1", noEvent, "text", "-2", "expired", "text"}

// applicationURL leads to the application that a row or a series is of.
func applicationURL(id string) string {
	return "/d/" + applicationUID + "?var-sdk_app_id=${" + id + "}&" + vars + "&${__url_time_range}"
}

const exporterURL = "/d/" + exporterUID + "?" + vars + "&${__url_time_range}"

// alertTimeline shows the alerts that matchers find.
func alertTimeline(description, of, matchers string) panel {
	return timeline("Alerts", description, "none", over("{{alertname}} "+of, firing(matchers))).
		set("color", object{"mode": "fixed", "fixedColor": "text"}).
		set("mappings", list{words("1", "info", "blue", "2", "warning", "orange", "3", "critical", "red")}).
		without("no alert, or the alerting rules are not loaded")
}
