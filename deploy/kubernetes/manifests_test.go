// Package kubernetes_test checks the manifests beside it without a cluster.
package kubernetes_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/manual"
)

const repository = "../.."

// TestManifests checks that the manifests fit the command line, the image and one another,
// and give the pod no more than it needs.
func TestManifests(t *testing.T) {
	for _, problem := range checkManifests(t, readManifests(t)) {
		t.Error(problem)
	}
}

// TestManifestsCheck breaks the manifests, one line at a time.
func TestManifestsCheck(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"a flag that does not exist", "--log.format=json", "--log.fromat=json", "args"},
		{"another port", "containerPort: 19781", "containerPort: 8080", "containerPort"},
		{"a port without a name", "targetPort: webhook", "targetPort: hook", "targetPort"},
		{"metrics beside the webhook", "targetPort: webhook\n", "targetPort: webhook\n    - {name: web, port: 19780, targetPort: web}\n", "both listeners"},
		{"other pods", "selector:\n    app.kubernetes.io/name: tuilivekit-exporter", "selector:\n    app.kubernetes.io/name: exporter", "spec.selector"},
		{"a probe of nothing", "/-/ready", "/ready", "readinessProbe"},
		{"root", "runAsUser: 65532", "runAsUser: 0", "runAsUser"},
		{"root allowed", "runAsNonRoot: true", "runAsNonRoot: false", "runAsNonRoot"},
		{"a disk of root's", "fsGroup: 65532", "fsGroup: 0", "fsGroup"},
		{"any system call", "RuntimeDefault", "Unconfined", "seccompProfile"},
		{"a writable root", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "readOnlyRootFilesystem"},
		{"setuid", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "allowPrivilegeEscalation"},
		{"capabilities", "drop: [ALL]", "drop: [NET_RAW]", "capabilities"},
		{"a token for Kubernetes", "automountServiceAccountToken: false", "automountServiceAccountToken: true", "automountServiceAccountToken"},
		{"variables that look like flags", "enableServiceLinks: false", "enableServiceLinks: true", "enableServiceLinks"},
		{"killed before it has stopped", "terminationGracePeriodSeconds: 30", "terminationGracePeriodSeconds: 15", "terminationGracePeriodSeconds"},
		{"callbacks to a pod that has gone", "            - --shutdown.delay=5s # until no callback is sent here any more\n", "", "shutdown.delay"},
		{"another delay", "--shutdown.delay=5s", "--shutdown.delay=1s", "shutdown.delay"},
		{"state lost with the pod", "mountPath: /var/lib/tuilivekit-exporter", "mountPath: /data", "mountPath"},
		{"an old image", "/tuilivekit-exporter:0", "/tuilivekit-exporter:0.0", "image"},
		{"a configuration that is not valid", "sdk_app_id:", "sdk_appid:", "config.yaml"},
		{"a token that works", "<callback token>", "the-token-of-the-console", "a token that works"},
		{"a token that the Secret does not have", "- /run/secrets/tuilivekit-exporter/token", "- /run/secrets/tuilivekit-exporter/other", "config.yaml"},
		{"a monitor of nothing", "component: web\n  endpoints", "component: wep\n  endpoints", "ServiceMonitor"},
		{"a token that is never read again", "            - --config.auto-reload # a changed ConfigMap or Secret needs no restart\n", "", "auto-reload"},
		{"metrics to the Internet", "port: {name: webhook}", "port: {name: web}", "Ingress"},
		{"more paths than one", "pathType: Exact", "pathType: Prefix", "Ingress"},
		{"a host without TLS", "hosts: [\"callbacks.", "hosts: [\"other.", "Ingress spec.tls"},
		{"a policy of other pods", "podSelector:\n    matchLabels:\n      app.kubernetes.io/name: tuilivekit-exporter", "podSelector:\n    matchLabels:\n      app.kubernetes.io/name: other", "NetworkPolicy"},
		{"metrics for everyone", "      from:\n        - namespaceSelector:\n            matchLabels:\n              kubernetes.io/metadata.name: monitoring\n", "", "NetworkPolicy"},
		{"metrics beside callbacks", "ports: [{port: webhook}]", "ports: [{port: webhook}, {port: web}]", "NetworkPolicy"},
		{"another path of the metrics", "path: /metrics", "path: /metric", "ServiceMonitor"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			whole := readManifests(t)
			broken := strings.Replace(whole, tt.old, tt.new, 1)
			if broken == whole {
				t.Fatalf("the manifests have no %q to break", tt.old)
			}
			got := checkManifests(t, broken)
			if !strings.Contains(strings.Join(got, "\n"), tt.want) {
				t.Errorf("got problems %q, want one with %s", got, tt.want)
			}
		})
	}
}

// checkManifests returns what is wrong.
func checkManifests(t *testing.T, text string) []string {
	c := &manifestCheck{t: t, serve: manual.Read(t, repository)["serve"]}
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var object map[string]any
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return append(c.problems, err.Error())
		}
		c.objects = append(c.objects, object)
	}
	c.set = c.kind("StatefulSet")[0]
	c.checkSecurity()
	c.checkContainer()
	c.checkServices()
	c.checkExposure()
	c.checkConfig()
	return c.problems
}

