package tuilivekit

import (
	"bytes"
	"unicode/utf8"
)

// glance sets values to the first raw value of each member named in names, in the same order, as far as
// the body of m can be read. Only the first of names, the command, must be unambiguous.
func glance(m *members, names []string, values [][]byte) error {
	values[0] = m.behindCommand()
	for m.next() {
		switch i := lookup(names, m.key); {
		case i < 0:
			if bytes.EqualFold(m.key, []byte(fieldCommand)) {
				return &FieldError{fieldCommand, wrongCase}
			}
		case values[i] == nil:
			values[i] = m.value
		case i == 0:
			return &FieldError{fieldCommand, givenTwice}
		}
	}
	return nil
}

// behindCommand moves m behind the command and returns its value, if m is there and the command is the
// first member, as in Tencent's bodies. Else it moves m to the start of the body and returns nil.
func (m *members) behindCommand() (command []byte) {
	if m.n == 1 && string(m.key) == fieldCommand && m.problem == "" {
		return m.value
	}
	*m = walk(m.data)
	return nil
}

// collectBody collects the fields of the whole body of m. The first of names is the command.
func collectBody(m *members, names []string, values [][]byte) error {
	if len(m.data) == 0 {
		return &FieldError{bodyField, "empty"}
	}
	if !utf8.Valid(m.data) {
		return &FieldError{bodyField, notUTF8}
	}
	values[0] = m.behindCommand()
	return collect(m, names, values)
}

// collect sets values to the raw value of each member named in names, in the same order. It refuses
// these names in another letter case.
func collect(m *members, names []string, values [][]byte) error {
	for m.next() {
		i := lookup(names, m.key)
		switch {
		case m.deep:
			return &FieldError{bodyField, tooDeep}
		case m.n > maxMembers:
			return &FieldError{bodyField, tooMany}
		case i < 0:
			for _, name := range names {
				if bytes.EqualFold(m.key, []byte(name)) {
					return &FieldError{name, wrongCase}
				}
			}
		case values[i] != nil:
			return &FieldError{names[i], givenTwice}
		default:
			values[i] = m.value
		}
	}
	if m.problem != "" {
		if i := lookup(names, m.key); i >= 0 {
			return &FieldError{names[i], m.problem}
		}
		return &FieldError{bodyField, m.problem}
	}
	return nil
}

func lookup(names []string, key []byte) int {
	for i, name := range names {
		if string(key) == name {
			return i
		}
	}
	return -1
}
