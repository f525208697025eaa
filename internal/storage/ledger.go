package storage

import (
	"slices"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// ledger knows what the file holds, as far as the next commit needs it: the sums for
// the summary, and which repeats are too old.
type ledger struct {
	sums    map[string]uint32 // of the records and of what waits for backends, by key
	sum     uint64            // of these and of those of batches, mixed
	batches []batch           // the repeats of single commits, oldest first
	repeats int               // in all batches
	seq     uint64            // of the newest batch
}

// batch is small: there is one for each commit of ten minutes.
type batch struct {
	seq    uint64
	newest int64 // receipt of its last event, Unix milliseconds
	n      int32
	sum    uint32
}

func newLedger() *ledger { return &ledger{sums: make(map[string]uint32)} }

// plan returns what makes a file that holds the ledger hold changes too, and notes
// that it does. If it is not done the ledger is wrong: begin a new one.
func (l *ledger) plan(changes Changes) (w write) {
	for _, r := range changes.Records {
		w.puts = append(w.puts, l.put(recordEntry(r)))
	}
	for repeats := range slices.Chunk(changes.Repeats, maxBatch) {
		w.deletes = append(w.deletes, l.expire(repeats)...)
		l.seq++
		e := repeatsEntry(l.seq, repeats)
		l.add(e, repeats)
		w.puts = append(w.puts, e)
	}
	for _, f := range changes.Requests {
		w.puts = append(w.puts, l.put(forwardEntry(f)))
	}
	for _, k := range changes.Removed {
		key := forwardKey(k)
		l.remove(key)
		w.deletes = append(w.deletes, key)
	}
	w.count, w.sum = l.count(), l.sum
	return w
}

// count returns how many values the summary covers.
func (l *ledger) count() uint64 { return uint64(len(l.sums) + len(l.batches)) }

// expire forgets the batches that are too old once repeats come, or too many, and
// returns their keys.
func (l *ledger) expire(repeats []state.Repeat) (keys []string) {
	newest := repeats[len(repeats)-1].At
	for len(l.batches) > 0 && (newest-l.batches[0].newest > state.RepeatWindow.Milliseconds() || l.repeats+len(repeats) > state.MaxRepeats) {
		old := l.batches[0]
		l.batches = l.batches[1:]
		l.repeats -= int(old.n)
		l.sum -= mix(old.sum)
		keys = append(keys, repeatsKey(old.seq))
	}
	return keys
}

// add notes the newest batch, which e holds under the key of l.seq. It is not empty.
func (l *ledger) add(e entry, repeats []state.Repeat) {
	l.batches = append(l.batches, batch{l.seq, repeats[len(repeats)-1].At, int32(len(repeats)), e.sum()})
	l.repeats += len(repeats)
	l.sum += mix(e.sum())
}

// remove notes that key, which is of no batch, is gone, if it was there.
func (l *ledger) remove(key string) {
	if old, ok := l.sums[key]; ok {
		l.sum -= mix(old)
		delete(l.sums, key)
	}
}

// put notes that e, which is no batch, takes the place of what has its key.
func (l *ledger) put(e entry) entry {
	key := string(e.key)
	l.remove(key)
	l.sums[key] = e.sum()
	l.sum += mix(e.sum())
	return e
}
