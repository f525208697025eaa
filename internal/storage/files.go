package storage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// fileSystem is what the journal does to files. Tests put one in its place that fails.
type fileSystem interface {
	// mkdir makes a folder, and those that it is in, unless it is there.
	mkdir(path string) error
	// lock takes a folder for this process. The error of a folder that another process
	// has is errInUse.
	lock(path string) (io.Closer, error)
	list(path string) (names []string, err error)
	read(name string) ([]byte, error)
	// create makes an empty file, in place of one that is there.
	create(name string) (file, error)
	// open opens a file to write at its end.
	open(name string) (file, error)
	rename(from, to string) error
	remove(name string) error
	syncFolder(path string) error
	stat(name string) (os.FileInfo, error)
}

// file is an open file.
type file interface {
	io.WriteCloser
	Sync() error
}

// osFiles is the file system of production.
type osFiles struct{}

func (osFiles) mkdir(path string) error               { return os.MkdirAll(path, 0o700) }
func (osFiles) lock(path string) (io.Closer, error)   { return lock(path) }
func (osFiles) read(name string) ([]byte, error)      { return os.ReadFile(name) }
func (osFiles) rename(from, to string) error          { return os.Rename(from, to) }
func (osFiles) remove(name string) error              { return os.Remove(name) }
func (osFiles) stat(name string) (os.FileInfo, error) { return os.Stat(name) }

func (osFiles) create(name string) (file, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

func (osFiles) open(name string) (file, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
}

func (osFiles) list(path string) (names []string, err error) {
	entries, err := os.ReadDir(path)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func (osFiles) syncFolder(path string) error {
	if runtime.GOOS == "windows" { // which has no such thing
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// noFolderSync reports whether err means that folders need no sync, or cannot have one,
// as on CIFS and with some FUSE file systems.
func noFolderSync(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOSYS)
}

// isFull reports whether err means that there is no space, which may change without
// anybody doing anything to the exporter.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// advice says what to do about errors of the operating system. An error is said once
// with the words of the system; these are for the operator.
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

// explain adds to an error what to do about it.
func explain(err error) error {
	for _, a := range advice {
		if errors.Is(err, a.err) {
			return fmt.Errorf("%w (%s)", err, a.text)
		}
	}
	return err
}

const ownerName = "lock"

// owner is what a file in the folder says: who has it, and what the journal was when that
// was written. Nothing depends on it but words, and which of two journals is meant.
type owner struct {
	process int
	journal uint64 // ID
	segment uint64 // the newest
	size    int64  // of that segment after a clean stop, else 0
}

// ownerFormat is of the fields of an owner. IDs are fixed in length.
const ownerFormat = "process %d\njournal %016x segment %d size %d\n"

func (o owner) write(fs fileSystem, path string) {
	f, err := fs.create(filepath.Join(path, ownerName))
	if err != nil {
		return
	}
	fmt.Fprintf(f, ownerFormat, o.process, o.journal, o.segment, o.size)
	f.Close()
}

func readOwner(fs fileSystem, path string) (o owner) {
	b, err := fs.read(filepath.Join(path, ownerName))
	if err == nil {
		_, err = fmt.Sscanf(string(b), ownerFormat, &o.process, &o.journal, &o.segment, &o.size)
	}
	if err != nil {
		return owner{process: o.process}
	}
	return o
}
