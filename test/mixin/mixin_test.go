// Package mixin renders the mixin and the objects that are made from it.
package mixin

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-jsonnet"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

const root = "../../"

// dashboards are the files in dashboards/, by name.
func dashboards(t *testing.T) map[string]any {
	t.Helper()
	files, err := filepath.Glob(root + "dashboards/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("dashboards: %v, %v", files, err)
	}
	all := map[string]any{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(file)] = decoded(t, b)
	}
	return all
}

func decoded(t *testing.T, b []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// ruleFile is a rule file in JSON.
func ruleFile(t *testing.T, name string) any {
	t.Helper()
	b, err := os.ReadFile(root + "alerts/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := yaml.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if b, err = json.Marshal(v); err != nil {
		t.Fatal(err)
	}
	return decoded(t, b)
}

func render(t *testing.T, snippet string) any {
	t.Helper()
	vm := jsonnet.MakeVM()
	vm.Importer(&jsonnet.FileImporter{JPaths: []string{root}})
	text, err := vm.EvaluateAnonymousSnippet("test", snippet)
	if err != nil {
		t.Fatal(err)
	}
	return decoded(t, []byte(text))
}

func TestMixinHasTheFiles(t *testing.T) {
	got := render(t, `local m = import 'mixin.libsonnet';
		{ rules: m.prometheusRules, alerts: m.prometheusAlerts, dashboards: m.grafanaDashboards }`).(map[string]any)
	for part, want := range map[string]any{
		"rules":      ruleFile(t, "recording.yaml"),
		"alerts":     ruleFile(t, "alerts.yaml"),
		"dashboards": dashboards(t),
	} {
		if !reflect.DeepEqual(got[part], want) {
			t.Errorf("%s of the mixin are not the files", part)
		}
	}
}

func TestMixinCanBeChangedFromOutside(t *testing.T) {
	got := render(t, `((import 'mixin.libsonnet') + { grafanaDashboards+:: { 'overview.json'+: { refresh: '5m' } } }).grafanaDashboards`).(map[string]any)
	want := dashboards(t)
	want["overview.json"].(map[string]any)["refresh"] = "5m"
	if !reflect.DeepEqual(got, want) {
		t.Error("more or less was changed than asked for")
	}
}

func TestKubernetesObjects(t *testing.T) {
	vm := jsonnet.MakeVM()
	vm.TLAVar("dashboardLabel", "my_dashboards")
	vm.TLAVar("ruleLabels", `{"release": "mine"}`)
	text, err := vm.EvaluateFile(root + "deploy/kubernetes/monitoring.jsonnet")
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Items []struct {
			Kind     string
			Metadata struct {
				Name   string
				Labels map[string]string
			}
			Spec json.RawMessage
			Data map[string]string
		}
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	files := dashboards(t)
	maps, rules := 0, 0
	for _, item := range list.Items {
		switch item.Kind {
		case "ConfigMap":
			maps++
			if item.Metadata.Labels["my_dashboards"] != "1" || len(item.Data) != 1 {
				t.Errorf("ConfigMap %s: labels %v, %d files", item.Metadata.Name, item.Metadata.Labels, len(item.Data))
			}
			for name, data := range item.Data {
				if len(data) > 200_000 { // kubectl apply keeps a copy in an annotation, of at most 256 KiB
					t.Errorf("%s has %d bytes", name, len(data))
				}
				if want := files[name[len("tuilivekit-"):]]; want == nil || !reflect.DeepEqual(decoded(t, []byte(data)), want) {
					t.Errorf("%s is not the file", name)
				}
			}
		case "PrometheusRule":
			rules++
			if item.Metadata.Labels["release"] != "mine" {
				t.Errorf("PrometheusRule: labels %v", item.Metadata.Labels)
			}
			groups, errs := rulefmt.Parse(item.Spec, false, model.UTF8Validation, parser.NewParser(parser.Options{}), promslog.NewNopLogger())
			if len(errs) > 0 || len(groups.Groups) < 4 {
				t.Errorf("PrometheusRule: %v", errs)
			}
		}
	}
	if maps != len(files) || rules != 1 {
		t.Errorf("%d ConfigMaps and %d PrometheusRules, want %d and 1", maps, rules, len(files))
	}
}
