package main

// object is a JSON object. The options are those of Grafana 9.3.
type object = map[string]any

type list = []any

const (
	overviewUID    = "tuilivekit-overview"
	applicationUID = "tuilivekit-application"
	exporterUID    = "tuilivekit-exporter"

	documents = "https://github.com/tuilivekit-exporter/tuilivekit-exporter/blob/main/docs/dashboards.md"

	// vars passes the values of the variables that all dashboards have from one dashboard to
	// another. The application is not passed: not all dashboards allow several.
	vars = "${datasource:queryparam}&${job:queryparam}&${instance:queryparam}"
)

var datasource = object{"type": "prometheus", "uid": "${datasource}"}

// newDashboard returns a dashboard with links to the others and with the panels of rows.
func newDashboard(uid, title, description, from string, variables, annotations list, rows ...row) object {
	var links list
	for _, l := range []struct{ uid, title, tooltip string }{
		{overviewUID, "Overview", "All applications"},
		{applicationUID, "Application", "One application"},
		{exporterUID, "Exporter", "The health of the exporter itself"},
	} {
		if l.uid != uid {
			links = append(links, dashboardLink("dashboard", l.title, l.tooltip, "/d/"+l.uid+"?"+vars, true))
		}
	}
	links = append(links, dashboardLink("doc", "How to read this", "What each dashboard answers", documents, false))
	return object{
		"uid": uid, "title": title, "description": description,
		"tags": list{"tuilivekit"}, "links": links,
		"schemaVersion": 37, "version": 1,
		"editable": false, "graphTooltip": 1, "timezone": "", "weekStart": "",
		"fiscalYearStartMonth": 0, "liveNow": false, "style": "dark",
		"refresh": "1m", "time": object{"from": from, "to": "now"}, "timepicker": object{},
		"templating":  object{"list": variables},
		"annotations": object{"list": annotations},
		"panels":      layout(rows),
	}
}

func dashboardLink(icon, title, tooltip, url string, keepTime bool) object {
	return object{
		"type": "link", "icon": icon, "title": title, "tooltip": tooltip, "url": url,
		"keepTime": keepTime, "includeVars": false, "targetBlank": !keepTime, "asDropdown": false, "tags": list{},
	}
}

// row is a row of panels with its title. The positions of its panels are relative to its top left
// corner; Grafana's grid is 24 wide. A collapsed row sends no query until it is opened.
type row struct {
	title     string
	panels    []panel
	collapsed bool
}

func layout(rows []row) list {
	var panels list
	id, top := 0, 0
	place := func(o object, x, y, w, h int) object {
		id++
		o["id"], o["gridPos"] = id, object{"x": x, "y": y, "w": w, "h": h}
		return o
	}
	for _, r := range rows {
		title := place(object{"type": "row", "title": r.title, "collapsed": r.collapsed}, 0, top, 24, 1)
		panels = append(panels, title)
		top++
		inside, height := list{}, 0
		for _, p := range r.panels {
			inside = append(inside, place(p.object, p.x, top+p.y, p.w, p.h))
			height = max(height, p.y+p.h)
		}
		if r.collapsed {
			title["panels"] = inside // Grafana loads them when the row is opened
			continue
		}
		title["panels"] = list{}
		panels = append(panels, inside...)
		top += height
	}
	return panels
}

// panel is a panel and its position in its row.
type panel struct {
	object
	x, y, w, h int
}

func newPanel(kind, title, description, unit string, options object, targets ...object) panel {
	var ts list
	for i, t := range targets {
		t["refId"] = string(rune('A' + i))
		ts = append(ts, t)
	}
	return panel{object: object{
		"type": kind, "title": title, "description": description, "datasource": datasource,
		"targets": ts, "options": options, "pluginVersion": "9.3.2",
		"fieldConfig": object{
			"defaults": object{
				"unit":       unit,
				"color":      object{"mode": "palette-classic"},
				"thresholds": object{"mode": "absolute", "steps": list{step("text", nil)}},
				"mappings":   list{},
				"custom":     object{},
			},
			"overrides": list{},
		},
	}}
}

