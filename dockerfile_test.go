package repository_test

import (
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/manual"
)

// This test checks the Dockerfile without a container engine. scripts/check-docker runs the image.

func TestDockerfile(t *testing.T) {
	for _, problem := range checkDockerfile(t, readFile(t, "Dockerfile"), readFile(t, ".dockerignore")) {
		t.Error(problem)
	}
}

// TestDockerfileCheck breaks the Dockerfile, one line at a time.
func TestDockerfileCheck(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"another Go", "ARG GO_IMAGE=golang:1.", "ARG GO_IMAGE=golang:0.", "GO_IMAGE"},
		{"an image that cannot be pinned", "FROM ${BASE_IMAGE}", "FROM gcr.io/distroless/static-debian12:nonroot", "FROM"},
		{"a remote front end", "ARG GO_IMAGE", "# syntax=docker/dockerfile:1\nARG GO_IMAGE", "syntax"},
		{"linked with libc", "CGO_ENABLED=0 ", "", "CGO_ENABLED"},
		{"modules after the source", "COPY go.mod go.sum ./\nRUN go mod download\n", "", "go mod download"},
		{"root", "USER 65532:65532", "USER 0:0", "USER"},
		{"a user by name", "USER 65532:65532", "USER nonroot", "USER"},
		{"no user", "USER 65532:65532", "", "USER"},
		{"somebody else's state", "--chown=65532:0 ", "", "WORKDIR"},
		{"state lost with the container", `VOLUME ["/var/lib/tuilivekit-exporter"]`, "", "VOLUME"},
		{"a shell before the exporter", `ENTRYPOINT ["/usr/bin/tuilivekit-exporter"]`, "ENTRYPOINT /usr/bin/tuilivekit-exporter", "ENTRYPOINT"},
		{"another binary", `ENTRYPOINT ["/usr/bin/`, `ENTRYPOINT ["/bin/`, "ENTRYPOINT"},
		{"a flag that does not exist", `ENTRYPOINT ["/usr/bin/tuilivekit-exporter"]`, `ENTRYPOINT ["/usr/bin/tuilivekit-exporter", "--web.port=1"]`, "ENTRYPOINT"},
		{"a shell before the health check", `CMD ["/usr/bin/tuilivekit-exporter", "healthcheck"]`, "CMD /usr/bin/tuilivekit-exporter healthcheck", "HEALTHCHECK"},
		{"a subcommand that does not exist", `"healthcheck"]`, `"health"]`, "HEALTHCHECK"},
		{"a health check that is killed before it gives up", "--timeout=3s", "--timeout=2s", "HEALTHCHECK"},
		{"a command that needs a shell", "USER ", "RUN true\nUSER ", "RUN"},
		{"another port", "EXPOSE 19780 19781", "EXPOSE 19780 8080", "EXPOSE"},
		{"no source", "image.source", "image.sauce", "org.opencontainers.image.source"},
		{"no revision", `"${REVISION}"`, `""`, "org.opencontainers.image.revision"},
		{"an argument that the stage does not have", "ARG CREATED=unknown\nLABEL", "LABEL", "CREATED"},
		{"a file that does not exist", "COPY LICENSE", "COPY LICENCE", "COPY"},
		{"a file that is not sent", "COPY LICENSE", "COPY Makefile", "COPY"},
		{"a stage that does not exist", "--from=build", "--from=builder", "COPY"},
		{"a package that does not exist", "./cmd/tuilivekit-exporter", "./cmd/exporter", "RUN"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			whole := readFile(t, "Dockerfile")
			broken := strings.Replace(whole, tt.old, tt.new, 1)
			if broken == whole {
				t.Fatalf("the Dockerfile has no %q to break", tt.old)
			}
			got := checkDockerfile(t, broken, readFile(t, ".dockerignore"))
			if !strings.Contains(strings.Join(got, "\n"), tt.want) {
				t.Errorf("got problems %q, want one with %s", got, tt.want)
			}
		})
	}
}

