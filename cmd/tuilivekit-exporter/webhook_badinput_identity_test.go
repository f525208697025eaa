package main

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// The rows that are wrong about who sends them.

const (
	unknownApp    = "unknown application"
	authFailed    = "authentication failed"
	badQuery      = "query cannot be decoded or has a parameter twice"
	neverSentBody = "Content-Length: 200000\r\n"
)

type queryFunc = func(now int64) string

// appText is a good query with other text for the SDKAppID.
func appText(text string) queryFunc {
	return func(now int64) string { return signedQuery(text, demoToken, "", now) }
}

// noCommand is a good query, and names no command.
var noCommand = appText(demoApp)

// changed is a good query with some of it replaced.
func changed(from, to string) queryFunc {
	return func(now int64) string {
		return strings.Replace(signedQuery(demoApp, demoToken, "", now), from, to, 1)
	}
}

// added is a good query with more behind it.
func added(more string) queryFunc {
	return func(now int64) string { return signedQuery(demoApp, demoToken, "", now) + more }
}

// signedAgo is a query that was signed so many seconds ago.
func signedAgo(seconds int64) queryFunc {
	return func(now int64) string { return signedQuery(demoApp, demoToken, "", now-seconds) }
}

// signText is a good query but for its Sign, which is what edit makes of the good one.
func signText(edit func(good string, now int64) string) queryFunc {
	return func(now int64) string {
		requestTime := strconv.FormatInt(now, 10)
		return "SdkAppid=" + demoApp + "&Sign=" + edit(tuilivekit.Sign(demoToken, requestTime), now) + "&RequestTime=" + requestTime
	}
}

// timeText is a query whose RequestTime reads escaped, with the seconds of now in
// place of #. It is signed as it reads decoded.
func timeText(escaped, decoded string) queryFunc {
	return func(now int64) string {
		at := func(s string) string { return strings.ReplaceAll(s, "#", strconv.FormatInt(now, 10)) }
		return "SdkAppid=" + demoApp + "&Sign=" + tuilivekit.Sign(demoToken, at(decoded)) + "&RequestTime=" + at(escaped)
	}
}

var badApplications = []badRow{
	{name: "no query", query: func(int64) string { return "" }, status: 403, reason: "unknown_app", text: unknownApp},
	{name: "no application", query: changed("SdkAppid="+demoApp+"&", ""), status: 403, reason: "unknown_app", text: unknownApp},
	{name: "an application without a value", query: changed("SdkAppid="+demoApp, "SdkAppid"), status: 403, reason: "unknown_app", text: unknownApp},
	{name: "an empty application", query: appText(""), status: 403, reason: "unknown_app", text: unknownApp},
	{name: "an unknown application", query: appText("1400000003"), status: 403, reason: "unknown_app", text: unknownApp},
	{name: "an unknown application with an unsent body", query: appText("1400000003"), header: neverSentBody, status: 403, reason: "unknown_app", text: unknownApp},
	{name: "an application twice", query: added("&SdkAppid=" + demoApp), status: 400, reason: "query", text: badQuery},
	{name: "two applications", query: added("&SdkAppid=" + otherApp), status: 400, reason: "query", text: badQuery},
	{name: "two applications in two spellings", query: added("&sdkappid=" + otherApp), status: 400, reason: "query", text: badQuery},
	{name: "two applications, one name with an escape", query: added("&SdkApp%69d=" + otherApp), status: 400, reason: "query", text: badQuery},
	{name: "a leading zero", query: appText("0" + demoApp), status: 403, reason: "unknown_app", text: unknownApp},
	{name: "a plus before the application", query: appText("%2B" + demoApp), status: 403, reason: "unknown_app", text: unknownApp},
	{name: "a minus before the application", query: appText("-" + demoApp), status: 403, reason: "unknown_app", text: unknownApp},
	{name: "a space before the application", query: appText("+" + demoApp), status: 403, reason: "unknown_app", text: unknownApp},
	{name: "a space behind the application", query: appText(demoApp + "%20"), status: 403, reason: "unknown_app", text: unknownApp},
	{name: "a line break behind the application", query: appText(demoApp + "%0Alevel=error"), status: 403, reason: "unknown_app", text: unknownApp},
	{name: "a NUL behind the application", query: appText(demoApp + "%00"), status: 403, reason: "unknown_app", text: unknownApp},
	{name: "a hexadecimal application", query: appText("0x53724E01"), status: 403, reason: "unknown_app", text: unknownApp},
	{name: "an application with a fraction", query: appText(demoApp + ".0"), status: 403, reason: "unknown_app", text: unknownApp},
	{name: "an application of 40 digits", query: appText(strings.Repeat("1400000001", 4)), status: 403, reason: "unknown_app", text: unknownApp},
	{name: "an application of 10,000 digits", query: appText(strings.Repeat("1400000001", 1000)), status: 403, reason: "unknown_app", text: unknownApp},
	{name: "an application in Arabic digits", query: appText("%D9%A1%D9%A4%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A1"), status: 403, reason: "unknown_app", text: unknownApp},
	{name: "an application in raw fullwidth digits", query: appText("１４００００００１"), status: 403, reason: "unknown_app", text: unknownApp},
	{name: "an application that is a list", query: appText(demoApp + "," + otherApp), status: 403, reason: "unknown_app", text: unknownApp},
	{name: "an application with the token of the other", query: func(now int64) string { return signedQuery(demoApp, otherToken, "", now) }, status: 401, reason: "sign", text: authFailed},
	{name: "a query signed for another application", query: func(now int64) string { return signedQuery(otherApp, demoToken, "", now) }, status: 401, reason: "sign", text: authFailed},
	{name: "the application in the body only", query: changed("SdkAppid="+demoApp+"&", ""), body: `{"SdkAppid":"` + demoApp + `"}`, status: 403, reason: "unknown_app", text: unknownApp},
	{name: "the application in a header only", query: changed("SdkAppid="+demoApp+"&", ""), header: "SdkAppid: " + demoApp + "\r\nContent-Length: " + newerLength + "\r\n", status: 403, reason: "unknown_app", text: unknownApp},
}

