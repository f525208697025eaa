package handler_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The lines of the example build in a module that is not ours: the public packages
// can be used without a word from below internal/.
func TestTheExampleBuildsInAnotherModule(t *testing.T) {
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
	source := read("example_test.go")
	if strings.Contains(source, "/internal/") {
		t.Error("the example imports an internal package")
	}
	source = strings.Replace(source, "package handler_test", "package main", 1)
	source = strings.Replace(source, "func Example() {", "func main() {", 1)
	mod := read(filepath.Join(root, "go.mod"))
	const us = "github.com/tuilivekit-exporter/tuilivekit-exporter"
	mod = strings.Replace(mod, "module "+us, "module example.com/backend", 1)
	mod += "\nrequire " + us + " v0.0.0\nreplace " + us + " => " + root + "\n"

	dir := t.TempDir()
	for name, content := range map[string]string{"main.go": source, "go.mod": mod, "go.sum": read(filepath.Join(root, "go.sum"))} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(name string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
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
}
