package restapi

// Retry says whether a call that failed may be made again.
type Retry uint8

const (
	// Never means that the call fails again until somebody changes something: the
	// configuration, the account, or this program.
	Never Retry = iota
	// Soon means that the fault may pass by itself: try again, a bounded number of times.
	Soon
	// Slower means that a rate limit of the application was met, which its own backend
	// needs as well: halve the rate, then try again.
	Slower
	// Gone means that the requested room or configuration does not exist. It is an answer, not a
	// fault.
	Gone
)

// Advice explains an error.
type Advice struct {
	// Meaning says what happened, in one sentence without the final period.
	Meaning string
	// Retry says whether to try again.
	Retry Retry
	// Do says what the operator should do, in one sentence without the final period. It is empty if
	// there is nothing to do.
	Do string
}

// The codes that this program acts on.
const (
	CodeNotAdministrator = 60010
	CodeUserSigExpired   = 70001
	CodeBadParameter     = 100002
	CodeRoomGone         = 100004
	CodeCallbackExists   = 100300
	CodeNoCallback       = 100301
	CodeNoCallbackToken  = 100302
)

const (
	ourFault   = "report this as a bug of tuilivekit-exporter, with the RequestId"
	checkLogin = "check region, sdk_app_id, identifier and the secret key of this application in the configuration"
	askTencent = "if it continues, open a ticket with the RequestId"
	useLess    = "lower reconcile.rate, or find out what else calls the server API for this application"
)

// codes are the documented error codes ("RESTful API Overview" and "Error Codes" of Live,
// and those of UserSig).
var codes = map[int]Advice{
	60002: {"Tencent could not parse the request", Never, ourFault},
	60003: {"Tencent could not parse the body of the request", Never, ourFault},
	60004: {"the administrator or its signature is wrong", Never, checkLogin},
	60005: {"the administrator or its signature is wrong", Never, checkLogin},
	60006: {"the SDKAppID is invalid", Never, "check sdk_app_id and region in the configuration"},
	60007: {"the rate limit of this call is exceeded", Slower, useLess},
	60008: {"Tencent's server timed out, or did not accept the request", Soon, askTencent},
	60009: {"Tencent does not know the resource", Never, ourFault},
	60010: {"the identifier is not an administrator of the application", Never, "make it an administrator: in the console, open the application, then account management, and add the identifier as an App administrator"},
	60011: {"the rate limit of the application is exceeded", Slower, useLess},
	60012: {"the SDKAppID is missing", Never, ourFault},
	60013: {"Tencent's server failed to make its answer", Soon, askTencent},
	60014: {"Tencent's account service timed out", Soon, askTencent},
	60015: {"the account is not text", Never, ourFault},
	60016: {"the SDKAppID is disabled", Never, "enable the application in the console"},
	60017: {"the call is disabled for this application", Never, "open a ticket: this application may not make the call"},
	60018: {"calls are too frequent", Slower, useLess},
	60019: {"calls are too frequent", Slower, useLess},
	60020: {"the package of the application has expired", Never, "renew the package in the console; it works 5 minutes later"},
	60021: {"this address may not call the server API of the application", Never, "add the address from which the exporter calls to the application's list of allowed addresses in the console"},
	70001: {"the UserSig has expired", Never, "check the clock of this machine; if user_sig_file is set, make a new UserSig"},
	70003: {"the UserSig is not valid", Never, checkLogin + ", and the clock of this machine"},
	70005: {"the UserSig is not valid", Never, checkLogin},
	70009: {"the UserSig was not made with the key of this application", Never, checkLogin},
	70013: {"the UserSig is that of another identifier", Never, checkLogin},
	70014: {"the UserSig is that of another SDKAppID", Never, checkLogin},
	70016: {"this region does not know the key of the application", Never, "check region in the configuration: most likely the application is in another one"},
	70020: {"this region does not know the application", Never, "check region in the configuration: most likely the application is in another one"},
	70050: {"the UserSig was wrong too often; Tencent refuses it for a minute", Never, checkLogin + ", then wait a minute"},
	70052: {"the UserSig is not valid", Never, checkLogin},

	100001: {"internal error at Tencent", Soon, askTencent},
	100002: {"a parameter of the call is invalid", Never, ourFault},
	100003: {"a room of this id exists", Never, ""},
	100004: {"the room does not exist or was dissolved", Gone, ""},
	100007: {"the application has no package", Never, "buy or renew a TUILiveKit package in the console"},
	100008: {"the room is full", Never, ""},
	100010: {"a room of this id exists and belongs to the caller", Never, ""},
	100011: {"the id is that of a group of Chat", Never, ""},
	100012: {"rooms are created too frequently", Slower, ""},
	100013: {"a limit of the package is exceeded", Never, "buy a larger package, or close rooms that nobody needs"},
	100026: {"the name or the information of the room has forbidden words", Never, ""},
	100300: {"a callback URL is set already", Never, "update it instead"},
	100301: {"no callback URL is set", Gone, "set it in the console, or with tuilivekit-exporter setup"},
	100302: {"no callback token is set", Gone, "set it in the console, or with tuilivekit-exporter setup"},
}

// adviceOf returns the advice of a code, documented or not.
func adviceOf(code int) Advice {
	if a, ok := codes[code]; ok {
		return a
	}
	return Advice{Meaning: "Tencent answered an error code that is not documented", Retry: Never, Do: "look the code up in Tencent's documents, " + askTencent}
}
