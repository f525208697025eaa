package alerts_test

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
)

// kinds are the kinds of cases that each alert has. The name of a test of promtool ends with its
// alerts and kinds, in brackets: [Alert, Alert: kind, kind; Alert: kind].
var kinds = []string{
	"fires",               // with all labels and annotations
	"just below",          // silent as close to the threshold as counts allow
	"resolves",            // when its cause is over
	"stale data",          // events have stopped, or the series are gone
	"counter reset",       // by a restart
	"replicas disagree",   // two of them, with different numbers
	"failover",            // a replica stops and another continues
	"application removed", // from the configuration
}

const (
	onlyGauges = "it reads no counter"
	oneProcess = "it is about one process: its end is the case of stale data"
	noApp      = "it is not about an application"
	noReplica  = "it is about Prometheus"
)

// doesNotApply has the kinds that an alert cannot have, with the reason.
var doesNotApply = map[string]map[string]string{
	"TUILiveKitRoomsNearLimit":       {"counter reset": onlyGauges},
	"TUILiveKitRoomsCritical":        {"counter reset": onlyGauges},
	"TUILiveKitRoomsExhausted":       {"counter reset": onlyGauges},
	"TUILiveKitRoomLimitChanged":     {"counter reset": onlyGauges},
	"TUILiveKitRoomsStale":           {"counter reset": onlyGauges},
	"TUILiveKitKnownRoomsApart":      {"counter reset": onlyGauges},
	"TUILiveKitDailyGroupQuota":      {"counter reset": onlyGauges},
	"TUILiveKitRelayDelayed":         {"counter reset": onlyGauges},
	"TUILiveKitRelaySetAside":        {"counter reset": onlyGauges},
	"TUILiveKitSignaturesRefused":    {"application removed": noApp},
	"TUILiveKitAllSignaturesRefused": {"application removed": noApp},
	"TUILiveKitCallbacksRefused":     {"application removed": noApp},
	"TUILiveKitSignedToWrongPath":    {"application removed": noApp},
	"TUILiveKitUnknownApplication":   {"application removed": noApp},
	"TUILiveKitEventDelay":           {"application removed": noApp},
	"TUILiveKitClockSkew":            {"application removed": noApp, "failover": oneProcess},
	"TUILiveKitStorageFailing":       {"application removed": noApp, "failover": oneProcess},
	"TUILiveKitStorageDegraded":      {"application removed": noApp, "failover": oneProcess, "counter reset": onlyGauges},
	"TUILiveKitStorageCorrupted":     {"application removed": noApp, "failover": oneProcess},
	"TUILiveKitReplicasApart":        {"application removed": noApp, "failover": oneProcess, "counter reset": onlyGauges},
	"TUILiveKitReloadFailed":         {"application removed": noApp, "failover": oneProcess, "counter reset": onlyGauges},
	"TUILiveKitPanics":               {"application removed": noApp, "failover": oneProcess},
	"TUILiveKitLogLinesDropped":      {"application removed": noApp, "failover": oneProcess},
	"TUILiveKitExporterReplicaDown":  {"application removed": noApp, "counter reset": onlyGauges},
	"TUILiveKitExporterFlapping":     {"application removed": noApp, "counter reset": onlyGauges, "failover": oneProcess},
	"TUILiveKitExporterRestarting":   {"application removed": noApp, "counter reset": onlyGauges, "failover": oneProcess},
	"TUILiveKitExporterDown":         {"application removed": noApp, "counter reset": onlyGauges},
	"TUILiveKitExporterAbsent":       {"application removed": noApp, "counter reset": onlyGauges},
	"TUILiveKitRulesMissing": {
		"application removed": noApp, "counter reset": onlyGauges, "replicas disagree": noReplica, "failover": noReplica,
	},
}

