package restapi_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/leaks"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi/restapitest"
)

func TestMain(m *testing.M) { leaks.VerifyTestMain(m) }

const (
	appID = "1400000001"
	key   = "secret-key-0f5d31"
	list  = "live_engine_http_srv/get_room_list"
)

// serve returns a client of h, over TLS.
func serve(t *testing.T, h http.Handler, change func(*restapi.Options)) *restapi.Client {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	o := restapi.Options{
		AppID: appID, Host: strings.TrimPrefix(server.URL, "https://"), Identifier: "administrator", SecretKey: key,
		TLS: &tls.Config{RootCAs: roots, ServerName: "example.com"}, Timeout: time.Minute,
	}
	if change != nil {
		change(&o)
	}
	c := restapi.New(o)
	t.Cleanup(c.Close)
	return c
}

// standIn returns a stand-in with one application, and a client of it.
func standIn(t *testing.T, change func(*restapi.Options)) (*restapitest.API, *restapi.Client) {
	t.Helper()
	api := restapitest.New()
	api.Add(&restapitest.App{ID: appID, SecretKey: key, Admins: []string{"administrator"}, Egress: []string{"192.0.2.1", "198.51.100.0/24"}, CallbacksSent: [2]int{73069, 72902}})
	return api, serve(t, api, change)
}

func sample(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAnswersOfTheDocuments(t *testing.T) {
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write(sample(t, r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]+".response"))
	}), nil)
	ctx := t.Context()
	created := time.Unix(1693271354, 0)
	for name, call := range map[string]func() (any, error){
		"rooms":    func() (any, error) { return c.Rooms(ctx, "") },
		"room":     func() (any, error) { return c.Room(ctx, "rid-123") },
		"callback": func() (any, error) { return c.Callback(ctx) },
		"token":    func() (any, error) { v, err := c.CallbackToken(ctx); v.Token = v.Token[:4]; return v, err },
	} {
		got, err := call()
		want := map[string]any{
			"rooms":    restapi.RoomPage{Rooms: []restapi.Room{{ID: "room_id0", Created: created, Views: 1000}, {ID: "room_id19", Created: created, Views: 900}}, Next: "1693271355-123123123123"},
			"room":     restapi.Room{ID: "rid-123", Created: created, Views: 10},
			"callback": restapi.Callback{URL: "http://www.example.com/callback", Commands: []string{"Live.CallbackAfterCreateRoom", "Live.CallbackAfterDestroyRoom"}},
			"token":    restapi.CallbackToken{Token: "kdjs", Enabled: true},
		}[name]
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v (%v), want %v", name, got, err, want)
		}
	}
}

