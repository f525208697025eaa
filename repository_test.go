// Package repository_test tests what is true of the repository as a whole: which package
// may import which, the workflows, the documents.
package repository_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// arrows has, for each package, those of ours that it may import. A new arrow is a
// decision: change this table first, and say why in the commit.
var arrows = map[string][]string{
	"cmd/tuilivekit-exporter": {"collector", "handler", "internal/config", "internal/doctor", "internal/exposition", "internal/queue", "internal/relay", "internal/restapi", "internal/setup", "internal/state", "internal/storage", "internal/tuilivekit", "internal/web"},
	"collector":               {"internal/exposition", "internal/state"},
	"handler":                 {"internal/exposition", "internal/gate", "internal/queue", "internal/state", "internal/throttle", "internal/tuilivekit"},
	"internal/config":         {"internal/restapi", "internal/tuilivekit"}, // what is a region, an SDKAppID and a token
	"internal/exposition":     nil,
	"internal/gate":           nil,
	"internal/leaks":          nil, // only tests import it
	"internal/late":           nil, // only tests import it
	"internal/relay":          {"internal/exposition", "internal/queue", "internal/tuilivekit"},
	"internal/queue":          nil,
	"internal/state":          nil,
	"internal/storage":        {"internal/queue", "internal/state"},
	"internal/throttle":       nil,
	"internal/tuilivekit":     nil,
	"internal/web":            {"handler", "internal/tuilivekit"}, // the values of a Report, and the names of commands

	"internal/exposition/expositiontest": nil, // only tests import it

	// Tencent's side.
	"internal/doctor":              {"internal/restapi", "internal/tuilivekit"},
	"internal/setup":               {"internal/restapi", "internal/tuilivekit"},
	"internal/restapi":             {"internal/tuilivekit"}, // UserSig
	"internal/restapi/restapitest": {"internal/tuilivekit"}, // only tests and the demo import it
}

func TestImportsFollowTheArrows(t *testing.T) {
	const module = "github.com/tuilivekit-exporter/tuilivekit-exporter/"
	seen := map[string]bool{}
	used := map[string]bool{}
	for name, imports := range ourImports(t) {
		pkg := path.Dir(name)
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		seen[pkg] = true
		allowed, ok := arrows[pkg]
		if !ok {
			t.Errorf("package %s is not in the table", pkg)
		}
		for _, imported := range imports {
			ours, isOurs := strings.CutPrefix(imported, module)
			if !isOurs {
				continue
			}
			used[pkg+" "+ours] = true
			if !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s", name, ours)
			}
		}
	}
	for pkg, allowed := range arrows {
		if !seen[pkg] {
			t.Errorf("package %s of the table is not there", pkg)
		}
		for _, ours := range allowed {
			if !used[pkg+" "+ours] {
				t.Errorf("%s does not import %s any more", pkg, ours)
			}
		}
	}
}

// Only one file knows the router: everything else sees an http.Handler.
func TestOneFileKnowsTheRouter(t *testing.T) {
	for name, imports := range ourImports(t) {
		if slices.Contains(imports, "github.com/gorilla/mux") && name != "internal/web/web.go" && name != "handler/example_test.go" {
			t.Errorf("%s imports the router", name)
		}
	}
}

// ourImports returns what each Go file of the module imports, by its path.
func ourImports(t *testing.T) map[string][]string {
	files := map[string][]string{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(name)
		if d.IsDir() {
			if rel == "test" || rel == "testdata" || rel != "." && strings.HasPrefix(rel, ".") {
				return filepath.SkipDir // test/ is a module of its own
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		files[rel] = []string{}
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			files[rel] = append(files[rel], imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
