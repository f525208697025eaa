package web

import "time"

// age returns the time from then to now in seconds, to the millisecond.
func age(now, then time.Time) float64 { return float64(now.Sub(then).Milliseconds()) / 1000 }

func utc(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func fromMilli(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func ageOrNil(now time.Time, then *time.Time) *float64 {
	if then == nil {
		return nil
	}
	a := max(age(now, *then), 0)
	return &a
}

func utcOrNil(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := utc(*t)
	return &u
}