func TestRequestsAsTheDocumentsHaveThem(t *testing.T) {
	var path string
	var query map[string][]string
	var body []byte
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, query = r.URL.Path, r.URL.Query()
		body, _ = io.ReadAll(r.Body)
		io.WriteString(w, `{"ErrorCode":100001}`)
	}), func(o *restapi.Options) { o.Identifier, o.UserSig = "ad min&", "a*b-c_" })
	ctx := t.Context()
	var callback restapi.Callback
	var token restapi.CallbackToken
	for name, into := range map[string]any{"set_callback.request": &callback, "set_callback_token.request": &token} {
		if err := json.Unmarshal(sample(t, name), into); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		path string
		body []byte
		call func() error
	}{
		{"live_engine_http_srv/get_room_list", sample(t, "get_room_list.request"), func() error { _, err := c.Rooms(ctx, ""); return err }},
		{"live_engine_http_srv/get_room_info", []byte(`{"RoomId":"r"}`), func() error { _, err := c.Room(ctx, "r"); return err }},
		{"live_config/get_callback", []byte(`{}`), func() error { _, err := c.Callback(ctx); return err }},
		{"live_config/set_callback", sample(t, "set_callback.request"), func() error { return c.SetCallback(ctx, callback) }},
		{"live_config/update_callback", sample(t, "set_callback.request"), func() error { return c.UpdateCallback(ctx, callback) }},
		{"live_config/get_callback_token", []byte(`{}`), func() error { _, err := c.CallbackToken(ctx); return err }},
		{"live_config/set_callback_token", sample(t, "set_callback_token.request"), func() error { return c.SetCallbackToken(ctx, token) }},
		{"ConfigSvc/GetIPList", []byte(`{}`), func() error { _, err := c.EgressAddresses(ctx); return err }},
		{"openconfigsvr/getappinfo", []byte(`{"RequestField":["Date","CallBackReq","CallBackRsp"]}`), func() error { _, err := c.Days(ctx); return err }},
		{"group_open_http_svc/get_appid_group_list", []byte(`{"Limit":1,"Next":0,"GroupType":"Live"}`), func() error { _, err := c.Groups(ctx, "Live"); return err }},
	} {
		if err := tc.call(); !restapi.IsCode(err, 100001) {
			t.Errorf("%s: %v", tc.path, err)
		}
		var got, want any
		if err := errors.Join(json.Unmarshal(body, &got), json.Unmarshal(tc.body, &want)); err != nil {
			t.Fatal(err)
		}
		if path != "/v4/"+tc.path || !reflect.DeepEqual(got, want) {
			t.Errorf("%s has the body %s, want %s of %s", path, body, tc.body, tc.path)
		}
		if query["sdkappid"][0] != appID || query["identifier"][0] != "ad min&" || query["usersig"][0] != "a*b-c_" || query["contenttype"][0] != "json" || len(query["random"]) != 1 {
			t.Errorf("%s has the query %v", path, query)
		}
	}
}

func TestCallsAtTheStandIn(t *testing.T) {
	api, c := standIn(t, nil)
	ctx := t.Context()
	check := func(what string, err error, code int) {
		t.Helper()
		if code == 0 && err != nil || code != 0 && !restapi.IsCode(err, code) {
			t.Errorf("%s: %v, want code %d", what, err, code)
		}
	}
	_, err := c.Callback(ctx)
	check("get without a callback", err, restapi.CodeNoCallback)
	callback := restapi.Callback{URL: "https://example.com/callback", Commands: []string{"Live.CallbackAfterCreateRoom"}}
	check("update without a callback", c.UpdateCallback(ctx, callback), restapi.CodeNoCallback)
	check("set", c.SetCallback(ctx, callback), 0)
	check("set again", c.SetCallback(ctx, callback), restapi.CodeCallbackExists)
	got, err := c.Callback(ctx)
	check("get", err, 0)
	if !reflect.DeepEqual(got, callback) {
		t.Errorf("callback is %v", got)
	}
	_, err = c.CallbackToken(ctx)
	check("get without a token", err, restapi.CodeNoCallbackToken)
	check("set token", c.SetCallbackToken(ctx, restapi.CallbackToken{Token: "t", Enabled: true}), 0)
	if token, err := c.CallbackToken(ctx); err != nil || token != (restapi.CallbackToken{Token: "t", Enabled: true}) {
		t.Errorf("token is %v (%v)", token, err)
	}
	if addresses, err := c.EgressAddresses(ctx); err != nil || fmt.Sprint(addresses) != "[192.0.2.1/32 198.51.100.0/24]" {
		t.Errorf("addresses are %v (%v)", addresses, err)
	}
	if days, err := c.Days(ctx); err != nil || len(days) != 30 || days[0].CallbacksSent != "73069" || days[0].CallbacksAnswered != "72902" {
		t.Errorf("days are %v (%v)", days, err)
	}
	_, err = c.Room(ctx, "r")
	check("no room", err, restapi.CodeRoomGone)
	for i := range 45 {
		api.Open(appID, restapitest.Room{ID: fmt.Sprint(i), Created: time.Unix(1693271354, 0), Private: i == 0})
	}
	if room, err := c.Room(ctx, "0"); err != nil || room.ID != "0" || !room.Hidden {
		t.Errorf("a room that is not listed is %v (%v)", room, err)
	}
	seen := map[string]bool{}
	for next, pages := "", 0; pages == 0 || next != ""; pages++ {
		page, err := c.Rooms(ctx, next)
		check("list", err, 0)
		for _, room := range page.Rooms {
			seen[room.ID] = true
		}
		next = page.Next
	}
	if len(seen) != 44 || seen["0"] {
		t.Errorf("%d rooms are listed, want all but one", len(seen))
	}
	if clock, ok := c.Clock(); !ok || clock.Server.IsZero() {
		t.Error("no clock")
	}
}

