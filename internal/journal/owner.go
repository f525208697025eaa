package journal

import (
	"fmt"
	"path/filepath"
)

const ownerName = "lock"

// owner is the content of the lock file: the process that uses the folder, and the journal
// at the time of writing. Only messages and the choice between two journals depend on it.
type owner struct {
	process int
	journal uint64 // ID
	segment uint64 // number of the newest
	size    int64  // of that segment after a clean stop, else 0
}

// ownerFormat has the fields of an owner. IDs have a fixed length.
const ownerFormat = "process %d\njournal %016x segment %d size %d\n"

func (o owner) write(fs FileSystem, path string) {
	f, err := fs.Create(filepath.Join(path, ownerName))
	if err != nil {
		return
	}
	fmt.Fprintf(f, ownerFormat, o.process, o.journal, o.segment, o.size)
	f.Close()
}

// readOwner returns the owner of a folder, as far as the lock file can be read.
func readOwner(fs FileSystem, path string) (o owner) {
	b, err := fs.Read(filepath.Join(path, ownerName))
	if err == nil {
		_, err = fmt.Sscanf(string(b), ownerFormat, &o.process, &o.journal, &o.segment, &o.size)
	}
	if err != nil {
		return owner{process: o.process}
	}
	return o
}
