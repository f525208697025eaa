// Package usage has the levels of usage, with their names and colours, for the status page, its
// JSON, the dashboards and the documents. The levels are those of the alerts; a test in package
// alerts_test compares them with the thresholds of the rules. The package does not know counts,
// ages or Tencent.
package usage

// Level is one level of usage.
type Level struct {
	Name  string  // in the JSON
	Words string  // on the status page
	From  float64 // lower bound: rooms divided by their limit
	Color string  // Grafana's name of the colour
}

// Levels returns all levels, the lowest first. The caller owns the slice.
func Levels() []Level {
	return []Level{
		{"low", "low", 0, "green"},
		{"notice", "notice", 0.70, "yellow"}, // from 0.70 Tencent sends threshold events
		{"near_limit", "near limit", 0.80, "orange"},
		{"critical", "critical", 0.90, "red"},
		{"exhausted", "exhausted", 1, "dark-red"},
	}
}

// Of returns the level of a ratio, which must be at least 0.
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
