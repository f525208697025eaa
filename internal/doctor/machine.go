package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// configuration checks whether the exporter would start with the configuration.
func (d *doctor) configuration() {
	const id = "configuration"
	if d.o.ConfigError != nil {
		d.add(id, Fail, d.o.ConfigError.Error(), "repair it: the exporter would not start, and a reload would fail")
		return
	}
	d.add(id, Pass, fmt.Sprintf("%s is valid: %d application(s)", d.o.ConfigFile, len(d.o.Apps)), "")
	for _, warning := range d.o.ConfigWarnings {
		d.add("configuration_warning", Warn, warning, "see docs/configuration.md")
	}
}

const (
	littleSpace  = 256 << 20 // bytes: a warning
	tooFewForAny = 16 << 20  // bytes: a failure, some segments of the storage
)

// storage checks whether events can be made durable.
func (d *doctor) storage() {
	path := d.o.StoragePath
	if path == "" {
		d.add("storage", Warn, "there is no storage: counts are lost when the exporter stops", "set --storage.path")
		return
	}
	existing := path
	for {
		if _, err := os.Stat(existing); !errors.Is(err, fs.ErrNotExist) || filepath.Dir(existing) == existing {
			break
		}
		existing = filepath.Dir(existing)
	}
	if err := tryWrite(existing); err != nil {
		d.add("storage", Fail, fmt.Sprintf("%s cannot be written by the user who runs doctor: %v", existing, err),
			"give the folder to the user of the exporter, and run doctor as that user")
		return
	}
	if existing == path {
		d.add("storage", Pass, path+" can be written", "")
	} else {
		d.add("storage", Pass, fmt.Sprintf("%s does not exist yet, and can be made in %s", path, existing), "")
	}
	free, err := d.o.FreeSpace(existing)
	switch text := fmt.Sprintf("%d MiB are free on the volume of %s", free>>20, existing); {
	case err != nil:
		d.add("storage_space", Skip, "how much space is free: "+err.Error(), "")
	case free < tooFewForAny:
		d.add("storage_space", Fail, text, "free some: if nothing can be written, callbacks are answered 503 and lost")
	case free < littleSpace:
		d.add("storage_space", Warn, text, "free some before callbacks are lost")
	default:
		d.add("storage_space", Pass, text, "")
	}
}

// replicas checks whether the engine of the replicas can be used.
func (d *doctor) replicas(ctx context.Context) {
	e := d.o.Replicas
	if e == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := e.Ask(ctx); err != nil {
		d.add("replica_engine", Fail, fmt.Sprintf("Redis at %s cannot be used, and each replica continues alone: %v", e.Name, err),
			"compare replica.redis of the configuration with Redis: addresses, tls, users, passwords; see docs/replicas.md")
		return
	}
	d.add("replica_engine", Pass, fmt.Sprintf("Redis at %s can be used", e.Name), "")
}

// tryWrite writes, syncs and removes a file in folder.
func tryWrite(folder string) error {
	f, err := os.CreateTemp(folder, ".doctor-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString("doctor")
	return errors.Join(err, f.Sync(), f.Close())
}

// status has the members of /api/v1/status that doctor reads.
type status struct {
	Ready  bool
	Build  struct{ Version string }
	Config struct {
		OK    bool
		Error string
	} `json:"configuration"`
	Storage struct{ Mode, Error string }
	Replica *struct {
		Connected bool
		Error     string
	}
	Apps []struct {
		ID     string `json:"sdk_app_id"`
		Max    *int64 `json:"max_rooms"`
		Events uint64 `json:"threshold_events_total"`
	} `json:"applications"`
}

// exporter checks whether the exporter runs on this machine, and its status.
func (d *doctor) exporter(ctx context.Context) {
	if d.o.Exporter == "" {
		d.add("exporter", Skip, "whether the exporter runs: its URL is not given", "give --exporter.url")
		return
	}
	code, body, err := d.get(ctx, d.o.Exporter+"/api/v1/status")
	switch {
	case err != nil:
		d.add("exporter", Fail, fmt.Sprintf("the exporter does not answer at %s: %v", d.o.Exporter, err), "start it, or give --exporter.url")
		d.ports()
		return
	case code == http.StatusUnauthorized:
		d.add("exporter", Warn, "the web listener needs a password, so the exporter was not checked", "see its status page")
		return
	}
	var s status
	if code != http.StatusOK || json.Unmarshal(body, &s) != nil || s.Storage.Mode == "" {
		d.add("exporter", Fail, fmt.Sprintf("another program answers at %s (HTTP status %d)", d.o.Exporter, code), "stop it, or give --exporter.url")
		return
	}
	if s.Ready {
		d.add("exporter", Pass, fmt.Sprintf("the exporter %s is ready at %s", s.Build.Version, d.o.Exporter), "")
	} else {
		d.add("exporter", Fail, "the exporter runs and is not ready", "see its log: it starts or stops")
	}
	if !s.Config.OK {
		d.add("exporter_configuration", Fail, "the exporter runs with an older configuration: the last reload failed: "+s.Config.Error, "repair the configuration and reload")
	}
	if s.Storage.Mode == "degraded" {
		d.add("exporter_storage", Fail, "the exporter cannot write to its storage and answers callbacks 503: "+s.Storage.Error, "see docs/runbooks.md, storage")
	}
	if s.Replica != nil && !s.Replica.Connected {
		d.add("exporter_replica", Fail, "the exporter cannot use Redis and does not exchange records with other replicas: "+s.Replica.Error,
			"see docs/runbooks.md, TUILiveKitReplicasApart")
	}
	d.loadedApps(s)
}

// loadedApps checks whether the running exporter has the applications of the configuration.
func (d *doctor) loadedApps(s status) {
	loaded := map[string]bool{}
	for _, app := range s.Apps {
		loaded[app.ID] = true
	}
	var missing []string
	for _, app := range d.o.Apps {
		if !loaded[app.ID] {
			missing = append(missing, app.ID)
		}
	}
	if len(missing) > 0 {
		d.add("exporter_applications", Fail, "the running exporter does not have the application(s) "+strings.Join(missing, ", "), "reload the configuration")
	}
}

// ports checks whether the exporter could listen, if it does not run.
func (d *doctor) ports() {
	for _, address := range d.o.Listen {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			d.add("port", Fail, fmt.Sprintf("the exporter could not listen on %s: %v", address, err), "stop the program that does, or choose another address")
			continue
		}
		listener.Close()
		d.add("port", Pass, address+" is free", "")
	}
}

// askStatus returns the status of a running exporter.
func askStatus(ctx context.Context, exporter string) (s status, ok bool) {
	if exporter == "" {
		return s, false
	}
	d := doctor{http: &http.Client{Timeout: timeout, Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: noRedirect}}
	code, body, err := d.get(ctx, exporter+"/api/v1/status")
	ok = err == nil && code == http.StatusOK && json.Unmarshal(body, &s) == nil
	return s, ok
}
