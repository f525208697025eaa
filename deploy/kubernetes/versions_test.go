package kubernetes_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// introduced has the minor version of Kubernetes 1 that introduced an API or a member. An older API server
// refuses or ignores it.
var introduced = map[string]int{
	"apps/v1": 9, "networking.k8s.io/v1": 19, "policy/v1": 21, // Ingress is the newest of networking
	"enableServiceLinks": 13, "fsGroupChangePolicy": 18, "ingressClassName": 18, "kubernetes.io/metadata.name": 21, "maxSkew": 16,
	"pathType": 18, "persistentVolumeClaimRetentionPolicy": 23, "runAsGroup": 10, "seccompProfile": 19, "topologyKey": 16,
	"topologySpreadConstraints": 16, "whenDeleted": 23, "whenScaled": 23, "whenUnsatisfiable": 16,
}

// old are the APIs and members that Kubernetes 1.9 had, those of other programs, and the key of the Secret.
var old = strings.Fields(`v1 gateway.networking.k8s.io/v1 monitoring.coreos.com/v1 kustomize.config.k8s.io/v1beta1
	accessModes affinity allowPrivilegeEscalation annotations apiVersion apps args automountServiceAccountToken backend backendRefs
	capabilities clusterIP configMap containerPort containers cpu data defaultMode drop emptyDir endpoints env from fsGroup groups host
	hostnames hosts http httpGet image imagePullPolicy imagePullSecrets ingress interval kind labelSelector labels limits livenessProbe
	matchLabels matches maxUnavailable memory metadata mountPath name namespaceSelector nodeSelector parentRefs path paths periodSeconds
	podManagementPolicy podSelector policyTypes port ports priorityClassName readOnly readOnlyRootFilesystem readinessProbe replicas
	requests resources rules runAsNonRoot runAsUser secret secretName securityContext selector service serviceName spec storage
	storageClassName stringData targetPort template terminationGracePeriodSeconds timeoutSeconds tls token tolerations type value
	volumeClaimTemplates volumeMounts volumes`)

var (
	notYAML = regexp.MustCompile(`(?s:\{\{.*?\}\})|(?m:(?:^|\s)#.*$)|(?m:^ *\w+\.(?:yaml|yml): \|.*(?:\n(?:  .*)?)*)`)
	used    = regexp.MustCompile(`(?m)(?:^|[\s{,])(?:apiVersion: *([\w./]+)|(kubernetes\.io/metadata\.name|[a-z][A-Za-z]+):(?:\s|$))`)
)

// tooNew returns the APIs and members of manifests or templates that Kubernetes 1.minor does not have.
func tooNew(text string, minor int) (problems []string) {
	for _, m := range used.FindAllStringSubmatch(notYAML.ReplaceAllString(text, ""), -1) {
		name := m[1] + m[2]
		since, known := introduced[name]
		problem := ""
		if !known && !slices.Contains(old, name) {
			problem = name + ": unknown: add the version of Kubernetes that introduced it"
		} else if since > minor {
			problem = fmt.Sprintf("%s: Kubernetes 1.%d introduced it", name, since)
		}
		if problem != "" && !slices.Contains(problems, problem) {
			problems = append(problems, problem)
		}
	}
	return problems
}

// TestKubernetesOfTheDocuments compares the chart and the manifests with the oldest version that the documents
// and the chart name.
func TestKubernetesOfTheDocuments(t *testing.T) {
	const chart = "deploy/helm/tuilivekit-exporter"
	templates, err := filepath.Glob(filepath.Join(repository, chart, "templates", "*.yaml"))
	if err != nil || len(templates) < 3 {
		t.Fatalf("templates %v: %v", templates, err)
	}
	all := readManifests(t)
	for _, file := range templates {
		all += "\n" + readFile(t, filepath.Join(chart, "templates", filepath.Base(file)))
	}
	_, context, _ := strings.Cut(readFile(t, chart+"/values.yaml"), "\npodSecurityContext:\n")
	context, _, _ = strings.Cut(context, "\n\n")
	for file, pattern := range map[string]string{
		chart + "/Chart.yaml": `kubeVersion: ">=1\.(\d+)\.0-0"`, chart + "/README.md": `Kubernetes 1\.(\d+) or newer`,
		"docs/install.md": `Kubernetes 1\.(\d+) or newer`, "docs/zh-CN/install.md": `Kubernetes 1\.(\d+) 或更新版本`,
	} {
		m := regexp.MustCompile(pattern).FindStringSubmatch(readFile(t, file))
		if m == nil {
			t.Errorf("%s does not say which Kubernetes is needed", file)
			continue
		}
		minor, _ := strconv.Atoi(m[1])
		for _, problem := range tooNew(all+"\n"+context, minor) {
			t.Errorf("%s says Kubernetes 1.%d: %s", file, minor, problem)
		}
	}
}

func TestTooNew(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
		minor            int
	}{
		{"an older API", "apiVersion: policy/v1\n", "policy/v1: Kubernetes 1.21 introduced it", 20},
		{"an older member", "# new: 1\nspec:\n  - {name: x, seccompProfile: {type: RuntimeDefault}}\n", "seccompProfile: Kubernetes 1.19 introduced it", 18},
		{"a member behind a condition", "{{- if .Values.x }}\n  maxSkew: 1\n{{- end }}\n", "maxSkew: Kubernetes 1.16 introduced it", 15},
		{"a member that is not in the table", "spec:\n  minReadySeconds: 3\n", "minReadySeconds: unknown: add the version of Kubernetes that introduced it", 25},
		{"the text of a ConfigMap", "data:\n  config.yaml: |\n    apps:\n      - token_files: []\n    anything: 1\nkind: ConfigMap\nsince: 1\n", "since: unknown: add the version of Kubernetes that introduced it", 25},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(tooNew(tt.text, tt.minor), "; "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
