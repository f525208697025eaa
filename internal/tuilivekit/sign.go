package tuilivekit

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
)

// MaxTokenLength is the length in bytes of the longest callback token that Tencent accepts
// (set_callback_token).
const MaxTokenLength = 128

// MaxTokens is the largest number of valid tokens of an application: one, two during a rotation, and two
// more for a mistake. Each token costs every callback a hash.
const MaxTokens = 4

// maxRequestTimeLength is the largest number of digits of a RequestTime, far below an overflow.
const maxRequestTimeLength = 18

// Sign returns the signature of a callback: the lower-case hexadecimal SHA-256 of
// token and requestTime ("Webhooks Overview", authentication).
func Sign(token, requestTime string) string {
	sum := digest(token, requestTime)
	return hex.EncodeToString(sum[:])
}

func digest(token, requestTime string) [sha256.Size]byte {
	var buf [MaxTokenLength + maxRequestTimeLength]byte
	return sha256.Sum256(append(append(buf[:0], token...), requestTime...))
}

// Signer returns the index of the token in tokens that made sign for requestTime,
// or -1. The time that it takes does not depend on the result.
func Signer(tokens []string, requestTime, sign string) int {
	var got [sha256.Size]byte
	var digits [2 * sha256.Size]byte
	wellFormed := 0
	if len(sign) == len(digits) {
		copy(digits[:], sign)
		if _, err := hex.Decode(got[:], digits[:]); err == nil {
			wellFormed = 1
		}
	}
	if len(requestTime) > maxRequestTimeLength {
		requestTime, wellFormed = "", 0
	}
	found := -1
	for i, token := range tokens {
		want := digest(token, requestTime)
		match := subtle.ConstantTimeCompare(got[:], want[:]) & wellFormed
		found = subtle.ConstantTimeSelect(match, i, found)
	}
	return found
}

// ParseRequestTime reads the RequestTime of a query, in Unix seconds. It accepts digits only, at most
// 18.
func ParseRequestTime(s string) (seconds int64, ok bool) {
	if len(s) == 0 || len(s) > maxRequestTimeLength {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		seconds = seconds*10 + int64(s[i]-'0')
	}
	return seconds, true
}
