// Package replica shares the records of replicas through an engine, which is Redis or Valkey: the
// newest threshold event of each application, and the registers of its rooms.
//
// The memory of each process stays the truth. A replica offers its records to the engine, and
// takes newer records from it. Both sides merge by the rules of package state, so an exchange may
// be repeated, reordered or lost. There is no script, no lock and no transaction: each key is
// changed by commands of Redis 6.2 that commute.
//
//	{PREFIX:APP}:event      sorted set, all scores 0: the last eight events, as members of fixed
//	                        width. Equal scores are ordered by bytes, so the last member is the newest
//	{PREFIX:APP}:rooms      sorted set: for each room a register, with the score 2*time+closed, and
//	                        the opening of the room, with a hash of its operator
//	{PREFIX:APP}:reconcile  string that expires: the replica that recounts
//	{PREFIX}:changed        sorted set of applications, scored by the time of their last change
//	{PREFIX}:replicas       sorted set of replicas, scored by the time of their last exchange
//
// The members that are read are untrusted input. A member that is malformed, out of range or in
// the future is dropped and counted. No member deletes a record of this replica.
//
// The package does not know how records are stored. No callback and no scrape waits for it.
package replica
