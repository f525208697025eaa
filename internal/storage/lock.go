package storage

import "errors"

var (
	errInUse = errors.New("in use")
	// errNoLock is the error of a file system without locks.
	errNoLock = errors.New("the file system has no locks")
)
