package tuilivekit

import (
	"bytes"
)

// MaxCount is the largest room count that is accepted.
const MaxCount = 1_000_000_000

// minEventTime is the least EventTime that is taken for milliseconds (2001-09-09). A time in seconds
// is below it until the year 33658.
const minEventTime = 1_000_000_000_000

// Callback is the body of a webhook as far as this program reads it.
type Callback struct {
	// Command is the command called Name, Other if that is empty or not documented.
	Command Command
	// Name is the command as the body spells it. If the body names none, it is the command of
	// the URL. If the URL names none either, it is empty: the console's test of a webhook.
	Name string
	// EventTime is in Unix milliseconds, 0 if it is missing or cannot be used.
	EventTime int64
	// Current and Max are the room counts of RoomThreshold: Current is from 0 and
	// Max from 1 to MaxCount.
	Current, Max int64
	// Retyped means that a count came as a string or as an array, as the field
	// table has it, and not as a number, as the sample does.
	Retyped bool
	// Subject distinguishes callbacks of the same time: the operator of RoomThreshold, the room of
	// RoomCreated and RoomDestroyed. It is raw JSON, a part of the body, or empty.
	Subject []byte
	// RoomID is the room of RoomCreated, RoomDestroyed and MembersChanged, without quotes and
	// escapes. It is a part of the body, or empty if there is none.
	RoomID []byte
	// Operator is the user who created the room, of RoomThreshold and RoomCreated: raw JSON, a
	// part of the body, or empty.
	Operator []byte
	// Opened is the CreateTime of the room of RoomDestroyed, in whole seconds: Unix milliseconds, 0
	// if it is missing or cannot be used.
	Opened int64
	// Cause is EventType of RoomDestroyed, EventCause of MembersChanged and Command of
	// RateAlarm, without quotes and escapes: text of the request, to be looked up.
	Cause []byte
	// Members is the length of MemberList of MembersChanged.
	Members int
	// Statistic is the Statistic of RoomDestroyed, nil if it is missing or cannot be used.
	Statistic *Statistic
	// QuotaUsed and Quota are the numbers of QuotaAlarm: QuotaUsed is from 0 and Quota from 1 to
	// MaxCount.
	QuotaUsed, Quota int64
}

// Statistic has Tencent's counts of a room from its creation to its destruction. No count is
// negative.
type Statistic struct{ Viewers, Gifts, Coins, Likes uint64 }