// TestDockerignore checks that the build gets the files that it needs, and no secrets.
func TestDockerignore(t *testing.T) {
	ignore := readFile(t, ".dockerignore")
	for _, file := range []string{"bin/demo.token", "demo.token", ".git/config", "data/segment-00000001", "config.yaml", "handler/callback_test.go"} {
		if !ignored(ignore, file) {
			t.Errorf("%s is sent to the builder", file)
		}
	}
	list := exec.Command("go", "list", "-deps", "-f",
		`{{if .Module}}{{if .Module.Main}}{{$dir := .Dir}}{{range .GoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{range .EmbedFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{end}}{{end}}`, "./cmd/tuilivekit-exporter")
	out, err := list.Output()
	if err != nil {
		t.Fatal("go list:", err)
	}
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	files := strings.Fields(string(out))
	if len(files) < 10 {
		t.Fatalf("go list names %d files", len(files))
	}
	for _, file := range files {
		rel, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		if ignored(ignore, filepath.ToSlash(rel)) {
			t.Errorf("%s is not sent to the builder, and the build needs it", rel)
		}
	}
}

// checkDockerfile returns the problems of a Dockerfile.
func checkDockerfile(t *testing.T, text, ignore string) []string {
	c := &dockerfileCheck{ignore: ignore, commands: manual.Read(t, ".")}
	if regexp.MustCompile(`(?mi)^#\s*syntax\s*=`).MatchString(text) {
		c.problem("# syntax= fetches a front end from the network")
	}
	c.stages = parseDockerfile(text)
	if len(c.stages) < 2 {
		return append(c.problems, "no stages")
	}
	c.final = c.stages[len(c.stages)-1]
	c.checkImages(t)
	c.checkBuild()
	c.checkCopies()
	c.checkUser()
	c.checkCommands()
	c.checkLabels(t)
	return c.problems
}

type dockerfileCheck struct {
	ignore   string
	commands map[string]manual.Command
	stages   []stage // the first has the instructions before the first FROM
	final    stage
	problems []string
}

