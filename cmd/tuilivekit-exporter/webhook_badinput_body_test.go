package main

import (
	"strings"
	"unicode/utf16"
)

// The rows whose body is wrong, or whose names and counts are.

const (
	notJSON      = "body: not valid JSON"
	notAnObject  = "body: not a JSON object"
	trailingData = "body: trailing data"
)

// withMember is the newer event with another member in front.
func withMember(member string) string { return "{" + member + "," + newerEvent[1:] }

func badJSON() []badRow {
	nested := func(opening, closing string, depth int) string {
		return strings.Repeat(opening, depth) + strings.Repeat(closing, depth)
	}
	var wide []byte
	for _, unit := range utf16.Encode([]rune(newerEvent)) {
		wide = append(wide, byte(unit), byte(unit>>8))
	}
	bad := func(name, body, text string) badRow {
		return badRow{name: name, body: body, status: 400, reason: "json", text: text}
	}
	const bom = "\uFEFF"
	return []badRow{
		{name: "an empty body", header: "Content-Length: 0\r\n", status: 400, reason: "json", text: "body: empty"},
		bad("a body of spaces", strings.Repeat(" ", 1000), notJSON),
		bad("a body of spaces, at the limit", strings.Repeat(" ", bodyLimit), notJSON),
		{name: "a mebibyte of spaces", body: strings.Repeat(" ", 1<<20), status: 413, reason: "too_large", text: tooLarge},
		bad("only a byte order mark", bom, "body: empty"),
		bad("a NUL", "\x00", notJSON),
		{name: "a malformed body and no command", body: `{"x"`, query: noCommand, status: 400, reason: "json", text: notJSON},
		bad("truncated after its brace", newerEvent[:1], notJSON),
		bad("truncated in a name", newerEvent[:8], notJSON),
		{name: "truncated in a value", body: newerEvent[:30], status: 400, reason: "field", text: "CallbackCommand: not valid JSON"},
		{name: "truncated before its last brace", body: newerEvent[:len(newerEvent)-1], status: 400, reason: "json", text: notJSON},
		{name: "truncated after a colon", body: newerEvent[:len(newerEvent)-4], status: 400, reason: "field", text: "MaxRoomCount: not valid JSON"},
		bad("truncated after a comma", `{"x":1,`, notJSON),
		bad("an array", "["+newerEvent+"]", notAnObject),
		bad("a string", `"`+marker+`"`, notAnObject),
		bad("a number", "400", notAnObject),
		bad("null", "null", notAnObject),
		bad("true", "true", notAnObject),
		bad("a word", "threshold", notJSON),
		bad("a form", "CurRoomCount=444&MaxRoomCount=555", notJSON),
		bad("XML", "<xml/>", notJSON),
		bad("arrays nested too deeply", withMember(`"x":`+nested("[", "]", 32)), "body: nested too deeply"),
		bad("objects nested too deeply", withMember(`"x":`+nested(`{"x":`, "}", 40)), "body: nested too deeply"),
		bad("a hundred thousand brackets", nested("[", "]", 100_000), notAnObject),
		bad("a hundred thousand brackets, and no more", strings.Repeat("[", 100_000), notJSON),
		bad("257 members", withMember(strings.TrimSuffix(strings.Repeat(`"x":0,`, 257-5), ",")), "body: too many members"),
		bad("invalid UTF-8", withMember(`"x":"`+"\xff"+`"`), "body: not valid UTF-8"),
		bad("overlong UTF-8", withMember(`"x":"`+"\xc0\xaf"+`"`), "body: not valid UTF-8"),
		bad("a surrogate in UTF-8", withMember(`"x":"`+"\xed\xa0\x80"+`"`), "body: not valid UTF-8"),
		bad("UTF-16", string(wide), notJSON),
		bad("UTF-16 with its byte order mark", "\xff\xfe"+string(wide), "body: not valid UTF-8"),
		bad("two byte order marks", bom+bom+newerEvent, notJSON),
		bad("a byte order mark behind a space", " "+bom+newerEvent, notJSON),
		bad("a comment", "/* "+marker+" */"+newerEvent, notJSON),
		bad("a comment behind", newerEvent+" // "+marker, trailingData),
		bad("a trailing comma", strings.TrimSuffix(newerEvent, "}")+",}", notJSON),
		bad("a leading comma", "{,"+newerEvent[1:], notJSON),
		bad("no comma", `{"x":1 "y":2}`, notJSON),
		bad("no colon", `{"x" 1}`, notJSON),
		bad("a name without quotes", "{x:1}", notJSON),
		bad("a name that is a number", "{1:1}", notJSON),
		bad("single quotes", strings.ReplaceAll(newerEvent, `"`, `'`), notJSON),
		bad("trailing data", newerEvent+"x", trailingData),
		bad("a NUL behind", newerEvent+"\x00", trailingData),
		bad("two objects", newerEvent+newerEvent, trailingData),
		bad("two objects on two lines", newerEvent+"\n"+newerEvent, trailingData),
		bad("an object that is closed twice", newerEvent+"}", trailingData),
		bad("NaN in a field that is not read", withMember(`"x":NaN`), notJSON),
		bad("Infinity in a field that is not read", withMember(`"x":-Infinity`), notJSON),
		bad("a number with a leading zero", withMember(`"x":01`), notJSON),
		bad("a number without digits", withMember(`"x":-`), notJSON),
		bad("a number that ends in a point", withMember(`"x":1.`), notJSON),
		bad("an upper-case literal", withMember(`"x":True`), notJSON),
		bad("a tab in a string", withMember(`"x":"`+"\t"+`"`), notJSON),
		bad("a line break in a string", withMember(`"x":"`+"\n"+`"`), notJSON),
		bad("a NUL in a string", withMember(`"x":"`+"\x00"+`"`), notJSON),
		bad("an escape that nobody knows", withMember(`"x":"\x41"`), notJSON),
		bad("an escape cut short", withMember(`"x":"\u00"`), notJSON),
		bad("an escape with other letters", withMember(`"x":"\u00g0"`), notJSON),
		bad("a form feed between members", "{\f"+newerEvent[1:], notJSON),
		bad("a no-break space between members", "{\u00a0"+newerEvent[1:], notJSON),
	}
}

