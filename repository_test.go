// Package repository_test tests the repository as a whole: the imports between packages, the workflows
// and the documents.
package repository_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/tuilivekit-exporter/tuilivekit-exporter/"

// arrows has, for each package, the packages of this module that it may import. A new import is a
// decision: change this table first, and say why in the commit.
var arrows = map[string][]string{
	"cmd/tuilivekit-exporter": {"collector", "handler", "internal/config", "internal/doctor", "internal/exposition", "internal/queue", "internal/reconcile", "internal/relay", "internal/replica", "internal/restapi", "internal/setup", "internal/state", "internal/storage", "internal/throttle", "internal/tuilivekit", "internal/web"},
	"collector":               {"internal/exposition", "internal/state"},
	"handler":                 {"internal/exposition", "internal/gate", "internal/queue", "internal/state", "internal/throttle", "internal/tuilivekit"},
	"internal/config":         {"internal/restapi", "internal/tuilivekit"}, // what is a region, an SDKAppID and a token
	"internal/exposition":     nil,
	"internal/gate":           nil,
	"internal/relay":          {"internal/exposition", "internal/queue", "internal/throttle", "internal/tuilivekit"},
	"internal/replica":        {"internal/state"},
	"internal/queue":          nil,
	"internal/state":          nil,
	"internal/journal":        nil,
	"internal/payload":        {"internal/queue", "internal/state"},
	"internal/storage":        {"internal/journal", "internal/payload", "internal/queue", "internal/state"},
	"internal/tuilivekit":     nil,
	"internal/web":            {"handler", "internal/tuilivekit", "internal/usage"}, // the values of a Report, the names of commands, the scale of usage
	"internal/reconcile":      {"internal/restapi", "internal/state"},
	"internal/restapi":        {"internal/tuilivekit"}, // UserSig

	// Packages that have the code of a subcommand, or that two packages above share.
	"store":             {"handler", "internal/queue", "internal/state", "internal/storage"}, // another program cannot import internal/storage
	"internal/doctor":   {"internal/restapi", "internal/tuilivekit"},                         // the checks of the subcommand doctor: they are no flags and no output
	"internal/setup":    {"internal/restapi", "internal/tuilivekit"},                         // the same of the subcommand setup
	"internal/throttle": nil,                                                                 // one limit of log lines for handler, relay and cmd
	"internal/usage":    nil,                                                                 // one scale for the status page, the alerts and the dashboards

	// Packages that only tests and the demo import.
	"internal/exposition/expositiontest": nil,                     // reads scrapes, for tests of exposition and cmd
	"internal/restapi/restapitest":       {"internal/tuilivekit"}, // the stand-in of Tencent's server API
	"internal/leaks":                     nil,                     // goroutines, for ten packages
	"internal/late":                      nil,                     // timers on a busy machine, for tests of cmd and of the module test
	"internal/manual":                    nil,                     // the flags of docs/configuration.md, for tests of manifests and documents
}

func TestImportsFollowTheArrows(t *testing.T) {
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

// The layout in CONTRIBUTING.md names each package and each folder of test/ once, and no folder that
// does not exist. A folder with a module of its own is named as a
// whole.
func TestLayoutNamesEachPackage(t *testing.T) {
	want := map[string]bool{}
	for _, name := range filesOf(t, ".go") {
		if dir := path.Dir(name); dir != "." {
			if parent := path.Dir(dir); exists(path.Join(parent, "go.mod")) && parent != "." && parent != "test" {
				dir = parent
			}
			want[dir+"/"] = true
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z][\w/-]*/) `).FindAllStringSubmatch(readFile(t, "CONTRIBUTING.md"), -1) {
		if _, ok := want[m[1]]; !ok && !exists(m[1]) {
			t.Errorf("%s is not there", m[1])
		} else if ok && !want[m[1]] {
			t.Errorf("%s is named twice", m[1])
		}
		want[m[1]] = false
	}
	for dir, missing := range want {
		if missing {
			t.Errorf("%s is not named", dir)
		}
	}
}

// The public packages can be used by another module: their exported signatures name only
// exported types of public packages. An alias makes a type public; it has a comment.
func TestPublicPackagesNameNoInternalTypes(t *testing.T) {
	exceptions := map[string]string{
		"collector.Sets": "it lets the exporter write metrics faster than a prometheus.Registry could; others use Collect",
	}
	for _, dir := range []string{"handler", "collector", "store"} {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range internalNames(f) {
				if exceptions[dir+"."+found] != "" {
					delete(exceptions, dir+"."+found)
					continue
				}
				t.Errorf("%s: %s names a type of an internal package", name, found)
			}
		}
	}
	for name := range exceptions {
		t.Errorf("%s is no exception any more", name)
	}
}

// internalNames returns the exported declarations of f whose signature or exported field
// names an internal package, but for aliases.
func internalNames(f *ast.File) (found []string) {
	internal := map[string]bool{}
	for _, spec := range f.Imports {
		if imported := strings.Trim(spec.Path.Value, `"`); strings.Contains(imported, "/internal/") {
			internal[path.Base(imported)] = true
		}
	}
	check := func(name string, node ast.Node) {
		ast.Inspect(node, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok && len(field.Names) > 0 && !slices.ContainsFunc(field.Names, (*ast.Ident).IsExported) {
				if _, inStruct := node.(*ast.StructType); inStruct {
					return false // it is not exported
				}
			}
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && internal[x.Name] && !slices.Contains(found, name) {
					found = append(found, name)
				}
			}
			return true
		})
	}
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && (d.Recv == nil || receiverIsExported(d.Recv)) {
				check(d.Name.Name, d.Type)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if s, ok := spec.(*ast.TypeSpec); ok && s.Name.IsExported() && !s.Assign.IsValid() {
					check(s.Name.Name, s.Type)
				}
			}
		}
	}
	return found
}

func receiverIsExported(recv *ast.FieldList) bool {
	expr := recv.List[0].Type
	if star, ok := expr.(*ast.StarExpr); ok {
		expr = star.X
	}
	id, ok := expr.(*ast.Ident)
	return ok && id.IsExported()
}

// Only one file imports the router: all others use http.Handler.
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
