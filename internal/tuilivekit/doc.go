// Package tuilivekit speaks the words of Tencent Cloud TUILiveKit: it reads the
// query and the body of a webhook, checks and makes its signature, and has the
// answers that Tencent understands.
//
// It is strict about what it accepts as JSON and as a number, and tolerant where
// Tencent's documents contradict each other: spellings of query parameters, types
// of counts, places of EventTime. It opens no connection and keeps no state.
package tuilivekit