func TestEveryAlertIsTested(t *testing.T) {
	tests := readTests(t)
	has := map[string]map[string]int{} // cases by alert and kind
	for _, c := range tests {
		for alert, ks := range c.kinds(t) {
			for _, kind := range ks {
				c.check(t, alert, kind)
				if has[alert] == nil {
					has[alert] = map[string]int{}
				}
				has[alert][kind]++
			}
		}
	}
	rules, total := readRules(t, alertsFile), 0
	for _, a := range rules {
		fires, silent, cases := 0, 0, 0
		for _, c := range tests {
			for _, e := range c.expectations(a.Alert) {
				if e.firing > 0 {
					fires++
				} else {
					silent++
				}
			}
		}
		for _, kind := range kinds {
			cases += has[a.Alert][kind]
			reason := doesNotApply[a.Alert][kind]
			switch {
			case has[a.Alert][kind] == 0 && reason == "":
				t.Errorf("%s has no case %q", a.Alert, kind)
			case has[a.Alert][kind] > 0 && reason != "":
				t.Errorf("%s has a case %q, which does not apply: %s", a.Alert, kind, reason)
			}
		}
		t.Logf("%-36s %2d cases, %d kinds do not apply; fires at %2d times, silent at %2d", a.Alert, cases, len(doesNotApply[a.Alert]), fires, silent)
		total += cases
	}
	t.Logf("%d alerts, %d cases in %d tests", len(rules), total, len(tests))
	known := alertNames(t)
	for alert := range has {
		if !known[alert] {
			t.Errorf("a test is of %s, which is no alert", alert)
		}
	}
	for alert, ks := range doesNotApply {
		for kind := range ks {
			if !known[alert] || !slices.Contains(kinds, kind) {
				t.Errorf("%s of %s does not apply, but there is no such alert or kind", kind, alert)
			}
		}
	}
}

var brackets = regexp.MustCompile(`\[(.+)\]$`)

// kinds returns what the name of a test says it is, by alert.
func (c testCase) kinds(t *testing.T) map[string][]string {
	t.Helper()
	m := brackets.FindStringSubmatch(c.Name)
	if m == nil {
		return nil
	}
	all := map[string][]string{}
	for part := range strings.SplitSeq(m[1], "; ") {
		alerts, ks, _ := strings.Cut(part, ": ")
		for kind := range strings.SplitSeq(ks, ", ") {
			if !slices.Contains(kinds, kind) {
				t.Errorf("%s: there is no kind %q", c.Name, kind)
			}
			for alert := range strings.SplitSeq(alerts, ", ") {
				all[alert] = append(all[alert], kind)
			}
		}
	}
	return all
}

// check fails unless the test expects of the alert what a case of this kind must.
func (c testCase) check(t *testing.T, alert, kind string) {
	t.Helper()
	expected := c.expectations(alert)
	ok := len(expected) > 0
	switch kind {
	case "fires":
		ok = slices.ContainsFunc(c.Alerts, func(a alertTest) bool { return a.Alert == alert && len(a.Fires) > 0 })
	case "resolves", "application removed":
		ok = slices.IsSortedFunc(expected, func(a, b expectation) int { return cmp.Compare(a.firing, b.firing) })
		ok = !ok // somewhere there are fewer than before
	}
	if !ok {
		t.Errorf("%q does not expect of %s what a case of %q must", c.Name, alert, kind)
	}
}

// expectation is how many alerts of one name a test wants at a time.
type expectation struct {
	at     model.Duration
	firing int
}

var alertname = regexp.MustCompile(`\balertname=(~?)"([^"]+)"`)

// expectations returns those of an alert, by time.
func (c testCase) expectations(alert string) []expectation {
	var all []expectation
	for _, a := range c.Alerts {
		if a.Alert == alert {
			all = append(all, expectation{a.At, len(a.Fires)})
		}
	}
	for _, e := range c.Exprs {
		if !strings.Contains(e.Expr, "ALERTS") {
			continue
		}
		if m := alertname.FindStringSubmatch(e.Expr); m != nil && !regexp.MustCompile("^(?:"+m[2]+")$").MatchString(alert) {
			continue
		} else if m != nil && m[1] == "" {
			all = append(all, expectation{e.At, len(e.Samples)})
			continue
		}
		firing := 0
		for _, s := range e.Samples {
			if strings.Contains(s.Labels, `"`+alert+`"`) {
				firing++
			}
		}
		all = append(all, expectation{e.At, firing})
	}
	slices.SortStableFunc(all, func(a, b expectation) int { return cmp.Compare(a.at, b.at) })
	return all
}
