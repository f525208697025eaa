// Package deploy checks that the files of deploy/ fit together. It starts no container.
package deploy

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const folder = "../../deploy"

type compose struct {
	Services map[string]service
	Secrets  map[string]struct{ File string }
	Volumes  map[string]any
}

type service struct {
	Image       string
	Build       string
	Command     []string
	Environment map[string]string
	Volumes     []string
	Ports       []string
	Secrets     []string
	Profiles    []string
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
}

func readYAML[T any](t *testing.T, file string) T {
	t.Helper()
	var v T
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return v
}

// mount is a file or a folder of the repository in a container.
type mount struct{ from, to string }

// mounts returns the mounts of a service, by absolute path.
func (s service) mounts(t *testing.T) []mount {
	t.Helper()
	var all []mount
	for _, v := range s.Volumes {
		parts := strings.Split(v, ":")
		if strings.HasPrefix(parts[0], ".") {
			if len(parts) != 3 || parts[2] != "ro" {
				t.Errorf("%s can be written from the container", v)
			}
			from, err := filepath.Abs(filepath.Join(folder, parts[0]))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, mount{from, parts[1]})
		}
	}
	return all
}

// outside returns the path in the repository of a path in the container, or "".
func (s service) outside(t *testing.T, inside string) string {
	t.Helper()
	for _, m := range s.mounts(t) {
		if rest, ok := strings.CutPrefix(inside, m.to); ok && (rest == "" || rest[0] == '/') {
			return filepath.Join(m.from, rest)
		}
	}
	return ""
}

func TestCompose(t *testing.T) {
	c := readYAML[compose](t, folder+"/compose.yaml")
	for _, name := range []string{"exporter", "prometheus", "alertmanager", "grafana"} {
		if _, ok := c.Services[name]; !ok {
			t.Fatalf("there is no service %s", name)
		}
	}
	pinned := regexp.MustCompile(`:v?\d+\.\d+\.\d+$`)
	ours := c.Services["exporter"].Image
	for name, s := range c.Services {
		if s.Image != ours && !pinned.MatchString(s.Image) {
			t.Errorf("%s: the version of %s is not pinned", name, s.Image)
		}
		for _, m := range s.mounts(t) {
			if _, err := os.Stat(m.from); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, v := range s.Volumes {
			volume, _, _ := strings.Cut(v, ":")
			if _, ok := c.Volumes[volume]; !ok && !strings.HasPrefix(volume, ".") {
				t.Errorf("%s: volume %s is not declared", name, volume)
			}
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to the network", name, p)
			}
		}
		for _, secret := range s.Secrets {
			if _, err := os.Stat(filepath.Join(folder, c.Secrets[secret].File)); err != nil || c.Secrets[secret].File == "" {
				t.Errorf("%s: secret %s: %v", name, secret, err)
			}
		}
		for other := range s.DependsOn {
			if _, ok := c.Services[other]; !ok {
				t.Errorf("%s depends on %s, which is no service", name, other)
			}
		}
		for _, arg := range s.Command {
			_, value, _ := strings.Cut(arg, "=")
			if secret, ok := strings.CutPrefix(value, "/run/secrets/"); ok && !slices.Contains(s.Secrets, secret) {
				t.Errorf("%s: %s is no secret of it", name, arg)
			}
			if u, err := url.Parse(value); err == nil && u.Scheme == "http" {
				reachable(t, c, name, u.Host)
			}
			if file, ok := strings.CutPrefix(arg, "--config.file="); ok && s.outside(t, file) == "" {
				t.Errorf("%s: %s is not mounted", name, file)
			}
		}
		if name != "exporter" && s.Image == ours && !slices.Contains(s.Profiles, "demo") {
			t.Errorf("%s is not for the demo alone", name)
		}
	}
}

// reachable fails unless address is a service and a port that it publishes.
func reachable(t *testing.T, c compose, from, address string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Errorf("%s: %v", from, err)
		return
	}
	if host == "localhost" {
		host = from
	}
	for _, p := range c.Services[host].Ports {
		if strings.HasSuffix(p, ":"+port) {
			return
		}
	}
	t.Errorf("%s speaks to %s, which no service publishes", from, address)
}

// The balancer and the configuration of two replicas name services of the file.
func TestComposeOfReplicas(t *testing.T) {
	c := readYAML[compose](t, folder+"/compose.replicas.yaml")
	pinned := regexp.MustCompile(`:v?\d+\.\d+\.\d+$`)
	for name, s := range c.Services {
		if s.Build == "" && !pinned.MatchString(s.Image) {
			t.Errorf("%s: the version of %s is not pinned", name, s.Image)
		}
		for _, m := range s.mounts(t) {
			if _, err := os.Stat(m.from); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to the network", name, p)
			}
		}
	}
	balancer, err := os.ReadFile(folder + "/balancer/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	servers := regexp.MustCompile(`server ([\w-]+):19781`).FindAllSubmatch(balancer, -1)
	if len(servers) != 2 {
		t.Errorf("the balancer knows %d replicas, want 2", len(servers))
	}
	for _, server := range servers {
		if _, ok := c.Services[string(server[1])]; !ok {
			t.Errorf("the balancer names %s, which is no service", server[1])
		}
	}
	// A replica whose host is away times out; Tencent has two seconds for both tries.
	for _, want := range []string{`proxy_next_upstream .*\btimeout\b.*\bnon_idempotent;`, `proxy_next_upstream_timeout 1s;`, `proxy_connect_timeout \d00ms;`} {
		if !regexp.MustCompile(want).Match(balancer) {
			t.Errorf("the balancer has no %s", want)
		}
	}
	config := readYAML[struct {
		Replica struct{ Redis struct{ Addresses []string } }
	}](t, folder+"/exporter/replicas.yaml")
	for _, address := range config.Replica.Redis.Addresses {
		host, _, err := net.SplitHostPort(address)
		if _, ok := c.Services[host]; err != nil || !ok {
			t.Errorf("the exporters name %s, which is no service", address)
		}
	}
}

