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
	// RoomID is the room of RoomCreated, RoomDestroyed and MembersChanged, without quotes and
	// escapes. It is a part of the body, or empty if there is none.
	RoomID []byte
	// Operator is who created the room, of RoomThreshold and RoomCreated: raw JSON, a part of
	// the body, or empty.
	Operator []byte
	// Opened is the CreateTime of the room of RoomDestroyed, in whole seconds: Unix
	// milliseconds, 0 if there is none that can be used.
	Opened int64
	// Cause is EventType of RoomDestroyed, EventCause of MembersChanged and Command of
	// RateAlarm, without quotes and escapes: text of the request, to be looked up.
	Cause []byte
	// Members is the length of MemberList of MembersChanged.
	Members int
	// Statistic is that of RoomDestroyed, nil if there is none or none that can be used.
	Statistic *Statistic
	// QuotaUsed and Quota are those of QuotaAlarm: QuotaUsed is from 0 and Quota from 1 to
	// MaxCount.
	QuotaUsed, Quota int64
}

// Statistic is what Tencent counted of a room until it was destroyed. None of the numbers is
// negative.
type Statistic struct{ Viewers, Gifts, Coins, Likes uint64 }

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
// The body of RoomThreshold, RoomCreated, RoomDestroyed and QuotaAlarm must be one JSON object and
// nothing else, and no field that is read of it may be there twice or in another letter
// case. RoomThreshold and QuotaAlarm must have both counts. An EventTime that cannot be used is no error:
// the caller has the time of receipt. Neither is a Statistic.
//
// Of MembersChanged and RateAlarm it reads what it can. Of all other commands only the name is read, and EventTime if it can be: their bodies may
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
	case QuotaAlarm:
		return cb, cb.readQuota(body)
	case MembersChanged:
		return cb, cb.readMembers(body)
	case RateAlarm:
		return cb, cb.readRateAlarm(body)
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
	fieldUsed      = "QuotaUsed"
	fieldQuota     = "Quota"
)

var thresholdFields = [...]string{fieldCommand, fieldEventTime, fieldOperator, fieldCurrent, fieldMax}

// readThreshold reads the body of RoomThreshold.
func (cb *Callback) readThreshold(body []byte) error {
	var raw [len(thresholdFields)][]byte
	if err := collectBody(body, thresholdFields[:], raw[:]); err != nil {
		return err
	}
	cb.EventTime = eventTime(raw[1])
	cb.Subject, cb.Operator = raw[2], raw[2]
	return cb.readCounts(raw[3], raw[4])
}

var roomFields = [...]string{fieldCommand, fieldEventTime, fieldRoomID, fieldRoomInfo, fieldOperator, "EventType", "Statistic"}

// readRoom reads the body of RoomCreated or RoomDestroyed.
func (cb *Callback) readRoom(body []byte) error {
	var raw [len(roomFields)][]byte
	if err := collectBody(body, roomFields[:], raw[:]); err != nil {
		return err
	}
	cb.EventTime = eventTime(raw[1])
	cb.Subject, cb.Operator = raw[2], raw[4]
	cb.Cause = textOf(raw[5])
	cb.Statistic = readStatistic(raw[6])
	if err := cb.readRoomInfo(raw[3]); err != nil {
		return err
	}
	cb.RoomID = textOf(cb.Subject)
	return nil
}

// textOf returns the text of a string or the digits of a number, nil for anything else.
func textOf(raw []byte) []byte {
	switch {
	case len(raw) == 0:
		return nil
	case raw[0] == '"':
		return text(raw)
	case '0' <= raw[0] && raw[0] <= '9' || raw[0] == '-':
		return raw
	}
	return nil
}

var statisticFields = [...]string{"TotalViewers", "TotalGiftsSent", "TotalGiftCoins", "TotalLikesReceived"}

// readStatistic reads the object Statistic of RoomDestroyed, all of it or nothing. It has a
// number for each field, though they may be strings.
func readStatistic(raw []byte) *Statistic {
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	var values [len(statisticFields)][]byte
	m := walk(raw)
	if collect(&m, statisticFields[:], values[:]) != nil {
		return nil
	}
	var numbers [len(statisticFields)]uint64
	for i, value := range values {
		n, _, problem := integer(value)
		if problem != "" || n > maxTotal {
			return nil
		}
		numbers[i] = uint64(n)
	}
	return &Statistic{numbers[0], numbers[1], numbers[2], numbers[3]}
}

// maxTotal is the largest number of a Statistic that makes sense: the sums of many rooms must
// stay exact in a float64.
const maxTotal = 1_000_000_000_000

var quotaFields = [...]string{fieldCommand, fieldEventTime, fieldUsed, fieldQuota}

// readQuota reads the body of QuotaAlarm, both numbers or neither.
func (cb *Callback) readQuota(body []byte) error {
	var raw [len(quotaFields)][]byte
	if err := collectBody(body, quotaFields[:], raw[:]); err != nil {
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

// readMembers reads what it can of the body of MembersChanged.
func (cb *Callback) readMembers(body []byte) error {
	var raw [len(memberFields)][]byte
	if err := glance(body, memberFields[:], raw[:]); err != nil {
		return err
	}
	cb.EventTime = eventTime(raw[1])
	cb.Cause = textOf(raw[2])
	cb.Members = elements(raw[3])
	cb.RoomID = textOf(raw[4])
	return nil
}

var rateFields = [...]string{fieldCommand, "Command"}

// readRateAlarm reads what it can of the body of RateAlarm. It has no EventTime.
func (cb *Callback) readRateAlarm(body []byte) error {
	var raw [len(rateFields)][]byte
	if err := glance(body, rateFields[:], raw[:]); err != nil {
		return err
	}
	cb.Cause = textOf(raw[1])
	return nil
}

// glance puts the first raw value of each member named in names in the same place of values,
// as far as body can be read. Only the first of names, the command, must be clear.
func glance(body []byte, names []string, values [][]byte) error {
	m := walk(body)
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
	seconds, _, problem := integer(info[infoCreateTime])
	if problem != "" || seconds >= minEventTime || seconds*1000 < minEventTime {
		return nil
	}
	switch {
	case cb.Command == RoomDestroyed:
		cb.Opened = seconds * 1000
	case cb.EventTime == 0:
		cb.EventTime = seconds * 1000
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
