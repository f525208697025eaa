package reconcile

import (
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// TestRecountWhileRoomsOpenAndClose is the promise: 5,000 rooms, of which 1,000 are not on the
// list, are known exactly although 100 creations and 100 closings were lost before, and while half
// of them change, 50 a second, and 250 viewers a second enter, so that every room moves on the list
// every 20 s. Never more than 2 calls a second are made. No room stays open that is closed. A room
// whose creation was lost is missed as long as it overtakes the cursor whenever the list is read:
// most of the 100 are found by the first recount, and all by the fourth at the latest.
func TestRecountWhileRoomsOpenAndClose(t *testing.T) {
	certified()
	for _, tc := range []struct {
		name string
		skew time.Duration
	}{
		{"the clocks agree", 0},
		{"Tencent's clock is 5 s ahead", 5 * time.Second},
		{"Tencent's clock is 5 s behind", -5 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.skew != 0 && os.Getenv("THOROUGH") == "" {
				t.Skip("make thorough runs this one too")
			}
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.skew = tc.skew
				for i := range 2500 {
					how := heard
					if i%25 == 0 {
						how = lost
					}
					w.open(how, i%5 == 1)
				}
				w.keepAll()
				for i := range 2600 {
					w.open(heard, i%5 == 1)
				}
				for range 100 {
					w.closeAny(lost)
				}
				time.Sleep(time.Minute)
				client, closeAll := connect(t, w.api, tc.skew)
				defer closeAll()
				if missing, extra := w.wrong(); missing != 100 || extra != 100 {
					t.Fatalf("%d missing, %d extra: nothing is wrong yet", missing, extra)
				}

				moving := make(chan struct{})
				var movers sync.WaitGroup
				movers.Go(func() {
					for tick := time.NewTicker(20 * time.Millisecond); ; {
						select {
						case <-tick.C:
							w.open(heard, w.n%5 == 1)
							w.closeAny(heard)
							for range 5 {
								w.enter()
							}
						case <-moving:
							tick.Stop()
							return
						}
					}
				})
				stop := w.start(client, 10*time.Minute, 2)
				exact := 0
				for recount := 1; ; recount++ {
					for w.counts().recounts.Load() < uint64(recount) {
						time.Sleep(time.Second)
					}
					missing, extra := w.wrong()
					t.Logf("after recount %d: %d missing, %d extra, %d calls in %v", recount, missing, extra, w.counts().calls.Load(), time.Duration(w.counts().duration.Load()))
					if missing+extra == 0 {
						if exact++; exact == 2 {
							break
						}
						continue
					}
					if extra > 0 || missing > 10 || recount == 4 {
						t.Errorf("after recount %d: %d missing, %d extra", recount, missing, extra)
						break
					}
				}
				if failures := w.counts().failures.Load(); failures > 0 {
					t.Errorf("%d recounts failed: %s", failures, w.log)
				}
				stop()
				close(moving)
				movers.Wait()
				if missing, extra := w.wrong(); missing+extra > 0 {
					t.Errorf("at the end %d are missing, %d extra", missing, extra)
				}
				if peak := w.api.Peak(app); peak > 2 {
					t.Errorf("%d calls within a second", peak)
				}
			})
		})
	}
}

// Rooms of which only the hash is known, from before the process began, cannot be asked about.
func TestRoomsKnownByTheirHash(t *testing.T) {
	certified()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for range 60 {
			w.open(before, false)
		}
		for range 30 {
			w.closeAny(lost)
		}
		time.Sleep(time.Minute)
		client, closeAll := connect(t, w.api, 0)
		defer closeAll()
		stop := w.start(client, 10*time.Minute, 2)
		defer stop()
		for i, want := range []int{30, 0} { // closed by the second list that does not have them
			w.waitFor(uint64(i + 1))
			if missing, extra := w.wrong(); missing != 0 || extra != want {
				t.Errorf("after recount %d: %d missing, %d extra, want %d", i+1, missing, extra, want)
			}
		}
	})
}

// An event of a room that came meanwhile keeps it open.
func TestRoomKnownByItsHashWithANewerEvent(t *testing.T) {
	certified()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.open(heard, false)
		w.open(before, true) // room-2, not on the list
		time.Sleep(time.Minute)
		client, closeAll := connect(t, w.api, 0)
		defer closeAll()
		stop := w.start(client, 10*time.Minute, 2)
		defer stop()
		w.waitFor(1)
		w.event("room-2", state.Created)
		w.waitFor(2)
		if missing, extra := w.wrong(); missing+extra != 0 {
			t.Errorf("%d missing, %d extra", missing, extra)
		}
	})
}

// A room that opens again under the same id while it is asked about stays open.
func TestRoomThatOpensAgain(t *testing.T) {
	certified()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.open(heard, false)
		w.closeAny(lost)
		time.Sleep(time.Minute)
		client, closeAll := connect(t, w.api, 0)
		defer closeAll()
		stop := w.start(reopening{client, w}, 10*time.Minute, 2)
		defer stop()
		w.waitFor(1)
		if missing, extra := w.wrong(); missing+extra != 0 {
			t.Errorf("%d missing, %d extra", missing, extra)
		}
	})
}

func (w *world) waitFor(recounts uint64) {
	w.t.Helper()
	for i := 0; w.counts().recounts.Load() < recounts; i++ {
		if i > 100_000 {
			w.t.Fatalf("no recount %d: %s", recounts, w.log)
		}
		time.Sleep(time.Second)
	}
}
