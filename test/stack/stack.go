// Package stack runs the exporter, Prometheus and Alertmanager on loopback, with the shipped rules and
// shorter durations.
package stack

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

var ruleFiles = []string{"recording.yaml", "alerts.yaml"}

// Options say what to run.
type Options struct {
	Root  string            // of the source tree
	Dir   string            // for files of the programs
	Apps  map[string]string // names by SDKAppID
	Token string            // of all applications, in the file token of Dir
	Speed int               // the durations of the rules are divided by it
	// Config is the configuration file of the exporter; if it is empty, it has only Apps.
	Config string
	// Replicas is how many exporters run behind one callback URL; 0 means one.
	Replicas int
	// Receiver is the URL that Alertmanager notifies; empty for none.
	Receiver string
	// Flags are more flags of the exporter.
	Flags []string
	// Progress is called before each slow step of Start; nil for none.
	Progress func(step string)
}

// Stack has the running programs. Only one goroutine may use it.
type Stack struct {
	Options
	Callback, Web, Metrics, Prometheus, Alertmanager string // URLs; Web is that of the first replica
	Webs                                             []string

	exporterBin        string
	exporters          []*replica
	balancer           *balancer // nil for one replica
	prometheus, alerts *process
}

// replica is one of the exporters.
type replica struct {
	webhookAddr, webAddr string
	process              *process
}

// Start starts the programs and returns when all are ready.
func Start(ctx context.Context, o Options) (s *Stack, err error) {
	s = &Stack{Options: o}
	var prometheusAddr, alertsAddr string
	if err := s.chooseAddresses(&prometheusAddr, &alertsAddr); err != nil {
		return nil, err
	}
	s.Prometheus, s.Alertmanager = "http://"+prometheusAddr, "http://"+alertsAddr
	if err := s.writeFiles(alertsAddr); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	s.step("exporter")
	if s.exporterBin, err = s.build(ctx); err != nil {
		return nil, err
	}
	if err = s.startExporters(ctx); err != nil {
		return nil, err
	}
	s.step("Alertmanager")
	alertmanagerBin, err := s.tool(ctx, "alertmanager")
	if err != nil {
		return nil, err
	}
	s.alerts, err = startProcess(ctx, o.Dir, "alertmanager", s.Alertmanager+"/-/ready", alertmanagerBin,
		"--config.file=alertmanager.yml", "--storage.path=alertmanager", "--web.listen-address="+alertsAddr,
		"--cluster.listen-address=", "--log.level=warn")
	if err != nil {
		return nil, err
	}
	s.step("Prometheus")
	prometheusBin, err := s.tool(ctx, "prometheus")
	if err != nil {
		return nil, err
	}
	s.prometheus, err = startProcess(ctx, o.Dir, "prometheus", s.Prometheus+"/-/ready", prometheusBin,
		"--config.file=prometheus.yml", "--storage.tsdb.path=prometheus", "--web.listen-address="+prometheusAddr,
		"--log.level=warn")
	if err != nil {
		return nil, err
	}
	s.step("first scrapes")
	return s, s.waitQuiet(ctx)
}

// chooseAddresses sets the addresses and URLs of all programs.
func (s *Stack) chooseAddresses(others ...*string) error {
	for range max(s.Replicas, 1) {
		r := &replica{}
		s.exporters, others = append(s.exporters, r), append(others, &r.webhookAddr, &r.webAddr)
	}
	if err := freeAddresses(others...); err != nil {
		return err
	}
	for _, r := range s.exporters {
		s.Webs = append(s.Webs, "http://"+r.webAddr)
	}
	s.Callback, s.Web, s.Metrics = "http://"+s.exporters[0].webhookAddr+"/callback", s.Webs[0], s.Webs[0]+"/metrics"
	return nil
}

func (s *Stack) step(name string) {
	if s.Progress != nil {
		s.Progress(name)
	}
}

