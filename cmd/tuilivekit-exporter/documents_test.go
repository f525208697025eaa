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
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kingpin/v2"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// The document of the configuration is made from the code.

func TestDocumentsOfTheConfiguration(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# Configuration

` + "`make docs`" + ` generates this page from the code. Flags set how the process runs. The file has the applications
that it watches. Each flag of ` + "`serve`" + ` can also be set by the environment variable beside it. If both are set, the
flag is used. A first run needs no file: see ` + "`--app`" + `.

## File

Durations have a unit, for example ` + "`1500ms`" + ` or ` + "`24h`" + `. Unknown keys are errors.

`)
	for _, s := range []string{"Config", "App", "Relay", "API", "Reconcile", "Replica", "Redis", "Sentinel", "RedisTLS"} {
		documentStruct(t, &b, s)
	}
	b.WriteString(`### Example

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

**Errors** have the form ` + "`FILE:LINE: path: what is wrong`" + `, one line for each.

**Token files** and token variables contain one token and nothing else. Space around the token and a byte order mark are
removed. Several lines, a comment, UTF-16, control characters and more than 128 characters are errors.

**Check.** ` + "`tuilivekit-exporter check-config FILE`" + ` checks the file, its secrets and the addresses of backends as a
start does. It looks up the host names of backends. A forbidden address is an error. A name that cannot be resolved is a
warning. Only a start detects a backend that is the exporter itself.

**Reload.** The exporter reads the file and the secrets again on SIGHUP, with ` + "`--web.enable-lifecycle`" + ` on
` + "`POST /-/reload`" + `, and with ` + "`--config.auto-reload`" + ` when their content has changed. If they are not valid, nothing
changes, the reason is logged, and ` + "`tuilivekit_exporter_config_last_reload_successful`" + ` is 0.

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
	lines := regexp.MustCompile(`(?m)^ *(?:runuser -u tuilivekit-exporter -- )?(?:bin/)?tuilivekit-exporter ((?:.*\\\n)*.*)$`)
	found := 0
	for _, file := range append(files, "../../README.md") {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range lines.FindAllStringSubmatch(string(b), -1) {
			found++
			cli := newCLI(io.Discard, io.Discard)
			cli.app.Terminate(func(int) {}) // --version ends the program
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
	if prefix != "" {
		fmt.Fprintf(b, "### %s\n\n", strings.Trim(prefix, "."))
	}
	b.WriteString("| key | default | what |\n|---|---|---|\n")
	for _, f := range fields {
		if f.Doc == nil {
			t.Fatalf("%s.%s has no comment", name, f.Names[0].Name)
		}
		words := strings.Fields(f.Doc.Text())
		for i, word := range words {
			bare := strings.TrimRight(word, ".,:")
			if key, ok := keys[bare]; ok && bare != strings.ToUpper(bare) { // URL and API are words, too
				words[i] = "`" + key + "`" + strings.TrimPrefix(word, bare)
			}
		}
		what, byDefault := cutDefault(strings.Join(words[1:], " "))
		fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", prefix, keys[f.Names[0].Name], byDefault, what)
	}
	b.WriteByte('\n')
}

// cutDefault splits the comment of a key: what it is, and its default or whether it is required.
func cutDefault(comment string) (what, byDefault string) {
	m := regexp.MustCompile(`^(?:is |are )?(.*?)\s*(?:Default: (.*)\.|(Required.*)\.|Optional\.)$`).FindStringSubmatch(comment)
	if m == nil {
		return comment, ""
	}
	if byDefault = m[2]; m[3] != "" {
		byDefault = "**" + strings.ToLower(m[3][:1]) + m[3][1:] + "**"
	}
	return strings.ToUpper(m[1][:1]) + m[1][1:], byDefault
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
