package reconcile

import (
	"sync"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// maxIDs is the largest number of RoomIds that are kept for an application. Each takes about 100
// bytes.
const maxIDs = 200_000

// ids are the RoomIds of callbacks and lists, by their hash. They are in memory only. The methods may
// be called from several goroutines.
type ids struct {
	mu     sync.Mutex
	byHash map[state.Room]string
}

// add keeps an id. If there are maxIDs already, it removes an arbitrary one, whose room is then known
// by its hash only.
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

// keep removes the ids of all rooms that are not in open.
func (i *ids) keep(open map[state.Room]int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for hash := range i.byHash {
		if _, ok := open[hash]; !ok {
			delete(i.byHash, hash)
		}
	}
}
