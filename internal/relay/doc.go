// Package relay relays callbacks to the application's own backend. Tencent allows one callback
// URL for an application, so the backend gets its callbacks only through the exporter.
//
// A callback that asks for a decision is relayed within its request, and the answer of the
// backend is returned unchanged; the relay never decides. The backend gets the method, path,
// query, header and body that Tencent sent, and the address of the sender.
//
// All other callbacks are acknowledged first. The result of Pack is recorded with its event, and
// Run delivers it from the queues of package queue, in order and at least once, until MaxAge.
//
// Only the configuration determines the target. Redirects are not followed. A proxy of the
// environment is used only if ProxyFromEnvironment is set. Link-local addresses, metadata
// services of clouds and the exporter's own webhook listener are never dialed; this is checked
// after name resolution.
//
// The package does not know files, the format of the configuration, or the authentication of
// callbacks: its callers pass only authenticated callbacks.
package relay
