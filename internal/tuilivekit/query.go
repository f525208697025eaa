package tuilivekit

import (
	"errors"
	"net/url"
	"strings"
)

// Query has the parameters of the URL of a callback. A missing parameter is empty.
type Query struct {
	AppID       string // SdkAppid
	Command     string // CallbackCommand, in some documents WebhookCommand
	Sign        string
	RequestTime string
}

// ErrQuery is the error of ParseQuery.
var ErrQuery = errors.New("query cannot be decoded, or has a parameter twice")

// ParseQuery reads the raw query of a webhook URL. The names of parameters may be
// in any letter case, since the documents spell them in several ways. Unknown parameters
// are ignored. It fails with ErrQuery if an escape is malformed, or if a parameter of
// Query occurs twice: another reader of the same URL may use the other value.
func ParseQuery(raw string) (Query, error) {
	var q Query
	var seen [numParams]bool
	// Tencent's queries have no escapes. Looking for an escape in each part would take longer than
	// the rest.
	escaped := strings.IndexByte(raw, '%') >= 0 || strings.IndexByte(raw, '+') >= 0
	for raw != "" {
		var pair string
		pair, raw = cut(raw, '&')
		key, value := cut(pair, '=')
		if escaped {
			var err error
			if key, err = url.QueryUnescape(key); err != nil {
				return Query{}, ErrQuery
			}
			if value, err = url.QueryUnescape(value); err != nil {
				return Query{}, ErrQuery
			}
		}
		var field *string
		i := parameter(key)
		switch i {
		case paramAppID:
			field = &q.AppID
		case paramCommand:
			field = &q.Command
		case paramSign:
			field = &q.Sign
		case paramRequestTime:
			field = &q.RequestTime
		default:
			continue
		}
		if seen[i] {
			return Query{}, ErrQuery
		}
		seen[i], *field = true, value
	}
	return q, nil
}

// cut returns the text before and after the first separator. It takes a third of the time of strings.Cut.
func cut(s string, separator byte) (before, after string) {
	if i := strings.IndexByte(s, separator); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

const (
	paramAppID = iota
	paramCommand
	paramSign
	paramRequestTime
	numParams
)

// parameter returns the index of the parameter of Query with the name key, numParams if there is none.
func parameter(key string) int {
	switch key { // as Tencent spells them
	case "SdkAppid":
		return paramAppID
	case "CallbackCommand":
		return paramCommand
	case "Sign":
		return paramSign
	case "RequestTime":
		return paramRequestTime
	case "contenttype", "ClientIP", "OptPlatform": // nothing reads these
		return numParams
	}
	switch {
	case strings.EqualFold(key, "SdkAppid"):
		return paramAppID
	case strings.EqualFold(key, "CallbackCommand"), strings.EqualFold(key, "WebhookCommand"):
		return paramCommand
	case strings.EqualFold(key, "Sign"):
		return paramSign
	case strings.EqualFold(key, "RequestTime"):
		return paramRequestTime
	}
	return numParams
}
