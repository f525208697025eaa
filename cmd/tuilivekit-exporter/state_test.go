package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStateShowsWhatARunningExporterHasStored(t *testing.T) {
	path := t.TempDir()
	i := startApp(t, "--storage.path="+path)
	if a := i.post(i.signed(""), `{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","EventTime":1739966441121,"CurRoomCount":400,"MaxRoomCount":500}`); a.status != 200 {
		t.Fatalf("got %+v", a)
	}
	file := filepath.Join(path, "state.db")
	var out strings.Builder
	if err := (&stateCommand{file: file}).run(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || strings.Join(strings.Fields(lines[1])[:7], " ") != demoApp+" 400 500 400 0 2025-02-19T12:00:41Z 1" {
		t.Errorf("got\n%s", out.String())
	}

	out.Reset()
	if err := (&stateCommand{file: file, json: true}).run(&out); err != nil {
		t.Fatal(err)
	}
	var got struct{ Applications []storedApp }
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Applications) != 1 || got.Applications[0].Current != 400 || got.Applications[0].Events != 1 || got.Applications[0].EventTime.UnixMilli() != 1739966441121 {
		t.Errorf("got %s", out.String())
	}

	// A copy is a backup: it can be read too, and damage is said.
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	broken := writeFile(t, "broken.db", string(data[:len(data)/2]))
	if err := (&stateCommand{file: broken}).run(&out); err == nil || !strings.Contains(err.Error(), broken+" is damaged") {
		t.Errorf("got %v", err)
	}
	if err := (&stateCommand{file: broken + "x"}).run(&out); err == nil || !strings.Contains(err.Error(), broken+"x") {
		t.Errorf("got %v", err)
	}
}

func TestCountsSurviveARestart(t *testing.T) {
	path := t.TempDir()
	first := startApp(t, "--storage.path="+path)
	body := `{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","EventTime":1739966441121,"CurRoomCount":400,"MaxRoomCount":500}`
	first.post(first.signed(""), body)
	since := first.created()
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	second := startApp(t, "--storage.path="+path)
	label := `{sdk_app_id="` + demoApp + `"}`
	want := map[string]float64{"tuilivekit_current_rooms" + label: 400, "tuilivekit_max_rooms" + label: 500, "tuilivekit_threshold_events_total" + label: 1}
	expect(t, second.scrape(), want)
	if got := second.created(); got != since {
		t.Errorf("counting since %s, was %s", got, since)
	}
	second.post(second.signed(""), body) // a repeat, also after the restart
	expect(t, second.scrape(), want)
}

// created returns the line of the created timestamp of the events of demoApp.
func (i *instance) created() string {
	i.t.Helper()
	req, err := http.NewRequest(http.MethodGet, i.web+"/metrics", nil)
	if err != nil {
		i.t.Fatal(err)
	}
	req.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	resp, err := i.client.Do(req)
	if err != nil {
		i.t.Fatal(err)
	}
	for line := range strings.Lines(readAll(i.t, resp).body) {
		if strings.HasPrefix(line, "tuilivekit_threshold_events_created") {
			return line
		}
	}
	i.t.Fatal("no created timestamp")
	return ""
}