func TestGrafanaFindsAll(t *testing.T) {
	c := readYAML[compose](t, folder+"/compose.yaml")
	grafana := c.Services["grafana"]
	provisioning := grafana.outside(t, "/etc/grafana/provisioning")
	sources := readYAML[struct {
		Datasources []struct {
			Type, URL string
			Default   bool `yaml:"isDefault"`
		}
	}](t, provisioning+"/datasources/prometheus.yaml").Datasources
	if len(sources) != 1 || sources[0].Type != "prometheus" || !sources[0].Default {
		t.Fatalf("data sources: %+v, want Prometheus as the default", sources)
	}
	u, err := url.Parse(sources[0].URL)
	if err != nil {
		t.Fatal(err)
	}
	reachable(t, c, "grafana", u.Host)

	providers := readYAML[struct {
		Providers []struct {
			Type    string
			Options struct{ Path string }
		}
	}](t, provisioning+"/dashboards/tuilivekit.yaml").Providers
	if len(providers) != 1 || providers[0].Type != "file" {
		t.Fatalf("providers: %+v", providers)
	}
	files, _ := filepath.Glob(grafana.outside(t, providers[0].Options.Path) + "/*.json")
	if len(files) != 3 {
		t.Errorf("dashboards in %s: %v, want three", providers[0].Options.Path, files)
	}
	home := grafana.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	if _, err := os.Stat(grafana.outside(t, home)); err != nil {
		t.Errorf("the home dashboard: %v", err)
	}
}

// laidOut links the files of a service into a new folder, as they are in its container, and returns the
// folder.
func laidOut(t *testing.T, s service) string {
	t.Helper()
	root := t.TempDir()
	for _, m := range s.mounts(t) {
		to := filepath.Join(root, m.to)
		if err := os.MkdirAll(path.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(m.from, to); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// tool runs a tool of scripts/tool.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	program, err := exec.Command("../../scripts/tool", name).Output()
	if err != nil {
		t.Fatalf("scripts/tool %s: %v", name, err)
	}
	out, err := exec.Command(strings.TrimSpace(string(program)), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func TestPrometheusTakesItsConfiguration(t *testing.T) {
	c := readYAML[compose](t, folder+"/compose.yaml")
	root := laidOut(t, c.Services["prometheus"])
	out := tool(t, "promtool", "check", "config", root+"/etc/prometheus/prometheus.yml")
	for _, file := range []string{"recording.yaml", "alerts.yaml"} {
		if !strings.Contains(out, "rules/"+file) {
			t.Errorf("%s is not loaded:\n%s", file, out)
		}
	}
	config := readYAML[struct {
		Alerting struct {
			Alertmanagers []struct {
				Static []struct{ Targets []string } `yaml:"static_configs"`
			}
		}
		ScrapeConfigs []struct {
			Static []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}](t, folder+"/prometheus/prometheus.yml")
	var targets []string
	for _, a := range config.Alerting.Alertmanagers {
		for _, s := range a.Static {
			targets = append(targets, s.Targets...)
		}
	}
	for _, a := range config.ScrapeConfigs {
		for _, s := range a.Static {
			targets = append(targets, s.Targets...)
		}
	}
	for _, target := range targets {
		reachable(t, c, "prometheus", target)
	}
	if got, want := fmt.Sprint(targets), "[alertmanager:9093 exporter:19780 localhost:9090]"; got != want {
		t.Errorf("targets are %s, want %s", got, want)
	}
}

func TestAlertmanagerTakesItsConfiguration(t *testing.T) {
	c := readYAML[compose](t, folder+"/compose.yaml")
	root := laidOut(t, c.Services["alertmanager"])
	tool(t, "amtool", "check-config", root+"/etc/alertmanager/alertmanager.yml")
}

// TestExporterTakesItsFlags checks the commands of the services that run the exporter.
func TestExporterTakesItsFlags(t *testing.T) {
	program := filepath.Join(t.TempDir(), "tuilivekit-exporter")
	build := exec.Command("go", "build", "-o", program, "./cmd/tuilivekit-exporter")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c := readYAML[compose](t, folder+"/compose.yaml")
	for name, s := range c.Services {
		if s.Image != c.Services["exporter"].Image {
			continue
		}
		args := slices.Clone(s.Command)
		for i, arg := range args {
			flag, value, _ := strings.Cut(arg, "=")
			if secret, ok := strings.CutPrefix(value, "/run/secrets/"); ok {
				args[i] = flag + "=" + filepath.Join(folder, c.Secrets[secret].File)
			}
		}
		// This port is invalid, so the program ends after it has parsed its flags.
		const nowhere = "127.0.0.1:99999"
		if name == "exporter" {
			args = append(args, "--webhook.listen-address="+nowhere, "--web.listen-address=127.0.0.1:0")
		} else {
			args = slices.DeleteFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "--url=") || strings.HasPrefix(arg, "--count=") })
			args = append(args, "--url=http://"+nowhere+"/callback", "--count=1")
		}
		run := exec.Command(program, args...)
		run.Env = append(os.Environ(), "TUILIVEKIT_EXPORTER_STORAGE_PATH="+t.TempDir())
		out, err := run.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "99999: invalid port") {
			t.Errorf("%s: %v: %v\n%s", name, args, err, out)
		}
	}
}