var badSignatures = []badRow{
	{name: "no signature", query: func(int64) string { return "SdkAppid=" + demoApp }, status: 401, reason: "sign", text: authFailed},
	{name: "no signature and an unsent body", query: func(int64) string { return "SdkAppid=" + demoApp }, header: neverSentBody, status: 401, reason: "sign", text: authFailed},
	{name: "Sign without RequestTime", query: func(now int64) string {
		return "SdkAppid=" + demoApp + "&Sign=" + tuilivekit.Sign(demoToken, strconv.FormatInt(now, 10))
	}, status: 401, reason: "sign", text: authFailed},
	{name: "RequestTime without Sign", query: func(now int64) string { return "SdkAppid=" + demoApp + "&RequestTime=" + strconv.FormatInt(now, 10) }, status: 401, reason: "sign", text: authFailed},
	{name: "an empty Sign", query: signText(func(string, int64) string { return "" }), status: 401, reason: "sign", text: authFailed},
	{name: "a Sign one digit short", query: signText(func(good string, _ int64) string { return good[:63] }), status: 401, reason: "sign", text: authFailed},
	{name: "a Sign of one byte", query: signText(func(good string, _ int64) string { return good[:2] }), status: 401, reason: "sign", text: authFailed},
	{name: "a Sign one digit long", query: signText(func(good string, _ int64) string { return good + "0" }), status: 401, reason: "sign", text: authFailed},
	{name: "a Sign twice as long", query: signText(func(good string, _ int64) string { return good + good }), status: 401, reason: "sign", text: authFailed},
	{name: "a Sign of 8 KiB", query: signText(func(good string, _ int64) string { return strings.Repeat(good, 128) }), status: 401, reason: "sign", text: authFailed},
	{name: "a Sign that is not hexadecimal", query: signText(func(good string, _ int64) string { return "g" + good[1:] }), status: 401, reason: "sign", text: authFailed},
	{name: "a Sign that begins with 0x", query: signText(func(good string, _ int64) string { return "0x" + good }), status: 401, reason: "sign", text: authFailed},
	{name: "a Sign with a space", query: signText(func(good string, _ int64) string { return "+" + good }), status: 401, reason: "sign", text: authFailed},
	{name: "a Sign with one digit changed", query: signText(func(good string, _ int64) string {
		return good[:63] + map[bool]string{true: "1", false: "0"}[good[63] == '0']
	}), status: 401, reason: "sign", text: authFailed},
	{name: "a Sign of zeros", query: signText(func(string, int64) string { return strings.Repeat("0", 64) }), status: 401, reason: "sign", text: authFailed},
	{name: "a Sign with an empty token", query: signText(func(_ string, now int64) string { return tuilivekit.Sign("", strconv.FormatInt(now, 10)) }), status: 401, reason: "sign", text: authFailed},
	{name: "a Sign of time before token", query: signText(func(_ string, now int64) string {
		sum := sha256.Sum256([]byte(strconv.FormatInt(now, 10) + demoToken))
		return hex.EncodeToString(sum[:])
	}), status: 401, reason: "sign", text: authFailed},
	{name: "a Sign of another second", query: signText(func(_ string, now int64) string { return tuilivekit.Sign(demoToken, strconv.FormatInt(now-1, 10)) }), status: 401, reason: "sign", text: authFailed},
	{name: "Sign twice", query: func(now int64) string {
		q := signedQuery(demoApp, demoToken, "", now)
		return q + q[strings.Index(q, "&Sign="):strings.Index(q, "&RequestTime=")]
	}, status: 400, reason: "query", text: badQuery},
	{name: "two Signs in two spellings", query: added("&SIGN=" + strings.Repeat("0", 64)), status: 400, reason: "query", text: badQuery},
	{name: "two Signs, one with a letter that folds", query: added("&%C5%BFign=" + strings.Repeat("0", 64)), status: 400, reason: "query", text: badQuery},
	{name: "an upper-case Sign", query: signText(func(good string, _ int64) string { return strings.ToUpper(good) }), body: harmless, status: 200},
	{name: "a Sign with an escape", query: signText(func(good string, _ int64) string { return "%" + strconv.FormatInt(int64(good[0]), 16) + good[1:] }), body: harmless, status: 200},
}

