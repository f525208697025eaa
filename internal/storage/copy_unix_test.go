//go:build unix

package storage

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A copy for which there is no space is not in the way of the next try.
func TestACopyThatBreaksOffLeavesNothing(t *testing.T) {
	content := bytes.Repeat([]byte("x"), 64<<10)
	name := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	small := limit
	small.Cur = 4096
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	err := copyFile(name, name+"2")
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if err == nil {
		t.Error("the copy did not break off")
	}
	if err := copyFile(name, name+"2"); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(name + "2"); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
