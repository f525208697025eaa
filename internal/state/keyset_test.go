package state

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// The set is compared with a map. Its keys collide often: there are few slots.
func TestTheKeySetIsASet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		const most = 16
		s, want := newKeySet(most), map[uint64]bool{}
		for range 500 {
			key := random.Uint64N(40)
			if s.has(key) != want[key] {
				t.Fatalf("key %d is in the set: %v, want the opposite", key, !want[key])
			}
			if len(want) == most || want[key] && random.IntN(2) == 0 {
				key = slices.Sorted(maps.Keys(want))[random.IntN(len(want))]
				s.remove(key)
				delete(want, key)
			} else {
				s.add(key)
				want[key] = true
			}
			if got := s.all(); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
				t.Fatalf("got %d, want %v", got, want)
			}
			for key := range want {
				if !s.has(key) {
					t.Fatalf("key %d is not found", key)
				}
			}
		}
	}
}

// all returns the keys in ascending order.
func (s *keySet) all() []uint64 {
	var keys []uint64
	if s.zero {
		keys = append(keys, 0)
	}
	for _, key := range s.slots {
		if key != 0 {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