// FieldError is the error of a field of a body. Its texts are constants of this package, never text
// of the request.
type FieldError struct {
	Field   string // a documented name, or "body"
	Problem string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

// InBody reports whether the error is about the body as a whole, not about a field.
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

// fieldCommand is the field with the command. It is read from every body, and is the first of the
// fields of each command.
const fieldCommand = "CallbackCommand"

// Decode reads a body. command is the command in the URL of the callback, empty if there is none. It
// is used if the body names no command. An error is a *FieldError. The result refers to body.
//
// The body of RoomThreshold, RoomCreated, RoomDestroyed and QuotaAlarm must be one JSON object and
// nothing else, and no field that Decode reads may occur twice or in another letter case.
// RoomThreshold and QuotaAlarm must have both counts. An EventTime or a Statistic that cannot be
// used is no error: the caller has the time of receipt.
//
// The fields of MembersChanged and RateAlarm are optional. Of all other commands, Decode reads only the
// name, and the EventTime if there is one: their bodies may have any content. A body that cannot be
// read is an error if the URL names no command either, since it may be of any command.
func Decode(body []byte, command string) (Callback, error) {
	m := walk(trimBOM(body))
	name, known, time, err := nameOf(&m)
	if err != nil && (command == "" || !err.InBody()) {
		return Callback{}, err
	}
	cb := Callback{Command: known, Name: name, EventTime: time}
	if cb.Name == "" {
		cb.Name, cb.Command = command, commandsByName[command]
	}
	switch cb.Command {
	case RoomThreshold:
		return cb, cb.readThreshold(&m)
	case RoomCreated, RoomDestroyed:
		return cb, cb.readRoom(&m)
	case QuotaAlarm:
		return cb, cb.readQuota(&m)
	case MembersChanged:
		return cb, cb.readMembers(&m)
	case RateAlarm:
		return cb, cb.readRateAlarm(&m)
	}
	return cb, nil
}

// nameOf returns the command that the body of m names, empty if it names none, and its EventTime if that
// can be used. If the name cannot be found with certainty, it returns an error about the body as a whole.
//
// It stops at the name of a command whose body Decode reads as a whole.
func nameOf(m *members) (name string, command Command, time int64, err *FieldError) {
	if len(m.data) == 0 {
		return "", Other, 0, nil
	}
	var named bool
	for m.next() {
		switch {
		case string(m.key) == fieldCommand:
			if named {
				return "", Other, 0, &FieldError{fieldCommand, givenTwice}
			}
			if m.value[0] != '"' {
				return "", Other, 0, &FieldError{fieldCommand, notString}
			}
			value := text(m.value)
			if command = commandsByName[string(value)]; command != Other {
				name = command.String()
				if command.read() {
					return name, command, 0, nil
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
			return "", Other, 0, &FieldError{fieldCommand, wrongCase}
		}
	}
	switch {
	case m.problem == "", m.problem == notObject, name != "":
		return name, command, time, nil
	case string(m.key) == fieldCommand:
		return "", Other, 0, &FieldError{fieldCommand, m.problem}
	}
	return "", Other, 0, &FieldError{bodyField, m.problem}
}

const (
	fieldOperator  = "Operator_Account"
	fieldEventTime = "EventTime"
	fieldCurrent   = "CurRoomCount"
	fieldMax       = "MaxRoomCount"
	fieldRoomID    = "RoomId"
	fieldRoomInfo  = "RoomInfo"
	fieldUsed      = "QuotaUsed"
	fieldQuota     = "Quota"
)

var thresholdFields = [...]string{fieldCommand, fieldEventTime, fieldOperator, fieldCurrent, fieldMax}

// readThreshold reads the body of RoomThreshold.
func (cb *Callback) readThreshold(m *members) error {
	var raw [len(thresholdFields)][]byte
	if err := collectBody(m, thresholdFields[:], raw[:]); err != nil {
		return err
	}
	cb.EventTime = eventTime(raw[1])
	cb.Subject, cb.Operator = raw[2], raw[2]
	return cb.readCounts(raw[3], raw[4])
}

var quotaFields = [...]string{fieldCommand, fieldEventTime, fieldUsed, fieldQuota}

// readQuota reads the body of QuotaAlarm, both numbers or neither.
func (cb *Callback) readQuota(m *members) error {
	var raw [len(quotaFields)][]byte
	if err := collectBody(m, quotaFields[:], raw[:]); err != nil {
		return err
	}
	cb.EventTime = eventTime(raw[1])
	used, _, problem := count(raw[2], 0)
	if problem != "" {
		return &FieldError{fieldUsed, problem}
	}
	quota, _, problem := count(raw[3], 1)
	if problem != "" {
		return &FieldError{fieldQuota, problem}
	}
	cb.QuotaUsed, cb.Quota = used, quota
	return nil
}

var memberFields = [...]string{fieldCommand, fieldEventTime, "EventCause", "MemberList", fieldRoomID}

// readMembers reads the optional fields of MembersChanged.
func (cb *Callback) readMembers(m *members) error {
	var raw [len(memberFields)][]byte
	if err := glance(m, memberFields[:], raw[:]); err != nil {
		return err
	}
	cb.EventTime = eventTime(raw[1])
	cb.Cause = textOf(raw[2])
	cb.Members = elements(raw[3])
	cb.RoomID = textOf(raw[4])
	return nil
}

var rateFields = [...]string{fieldCommand, "Command"}

// readRateAlarm reads the optional field of RateAlarm, which has no EventTime.
func (cb *Callback) readRateAlarm(m *members) error {
	var raw [len(rateFields)][]byte
	if err := glance(m, rateFields[:], raw[:]); err != nil {
		return err
	}
	cb.Cause = textOf(raw[1])
	return nil
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