var badNames = []badRow{
	{name: "a count twice", body: withMember(`"CurRoomCount":1`), status: 400, reason: "field", text: "CurRoomCount: given twice"},
	{name: "a count twice, the same", body: withMember(`"MaxRoomCount":555`), status: 400, reason: "field", text: "MaxRoomCount: given twice"},
	{name: "a count twice, once with an escape", body: withMember(`"M\u0061xRoomCount":1`), status: 400, reason: "field", text: "MaxRoomCount: given twice"},
	{name: "the command in the body twice", body: withMember(`"CallbackCommand":"x"`), status: 400, reason: "field", text: "CallbackCommand: given twice"},
	{name: "EventTime twice", body: withMember(`"EventTime":1`), status: 400, reason: "field", text: "EventTime: given twice"},
	{name: "the operator twice", body: withMember(`"Operator_Account":"x"`), status: 400, reason: "field", text: "Operator_Account: given twice"},
	{name: "a count in lower case beside it", body: withMember(`"curroomcount":1`), status: 400, reason: "field", text: "CurRoomCount: wrong letter case"},
	{name: "a count in lower case only", body: strings.Replace(newerEvent, "CurRoomCount", "curRoomCount", 1), status: 400, reason: "field", text: "CurRoomCount: wrong letter case"},
	{name: "the command in lower case", body: strings.Replace(newerEvent, "CallbackCommand", "callbackcommand", 1), status: 400, reason: "field", text: "CallbackCommand: wrong letter case"},
	{name: "the command with a letter that folds", body: withMember(`"Callbac\u212aCommand":"x"`), status: 400, reason: "field", text: "CallbackCommand: wrong letter case"},
	{name: "the room that was closed in lower case", body: `{"CallbackCommand":"Live.CallbackAfterDestroyRoom","roomid":"1"}`, status: 400, reason: "field", text: "RoomId: wrong letter case"},
	{name: "the room of a new one with CreateTime in lower case", body: `{"CallbackCommand":"Live.CallbackAfterCreateRoom","RoomInfo":{"RoomId":"1","createtime":1739966441}}`, status: 400, reason: "field", text: "CreateTime: wrong letter case"},
	{name: "EventTime in upper case", body: withMember(`"EVENTTIME":1`), status: 400, reason: "field", text: "EventTime: wrong letter case"},
	{name: "a command that is a number", body: `{"CallbackCommand":7}`, status: 400, reason: "field", text: "CallbackCommand: not a string"},
	{name: "a command that is null", body: `{"CallbackCommand":null}`, status: 400, reason: "field", text: "CallbackCommand: not a string"},
	{name: "a command that is an array", body: `{"CallbackCommand":["` + thresholdCommand + `"]}`, status: 400, reason: "field", text: "CallbackCommand: not a string"},
	{name: "a command twice, of which neither is read", body: `{"CallbackCommand":"x","CallbackCommand":"y"}`, status: 400, reason: "field", text: "CallbackCommand: given twice"},
	{name: "a room twice in RoomInfo", body: `{"CallbackCommand":"Live.CallbackAfterCreateRoom","RoomInfo":{"RoomId":"a","RoomId":"b"}}`, status: 400, reason: "field", text: "RoomId: given twice"},
}

