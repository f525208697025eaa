package restapitest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// calls are the calls that the stand-in knows. The API's mutex is held.
var calls = map[string]func(*API, request) map[string]any{
	"live_engine_http_srv/get_room_list":       (*API).roomList,
	"live_engine_http_srv/get_room_info":       (*API).roomInfo,
	"live_config/get_callback":                 (*API).getCallback,
	"live_config/set_callback":                 (*API).setCallback,
	"live_config/update_callback":              (*API).setCallback,
	"live_config/get_callback_token":           (*API).getToken,
	"live_config/set_callback_token":           (*API).setToken,
	"ConfigSvc/GetIPList":                      (*API).addresses,
	"openconfigsvr/getappinfo":                 (*API).appInfo,
	"group_open_http_svc/get_appid_group_list": (*API).groups,
}

func response(v any) map[string]any { return map[string]any{"Response": v} }

// roomList returns a page by ViewCount, highest first. The cursor says behind which room the
// next page begins; a room that has overtaken it meanwhile is on no page.
func (a *API) roomList(r request) map[string]any {
	var q struct {
		Next          *string
		Count         *int
		SortDirection string
	}
	if json.Unmarshal(r.body, &q) != nil || q.Next == nil || q.Count == nil || *q.Count < 1 || *q.Count > 20 {
		return failure(100002)
	}
	before := func(x, y *Room) int { return cmp.Or(cmp.Compare(y.views, x.views), cmp.Compare(y.born, x.born)) }
	if a.honoursOrder && q.SortDirection == "ascend" {
		descending := before
		before = func(x, y *Room) int { return descending(y, x) }
	}
	var cursor *Room
	if *q.Next != "" && *q.Next != "0" {
		cursor = &Room{}
		if _, err := fmt.Sscanf(*q.Next, "%d-%d", &cursor.views, &cursor.born); err != nil {
			return failure(100002)
		}
	}
	var listed []*Room
	for _, room := range r.app.rooms {
		if !room.Private && (cursor == nil || before(cursor, room) < 0) {
			listed = append(listed, room)
		}
	}
	slices.SortFunc(listed, before)
	next := ""
	if len(listed) > *q.Count {
		listed = listed[:*q.Count]
		last := listed[*q.Count-1]
		next = fmt.Sprintf("%d-%d", last.views, last.born)
	}
	page := []map[string]any{}
	for _, room := range listed {
		page = append(page, map[string]any{
			"RoomName": "name", "RoomId": room.ID, "Owner_Account": "bren", "CoverURL": "cover_url", "Category": []int{1, 2, 3},
			"CreateTime": room.Created.Unix(), "ActivityStatus": 1, "ViewCount": room.views,
		})
	}
	return response(map[string]any{"Next": next, "RoomList": page})
}

func (a *API) roomInfo(r request) map[string]any {
	var q struct {
		RoomID string `json:"RoomId"`
	}
	if json.Unmarshal(r.body, &q) != nil || q.RoomID == "" {
		return failure(100002)
	}
	room := r.app.rooms[q.RoomID]
	if room == nil {
		return failure(100004)
	}
	return response(map[string]any{"RoomInfo": map[string]any{
		"RoomId": room.ID, "RoomName": "rname-123", "RoomType": "Live", "Owner_Account": 144115233775727695,
		"CreateTime": room.Created.Unix(), "IsSeatEnabled": true, "TakeSeatMode": "ApplyToTake", "MaxSeatCount": 8, "MaxMemberCount": 300,
		"IsMessageDisabled": false, "CoverURL": "https://xxxx.png", "Category": []int{1, 2, 3}, "ActivityStatus": 1,
		"ViewCount": room.views, "IsPublicVisible": !room.Private,
	}})
}

func (a *API) getCallback(r request) map[string]any {
	if r.app.Callback == nil {
		return failure(100301)
	}
	return response(r.app.Callback)
}

func (a *API) setCallback(r request) map[string]any {
	var c Callback
	if json.Unmarshal(r.body, &c) != nil || c.URL == "" || c.Commands == nil {
		return failure(100002)
	}
	switch set := r.name == "live_config/set_callback"; {
	case set && r.app.Callback != nil:
		return failure(100300)
	case !set && r.app.Callback == nil:
		return failure(100301)
	}
	r.app.Callback = &c
	return map[string]any{}
}

func (a *API) getToken(r request) map[string]any {
	if r.app.Token == nil {
		return failure(100302)
	}
	return response(r.app.Token)
}

func (a *API) setToken(r request) map[string]any {
	var q struct {
		Token         *string
		IsTokenEnable *bool
	}
	if json.Unmarshal(r.body, &q) != nil || r.app.Token == nil && (q.Token == nil || q.IsTokenEnable == nil) ||
		q.Token != nil && (len(*q.Token) < 1 || len(*q.Token) > 128) {
		return failure(100002)
	}
	t := &Token{}
	if r.app.Token != nil {
		*t = *r.app.Token
	}
	if q.Token != nil {
		t.Token = *q.Token
	}
	if q.IsTokenEnable != nil {
		t.Enabled = *q.IsTokenEnable
	}
	r.app.Token = t
	return map[string]any{}
}

func (a *API) addresses(r request) map[string]any {
	list := []string{}
	if r.r.URL.Query().Get("nettype") == "6" {
		list = append(list, r.app.Egress...)
	}
	return map[string]any{"IPList": list}
}

func (a *API) appInfo(r request) map[string]any {
	var days []map[string]string
	for back := range 30 {
		day := map[string]string{"Date": time.Now().AddDate(0, 0, -1-back).Format("20060102"), "CallBackReq": "0", "CallBackRsp": "0"}
		if back == 0 {
			day["CallBackReq"], day["CallBackRsp"] = strconv.Itoa(r.app.CallbacksSent[0]), strconv.Itoa(r.app.CallbacksSent[1])
		}
		days = append(days, day)
	}
	return map[string]any{"Result": days}
}

// groups knows the types that Chat's document names, and says 100002 for Live: whether Chat
// does is not known.
func (a *API) groups(r request) map[string]any {
	var q struct{ GroupType string }
	if json.Unmarshal(r.body, &q) != nil || !slices.Contains([]string{"", "Public", "Private", "ChatRoom", "AVChatRoom", "BChatRoom"}, q.GroupType) {
		return failure(100002)
	}
	return map[string]any{"TotalCount": len(r.app.rooms), "GroupIdList": []any{}, "Next": 0}
}

func failure(code int) map[string]any {
	return map[string]any{"ErrorCode": code, "ErrorInfo": "error " + strconv.Itoa(code)}
}
