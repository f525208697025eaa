package state

import (
	"math/bits"
	"math/rand/v2"
)

// keySet is a set of keys: a hash table with open addressing, without pointers, at most half full.
// A key is likely found in the first cache line that is read. It is not safe for concurrent use.
type keySet struct {
	slots []uint64 // 0 is an empty slot. The length is a power of two
	shift int      // 64 minus the binary logarithm of the length
	seed  uint64   // random, so that senders cannot choose keys that collide
	zero  bool     // the set has the key 0
}

// newKeySet returns an empty set for at most max keys, which must be a power of two.
func newKeySet(max int) keySet {
	slots := make([]uint64, 2*max)
	return keySet{slots: slots, shift: 64 - bits.TrailingZeros(uint(len(slots))), seed: rand.Uint64() | 1}
}

// home returns the index of the slot at which the search for key begins.
func (s *keySet) home(key uint64) int { return int(key * s.seed >> s.shift) }

// has reports whether key is in the set.
func (s *keySet) has(key uint64) bool {
	if key == 0 || len(s.slots) == 0 {
		return s.zero
	}
	return s.slots[s.find(key)] != 0
}

// find returns the index of the slot of key, or of the empty slot for it.
func (s *keySet) find(key uint64) int {
	mask := len(s.slots) - 1
	i := s.home(key)
	for s.slots[i] != key && s.slots[i] != 0 {
		i = (i + 1) & mask
	}
	return i
}

// add adds key. There must be fewer than max keys.
func (s *keySet) add(key uint64) {
	if key == 0 {
		s.zero = true
		return
	}
	s.slots[s.find(key)] = key
}

// remove removes key, which must be in the set. Keys behind it move forward, so that the search
// for a key can end at an empty slot.
func (s *keySet) remove(key uint64) {
	if key == 0 {
		s.zero = false
		return
	}
	mask := len(s.slots) - 1
	free := s.home(key)
	for s.slots[free] != key {
		free = (free + 1) & mask
	}
	for i := (free + 1) & mask; s.slots[i] != 0; i = (i + 1) & mask {
		if next := s.slots[i]; (i-s.home(next))&mask >= (i-free)&mask {
			s.slots[free] = next
			free = i
		}
	}
	s.slots[free] = 0
}