type manifestCheck struct {
	t        *testing.T
	objects  []any
	set      any // the StatefulSet
	serve    manual.Command
	problems []string
}

// same reports a problem unless the value at path is want.
func (c *manifestCheck) same(object any, path string, want any) {
	if got := at(object, path); fmt.Sprint(got) != fmt.Sprint(want) {
		c.problems = append(c.problems, fmt.Sprintf("%s %s: got %v, want %v", at(object, "kind"), path, got, want))
	}
}

func (c *manifestCheck) kind(kind string) []any {
	var found []any
	for _, object := range c.objects {
		if at(object, "kind") == kind {
			found = append(found, object)
		}
	}
	if len(found) == 0 {
		c.t.Fatalf("there is no %s", kind)
	}
	return found
}

func (c *manifestCheck) checkSecurity() {
	uid, _, _ := strings.Cut(c.dockerfile("USER"), ":")
	for path, want := range map[string]any{
		"automountServiceAccountToken":                          false,
		"enableServiceLinks":                                    false,
		"securityContext.runAsNonRoot":                          true,
		"securityContext.runAsUser":                             uid,
		"securityContext.runAsGroup":                            uid,
		"securityContext.fsGroup":                               uid,
		"securityContext.seccompProfile.type":                   "RuntimeDefault",
		"containers.0.securityContext.allowPrivilegeEscalation": false,
		"containers.0.securityContext.readOnlyRootFilesystem":   true,
		"containers.0.securityContext.capabilities":             map[string]any{"drop": []any{"ALL"}},
		"containers.1":                                          nil,
	} {
		c.same(c.set, "spec.template.spec."+path, want)
	}
}

func (c *manifestCheck) checkContainer() {
	const container = "spec.template.spec.containers.0."
	var args []string
	for i := 0; at(c.set, fmt.Sprintf(container+"args.%d", i)) != nil; i++ {
		args = append(args, fmt.Sprint(at(c.set, fmt.Sprintf(container+"args.%d", i))))
	}
	flags, err := c.serve.Parse(args...)
	if err != nil {
		c.problems = append(c.problems, "args: "+err.Error())
		return
	}
	if flags["config.auto-reload"] == "" {
		c.problems = append(c.problems, "args: want --config.auto-reload: nothing else tells it of a changed Secret")
	}
	c.same(c.set, container+"image", "ghcr.io/tuilivekit-exporter/tuilivekit-exporter:"+strings.TrimSpace(readFile(c.t, "VERSION")))
	for i, address := range []string{flags["web.listen-address"], flags["webhook.listen-address"], flags["health.listen-address"]} {
		_, port, _ := net.SplitHostPort(address)
		c.same(c.set, fmt.Sprintf(container+"ports.%d.containerPort", i), port)
	}
	c.same(c.set, container+"ports.2.name", "health")
	c.same(c.set, container+"ports.0.name", "web")
	c.same(c.set, container+"ports.1.name", "webhook")
	for probe, path := range map[string]string{"livenessProbe": "/-/healthy", "readinessProbe": "/-/ready"} {
		c.same(c.set, container+probe+".httpGet", map[string]any{"path": path, "port": "health"}) // which no password protects
	}
	// A pod that ends still gets callbacks, until all nodes know that it does.
	delay, timeout := duration(c.t, flags["shutdown.delay"]), duration(c.t, flags["shutdown.timeout"])
	if delay != 5*time.Second {
		c.problems = append(c.problems, fmt.Sprintf("shutdown.delay: got %s, want 5s", delay))
	}
	if grace, _ := at(c.set, "spec.template.spec.terminationGracePeriodSeconds").(int); time.Duration(grace)*time.Second <= delay+timeout {
		c.problems = append(c.problems, fmt.Sprintf("terminationGracePeriodSeconds: got %d, want more than %s", grace, delay+timeout))
	}
	c.same(c.set, container+"volumeMounts.2.name", at(c.set, "spec.volumeClaimTemplates.0.metadata.name"))
	c.same(c.set, container+"volumeMounts.2.mountPath", c.dockerfile("WORKDIR"))
}

// checkServices sees that each listener has a Service of its own, and that Prometheus
// finds that of the metrics.
func (c *manifestCheck) checkServices() {
	labels := at(c.set, "spec.template.metadata.labels")
	c.same(c.set, "spec.selector.matchLabels", labels)
	monitor := c.kind("ServiceMonitor")[0]
	selected, _ := at(monitor, "spec.selector.matchLabels").(map[string]any)
	monitored := false
	for _, service := range c.kind("Service") {
		c.same(service, "spec.selector", labels)
		if at(service, "spec.ports.1") != nil {
			c.problems = append(c.problems, "a Service has both listeners")
		}
		name := at(service, "spec.ports.0.name")
		c.same(service, "spec.ports.0.targetPort", name)
		has, _ := at(service, "metadata.labels").(map[string]any)
		matches := len(selected) > 0
		for key, value := range selected {
			matches = matches && has[key] == value
		}
		monitored = monitored || matches && name == at(monitor, "spec.endpoints.0.port")
	}
	if !monitored {
		c.problems = append(c.problems, "the ServiceMonitor selects no Service with its port")
	}
	c.same(monitor, "spec.endpoints.0.path", c.defaults()["web.telemetry-path"])
}

