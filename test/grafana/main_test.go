package main

import (
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestPictures takes pictures of a stand-in, which checks the requests. It does not check what a
// Grafana draws.
func TestPictures(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]bool{}
	grafana := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.URL.Path+" "+r.URL.Query().Get("theme")] = true
		mu.Unlock()
		fmt.Fprintf(w, "<title>Grafana</title><h1>%s</h1>", r.URL.Path)
	}))
	defer grafana.Close()
	dir := t.TempDir()
	if err := run(t.Context(), grafana.URL, dir, "now-6h"); err != nil {
		t.Fatal(err)
	}
	for name, height := range dashboards {
		text, err := os.ReadFile("../../dashboards/" + name + ".json")
		if err != nil || !strings.Contains(string(text), `"uid": "tuilivekit-`+name+`"`) {
			t.Errorf("dashboard %s has another uid: %v", name, err)
		}
		for _, theme := range []string{"light", "dark"} {
			if !asked["/d/tuilivekit-"+name+" "+theme] {
				t.Errorf("%s was not asked for in %s", name, theme)
			}
			f, err := os.Open(filepath.Join(dir, "dashboard-"+name+"-"+theme+".png"))
			if err != nil {
				t.Fatal(err)
			}
			img, err := png.DecodeConfig(f)
			_ = f.Close()
			if err != nil || img.Width != 1600 || int64(img.Height) != height {
				t.Errorf("%s in %s: %d by %d, %v", name, theme, img.Width, img.Height, err)
			}
		}
	}
}
