package handler_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The examples build and run in another module, with a store and a backend of that module. So
// the public packages can be used without the packages in internal/.
func TestTheExamplesRunInAnotherModule(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	examples, own := read("example_test.go"), read("testdata/own.go.txt")
	if strings.Contains(examples+own, "/internal/") {
		t.Error("an example imports an internal package")
	}
	examples = strings.Replace(examples, "package handler_test", "package main", 1)
	mod := read(filepath.Join(root, "go.mod"))
	const ours = "github.com/tuilivekit-exporter/tuilivekit-exporter"
	mod = strings.Replace(mod, "module "+ours, "module example.com/backend", 1)
	mod += "\nrequire " + ours + " v0.0.0\nreplace " + ours + " => " + root + "\n"
	for _, example := range []string{"Example", "Example_serveMux"} {
		t.Run(example, func(t *testing.T) {
			head := "func " + example + "() {\n"
			_, body, ok := strings.Cut(examples, head)
			mounting, _, alsoOK := strings.Cut(body, "tryOut(")
			if n := strings.Count(mounting, "\n"); !ok || !alsoOK || n >= 30 {
				t.Errorf("mounting takes %d lines, want less than 30", n)
			}
			dir := t.TempDir()
			for name, content := range map[string]string{
				"main.go": strings.Replace(examples, head, "func main() {\n", 1), "own.go": own,
				"go.mod": mod, "go.sum": read(filepath.Join(root, "go.sum")),
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			run := func(name string, args ...string) string {
				cmd := exec.CommandContext(t.Context(), name, args...)
				cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod -trimpath", "GOWORK=off", "CGO_ENABLED=0")
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%s: %v\n%s", name, err, out)
				}
				return string(out)
			}
			program := filepath.Join(dir, "backend")
			run("go", "build", "-o", program, ".")
			if out := run(program); !strings.Contains(out, `tuilivekit_current_rooms{sdk_app_id="1400000001"} 400`) {
				t.Errorf("the program printed\n%s", out)
			}
		})
	}
}
