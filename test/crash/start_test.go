//go:build linux

package crash

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// refused runs an exporter that must not start, and returns its error.
func refused(t *testing.T, storage string, credential *syscall.Credential) string {
	t.Helper()
	// Without a token the permissions of its file are not checked.
	p, err := exporter.LaunchWith(func(cmd *exec.Cmd) { cmd.SysProcAttr.Credential = credential },
		binary, "--storage.path="+storage, "--app="+troubled, "--app.allow-unsigned", "--log.level=error")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	code, err := p.Wait(patience)
	if err != nil || code != 1 {
		t.Fatalf("exit code %d, %v, want 1\n%s", code, err, p.LogText())
	}
	if lines := p.Lines(""); len(lines) != 1 {
		t.Errorf("%d lines, want one:\n%s", len(lines), p.LogText())
	}
	return strings.TrimSpace(p.LogText())
}

func wantError(t *testing.T, got string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("got error %q, want one with %q", got, part)
		}
	}
}

func TestStartReadOnly(t *testing.T) {
	if !withMounts(t) {
		return
	}
	for _, tt := range []struct{ name, folder string }{
		{"nothing there", "data"},
		{"an empty folder", "."},
		{"a storage", "used"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			disk := smallDisk(t)
			stop(t, start(t, filepath.Join(disk, "used"), flags([]string{troubled})...))
			defer readOnly(t, disk)()
			storage := filepath.Join(disk, tt.folder)
			wantError(t, refused(t, storage, nil), "--storage.path", storage, "read-only file system")
		})
	}
}

func TestStartWithoutPermission(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	wantError(t, refused(t, file, nil), "--storage.path", file, "not a directory")

	var nobody *syscall.Credential
	if os.Getuid() == 0 { // root ignores permissions
		nobody = &syscall.Credential{Uid: 65534, Gid: 65534}
		for parent := dir; parent != os.TempDir() && parent != "/"; parent = filepath.Dir(parent) {
			if err := os.Chmod(parent, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	folder := filepath.Join(dir, "folder")
	if err := os.Mkdir(folder, 0o555); err != nil {
		t.Fatal(err)
	}
	for _, storage := range []string{folder, filepath.Join(folder, "data")} {
		wantError(t, refused(t, storage, nobody), "--storage.path", storage, "permission denied")
	}
}

func TestStartTwice(t *testing.T) {
	storage := t.TempDir()
	first := start(t, storage, flags([]string{troubled})...)
	wantError(t, refused(t, storage, nil), "--storage.path", fmt.Sprintf("process %d", first.PID()), storage)
	// A lock file that a dead process has left locks nothing.
	first.Kill()
	second := start(t, storage, flags([]string{troubled})...)
	wantError(t, refused(t, storage, nil), fmt.Sprintf("process %d", second.PID()))
	stop(t, second)
}

// TestStartWithoutTheLockFile deletes every file that could be the lock. The lock is on the folder, so a second
// process must still be refused.
func TestStartWithoutTheLockFile(t *testing.T) {
	storage := t.TempDir()
	first := start(t, storage, flags([]string{troubled})...)
	if err := os.Remove(filepath.Join(storage, "lock")); err != nil {
		t.Fatal(err)
	}
	wantError(t, refused(t, storage, nil), "--storage.path", storage, "in use by another process")
	stop(t, first)
	stop(t, start(t, storage, flags([]string{troubled})...))
}

// TestStartIsQuick compares starts with 10,000 applications on disk with starts with an empty
// storage, in turns. On a busy machine times vary: it compares the fastest starts, and repeats
// while the ratio is too large.
func TestStartIsQuick(t *testing.T) {
	const n, limit = 10_000, 2.5 // docs/storage.md has 1.5
	dir := t.TempDir()
	config, storage := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "data")
	models, _, _ := newModels(t, n)
	var yaml strings.Builder
	yaml.WriteString("apps:\n")
	for _, m := range models {
		fmt.Fprintf(&yaml, "  - sdk_app_id: %s\n    name: application %[1]s\n    token_files: [%[1]s.token]\n", m.app)
		if err := os.WriteFile(filepath.Join(dir, m.app+".token"), []byte(token+m.app), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(config, []byte(yaml.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--config.file=" + config, patient}
	p := start(t, storage, args...)
	var senders sync.WaitGroup
	for part := range slices.Chunk(models, n/32) {
		senders.Go(func() {
			conn, err := exporter.Dial(p.Webhook)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			for _, m := range part {
				if a, err := conn.PostPatiently(m.event(8), token+m.app); err != nil || a.Status != http.StatusOK {
					t.Errorf("%+v, %v, want 200", a, err)
					return
				}
			}
		})
	}
	senders.Wait()
	p.Kill()
	var all, empty []time.Duration
	ratio := func() float64 { return float64(slices.Min(all)) / float64(slices.Min(empty)) }
	for len(all) < 5 || ratio() >= limit && len(all) < 30 {
		p := start(t, t.TempDir(), args...)
		empty = append(empty, p.Ready.Round(time.Millisecond))
		stop(t, p)
		p = start(t, storage, args...)
		all = append(all, p.Ready.Round(time.Millisecond))
		if len(all) == 1 {
			s := scrape(t, p)
			for _, m := range models {
				if got, _ := s.Of("tuilivekit_current_rooms", m.app); got != 8 {
					t.Fatalf("%s: current rooms are %g, want 8", m.app, got)
				}
			}
		}
		stop(t, p)
	}
	t.Logf("ready after %v with all of them on disk, after %v with none: %.2f at best", all, empty, ratio())
	if ratio() >= limit {
		t.Errorf("a start with all of them on disk takes %.2f of one with none, want less than %g", ratio(), limit)
	}
}
