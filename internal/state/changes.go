package state

import "time"

// changes remembers which rooms have changed lately.
type changes struct {
	list []change // in the order of the changes; the first head ones are gone
	head int
	lost int64 // changes until then are gone, Unix milliseconds

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

// since calls yield for each room that has changed since t, some more than once. If it
// does not know them it reports false.
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

// What changes remembers: the larger one is the bound.
const (
	changeMemory = 5 * time.Minute
	maxChanges   = 1 << 15
)
