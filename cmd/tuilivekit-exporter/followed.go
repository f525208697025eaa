package main

import (
	"sync"
	"sync/atomic"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
)

// followed is a value that is read from files and follows their content. While the files
// cannot be used, the last good value stays. Its methods may be called concurrently, and of
// a nil one: that has no files.
type followed[T any] struct {
	what string // the value, as log messages name it
	file string // the file that log messages name
	sum  func() config.Sum
	read func() (*T, error) // reads the files again
	log  logrus.FieldLogger

	value atomic.Pointer[T]
	err   atomic.Pointer[error] // why the files are not those of value, nil while they are

	looking sync.Mutex
	seen    config.Sum // as of the last attempt; held by looking
}

// look takes the value in the files if their content has changed. It goes by content, as
// the configuration does.
func (f *followed[T]) look() {
	if apply, err := f.prepare(); err == nil {
		apply()
	}
}

// prepare reads the files if their content has changed. The function that it returns
// makes their value the one in use.
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

// broken returns why the files are not those of the value in use, nil if they are.
func (f *followed[T]) broken() error {
	if f == nil {
		return nil
	}
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}