// badCounts has one count wrong and the other one good: neither may be taken.
func badCounts() []badRow {
	const notInteger, outOfRange, malformed = "not an integer", "out of range", "not valid JSON"
	current := func(name, value, problem string) badRow {
		return badRow{name: "CurRoomCount: " + name, status: 400, reason: "field", text: "CurRoomCount: " + problem,
			body: strings.Replace(newerEvent, "444", value, 1)}
	}
	limitOf := func(name, value, problem string) badRow {
		return badRow{name: "MaxRoomCount: " + name, status: 400, reason: "field", text: "MaxRoomCount: " + problem,
			body: strings.Replace(newerEvent, "555", value, 1)}
	}
	rows := []badRow{
		{name: "CurRoomCount: missing", body: strings.Replace(newerEvent, "CurRoomCount", "x", 1), status: 400, reason: "field", text: "CurRoomCount: missing"},
		{name: "MaxRoomCount: missing", body: strings.Replace(newerEvent, "MaxRoomCount", "x", 1), status: 400, reason: "field", text: "MaxRoomCount: missing"},
		{name: "both counts missing", body: `{"CallbackCommand":"` + thresholdCommand + `"}`, status: 400, reason: "field", text: "CurRoomCount: missing"},
		{name: "counts in an object", body: `{"CallbackCommand":"` + thresholdCommand + `","Data":{"CurRoomCount":444,"MaxRoomCount":555}}`, status: 400, reason: "field", text: "CurRoomCount: missing"},
		limitOf("zero", "0", outOfRange),
		limitOf("zero as a string", `"0"`, outOfRange),
		limitOf("zero in an array", `[0]`, outOfRange),
		current("minus zero", "-0", outOfRange),
	}
	for _, one := range []func(name, value, problem string) badRow{current, limitOf} {
		rows = append(rows,
			one("negative", "-1", outOfRange),
			one("10^9 + 1", "1000000001", outOfRange),
			one("2^64 + 1", "18446744073709551617", outOfRange),
			one("a fraction", "444.5", notInteger),
			one("an exponent", "4e2", notInteger),
			one("null", "null", notInteger),
			one("an empty string", `""`, notInteger),
			one("a string with a space", `" 444"`, notInteger),
			one("an empty array", "[]", notInteger),
			one("an array of two", "[444,555]", notInteger),
			one("NaN", "NaN", malformed),
		)
	}
	rows = append(rows,
		current("-2^63", "-9223372036854775808", outOfRange),
		current("400 digits", strings.Repeat("9", 400), outOfRange),
		current("a fraction of zero", "444.0", notInteger),
		current("an exponent that overflows", "1e999", notInteger),
		current("true", "true", notInteger),
		current("an object", `{"Count":444}`, notInteger),
		current("a word", `"many"`, notInteger),
		current("a string with a sign", `"+444"`, notInteger),
		current("a negative string", `"-444"`, notInteger),
		current("a string with a space behind", `"444 "`, notInteger),
		current("a string with a leading zero", `"0444"`, notInteger),
		current("a hexadecimal string", `"0x1BC"`, notInteger),
		current("a string with an exponent", `"4e2"`, notInteger),
		current("a string with a separator", `"1,000"`, notInteger),
		current("a string with an escape", `"44\u0034"`, notInteger),
		current("a string in fullwidth digits", `"４４４"`, notInteger),
		current("a string that is too large", `"1000000001"`, outOfRange),
		current("an array of two strings", `["4","5"]`, notInteger),
		current("an array in an array", "[[444]]", notInteger),
		current("an array of null", "[null]", notInteger),
		current("a negative number in an array", "[-444]", outOfRange),
		current("Infinity", "Infinity", malformed),
		current("a leading plus", "+444", malformed),
		current("single quotes around", "'444'", malformed),
	)
	for _, row := range []badRow{current("a leading zero", "0444", ""), current("a hexadecimal number", "0x1BC", "")} {
		row.reason, row.text = "json", notJSON // the zero is a number, what follows is nothing
		rows = append(rows, row)
	}
	return rows
}

