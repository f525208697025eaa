package tuilivekit

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// MaxCount is the largest room count that makes sense.
const MaxCount = 1_000_000_000

// minEventTime is the least EventTime that can be one in milliseconds
// (2001-09-09); a time in seconds stays below it until the year 33658.
const minEventTime = 1_000_000_000_000

// Callback is the body of a webhook as far as this program reads it.
type Callback struct {
	// Command is what Name is, Other if it is no documented one or none at all.
	Command Command
	// Name is the command as the body spells it, as the URL does if the body names none,
	// and empty if neither does: the console's test of a webhook.
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

const (
	infoRoomID = iota
	infoEventTime
	infoCreateTime
	numInfoFields
)

// Their letter case is checked too: another reader of the same body may fold it, and take the other one.
var infoNames = [numInfoFields]string{"RoomId", "EventTime", "CreateTime"}

// fieldCommand is read of every body, and the first of the fields of each command.
const fieldCommand = "CallbackCommand"

// Decode reads a body. command is the command that the URL of the callback names, empty if
// it names none: it stands in where the body names none. An error is a *FieldError. The
// result refers to body.
//
// The body of RoomThreshold, RoomCreated and RoomDestroyed must be one JSON object and
// nothing else, and no field that is read of it may be there twice or in another letter
// case. RoomThreshold must have both counts. An EventTime that cannot be used is no error:
// the caller has the time of receipt.
//
// Of all other commands only the name is read, and EventTime if it can be: their bodies may
// look as they like. An unreadable body of which nobody says the command is an error, since
// it may be any of them.
func Decode(body []byte, command string) (Callback, error) {
	body = trimBOM(body)
	name, time, err := nameOf(body)
	if err != nil && (command == "" || !err.InBody()) {
		return Callback{}, err
	}
	cb := Callback{Name: name, EventTime: time}
	if cb.Name == "" {
		cb.Name = command
	}
	cb.Command = commandsByName[cb.Name]
	switch cb.Command {
	case RoomThreshold:
		return cb, cb.readThreshold(body)
	case RoomCreated, RoomDestroyed:
		return cb, cb.readRoom(body)
	}
	return cb, nil
}

// nameOf returns the command that body names, empty if it names none, and its EventTime if it
// has one that can be used. It takes all bodies in which it can tell the name, and
// returns an error about the body as a whole where it cannot.
//
// It looks no further than to a name that Decode then reads the whole body of.
func nameOf(body []byte) (name string, time int64, err *FieldError) {
	if len(body) == 0 {
		return "", 0, nil
	}
	var named bool
	m := walk(body)
	for m.next() {
		switch {
		case string(m.key) == fieldCommand:
			if named {
				return "", 0, &FieldError{fieldCommand, givenTwice}
			}
			if m.value[0] != '"' {
				return "", 0, &FieldError{fieldCommand, notString}
			}
			value := text(m.value)
			if c := commandsByName[string(value)]; c != Other {
				name = c.String()
				if c.read() {
					return name, 0, nil
				}
			} else {
				name = string(value)
			}
			named = true
		case string(m.key) == fieldEventTime:
			if time == 0 {
				time = eventTime(m.value)
			}
		case bytes.EqualFold(m.key, []byte(fieldCommand)):
			return "", 0, &FieldError{fieldCommand, wrongCase}
		}
	}
	switch {
	case m.problem == "", m.problem == notObject, name != "":
		return name, time, nil
	case string(m.key) == fieldCommand:
		return "", 0, &FieldError{fieldCommand, m.problem}
	}
	return "", 0, &FieldError{bodyField, m.problem}
}

const (
	fieldOperator  = "Operator_Account"
	fieldEventTime = "EventTime"
	fieldCurrent   = "CurRoomCount"
	fieldMax       = "MaxRoomCount"
	fieldRoomID    = "RoomId"
	fieldRoomInfo  = "RoomInfo"
)

var thresholdFields = [...]string{fieldCommand, fieldEventTime, fieldOperator, fieldCurrent, fieldMax}

// readThreshold reads the body of RoomThreshold.
func (cb *Callback) readThreshold(body []byte) error {
	var raw [len(thresholdFields)][]byte
	if err := collectBody(body, thresholdFields[:], raw[:]); err != nil {
		return err
	}
	cb.EventTime = eventTime(raw[1])
	cb.Subject = raw[2]
	return cb.readCounts(raw[3], raw[4])
}

var roomFields = [...]string{fieldCommand, fieldEventTime, fieldRoomID, fieldRoomInfo}

// readRoom reads the body of RoomCreated or RoomDestroyed.
func (cb *Callback) readRoom(body []byte) error {
	var raw [len(roomFields)][]byte
	if err := collectBody(body, roomFields[:], raw[:]); err != nil {
		return err
	}
	cb.EventTime = eventTime(raw[1])
	cb.Subject = raw[2]
	return cb.readRoomInfo(raw[3])
}

// collectBody collects the fields of a body that is read.
func collectBody(body []byte, names []string, values [][]byte) error {
	if len(body) == 0 {
		return &FieldError{bodyField, "empty"}
	}
	if !utf8.Valid(body) {
		return &FieldError{bodyField, notUTF8}
	}
	m := walk(body)
	return collect(&m, names, values)
}

// collect puts the raw value of each member named in names in the same place of
// values. It refuses these names in another letter case.
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

// readCounts reads CurRoomCount and MaxRoomCount, both or neither.
func (cb *Callback) readCounts(rawCurrent, rawMax []byte) error {
	current, retypedCurrent, problem := count(rawCurrent, 0)
	if problem != "" {
		return &FieldError{fieldCurrent, problem}
	}
	limit, retypedMax, problem := count(rawMax, 1)
	if problem != "" {
		return &FieldError{fieldMax, problem}
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
