// Package tuilivekit implements the callback protocol of Tencent Cloud TUILiveKit: it reads the query
// and the body of a callback, checks and makes its signature, and has the bodies of the answers.
//
// It is strict about what it accepts as JSON and as a number, and tolerant where
// Tencent's documents contradict each other: spellings of query parameters, types
// of counts, places of EventTime. It opens no connection and keeps no state.
package tuilivekit
