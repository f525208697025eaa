package repository_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The files of a package have no cyclic dependencies. A file depends on another file if a function in
// it, or the initial value of a variable, uses a function, a method or a variable of that file. All files
// may use all types, constants and methods of interfaces.
func TestFilesOfAPackageReadFromTheTop(t *testing.T) {
	for _, pkg := range listPackages(t) {
		t.Run(strings.TrimPrefix(pkg.ImportPath, module), func(t *testing.T) {
			arrows := pkg.fileArrows(t)
			for _, from := range slices.Sorted(maps.Keys(arrows)) {
				for _, to := range slices.Sorted(maps.Keys(arrows[from])) {
					if reaches(arrows, to, from) {
						t.Errorf("%s and %s use each other: %s uses %s of %s", from, to, from, strings.Join(slices.Sorted(maps.Keys(arrows[from][to])), ", "), to)
					}
				}
			}
		})
	}
}

// This test checks the rule: it finds a cycle of functions, and no cycle of types.
func TestFileArrowsSeeFunctionsAndNotTypes(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.go": "package p\n\ntype A struct{ b *B }\n\nfunc (a *A) up() { a.b.down() }\n",
		"b.go": "package p\n\ntype B struct{ a *A }\n\nfunc (b *B) down() { leaf() }\n",
		"c.go": "package p\n\nfunc leaf() { new(A).up() }\n",
		"d.go": "package p\n\ntype nouns interface{ up() }\n\nvar _ nouns = (*A)(nil)\n\nfunc use(n nouns) { n.up() }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := sourcePackage{ImportPath: "p", Dir: dir, GoFiles: []string{"a.go", "b.go", "c.go", "d.go"}}.fileArrows(t)
	want := "map[a.go:map[b.go:map[down:true]] b.go:map[c.go:map[leaf:true]] c.go:map[a.go:map[up:true]]]"
	if fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if !reaches(got, "a.go", "a.go") || reaches(got, "d.go", "a.go") {
		t.Error("the cycle is not found, or one that is not there")
	}
}

// sourcePackage is a package of the module, as go list describes it for this system.
type sourcePackage struct {
	ImportPath, Dir string
	Export          string // the file of its export data
	GoFiles         []string
	exports         map[string]string // the export data of each package that it may import
}

// listPackages returns the packages of the module.
func listPackages(t *testing.T) []sourcePackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-trimpath", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles", "./...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // compiled as make build does
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var ours []sourcePackage
	exports := map[string]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg sourcePackage
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[pkg.ImportPath] = pkg.Export
		if strings.HasPrefix(pkg.ImportPath, module) {
			pkg.exports = exports
			ours = append(ours, pkg)
		}
	}
	if len(ours) < len(arrows) {
		t.Fatalf("%d packages are found, the table of arrows has %d", len(ours), len(arrows))
	}
	return ours
}

// fileArrows returns, for each file of a package, the names that its functions and variables use, by the
// file that declares them.
func (pkg sourcePackage) fileArrows(t *testing.T) map[string]map[string]map[string]bool {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range pkg.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(pkg.Dir, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	exports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(pkg.exports[path]) })
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	checked, err := (&types.Config{Importer: exports}).Check(pkg.ImportPath, fset, files, info)
	if err != nil {
		t.Fatal(err)
	}
	fileOf := func(pos token.Pos) string { return filepath.Base(fset.Position(pos).Filename) }
	found := map[string]map[string]map[string]bool{}
	for id, used := range info.Uses {
		from, to := fileOf(id.Pos()), fileOf(used.Pos())
		if used.Pkg() != checked || from == to || !works(used) {
			continue
		}
		if found[from] == nil {
			found[from] = map[string]map[string]bool{}
		}
		if found[from][to] == nil {
			found[from][to] = map[string]bool{}
		}
		found[from][to][used.Name()] = true
	}
	return found
}

// works reports whether used is a function, a method of a concrete type, or a variable of a
// package.
func works(used types.Object) bool {
	switch used := used.(type) {
	case *types.Func:
		recv := used.Signature().Recv()
		return recv == nil || !types.IsInterface(recv.Type())
	case *types.Var:
		return used.Parent() == used.Pkg().Scope()
	}
	return false
}

// reaches reports whether the arrows lead from a file to another one.
func reaches(arrows map[string]map[string]map[string]bool, from, to string) bool {
	seen := map[string]bool{}
	var walk func(string) bool
	walk = func(file string) bool {
		for next := range arrows[file] {
			if next == to {
				return true
			}
			if !seen[next] {
				seen[next] = true
				if walk(next) {
					return true
				}
			}
		}
		return false
	}
	return walk(from)
}
