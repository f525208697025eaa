package tuilivekit

import (
	"bytes"
)

// maxDepth is the largest depth of nested objects and arrays, maxMembers the largest number of members
// of the outermost object. Documented bodies reach 4 and 17.
const (
	maxDepth   = 32
	maxMembers = 256
)

// The problems of a body or of a field. They are parts of public answers.
const (
	notJSON      = "not valid JSON"
	notUTF8      = "not valid UTF-8"
	notObject    = "not a JSON object"
	trailingData = "trailing data"
	tooDeep      = "nested too deeply"
	tooMany      = "too many members"
)

// members walks over the members of one JSON object, in one pass and without
// allocating. It accepts exactly the grammar of RFC 8259, down to maxDepth. data must hold
// nothing but the object.
//
//	for m.next() {
//		… m.key, m.value …
//	}
//	if m.problem != "" { … }
type members struct {
	data    []byte
	pos     int
	n       int  // members so far
	deep    bool // a value nests deeper than maxDepth: below that only its brackets are checked
	escapes bool // a string has had an escape
	begun   bool
	done    bool

	key     []byte // name of the current member, without escapes
	value   []byte // its value, raw and valid JSON, part of data
	problem string // why the walk ended early
}

func walk(data []byte) members { return members{data: data} }

// begin steps over the opening of the object.
func (m *members) begin() {
	m.begun = true
	m.space()
	if !m.take('{') {
		m.problem = notJSON
		if m.pos < len(m.data) && m.skip(0) && m.end() {
			m.problem = notObject
		}
	}
}

// next moves to the next member. On a malformed value, key is that member's name.
func (m *members) next() bool {
	if !m.begun {
		m.begin()
	}
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
	m.escapes = false
	if !m.string() {
		return m.fail(notJSON)
	}
	if m.key = m.data[start+1 : m.pos-1]; m.escapes {
		m.key = text(m.data[start:m.pos])
	}
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

// skip steps over one value. depth is the number of open objects and arrays.
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

// elements returns the number of elements of an array, 0 if raw is no array.
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

// trimBOM removes one leading byte order mark, which RFC 8259 (section 8.1) lets a
// reader ignore.
func trimBOM(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\uFEFF")) }
