package journal

import "errors"

var (
	// ErrInUse is the error of a folder that another process uses.
	ErrInUse = errors.New("in use")
	// ErrNoLock is the error of a file system without locks.
	ErrNoLock = errors.New("the file system has no locks")
)
