package relay

import (
	"encoding/binary"
	"errors"
	"net/http"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// packVersion is the first byte of what pack returns.
const packVersion = 1

var errPacked = errors.New("malformed, or packed by another version")

// pack returns the encoding of p with the delivery id: packVersion, id, path, query, the number
// of header fields, the name and value of each, and the body. Each text but the body follows its
// length. Numbers are varints.
func (p parcel) pack(id string) []byte {
	n, fields := len(id)+len(p.path)+len(p.query)+len(p.body)+5*binary.MaxVarintLen32, 0
	for key, values := range p.header {
		for _, value := range values {
			n += len(key) + len(value) + 2*binary.MaxVarintLen32
			fields++
		}
	}
	b := append(make([]byte, 0, n), packVersion)
	add := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	add(id)
	add(p.path)
	add(p.query)
	b = binary.AppendUvarint(b, uint64(fields))
	for key, values := range p.header {
		for _, value := range values {
			add(key)
			add(value)
		}
	}
	return append(b, p.body...)
}

// commandOf returns the command in the query of a queued callback.
func commandOf(r queue.Request) string {
	p, _, err := unpack(r.Data)
	if err != nil {
		return ""
	}
	query, _ := tuilivekit.ParseQuery(p.query) // the handler has parsed it before
	return query.Command
}

// unpack decodes the result of pack. The body of p is a part of b.
func unpack(b []byte) (p parcel, id string, err error) {
	if len(b) == 0 || b[0] != packVersion {
		return parcel{}, "", errPacked
	}
	b = b[1:]
	number := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			err, b = errPacked, nil
			return 0
		}
		b = b[n:]
		return v
	}
	text := func() (s string) {
		n := number()
		if n > uint64(len(b)) {
			err, b = errPacked, nil
			return ""
		}
		s, b = string(b[:n]), b[n:]
		return s
	}
	id, p.path, p.query = text(), text(), text()
	p.header = http.Header{"User-Agent": nil} // or net/http writes its own
	for n := number(); n > 0 && err == nil; n-- {
		key := text()
		p.header[key] = append(p.header[key], text())
	}
	if err != nil {
		return parcel{}, "", err
	}
	p.body = b
	return p, id, nil
}
