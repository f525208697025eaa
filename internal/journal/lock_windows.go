package journal

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// lock opens a file that no other process can open to write, or delete, until it is closed.
func lock(path string) (io.Closer, error) {
	name, err := syscall.UTF16PtrFromString(filepath.Join(path, ownerName+".open"))
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_WRITE, syscall.FILE_SHARE_READ, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	const sharingViolation = syscall.Errno(32)
	if errors.Is(err, sharingViolation) {
		return nil, ErrInUse
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(h), path), nil
}
