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
	var out strings.Builder
	if err := (&stateCommand{path: path}).run(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) < 5 || strings.Join(strings.Fields(lines[1])[:6], " ") != demoApp+" 400 500 400 0 2025-02-19T12:00:41Z" || !strings.HasPrefix(lines[4], "segment-0") {
		t.Errorf("got\n%s", out.String())
	}

	out.Reset()
	if err := (&stateCommand{path: path, json: true}).run(&out); err != nil {
		t.Fatal(err)
	}
	var got struct{ Applications []storedApp }
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Applications) != 1 || got.Applications[0].Current != 400 || got.Applications[0].Events != 1 || got.Applications[0].EventTime.UnixMilli() != 1739966441121 {
		t.Errorf("got %s", out.String())
	}

	if err := (&stateCommand{path: path + "x"}).run(&out); err == nil || !strings.Contains(err.Error(), path+"x") {
		t.Errorf("got %v", err)
	}
}

func TestStateSaysWhatIsDamaged(t *testing.T) {
	path := t.TempDir()
	i := startApp(t, "--storage.path="+path)
	for _, count := range []string{"400", "401"} {
		if a := i.post(i.signed(""), `{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","EventTime":1739966441`+count+`,"CurRoomCount":`+count+`,"MaxRoomCount":500}`); a.status != 200 {
			t.Fatalf("got %+v", a)
		}
	}
	if err := i.stop(); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(path, "segment-*"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-30] ^= 1 // in the frame of the second event
	if err := os.WriteFile(names[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, names[0]} {
		var out strings.Builder
		err := (&stateCommand{path: path}).run(&out)
		if err == nil || !strings.Contains(err.Error(), path+" is damaged") || !strings.Contains(err.Error(), "application "+demoApp+": counts as of ") {
			t.Errorf("got %v", err)
		}
		if !strings.Contains(out.String(), demoApp+"  400    500") {
			t.Errorf("got\n%s", out.String())
		}
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
