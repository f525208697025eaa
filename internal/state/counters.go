package state

import "sync"

// DestroyCause says why a room was destroyed.
type DestroyCause uint8

// The causes of which rooms are destroyed.
const (
	DestroyedOtherwise DestroyCause = iota
	DestroyedByUser                 // by a client or by the REST API
	DestroyedBySystem               // empty, or left by its owner
	NumDestroyCauses   = iota
)

var destroyCauses = [NumDestroyCauses]string{"other", "user", "system"}

// String returns a label value.
func (c DestroyCause) String() string { return destroyCauses[c] }

// MemberCause says why members came or went.
type MemberCause uint8

// The causes of which members come and go.
const (
	MemberOtherwise MemberCause = iota
	MemberEntered
	MemberLeft
	MemberHeartbeatInterrupted
	MemberHeartbeatRecovered
	MemberKicked
	NumMemberCauses = iota
)

var memberCauses = [NumMemberCauses]string{"other", "enter", "leave", "heartbeat_interrupt", "heartbeat_recover", "kicked"}

// String returns a label value.
func (c MemberCause) String() string { return memberCauses[c] }

// Counters count what Tencent has told of an application, since Counts.Since. They are this
// replica's own: what others have counted is never added.
type Counters struct {
	// Events are the threshold events that were accepted.
	Events uint64
	// Created and Destroyed are the callbacks of rooms created and destroyed that were
	// accepted.
	Created   uint64
	Destroyed [NumDestroyCauses]uint64
	// Statistic has the sums of the rooms that were destroyed with one.
	Statistic
	// WithoutStatistic are the rooms that were destroyed without one.
	WithoutStatistic uint64
	// Members are the members who came and went.
	Members [NumMemberCauses]uint64
}

// DestroyedRooms is the sum over all causes.
func (c Counters) DestroyedRooms() (n uint64) {
	for _, one := range c.Destroyed {
		n += one
	}
	return n
}

// Statistic is what Tencent has counted of rooms until they were destroyed.
type Statistic struct{ Viewers, Gifts, Coins, Likes uint64 }

func (s *Statistic) addStatistic(o Statistic) {
	s.Viewers += o.Viewers
	s.Gifts += o.Gifts
	s.Coins += o.Coins
	s.Likes += o.Likes
}

// later are counts that no answer waits for: they go along with the next Batch.
type later struct {
	mu      sync.Mutex
	members map[string]*[NumMemberCauses]uint64 // by application
}

// CountLater counts a Members event with the next Batch: then it is visible, and durable. It
// does not wait for a Batch, and keeps nothing of e.
func (s *Store) CountLater(e Event) {
	s.later.mu.Lock()
	defer s.later.mu.Unlock()
	members := s.later.members[e.AppID]
	if members == nil {
		if s.later.members == nil {
			s.later.members = make(map[string]*[NumMemberCauses]uint64)
		}
		members = new([NumMemberCauses]uint64)
		s.later.members[e.AppID] = members
	}
	members[e.MemberCause] += uint64(e.Members)
}

// HasLater reports whether something was counted that waits for the next Batch.
func (s *Store) HasLater() bool {
	s.later.mu.Lock()
	defer s.later.mu.Unlock()
	return len(s.later.members) > 0
}
