package repository_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// stage is a FROM with the instructions up to the next FROM.
type stage struct {
	from         string
	instructions []instruction
}

type instruction struct{ name, args string }

// all returns the arguments of all instructions called name.
func (s stage) all(name string) []string {
	var found []string
	for _, i := range s.instructions {
		if i.name == name {
			found = append(found, i.args)
		}
	}
	return found
}

// last returns the arguments of the last instruction called name whose arguments contain part.
func (s stage) last(name, part string) string {
	found := ""
	for _, args := range s.all(name) {
		if strings.Contains(args, part) {
			found = args
		}
	}
	return found
}

func parseDockerfile(text string) []stage {
	stages, line := []stage{{}}, ""
	for _, l := range strings.Split(text, "\n") {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		if head, more := strings.CutSuffix(l, `\`); more {
			line += head
			continue
		}
		name, args, _ := strings.Cut(line+l, " ")
		line = ""
		if name = strings.ToUpper(name); name == "FROM" {
			stages = append(stages, stage{from: args})
			continue
		}
		s := &stages[len(stages)-1]
		s.instructions = append(s.instructions, instruction{name, strings.TrimSpace(args)})
	}
	return stages
}

// execForm returns the words of ["a", "b"], no words of any other form.
func execForm(args string) []string {
	var words []string
	if json.Unmarshal([]byte(args), &words) != nil {
		return nil
	}
	return words
}

// ignored reports whether a .dockerignore excludes file, or a folder above it, from the build: the last
// line that matches decides.
func ignored(ignore, file string) bool {
	out := false
	for _, line := range strings.Split(ignore, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		pattern, back := strings.CutPrefix(line, "!")
		expr := regexp.QuoteMeta(strings.Trim(pattern, "/"))
		expr = strings.NewReplacer(`\*\*/`, `(.*/)?`, `\*\*`, `.*`, `\*`, `[^/]*`, `\?`, `[^/]`).Replace(expr)
		if regexp.MustCompile("^" + expr + "(/.*)?$").MatchString(file) {
			out = !back
		}
	}
	return out
}

func exists(name ...string) bool {
	_, err := os.Stat(filepath.Join(name...))
	return err == nil
}
