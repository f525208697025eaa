// Messages prints the texts of the program and of the shipped files that people read, one a line: the
// string literals of the code that are sentences (help texts, errors, log messages, HELP of
// metrics), the words of the status page, the texts of the alerts and the descriptions of the
// dashboards. `make vale` reads the output like a document.
package main

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"html"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

func main() {
	if err := run("..", os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "messages:", err)
		os.Exit(1)
	}
}

// run writes the texts of the repository at root to w, as a Markdown document: each is a
// paragraph that begins with its place in code, which vale does not read.
func run(root string, w io.Writer) error {
	out := bufio.NewWriter(w)
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != "." && (strings.HasPrefix(base, ".") || base == "test" || base == "testdata" || base == "bin" || base == "build" || base == "data" || base == "zh-CN") {
				return fs.SkipDir
			}
			return nil
		}
		texts := textsOf(name)
		if texts == nil {
			return nil
		}
		b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		found, err := texts(string(b))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, t := range found {
			fmt.Fprintf(out, "`%s:%d` %s\n\n", name, t.line, t.words)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return out.Flush()
}

// text is what people read, and its line in the file.
type text struct {
	line  int
	words string
}

// textsOf returns the function that finds the texts of a file, nil if it has none.
func textsOf(name string) func(content string) ([]text, error) {
	switch {
	case strings.HasSuffix(name, "_test.go"):
		return nil
	case strings.HasSuffix(name, ".go"):
		return literals
	case strings.HasSuffix(name, ".html"):
		return page
	case strings.HasPrefix(name, "alerts/") && strings.HasSuffix(name, ".yaml") && !strings.HasPrefix(name, "alerts/tests/"):
		return annotations
	case strings.HasPrefix(name, "dashboards/") && strings.HasSuffix(name, ".json"):
		return lines(`^\s*"(?:description|title|noValue)": "(.*)",?$`)
	}
	return nil
}

// literals returns the string literals of Go code that have three words or more.
func literals(content string) (found []text, err error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "", content, 0)
	if err != nil {
		return nil, err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil && len(strings.Fields(s)) >= 3 {
				found = append(found, text{files.Position(lit.Pos()).Line, oneLine(s)})
			}
		}
		return true
	})
	return found, nil
}

var (
	styles  = regexp.MustCompile(`(?s)<style.*?</style>`)
	actions = regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	tags    = regexp.MustCompile(`(?s)<[^>]*>`)
)

// page returns the lines of an HTML template, without tags and actions.
func page(content string) (found []text, err error) {
	blank := func(s string) string { return strings.Repeat("\n", strings.Count(s, "\n")) + " " }
	for _, r := range []*regexp.Regexp{styles, actions, tags} {
		content = r.ReplaceAllStringFunc(content, blank)
	}
	for i, line := range strings.Split(content, "\n") {
		if words := oneLine(html.UnescapeString(line)); len(strings.Fields(words)) >= 3 {
			found = append(found, text{i + 1, words})
		}
	}
	return found, nil
}

// lines returns the first group of each line that the expression matches.
func lines(expression string) func(string) ([]text, error) {
	r := regexp.MustCompile(expression)
	return func(content string) (found []text, err error) {
		for i, line := range strings.Split(content, "\n") {
			if m := r.FindStringSubmatch(line); m != nil {
				found = append(found, text{i + 1, oneLine(m[1])})
			}
		}
		return found, nil
	}
}

// oneLine makes a text one paragraph of Markdown without markup.
func oneLine(s string) string {
	return strings.NewReplacer("`", "'", "<", "(", ">", ")", "|", "/").Replace(strings.Join(strings.Fields(s), " "))
}

// annotations returns the summaries and descriptions of alerts, without templates.
func annotations(content string) (found []text, err error) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(content), &document); err != nil {
		return nil, err
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for i, child := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 1 && child.Kind == yaml.ScalarNode {
				if key := n.Content[i-1].Value; key == "summary" || key == "description" {
					found = append(found, text{child.Line, oneLine(actions.ReplaceAllString(child.Value, "…"))})
				}
			}
			walk(child)
		}
	}
	walk(&document)
	return found, nil
}
