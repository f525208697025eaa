package tuilivekit

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const threshold = `"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold"`

func TestDecode(t *testing.T) {
	deep := strings.Repeat(`[`, maxDepth-1) + strings.Repeat(`]`, maxDepth-1)
	for _, tc := range []struct {
		name, body string
		want       Callback
		err        string
	}{
		{name: "counts as the sample has them", body: `{` + threshold + `,"Operator_Account":"brennanli","EventTime":1739966441121,"CurRoomCount":400,"MaxRoomCount":500}`,
			want: Callback{EventTime: 1739966441121, Current: 400, Max: 500, Subject: []byte(`"brennanli"`)}},
		{name: "counts as the field table has them", body: `{` + threshold + `,"EventTime":"1739966441121","CurRoomCount":"400","MaxRoomCount":[ 500 ]}`,
			want: Callback{EventTime: 1739966441121, Current: 400, Max: 500, Retyped: true}},
		{name: "array of one string", body: `{` + threshold + `,"CurRoomCount":["4"],"MaxRoomCount":5}`, want: Callback{Current: 4, Max: 5, Retyped: true}},
		{name: "operator as a number stays exact", body: `{` + threshold + `,"Operator_Account":144115216631667826,"CurRoomCount":4,"MaxRoomCount":5}`,
			want: Callback{Current: 4, Max: 5, Subject: []byte(`144115216631667826`)}},
		{name: "escaped names are the same names", body: `{` + threshold + `,"CurRoomCoun\u0074":4,"MaxRoomCount":5}`, want: Callback{Current: 4, Max: 5}},
		{name: "command with escapes", body: `{"CallbackCommand":"Live.Callback\u0041fterCreateRoomReachingThreshold","CurRoomCount":4,"MaxRoomCount":5}`, want: Callback{Current: 4, Max: 5}},
		{name: "byte order mark", body: "\uFEFF{" + threshold + `,"CurRoomCount":0,"MaxRoomCount":1}`, want: Callback{Max: 1}},
		{name: "largest counts", body: `{` + threshold + `,"CurRoomCount":1000000000,"MaxRoomCount":1000000000}`, want: Callback{Current: MaxCount, Max: MaxCount}},
		{name: "deepest nesting", body: `{` + threshold + `,"CurRoomCount":1,"MaxRoomCount":1,"x":` + deep + `}`, want: Callback{Current: 1, Max: 1}},
		{name: "EventTime in seconds is not used", body: `{` + threshold + `,"EventTime":1739966441,"CurRoomCount":1,"MaxRoomCount":1}`, want: Callback{Current: 1, Max: 1}},
		{name: "EventTime as text is not used", body: `{` + threshold + `,"EventTime":"now","CurRoomCount":1,"MaxRoomCount":1}`, want: Callback{Current: 1, Max: 1}},
		{name: "EventTime too large is not used", body: `{` + threshold + `,"EventTime":99999999999999999999,"CurRoomCount":1,"MaxRoomCount":1}`, want: Callback{Current: 1, Max: 1}},

		{name: "nesting too deep", body: `{` + threshold + `,"x":[` + deep + `]}`, err: "body: nested too deeply"},
		{name: "too many members", body: `{` + strings.Repeat(`"x":1,`, maxMembers) + threshold + `}`, err: "body: too many members"},
		{name: "empty", body: ``, err: "body: empty"},
		{name: "only spaces", body: `  `, err: "body: not valid JSON"},
		{name: "an array", body: `[]`, err: "body: not a JSON object"},
		{name: "a malformed array", body: `[`, err: "body: not valid JSON"},
		{name: "invalid UTF-8", body: "{\"x\":\"\xff\"}", err: "body: not valid UTF-8"},
		{name: "trailing data", body: `{}{}`, err: "body: trailing data"},
		{name: "truncated", body: `{` + threshold, err: "body: not valid JSON"},
		{name: "a comment", body: `{"x":1 /* y */}`, err: "body: not valid JSON"},
		{name: "a trailing comma", body: `{"x":1,}`, err: "body: not valid JSON"},
		{name: "NaN", body: `{` + threshold + `,"CurRoomCount":NaN,"MaxRoomCount":5}`, err: "CurRoomCount: not valid JSON"},
		{name: "command twice", body: `{` + threshold + `,` + threshold + `}`, err: "CallbackCommand: given twice"},
		{name: "count twice, once escaped", body: `{` + threshold + `,"MaxRoomCount":5,"M\u0061xRoomCount":6}`, err: "MaxRoomCount: given twice"},
		{name: "count in another case", body: `{` + threshold + `,"curroomcount":4,"CurRoomCount":4,"MaxRoomCount":5}`, err: "CurRoomCount: wrong letter case"},
		{name: "count with a character that folds", body: `{"Callbac\u212aCommand":"x"}`, err: "CallbackCommand: wrong letter case"},
		{name: "command of another type", body: `{"CallbackCommand":7}`, err: "CallbackCommand: not a string"},
		{name: "the last member malformed", body: `{` + threshold + `,"CurRoomCount":4,"MaxRoomCount":5,"x":[}`, err: "body: not valid JSON"},
		{name: "no current count", body: `{` + threshold + `,"MaxRoomCount":5}`, err: "CurRoomCount: missing"},
		{name: "no maximum", body: `{` + threshold + `,"CurRoomCount":5}`, err: "MaxRoomCount: missing"},
		{name: "negative", body: `{` + threshold + `,"CurRoomCount":-1,"MaxRoomCount":5}`, err: "CurRoomCount: out of range"},
		{name: "minus zero", body: `{` + threshold + `,"CurRoomCount":-0,"MaxRoomCount":5}`, err: "CurRoomCount: out of range"},
		{name: "maximum of zero", body: `{` + threshold + `,"CurRoomCount":0,"MaxRoomCount":0}`, err: "MaxRoomCount: out of range"},
		{name: "too large", body: `{` + threshold + `,"CurRoomCount":1,"MaxRoomCount":1000000001}`, err: "MaxRoomCount: out of range"},
		{name: "overflow", body: `{` + threshold + `,"CurRoomCount":18446744073709551617,"MaxRoomCount":5}`, err: "CurRoomCount: out of range"},
		{name: "fraction", body: `{` + threshold + `,"CurRoomCount":4.0,"MaxRoomCount":5}`, err: "CurRoomCount: not an integer"},
		{name: "exponent", body: `{` + threshold + `,"CurRoomCount":4e2,"MaxRoomCount":500}`, err: "CurRoomCount: not an integer"},
		{name: "null", body: `{` + threshold + `,"CurRoomCount":null,"MaxRoomCount":5}`, err: "CurRoomCount: not an integer"},
		{name: "true", body: `{` + threshold + `,"CurRoomCount":true,"MaxRoomCount":5}`, err: "CurRoomCount: not an integer"},
		{name: "an object", body: `{` + threshold + `,"CurRoomCount":{},"MaxRoomCount":5}`, err: "CurRoomCount: not an integer"},
		{name: "empty array", body: `{` + threshold + `,"CurRoomCount":[ ],"MaxRoomCount":5}`, err: "CurRoomCount: not an integer"},
		{name: "array of two", body: `{` + threshold + `,"CurRoomCount":[4,5],"MaxRoomCount":5}`, err: "CurRoomCount: not an integer"},
		{name: "array in an array", body: `{` + threshold + `,"CurRoomCount":[[4]],"MaxRoomCount":5}`, err: "CurRoomCount: not an integer"},
		{name: "empty string", body: `{` + threshold + `,"CurRoomCount":"","MaxRoomCount":5}`, err: "CurRoomCount: not an integer"},
		{name: "string with a sign", body: `{` + threshold + `,"CurRoomCount":"+4","MaxRoomCount":5}`, err: "CurRoomCount: not an integer"},
		{name: "negative string", body: `{` + threshold + `,"CurRoomCount":"-4","MaxRoomCount":5}`, err: "CurRoomCount: not an integer"},
		{name: "string with a space", body: `{` + threshold + `,"CurRoomCount":" 4","MaxRoomCount":5}`, err: "CurRoomCount: not an integer"},
		{name: "string with a leading zero", body: `{` + threshold + `,"CurRoomCount":"04","MaxRoomCount":5}`, err: "CurRoomCount: not an integer"},
		{name: "hexadecimal string", body: `{` + threshold + `,"CurRoomCount":"0x4","MaxRoomCount":5}`, err: "CurRoomCount: not an integer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Decode([]byte(tc.body), RoomThreshold.String())
			if tc.err != "" {
				var field *FieldError
				if !errors.As(err, &field) || err.Error() != tc.err {
					t.Fatalf("error is %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			tc.want.Command, tc.want.Name = RoomThreshold, RoomThreshold.String()
			checkCallback(t, got, tc.want)
		})
	}
}

func TestDecodeRoomCallbacks(t *testing.T) {
	const created, destroyed = `"CallbackCommand":"Live.CallbackAfterCreateRoom"`, `"CallbackCommand":"Live.CallbackAfterDestroyRoom"`
	for _, tc := range []struct {
		name, body string
		command    Command
		time       int64
		subject    string
	}{
		{"time at the top", `{` + created + `,"RoomInfo":{"RoomId":"r","EventTime":1703589922781,"CreateTime":1703589922},"EventTime":1703589922780}`, RoomCreated, 1703589922780, `"r"`},
		{"time in RoomInfo", `{` + created + `,"RoomInfo":{"RoomId":"r","EventTime":1703589922781,"CreateTime":1703589922}}`, RoomCreated, 1703589922781, `"r"`},
		{"only a time of creation", `{` + created + `,"RoomInfo":{"RoomId":"r","CreateTime":1703589922}}`, RoomCreated, 1703589922000, `"r"`},
		{"a time of creation in milliseconds", `{` + created + `,"RoomInfo":{"RoomId":"r","CreateTime":1703589922000}}`, RoomCreated, 0, `"r"`},
		{"a destroyed room's creation is not its end", `{` + destroyed + `,"RoomId":"r","RoomInfo":{"CreateTime":1703589922}}`, RoomDestroyed, 0, `"r"`},
		{"room at the top wins", `{` + destroyed + `,"RoomId":1,"RoomInfo":{"RoomId":"r"}}`, RoomDestroyed, 0, `1`},
		{"no RoomInfo", `{` + destroyed + `,"EventTime":"1703589922780"}`, RoomDestroyed, 1703589922780, ``},
		{"RoomInfo of another type", `{` + created + `,"RoomInfo":"x"}`, RoomCreated, 0, ``},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Decode([]byte(tc.body), "")
			if err != nil {
				t.Fatal(err)
			}
			checkCallback(t, got, Callback{Command: tc.command, Name: tc.command.String(), EventTime: tc.time, Subject: []byte(tc.subject)})
		})
	}
}

