package exporter

import (
	"fmt"
	"os"
)

// TestMain runs the tests of m with a build of the exporter, and ends the process. prepare gets
// the path of the exporter and a folder that is removed at the end; its error ends the process.
func TestMain(m interface{ Run() int }, prepare func(binary, dir string) error) {
	code, err := run(m, prepare)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func run(m interface{ Run() int }, prepare func(binary, dir string) error) (code int, err error) {
	dir, err := os.MkdirTemp("", "exporter")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binary, err := Build(dir)
	if err == nil {
		err = prepare(binary, dir)
	}
	if err != nil {
		return 1, err
	}
	return m.Run(), nil
}
