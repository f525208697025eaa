package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// The documents of metrics and of the configuration are made from the code.

func TestDocumentsOfMetrics(t *testing.T) {
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(strings.NewReader(expositionText(t, "")))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range families {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString(`# Metrics

This page is made from the code: ` + "`make docs`" + ` writes it again.

` + "`sdk_app_id`" + ` has only values of the configuration, and the other labels only values that
are written in the source: no request can make a series. Counters of a configured
application stand at 0 from the first scrape on. Gauges of it appear with its first
event. Times are Unix seconds. Which to trust when is in [numbers.md](numbers.md).

| metric | type | labels | what |
|---|---|---|---|
`)
	for _, name := range names {
		f := families[name]
		var labels []string
		for _, pair := range f.Metric[0].Label {
			labels = append(labels, "`"+pair.GetName()+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), f.GetHelp())
	}
	b.WriteString(`
Histograms have classic buckets and, for a Prometheus that scrapes them, native ones.
Beside these there are the usual ` + "`go_*`" + ` and ` + "`process_*`" + ` metrics.

## Label values

`)
	for _, name := range []string{"tuilivekit_webhook_rejections_total", "tuilivekit_webhook_events_discarded_total", "tuilivekit_webhook_oddities_total", "tuilivekit_relay_decision_failures_total", "tuilivekit_relay_delivery_failures_total", "tuilivekit_relay_dropped_total", "tuilivekit_replica_dropped_total", "tuilivekit_replica_offered_total", "tuilivekit_relay_request_duration_seconds", "tuilivekit_webhook_callbacks_total"} {
		label := map[bool]string{true: "reason", false: "kind"}[regexp.MustCompile("reject|discard|failures|dropped").MatchString(name)]
		if strings.Contains(name, "callbacks") {
			label = "command"
		}
		values := map[string]bool{}
		for _, m := range families[name].Metric {
			for _, pair := range m.Label {
				if pair.GetName() == label {
					values["`"+pair.GetValue()+"`"] = true
				}
			}
		}
		var all []string
		for v := range values {
			all = append(all, v)
		}
		slices.Sort(all)
		fmt.Fprintf(&b, "- `%s`, `%s`: %s\n", name, label, strings.Join(all, ", "))
	}
	checkFile(t, "docs/metrics.md", b.String())
}

func TestDocumentsOfTheConfiguration(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# Configuration

This page is made from the code: ` + "`make docs`" + ` writes it again. Flags say how the process
runs, the file says what it watches. Each flag of ` + "`serve`" + ` can also be given by the
environment variable beside it; the flag wins. A first run needs no file: see ` + "`--app`" + `.

## File

`)
	for _, s := range []string{"Config", "App", "Relay", "API", "Reconcile", "Replica", "Redis", "Sentinel", "RedisTLS"} {
		documentStruct(t, &b, s)
	}
	b.WriteString(`An example:

` + "```yaml" + `
apps:
  - sdk_app_id: 1400000001
    name: production
    token_files: [/run/secrets/token, /run/secrets/token.next]
  - sdk_app_id: 1400000002
    name: staging
    token_env: [STAGING_TOKEN]
    relay:
      url: https://backend.internal/tuilivekit
    api:
      region: singapore
      secret_key_file: /run/secrets/staging.key
    reconcile:
      interval: 10m
replica:
  redis:
    addresses: [redis.internal:6379]
    password_file: /run/secrets/redis
` + "```" + `

An error has the form ` + "`FILE:LINE: path: what is wrong`" + `, one line for each. Unknown keys are errors. A
token file, or a variable, contains one token and nothing else: space around it and a byte order mark are removed;
several lines, a comment, UTF-16, control characters and more than 128 characters are errors.
` + "`tuilivekit-exporter check-config FILE`" + ` checks a
file, the secrets that it names and the addresses of backends, as a start does. It looks up the host names of
backends: an address that is never called is an error, a name that cannot be resolved is a warning. Only a start
can find a backend that is the exporter itself. The exporter reads the file and the secrets again
on SIGHUP, with ` + "`--web.enable-lifecycle`" + ` on ` + "`POST /-/reload`" + `, and with
` + "`--config.auto-reload`" + ` when their content has changed; what is not valid changes nothing, is
logged, and sets ` + "`tuilivekit_exporter_config_last_reload_successful`" + ` to 0.

`)
	c := newCLI(io.Discard, io.Discard)
	c.app.Model() // makes the names of the environment variables
	if _, err := c.app.ParseContext([]string{"serve"}); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range c.app.Model().Commands {
		if cmd.Name == "help" {
			continue
		}
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", cmd.Name, cmd.Help)
		documentFlags(&b, cmd)
	}
	checkFile(t, "docs/configuration.md", strings.TrimRight(b.String(), "\n")+"\n")
}

// TestCommandsInDocuments parses the command lines of the documents. What they send must
// be something that Tencent does.
func TestCommandsInDocuments(t *testing.T) {
	documented := map[string]bool{}
	for c := range tuilivekit.Commands {
		documented[tuilivekit.Command(c).String()] = c > 0
	}
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^ *(?:bin/)?tuilivekit-exporter ((?:.*\\\n)*.*)$`)
	found := 0
	for _, file := range append(files, "../../README.md") {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range lines.FindAllStringSubmatch(string(b), -1) {
			found++
			cli := newCLI(io.Discard, io.Discard)
			args := strings.Fields(strings.ReplaceAll(m[1], "\\\n", " "))
			command, err := cli.app.Parse(args)
			if err != nil {
				t.Errorf("%s: %q: %v", filepath.Base(file), args, err)
			}
			if command == "send" && !documented[cli.send.command] {
				t.Errorf("%s: Tencent does not document %s", filepath.Base(file), cli.send.command)
			}
		}
	}
	if found < 8 {
		t.Errorf("%d command lines found, want more: have they another form now?", found)
	}
}

