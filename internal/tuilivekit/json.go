package tuilivekit

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
)

// maxDepth is how deep objects and arrays may nest, and maxMembers how many
// members the outermost object may have. Documented bodies reach 4 and 17.
const (
	maxDepth   = 32
	maxMembers = 256
)

// What can be wrong with a body or a field of it; parts of public answers.
const (
	notJSON      = "not valid JSON"
	notUTF8      = "not valid UTF-8"
	notObject    = "not a JSON object"
	trailingData = "trailing data"
	tooDeep      = "nested too deeply"
	tooMany      = "too many members"
)

// members walks over the members of one JSON object, in one pass and without
// allocating. It takes exactly what RFC 8259 allows, down to maxDepth; the object must be
// all that data holds.
//
//	for m.next() {
//		… m.key, m.value …
//	}
//	if m.problem != "" { … }
type members struct {
	data []byte
	pos  int
	n    int  // members so far
	deep bool // a value nests deeper than maxDepth: below that only its brackets are checked
	done bool

	key     []byte // name of the current member, without escapes
	value   []byte // its value, raw and valid JSON, part of data
	problem string // what ended the walk early
}

func walk(data []byte) members {
	m := members{data: data}
	m.space()
	if !m.take('{') {
		m.problem = notJSON
		if m.pos < len(data) && m.skip(0) && m.end() {
			m.problem = notObject
		}
	}
	return m
}

// next moves to the next member. On a malformed value, key is that member's name.
func (m *members) next() bool {
	if m.problem != "" || m.done {
		return false
	}
	m.key, m.value = nil, nil
	m.space()
	if m.n == 0 && m.take('}') {
		return m.finish()
	}
	if m.n > 0 {
		if m.take('}') {
			return m.finish()
		}
		if !m.take(',') {
			return m.fail(notJSON)
		}
		m.space()
	}
	m.n++
	start := m.pos
	if !m.string() {
		return m.fail(notJSON)
	}
	m.key = text(m.data[start:m.pos])
	m.space()
	if !m.take(':') {
		return m.fail(notJSON)
	}
	m.space()
	start = m.pos
	if !m.skip(1) {
		return m.fail(notJSON)
	}
	m.value = m.data[start:m.pos]
	return true
}

func (m *members) finish() bool {
	m.done = true
	if !m.end() {
		m.fail(trailingData)
	}
	return false
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

// take steps over c if it is next.
func (m *members) take(c byte) bool {
	if m.pos < len(m.data) && m.data[m.pos] == c {
		m.pos++
		return true
	}
	return false
}

// skip steps over one value; depth is how many objects and arrays are open.
func (m *members) skip(depth int) bool {
	if m.pos == len(m.data) {
		return false
	}
	switch c := m.data[m.pos]; {
	case c == '"':
		return m.string()
	case c == '{' || c == '[':
		if depth == maxDepth {
			m.deep = true
			return m.brackets()
		}
		return m.composite(c, depth+1)
	case c == '-' || '0' <= c && c <= '9':
		return m.number()
	}
	return m.literal("true") || m.literal("false") || m.literal("null")
}

// composite steps over an object or an array, whose opening is next.
func (m *members) composite(opening byte, depth int) bool {
	closing := opening + 2 // of both pairs, in ASCII
	m.pos++
	m.space()
	if m.take(closing) {
		return true
	}
	for {
		if opening == '{' {
			if !m.string() {
				return false
			}
			m.space()
			if !m.take(':') {
				return false
			}
			m.space()
		}
		if !m.skip(depth) {
			return false
		}
		m.space()
		if m.take(closing) {
			return true
		}
		if !m.take(',') {
			return false
		}
		m.space()
	}
}

// brackets steps over an object or an array, whose opening is next, however deep it nests.
// It counts brackets and checks no grammar.
func (m *members) brackets() bool {
	for open := 0; m.pos < len(m.data); {
		switch m.data[m.pos] {
		case '"':
			if !m.string() {
				return false
			}
			continue
		case '{', '[':
			open++
		case '}', ']':
			open--
		}
		if m.pos++; open == 0 {
			return true
		}
	}
	return false
}

// elements returns how many elements an array has, 0 if raw is none.
func elements(raw []byte) int {
	m := members{data: raw}
	if !m.take('[') {
		return 0
	}
	if m.space(); m.take(']') {
		return 0
	}
	for n := 1; ; n++ {
		if m.space(); !m.skip(1) {
			return 0
		}
		m.space()
		if m.take(']') {
			return n
		}
		if !m.take(',') {
			return 0
		}
	}
}

func (m *members) literal(word string) bool {
	if len(m.data)-m.pos < len(word) || string(m.data[m.pos:m.pos+len(word)]) != word {
		return false
	}
	m.pos += len(word)
	return true
}

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
	}
}

// plain returns how many bytes at the start of data are part of a string and neither its
// end nor the start of an escape. It looks at eight bytes at a time, then at each by
// itself.
func plain(data []byte) int {
	i := 0
	for ; i+8 <= len(data); i += 8 {
		if hasSpecial(binary.LittleEndian.Uint64(data[i:])) {
			break
		}
	}
	for i < len(data) && data[i] >= ' ' && data[i] != '"' && data[i] != '\\' {
		i++
	}
	return i
}

// hasSpecial reports whether one of eight bytes is a control character, a quotation mark or
// a backslash. Subtracting a bound from each byte sets the high bit of the lowest byte below
// the bound; without such a byte nothing borrows, and bytes of 0x80 and above are masked.
func hasSpecial(x uint64) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quotes, backslashes := x^ones*'"', x^ones*'\\'
	return ((x-ones*' ')&^x|(quotes-ones)&^quotes|(backslashes-ones)&^backslashes)&highs != 0
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
	start := m.pos
	for m.pos < len(m.data) && '0' <= m.data[m.pos] && m.data[m.pos] <= '9' {
		m.pos++
	}
	return m.pos > start
}

// text returns what a valid JSON string stands for. Without escapes, as all
// documented names are, that is a part of raw.
func text(raw []byte) []byte {
	inner := raw[1 : len(raw)-1]
	for _, c := range inner {
		if c == '\\' {
			var s string
			if json.Unmarshal(raw, &s) != nil {
				return nil // not reached: raw is valid
			}
			return []byte(s)
		}
	}
	return inner
}

// trimBOM removes one leading byte order mark, which RFC 8259 (section 8.1) lets a
// reader ignore.
func trimBOM(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\uFEFF")) }
