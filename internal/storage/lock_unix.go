//go:build unix

package storage

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// lock takes the folder for this process until the file is closed. The error says who
// has it.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(f, 100))
		f.Close()
		if len(holder) == 0 {
			holder = []byte("another process")
		}
		return nil, fmt.Errorf("in use by %s (%s is locked)", holder, path)
	}
	// Who it is helps the next one; that it is locked does not depend on it.
	if err := f.Truncate(0); err == nil {
		fmt.Fprintf(f, "process %d", os.Getpid())
	}
	return f, nil
}
