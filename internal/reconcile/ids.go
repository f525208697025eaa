package reconcile

import (
	"sync"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// maxIDs is how many ids of rooms are kept for an application. One takes some 100 bytes.
const maxIDs = 200_000

// ids are the ids of rooms that this process has heard of, by their hash. They are kept in
// memory only. Its methods may be called from several goroutines.
type ids struct {
	mu     sync.Mutex
	byHash map[state.Room]string
}

// add notes an id. If there are too many, another one goes, whichever it is: then its room is
// one that is known by its hash only.
func (i *ids) add(hash state.Room, id string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.byHash == nil {
		i.byHash = map[state.Room]string{}
	}
	if _, ok := i.byHash[hash]; !ok && len(i.byHash) >= maxIDs {
		for other := range i.byHash {
			delete(i.byHash, other)
			break
		}
	}
	i.byHash[hash] = id
}

func (i *ids) of(hash state.Room) (id string, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	id, ok = i.byHash[hash]
	return id, ok
}

// keep forgets all rooms but those that are open.
func (i *ids) keep(open map[state.Room]int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for hash := range i.byHash {
		if _, ok := open[hash]; !ok {
			delete(i.byHash, hash)
		}
	}
}
