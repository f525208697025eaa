package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// grouped returns a number with a narrow space between groups of three digits.
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

// size returns a number of bytes in the largest unit in which it is at least 1, at most in GiB.
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

// percent returns a ratio in percent. It rounds down: 99.9 % must not be shown as 100 %.
func percent(ratio float64) string {
	return fmt.Sprintf("%d\u202f%%", int64(math.Floor(ratio*100+1e-9)))
}

// stamp returns a time in UTC to the second.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
