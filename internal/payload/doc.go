// Package payload encodes what a frame of the journal holds: changes of the state and of the queues, in the wire
// format of Protocol Buffers. docs/storage.md lists the fields.
//
// A reader skips fields that it does not know, so a new field needs no new format. A number is never used for
// another field.
//
// The package knows nothing of files and of commits.
package payload