var badRequestTimes = []badRow{
	{name: "61 s late", query: signedAgo(61), status: 401, reason: "time", text: authFailed},
	{name: "60 s late is inside", query: signedAgo(60), body: harmless, status: 200, sameSecond: true},
	{name: "a day late", query: signedAgo(86400), status: 401, reason: "time", text: authFailed},
	{name: "61 s early", query: signedAgo(-61), status: 401, reason: "time", text: authFailed, sameSecond: true},
	{name: "60 s early is inside", query: signedAgo(-60), body: harmless, status: 200},
	{name: "RequestTime in milliseconds", query: timeText("#000", "#000"), status: 401, reason: "time", text: authFailed},
	{name: "RequestTime of zero", query: timeText("0", "0"), status: 401, reason: "time", text: authFailed},
	{name: "RequestTime of 18 digits", query: timeText("999999999999999999", "999999999999999999"), status: 401, reason: "time", text: authFailed},
	{name: "RequestTime of 19 digits", query: timeText("9223372036854775807", "9223372036854775807"), status: 401, reason: "sign", text: authFailed},
	{name: "RequestTime that wraps around to now", query: func(now int64) string {
		wrapped := "1844674407" + strconv.FormatInt(3709551616+now, 10) // 2^64 more
		return timeText(wrapped, wrapped)(now)
	}, status: 401, reason: "sign", text: authFailed},
	{name: "an empty RequestTime", query: timeText("", ""), status: 401, reason: "sign", text: authFailed},
	{name: "RequestTime with a space before", query: timeText("+#", " #"), status: 401, reason: "sign", text: authFailed},
	{name: "RequestTime with a space behind", query: timeText("#%20", "# "), status: 401, reason: "sign", text: authFailed},
	{name: "RequestTime with a line break", query: timeText("#%0A", "#\n"), status: 401, reason: "sign", text: authFailed},
	{name: "RequestTime with a plus", query: timeText("%2B#", "+#"), status: 401, reason: "sign", text: authFailed},
	{name: "a negative RequestTime", query: timeText("-#", "-#"), status: 401, reason: "sign", text: authFailed},
	{name: "RequestTime with a fraction", query: timeText("#.0", "#.0"), status: 401, reason: "sign", text: authFailed},
	{name: "RequestTime with an exponent", query: timeText("#e0", "#e0"), status: 401, reason: "sign", text: authFailed},
	{name: "RequestTime with an underscore", query: timeText("#_0", "#_0"), status: 401, reason: "sign", text: authFailed},
	{name: "a hexadecimal RequestTime", query: timeText("0x#", "0x#"), status: 401, reason: "sign", text: authFailed},
	{name: "RequestTime in Arabic digits", query: timeText("%D9%A1#", "١#"), status: 401, reason: "sign", text: authFailed},
	{name: "RequestTime twice", query: added("&RequestTime=0"), status: 400, reason: "query", text: badQuery},
	{name: "RequestTime with leading zeros", query: timeText("000#", "000#"), body: harmless, status: 200}, // digits, and signed as they are
}

var badQueries = []badRow{
	{name: "an escape that is not hexadecimal", query: added("&x=%zz"), status: 400, reason: "query", text: badQuery},
	{name: "an escape that is cut short", query: added("&x=%4"), status: 400, reason: "query", text: badQuery},
	{name: "a percent sign at the end", query: added("%"), status: 400, reason: "query", text: badQuery},
	{name: "a malformed escape in a name", query: added("&%x=1"), status: 400, reason: "query", text: badQuery},
	{name: "a malformed escape in the application", query: appText("%G1" + demoApp), status: 400, reason: "query", text: badQuery},
	{name: "semicolons between parameters", query: func(now int64) string {
		return strings.ReplaceAll(signedQuery(demoApp, demoToken, "", now), "&", ";")
	}, status: 403, reason: "unknown_app", text: unknownApp}, // one value, as URLs are read today
	{name: "a semicolon behind the time", query: added(";x=1"), status: 401, reason: "sign", text: authFailed},
	{name: "both spellings of the command", query: added("&WebhookCommand=" + thresholdCommand), status: 400, reason: "query", text: badQuery},
	{name: "the command twice", query: added("&CallbackCommand="), status: 400, reason: "query", text: badQuery},
	{name: "a control character in the query", query: added("&x=\x01"), status: 400, bare: true},
	{name: "parameters that are not used, twice", query: added("&ClientIP=1&ClientIP=2&contenttype=xml&contenttype=json"), body: harmless, status: 200},
	{name: "separators without parameters", query: added("&&&"), body: harmless, status: 200},
}
