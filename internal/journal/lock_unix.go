//go:build unix

package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// lock locks the folder itself: a file in it can be deleted and created again, and then two
// processes hold the lock of a file of that name. If a folder cannot be locked, as on NFS,
// it locks a file.
func lock(path string) (io.Closer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	err = flock(f)
	if err == nil || errors.Is(err, ErrInUse) {
		return f, err
	}
	f.Close()
	if f, err = os.OpenFile(filepath.Join(path, ownerName), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	return f, flock(f)
}

// flock locks f. After ErrInUse f is closed.
func flock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		f.Close()
		return ErrInUse
	}
	return fmt.Errorf("%w: %w", ErrNoLock, err)
}
