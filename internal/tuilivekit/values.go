package tuilivekit

import (
	"bytes"
	"math"
)

// textOf returns the text of a string or the digits of a number, nil for any other value.
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

// count reads a room count that is at least least.
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

// maxDigits is the number of digits of the largest int64. Numbers of that length fit in a uint64.
const maxDigits = 19

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
	var value uint64
	for _, c := range raw {
		if c < '0' || c > '9' {
			return 0, retyped, notInteger
		}
		value = value*10 + uint64(c-'0')
	}
	if len(raw) > maxDigits || value > math.MaxInt64 {
		return math.MaxInt64, retyped, outOfRange
	}
	return int64(value), retyped, problem
}
