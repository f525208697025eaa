package web

import (
	"cmp"
	"math"
	"strings"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// ago returns an age in words.
func (l language) ago(seconds float64) string {
	if seconds < 1 {
		return l.t("just now")
	}
	return l.t("%s ago", l.inWords(seconds))
}

// inWords returns a duration in words, rounded down to its largest unit.
func (l language) inWords(seconds float64) string {
	for _, unit := range []struct {
		name    string
		seconds float64
	}{{"day", 86400}, {"hour", 3600}, {"minute", 60}} {
		if n := math.Floor(seconds / unit.seconds); n >= 2 || n == 1 && unit.name != "day" {
			return l.plural(int(n), unit.name)
		}
	}
	return l.plural(int(seconds), "second")
}

// skewWords returns a clock skew in words.
func (l language) skewWords(seconds float64) string {
	switch {
	case math.Abs(seconds) < 2: // RequestTime has whole seconds
		return l.t("In step")
	case seconds > 0:
		return l.t("Ours is %s ahead", l.inWords(seconds))
	}
	return l.t("Ours is %s behind", l.inWords(-seconds))
}

// skewLevel returns the class of a clock skew. The shipped alert fires from 20 s on. Beyond the
// signature window, 60 s by default, callbacks are refused.
func skewLevel(seconds float64) string {
	switch skew := math.Abs(seconds); {
	case skew < 5:
		return "good"
	case skew < 20:
		return "warn"
	}
	return "bad"
}

// commandWords returns a short name of a command.
func (l language) commandWords(command string) string {
	switch command {
	case tuilivekit.RoomThreshold.String():
		return l.t("Threshold event")
	case tuilivekit.RoomCreated.String():
		return l.t("Room created")
	case tuilivekit.RoomDestroyed.String():
		return l.t("Room destroyed")
	}
	_, short, _ := strings.Cut(command, ".Callback")
	return cmp.Or(short, command)
}

// relayMode returns the mode of a relay in words.
func (l language) relayMode(mode string) string {
	switch mode {
	case RelayCircuitOpen:
		return l.t("Backend failing")
	case RelayDropping:
		return l.t("Callbacks dropped")
	case RelayDelayed:
		return l.t("Callbacks delayed")
	case RelaySetAside:
		return l.t("Callbacks set aside")
	}
	return l.t("Delivering")
}

// circuitWords returns the state of the circuits of a relay in words.
func (l language) circuitWords(r *RelayStatus) string {
	switch {
	case r.CircuitOpen && r.DeliveryCircuitOpen:
		return l.t("open: no decisions are asked for, one delivery at a time is tried")
	case r.CircuitOpen:
		return l.t("open: no decisions are asked for")
	case r.DeliveryCircuitOpen:
		return l.t("open: one delivery at a time is tried")
	}
	return l.t("closed")
}

// recountMode returns the mode of recounts in words.
func (l language) recountMode(mode string) string {
	switch mode {
	case RecountStandby:
		return l.t("Another replica recounts")
	case RecountWaiting:
		return l.t("Before the first recount")
	case RecountLate:
		return l.t("Recounts late")
	case RecountFailing:
		return l.t("Recounts failing")
	case RecountStopped:
		return l.t("Recounts stopped")
	}
	return l.t("Recounting")
}

// verdictWords returns the verdict on a threshold event in words.
func (l language) verdictWords(e EventStatus) string {
	words := map[string]string{
		"accepted":     l.t("accepted"),
		"duplicate":    l.t("a repetition, not counted again"),
		"out_of_order": l.t("older than the newest, moves no gauge"),
	}[e.Verdict]
	if e.Clamped {
		words += l.t(", its time is in the future")
	}
	if !e.Durable {
		words += l.t(", not durable: answered 503")
	}
	return words
}

// class returns the CSS class of a mode of a relay or of recounts, or of a verdict.
func class(mode string) string {
	switch mode {
	case RelayOK, VerdictFresh:
		return "good"
	case RelayDelayed, RelaySetAside, RecountLate, RecountFailing, VerdictStale:
		return "warn"
	case RelayCircuitOpen, RelayDropping, RecountStopped:
		return "bad"
	}
	return "calm"
}
