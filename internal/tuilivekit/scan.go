package tuilivekit

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/bits"
)

func (m *members) string() bool {
	if !m.take('"') {
		return false
	}
	for {
		rest := m.data[m.pos:]
		i := plain(rest)
		if i == len(rest) {
			return false
		}
		m.pos += i + 1
		switch c := rest[i]; {
		case c == '"':
			return true
		case c < ' ' || !m.escape():
			return false
		}
		m.escapes = true
	}
}

// plain returns the number of bytes at the start of data that are part of a string, and neither its end
// nor the start of an escape. It looks at eight bytes at a time, then at single bytes.
func plain(data []byte) int {
	i := 0
	for ; i+8 <= len(data); i += 8 {
		if found := special(binary.LittleEndian.Uint64(data[i:])); found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(data) && data[i] >= ' ' && data[i] != '"' && data[i] != '\\' {
		i++
	}
	return i
}

// special marks those of eight bytes that are a control character, a quotation mark or a backslash: the
// lowest bit that is set in the result is in the lowest of them. The result is 0 if there is none.
// Subtracting a bound from each byte sets the high bit of the lowest byte below the bound. Without such
// a byte nothing borrows, and bytes of 0x80 and above are masked. Bytes above the lowest may be marked
// wrongly.
func special(x uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quotes, backslashes := x^ones*'"', x^ones*'\\'
	return ((x-ones*' ')&^x | (quotes-ones)&^quotes | (backslashes-ones)&^backslashes) & highs
}

// escape steps over the rest of an escape, behind its backslash.
func (m *members) escape() bool {
	if m.pos == len(m.data) {
		return false
	}
	c := m.data[m.pos]
	m.pos++
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		if len(m.data)-m.pos < 4 {
			return false
		}
		for range 4 {
			c := m.data[m.pos] | 0x20 // lower case
			if (c < '0' || c > '9' || m.data[m.pos] < '0') && (c < 'a' || c > 'f') {
				return false
			}
			m.pos++
		}
		return true
	}
	return false
}

// text returns the value of a valid JSON string. If the string has no escapes, as all documented names,
// the value is a part of raw.
func text(raw []byte) []byte {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return nil // not reached: raw is valid
	}
	return []byte(s)
}

// fail ends the walk; the first problem stays.
func (m *members) fail(problem string) bool {
	if m.problem == "" {
		m.problem = problem
	}
	return false
}

func (m *members) end() bool {
	m.space()
	return m.pos == len(m.data)
}

func (m *members) space() {
	for m.pos < len(m.data) {
		switch m.data[m.pos] {
		case ' ', '\t', '\n', '\r':
			m.pos++
		default:
			return
		}
	}
}

// take steps over c if c is the next byte.
func (m *members) take(c byte) bool {
	if m.pos < len(m.data) && m.data[m.pos] == c {
		m.pos++
		return true
	}
	return false
}

func (m *members) literal(word string) bool {
	if len(m.data)-m.pos < len(word) || string(m.data[m.pos:m.pos+len(word)]) != word {
		return false
	}
	m.pos += len(word)
	return true
}

func (m *members) number() bool {
	m.take('-')
	if !m.take('0') && !m.digits() {
		return false
	}
	if m.take('.') && !m.digits() {
		return false
	}
	if m.take('e') || m.take('E') {
		if !m.take('+') {
			m.take('-')
		}
		return m.digits()
	}
	return true
}

// digits steps over one digit or more.
func (m *members) digits() bool {
	end := m.pos
	for end < len(m.data) && '0' <= m.data[end] && m.data[end] <= '9' {
		end++
	}
	some := end > m.pos
	m.pos = end
	return some
}