// at sets the position of the panel in its row.
func (p panel) at(x, y, w, h int) panel {
	p.x, p.y, p.w, p.h = x, y, w, h
	return p
}

func (p panel) defaults() object { return p.object["fieldConfig"].(object)["defaults"].(object) }

// set sets a default of all fields.
func (p panel) set(key string, value any) panel {
	p.defaults()[key] = value
	return p
}

// custom sets a setting of all fields that is specific to the kind of panel.
func (p panel) custom(key string, value any) panel {
	p.defaults()["custom"].(object)[key] = value
	return p
}

// steps colours values by thresholds.
func (p panel) steps(steps list) panel {
	return p.set("thresholds", object{"mode": "absolute", "steps": steps}).set("color", object{"mode": "thresholds"})
}

// says adds the texts of states as mappings. They precede the other mappings.
func (p panel) says(states ...state) panel {
	return p.set("mappings", append(list{statesAre(states)}, p.defaults()["mappings"].(list)...))
}

// without sets the text of the panel if it has no value. It must be true for any reason of that. For
// panels of one value it is a mapping too: otherwise it would have the colour of the lowest threshold.
func (p panel) without(text string) panel {
	if kind := p.object["type"]; kind == "stat" || kind == "gauge" || kind == "table" {
		mappings := p.defaults()["mappings"].(list)
		p.set("mappings", append(mappings, nothing(text, len(mappings))))
	}
	return p.set("noValue", text)
}

// link adds a link from the values of the panel to url.
func (p panel) link(title, url string) panel {
	return p.set("links", list{object{"title": title, "url": url, "targetBlank": false}})
}

// override sets properties of the fields that matcher finds.
func (p panel) override(matcher, of string, properties ...object) panel {
	config := p.object["fieldConfig"].(object)
	var props list
	for _, property := range properties {
		props = append(props, property)
	}
	config["overrides"] = append(config["overrides"].(list),
		object{"matcher": object{"id": matcher, "options": of}, "properties": props})
	return p
}

func property(id string, value any) object { return object{"id": id, "value": value} }

func step(color string, from any) object { return object{"color": color, "value": from} }

// instant returns a query of the end of the time range, for one value.
func instant(legend, expr string) object {
	return object{"datasource": datasource, "editorMode": "code", "expr": expr, "legendFormat": legend,
		"instant": true, "range": false, "format": "time_series"}
}

// column returns a query of the end of the time range, for a table.
func column(expr string) object {
	t := instant("", expr)
	t["format"] = "table"
	return t
}

// over returns a query over the time range.
func over(legend, expr string) object {
	return object{"datasource": datasource, "editorMode": "code", "expr": expr, "legendFormat": legend,
		"instant": false, "range": true, "format": "time_series"}
}

var lastValue = object{"calcs": list{"lastNotNull"}, "fields": "", "values": false}

// missing gives a column a dash where there is no value.
func missing() object {
	return property("mappings", list{statesAre([]state{dash}), nothing(dash.text, 1)})
}

func colored(mode string, steps list) []object {
	return []object{
		property("custom.displayMode", mode), property("color", object{"mode": "thresholds"}),
		property("thresholds", object{"mode": "absolute", "steps": steps}),
	}
}

// words returns a mapping of single values: value, text and colour of each.
func words(texts ...any) object {
	options := object{}
	for i := 0; i < len(texts); i += 3 {
		options[texts[i].(string)] = object{"text": texts[i+1], "color": texts[i+2], "index": i / 3}
	}
	return object{"type": "value", "options": options}
}

// between returns a mapping of a range to a colour. The number is shown.
func between(from, to float64, color string, index int) object {
	return object{"type": "range", "options": object{"from": from, "to": to, "result": object{"color": color, "index": index}}}
}

// nothing returns a mapping of a missing value to a text.
func nothing(text string, index int) object {
	return object{"type": "special", "options": object{"match": "null", "result": object{"text": text, "color": "text", "index": index}}}
}
