// Package storage makes the state and the queued requests durable: an event is
// acknowledged after the commit that holds it, so it survives a crash of the process and
// of the machine.
//
// One writer takes the waiting events, applies them, commits them as one frame of the
// journal with one sync, publishes them to the state, and answers them, in that order. A
// batch has the events that came during the last commit. If these are fewer than the last
// commit has answered, the writer waits for the others for at most 2 ms: they are likely to
// come soon, and a further commit takes longer than that. An event alone never waits.
//
// A frame holds changes, in absolute values. The head of a segment holds the whole state. The entries of
// the journal are the queued requests.
//
// While no commit succeeds in time the storage is degraded: events still change the state,
// but are not acknowledged. It recovers by beginning a new segment.
//
// The package knows nothing of HTTP, of Tencent's formats, of the content of a request, and
// of files.
package storage
