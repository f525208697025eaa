// Package journal keeps frames of bytes durable in a folder of segments.
//
// A segment is a file. It begins with the whole state (its head). Frames with changes follow. When a segment is full, the next one is begun. Older
// segments are removed as soon as no entry needs them: an entry is a part of a frame that
// the caller names by a key, and removes by that key. No file is rewritten, and none is
// written by two processes.
//
// A frame is durable when Append returns nil. After a failed write or sync the segment is
// not written again, because its content on the disk is unknown: the caller begins a new
// one. Reading returns each frame that is whole, and reports where frames are lost.
//
// The package does not know the content of a payload: it knows bytes, and the keys and sizes of
// entries. docs/storage.md describes the format.
package journal
