package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

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

// size writes a number of bytes in a unit that leaves at most four digits.
func size(bytes int64) string {
	value, units := float64(bytes), []string{"B", "KiB", "MiB", "GiB"}
	for value >= 1024 && len(units) > 1 {
		value, units = value/1024, units[1:]
	}
	if value < 10 && units[0] != "B" {
		return fmt.Sprintf("%.1f\u202f%s", value, units[0])
	}
	return fmt.Sprintf("%.0f\u202f%s", math.Floor(value), units[0])
}

// percent never rounds up to a limit that is not reached.
func percent(ratio float64) string {
	return fmt.Sprintf("%d\u202f%%", int64(math.Floor(ratio*100+1e-9)))
}

// stamp is a time for people, to the second.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
