package repository_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// This test checks what actionlint does not: the workflows call targets of the Makefile, have read
// permission only, and name each action by a commit, and CI runs every step of scripts/check.

func TestWorkflows(t *testing.T) {
	files, err := filepath.Glob(".github/workflows/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("workflows %v: %v", files, err)
	}
	for _, file := range files {
		text := readFile(t, ".github/workflows/"+filepath.Base(file))
		for _, problem := range checkWorkflow(text, readFile(t, "Makefile")) {
			t.Errorf("%s: %s", filepath.Base(file), problem)
		}
	}
	for _, problem := range checkSteps(readFile(t, ciFile), readFile(t, "scripts/check")) {
		t.Error(problem)
	}
}

const ciFile = ".github/workflows/ci.yml"

// TestWorkflowsCheck breaks the workflow, one line at a time.
func TestWorkflowsCheck(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"a target that does not exist", "make test", "make tests", "run: make tests"},
		{"a command of its own", "make test", "go test ./...", "run: go test ./..."},
		{"several commands", "make test", "|\n          go test ./...", "run: |"},
		{"an action by its tag", "checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd", "checkout@v4", "uses: actions/checkout@v4"},
		{"a commit without its version", " # v6.0.2", "", "uses: actions/checkout@"},
		{"rights that no step needs", "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0", "sudo make", "run: sudo make"},
		{"a step that is missing", "      - run: make attack\n", "", "make attack"},
		{"a step with other values", "RELAYTIME=100x", "RELAYTIME=1x", "make bench-relay RELAYTIME=100x"},
		{"may write", "contents: read", "contents: write", "permissions"},
		{"may do anything", "permissions:\n  contents: read\n", "", "permissions"},
		{"code of strangers with our rights", "pull_request:", "pull_request_target:", "pull_request_target"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			whole := readFile(t, ciFile)
			broken := strings.Replace(whole, tt.old, tt.new, 1)
			if broken == whole {
				t.Fatalf("the workflow has no %q to break", tt.old)
			}
			got := append(checkWorkflow(broken, readFile(t, "Makefile")), checkSteps(broken, readFile(t, "scripts/check"))...)
			if !strings.Contains(strings.Join(got, "\n"), tt.want) {
				t.Errorf("got problems %q, want one with %s", got, tt.want)
			}
		})
	}
}

// allowNamespaces is the only command that is no target: it changes the machine.
const allowNamespaces = "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"

// checkSteps returns the steps of the script that the workflow does not have.
func checkSteps(workflow, script string) []string {
	var problems []string
	steps := regexp.MustCompile(`(?m)^step (.*)$`).FindAllStringSubmatch(script, -1)
	if len(steps) == 0 {
		return []string{"scripts/check has no step"}
	}
	for _, m := range steps {
		if !strings.Contains(workflow, "- run: make "+m[1]+"\n") {
			problems = append(problems, "a step of scripts/check is missing: make "+m[1])
		}
	}
	return problems
}

// checkWorkflow returns the problems of a workflow.
func checkWorkflow(text, makefile string) []string {
	var problems []string
	pinned := regexp.MustCompile(`^[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for _, m := range regexp.MustCompile(`(?m)^[ -]*(run|uses):[ ]*(.*)$`).FindAllStringSubmatch(text, -1) {
		switch key, value := m[1], m[2]; key {
		case "run":
			if value == allowNamespaces {
				continue
			}
			target := regexp.MustCompile(`^make ([a-z0-9-]+)( [A-Z]+=(\w+|'[\w=-]+'))*$`).FindStringSubmatch(value)
			if target == nil || !strings.Contains("\n"+makefile, "\n"+target[1]+":") {
				problems = append(problems, fmt.Sprintf("run: %s: want a target of the Makefile", value))
			}
		case "uses":
			if !pinned.MatchString(value) {
				problems = append(problems, fmt.Sprintf("uses: %s: want a commit, and its version behind it", value))
			}
		}
	}
	if !strings.Contains(text, "\npermissions:\n  contents: read\n\n") || strings.Count(text, "permissions:") != 1+strings.Count(text, "id-token: write # signatures\n") {
		problems = append(problems, "permissions: want contents: read for the whole file, and more only for a job that signs")
	}
	if strings.Contains(text, "pull_request_target") {
		problems = append(problems, "pull_request_target runs the code of strangers with our rights")
	}
	return problems
}

// make help and .PHONY find targets by a pattern of their own.
func TestMakeHelpListsEachTarget(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not there")
	}
	out, err := exec.CommandContext(t.Context(), "make", "--no-print-directory", "help").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range regexp.MustCompile(`(?m)^([^\s:#]+):.* ## `).FindAllStringSubmatch(readFile(t, "Makefile"), -1) {
		if !regexp.MustCompile(`(?m)^` + target[1] + ` `).Match(out) {
			t.Errorf("make help has no %s", target[1])
		}
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
