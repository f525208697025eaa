package payload

import (
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// Changes are the changes of one commit, or the whole content of a journal.
type Changes struct {
	state.Changes
	// Requests are appended to the queues.
	Requests []queue.Request
	// Removed are removed from the queues, even if they are in Requests.
	Removed []queue.Key
}

// Len returns the number of all elements.
func (c Changes) Len() int {
	return len(c.Records) + len(c.Rooms) + len(c.Repeats) + len(c.Requests) + len(c.Removed)
}

// Add appends more to c.
func (c *Changes) Add(more Changes) {
	c.Records = append(c.Records, more.Records...)
	c.Rooms = append(c.Rooms, more.Rooms...)
	c.Repeats = append(c.Repeats, more.Repeats...)
	c.Requests = append(c.Requests, more.Requests...)
	c.Removed = append(c.Removed, more.Removed...)
}
