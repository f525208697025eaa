package storage

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
)

// Reading a bbolt file without bbolt, which trusts what it reads: a broken page makes
// it panic, loop, or return another page's content. What follows checks every offset,
// visits no page twice, and goes on past what is broken. The layout is that of bbolt's
// file format, version 2, which has not changed since 2014.

const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	pageHeaderSize  = 16 // id 8, flags 2, count 2, overflow 4
	pageElementSize = 16
	metaSize        = 64
	bucketSize      = 16 // root page 8, sequence 8

	branchPage = 0x01
	leafPage   = 0x02
	bucketFlag = 0x01 // of a leaf element

	maxPageDepth = 64
)

// order is that of the machine that wrote the file: bbolt maps its structures as they are.
var order = binary.NativeEndian

var (
	errNotBolt  = errors.New("no valid meta page")
	errNewBolt  = errors.New("the file is of a newer bbolt")
	errTornMeta = errors.New("one of the two meta pages is not valid")
)

type boltMeta struct {
	pageSize, root, pages, txid uint64
}

// walker reads the leaves of one file.
type walker struct {
	data    []byte
	meta    boltMeta
	visited map[uint64]bool
	last    []byte                    // the key before
	leaf    func(key, v []byte) error // of the bucket, in the order of keys
	bucket  []byte                    // value of the bucket's element
	damage  []error
}

// walk calls leaf for each key and value of the bucket that the transaction of meta can
// reach in a copy of a bbolt file, and returns what is broken, the errors of leaf too, each
// with its place in the file.
func walk(data []byte, meta boltMeta, leaf func(key, value []byte) error) (damage []error) {
	w := &walker{data: data, meta: meta, visited: make(map[uint64]bool)}
	if meta.pages*meta.pageSize > uint64(len(data)) {
		w.broken(uint64(len(data))/meta.pageSize, "and those behind it are cut off")
	}
	// The root bucket has one key, our bucket.
	w.leaf = func(key, value []byte) error {
		if string(key) == bucketName {
			w.bucket = value
		}
		return nil
	}
	w.page(meta.root, nil, 0)
	if len(w.bucket) < bucketSize {
		w.broken(0, fmt.Sprintf("no bucket %q", bucketName))
		return w.damage
	}
	w.leaf, w.last = leaf, nil
	if root := order.Uint64(w.bucket); root != 0 {
		w.page(root, nil, 0)
	} else { // a small bucket lies within its element
		w.elements(w.bucket[bucketSize:], meta.root, nil, 0)
	}
	return w.damage
}

func (w *walker) broken(page uint64, what string) {
	w.damage = append(w.damage, fmt.Errorf("page %d, offset %d: %s", page, page*w.meta.pageSize, what))
}

// readMetas returns the valid meta pages, that of the newest transaction first. The
// error says why there is none, or that one is of a newer bbolt.
func readMetas(data []byte) (metas []boltMeta, err error) {
	newer := false
	try := func(offset, id uint64) {
		if offset+pageHeaderSize+metaSize > uint64(len(data)) || order.Uint64(data[offset:]) != id {
			return
		}
		b := data[offset+pageHeaderSize:][:metaSize]
		h := fnv.New64a()
		h.Write(b[:metaSize-8])
		if order.Uint32(b) != boltMagic || order.Uint64(b[metaSize-8:]) != h.Sum64() {
			return
		}
		if order.Uint32(b[4:]) > boltVersion {
			newer = true
			return
		}
		m := boltMeta{uint64(order.Uint32(b[8:])), order.Uint64(b[16:]), order.Uint64(b[40:]), order.Uint64(b[48:])}
		if m.txid%2 == id && m.pageSize >= 512 && m.pageSize&(m.pageSize-1) == 0 { // each transaction has its page
			metas = append(metas, m)
		}
	}
	try(0, 0)
	if len(metas) == 0 { // where the second one is depends on the page size
		for size := uint64(1 << 10); size <= 1<<16 && len(metas) == 0; size *= 2 {
			try(size, 1)
		}
	} else {
		try(metas[0].pageSize, 1)
	}
	switch {
	case newer:
		return nil, errNewBolt
	case len(metas) == 0:
		return nil, errNotBolt
	}
	slices.SortFunc(metas, func(a, b boltMeta) int { return cmp.Compare(b.txid, a.txid) })
	return metas, nil
}

// page reads a page and those below it. Its keys must be at least least.
func (w *walker) page(id uint64, least []byte, depth int) {
	size := w.meta.pageSize
	switch {
	case id < 2 || id >= w.meta.pages || (id+1)*size > uint64(len(w.data)):
		w.broken(id, "is outside of the file")
		return
	case w.visited[id]:
		w.broken(id, "is there twice")
		return
	case depth > maxPageDepth:
		w.broken(id, "is too deep")
		return
	}
	start := id * size
	overflow := uint64(order.Uint32(w.data[start+12:]))
	if order.Uint64(w.data[start:]) != id || id+overflow >= w.meta.pages || (id+overflow+1)*size > uint64(len(w.data)) {
		w.broken(id, "has a broken header")
		return
	}
	for i := range overflow + 1 {
		w.visited[id+i] = true
	}
	w.elements(w.data[start:start+(overflow+1)*size], id, least, depth)
}

// elements reads the elements of a page.
func (w *walker) elements(page []byte, id uint64, least []byte, depth int) {
	if len(page) < pageHeaderSize {
		w.broken(id, "is cut")
		return
	}
	flags, count := order.Uint16(page[8:]), int(order.Uint16(page[10:]))
	if flags != branchPage && flags != leafPage {
		w.broken(id, "is neither branch nor leaf")
		return
	}
	if pageHeaderSize+count*pageElementSize > len(page) {
		w.broken(id, "has too many elements")
		return
	}
	for i := range count {
		at := uint64(pageHeaderSize + i*pageElementSize)
		e := page[at:][:pageElementSize]
		var pos, keySize, valueSize, child uint64
		var element uint32
		if flags == branchPage {
			pos, keySize, child = uint64(order.Uint32(e)), uint64(order.Uint32(e[4:])), order.Uint64(e[8:])
		} else {
			element, pos, keySize, valueSize = order.Uint32(e), uint64(order.Uint32(e[4:])), uint64(order.Uint32(e[8:])), uint64(order.Uint32(e[12:]))
		}
		if at+pos+keySize+valueSize > uint64(len(page)) {
			w.broken(id, fmt.Sprintf("element %d points outside of it", i))
			continue
		}
		key, value := page[at+pos:][:keySize], page[at+pos+keySize:][:valueSize]
		// A key out of order would lead a search, and so the next write, astray.
		if bytes.Compare(key, least) < 0 || w.last != nil && bytes.Compare(key, w.last) <= 0 {
			w.broken(id, fmt.Sprintf("element %d is out of order", i))
			continue
		}
		switch {
		case flags == branchPage:
			w.page(child, key, depth+1)
		case element&^bucketFlag != 0 || (element == bucketFlag) != (w.bucket == nil):
			w.broken(id, fmt.Sprintf("element %d has broken flags", i))
		default:
			w.last = key
			if err := w.leaf(key, value); err != nil {
				w.broken(id, err.Error())
			}
		}
	}
}