func checkCallback(t *testing.T, got, want Callback) {
	t.Helper()
	if got.Command != want.Command || got.Name != want.Name || got.EventTime != want.EventTime || got.Current != want.Current ||
		got.Max != want.Max || got.Retyped != want.Retyped || string(got.Subject) != string(want.Subject) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestCommandIsThatOfTheBodyElseOfTheURL(t *testing.T) {
	const gift = "Live.CallbackBeforeSendGift"
	for _, tc := range []struct{ name, body, url, want string }{
		{"both", `{"CallbackCommand":"Live.CallbackBeforeSendGift"}`, RoomThreshold.String(), gift},
		{"body only", `{"CallbackCommand":"Live.CallbackBeforeSendGift"}`, "", gift},
		{"URL only", `{"x":1}`, gift, gift},
		{"empty in the body", `{"CallbackCommand":""}`, gift, gift},
		{"an empty body", ``, gift, gift},
		{"an unreadable body", `{"x":`, gift, gift},
		{"no object", `[]`, gift, gift},
		{"neither", `{}`, "", ""},
		{"neither, an empty body", ``, "", ""},
		{"neither, no object", `null`, "", ""},
		{"unknown", `{"CallbackCommand":"Live.CallbackAfterSomethingNew"}`, "", "Live.CallbackAfterSomethingNew"},
		{"other", `{"CallbackCommand":"other"}`, "", "other"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Decode([]byte(tc.body), tc.url)
			if err != nil {
				t.Fatal(err)
			}
			checkCallback(t, got, Callback{Command: commandsByName[tc.want], Name: tc.want})
		})
	}
}

