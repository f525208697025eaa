// Package replica shares what replicas know through Redis or Valkey: the newest threshold
// event of each application, and the registers of its rooms.
//
// The memory of each process stays the truth. A replica offers its records to the engine and
// takes newer ones from it; both sides merge by the rules of package state, so an exchange may
// be repeated, reordered or lost. There is no script, no lock and no transaction: each key is
// changed by commands of Redis 6.2 that commute.
//
//	{PREFIX:APP}:event      sorted set, all scores 0, the last eight events as members of fixed
//	                        width: equal scores are ordered by bytes, so the last is the newest
//	{PREFIX:APP}:rooms      sorted set, a register for each room: score 2*time+closed; beside it
//	                        the opening of the room with a hash of its operator
//	{PREFIX:APP}:reconcile  string, the replica that recounts, until it expires
//	{PREFIX}:changed        sorted set of applications, scored by their last change
//	{PREFIX}:replicas       sorted set of replicas, scored by their last sign of life
//
// What is read is input, as from the Internet: a member that is malformed, out of range or in
// the future is dropped and counted, and never deletes what this replica knows.
//
// The package does not know how records are kept, and no request and no scrape waits for it.
package replica
