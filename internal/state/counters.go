package state

import "sync"

// DestroyCause is the cause of which a room was destroyed.
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

// MemberCause is the cause of which members entered or left.
type MemberCause uint8

// The causes of which members enter and leave.
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

// Counters count the callbacks of an application that this replica has accepted since
// Counts.Since. The counts of other replicas are never added.
type Counters struct {
	// Events is the number of threshold events.
	Events uint64
	// Created is the number of callbacks of rooms created.
	Created uint64
	// Destroyed is the number of callbacks of rooms destroyed, by cause.
	Destroyed [NumDestroyCauses]uint64
	// Statistic has the sums of the statistics of destroyed rooms.
	Statistic
	// WithoutStatistic is the number of destroyed rooms without a statistic.
	WithoutStatistic uint64
	// Members is the number of members who entered and left, by cause.
	Members [NumMemberCauses]uint64
}

// DestroyedRooms returns the number of callbacks of rooms destroyed, of all causes.
func (c Counters) DestroyedRooms() (n uint64) {
	for _, one := range c.Destroyed {
		n += one
	}
	return n
}

// Statistic has Tencent's statistics of destroyed rooms.
type Statistic struct{ Viewers, Gifts, Coins, Likes uint64 }

func (s *Statistic) addStatistic(o Statistic) {
	s.Viewers += o.Viewers
	s.Gifts += o.Gifts
	s.Coins += o.Coins
	s.Likes += o.Likes
}

// later has the counts of CountLater, which the next Batch takes.
type later struct {
	mu      sync.Mutex
	members map[string]*[NumMemberCauses]uint64 // by application
}

// CountLater counts a Members event with the next Batch, which makes it visible and durable. It
// does not block for a Batch and does not keep e.
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

// HasLater reports whether CountLater has counted an event that no Batch has taken yet.
func (s *Store) HasLater() bool {
	s.later.mu.Lock()
	defer s.later.mu.Unlock()
	return len(s.later.members) > 0
}
