// Package journal keeps frames of bytes durable in a folder of segments.
//
// A segment is a file. It begins with everything that is to be known (its head), and frames
// follow that say what has changed. When a segment is full, the next one is begun. Older
// segments are removed as soon as no entry needs them: an entry is a part of a frame that
// the caller names by a key, and removes by that key. No file is rewritten, and none is
// written by two processes.
//
// A frame is durable when Append returns nil. After a failed write or sync the segment is
// not written again, because its content on the disk is unknown: the caller begins a new
// one. Reading finds each frame that is whole, and says where frames are lost.
//
// The package does not know what a payload contains: it knows bytes, the keys of entries
// and their sizes. docs/storage.md describes the format.
package journal