func documentFlags(b *strings.Builder, cmd *kingpin.CmdModel) {
	for _, arg := range cmd.Args {
		fmt.Fprintf(b, "- `%s`: %s\n", arg.Name, arg.Help)
	}
	for _, f := range cmd.Flags {
		if f.Hidden || f.Name == "help" {
			continue
		}
		name := "--" + f.Name
		if !f.IsBoolFlag() {
			name += "=" + f.FormatPlaceHolder()
		}
		fmt.Fprintf(b, "- `%s`", name)
		if f.Envar != "" {
			fmt.Fprintf(b, " (`%s`)", f.Envar)
		}
		fmt.Fprintf(b, ": %s\n", f.Help)
	}
	b.WriteByte('\n')
}

// documentStruct writes the keys of a struct of package config with its comments.
func documentStruct(t *testing.T, b *strings.Builder, name string) {
	spec := configType(t, name)
	prefix := map[string]string{"App": "apps[].", "Relay": "apps[].relay.", "API": "apps[].api.", "Reconcile": "apps[].reconcile.",
		"Replica": "replica.", "Redis": "replica.redis.", "Sentinel": "replica.redis.sentinel.", "RedisTLS": "replica.redis.tls."}[name]
	keys := map[string]string{} // by field
	var fields []*ast.Field
	for _, f := range spec.Type.(*ast.StructType).Fields.List {
		tag, err := strconv.Unquote(f.Tag.Value)
		if err != nil {
			t.Fatal(err)
		}
		if key := reflect.StructTag(tag).Get("yaml"); key != "-" {
			keys[f.Names[0].Name] = key
			fields = append(fields, f)
		}
	}
	for _, f := range fields {
		if f.Doc == nil {
			t.Fatalf("%s.%s has no comment", name, f.Names[0].Name)
		}
		words := strings.Fields(f.Doc.Text())
		for i, word := range words {
			bare := strings.TrimRight(word, ".,:")
			if key, ok := keys[bare]; ok {
				words[i] = "`" + key + "`" + strings.TrimPrefix(word, bare)
			}
		}
		fmt.Fprintf(b, "- `%s%s` %s\n", prefix, keys[f.Names[0].Name], strings.Join(words[1:], " "))
	}
	b.WriteByte('\n')
}

// configType returns the declaration of a type of package config.
func configType(t *testing.T, name string) *ast.TypeSpec {
	for _, source := range []string{"config.go", "api.go", "replica.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), "../../internal/config/"+source, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if o := file.Scope.Lookup(name); o != nil {
			return o.Decl.(*ast.TypeSpec)
		}
	}
	t.Fatalf("no type %s", name)
	return nil
}
