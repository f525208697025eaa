package tuilivekit

import (
	"errors"
	"net/url"
	"strings"
)

// Query is what the query of a webhook URL says. A parameter that is missing is
// empty.
type Query struct {
	AppID       string // SdkAppid
	Command     string // CallbackCommand, in some documents WebhookCommand
	Sign        string
	RequestTime string
}

// ErrQuery is the error of ParseQuery.
var ErrQuery = errors.New("query cannot be decoded, or has a parameter twice")

// ParseQuery reads the raw query of a webhook URL. The names of parameters may be
// in any letter case, since the documents spell them in several; unknown ones are
// passed over. It fails with ErrQuery on a malformed escape anywhere, and on a
// parameter of Query that is there twice: a second reader of the same URL may
// choose the other one.
func ParseQuery(raw string) (Query, error) {
	var q Query
	var seen [4]bool
	// Tencent's own queries have no escapes: to look for one in each part takes longer than
	// all the rest.
	escaped := strings.IndexByte(raw, '%') >= 0 || strings.IndexByte(raw, '+') >= 0
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		key, value, _ := strings.Cut(pair, "=")
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
		var i int
		switch {
		case strings.EqualFold(key, "SdkAppid"):
			field, i = &q.AppID, 0
		case strings.EqualFold(key, "CallbackCommand"), strings.EqualFold(key, "WebhookCommand"):
			field, i = &q.Command, 1
		case strings.EqualFold(key, "Sign"):
			field, i = &q.Sign, 2
		case strings.EqualFold(key, "RequestTime"):
			field, i = &q.RequestTime, 3
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
