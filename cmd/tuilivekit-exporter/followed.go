package main

import (
	"sync"
	"sync/atomic"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
)

// followed is a value that is read from files, and read again when their content has changed. While
// the files are not valid, the last valid value stays. Its methods may be called from several
// goroutines, and on nil: a nil followed has no files.
type followed[T any] struct {
	what string // the name of the value in log messages
	file string // the file to name in log messages
	sum  func() config.Sum
	read func() (*T, error) // reads the files again
	log  logrus.FieldLogger

	value atomic.Pointer[T]
	err   atomic.Pointer[error] // of the last attempt to read the files, nil if it succeeded

	looking sync.Mutex
	seen    config.Sum // of the files at the last attempt; guarded by looking
}

// look puts the value in the files into use if their content has changed. It compares content, as
// the reload of the configuration does, not times.
func (f *followed[T]) look() {
	if apply, err := f.prepare(); err == nil {
		apply()
	}
}

// prepare reads the files if their content has changed. The function that it returns puts the new
// value into use.
func (f *followed[T]) prepare() (apply func(), err error) {
	if f == nil {
		return func() {}, nil
	}
	f.looking.Lock()
	defer f.looking.Unlock()
	sum := f.sum()
	if sum == f.seen {
		return func() {}, f.broken()
	}
	value, err := f.read()
	if err != nil {
		f.seen = sum
		f.err.Store(&err)
		f.log.WithError(err).Error(f.what + " not reloaded, the last one stays")
		return nil, err
	}
	return func() {
		f.looking.Lock()
		defer f.looking.Unlock()
		f.seen = sum
		f.err.Store(nil)
		f.value.Store(value)
		f.log.WithField("file", f.file).Info(f.what + " reloaded")
	}, nil
}

// broken returns the error of the last attempt to read the files, nil if it succeeded.
func (f *followed[T]) broken() error {
	if f == nil {
		return nil
	}
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}
