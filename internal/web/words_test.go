package web

import "testing"

func TestWords(t *testing.T) {
	for _, tt := range []struct{ name, got, want string }{
		{"a moment", english.ago(0.4), "just now"},
		{"the clock went back", english.ago(-5), "just now"},
		{"a second", english.ago(1.9), "1 second ago"},
		{"seconds", english.ago(59.9), "59 seconds ago"},
		{"a minute", english.ago(60), "1 minute ago"},
		{"minutes", english.ago(3599), "59 minutes ago"},
		{"an hour", english.ago(3600), "1 hour ago"},
		{"a day in hours", english.ago(30 * 3600), "30 hours ago"},
		{"days", english.ago(49 * 3600), "2 days ago"},
		{"years in days", english.ago(1e8), "1\u202f157 days ago"},
		{"small", grouped(999), "999"},
		{"thousands", grouped(1000), "1\u202f000"},
		{"millions", grouped(-1234567), "-1\u202f234\u202f567"},
		{"almost full is not full", percent(0.9999), "99\u202f%"},
		{"a ratio without an exact float", percent(0.29), "29\u202f%"},
		{"full", percent(1), "100\u202f%"},
		{"above the limit", percent(1.04), "104\u202f%"},
		{"one", english.plural(1, "application"), "1 application"},
		{"none", english.plural(0, "application"), "0 applications"},
		{"no bytes", size(0), "0\u202fB"},
		{"bytes", size(1023), "1023\u202fB"},
		{"kibibytes", size(1536), "1.5\u202fKiB"},
		{"mebibytes", size(16<<20 - 1), "15\u202fMiB"},
		{"tebibytes", size(1 << 40), "1024\u202fGiB"},
		{"in Chinese", chinese.ago(60), "1 分钟前"},
		{"many in Chinese", chinese.plural(1200, "application"), "1\u202f200 个应用"},
		{"in step", english.skewWords(-1.2), "In step"},
		{"ahead", english.skewWords(75), "Ours is 1 minute ahead"},
		{"behind", english.skewWords(-12), "Ours is 12 seconds behind"},
		{"the threshold event", english.commandWords("Live.CallbackAfterCreateRoomReachingThreshold"), "Threshold event"},
		{"another command", english.commandWords("Live.CallbackBeforeSendGift"), "BeforeSendGift"},
		{"an unknown command", english.commandWords("other"), "other"},
		{"a command of another kind", english.commandWords("Alert.RequestOverLimit"), "Alert.RequestOverLimit"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}
