package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/storage"
)

// stateCommand are the arguments of state.
type stateCommand struct {
	path string
	json bool
}

func (c *stateCommand) register(cmd *kingpin.CmdClause) {
	cmd.Arg("path", "Folder of --storage.path or a copy of it, or one segment in it.").Required().StringVar(&c.path)
	cmd.Flag("json", "Print JSON.").NoEnvar().BoolVar(&c.json)
}

// run prints the valid content of the journal. Then it fails if the journal is damaged.
func (c *stateCommand) run(stdout io.Writer) error {
	content, err := storage.Read(c.path)
	if err != nil {
		return err
	}
	apps := []storedApp{}
	for _, a := range restored(content.Changes.Changes) {
		apps = append(apps, newStoredApp(a))
	}
	segments := []storedSegment{}
	for _, s := range content.Segments {
		segments = append(segments, storedSegment{s.Name, s.Size, len(s.Held), s.Damaged})
	}
	queues := queuesOf(content.Requests)
	if c.json {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		err = e.Encode(map[string]any{"applications": apps, "relay_queues": queues, "segments": segments})
	} else {
		err = printTables(stdout, apps, queues, segments)
	}
	if err != nil {
		return err
	}
	if n := len(content.Damage); n > 0 {
		return fmt.Errorf("%s is damaged, some records may be missing: %w", c.path, errors.Join(content.Damage...))
	}
	return nil
}

// storedApp is one application as state prints it.
type storedApp struct {
	AppID         string    `json:"sdk_app_id"`
	Known         bool      `json:"-"`
	Current       int64     `json:"current_rooms"`
	Max           int64     `json:"max_rooms"`
	Estimate      int64     `json:"estimated_rooms"`
	Rooms         int64     `json:"known_rooms"`
	EventTime     time.Time `json:"last_event_time,omitzero"`
	Received      time.Time `json:"last_event_received_time,omitzero"`
	Events        uint64    `json:"threshold_events_total"`
	Created       uint64    `json:"room_creations_total"`
	Destroyed     uint64    `json:"room_destructions_total"`
	CountingSince time.Time `json:"counting_since"`
}

func newStoredApp(r state.App) storedApp {
	app := storedApp{
		AppID: r.ID, Known: r.Known(), Current: r.Current, Max: r.Max, Estimate: r.Estimate(), Rooms: r.Rooms.Open,
		Events: r.Events, Created: r.Created, Destroyed: r.DestroyedRooms(), CountingSince: time.UnixMilli(r.Since).UTC(),
	}
	if r.Known() {
		app.EventTime, app.Received = time.UnixMilli(r.EventTime).UTC(), time.UnixMilli(r.Received).UTC()
	}
	return app
}

// restored returns all applications of c, ordered by ID.
func restored(c state.Changes) []state.App {
	store, apps := state.New(state.Options{}), make([]state.App, len(c.Records))
	for i, r := range c.Records {
		apps[i].ID = r.AppID
	}
	store.Restore(c)
	store.Configure(apps)
	return store.Snapshot()
}

// storedQueue is the queue of one application, as state prints it.
type storedQueue struct {
	AppID    string    `json:"sdk_app_id"`
	Requests int       `json:"requests"`
	SetAside int       `json:"set_aside_requests"`
	Bytes    int       `json:"bytes"`
	Oldest   time.Time `json:"oldest_received_time"`
}

// queuesOf sums up requests by application. The requests of an application are in their order.
func queuesOf(requests []queue.Request) []storedQueue {
	queues := []storedQueue{}
	at := map[string]int{}
	for _, f := range requests {
		i, ok := at[f.AppID]
		if !ok {
			i = len(queues)
			at[f.AppID] = i
			queues = append(queues, storedQueue{AppID: f.AppID, Oldest: time.UnixMilli(f.Received).UTC()})
		}
		queues[i].Requests++
		queues[i].Bytes += len(f.Data)
		if f.Lane == queue.NoLane {
			queues[i].SetAside++
		}
	}
	slices.SortFunc(queues, func(a, b storedQueue) int { return cmp.Compare(a.AppID, b.AppID) })
	return queues
}

// storedSegment is one file as state prints it.
type storedSegment struct {
	Name     string `json:"name"`
	Bytes    int64  `json:"bytes"`
	Requests int    `json:"queued_requests"`
	Damaged  bool   `json:"damaged"`
}

func printTables(w io.Writer, apps []storedApp, queues []storedQueue, segments []storedSegment) error {
	err := printApps(w, apps)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(queues) > 0 {
		fmt.Fprintln(t, "\nQUEUED FOR THE BACKEND OF\tREQUESTS\tSET ASIDE\tBYTES\tOLDEST")
		for _, q := range queues {
			fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\n", q.AppID, q.Requests, q.SetAside, q.Bytes, q.Oldest.Format(time.RFC3339))
		}
	}
	fmt.Fprintln(t, "\nFILE\tBYTES\tQUEUED REQUESTS\tDAMAGED")
	for _, s := range segments {
		fmt.Fprintf(t, "%s\t%d\t%d\t%t\n", s.Name, s.Bytes, s.Requests, s.Damaged)
	}
	return errors.Join(err, t.Flush())
}

func printApps(w io.Writer, apps []storedApp) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SDKAPPID\tROOMS\tLIMIT\tESTIMATE\tKNOWN\tLAST EVENT\tEVENTS\tCREATED\tDESTROYED\tCOUNTING SINCE")
	for _, a := range apps {
		current, limit, estimate, event := "-", "-", "-", "never"
		if a.Known {
			current, limit, estimate, event = fmt.Sprint(a.Current), fmt.Sprint(a.Max), fmt.Sprint(a.Estimate), a.EventTime.Format(time.RFC3339)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t%d\t%d\t%d\t%s\n", a.AppID, current, limit, estimate, a.Rooms, event,
			a.Events, a.Created, a.Destroyed, a.CountingSince.Format(time.RFC3339))
	}
	return t.Flush()
}