// oddButAccepted is answered OK: nothing in it says what to do with the counts.
var oddButAccepted = []badRow{
	{name: "an empty object", body: "{}", query: noCommand, status: 200},
	{name: "an object with spaces around", body: " \t\r\n{ } \n", query: noCommand, status: 200},
	{name: "one byte order mark", body: "\uFEFF{}", query: noCommand, status: 200},
	{name: "counts without a command", body: `{"EventTime":1739966999999,"CurRoomCount":444,"MaxRoomCount":555}`, query: noCommand, status: 200},
	{name: "an unknown command with counts", body: strings.Replace(newerEvent, "Reaching", "Passing", 1), status: 200},
	{name: "a command in lower case", body: strings.Replace(newerEvent, thresholdCommand, strings.ToLower(thresholdCommand), 1), status: 200},
	{name: "a command with a space behind", body: strings.Replace(newerEvent, thresholdCommand, thresholdCommand+" ", 1), status: 200},
	{name: "an empty command", body: `{"CallbackCommand":""}`, query: noCommand, status: 200},
	{name: "a command of 200 KiB", body: `{"CallbackCommand":"` + strings.Repeat("x", 200<<10) + `"}`, status: 200},
	{name: "another product's command", body: `{"CallbackCommand":"Room.CallbackAfterCreateRoom","RoomId":"1"}`, status: 200},
	{name: "a command that asks for a decision", body: `{"CallbackCommand":"Live.CallbackBeforeSendGift","RoomId":"1"}`, status: 200},
	{name: "wrong counts of an unknown command", body: `{"CallbackCommand":"x","CurRoomCount":-1,"MaxRoomCount":[]}`, status: 200},
	{name: "an unknown field twice", body: `{"x":1,"x":2}`, query: noCommand, status: 200},
	{name: "a lone surrogate in an escape", body: `{"x":"\ud800"}`, query: noCommand, status: 200}, // RFC 8259, section 8.2: grammar allows it
	{name: "a command that is a lone surrogate", body: `{"CallbackCommand":"\ud800"}`, status: 200},
	{name: "256 members", body: `{` + strings.TrimSuffix(strings.Repeat(`"x":0,`, 256), ",") + `}`, query: noCommand, status: 200},
	{name: "an integer beyond 2^53", body: `{"Owner_Account":144115216631667826}`, query: noCommand, status: 200},
	{name: "no body and no command", header: "Content-Length: 0\r\n", query: noCommand, status: 200},
	{name: "no object and no command", body: "null", query: noCommand, status: 200},
	{name: "257 members of a command that is not read", body: `{"CallbackCommand":"x",` + strings.TrimSuffix(strings.Repeat(`"x":0,`, 256), ",") + `}`, status: 200},
	{name: "invalid UTF-8 of a command that is not read", body: `{"CallbackCommand":"x","Nick":"` + "\xe9" + `"}`, status: 200},
	{name: "a room in two cases of a command that is not read", body: `{"CallbackCommand":"x","roomId":"1","RoomId":"1"}`, status: 200},
	{name: "RoomId in lower case, which a threshold event has not", status: 200, events: 1,
		body: `{"roomid":"1",` + strings.Replace(knownEvent, "1739966441121", "1739966441120", 1)[1:]},
	{name: "an exact repeat", body: knownEvent, status: 200},
	{name: "an exact repeat with its fields in another order", status: 200,
		body: `{"MaxRoomCount":"500","CurRoomCount":[400],"EventTime":1739966441121,"Operator_Account":"brennanli","CallbackCommand":"` + thresholdCommand + `"}`},
	{name: "an older event", body: strings.Replace(knownEvent, "1739966441121,\"CurRoomCount\":400", "1739966441120,\"CurRoomCount\":450", 1), status: 200, events: 1},
	{name: "an event of the same time and fewer rooms", body: strings.Replace(knownEvent, "400", "399", 1), status: 200, events: 1},
}
