package relay

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// renewAfter is the age from which a signature is renewed. Receivers accept a signature for a
// minute, and their clocks may differ.
const renewAfter = 30 * time.Second

// renew returns the query raw. If its signature is older than renewAfter, or is as far in the
// future, it is replaced by a signature of now. The token is the one of tokens that made the old
// signature, or else the first. Only the values of Sign and RequestTime change.
func renew(raw string, tokens []string, now time.Time) string {
	q, err := tuilivekit.ParseQuery(raw)
	seconds, ok := tuilivekit.ParseRequestTime(q.RequestTime)
	if err != nil || !ok || now.Sub(time.Unix(seconds, 0)).Abs() < renewAfter || len(tokens) == 0 {
		return raw
	}
	token := tokens[0] // the token that signed may have been removed
	if slot := tuilivekit.Signer(tokens, q.RequestTime, q.Sign); slot >= 0 {
		token = tokens[slot]
	}
	requestTime := strconv.FormatInt(now.Unix(), 10)
	pairs := strings.Split(raw, "&")
	for i, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		plain, _ := url.QueryUnescape(name) // ParseQuery has succeeded with it
		switch {
		case strings.EqualFold(plain, "Sign"):
			pairs[i] = name + "=" + tuilivekit.Sign(token, requestTime)
		case strings.EqualFold(plain, "RequestTime"):
			pairs[i] = name + "=" + requestTime
		}
	}
	return strings.Join(pairs, "&")
}
