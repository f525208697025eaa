package tuilivekit

import (
	"bytes"
	"strconv"
)

// MaxCount is the largest room count that makes sense.
const MaxCount = 1_000_000_000

// minEventTime is the least EventTime that can be one in milliseconds
// (2001-09-09); a time in seconds stays below it until the year 33658.
const minEventTime = 1_000_000_000_000

// Callback is the body of a webhook as far as this program reads it.
type Callback struct {
	// Command is what the body says, Other if it says nothing.
	Command Command
	// Name is the command as the body spells it, empty if it names none.
	Name string
	// EventTime is in Unix milliseconds, 0 if there is none or none that can be
	// used.
	EventTime int64
	// Current and Max are the room counts of RoomThreshold: Current is from 0 and
	// Max from 1 to MaxCount.
	Current, Max int64
	// Retyped means that a count came as a string or as an array, as the field
	// table has it, and not as a number, as the sample does.
	Retyped bool
	// Subject is who or what tells this callback apart from others of the same
	// time: the operator of RoomThreshold, the room of RoomCreated and
	// RoomDestroyed. It is raw JSON, a part of the body, or empty.
	Subject []byte
}

// FieldError says which field of a body is wrong, and how. Both are constants of
// this package, never text of the request.
type FieldError struct {
	Field   string // a documented name, or "body"
	Problem string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

// InBody reports whether the body as a whole is wrong and not one of its fields.
func (e *FieldError) InBody() bool { return e.Field == bodyField }

const (
	givenTwice = "given twice"
	wrongCase  = "wrong letter case"
	missing    = "missing"
	notInteger = "not an integer"
	outOfRange = "out of range"
	notString  = "not a string"
)

const bodyField = "body"

// The fields that are read. Their letter case is checked too: another reader of the same
// body may fold it, and take the other one.
const (
	fieldCommand = iota
	fieldOperator
	fieldEventTime
	fieldCurrent
	fieldMax
	fieldRoomID
	fieldRoomInfo
	numFields
)

var fieldNames = [numFields]string{
	"CallbackCommand", "Operator_Account", "EventTime", "CurRoomCount", "MaxRoomCount", "RoomId", "RoomInfo",
}

const (
	infoRoomID = iota
	infoEventTime
	infoCreateTime
	numInfoFields
)

var infoNames = [numInfoFields]string{"RoomId", "EventTime", "CreateTime"}

// Decode reads a body. An error is a *FieldError. The result refers to body.
//
// Whatever the command, the body must be one JSON object and nothing else, and no
// field that is read may be there twice. Only RoomThreshold must have counts, both
// of them. An EventTime that cannot be used is no error: the caller has the time of
// receipt.
func Decode(body []byte) (Callback, error) {
	body, valid := trimBOM(body)
	if !valid {
		return Callback{}, &FieldError{bodyField, notUTF8}
	}
	if len(body) == 0 {
		return Callback{}, &FieldError{bodyField, "empty"}
	}
	var raw [numFields][]byte
	m := walk(body)
	if err := collect(&m, fieldNames[:], raw[:]); err != nil {
		return Callback{}, err
	}
	var cb Callback
	if name := raw[fieldCommand]; name != nil {
		if name[0] != '"' {
			return Callback{}, &FieldError{fieldNames[fieldCommand], notString}
		}
		name = text(name)
		cb.Command = commandsByName[string(name)]
		if cb.Command == Other {
			cb.Name = string(name)
		} else {
			cb.Name = cb.Command.String()
		}
	}
	cb.EventTime = eventTime(raw[fieldEventTime])
	switch cb.Command {
	case RoomThreshold:
		cb.Subject = raw[fieldOperator]
		return cb, cb.readCounts(raw[fieldCurrent], raw[fieldMax])
	case RoomCreated, RoomDestroyed:
		cb.Subject = raw[fieldRoomID]
		return cb, cb.readRoomInfo(raw[fieldRoomInfo])
	}
	return cb, nil
}

// collect puts the raw value of each member named in names in the same place of
// values. It refuses these names in another letter case.
func collect(m *members, names []string, values [][]byte) error {
	for m.next() {
		i := lookup(names, m.key)
		switch {
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

// readCounts reads CurRoomCount and MaxRoomCount, both or neither.
func (cb *Callback) readCounts(rawCurrent, rawMax []byte) error {
	current, retypedCurrent, problem := count(rawCurrent, 0)
	if problem != "" {
		return &FieldError{fieldNames[fieldCurrent], problem}
	}
	limit, retypedMax, problem := count(rawMax, 1)
	if problem != "" {
		return &FieldError{fieldNames[fieldMax], problem}
	}
	cb.Current, cb.Max, cb.Retyped = current, limit, retypedCurrent || retypedMax
	return nil
}

// readRoomInfo reads the object RoomInfo of a room callback. CreateRoom has its
// room there and nowhere else, and, depending on the document, its EventTime or
// only a CreateTime in seconds.
func (cb *Callback) readRoomInfo(raw []byte) error {
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	var info [numInfoFields][]byte
	m := walk(raw)
	if err := collect(&m, infoNames[:], info[:]); err != nil {
		return err
	}
	if cb.Subject == nil {
		cb.Subject = info[infoRoomID]
	}
	if cb.EventTime == 0 {
		cb.EventTime = eventTime(info[infoEventTime])
	}
	if cb.EventTime == 0 && cb.Command == RoomCreated {
		seconds, _, problem := integer(info[infoCreateTime])
		if problem == "" && seconds < minEventTime && seconds*1000 >= minEventTime {
			cb.EventTime = seconds * 1000
		}
	}
	return nil
}

// count reads a room count of at least least.
func count(raw []byte, least int64) (n int64, retyped bool, problem string) {
	n, retyped, problem = integer(raw)
	if problem == "" && (n < least || n > MaxCount) {
		problem = outOfRange
	}
	return n, retyped, problem
}

func eventTime(raw []byte) int64 {
	if ms, _, problem := integer(raw); problem == "" && ms >= minEventTime {
		return ms
	}
	return 0
}

// integer reads a valid JSON value that is an integer, a string of digits or an
// array of exactly one of these: the reference types the fields String and Array
// where its sample has numbers. It never rounds: a fraction or an exponent is no
// integer. A negative one is out of range everywhere.
func integer(raw []byte) (n int64, retyped bool, problem string) {
	if raw == nil {
		return 0, false, missing
	}
	if raw[0] == '[' {
		raw, retyped = bytes.Trim(raw[1:len(raw)-1], " \t\r\n"), true
	}
	if len(raw) > 1 && raw[0] == '"' {
		raw, retyped = raw[1:len(raw)-1], true
	} else if len(raw) > 0 && raw[0] == '-' {
		raw, problem = raw[1:], outOfRange
	}
	if len(raw) == 0 || len(raw) > 1 && raw[0] == '0' {
		return 0, retyped, notInteger
	}
	for _, c := range raw {
		if c < '0' || c > '9' {
			return 0, retyped, notInteger
		}
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		problem = outOfRange
	}
	return n, retyped, problem
}