func TestWhoMayCall(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*restapi.Options)
		code   int
	}{
		{"administrator", nil, 0},
		{"another key", func(o *restapi.Options) { o.SecretKey += "x" }, 70009},
		{"no administrator", func(o *restapi.Options) { o.Identifier = "user" }, restapi.CodeNotAdministrator},
		{"application of another region", func(o *restapi.Options) { o.AppID = "1400000009" }, 70020},
		{"no UserSig", func(o *restapi.Options) { o.UserSig = "x" }, 70003},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, c := standIn(t, tc.change)
			_, err := c.Rooms(t.Context(), "")
			if tc.code == 0 && err != nil || tc.code != 0 && !restapi.IsCode(err, tc.code) {
				t.Errorf("%v, want code %d", err, tc.code)
			}
		})
	}
}

func TestEveryDocumentedCodeHasAdvice(t *testing.T) {
	for _, code := range bytes.Fields([]byte(`60002 60003 60004 60005 60006 60007 60008 60009 60010 60011 60012 60013 60014 60015 60016 60017 60018 60019
		60020 60021 70001 70003 70005 70009 70013 70014 70016 70020 70050 70052 100001 100002 100003 100004 100007 100008 100010 100011 100012 100013
		100026 100300 100301 100302`)) {
		api, c := standIn(t, nil)
		var number int
		fmt.Sscan(string(code), &number)
		api.Fail("", -1, number)
		_, err := c.Callback(t.Context())
		advice := restapi.AdviceOf(err)
		if !restapi.IsCode(err, number) || advice.Meaning == "" || strings.Contains(advice.Meaning, "not documented") {
			t.Errorf("%s: %v, advice %v", code, err, advice)
		}
	}
	if a := restapi.AdviceOf(&restapi.Error{Code: 1}); !strings.Contains(a.Meaning, "not documented") || a.Retry != restapi.Never {
		t.Errorf("unknown code: %v", a)
	}
}

func TestHosts(t *testing.T) {
	if host, ok := restapi.HostOf("singapore"); !ok || host != "adminapisgp.im.qcloud.com" {
		t.Errorf("singapore is %q", host)
	}
	if _, ok := restapi.HostOf("mars"); ok {
		t.Error("mars is a region")
	}
	for _, region := range restapi.Regions() {
		if host, _ := restapi.HostOf(region); restapi.CheckHost(host, false) != nil {
			t.Errorf("host %q of %s is refused", host, region)
		}
	}
	for _, tc := range []struct {
		host    string
		any     bool
		refused bool
	}{
		{"adminapi.im.qcloud.com", false, false},
		{"adminapi.im.qcloud.com:443", false, false},
		{"gateway.internal", false, true},
		{"gateway.internal:8443", true, false},
		{"127.0.0.1:8443", true, false},
		{"[::1]:8443", true, false},
		{"127.0.0.1:8443", false, true},
		{"im.qcloud.com.evil.example", false, true},
		{"evilim.qcloud.com", false, true},
		{"https://gateway.internal", true, true},
		{"gateway.internal/path", true, true},
		{"gateway.internal:0", true, true},
		{"gateway.internal:70000", true, true},
		{"user@gateway.internal", true, true},
		{"a.im.qcloud.com?.im.qcloud.com", false, true},
		{"evil.example#.im.qcloud.com", true, true},
		{"", true, true},
	} {
		if err := restapi.CheckHost(tc.host, tc.any); (err != nil) != tc.refused {
			t.Errorf("%q with allow_host %t: %v", tc.host, tc.any, err)
		}
	}
}
