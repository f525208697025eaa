package relay

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// renewAfter is the age of a signature that is not passed on any more: receivers take
// one for a minute, on clocks that are not quite ours.
const renewAfter = 30 * time.Second

// renew returns the query signed anew, as of now, if its signature is old, with the one of
// tokens that made it, or else the first. The values of Sign and RequestTime are others
// then; all else stays byte for byte.
func renew(raw string, tokens []string, now time.Time) string {
	q, err := tuilivekit.ParseQuery(raw)
	seconds, ok := tuilivekit.ParseRequestTime(q.RequestTime)
	if err != nil || !ok || now.Sub(time.Unix(seconds, 0)).Abs() < renewAfter || len(tokens) == 0 {
		return raw
	}
	token := tokens[0] // unless it knows better: the token that signed may be gone
	if slot := tuilivekit.Signer(tokens, q.RequestTime, q.Sign); slot >= 0 {
		token = tokens[slot]
	}
	requestTime := strconv.FormatInt(now.Unix(), 10)
	pairs := strings.Split(raw, "&")
	for i, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		plain, _ := url.QueryUnescape(name) // ParseQuery has done so
		switch {
		case strings.EqualFold(plain, "Sign"):
			pairs[i] = name + "=" + tuilivekit.Sign(token, requestTime)
		case strings.EqualFold(plain, "RequestTime"):
			pairs[i] = name + "=" + requestTime
		}
	}
	return strings.Join(pairs, "&")
}
