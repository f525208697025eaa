package handler

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/throttle"
)

// reason is a reason to refuse a request. To add a reason, add an entry to the variables below:
// the metric, the log, the status page and docs/refusals.md are made from them.
type reason struct {
	// label is the label value of tuilivekit_webhook_rejections_total.
	label string
	// status is the HTTP status of the answer, 0 if the connection is closed without an answer.
	status int
	// text is the error text of the answer, unless the refusal has a detail. It is the same for
	// all failed signatures, so that a sender cannot tell a wrong token from a wrong time. If
	// it is empty, the answer has no body.
	text string
	// retryAfter and allow are the header fields of these names. An empty field is not sent.
	retryAfter, allow string
	// stranger says that the sender has not shown that it has a token, or that the path is
	// wrong. Such refusals have a rate limit.
	stranger bool
	// level and message are the level and the message of the log line. The default is a
	// warning, "callback refused".
	level   logrus.Level
	message string
	// title is the reason in words. check says what an operator should check.
	title, check string

	index int // in reasons.list
}

// reasons are all reasons, in the order of their declaration.
type reasons struct{ list []*reason }

// add appends r and returns its entry.
func (rs *reasons) add(r reason) *reason {
	if r.message == "" {
		r.level, r.message = logrus.WarnLevel, "callback refused"
	}
	r.index = len(rs.list)
	rs.list = append(rs.list, &r)
	return &r
}

// table has the reasons below. It does not change after their initialization.
var table reasons

