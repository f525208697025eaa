package main

// variables returns the variables of a dashboard. several allows more than one application.
func variables(several bool) list {
	app := query("sdk_app_id", "Application",
		`query_result(max by (sdk_app_id, name) (tuilivekit_app_info{job=~"$job", instance=~"$instance"}))`, several)
	// The name is shown, the SDKAppID is the value.
	app["regex"] = `/[{,]name="(?<text>[^"]+)|sdk_app_id="(?<value>[^"]+)/g`
	return list{
		object{
			"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus",
			"description": "The Prometheus that scrapes the exporter",
			"current":     object{"selected": false, "text": "default", "value": "default"},
			"hide":        0, "includeAll": false, "multi": false, "options": list{}, "refresh": 1, "regex": "", "skipUrlSync": false,
		},
		query("job", "Job", `label_values(tuilivekit_exporter_build_info, job)`, true),
		query("instance", "Instance", `label_values(tuilivekit_exporter_build_info{job=~"$job"}, instance)`, true),
		app,
	}
}

func query(name, label, expr string, several bool) object {
	v := object{
		"type": "query", "name": name, "label": label, "datasource": datasource,
		"query": object{"query": expr, "refId": "StandardVariableQuery"},
		"hide":  0, "includeAll": several, "multi": several, "options": list{},
		"refresh": 2, "regex": "", "sort": 1, "skipUrlSync": false,
	}
	if several {
		v["allValue"] = ".+"
		v["current"] = object{"selected": true, "text": list{"All"}, "value": list{"$__all"}}
	}
	return v
}

// annotation returns an annotation for each series of expr. If at is true, the values of expr are the
// times of the marks in milliseconds; otherwise a mark is at each sample.
func annotation(name, color, title, text, expr string, at, enabled bool) object {
	o := object{
		"name": name, "iconColor": color, "datasource": datasource, "enable": enabled, "hide": false,
		"expr": expr, "step": "60s", "titleFormat": title, "textFormat": text, "tagKeys": "name",
	}
	if at {
		o["useValueForTime"] = true
	}
	return o
}

// onlyOn shows the marks of an annotation only on one panel. Grafana before 9.4 ignores this and shows
// them on all panels.
func onlyOn(annotation object, id int) object {
	annotation["filter"] = object{"exclude": false, "ids": list{id}}
	return annotation
}

// annotations returns the marks of threshold events and of changes of the limit. Threshold events are
// off by default, because a busy application has hundreds.
func annotations() list {
	return list{
		annotation("Limit changes", "purple", "Limit changed", "{{name}}: the limit is now {{rooms}} rooms",
			withName(countAs("rooms", newest(limit)+"\n!= "+before(newest(limit)))), false, true),
		annotation("Threshold events", "orange", "Threshold event", "{{name}}: Tencent reported 70 % or more",
			withName("1000 * "+eventTime), true, false),
	}
}