func TestCountsOfACommandThatOnlyTheURLNames(t *testing.T) {
	for body, want := range map[string]string{
		`{"EventTime":1739966441121,"CurRoomCount":400,"MaxRoomCount":500}`:                      "",
		`{"CallbackCommand":"","EventTime":1739966441121,"CurRoomCount":400,"MaxRoomCount":500}`: "",
		`{}`:                  "CurRoomCount: missing",
		``:                    "body: empty",
		`null`:                "body: not a JSON object",
		`{"CurRoomCount":400`: "body: not valid JSON",
	} {
		got, err := Decode([]byte(body), RoomThreshold.String())
		if want != "" {
			if err == nil || err.Error() != want {
				t.Errorf("%s: error is %v, want %q", body, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", body, err)
		}
		checkCallback(t, got, Callback{Command: RoomThreshold, Name: RoomThreshold.String(), EventTime: 1739966441121, Current: 400, Max: 500})
	}
}

// What is not read of a body is the backend's affair.
func TestBodiesThatAreNotReadMayLookAsTheyLike(t *testing.T) {
	const gift = `"CallbackCommand":"Live.CallbackBeforeSendGift"`
	many := strings.Repeat(`"x":1,`, maxMembers+1)
	deep := strings.Repeat(`[`, 10_000) + strings.Repeat(`]`, 10_000)
	for name, body := range map[string]string{
		"a name in two cases":               `{` + gift + `,"roomId":"r","RoomId":"r"}`,
		"a name twice":                      `{` + gift + `,"RoomId":"r","RoomId":"r"}`,
		"a Latin-1 byte":                    "{" + gift + ",\"Nick\":\"\xe9\"}",
		"a Latin-1 byte before":             "{\"Nick\":\"\xe9\"," + gift + "}",
		"many members":                      `{` + gift + `,` + many[:len(many)-1] + `}`,
		"many members before":               `{` + many + gift + `}`,
		"nested deeply":                     `{` + gift + `,"x":` + deep + `}`,
		"nested deeply before":              `{"x":` + deep + `,` + gift + `}`,
		"malformed behind the command":      `{` + gift + `,"x":nil}`,
		"counts that make no sense":         `{` + gift + `,"CurRoomCount":-1,"MaxRoomCount":[]}`,
		"an EventTime that cannot be used":  `{` + gift + `,"EventTime":{}}`,
		"an EventTime in another case":      `{` + gift + `,"eventTime":1}`,
		"a RoomInfo with its members twice": `{` + gift + `,"RoomInfo":{"RoomId":"a","RoomId":"b"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Decode([]byte(body), "")
			if err != nil {
				t.Fatal(err)
			}
			checkCallback(t, got, Callback{Command: commandsByName["Live.CallbackBeforeSendGift"], Name: "Live.CallbackBeforeSendGift"})
		})
	}
}

func TestUnclearCommandIsRefused(t *testing.T) {
	for body, want := range map[string]string{
		`{"CallbackCommand":"x","CallbackCommand":"y"}`:           "CallbackCommand: given twice",
		`{"CallbackCommand":"x","CallbackCommand":"x"}`:           "CallbackCommand: given twice",
		`{"CallbackCommand":"x","callbackCommand":"` + "y" + `"}`: "CallbackCommand: wrong letter case",
		`{"callbackcommand":"x"}`:                                 "CallbackCommand: wrong letter case",
		`{"CallbackCommand":null}`:                                "CallbackCommand: not a string",
		`{"CallbackCommand":x`:                                    "CallbackCommand: not valid JSON",
		`{"x":`:                                                   "body: not valid JSON", // nobody says what it is
		`{"CallbackCommand":"x","x":1,` + threshold + `}`:         "CallbackCommand: given twice",
		`{` + threshold + `,"CallbackCommand":"x"}`:               "CallbackCommand: given twice",
	} {
		if got, err := Decode([]byte(body), ""); err == nil || err.Error() != want {
			t.Errorf("%s: got %v %v, want %q", body, got.Command, err, want)
		}
	}
}

func TestDecisions(t *testing.T) {
	for name, want := range map[string]bool{
		"Live.CallbackBeforeSendGift": true, "Group.CallbackBeforeSendMsg": true, "C2C.CallbackBeforeSendMsg": true,
		"Group.CallbackBeforeSomethingNew": true, "Sns.CallbackPrevFriendAdd": true, "Sns.CallbackPrevFriendResponse": true,
		"Sns.CallbackFriendAdd": false, "Live.CallbackAfterCreateRoom": false, "": false, "other": false,
	} {
		if got := IsDecision(name); got != want {
			t.Errorf("%q: got %t", name, got)
		}
	}
}

// samples returns the documented bodies, by file name.
func samples(t testing.TB) map[string][]byte {
	files := map[string][]byte{}
	for _, pattern := range []string{"*.json", "variants/*.json"} {
		paths, err := filepath.Glob(filepath.Join("../../testdata/callbacks", pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no samples: %v", err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files[path] = b
		}
	}
	return files
}

func TestEverySampleIsOfAKnownCommand(t *testing.T) {
	seen := map[Command]bool{}
	for path, body := range samples(t) {
		cb, err := Decode(body, "")
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if cb.Command == Other {
			t.Errorf("%s: command %q is not known", path, cb.Name)
		}
		seen[cb.Command] = true
	}
	for c := range Command(Commands) {
		if c != Other && !seen[c] {
			t.Errorf("no sample of %s", c)
		}
	}
}

// FuzzDecode holds the scanner against encoding/json: of the commands that are read it
// takes nothing that encoding/json would refuse, and refuses as malformed nothing that it
// takes. What is not read it refuses for its name alone.
func FuzzDecode(f *testing.F) {
	for _, body := range samples(f) {
		f.Add(body)
	}
	f.Add([]byte("\uFEFF{}"))
	f.Add([]byte(`{"CurRoomCoun\u0074":"4\u0030","a":[1e5,-0.1,true,null,{"b":[]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		valid := json.Valid(trimBOM(body))
		for _, command := range []string{"", RoomThreshold.String(), RoomCreated.String(), "Live.CallbackBeforeSendGift"} {
			cb, err := Decode(body, command)
			var field *FieldError
			if err != nil && !errors.As(err, &field) {
				t.Fatalf("error of another type: %v", err)
			}
			whole := cb.Command.read() && cb.Command != MembersChanged && cb.Command != RateAlarm
			if err == nil && whole && !valid {
				t.Fatalf("accepted malformed JSON %q", body)
			}
			if err != nil && valid && (field.Problem == notJSON || field.Problem == trailingData) {
				t.Fatalf("refused valid JSON %q: %v", body, err)
			}
			if err != nil && command != "" && !cb.Command.read() && field.Field != fieldCommand {
				t.Fatalf("refused %q of a body that is not read: %v", body, err)
			}
			if err == nil && cb.Command == RoomThreshold && (cb.Current < 0 || cb.Current > MaxCount || cb.Max < 1 || cb.Max > MaxCount) {
				t.Fatalf("counts %d of %d from %q", cb.Current, cb.Max, body)
			}
			if cb.EventTime != 0 && cb.EventTime < minEventTime {
				t.Fatalf("time %d from %q", cb.EventTime, body)
			}
		}
	})
}
