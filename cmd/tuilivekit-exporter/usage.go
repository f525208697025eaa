package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/alecthomas/kingpin/v2"
)

// usageError rewrites an error of the command line so that it says what to write instead: kingpin
// often passes on the text of the function that could not parse a value.
func (c *cli) usageError(args []string, err error) error {
	text := err.Error()
	for _, words := range []struct{ pattern, text string }{
		{`^strconv\.Parse(?:Float|Int|Uint): parsing ("[^"]*"): .*`, "$1 is not a number, or is out of range"},
		{`^strconv\.ParseBool: parsing ("[^"]*"): .*`, "$1 is not true or false"},
		{`^time: (?:missing unit in|unknown unit "[^"]*" in|invalid) duration ("[^"]*")$`, "$1 is not a duration with a unit, for example 5s or 1m30s"},
		{`^units: .* in (.*)$`, `"$1" is not a size, for example 256KiB`},
		{`^enum value must be one of (.*), got '(.*)'$`, `"$2" is not one of $1`},
	} {
		re := regexp.MustCompile(words.pattern)
		text = re.ReplaceAllString(text, words.text)
	}
	hint := ""
	switch {
	case strings.HasPrefix(text, "unknown short flag") && len(args) > 0 && strings.Contains(strings.Join(args, " "), "."):
		hint = "; flags begin with two dashes"
	case strings.HasPrefix(text, "unexpected ") && regexp.MustCompile(`\.ya?ml$`).MatchString(text):
		hint = "; a configuration file is given by --config.file=FILE"
	}
	if text == err.Error() {
		return fmt.Errorf("%s%w%s (see --help)", c.wrongFlag(args), err, hint)
	}
	return errors.New(c.wrongFlag(args) + text + hint + " (see --help)")
}

// wrongFlag returns the flag, or the environment variable, whose value cannot be parsed, which the
// error of kingpin does not name. It returns "" if all values can be parsed.
func (c *cli) wrongFlag(args []string) string {
	parsed, err := c.app.ParseContext(args)
	if err != nil {
		return ""
	}
	for _, e := range parsed.Elements {
		if flag, ok := e.Clause.(*kingpin.FlagClause); ok && e.Value != nil && flag.Model().Value.Set(*e.Value) != nil {
			return "--" + flag.Model().Name + ": "
		}
	}
	if parsed.SelectedCommand == nil {
		return ""
	}
	for _, flag := range parsed.SelectedCommand.Model().Flags {
		if value := os.Getenv(flag.Envar); value != "" && flag.Value.Set(value) != nil {
			return flag.Envar + ": "
		}
	}
	return ""
}
