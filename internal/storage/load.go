package storage

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// Changes is what one commit writes, or all that a file holds.
type Changes struct {
	state.Changes
	// Requests are queued behind those before.
	Requests []queue.Request
	// Removed are no longer queued, also if they are among Requests.
	Removed []queue.Key
}

// Empty reports whether nothing changes.
func (c Changes) Empty() bool {
	return c.Changes.Empty() && len(c.Requests)+len(c.Removed) == 0
}

// Content is what a file holds.
type Content struct {
	Changes
	// Damage is what is wrong with the file. What is in Changes was right once all the
	// same, but may not be all, or not the newest.
	Damage []error
}

// ErrNewer is the error of a file that a newer version of this program has written.
var ErrNewer = errors.New("written by a newer version")

// Read reads a file without changing it, also while an exporter writes to it. It fails
// when the file cannot be read or is of a newer version; damage is no error.
func Read(path string) (*Content, error) {
	// A page of the newest transaction is not written again before the next one is
	// complete: if none has completed meanwhile, the copy is of one transaction.
	const attempts = 100
	for range attempts {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		again, err := readMetaPages(path)
		if err != nil {
			return nil, err
		}
		if bytes.HasPrefix(data, again) {
			return parse(data)
		}
	}
	return nil, fmt.Errorf("%s changes all the time: try again", path)
}

func readMetaPages(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	pages := make([]byte, 2*os.Getpagesize())
	n, err := f.ReadAt(pages, 0)
	if n == 0 && err != nil {
		return nil, nil // empty: nothing to compare
	}
	return pages[:n], nil
}

// parse reads a copy of a file. A commit is one sync of pages that the commit before does
// not use and of the page that says where they begin, in any order. So when the newest
// one is not whole, as after a power cut, the one before still is, and has all that was
// acknowledged.
func parse(data []byte) (*Content, error) {
	metas, err := readMetas(data)
	switch {
	case errors.Is(err, errNewBolt):
		return nil, ErrNewer
	case err != nil:
		return &Content{Damage: []error{err}}, nil
	}
	c, err := parseTransaction(data, metas[0])
	if err != nil {
		return nil, err
	}
	if len(metas) == 1 {
		c.Damage = append(c.Damage, errTornMeta)
	} else if len(c.Damage) > 0 {
		before, err := parseTransaction(data, metas[1])
		if err != nil {
			return nil, err
		}
		c.fill(before.Changes)
	}
	return c, nil
}

// fill adds what c lacks of an earlier content. Page by page c may hold what is older
// still: of two records of an application the one that has counted more is newer.
func (c *Content) fill(before Changes) {
	counted := func(r state.Record) uint64 { return r.Events + r.Created + r.DestroyedRooms() }
	records := make(map[string]state.Record)
	for _, r := range slices.Concat(c.Records, before.Records) {
		if old, ok := records[r.AppID]; !ok || counted(r) > counted(old) {
			records[r.AppID] = r
		}
	}
	c.Records = slices.SortedFunc(maps.Values(records), func(a, b state.Record) int { return cmp.Compare(a.AppID, b.AppID) })

	// Not in the order of their times: our clock may have been set back.
	seen := make(map[state.Repeat]bool)
	c.Repeats = slices.DeleteFunc(slices.Concat(before.Repeats, c.Repeats), func(r state.Repeat) bool {
		known := seen[r]
		seen[r] = true
		return known
	})

	place := func(a, b queue.Request) int { return cmp.Or(cmp.Compare(a.AppID, b.AppID), cmp.Compare(a.Seq, b.Seq)) }
	forwards := slices.Concat(c.Requests, before.Requests)
	slices.SortStableFunc(forwards, place)
	c.Requests = slices.CompactFunc(forwards, func(a, b queue.Request) bool { return place(a, b) == 0 })
}

// parseTransaction reads what one transaction can reach.
func parseTransaction(data []byte, meta boltMeta) (*Content, error) {
	c := &Content{}
	var version, count, sum, xor, wantCount, wantSum uint64
	cover := func(e entry) { // of the summary
		count++
		sum += mix(e.sum())
		xor ^= uint64(e.sum())
	}
	var transaction *uint64 // of the summary
	c.Damage = walk(data, meta, func(k, value []byte) error {
		key := string(k)
		payload, err := entry{k, value}.payload()
		switch {
		case err != nil:
		case key == versionKey && len(payload) == 4:
			version = uint64(binary.BigEndian.Uint32(payload))
		case key == summaryKey && (len(payload) == 24 || len(payload) == 16):
			wantCount, wantSum, transaction = binary.BigEndian.Uint64(payload), binary.BigEndian.Uint64(payload[8:]), &meta.txid
			if len(payload) == 24 { // since version 2
				id := binary.BigEndian.Uint64(payload[16:])
				transaction = &id
			}
		case strings.HasPrefix(key, appPrefix):
			var r state.Record
			if r, err = decodeRecord(key, payload); err == nil {
				c.Records = append(c.Records, r)
				cover(entry{k, value})
			}
		case strings.HasPrefix(key, forwardPrefix):
			var f queue.Request
			if f, err = decodeForward(key, payload); err == nil {
				c.Requests = append(c.Requests, f) // keys come in the order of each application
				cover(entry{k, value})
			}
		case strings.HasPrefix(key, repeatsPrefix):
			var repeats []state.Repeat
			if repeats, err = decodeRepeats(key, payload); err == nil {
				c.Repeats = append(c.Repeats, repeats...) // keys come in the order of commits
				cover(entry{k, value})
			}
		default:
			err = fmt.Errorf("unknown key %q", key)
		}
		return err
	})
	if version > formatVersion {
		return nil, ErrNewer
	}
	if version < 3 {
		sum = xor
	}
	if version == 0 {
		c.Damage = append(c.Damage, errors.New("no format version"))
	}
	if transaction == nil || *transaction != meta.txid || count != wantCount || sum != wantSum {
		c.Damage = append(c.Damage, errors.New("values are missing, or older than the last commit"))
	}
	return c, nil
}
