// Package relay passes callbacks on to the application's own backend, which had them
// before they came here: Tencent allows one callback URL for an application.
//
// A callback that asks for a decision is passed on inside its request, and what the
// backend says is the answer; the relay never decides. The backend gets what Tencent
// sent: method, path, query, header and body, and where it came from.
//
// All others are acknowledged before: what Pack returns is recorded with its event, and
// Run delivers it from the queues of package state, in order and at least once, for as
// long as it takes.
//
// What a target may be comes from the configuration alone. No redirect is followed, no
// proxy of the environment is used unless that is asked for, and addresses that only a
// machine itself should talk to are refused when they are dialed, whatever name they
// hide behind.
//
// The package knows nothing of files, of the configuration's format or of signatures
// that come in: only callbacks that are authenticated get here.
package relay
