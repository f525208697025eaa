package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/usage"
)

// keys returns every text of the page that needs a translation, with the place of its use.
func keys(t *testing.T) map[string]string {
	all := map[string]string{}
	add := func(from string, quoted ...string) {
		for _, q := range quoted {
			text, err := strconv.Unquote(q)
			if err != nil {
				t.Fatalf("%s: %s: %v", from, q, err)
			}
			all[text] = from
		}
	}
	inTemplate := regexp.MustCompile(`(?:\{\{|\()\s*(?:t|plural (?:\([^)]*\)|\S+)) ("(?:[^"\\]|\\.)*")`)
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		text, _ := templateFiles.ReadFile(name)
		for _, m := range inTemplate.FindAllStringSubmatch(string(text), -1) {
			add(name, m[1])
		}
		// A simpler pattern must find as many texts.
		if got, want := len(inTemplate.FindAllString(string(text), -1)), len(regexp.MustCompile(`\b(t|plural [^"]*) "`).FindAllString(string(text), -1)); got != want {
			t.Errorf("%s: found %d of %d texts", name, got, want)
		}
	}
	sources, _ := filepath.Glob("*.go")
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			called := ""
			switch f := call.Fun.(type) {
			case *ast.SelectorExpr:
				called = f.Sel.Name
			case *ast.Ident:
				called = f.Name
			}
			if called == "t" || called == "plural" || called == "say" {
				for _, arg := range call.Args {
					if literal, ok := arg.(*ast.BasicLit); ok && literal.Kind == token.STRING {
						add(name, literal.Value)
					}
				}
			}
			return true
		})
	}
	for _, l := range usage.Levels() {
		all[l.Words] = "package usage"
	}
	for _, text := range []string{VerdictFresh, VerdictStale, VerdictNever, "day", "hour", "minute", "Metrics", "This page as JSON", "Healthy", "Ready", "Profiles"} {
		all[text] = "a value"
	}
	// The words of refusals are in the document that is made from them.
	document, err := os.ReadFile("../../docs/refusals.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(document)) {
		if cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|"); strings.HasPrefix(line, "| `") && len(cells) >= 4 {
			all[strings.TrimSpace(cells[2])], all[strings.TrimSpace(cells[3])] = "docs/refusals.md", "docs/refusals.md"
		}
	}
	return all
}

var verbs = regexp.MustCompile(`%[+.0-9]*[a-z]`)

func TestEveryTextIsInBothLanguages(t *testing.T) {
	all := keys(t)
	if len(all) < 150 {
		t.Errorf("only %d texts are found", len(all))
	}
	for text, from := range all {
		translated, ok := inChinese[text]
		if !ok {
			t.Errorf("%s: no Chinese for %q", from, text)
		}
		if got, want := verbs.FindAllString(translated, -1), verbs.FindAllString(text, -1); ok && !slices.Equal(got, want) {
			t.Errorf("%q and %q have different verbs of package fmt", text, translated)
		}
	}
	for text := range inChinese {
		if _, used := all[text]; !used {
			t.Errorf("%q is not used", text)
		}
	}
}
