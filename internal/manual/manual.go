// Package manual parses command lines of the exporter by docs/configuration.md, for tests
// of the files that run it. Only tests import it. A test of the program keeps that
// document equal to the flags. The package does not know what a flag does.
package manual

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Flag is a flag as the document describes it.
type Flag struct {
	Variable string // environment variable, "" if there is none

	name, value, help string
	hasValue          bool
}

// Command has the flags of one command by their names, without the dashes.
type Command map[string]Flag

// Read returns the commands by their names. root is the folder of the repository.
func Read(t testing.TB, root string) map[string]Command {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := map[string]Command{}
	for _, section := range strings.Split(string(text), "\n## ")[1:] {
		name, body, _ := strings.Cut(section, "\n")
		commands[name] = readFlags(body)
	}
	if len(commands["serve"]) < 20 {
		t.Fatalf("docs/configuration.md: %d flags of serve found: has it another form now?", len(commands["serve"]))
	}
	return commands
}

var flagLine = regexp.MustCompile("(?m)^- `--([a-z0-9.-]+)(?:(=)([^`]*))?`(?: \\(`(\\w+)`\\))?: (.*)$")

func readFlags(body string) Command {
	c := Command{}
	for _, m := range flagLine.FindAllStringSubmatch(body, -1) {
		c[m[1]] = Flag{name: m[1], hasValue: m[2] != "", value: m[3], Variable: m[4], help: m[5]}
	}
	return c
}

// Parse returns the value of each flag with args: the last one of args, else the default.
// The value of a switch is "true" or "". Every argument must have the form --name=value,
// --name or --no-name, as in the files of deploy.
func (c Command) Parse(args ...string) (map[string]string, error) {
	values := map[string]string{}
	for name, f := range c {
		values[name] = f.defaultValue()
	}
	for _, arg := range args {
		name, value, hasValue := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		f, ok := c[name]
		if positive, negated := strings.CutPrefix(name, "no-"); negated && !ok {
			f, ok = c[positive]
			ok = ok && !f.hasValue
		} else if !hasValue {
			value = "true"
		}
		if !ok || !strings.HasPrefix(arg, "--") || hasValue != f.hasValue {
			return nil, fmt.Errorf("%s: no such flag", arg)
		}
		if err := f.check(value); err != nil {
			return nil, fmt.Errorf("%s: %w", arg, err)
		}
		values[f.name] = value
	}
	return values, nil
}

var capitals = regexp.MustCompile(`^[A-Z]`)

// defaultValue returns "" for a flag whose value is a placeholder.
func (f Flag) defaultValue() string {
	if capitals.MatchString(f.value) {
		return ""
	}
	return strings.Trim(f.value, `"`)
}

// check compares the form of value with that of the default: a duration, a number, or, where it
// is a bare word, one of the words that the help names.
func (f Flag) check(value string) error {
	if _, err := time.ParseDuration(f.value); err == nil {
		_, err := time.ParseDuration(value)
		return err
	}
	for _, form := range []string{`^\d+$`, `^\d+[KMG]iB$`} {
		if regexp.MustCompile(form).MatchString(f.value) && !regexp.MustCompile(form).MatchString(value) {
			return fmt.Errorf("not like the default, %s", f.value)
		}
	}
	if regexp.MustCompile(`^[a-z]+$`).MatchString(f.value) && !regexp.MustCompile(`\b`+regexp.QuoteMeta(value)+`\b`).MatchString(f.help) {
		return fmt.Errorf("not a value that the help names")
	}
	return nil
}
