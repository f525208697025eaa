package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// newSuffix ends the names of files that are not complete.
const newSuffix = ".new"

// writeFile creates a complete and durable file, or none.
func (j *Journal) writeFile(name string, write func(File) error) error {
	f, err := j.fs.Create(name + newSuffix)
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
		err = j.fs.Rename(name+newSuffix, name)
	}
	if err == nil {
		err = j.syncFolder()
	}
	if err != nil {
		_ = j.fs.Remove(name + newSuffix) // on a full volume it takes space
		_ = j.fs.Remove(name)
	}
	return err
}

const reserveName = "reserve"

// headroom is the free space that a volume that was full must have before Begin succeeds:
// with less it would be full again at once.
const headroom = 64 << 10

// keepReserve reserves the space of the next head, so that the journal can begin a new
// segment, and remove old ones, on a volume that entries have filled.
func (j *Journal) keepReserve() error {
	name := filepath.Join(j.path, reserveName)
	if info, err := j.fs.Stat(name); err != nil || info.Size() < j.head+j.head/4+8<<10 {
		if err := j.allocate(name, (2*j.head+16<<10)/blockSize*blockSize); err != nil {
			return err
		}
	}
	if !j.filled {
		return nil
	}
	probe := name + ".probe"
	if err := j.allocate(probe, headroom); err != nil {
		return err
	}
	j.filled = false
	return j.fs.Remove(probe)
}

// allocate creates a file of that size, or none.
func (j *Journal) allocate(name string, size int64) error {
	noise := make([]byte, min(size, chunk))
	_, _ = rand.Read(noise) // no file system can compress it; it never fails
	err := j.writeFile(name, func(f File) error {
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

// setAside renames a damaged segment, so that it is not read any more.
func (j *Journal) setAside(name string) error {
	other := name + ".corrupt-" + time.Now().UTC().Format("20060102T150405.000Z")
	err := j.fs.Rename(name, other)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	j.log.WithField("moved_to", other).Error("damaged storage file is renamed, its valid records are kept")
	return j.syncFolder()
}

func (j *Journal) syncFolder() error {
	err := j.fs.SyncFolder(j.path)
	if !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) && !errors.Is(err, syscall.ENOSYS) {
		return err
	} // else it cannot sync a folder, as CIFS and some FUSE file systems
	if !j.folderSyncFailed {
		j.folderSyncFailed = true
		j.log.WithError(err).WithField("folder", j.path).Warn("the file system of --storage.path cannot sync a folder: after a power cut a new segment may be missing")
	}
	return nil
}
