package web

import "testing"

func TestWords(t *testing.T) {
	for _, tt := range []struct{ name, got, want string }{
		{"a moment", ago(0.4), "just now"},
		{"the clock went back", ago(-5), "just now"},
		{"a second", ago(1.9), "1 second ago"},
		{"seconds", ago(59.9), "59 seconds ago"},
		{"a minute", ago(60), "1 minute ago"},
		{"minutes", ago(3599), "59 minutes ago"},
		{"an hour", ago(3600), "1 hour ago"},
		{"a day is said in hours", ago(30 * 3600), "30 hours ago"},
		{"days", ago(49 * 3600), "2 days ago"},
		{"years are said in days", ago(1e8), "1\u202f157 days ago"},
		{"small", grouped(999), "999"},
		{"thousands", grouped(1000), "1\u202f000"},
		{"millions", grouped(-1234567), "-1\u202f234\u202f567"},
		{"almost full is not full", percent(0.9999), "99\u202f%"},
		{"a share that floats cannot hold", percent(0.29), "29\u202f%"},
		{"full", percent(1), "100\u202f%"},
		{"above the limit", percent(1.04), "104\u202f%"},
		{"one", plural(1, "application"), "1 application"},
		{"none", plural(0, "application"), "0 applications"},
		{"in step", skewWords(-1.2), "In step"},
		{"ahead", skewWords(75), "Ours is 1 minute ahead"},
		{"behind", skewWords(-12), "Ours is 12 seconds behind"},
		{"the threshold event", commandWords("Live.CallbackAfterCreateRoomReachingThreshold"), "Threshold event"},
		{"another command", commandWords("Live.CallbackBeforeSendGift"), "BeforeSendGift"},
		{"what nobody knows", commandWords("other"), "other"},
		{"a command of another kind", commandWords("Alert.RequestOverLimit"), "Alert.RequestOverLimit"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}
