package deploy

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/stack"
)

// TestDemoPlaysADay runs the services of the demo in the order of their dependencies, without waiting.
func TestDemoPlaysADay(t *testing.T) {
	const production, staging = "1400000001", "1400000002"
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	s, err := stack.StartAlone(t.Context(), stack.Options{
		Root: root, Dir: t.TempDir(), Token: "demo", Apps: map[string]string{production: "production", staging: "staging"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	c := readYAML[compose](t, folder+"/compose.yaml")
	want := map[string]string{ // current and estimated rooms of production after each service
		"demo-growth": "1000 1000",
		"demo-peak":   "1000 1000",
		"demo-quiet":  "1000 300",
	}
	for _, name := range inOrder(t, c) {
		args := slices.DeleteFunc(slices.Clone(c.Services[name].Command), func(arg string) bool {
			return arg == "send" || regexp.MustCompile("^--(url|app|token-file|rate)=").MatchString(arg)
		})
		app := staging
		if slices.Contains(c.Services[name].Command, "--app="+production) {
			app = production
		}
		if err := s.Send(t.Context(), app, args...); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := rooms(t, s, "current", production) + " " + rooms(t, s, "estimated", production)
		t.Logf("%-12s  production has %s rooms", name, got)
		if want[name] != "" && got != want[name] {
			t.Errorf("after %s production has %s rooms, want %s", name, got, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("there is no %v", slices.Collect(maps.Keys(want)))
	}
	if got := rooms(t, s, "current", staging); got != "86" {
		t.Errorf("staging has %s rooms, want 86", got)
	}
}

// inOrder returns the services of the demo, each after those that it waits for.
func inOrder(t *testing.T, c compose) []string {
	t.Helper()
	var order []string
	waits := func(name string) bool {
		for other, d := range c.Services[name].DependsOn {
			if d.Condition == "service_completed_successfully" && !slices.Contains(order, other) {
				return true
			}
		}
		return false
	}
	for range c.Services {
		for _, name := range slices.Sorted(maps.Keys(c.Services)) {
			if slices.Contains(c.Services[name].Profiles, "demo") && !slices.Contains(order, name) && !waits(name) {
				order = append(order, name)
			}
		}
	}
	return order
}

// rooms returns a count of rooms of an application.
func rooms(t *testing.T, s *stack.Stack, which, app string) string {
	t.Helper()
	resp, err := http.Get(s.Web + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	series := fmt.Sprintf("\ntuilivekit_%s_rooms{sdk_app_id=%q} ", which, app)
	_, value, _ := strings.Cut(string(b), series)
	value, _, _ = strings.Cut(value, "\n")
	return value
}
