// Package storage makes the state and the queued requests durable: an event is
// acknowledged after the commit that holds it, so it survives a crash of the process and
// of the machine.
//
// One writer takes the events that wait, applies them, commits them as one frame of the
// journal with one sync, publishes them to the state, and lets their answers go, in that
// order. A batch is what came while the last commit ran. When that is fewer than were
// answered together, the writer waits for the others for at most 2 ms: they are likely to
// be on their way, and one commit costs more than that wait. An event alone never waits.
//
// The journal is a folder of segments. A segment begins with the whole state (its head),
// and frames follow that say what has changed, in absolute values. When it is full, the
// next one is begun, and older ones are removed as soon as they hold no queued request.
// No file is rewritten, and none is written by two processes.
//
// While no commit succeeds in time the storage is degraded: events go on to move the
// state, but are not acknowledged. It recovers by beginning a new segment: what a failed
// write or sync has left in the old one is not known.
//
// The package knows nothing of HTTP, of Tencent's formats, and of what a request contains.
package storage
