package web

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// ago says in words how long ago something was.
func ago(seconds float64) string {
	if seconds < 1 {
		return "just now"
	}
	return inWords(seconds) + " ago"
}

// inWords says a duration in its largest unit: what a person would say.
func inWords(seconds float64) string {
	for _, unit := range []struct {
		name    string
		seconds float64
	}{{"day", 86400}, {"hour", 3600}, {"minute", 60}} {
		if n := math.Floor(seconds / unit.seconds); n >= 2 || n == 1 && unit.name != "day" {
			return plural(int(n), unit.name)
		}
	}
	return plural(int(seconds), "second")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return grouped(int64(n)) + " " + what + "s"
}

// grouped writes a number with a thin space between thousands.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteString("\u202f")
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// percent never rounds up to a limit that is not reached.
func percent(ratio float64) string {
	return fmt.Sprintf("%d\u202f%%", int64(math.Floor(ratio*100+1e-9)))
}

// stamp is a time for people, to the second.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// skewWords says which clock is ahead.
func skewWords(seconds float64) string {
	switch {
	case math.Abs(seconds) < 2: // RequestTime has whole seconds
		return "In step"
	case seconds > 0:
		return "Ours is " + inWords(seconds) + " ahead"
	}
	return "Ours is " + inWords(-seconds) + " behind"
}

// skewLevel says how bad a clock skew is: the shipped alert fires from 20 s on, and from
// the signature window on, 60 s by default, callbacks are refused.
func skewLevel(seconds float64) string {
	switch skew := math.Abs(seconds); {
	case skew < 5:
		return "good"
	case skew < 20:
		return "warn"
	}
	return "bad"
}

// commandWords is a command as people say it.
func commandWords(command string) string {
	switch command {
	case tuilivekit.RoomThreshold.String():
		return "Threshold event"
	case tuilivekit.RoomCreated.String():
		return "Room created"
	case tuilivekit.RoomDestroyed.String():
		return "Room destroyed"
	}
	_, short, _ := strings.Cut(command, ".Callback")
	return cmp.Or(short, command)
}

// relayWords says how a backend is.
func relayWords(r *RelayStatus) string {
	words := grouped(int64(r.Delivered)) + " delivered"
	if r.Decisions > 0 {
		words += ", " + grouped(int64(r.Decisions-min(r.DecisionFailures, r.Decisions))) + " of " + grouped(int64(r.Decisions)) + " decided"
	}
	if r.Dropped > 0 {
		words += ", " + grouped(int64(r.Dropped)) + " dropped"
	}
	if r.QueueRequests > r.SetAside {
		words += ", " + grouped(int64(r.QueueRequests-r.SetAside)) + " queued in " + plural(r.QueueLanes, "lane")
	}
	if r.QueueOldestAgeSeconds != nil {
		words += ", the oldest for " + inWords(*r.QueueOldestAgeSeconds)
	}
	if r.InDelivery > 0 {
		words += ", " + grouped(int64(r.InDelivery)) + " in delivery"
	}
	if r.SetAside > 0 {
		words += ", " + grouped(int64(r.SetAside)) + " set aside because the backend takes others and not them"
	}
	if r.CircuitOpen {
		words += ", not asked for decisions since it failed too often in a row"
	}
	if r.DeliveryCircuitOpen {
		words += ", takes no callbacks: one at a time is tried"
	}
	return words
}
