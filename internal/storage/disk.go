package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
)

// disk is what the storage does to files. Tests put one in its place that fails.
type disk interface {
	// create makes an empty file, in place of one that is there.
	create(path string) (database, error)
	// replace gives the file from, which is open as db, the name to, and returns it open
	// again, when that is durable. After an error db is closed.
	replace(db database, from, to string) (database, error)
	// keep gives the file of that name, which is not open, another name besides.
	keep(name, other string) error
}

// database is an open file. After an error it must not be used but to close it.
type database interface {
	// update does all of w in one transaction, and returns when that is durable.
	update(w write) error
	close() error
}

// write is what one transaction does, first puts and then deletes.
type write struct {
	puts    []entry
	deletes []string
	// The summary of all that the file holds then.
	count uint64
	sum   uint64
}

// osDisk is the disk of production.
type osDisk struct{}

// Whoever has the folder has the file in it; this is how long to wait for a process
// that is about to end.
const boltLockTimeout = time.Second

func openBolt(path string) (_ database, err error) {
	defer contain(&err)()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:        boltLockTimeout,
		NoFreelistSync: true, // nobody reads it again
		FreelistType:   bbolt.FreelistMapType,
		NoStatistics:   true,
		NoSync:         true, // update does it, once
	})
	if err != nil {
		return nil, err
	}
	return boltFile{db}, nil
}

func (osDisk) create(path string) (database, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return openBolt(path)
}

func (osDisk) replace(db database, from, to string) (database, error) {
	if runtime.GOOS == "windows" { // an open file cannot be renamed there, nor a folder synced
		if err := errors.Join(db.close(), os.Rename(from, to)); err != nil {
			return nil, err
		}
		return openBolt(to)
	}
	err := os.Rename(from, to)
	if err == nil {
		err = syncFolder(filepath.Dir(to))
	}
	if err != nil {
		db.close()
	}
	return db, err
}

// keep makes a copy where a file can have only one name.
func (osDisk) keep(name, other string) error {
	if os.Link(name, other) == nil {
		return nil
	}
	return copyFile(name, other)
}

func copyFile(name, other string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(other, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(other) // a part of it would be in the way of the next try
	}
	return err
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

type boltFile struct{ db *bbolt.DB }

func (f boltFile) update(w write) (err error) {
	defer contain(&err)()
	err = f.db.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists([]byte(bucketName))
		if err != nil {
			return err
		}
		bucket.FillPercent = 0.9 // most new keys are behind those before them
		for _, e := range append(w.puts, summaryEntry(w.count, w.sum, uint64(tx.ID()))) {
			if err := bucket.Put(e.key, e.value); err != nil {
				return err
			}
		}
		for _, key := range w.deletes {
			if err := bucket.Delete([]byte(key)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return f.db.Sync() // parse says why one is enough
}

func (f boltFile) close() (err error) {
	defer contain(&err)()
	return f.db.Close()
}

// errContained is a panic or a fault of bbolt: the file is not what it takes it for.
var errContained = errors.New("bbolt stumbles over the file")

// contain makes an error of a panic, and of a fault: bbolt maps the file, and a page
// that the disk cannot deliver is a fault. It is called at once, and what it returns is
// deferred.
func contain(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			*err = fmt.Errorf("%w: %v", errContained, p)
		}
	}
}
