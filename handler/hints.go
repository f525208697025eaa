package handler

// hint says in words what a reason means, and what to check.
type hint struct{ title, check string }

// hints has one for each reason, by its label.
var hints = map[string]hint{
	"path": {"Wrong path",
		"The callback URL must end with the path of --webhook.path. Scanners ask for other paths all day: a few are no reason to worry."},
	"method": {"Not a POST",
		"Callbacks are POSTs. Somebody opened the URL in a browser, or a health check of the balancer asks the webhook listener: it belongs to /-/ready on the web listener."},
	"query": {"Query not understood",
		"A proxy in between may rewrite or repeat the query: it must be passed on byte for byte."},
	"unknown_app": {"Unknown application",
		"This SDKAppID is not in the configuration. Add it and reload, or take this URL out of that application's callback settings."},
	"sign": {"Wrong signature",
		"Compare the token in Tencent's console with the one in the token file of this application. While a token is changed, configure the old one and the new one."},
	"time": {"Signed at another time",
		"Check both clocks (NTP). A proxy that holds requests back, or sends them again, looks the same; the limit is --webhook.signature-window."},
	"encoding": {"Compressed body",
		"A proxy in between compresses requests: switch that off for the callback URL."},
	"too_large": {"Body too large",
		"Callbacks are small. If a real one is refused, raise --webhook.max-body-bytes."},
	"timeout": {"Body too slow",
		"The network or a proxy was too slow: Tencent itself waits only two seconds. Who holds connections open on purpose looks the same."},
	"body": {"Body incomplete",
		"The sender or a proxy closed the connection in the middle of a request."},
	"json": {"Body is not JSON",
		"Something rewrites the body, or another program sends to this URL. If it came from Tencent as it is, please report it."},
	"field": {"Field with a wrong value",
		"The detail names the field. The last good counts stay. If it came from Tencent as it is, please report it."},
	"storage": {"Not durable",
		"The folder of --storage.path cannot be written now: look at space, rights and the mount. The counts are in memory."},
	"overload": {"More than can be recorded",
		"The disk of --storage.path is too slow for what comes, or somebody sends far more than Tencent does."},
	"rate": {"Too many requests",
		"One address causes more refusals than --webhook.refusals-per-second. If it is your balancer, name it in --webhook.trusted-proxies: the limit is then for the addresses behind it."},
	"connections": {"Too many connections",
		"More connections than --webhook.max-connections or --webhook.max-connections-per-source. Tencent keeps a few: look who holds the others."},
	"source": {"Source not allowed",
		"The address is not in --webhook.allowed-sources. Behind a balancer, name that in --webhook.trusted-proxies."},
	"forwarded": {"X-Forwarded-For not understood",
		"The balancer in --webhook.trusted-proxies must send a list of addresses in X-Forwarded-For."},
	"loop": {"Relay loop",
		"The relay.url of this application leads back to this exporter, directly or through others: it must be the URL of the application's own backend."},
	"internal": {"Error of the exporter",
		"This is a bug. The log has the details; please report them."},
}

// hint returns the words for r; the label itself if nobody has written any.
func (r reason) hint() hint {
	if h, ok := hints[reasons[r].label]; ok {
		return h
	}
	return hint{reasons[r].label, "The log says more."}
}
