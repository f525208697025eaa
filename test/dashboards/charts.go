package main

func stat(title, description, unit string, targets ...object) panel {
	return newPanel("stat", title, description, unit, object{
		"colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
		"textMode": "value", "reduceOptions": lastValue,
		"text": object{"titleSize": 16, "valueSize": 38}, // else a long name makes the number small
	}, targets...).set("color", object{"mode": "thresholds"})
}

// named shows the legend beside the value.
func (p panel) named() panel {
	p.object["options"].(object)["textMode"] = "value_and_name"
	return p
}

func gauge(title, description, unit string, target object) panel {
	return newPanel("gauge", title, description, unit, object{
		"orientation": "auto", "showThresholdLabels": false, "showThresholdMarkers": true, "reduceOptions": lastValue,
	}, target)
}

func series(title, description, unit string, targets ...object) panel {
	return newPanel("timeseries", title, description, unit, object{
		"legend":  object{"showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": list{}},
		"tooltip": object{"mode": "multi", "sort": "desc"},
	}, targets...).
		custom("drawStyle", "line").custom("lineWidth", 2).custom("fillOpacity", 0).
		custom("showPoints", "never").custom("spanNulls", false).custom("axisSoftMax", 1).
		custom("thresholdsStyle", object{"mode": "off"})
}

// floor makes the axis start at 0.
func (p panel) floor() panel { return p.set("min", 0) }

// lines draws the thresholds as lines in a series panel, whose colours distinguish the series.
func (p panel) lines(steps list) panel {
	return p.set("thresholds", object{"mode": "absolute", "steps": steps}).
		custom("thresholdsStyle", object{"mode": "line"})
}

// held draws each value until the next value as a step.
func (p panel) held() panel { return p.custom("lineInterpolation", "stepAfter") }

// perMinute sets the unit to a rate per minute.
func (p panel) perMinute() panel { return p.set("unit", "suffix:/min") }

// stacked draws the series on top of each other.
func (p panel) stacked() panel {
	return p.custom("fillOpacity", 20).custom("stacking", object{"mode": "normal", "group": "A"})
}

// grey draws the series of a query in grey.
func (p panel) grey(refID string) panel {
	return p.override("byFrameRefID", refID, property("color", object{"mode": "fixed", "fixedColor": "#8e8e8e"}))
}

// lastKnown draws the series of a query, which are old numbers, as thin dashed lines without legend.
func (p panel) lastKnown(refID string) panel {
	return p.override("byFrameRefID", refID,
		property("custom.lineStyle", object{"fill": "dash", "dash": list{4, 8}}),
		property("custom.lineWidth", 1),
		property("custom.hideFrom", object{"legend": true, "tooltip": false, "viz": false}))
}

func timeline(title, description, unit string, targets ...object) panel {
	return newPanel("state-timeline", title, description, unit, object{
		"alignValue": "left", "mergeValues": true, "rowHeight": 0.9, "showValue": "auto",
		"legend":  object{"showLegend": false, "displayMode": "list", "placement": "bottom", "calcs": list{}},
		"tooltip": object{"mode": "single", "sort": "none"},
	}, targets...).custom("lineWidth", 0).custom("fillOpacity", 75).set("color", object{"mode": "fixed", "fixedColor": "text"})
}

// table joins the rows of its queries by their common labels. columns is the order of the fields;
// the fields in hidden are not shown.
func table(title, description, sortBy string, columns, hidden []string, targets ...object) panel {
	p := newPanel("table", title, description, "none", object{
		"showHeader": true,
		"sortBy":     list{object{"displayName": sortBy, "desc": true}},
	}, targets...).custom("align", "auto").custom("displayMode", "auto").custom("inspect", false).custom("filterable", false)
	order, exclude := object{}, object{}
	for i, name := range columns {
		order[name] = i
	}
	for _, name := range hidden {
		exclude[name] = true
	}
	p.object["transformations"] = list{
		object{"id": "merge", "options": object{}},
		object{"id": "organize", "options": object{"indexByName": order, "excludeByName": exclude, "renameByName": object{}}},
	}
	return p
}

// field describes a column of a table.
func (p panel) field(name, title, unit string, properties ...object) panel {
	return p.override("byName", name, append([]object{property("displayName", title), property("unit", unit)}, properties...)...)
}
