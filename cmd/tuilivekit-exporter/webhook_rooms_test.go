package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// room returns a callback of a room that was opened or closed.
func room(command, id string, at int64, more string) string {
	if command == "Live.CallbackAfterCreateRoom" {
		return fmt.Sprintf(`{"CallbackCommand":%q,"RoomInfo":{"RoomId":%q},"EventTime":%d%s}`, command, id, at, more)
	}
	return fmt.Sprintf(`{"CallbackCommand":%q,"RoomId":%q,"EventTime":%d%s}`, command, id, at, more)
}

const (
	createRoom  = "Live.CallbackAfterCreateRoom"
	destroyRoom = "Live.CallbackAfterDestroyRoom"
)

func TestKnownRoomsBelowTheThreshold(t *testing.T) {
	config := writeFile(t, "config.yml", fmt.Sprintf("apps:\n  - {sdk_app_id: %s, token_files: [%q], max_rooms: 500}\n", demoApp, writeFile(t, "token", demoToken)))
	i := startApp(t, "--config.file="+config)
	expect(t, i.scrape(), map[string]float64{series("configured_max_rooms"): 500})
	for n := range int64(5) {
		acknowledged(t, i.post(i.signed(createRoom), room(createRoom, fmt.Sprint("r", n), 1739966440000+n, "")))
	}
	acknowledged(t, i.post(i.signed(destroyRoom), room(destroyRoom, "r1", 1739966450000, "")))
	acknowledged(t, i.post(i.signed(createRoom), room(createRoom, "r1", 1739966440001, ""))) // late
	got := i.scrape()
	expect(t, got, map[string]float64{series("known_rooms"): 4, series("known_rooms_timestamp_seconds"): 1739966450})
	if _, ok := got[series("estimated_rooms")]; ok {
		t.Error("there is an estimate without a threshold event")
	}
	acknowledged(t, i.post(i.signed(thresholdCommand), knownEvent))
	expect(t, i.scrape(), map[string]float64{
		series("known_rooms"): 4, series("known_rooms_deviation"): 5 - 400, // one was closed after the event
		series("estimated_rooms"): 399, series("estimated_rooms_timestamp_seconds"): 1739966450,
	})
}

func TestRoomLife(t *testing.T) {
	i := startApp(t)
	const created, statistic = 1739966400, `,"Statistic":{"TotalViewers":10,"TotalGiftsSent":"3","TotalGiftCoins":77,"TotalUniqueGiftSenders":2,"TotalLikesReceived":1000}`
	post := func(body string) { acknowledged(t, i.post(i.signed(""), body)) }
	post(room(destroyRoom, "a", created*1000+90_000, fmt.Sprintf(`,"EventType":"DestroyByUser","RoomInfo":{"CreateTime":%d}`, created)+statistic))
	post(room(createRoom, "b", created*1000, ""))
	post(room(destroyRoom, "b", created*1000+30_000, `,"EventType":"DestroyBySystem"`+statistic))
	post(room(destroyRoom, "c", created*1000, `,"EventType":"x","Statistic":{"TotalViewers":-1}`))
	post(room(destroyRoom, "d", created*1000, ""))
	post(`{"CallbackCommand":"Live.CallbackAfterCreateRoom"}`)
	expect(t, i.scrape(), map[string]float64{
		series("room_destructions_total", `cause="user"`):   1,
		series("room_destructions_total", `cause="system"`): 1,
		series("room_destructions_total", `cause="other"`):  2,
		series("room_viewers_total"):                        20,
		series("room_gifts_total"):                          6,
		series("room_gift_coins_total"):                     154,
		series("room_likes_total"):                          2000,
		series("rooms_without_statistics_total"):            2,
		series("room_duration_seconds_count"):               2,
		series("room_duration_seconds_sum"):                 120,
		series("room_creations_total"):                      2,
		oddityOf("no_room_id"):                              1,
	})
}

