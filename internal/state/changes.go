package state

import "time"

// changes has the last changes of rooms. It is not safe for concurrent use.
type changes struct {
	list []change // in the order of the changes, from head on
	head int
	lost int64 // changes up to this time are removed, Unix milliseconds

	newest int64 // the time of the last change
}

type change struct {
	room Room
	at   int64
}

func (c *changes) add(room Room, now int64) {
	for c.head < len(c.list) && (now-c.list[c.head].at > changeMemory.Milliseconds() || len(c.list)-c.head >= maxChanges) {
		c.lost = max(c.lost, c.list[c.head].at)
		c.head++
	}
	if c.head > len(c.list)/2 {
		c.list = append(c.list[:0], c.list[c.head:]...)
		c.head = 0
	}
	c.list = append(c.list, change{room, now})
	c.newest = max(c.newest, now)
}

// since calls yield for each room that has changed since t, for some rooms more than once. It
// returns false if changes since t are removed.
func (c *changes) since(t int64, yield func(Room)) bool {
	if t <= c.lost {
		return false
	}
	for _, one := range c.list[c.head:] {
		if one.at >= t {
			yield(one.room)
		}
	}
	return true
}

// A change is removed after changeMemory, or earlier if there are maxChanges.
const (
	changeMemory = 5 * time.Minute
	maxChanges   = 1 << 15
)
