package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
)

// FileSystem has the operations of the journal on files. Tests use one that fails.
type FileSystem interface {
	// Mkdir creates a folder and its parents, unless it exists.
	Mkdir(path string) error
	// Lock locks a folder for this process. The error of a folder that another process has
	// locked is ErrInUse. ErrNoLock comes with a Closer.
	Lock(path string) (io.Closer, error)
	// List returns the names of the files in a folder.
	List(path string) ([]string, error)
	Read(name string) ([]byte, error)
	// Create creates an empty file. It replaces an existing one.
	Create(name string) (File, error)
	// Open opens an existing file to append to it.
	Open(name string) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	SyncFolder(path string) error
	Stat(name string) (os.FileInfo, error)
}

// File is an open file.
type File interface {
	io.WriteCloser
	Sync() error
}

// writeAll writes b to f.
func writeAll(f File, b []byte) error {
	n, err := f.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}

// OS is the FileSystem of the operating system.
type OS struct{}

// Mkdir implements FileSystem.
func (OS) Mkdir(path string) error { return os.MkdirAll(path, 0o700) }

// Lock implements FileSystem.
func (OS) Lock(path string) (io.Closer, error) { return lock(path) }

// List implements FileSystem.
func (OS) List(path string) (names []string, err error) {
	entries, err := os.ReadDir(path)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// Read implements FileSystem.
func (OS) Read(name string) ([]byte, error) { return os.ReadFile(name) }

// Create implements FileSystem.
func (OS) Create(name string) (File, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

// Open implements FileSystem.
func (OS) Open(name string) (File, error) { return os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0) }

// Rename implements FileSystem.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements FileSystem.
func (OS) Remove(name string) error { return os.Remove(name) }

// Stat implements FileSystem.
func (OS) Stat(name string) (os.FileInfo, error) { return os.Stat(name) }

// SyncFolder implements FileSystem.
func (OS) SyncFolder(path string) error {
	if runtime.GOOS == "windows" { // it cannot sync a folder
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// IsFull reports whether err means that the volume has no space. That may change while the
// process runs.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// advice says what the operator can do about errors of the operating system.
var advice = []struct {
	err  error
	text string
}{
	{syscall.ENOSPC, "free space on the volume, or give it more"},
	{syscall.EDQUOT, "the quota of the user or the project is used up"},
	{syscall.EROFS, "the file system is mounted read-only"},
	{syscall.EACCES, "the folder and its files must belong to the user that the exporter runs as"},
	{syscall.EPERM, "the folder and its files must belong to the user that the exporter runs as"},
	{syscall.EIO, "the disk or the connection to it is broken: see the kernel's log"},
	{syscall.EMFILE, "the process has too many open files: raise its limit (ulimit -n, LimitNOFILE=)"},
	{syscall.ENFILE, "the system has too many open files"},
	{syscall.ENOTDIR, "a part of the path is a file"},
	{syscall.ENAMETOOLONG, "the path is too long"},
	{syscall.EFBIG, "the process may not write files of that size (ulimit -f, LimitFSIZE=)"},
	{syscall.ESTALE, "the server of the file system has lost the folder: mount it again"},
	{syscall.ETIMEDOUT, "the server of the file system does not answer"},
}

// Explain adds to an error of a file what the operator can do about it.
func Explain(err error) error {
	for _, a := range advice {
		if errors.Is(err, a.err) {
			return fmt.Errorf("%w (%s)", err, a.text)
		}
	}
	return err
}
