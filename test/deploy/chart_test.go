package deploy

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"
)

// TestChartMonitoring decodes the objects of the Prometheus Operator into the types of the operator:
// scripts/check-chart has no schemas of them.
func TestChartMonitoring(t *testing.T) {
	rendered := renderChart(t, "everything", "password")
	monitors, rules := 0, 0
	for _, document := range strings.Split(rendered, "\n---\n") {
		var into any
		switch {
		case strings.Contains(document, "kind: ServiceMonitor\n"):
			monitors++
			into = &monitoring.ServiceMonitor{}
		case strings.Contains(document, "kind: PrometheusRule\n"):
			rules++
			into = &monitoring.PrometheusRule{}
		default:
			continue
		}
		if err := yaml.UnmarshalStrict([]byte(document), into); err != nil {
			t.Errorf("%v\n%s", err, document)
		}
		if err := yaml.UnmarshalStrict([]byte(strings.Replace(document, "\nspec:", "\nspec:\n  unknownMember: 1", 1)), into); err == nil {
			t.Error("a member that the operator does not have is accepted")
		}
		if rule, ok := into.(*monitoring.PrometheusRule); ok && len(rule.Spec.Groups) < 2 {
			t.Errorf("%d groups of rules", len(rule.Spec.Groups))
		}
	}
	if monitors != 2 || rules != 1 {
		t.Errorf("%d monitors and %d rules, want 2 and 1", monitors, rules)
	}
}

// renderChart returns the objects of the chart for each of these sets of values.
func renderChart(t *testing.T, values ...string) string {
	t.Helper()
	tool := exec.Command("../../scripts/tool", "helm")
	helm, err := tool.Output()
	if err != nil {
		t.Fatalf("scripts/tool helm: %v", err)
	}
	chart := filepath.Join(folder, "helm/tuilivekit-exporter")
	var all strings.Builder
	for _, set := range values {
		out, err := exec.Command(strings.TrimSpace(string(helm)), "template", "tuilivekit-exporter", chart,
			"--kube-version", "1.37.2", "-f", filepath.Join(chart, "ci", set+"-values.yaml")).Output()
		if err != nil {
			t.Fatalf("helm template, %s: %v", set, err)
		}
		all.WriteString("\n---\n")
		all.Write(out)
	}
	return all.String()
}
