package journal

import (
	"errors"
	"fmt"
	"os"
	"slices"
)

// hold creates the folder if it does not exist, and locks it for this process.
func (j *Journal) hold() error {
	if err := j.fs.Mkdir(j.path); err != nil {
		return err
	}
	lock, err := j.fs.Lock(j.path)
	switch {
	case errors.Is(err, ErrInUse):
		holder := "another process"
		if o := readOwner(j.fs, j.path); o.process != 0 {
			holder = fmt.Sprint("process ", o.process)
		}
		return fmt.Errorf("%w by %s", ErrInUse, holder)
	case errors.Is(err, ErrNoLock):
		if !j.lockFailed {
			j.lockFailed = true
			j.log.WithError(err).WithField("folder", j.path).Warn("the storage folder cannot be locked: make sure that no second exporter uses it")
		}
	case err != nil:
		return err
	}
	if j.folder, err = j.fs.Stat(j.path); err != nil {
		lock.Close()
		return err
	}
	j.lock = lock
	return nil
}

// release closes the newest segment and unlocks the folder.
func (j *Journal) release() {
	j.abandon()
	if j.lock != nil {
		j.lock.Close()
		j.lock = nil
	}
}

// abandon closes the newest segment. It is not written again.
func (j *Journal) abandon() {
	if j.current != nil {
		_ = j.current.Close() // after a failed write it may fail, too
		j.current = nil
	}
}

var errReplaced = errors.New("was deleted, replaced or cut")

// Check returns an error if the folder or a segment was deleted, replaced or cut by another program.
func (j *Journal) Check() error {
	err := j.same(j.path, j.folder, 0)
	for _, s := range j.segments {
		if err == nil {
			err = j.same(s.name, s.info, s.size)
		}
	}
	return err
}

// same returns an error if a file is not the file of info, or is shorter than size.
func (j *Journal) same(name string, info os.FileInfo, size int64) error {
	now, err := j.fs.Stat(name)
	if errors.Is(err, os.ErrNotExist) || err == nil && (!os.SameFile(now, info) || now.Size() < size) {
		return fmt.Errorf("%s %w", name, errReplaced)
	}
	return err
}

// regain locks the folder again if it was replaced, and forgets the segments that do not exist any
// more.
func (j *Journal) regain() error {
	err := j.same(j.path, j.folder, 0)
	if errors.Is(err, errReplaced) {
		j.release()
		if err = j.hold(); err == nil {
			j.log.WithField("folder", j.path).Warn("the storage folder was deleted or replaced: it is created again")
		}
	}
	if err != nil {
		return err
	}
	j.segments = slices.DeleteFunc(j.segments, func(s *segment) bool {
		gone := errors.Is(j.same(s.name, s.info, s.size), errReplaced)
		if gone { // a file of this name is not ours
			j.aside = append(j.aside, s.name)
		}
		return gone
	})
	return nil
}
