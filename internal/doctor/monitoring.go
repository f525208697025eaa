package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"
)

// alerts are the alerts of the shipped rules that notify about the limit.
var alerts = []string{"TUILiveKitRoomsNearLimit", "TUILiveKitRoomsCritical", "TUILiveKitRoomsExhausted"}

// prometheus checks whether Prometheus scrapes the exporter and has its rules.
func (d *doctor) prometheus(ctx context.Context) {
	if d.o.Prometheus == "" {
		d.add("prometheus", Skip, "whether Prometheus scrapes the exporter: its URL is not given", "give --prometheus.url")
		return
	}
	var up struct{ Result []struct{ Value [2]any } }
	if !d.ask(ctx, "prometheus", d.o.Prometheus+"/api/v1/query?query="+url.QueryEscape("tuilivekit_exporter_build_info"), &up) {
		return
	}
	if len(up.Result) == 0 {
		d.add("prometheus", Fail, "Prometheus has no exporter that it scrapes successfully now", "see its page Status, Target health; scrape the web listener, by default port 19780")
	} else {
		d.add("prometheus", Pass, fmt.Sprintf("Prometheus scrapes %d exporter(s)", len(up.Result)), "")
	}
	d.prometheusRules(ctx)
	d.prometheusAlertmanagers(ctx)
}

// prometheusRules checks whether the alerts about the limit are loaded and can be evaluated.
func (d *doctor) prometheusRules(ctx context.Context) {
	var rules struct {
		Groups []struct {
			Rules []struct{ Name, Type, Health, LastError string }
		}
	}
	if !d.ask(ctx, "prometheus_rules", d.o.Prometheus+"/api/v1/rules", &rules) {
		return
	}
	loaded, broken := map[string]bool{}, []string{}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			loaded[r.Name] = true
			if r.Health == "err" && strings.Contains(strings.ToLower(r.Name), "tuilivekit") {
				broken = append(broken, r.Name)
			}
		}
	}
	var missing []string
	for _, name := range alerts {
		if !loaded[name] {
			missing = append(missing, name)
		}
	}
	switch {
	case len(missing) > 0:
		d.add("prometheus_rules", Fail, "Prometheus has no alert "+strings.Join(missing, ", "), "load the files of alerts/ with rule_files")
	case len(broken) > 0:
		d.add("prometheus_rules", Fail, "Prometheus cannot evaluate "+strings.Join(broken, ", "), "see its page Status, Rule health")
	default:
		d.add("prometheus_rules", Pass, "Prometheus has the alerts of the limit", "")
	}
}

// prometheusAlertmanagers checks whether Prometheus sends alerts to an Alertmanager.
func (d *doctor) prometheusAlertmanagers(ctx context.Context) {
	var managers struct{ ActiveAlertmanagers []struct{ URL string } }
	if !d.ask(ctx, "prometheus_alertmanagers", d.o.Prometheus+"/api/v1/alertmanagers", &managers) {
		return
	}
	if len(managers.ActiveAlertmanagers) == 0 {
		d.add("prometheus_alertmanagers", Fail, "Prometheus sends its alerts to no Alertmanager", "set alerting.alertmanagers in its configuration")
	} else {
		d.add("prometheus_alertmanagers", Pass, fmt.Sprintf("Prometheus sends its alerts to %d Alertmanager(s)", len(managers.ActiveAlertmanagers)), "")
	}
}

// ask requests data from Prometheus. If that fails, it adds the check id as failed and returns
// false.
func (d *doctor) ask(ctx context.Context, id, target string, data any) bool {
	code, body, err := d.get(ctx, target)
	answer := struct {
		Status string
		Data   any
	}{Data: data}
	switch {
	case err != nil:
		d.add(id, Fail, "Prometheus does not answer: "+err.Error(), "check --prometheus.url")
	case code != http.StatusOK || json.Unmarshal(body, &answer) != nil || answer.Status != "success":
		d.add(id, Fail, fmt.Sprintf("no answer of Prometheus (HTTP status %d)", code), "check --prometheus.url")
	default:
		return true
	}
	return false
}

// alertmanager checks whether the alerts would reach a receiver that notifies.
func (d *doctor) alertmanager(ctx context.Context) {
	const id = "alertmanager"
	if d.o.Alertmanager == "" {
		d.add(id, Skip, "whether Alertmanager notifies somebody: its URL is not given", "give --alertmanager.url")
		return
	}
	code, body, err := d.get(ctx, d.o.Alertmanager+"/api/v2/status")
	var s struct{ Config struct{ Original string } }
	switch {
	case err != nil:
		d.add(id, Fail, "Alertmanager does not answer: "+err.Error(), "check --alertmanager.url")
		return
	case code != http.StatusOK || json.Unmarshal(body, &s) != nil || s.Config.Original == "":
		d.add(id, Fail, fmt.Sprintf("no answer of Alertmanager (HTTP status %d)", code), "check --alertmanager.url")
		return
	}
	var c alertmanagerConfig
	if err := yaml.Unmarshal([]byte(s.Config.Original), &c); err != nil {
		d.add(id, Skip, "whether Alertmanager notifies somebody: its configuration cannot be read", "")
		return
	}
	for _, alert := range alerts {
		severity := "critical"
		if alert == "TUILiveKitRoomsNearLimit" {
			severity = "warning"
		}
		names := c.Route.receivers(map[string]string{"alertname": alert, "severity": severity})
		switch silent := c.silent(names); {
		case len(names) == 0:
			d.add("alert_route", Fail, "no route of Alertmanager takes "+alert, "add a route, see alerts/alertmanager.example.yaml")
		case silent:
			d.add("alert_route", Fail, fmt.Sprintf("%s goes to %s, which notifies nobody", alert, strings.Join(names, ", ")), "add a route to a receiver that does, see alerts/alertmanager.example.yaml")
		default:
			d.add("alert_route", Pass, fmt.Sprintf("%s goes to %s", alert, strings.Join(names, ", ")), "")
		}
	}
}
