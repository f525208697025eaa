// Package storage makes the state durable: an event is acknowledged after the commit
// that holds it, so it survives a crash of the process and of the machine.
//
// One writer takes the events that wait, applies them, commits them as one transaction
// of one bbolt file, publishes them to the state, and lets their answers go, in that
// order. A batch is what came while the last commit ran. When that is fewer than were
// answered together, the writer waits for the others for at most 2 ms: they are likely to
// be on their way, and one commit costs more than that wait. An event alone never waits.
//
// bbolt has no checksum of its pages. So each value carries one over its key and
// itself, and one more value sums them all up. At start the file is read without bbolt,
// every offset checked, and what it holds is written to a new one: bbolt reads only what
// it has written itself.
//
// While no commit succeeds in time the storage is degraded: events go on to move the
// state, but are not acknowledged. It recovers by writing all of the state to a new
// file, which replaces the old one: what a failed write or fsync has left in a file
// is not known.
package storage
