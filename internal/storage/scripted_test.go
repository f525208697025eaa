package storage

import (
	"errors"
	"io"
	"os"
	"sync"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/journal"
)

// scripted is the real file system with a hook before and after each call. Sync does
// nothing, so it does not check that anything is synced that must be (TestPowerCut does).
// It checks that a file is not written again after an error.
type scripted struct {
	journal.OS
	mu     sync.Mutex
	hook   func(call) error
	n      map[string]int // calls by kind
	reused bool
}

// call is one of a kind: the n-th, from 1. It is told before it is done and after that.
type call struct {
	kind, name string
	n          int
	before     bool
}

var errDisk = errors.New("input/output error")

// script sets the hook.
func (s *scripted) script(hook func(call) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

// hold lets the next call of a kind wait for release.
func (s *scripted) hold(kind string, release <-chan struct{}) {
	var once sync.Once
	s.script(func(c call) error {
		if c.kind == kind {
			once.Do(func() { <-release })
		}
		return nil
	})
}

func (s *scripted) do(kind, name string, work func() error) error {
	s.mu.Lock()
	if s.n == nil {
		s.n = map[string]int{}
	}
	s.n[kind]++
	c, hook := call{kind, name, s.n[kind], true}, s.hook
	s.mu.Unlock()
	if hook == nil {
		return work()
	}
	if err := hook(c); err != nil {
		return err
	}
	if err := work(); err != nil {
		return err
	}
	c.before = false
	return hook(c)
}

func (s *scripted) Mkdir(path string) error {
	return s.do("mkdir", path, func() error { return s.OS.Mkdir(path) })
}

func (s *scripted) Lock(path string) (c io.Closer, err error) {
	err = s.do("lock", path, func() error { c, err = s.OS.Lock(path); return err })
	if err != nil && c != nil {
		c.Close()
	}
	return c, err
}

func (s *scripted) List(path string) (names []string, err error) {
	err = s.do("list", path, func() error { names, err = s.OS.List(path); return err })
	return names, err
}

func (s *scripted) Read(name string) (b []byte, err error) {
	err = s.do("read", name, func() error { b, err = s.OS.Read(name); return err })
	return b, err
}

func (s *scripted) Rename(from, to string) error {
	return s.do("rename", from, func() error { return s.OS.Rename(from, to) })
}

func (s *scripted) Remove(name string) error {
	return s.do("remove", name, func() error { return s.OS.Remove(name) })
}

func (s *scripted) SyncFolder(path string) error {
	return s.do("syncFolder", path, func() error { return nil })
}

func (s *scripted) Stat(name string) (info os.FileInfo, err error) {
	err = s.do("stat", name, func() error { info, err = s.OS.Stat(name); return err })
	return info, err
}

func (s *scripted) Create(name string) (journal.File, error) {
	return s.file("create", name, s.OS.Create)
}
func (s *scripted) Open(name string) (journal.File, error) { return s.file("open", name, s.OS.Open) }

func (s *scripted) file(kind, name string, open func(string) (journal.File, error)) (f journal.File, err error) {
	err = s.do(kind, name, func() error { f, err = open(name); return err })
	if err != nil {
		if f != nil {
			f.Close()
		}
		return nil, err
	}
	return &scriptedFile{File: f, fs: s, name: name}, nil
}

// errShort makes a write write half of what it should, without an error of its own.
var errShort = errors.New("short")

type scriptedFile struct {
	journal.File
	fs     *scripted
	name   string
	failed bool
}

func (f *scriptedFile) Write(b []byte) (n int, err error) {
	if f.failed {
		f.fs.reused = true
	}
	err = f.fs.do("write", f.name, func() error { n, err = f.File.Write(b); return err })
	if errors.Is(err, errShort) {
		n, err = f.File.Write(b[:len(b)/2])
	}
	f.failed = f.failed || err != nil || n < len(b)
	return n, err
}

func (f *scriptedFile) Sync() error {
	if f.failed {
		f.fs.reused = true
	}
	err := f.fs.do("sync", f.name, func() error { return nil })
	f.failed = f.failed || err != nil
	return err
}

func (f *scriptedFile) Close() error {
	return f.fs.do("close", f.name, f.File.Close)
}