// waitQuiet waits until Prometheus scrapes the exporter, which begins seconds after Prometheus is ready,
// and until the alert about the missing scrapes has resolved.
func (s *Stack) waitQuiet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	query := s.Prometheus + "/api/v1/query?query=" + url.QueryEscape(fmt.Sprintf(`count(up == 1) == %d unless on () ALERTS`, len(s.exporters)))
	for {
		var answer struct {
			Data struct {
				Result []any `json:"result"`
			} `json:"data"`
		}
		if err := get(ctx, query, &answer); err == nil && len(answer.Data.Result) > 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the exporter is not scraped: %w: %s", ctx.Err(), s.prometheus.tail())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Stop ends all programs that still run.
func (s *Stack) Stop() {
	s.prometheus.stop()
	s.alerts.stop()
	s.balancer.stop()
	for _, r := range s.exporters {
		r.process.stop()
	}
}

// startExporters starts all replicas and the balancer.
func (s *Stack) startExporters(ctx context.Context) (err error) {
	if len(s.exporters) > 1 {
		if s.balancer, err = startBalancer(s.exporters); err != nil {
			return err
		}
		s.Callback = s.balancer.url + "/callback"
	}
	for n := range s.exporters {
		if err := s.startExporter(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// StartExporter starts the exporter (with replicas, the first one) at the same addresses each time.
func (s *Stack) StartExporter(ctx context.Context) error { return s.startExporter(ctx, 0) }

func (s *Stack) startExporter(ctx context.Context, n int) (err error) {
	r, name := s.exporters[n], "exporter"
	args := []string{"--webhook.listen-address=" + r.webhookAddr, "--web.listen-address=" + r.webAddr}
	if n > 0 {
		name = fmt.Sprintf("exporter-%d", n+1)
		args = append(args, "--storage.path=data-"+strconv.Itoa(n+1))
	}
	if s.Config != "" {
		args = append(args, "--config.file=exporter.yml")
	} else {
		args = append(args, "--app.token-file=token")
		for id, name := range s.Apps {
			args = append(args, "--app="+id+"="+name)
		}
	}
	args = append(args, s.Flags...)
	r.process, err = startProcess(ctx, s.Dir, name, "http://"+r.webAddr+"/-/ready", s.exporterBin, args...)
	return err
}

// StopExporter stops the exporter (with replicas, the first one) as an upgrade does.
func (s *Stack) StopExporter() { s.exporters[0].process.stop() }

// Run runs a command of the exporter in the folder of the stack, and returns what it prints.
func (s *Stack) Run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.exporterBin, args...)
	cmd.Dir = s.Dir
	return cmd.CombinedOutput()
}

// Send acts as Tencent with the exporter's own send command.
func (s *Stack) Send(ctx context.Context, app string, args ...string) error {
	args = append([]string{"send", "--url=" + s.Callback, "--app=" + app, "--token-file=token"}, args...)
	if out, err := s.Run(ctx, args...); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// build returns the path of the exporter: $EXPORTER, or a new build.
func (s *Stack) build(ctx context.Context) (string, error) {
	if bin := os.Getenv("EXPORTER"); bin != "" {
		return filepath.Abs(bin)
	}
	bin := filepath.Join(s.Dir, "tuilivekit-exporter")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", bin, "./cmd/tuilivekit-exporter")
	cmd.Dir = s.Root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the exporter: %w: %s", err, out)
	}
	return bin, nil
}

// tool returns the path of a program. The first time it builds the program.
func (s *Stack) tool(ctx context.Context, name string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(s.Root, "scripts", "tool"), name)
	cmd.Stderr = os.Stderr // it says that it builds, which takes minutes
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("scripts/tool %s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}

func (s *Stack) writeFiles(alertsAddr string) error {
	files := map[string][]byte{"token": []byte(s.Token), "exporter.yml": []byte(s.Config)}
	for _, name := range ruleFiles {
		long, err := os.ReadFile(filepath.Join(s.Root, "alerts", name))
		if err != nil {
			return err
		}
		if files[name], err = Shorten(long, s.Speed); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	files["prometheus.yml"] = fmt.Appendf(nil, `global: {scrape_interval: %[1]s, scrape_timeout: %[1]s, evaluation_interval: %[1]s}
rule_files: [%[2]s]
alerting: {alertmanagers: [{static_configs: [{targets: [%[3]s]}]}]}
scrape_configs: [{job_name: tuilivekit, static_configs: [{targets: [%[4]s]}]}]
`, shortest, strings.Join(ruleFiles, ", "), alertsAddr, strings.ReplaceAll(strings.Join(s.Webs, ", "), "http://", ""))
	var err error
	if files["alertmanager.yml"], err = s.alertmanagerConfig(); err != nil {
		return err
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(s.Dir, name), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// alertmanagerConfig returns the inhibit rules of the shipped example, with one receiver.
func (s *Stack) alertmanagerConfig() ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(s.Root, "alerts", "alertmanager.example.yaml"))
	if err != nil {
		return nil, err
	}
	var example struct {
		Inhibit []any `yaml:"inhibit_rules"`
	}
	if err := yaml.Unmarshal(b, &example); err != nil {
		return nil, err
	}
	receiver := map[string]any{"name": "here"}
	if s.Receiver != "" {
		receiver["webhook_configs"] = []any{map[string]any{"url": s.Receiver, "send_resolved": true}}
	}
	return yaml.Marshal(map[string]any{
		"route": map[string]any{
			"receiver": "here", "group_by": []string{"alertname", "sdk_app_id", "job"},
			"group_wait": "100ms", "group_interval": (500 * time.Millisecond).String(), "repeat_interval": "1h",
		},
		"inhibit_rules": example.Inhibit,
		"receivers":     []any{receiver},
	})
}
