package storage

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// newSuffix is of files that are not complete.
const newSuffix = ".new"

// writeFile makes a file of that name, or none: a segment is there when its head is.
func (j *journal) writeFile(name string, write func(file) error) error {
	f, err := j.fs.create(name + newSuffix)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = j.fs.rename(name+newSuffix, name)
	}
	if err == nil {
		err = j.syncFolder()
	}
	if err != nil {
		_ = j.fs.remove(name + newSuffix) // it may take the space that is missing
		_ = j.fs.remove(name)
	}
	return err
}

// removeDrained removes the segments that nothing needs: all that hold no queued request
// but the newest.
func (j *journal) removeDrained() error {
	var total int64
	kept := make([]*segment, 0, len(j.segments))
	var failed error
	for i, s := range j.segments {
		if s.requests == 0 && i < len(j.segments)-1 && failed == nil {
			err := j.fs.remove(s.name)
			if err == nil || errors.Is(err, os.ErrNotExist) {
				continue
			}
			failed = err
		}
		kept = append(kept, s)
		total += s.size
	}
	removed := len(kept) < len(j.segments)
	j.segments = kept
	j.bytes.Store(total)
	if failed == nil && removed {
		failed = j.syncFolder()
	}
	return failed
}

// headroom is the space that a journal whose volume was full wants to see before it calls
// itself recovered: with less it would be full again at once.
const headroom = 64 << 10

// keepReserve puts by the space for the next head, so that the journal can begin a new
// segment, and remove old ones, on a volume that queued requests have filled.
func (j *journal) keepReserve() error {
	name := filepath.Join(j.path, reserveName)
	if j.reserved < j.head+j.head/4+8<<10 {
		size := (2*j.head + 16<<10) / blockSize * blockSize
		j.reserved = 0
		if err := j.allocate(name, size); err != nil {
			return err
		}
		j.reserved = size
	}
	if !j.filled {
		return nil
	}
	probe := name + ".probe"
	if err := j.allocate(probe, headroom); err != nil {
		return err
	}
	j.filled = false
	return j.fs.remove(probe)
}

// allocate makes a file that takes space on the volume, or none.
func (j *journal) allocate(name string, size int64) error {
	noise := make([]byte, min(size, chunk))
	for i := range noise { // a file system that compresses must not make nothing of it
		noise[i] = byte(rand.Uint32())
	}
	err := j.writeFile(name, func(f file) error {
		for left := size; left > 0; left -= chunk {
			if err := writeAll(f, noise[:min(left, chunk)]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reserve space for the next segment: %w", err)
	}
	return nil
}

// setAside gives a damaged segment a name that is not read any more.
func (j *journal) setAside(name string) error {
	other := name + ".corrupt-" + time.Now().UTC().Format("20060102T150405.000Z")
	err := j.fs.rename(name, other)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	j.log.WithField("moved_to", other).Error("damaged storage file is renamed, its valid records are kept")
	return j.syncFolder()
}

func (j *journal) syncFolder() error {
	err := j.fs.syncFolder(j.path)
	if !noFolderSync(err) {
		return err
	}
	if !j.folderSyncFailed {
		j.folderSyncFailed = true
		j.log.WithError(err).WithField("folder", j.path).Warn("the file system of --storage.path cannot sync a folder: after a power cut a new segment may be missing")
	}
	return nil
}
