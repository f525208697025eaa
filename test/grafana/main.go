// Command grafana takes the pictures of the dashboards from a running Grafana with data and anonymous
// access, such as that of deploy/compose.yaml with the profile demo. Without -url it does nothing: the
// pictures in docs/ stay.
//
//	make pictures GRAFANA_URL=http://127.0.0.1:3000
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/chromedp/chromedp"
)

func main() {
	base := flag.String("url", "", "URL of Grafana")
	dir := flag.String("dir", "../docs", "folder of the pictures")
	span := flag.String("from", "now-6h", "begin of the time range")
	flag.Parse()
	if *base == "" {
		fmt.Fprintln(os.Stderr, "grafana: no URL is given: the pictures of the dashboards stay as they are")
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *base, *dir, *span); err != nil {
		fmt.Fprintln(os.Stderr, "grafana:", err)
		os.Exit(1)
	}
}

// dashboards has the height of the picture of each dashboard: its rows that are not collapsed.
var dashboards = map[string]int64{"overview": 1500, "application": 1400, "exporter": 1100}

// run writes dashboard-NAME-light.png and dashboard-NAME-dark.png for each dashboard.
func run(ctx context.Context, base, dir, from string) error {
	bin, err := exec.LookPath("chromium")
	if err != nil {
		return errors.New("chromium is missing: apt-get install chromium")
	}
	profile, err := os.MkdirTemp("", "tuilivekit-grafana-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(profile) }()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(bin), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(profile), chromedp.Flag("hide-scrollbars", true))
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	defer stop()
	ctx, stopTab := chromedp.NewContext(ctx)
	defer stopTab()
	defer func() { _ = chromedp.Cancel(ctx) }()                                    // waits until the browser has ended
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1600, 1000)); err != nil { // starts the browser, beyond a picture's time-out
		return err
	}
	for name, height := range dashboards {
		for _, theme := range []string{"light", "dark"} {
			query := url.Values{"theme": {theme}, "from": {from}, "to": {"now"}, "kiosk": {"1"}, "refresh": {""}}
			shot, err := settled(ctx, base+"/d/tuilivekit-"+name+"?"+query.Encode(), height)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if err := os.WriteFile(filepath.Join(dir, "dashboard-"+name+"-"+theme+".png"), shot, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// settled takes pictures every two seconds and returns the first that equals the previous picture:
// then all panels are drawn.
func settled(ctx context.Context, page string, height int64) (shot []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1600, height), chromedp.Navigate(page)); err != nil {
		return nil, err
	}
	for {
		before := shot
		if shot, err = chromedp.Run(ctx, chromedp.CaptureScreenshot()); err != nil {
			return nil, err
		}
		if bytes.Equal(before, shot) {
			return shot, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the page still changes: %w", ctx.Err())
		case <-time.After(2 * time.Second):
		}
	}
}
