// Command terminal runs the commands of the README and draws their output, as the SVG pictures of
// docs/: make run, send and doctor. It needs the ports of make run.
//
//	make pictures
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "terminal:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tuilivekit-terminal-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	demo, err := startDemo(ctx, root, dir)
	if err != nil {
		return err
	}
	defer demo.stop()
	program := filepath.Join(root, "bin", "tuilivekit-exporter")
	send, sent := "bin/tuilivekit-exporter send --app 1400000001 --token-file bin/demo.token", ""
	for _, flags := range []string{"", " --ramp 401:470 --rate 50", " --late 2m"} {
		sent += output(ctx, program, root, send+flags)
	}

	// doctor runs in a folder of its own, so that what it prints names no folder of this machine.
	token, err := os.ReadFile(filepath.Join(root, "bin", "demo.token"))
	if err != nil {
		return err
	}
	config := "apps: [{sdk_app_id: 1400000001, name: demo, token_files: [token]}]\n"
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "token"), token, 0o600), os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o600)); err != nil {
		return err
	}
	const doctor = "tuilivekit-exporter doctor --config.file=config.yaml --url=http://127.0.0.1:19781/callback"
	examined := output(ctx, program, dir, doctor, "--color=always")
	demo.stop()
	for name, picture := range map[string][]byte{
		"terminal-run.svg":    draw("make run", "$ make run\n"+demo.printed),
		"terminal-send.svg":   draw("tuilivekit-exporter send", sent),
		"terminal-doctor.svg": draw("tuilivekit-exporter doctor", examined),
	} {
		if err := os.WriteFile(filepath.Join(root, "docs", name), picture, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// demo is make run.
type demo struct {
	printed string // up to the suggested command, without the output of the build
	stop    func()
}

// startDemo starts make run, and returns when it has printed the suggested command. The storage is in
// dir.
func startDemo(ctx context.Context, root, dir string) (*demo, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, "make", "--no-print-directory", "run")
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, write, write
	cmd.Env = append(os.Environ(), "TUILIVEKIT_EXPORTER_STORAGE_PATH="+filepath.Join(dir, "data"), "MAKEFLAGS=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	_ = write.Close()
	stopped := false
	d := &demo{stop: func() {
		if !stopped {
			stopped = true
			cancel()
			_ = cmd.Wait() // the signal ends it
		}
	}}
	lines, tried := bufio.NewScanner(read), false
	var printed strings.Builder
	for !tried && lines.Scan() {
		printed.WriteString(lines.Text() + "\n")
		tried = strings.HasPrefix(lines.Text(), "  try ")
	}
	d.printed = printed.String()
	if !tried {
		d.stop()
		return nil, fmt.Errorf("make run ended early: %s", d.printed)
	}
	go func() { _, _ = io.Copy(io.Discard, read) }()
	return d, nil
}

// output runs the program with the arguments of a command line, and returns that line after a
// prompt with what was printed. Hidden arguments are not shown. send and doctor exit with 1 if a
// callback was refused or a check failed, which is part of the pictures.
func output(ctx context.Context, program, dir, line string, hidden ...string) string {
	cmd := exec.CommandContext(ctx, program, append(strings.Fields(line)[1:], hidden...)...)
	var out bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		fmt.Fprintln(&out, err)
	}
	return "$ " + line + "\n" + out.String() + "\n"
}
