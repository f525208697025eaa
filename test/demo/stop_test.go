package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	printed   = regexp.MustCompile(`http://\S+`)
	listensOn = regexp.MustCompile(`(?:listen-address=|redis-server )(127\.0\.0\.1:\d+)`)
)

// TestCtrlC checks that the demo ends after Ctrl-C, and leaves no process and no file.
func TestCtrlC(t *testing.T) {
	t.Run("one exporter", func(t *testing.T) { ctrlC(t, 6, 4) })
	t.Run("replicas", func(t *testing.T) { ctrlC(t, 7, 7, "-redis") })
}

// ctrlC runs the demo with flags and interrupts it when it is ready. By then it must have printed
// wantURLs URLs, and its programs must listen on wantAddresses addresses.
func ctrlC(t *testing.T, wantURLs, wantAddresses int, flags ...string) {
	if runtime.GOOS != "linux" {
		t.Skip("it looks for processes in /proc")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	demo := exec.Command("../../scripts/demo", flags...)
	demo.Env = append(os.Environ(), "TMPDIR="+dir) // all its programs run in a folder of dir
	demo.Stderr = os.Stderr
	demo.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as in a terminal, where Ctrl-C goes to the group
	out, err := demo.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	t.Cleanup(func() {
		_ = syscall.Kill(-demo.Process.Pid, syscall.SIGKILL)
		for pid := range workingIn(t, dir) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})

	lines, urls := bufio.NewScanner(out), 0
	for lines.Scan() && !strings.Contains(lines.Text(), "Ctrl-C ends everything") {
		if url := printed.FindString(lines.Text()); url != "" {
			if strings.Count(url, "/") == 2 {
				url += "/-/ready" // Prometheus is built without its page
			}
			serves(t, url)
			urls++
		}
	}
	if urls != wantURLs {
		t.Fatalf("the demo has printed %d URLs, want %d (%v)", urls, wantURLs, lines.Err())
	}
	addresses := map[string]string{}
	for _, command := range workingIn(t, dir) {
		for _, m := range listensOn.FindAllStringSubmatch(command, -1) {
			addresses[m[1]] = command
		}
	}
	if len(addresses) != wantAddresses { // two of each exporter
		t.Fatalf("the programs listen on %v, want %d addresses", addresses, wantAddresses)
	}

	if err := syscall.Kill(-demo.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	go func() {
		_, _ = io.Copy(io.Discard, out)
		ended <- demo.Wait()
	}()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the demo has ended with %v, want exit code 0", err)
		}
		t.Logf("ended after %s", time.Since(start).Round(time.Millisecond))
	case <-time.After(2 * time.Minute):
		t.Fatal("the demo still runs two minutes after Ctrl-C")
	}
	for pid, command := range workingIn(t, dir) {
		t.Errorf("process %d is left: %s", pid, command)
	}
	for address, command := range addresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Errorf("%v, after %s", err, command)
			continue
		}
		l.Close()
	}
	if left, err := filepath.Glob(dir + "/*"); err != nil || len(left) > 0 {
		t.Errorf("on disk is left: %v (%v)", left, err)
	}
}

func serves(t *testing.T, url string) {
	t.Helper()
	resp, err := (&http.Client{Timeout: 5 * time.Second}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("%s answers %s", url, resp.Status)
	}
}

// workingIn returns the command lines of the processes whose working directory is below dir, even if it was
// removed.
func workingIn(t *testing.T, dir string) map[int]string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil || len(links) == 0 {
		t.Fatalf("no processes in /proc: %v", err)
	}
	found := map[int]string{}
	for _, link := range links {
		cwd, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(cwd, dir+"/") {
			continue // it has ended, or belongs to another user
		}
		process := filepath.Dir(link)
		pid, err := strconv.Atoi(filepath.Base(process))
		if err != nil {
			t.Fatal(err)
		}
		command, _ := os.ReadFile(process + "/cmdline")
		found[pid] = strings.ReplaceAll(string(command), "\x00", " ")
	}
	return found
}