func TestMembersQuotaAndRateAlarms(t *testing.T) {
	i := startApp(t)
	post := func(body string) { acknowledged(t, i.post(i.signed(""), body)) }
	member := func(cause, list string) string {
		return `{"CallbackCommand":"Live.CallbackAfterMemberStateChanged","RoomId":"r","EventType":"Online","EventCause":` + cause + `,"MemberList":` + list + `,"EventTime":1739966441121}`
	}
	post(member(`"Enter"`, `[{"Member_Account":"a"},{"Member_Account":"b"}]`))
	post(member(`"Leave"`, `[{"Member_Account":"`+"\xe9"+`"}]`)) // the backend's affair
	post(member(`"Kicked"`, `[]`))
	post(member(`7`, `[1,2,3]`))
	post(strings.Replace(member(`"Enter"`, `x`), "EventTime", "eventTime", 1))
	quota := `{"CallbackCommand":"Group.CallbackOnDailyGroupQuotaAlarm","QuotaUsed":%d,"Quota":10000,"EventTime":"%d"}`
	post(fmt.Sprintf(quota, 7321, 1670574414123))
	post(fmt.Sprintf(quota, 7100, 1670574414000)) // older
	if a := i.post(i.signed(""), `{"CallbackCommand":"Group.CallbackOnDailyGroupQuotaAlarm","QuotaUsed":1}`); a.status != 400 || !strings.Contains(a.body, "Quota: missing") {
		t.Errorf("an alarm without a quota: answered %d %s", a.status, a.body)
	}
	post(fixture(t, "Alert.RequestOverLimit"))
	post(`{"CallbackCommand":"Alert.RequestOverLimit","Command":"` + marker + `"}`)
	expect(t, i.scrape(), map[string]float64{
		series("member_changes_total", `cause="enter"`):  2,
		series("member_changes_total", `cause="leave"`):  1,
		series("member_changes_total", `cause="kicked"`): 0,
		series("member_changes_total", `cause="other"`):  3,
		series("daily_group_quota_used"):                 7321,
		series("daily_group_quota_limit"):                10000,
		series("daily_group_quota_timestamp_seconds"):    1670574414.123,
	})
	expect(t, i.scrape(), map[string]float64{
		series("rest_rate_alarms_total", `command="batchsendmsg"`): 1, series("rest_rate_alarms_total", `command="other"`): 1, discardsFor("out_of_order"): 1,
	})
	if text := i.get("/metrics").body; strings.Contains(text, marker) {
		t.Error("the exposition has text of a request")
	}
}

func TestMembersAreCountedWithinASecond(t *testing.T) {
	t.Parallel()
	i := startApp(t)
	acknowledged(t, i.post(i.signed(""), fixture(t, "Live.CallbackAfterMemberStateChanged")))
	i.waitSeries(t, series("member_changes_total", `cause="enter"`), 2)
}

// Rooms, and counters that no answer waits for, outlive the process.
func TestRoomsAndMembersOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	i := startApp(t, "--storage.path="+dir)
	at := time.Now().UnixMilli()
	for n := range int64(3) {
		acknowledged(t, i.post(i.signed(createRoom), room(createRoom, fmt.Sprint("r", n), at-9000+n, "")))
	}
	acknowledged(t, i.post(i.signed(thresholdCommand), strings.Replace(knownEvent, "1739966441121", fmt.Sprint(at-5000), 1)))
	acknowledged(t, i.post(i.signed(destroyRoom), room(destroyRoom, "r1", at-1000, `,"EventType":"DestroyByUser"`)))
	acknowledged(t, i.post(i.signed(""), fixture(t, "Live.CallbackAfterMemberStateChanged")))
	if err := i.stop(); err != nil {
		t.Fatal(err)
	}
	i = startApp(t, "--storage.path="+dir)
	want := map[string]float64{
		series("known_rooms"): 2, series("estimated_rooms"): 399, series("known_rooms_deviation"): 3 - 400,
		series("room_destructions_total", `cause="user"`): 1, series("member_changes_total", `cause="enter"`): 2,
	}
	expect(t, i.scrape(), want)
	acknowledged(t, i.post(i.signed(createRoom), room(createRoom, "r1", at-8999, ""))) // late, and a repeat
	expect(t, i.scrape(), want)
}
