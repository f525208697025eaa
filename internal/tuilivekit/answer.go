package tuilivekit

import "strconv"

// OK is the body that acknowledges a callback. Tencent counts every answer but
// status 200 with JSON as a failed one.
const OK = `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}`

// Deny is the body that says no to a callback that asks for a decision: its ErrorCode is
// not 0, which stops a gift or a message.
const Deny = `{"ActionStatus":"OK","ErrorInfo":"denied","ErrorCode":1}`

// Fail returns the body that refuses a callback. info is written as it is, so it
// must be a constant that JSON needs no escapes for, never text of a request.
func Fail(code int, info string) []byte {
	b := append([]byte(`{"ActionStatus":"FAIL","ErrorInfo":"`), info...)
	b = strconv.AppendInt(append(b, `","ErrorCode":`...), int64(code), 10)
	return append(b, '}')
}

// Answer is the decoded body of an answer.
type Answer struct {
	ActionStatus string
	ErrorInfo    string
	ErrorCode    int
}
