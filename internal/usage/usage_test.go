package usage

import "testing"

func TestOf(t *testing.T) {
	for ratio, want := range map[float64]string{
		0: "low", 0.699: "low", 0.7: "notice", 0.799: "notice", 0.8: "near_limit", 0.899: "near_limit",
		0.9: "critical", 0.999: "critical", 1: "exhausted", 1.2: "exhausted",
	} {
		if got := Of(ratio).Name; got != want {
			t.Errorf("%g is %s, want %s", ratio, got, want)
		}
	}
}

func TestLevelsRise(t *testing.T) {
	below := -1.0
	for _, l := range Levels() {
		if l.From <= below || l.Name == "" || l.Words == "" || l.Color == "" {
			t.Errorf("%+v comes after %g", l, below)
		}
		below = l.From
	}
}