var (
	reasonPath = table.add(reason{
		label: "path", status: http.StatusNotFound, stranger: true, // no text: a scanner learns nothing
		level: logrus.DebugLevel, message: "request refused",
		title: "Wrong path",
		check: "The callback URL must end with the path of --webhook.path. Scanners ask for other paths all day: a few of these refusals are normal.",
	})
	// The answer is the same as for any wrong path.
	reasonSignedPath = table.add(reason{
		label: "signed_path", status: http.StatusNotFound,
		title: "Signed, but to a wrong path",
		check: "A token of this application has signed a callback to another path: these callbacks are lost. Correct the callback URL in Tencent's console, or the proxy that rewrites it, to the path in the detail.",
	})
	reasonMethod = table.add(reason{
		label: "method", status: http.StatusMethodNotAllowed, text: "only POST is allowed", allow: http.MethodPost, stranger: true,
		level: logrus.DebugLevel, message: "request refused",
		title: "Not a POST",
		check: "Callbacks are POSTs. Somebody opened the URL in a browser, or a health check of the balancer uses the webhook listener: let it use /-/ready on the web listener.",
	})
	reasonQuery = table.add(reason{
		label: "query", status: http.StatusBadRequest, text: "query cannot be decoded or has a parameter twice", stranger: true,
		title: "Query not understood",
		check: "A proxy in between may rewrite or repeat the query: it must be passed on byte for byte.",
	})
	reasonUnknownApp = table.add(reason{
		label: "unknown_app", status: http.StatusForbidden, text: "unknown application", stranger: true,
		title: "Unknown application",
		check: "This SDKAppID is not in the configuration. Add it and reload, or remove this URL from the callback settings of that application.",
	})
	reasonSign = table.add(reason{
		label: "sign", status: http.StatusUnauthorized, text: "authentication failed", stranger: true,
		title: "Wrong signature",
		check: "Compare the token in Tencent's console with the token file of this application. While you change a token, configure the old and the new one.",
	})
	reasonTime = table.add(reason{
		label: "time", status: http.StatusUnauthorized, text: "authentication failed", stranger: true,
		title: "Signed at another time",
		check: "Check both clocks (NTP). A proxy that delays or repeats requests has the same effect. The limit is --webhook.signature-window.",
	})
	reasonEncoding = table.add(reason{
		label: "encoding", status: http.StatusUnsupportedMediaType, text: "compressed bodies are not supported",
		title: "Compressed body",
		check: "A proxy in between compresses requests: switch that off for the callback URL.",
	})
	reasonTooLarge = table.add(reason{
		label: "too_large", status: http.StatusRequestEntityTooLarge, text: "body too large",
		title: "Body too large",
		check: "Callbacks are small. If a real one is refused, raise --webhook.max-body-bytes.",
	})
	reasonTimeout = table.add(reason{
		label: "timeout", status: http.StatusRequestTimeout, text: "body too slow",
		title: "Body too slow",
		check: "The network or a proxy was too slow: Tencent itself waits only two seconds. A sender that is slow on purpose has the same effect.",
	})
	reasonBody = table.add(reason{
		label: "body", status: http.StatusBadRequest, text: "body incomplete",
		title: "Body incomplete",
		check: "The sender or a proxy closed the connection in the middle of a request.",
	})
	reasonJSON = table.add(reason{
		label: "json", status: http.StatusBadRequest, text: "body is not JSON", // the decoder gives a detail
		title: "Body is not JSON",
		check: "A proxy rewrites the body, or another program sends to this URL. If Tencent sent the body like this, please report it.",
	})
	reasonField = table.add(reason{
		label: "field", status: http.StatusBadRequest, text: "field with a wrong value", // the decoder gives a detail
		title: "Field with a wrong value",
		check: "The detail names the field. The last valid counts stay. If Tencent sent the field like this, please report it.",
	})
	reasonStorage = table.add(reason{
		label: "storage", status: http.StatusServiceUnavailable, text: "not durable now", retryAfter: "5",
		title: "Not durable",
		check: "The folder of --storage.path cannot be written now: check its free space, its permissions and its mount. The counts are in memory.",
	})
	reasonOverload = table.add(reason{
		label: "overload", status: http.StatusServiceUnavailable, text: "overloaded", retryAfter: "1",
		title: "More than can be recorded",
		check: "The disk of --storage.path is too slow for the rate of callbacks, or somebody sends far more than Tencent does.",
	})
	reasonInternal = table.add(reason{
		label: "internal", status: http.StatusInternalServerError, text: "internal error",
		level: logrus.ErrorLevel, message: "callback failed",
		title: "Error of the exporter",
		check: "This is a bug. The log has the details; please report them.",
	})
	reasonSource = table.add(reason{
		label: "source", status: http.StatusForbidden, text: "source not allowed", stranger: true,
		title: "Source not allowed",
		check: "The address is not in --webhook.allowed-sources. Behind a balancer, set --webhook.trusted-proxies to its addresses.",
	})
	reasonForwarded = table.add(reason{
		label: "forwarded", status: http.StatusBadRequest, text: "X-Forwarded-For is not a list of addresses", stranger: true,
		title: "X-Forwarded-For not understood",
		check: "--webhook.allowed-sources needs the address of the sender: the balancer in --webhook.trusted-proxies must send a list of addresses in X-Forwarded-For.",
	})
	reasonRate = table.add(reason{
		label: "rate", status: http.StatusTooManyRequests, text: "too many requests", retryAfter: "1",
		title: "Too many requests",
		check: "One address causes more refusals than --webhook.refusals-per-second. If it is your balancer, set --webhook.trusted-proxies to its addresses: the limit then applies to the senders behind it.",
	})
	reasonConnections = table.add(reason{
		label: "connections",
		level: logrus.WarnLevel, message: "connection closed for a new one: too many",
		title: "Too many connections",
		check: "More connections than --webhook.max-connections or --webhook.max-connections-per-source. Tencent keeps a few open: find the owner of the others.",
	})
	reasonLoop = table.add(reason{
		label: "loop", status: http.StatusMisdirectedRequest, text: "relay loop",
		title: "Relay loop",
		check: "The relay.url of this application leads back to this exporter, directly or through others: it must be the URL of the application's own backend.",
	})
)

// refusalLogInterval is the minimum time between two log lines of one reason, so that senders
// cannot flood the log.
const refusalLogInterval = 5 * time.Second

// refusals are the refused requests of one reason since the start, for the log and for Report.
// The metric has its own counter.
type refusals struct {
	*reason
	throttle *throttle.Throttle // of the log
	total    atomic.Uint64
	last     atomic.Pointer[note]
}

func newRefusals(rs reasons) []*refusals {
	all := make([]*refusals, len(rs.list))
	for i, r := range rs.list {
		all[i] = &refusals{reason: r, throttle: throttle.New(refusalLogInterval)}
	}
	return all
}