func (c *dockerfileCheck) problem(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// checkImages checks that both images are build arguments, so that their digests can be given, and that
// the compiler is that of go.mod.
func (c *dockerfileCheck) checkImages(t *testing.T) {
	for _, s := range c.stages[1:] {
		if !regexp.MustCompile(`^(--platform=\S+ )?\$\{(GO|BASE)_IMAGE\}( AS \w+)?$`).MatchString(s.from) {
			c.problem("FROM %s: want ${GO_IMAGE} or ${BASE_IMAGE}", s.from)
		}
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(readFile(t, "go.mod"))
	if want := "GO_IMAGE=golang:" + version[1] + "."; !strings.HasPrefix(c.stages[0].last("ARG", "GO_IMAGE"), want) {
		c.problem("ARG %s: want %s…, as go.mod, and a patch release that stays the same", c.stages[0].last("ARG", "GO_IMAGE"), want)
	}
}

func (c *dockerfileCheck) checkBuild() {
	build := c.stages[1]
	var order []string
	for _, i := range build.instructions {
		order = append(order, i.name+" "+i.args)
	}
	download, source := slices.Index(order, "RUN go mod download"), slices.Index(order, "COPY . .")
	if download < 0 || source < download {
		c.problem("RUN go mod download: want it before COPY . ., so that modules are a layer of their own")
	}
	compile := build.last("RUN", "go build")
	if !strings.Contains(compile, "CGO_ENABLED=0") {
		c.problem("RUN %s: want CGO_ENABLED=0, there is no libc", compile)
	}
	if target := path.Base(regexp.MustCompile(`\./cmd/\S+`).FindString(compile)); !exists("cmd", target) {
		c.problem("RUN %s: no package cmd/%s", compile, target)
	}
}

func (c *dockerfileCheck) checkCopies() {
	for _, s := range c.stages {
		for _, i := range s.all("COPY") {
			words := strings.Fields(i)
			from := ""
			for strings.HasPrefix(words[0], "--") {
				if name, ok := strings.CutPrefix(words[0], "--from="); ok {
					from = name
				}
				words = words[1:]
			}
			if from != "" {
				if !slices.ContainsFunc(c.stages, func(s stage) bool { return strings.HasSuffix(s.from, " AS "+from) }) {
					c.problem("COPY %s: no stage %s", i, from)
				}
				continue
			}
			for _, source := range words[:len(words)-1] {
				if !exists(source) || source != "." && ignored(c.ignore, source) {
					c.problem("COPY %s: %s does not exist or is in .dockerignore", i, source)
				}
			}
		}
	}
}

func (c *dockerfileCheck) checkUser() {
	user := c.final.last("USER", "")
	uid, err := strconv.Atoi(strings.Split(user, ":")[0])
	if err != nil || uid == 0 {
		c.problem("USER %q: want a number that is not 0", user)
	}
	dir := c.final.last("WORKDIR", "")
	if want := fmt.Sprintf("--chown=%d:0 --chmod=0770 ", uid); dir == "" || !strings.Contains(c.final.last("COPY", " "+dir), want) {
		c.problem("WORKDIR %q: want it made by COPY %s", dir, want)
	}
	if !slices.Contains(execForm(c.final.last("VOLUME", "")), dir) {
		c.problem("VOLUME: want %q", dir)
	}
	for _, run := range c.final.all("RUN") {
		c.problem("RUN %s: there is no shell in the final image", run)
	}
}

func (c *dockerfileCheck) checkCommands() {
	entrypoint := execForm(c.final.last("ENTRYPOINT", ""))
	if len(entrypoint) == 0 {
		c.problem("ENTRYPOINT: want the exec form")
		return
	}
	if !slices.ContainsFunc(c.final.all("COPY"), func(i string) bool { return strings.HasSuffix(i, " "+entrypoint[0]) }) {
		c.problem("ENTRYPOINT: nothing is copied to %s", entrypoint[0])
	}
	serve, err := c.commands["serve"].Parse(entrypoint[1:]...)
	if err != nil {
		c.problem("ENTRYPOINT %v: %v", entrypoint, err)
		return
	}

	options, check, _ := strings.Cut(c.final.last("HEALTHCHECK", ""), "CMD ")
	health := execForm(check)
	if len(health) == 0 || health[0] != entrypoint[0] {
		c.problem("HEALTHCHECK: want the exec form of %s", entrypoint[0])
		return
	}
	if len(health) < 2 || health[1] != "healthcheck" {
		c.problem("HEALTHCHECK %v: want the command healthcheck", health)
		return
	}
	healthcheck, err := c.commands["healthcheck"].Parse(health[2:]...)
	if err != nil {
		c.problem("HEALTHCHECK %v: %v", health, err)
		return
	}
	timeout, err := time.ParseDuration(strings.TrimPrefix(regexp.MustCompile(`--timeout=\S+`).FindString(options), "--timeout="))
	if least, _ := time.ParseDuration(healthcheck["timeout"]); err != nil || timeout <= least {
		c.problem("HEALTHCHECK --timeout: got %s, want more than the %s of the command", timeout, least)
	}
	c.checkPorts(serve, healthcheck)
}

// checkPorts compares the ports with the flags of the entrypoint and of the health check.
func (c *dockerfileCheck) checkPorts(serve, healthcheck map[string]string) {
	var want []string
	for _, flag := range []string{"web.listen-address", "webhook.listen-address"} {
		_, port, err := net.SplitHostPort(serve[flag])
		if err != nil {
			c.problem("EXPOSE: --%s: %v", flag, err)
		}
		want = append(want, port)
	}
	if got := strings.Fields(c.final.last("EXPOSE", "")); !slices.Equal(got, want) {
		c.problem("EXPOSE %v: want the ports of the flags, %v", got, want)
	}
	if u, err := url.Parse(healthcheck["url"]); err != nil || u.Port() != want[0] {
		c.problem("HEALTHCHECK: asks %s, want port %s (%v)", healthcheck["url"], want[0], err)
	}
}

func (c *dockerfileCheck) checkLabels(t *testing.T) {
	module := regexp.MustCompile(`(?m)^module (\S+)`).FindStringSubmatch(readFile(t, "go.mod"))[1]
	labels := map[string]string{}
	for _, m := range regexp.MustCompile(`([\w.]+)="([^"]*)"`).FindAllStringSubmatch(strings.Join(c.final.all("LABEL"), " "), -1) {
		labels[m[1]] = m[2]
	}
	for name, want := range map[string]string{
		"title": path.Base(module), "source": "https://" + module, "licenses": "Apache-2.0",
		"version": "${VERSION}", "revision": "${REVISION}", "created": "${CREATED}",
	} {
		name = "org.opencontainers.image." + name
		if labels[name] != want {
			c.problem("LABEL %s: got %q, want %q", name, labels[name], want)
		}
		if arg := strings.Trim(want, "${}"); arg != want && c.final.last("ARG", arg) == "" {
			c.problem("ARG %s: want it in the final stage", arg)
		}
	}
}
