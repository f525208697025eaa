// Command demo runs the exporter, Prometheus and Alertmanager on loopback, acts as Tencent, and
// simulates days of three applications, each in minutes, until Ctrl-C. It draws the numbers of the
// exporter and the rules beside the true numbers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// options has the values of the flags.
type options struct {
	length time.Duration // of a day
	once   bool
	redis  bool
}

func parseFlags() (o options, err error) {
	minutes := flag.Float64("minutes", 6, "length of a day")
	flag.BoolVar(&o.once, "once", false, "play one day, check what came of it, and end")
	flag.BoolVar(&o.redis, "redis", false, "run two replicas of the exporter that share a Redis")
	flag.Parse()
	if *minutes < 1 || *minutes > 24*60 {
		return o, errors.New("-minutes: must be within 1 and 1440")
	}
	o.length = time.Duration(*minutes * float64(time.Minute))
	return o, nil
}

func run(ctx context.Context) error {
	o, err := parseFlags()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tuilivekit-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	apps := applications()
	t, err := newTencent(apps)
	if err != nil {
		return err
	}
	defer t.stop()
	shared := ""
	if o.redis {
		server, err := startRedis(ctx, dir)
		if err != nil {
			return err
		}
		defer server.stop()
		shared = server.address
	}
	s, err := startStack(ctx, o, dir, t, apps, shared)
	if err != nil {
		return err
	}
	defer s.Stop()
	t.configure(apps, s.Callback)
	page, err := startPage(s, apps, o.length)
	if err != nil {
		return err
	}
	defer page.stop()
	printURLs(s, page, o)
	return play(ctx, s, t, apps, page, o)
}

// startStack starts the programs and prints its steps: the first time it builds them, which takes minutes.
func startStack(ctx context.Context, o options, dir string, t *tencent, apps []*application, redis string) (*stack.Stack, error) {
	root, err := filepath.Abs(".")
	if err != nil {
		return nil, err
	}
	for name, content := range map[string][]byte{"api.pem": t.ca, "secret-key": []byte(secretKey)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, err
		}
	}
	p := newProgress(os.Stdout)
	defer p.stop()
	so := stack.Options{
		Root: root, Dir: dir, Token: token, Config: configuration(t, apps, redis),
		Speed: int(24 * time.Hour / o.length), Progress: p.step,
	}
	if o.redis {
		so.Replicas = 2
	}
	return stack.Start(ctx, so)
}

// configuration returns the configuration file of the exporter.
func configuration(t *tencent, apps []*application, redis string) string {
	var b strings.Builder
	b.WriteString("apps:\n")
	for _, a := range apps {
		fmt.Fprintf(&b, "  - sdk_app_id: %s\n    name: %s\n    token_files: [token]\n", a.id, a.name)
		if a.recounted {
			fmt.Fprintf(&b, "    api: {host: '%s', allow_host: true, secret_key_file: secret-key, ca_file: api.pem}\n    reconcile: {interval: 1m, rate: 8}\n", t.address)
		}
	}
	if redis != "" {
		fmt.Fprintf(&b, "replica: {redis: {addresses: ['%s']}}\n", redis)
	}
	return b.String()
}

// play simulates days and prints the alerts that fire and resolve.
func play(ctx context.Context, s *stack.Stack, t *tencent, apps []*application, page *page, o options) error {
	var hour atomic.Uint64 // bits of a float64
	firing := map[string]bool{}
	watch := stack.NewWatch(func(c stack.Change) {
		key := c.Alert + c.App
		ended := c.State == "resolved" && firing[key] // not an alert that was only pending
		if c.Where != "Prometheus" {
			return
		}
		if firing[key] = c.State == "firing"; firing[key] || ended {
			fmt.Printf("%s  %-8s  %-27s  %s\n", clock(math.Float64frombits(hour.Load())), c.State, c.Alert, c.Text)
		}
	})
	watching, stopWatching := context.WithCancel(ctx)
	var watched sync.WaitGroup
	watched.Go(func() { watch.Run(watching, s) })
	defer func() { stopWatching(); watched.Wait() }()
	for {
		page.begin()
		err := playDay(ctx, s, t, apps, o.length, func(h float64) {
			hour.Store(math.Float64bits(h))
			page.note(h, apps)
		})
		if err != nil || ctx.Err() != nil {
			return err
		}
		if o.once {
			return errors.Join(checkAlerts(watch.Changes()), checkRooms(ctx, s, apps), page.check())
		}
	}
}

func printURLs(s *stack.Stack, page *page, o options) {
	fmt.Printf(`
  Open these in a browser:

  the day        %s   rooms as they are, beside what the exporter and the rules say
  status page    %s   what the exporter knows, and the next thing to do
`, page.url, s.Web)
	for i, web := range s.Webs[1:] {
		fmt.Printf("  replica %d      %s   shows the same: the replicas share a Redis\n", i+2, web)
	}
	fmt.Printf(`  metrics        %s
  Prometheus     %s   the address for a datasource of Grafana, with dashboards/*.json
  its alerts     %s/api/v1/alerts
  Alertmanager   %s

  Production reaches its limit in the evening. At 10:00 callbacks are lost, and the next recount
  corrects its number. Talks stays below 70 %%, where Tencent sends no event: its number is from
  the callbacks of rooms and from recounts. Events has neither: its number gets old after the show.

  A day takes %s, and the times of the rules are shortened in proportion. Ctrl-C ends everything.

`, s.Metrics, s.Prometheus, s.Prometheus, s.Alertmanager, o.length)
}
