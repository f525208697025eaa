package main

import (
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/chart"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/stack"
)

// page is a web page with a chart of the current day for each application. Several goroutines may call its
// methods.
type page struct {
	url    string
	stack  *stack.Stack
	apps   []*application
	length time.Duration // of a day
	server *http.Server

	mu    sync.Mutex
	began time.Time                // of the day
	truth map[string][]chart.Point // open rooms by hour, of each application
}

// drawn are the numbers of a chart besides the true number, which comes first.
var drawn = []struct {
	name, expr, color string
	width             float64
}{
	{"last event", "sdk_app_id:tuilivekit_current_rooms:newest", "#e02f44", 1},
	{"best number", "sdk_app_id:tuilivekit_rooms:best", "#3274d9", 1.5},
}

func startPage(s *stack.Stack, apps []*application, length time.Duration) (*page, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &page{url: "http://" + l.Addr().String() + "/day", stack: s, apps: apps, length: length}
	p.begin()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /day", p.serveDay)
	mux.HandleFunc("GET /day/{app}", p.servePicture)
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = p.server.Serve(l) }()
	return p, nil
}

func (p *page) stop() { _ = p.server.Close() }

// begin begins a new day.
func (p *page) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.began, p.truth = time.Now(), map[string][]chart.Point{}
}

// note records the open rooms at an hour.
func (p *page) note(hour float64, apps []*application) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range apps {
		p.truth[a.id] = append(p.truth[a.id], chart.Point{X: hour, Y: float64(len(a.rooms))})
	}
}

var dayPage = template.Must(template.New("day").Parse(`<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="3"><title>A day of the demo</title>
<style>body{font:16px/1.5 sans-serif;margin:2em auto;max-width:1300px;padding:0 1em}main{display:flex;flex-wrap:wrap;gap:1em}
figure{flex:1 1 520px;margin:0}img{width:100%}</style>
<h1>A day of the demo</h1>
<p>The wide grey line is the truth. Blue is the best number of the rules; red is what Tencent said last.
<a href="{{.Stack.Web}}">Status page</a> · <a href="{{.Stack.Metrics}}">metrics</a> · <a href="{{.Stack.Prometheus}}/api/v1/alerts">alerts</a></p>
<main>{{range .Apps}}<figure><figcaption>{{.Name}}, {{.ID}}</figcaption><img src="/day/{{.ID}}" alt="Open rooms of {{.Name}}"></figure>{{end}}</main>
</html>
`))

func (p *page) serveDay(w http.ResponseWriter, _ *http.Request) {
	type app struct{ ID, Name string }
	data := struct {
		Stack *stack.Stack
		Apps  []app
	}{Stack: p.stack}
	for _, a := range p.apps {
		data.Apps = append(data.Apps, app{a.id, a.name})
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = dayPage.Execute(w, data)
}

func (p *page) servePicture(w http.ResponseWriter, r *http.Request) {
	for _, a := range p.apps {
		if a.id != r.PathValue("app") {
			continue
		}
		lines, err := p.lines(r.Context(), a)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "image/svg+xml")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(draw(a, lines))
		return
	}
	http.NotFound(w, r)
}

// lines returns the true number of rooms and the numbers of Prometheus.
func (p *page) lines(ctx context.Context, a *application) ([]chart.Line, error) {
	p.mu.Lock()
	began := p.began
	lines := []chart.Line{{Name: "open rooms", Color: "#c0c0c0", Width: 6, Points: append([]chart.Point(nil), p.truth[a.id]...)}}
	p.mu.Unlock()
	for _, d := range drawn {
		points, err := p.ask(ctx, fmt.Sprintf("%s{sdk_app_id=%q}", d.expr, a.id), began)
		if err != nil {
			return nil, err
		}
		lines = append(lines, chart.Line{Name: d.name, Color: d.color, Width: d.width, Gap: 0.5, Points: points})
	}
	limit := float64(a.limit)
	return append(lines, chart.Line{Name: "limit", Color: "#555555", Width: 1, Points: []chart.Point{{X: 0, Y: limit}, {X: 24, Y: limit}}}), nil
}

// ask returns the values of a query since the day began.
func (p *page) ask(ctx context.Context, query string, began time.Time) ([]chart.Point, error) {
	values := url.Values{
		"query": {query}, "start": {seconds(began)}, "end": {seconds(time.Now())}, "step": {strconv.FormatFloat(p.length.Seconds()/288, 'f', -1, 64)},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.stack.Prometheus+"/api/v1/query_range?"+values.Encode(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Timeout: 5 * time.Second}).Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		Data struct {
			Result []struct{ Values [][2]any }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	var points []chart.Point
	for _, series := range answer.Data.Result {
		for _, v := range series.Values {
			at, _ := v[0].(float64)
			text, _ := v[1].(string)
			rooms, err := strconv.ParseFloat(text, 64)
			hour := 24 * (at - float64(began.UnixMilli())/1000) / p.length.Seconds()
			if err == nil && hour >= 0 && hour <= 24 {
				points = append(points, chart.Point{X: hour, Y: rooms})
			}
		}
	}
	return points, nil
}

func seconds(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

func draw(a *application, lines []chart.Line) []byte {
	x := chart.Axis{Name: "hour of the day", Max: 24}
	for hour := 0; hour <= 24; hour += 3 {
		x.Ticks = append(x.Ticks, chart.Tick{At: float64(hour), Text: strconv.Itoa(hour)})
	}
	top := math.Ceil(float64(a.limit)*1.1/50) * 50
	y := chart.Axis{Name: "rooms", Max: top}
	for rooms := 0.0; rooms <= top; rooms += top / 5 {
		y.Ticks = append(y.Ticks, chart.Tick{At: rooms, Text: fmt.Sprintf("%.0f", rooms)})
	}
	return chart.SVG(x, y, lines)
}

// check requests the page and all charts, as a browser does.
func (p *page) check() error {
	for _, path := range append([]string{""}, ids(p.apps)...) {
		resp, err := (&http.Client{Timeout: 10 * time.Second}).Get(strings.TrimSuffix(p.url+"/"+path, "/"))
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("the picture %q answers %s", path, resp.Status)
		}
	}
	for _, a := range p.apps {
		lines, err := p.lines(context.Background(), a)
		if err != nil {
			return err
		}
		if best := lines[len(drawn)]; len(best.Points) == 0 {
			return fmt.Errorf("the picture of %s has no %s", a.name, best.Name)
		}
	}
	return nil
}

func ids(apps []*application) (all []string) {
	for _, a := range apps {
		all = append(all, a.id)
	}
	return all
}