// checkExposure sees that the Ingress shows the path of callbacks and nothing else, and
// that the NetworkPolicy keeps metrics inside.
func (c *manifestCheck) checkExposure() {
	ingress, policy := c.kind("Ingress")[0], c.kind("NetworkPolicy")[0]
	service := map[string]any{"name": at(c.kind("Service")[0], "metadata.name"), "port": map[string]any{"name": "webhook"}}
	c.same(ingress, "spec.rules.0.http.paths", []any{map[string]any{
		"path": c.defaults()["webhook.path"], "pathType": "Exact", "backend": map[string]any{"service": service},
	}})
	c.same(ingress, "spec.rules.1", nil)
	c.same(ingress, "spec.defaultBackend", nil)
	c.same(ingress, "spec.tls.0.hosts.0", at(ingress, "spec.rules.0.host"))

	port := func(name string) []any { return []any{map[string]any{"port": name}} }
	c.same(policy, "spec.podSelector.matchLabels", at(c.set, "spec.template.metadata.labels"))
	c.same(policy, "spec.policyTypes", []any{"Ingress"})
	c.same(policy, "spec.ingress.0", map[string]any{"ports": port("webhook")})
	c.same(policy, "spec.ingress.1.ports", port("web"))
	c.same(policy, "spec.ingress.2", nil)
	if from, _ := at(policy, "spec.ingress.1.from.0.namespaceSelector.matchLabels").(map[string]any); len(from) == 0 {
		c.problems = append(c.problems, "NetworkPolicy: metrics are for everyone")
	}
}

// checkConfig checks the configuration as it will lie in the container, beside the
// keys of the Secret.
func (c *manifestCheck) checkConfig() {
	const spec = "spec.template.spec."
	configMap, secret, dir := c.kind("ConfigMap")[0], c.kind("Secret")[0], c.t.TempDir()
	c.same(c.set, spec+"volumes.0.configMap.name", at(configMap, "metadata.name"))
	c.same(c.set, spec+"volumes.1.secret.secretName", at(secret, "metadata.name"))
	folder := fmt.Sprint(at(c.set, spec+"containers.0.volumeMounts.1.mountPath"))
	files := map[string]string{}
	tokens, _ := at(secret, "stringData").(map[string]any)
	for key, token := range tokens {
		if _, _, err := config.ReadTokenFile(c.write(dir, key, fmt.Sprint(token))); err == nil || !strings.Contains(err.Error(), "placeholder") {
			c.problems = append(c.problems, fmt.Sprintf("Secret stringData.%s: a token that works, for everybody: %v", key, err))
		}
		files[key] = "a token of the operator"
	}
	data, _ := at(configMap, "data").(map[string]any)
	files["config.yaml"] = strings.ReplaceAll(fmt.Sprint(data["config.yaml"]), folder+"/", "")
	for name, content := range files {
		c.write(dir, name, content)
	}
	if _, _, err := config.Load(filepath.Join(dir, "config.yaml")); err != nil {
		c.problems = append(c.problems, err.Error())
	}
}

func (c *manifestCheck) write(dir, name, content string) string {
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return file
}

// dockerfile returns the arguments of the last instruction called name.
func (c *manifestCheck) dockerfile(name string) string {
	found := regexp.MustCompile(`(?m)^`+name+` (.+)$`).FindAllStringSubmatch(readFile(c.t, "Dockerfile"), -1)
	if found == nil {
		c.t.Fatalf("the Dockerfile has no %s", name)
	}
	return found[len(found)-1][1]
}

// defaults returns the values of the flags of serve without arguments.
func (c *manifestCheck) defaults() map[string]string {
	flags, err := c.serve.Parse()
	if err != nil {
		c.t.Fatal(err)
	}
	return flags
}

func duration(t *testing.T, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// at returns the value at a path like spec.ports.0.name, nil if there is none.
func at(object any, path string) any {
	for _, step := range strings.Split(path, ".") {
		switch o := object.(type) {
		case map[string]any:
			object = o[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(o) {
				return nil
			}
			object = o[i]
		default:
			return nil
		}
	}
	return object
}

// readManifests returns all manifests as one stream.
func readManifests(t *testing.T) string {
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("manifests %v: %v", files, err)
	}
	var all []string
	for _, file := range append(files, "secret.yaml.example") {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	}
	return strings.Join(all, "\n---\n")
}

// readFile returns a file of the repository.
func readFile(t *testing.T, name string) string {
	b, err := os.ReadFile(filepath.Join(repository, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
