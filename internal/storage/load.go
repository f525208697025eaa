package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// Content is what a file holds.
type Content struct {
	state.Changes
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

// parse reads a copy of a file.
func parse(data []byte) (*Content, error) {
	c, sums := &Content{}, newLedger()
	var version, wantCount, wantXor uint64
	var summary bool
	damage, err := walk(data, func(k, value []byte) {
		key := string(k)
		payload, err := entry{k, value}.payload()
		switch {
		case err != nil:
		case key == versionKey && len(payload) == 4:
			version = uint64(binary.BigEndian.Uint32(payload))
		case key == summaryKey && len(payload) == 16:
			summary, wantCount, wantXor = true, binary.BigEndian.Uint64(payload), binary.BigEndian.Uint64(payload[8:])
		case strings.HasPrefix(key, appPrefix):
			var r state.Record
			if r, err = decodeRecord(key, payload); err == nil {
				c.Records = append(c.Records, r)
				sums.put(entry{k, value})
			}
		case strings.HasPrefix(key, forwardPrefix):
			var f state.Forward
			if f, err = decodeForward(key, payload); err == nil {
				c.Forwards = append(c.Forwards, f) // keys come in the order of each application
				sums.put(entry{k, value})
			}
		case strings.HasPrefix(key, repeatsPrefix):
			var repeats []state.Repeat
			if repeats, err = decodeRepeats(key, payload); err == nil {
				c.Repeats = append(c.Repeats, repeats...) // keys come in the order of commits
				sums.add(entry{k, value}, repeats)
			}
		default:
			err = fmt.Errorf("unknown key %q", key)
		}
		if err != nil {
			c.Damage = append(c.Damage, err)
		}
	})
	switch {
	case errors.Is(err, errNewBolt), version > formatVersion:
		return nil, ErrNewer
	case err != nil:
		c.Damage = append(c.Damage, err)
		return c, nil
	}
	c.Damage = append(c.Damage, damage...)
	if version == 0 {
		c.Damage = append(c.Damage, errors.New("no format version"))
	}
	if !summary || sums.count() != wantCount || uint64(sums.xor) != wantXor {
		c.Damage = append(c.Damage, errors.New("values are missing, or older than the last commit"))
	}
	return c, nil
}
