// Package usage has the scale by which the use of an application's rooms is named and
// coloured: on the status page, in the API, in the dashboards and in the documents. Its
// words and marks are those of the alerts; a test in package alerts_test compares them
// with the thresholds of the rules. It knows nothing of counts, of ages or of Tencent.
package usage

// Level is one step of the scale.
type Level struct {
	Name  string  // as the API has it
	Words string  // as people read it
	From  float64 // ratio of rooms to their limit from which it holds
	Color string  // as Grafana names it
}

// Levels returns the scale, the lowest level first. The caller owns the slice.
func Levels() []Level {
	return []Level{
		{"low", "low", 0, "green"},
		{"notice", "notice", 0.70, "yellow"}, // Tencent sends threshold events from here on
		{"near_limit", "near limit", 0.80, "orange"},
		{"critical", "critical", 0.90, "red"},
		{"exhausted", "exhausted", 1, "dark-red"},
	}
}

// Of returns the level of a ratio, which is 0 or more.
func Of(ratio float64) Level {
	levels := Levels()
	of := levels[0]
	for _, l := range levels {
		if ratio >= l.From {
			of = l
		}
	}
	return of
}
