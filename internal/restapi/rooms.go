package restapi

import (
	"context"
	"time"
)

// MaxPage is the largest number of rooms on a page of the list.
const MaxPage = 20

// Room is an entry of the list of rooms.
type Room struct {
	ID      string
	Created time.Time // in whole seconds; zero if Tencent did not say
	Views   int64     // ViewCount: how often somebody has entered; it only grows
	Hidden  bool      // IsPublicVisible is false; the list does not say
}

type room struct {
	RoomID          string `json:"RoomId"`
	CreateTime      int64
	ViewCount       int64
	IsPublicVisible *bool
}

func (r room) export() Room {
	out := Room{ID: r.RoomID, Views: r.ViewCount, Hidden: r.IsPublicVisible != nil && !*r.IsPublicVisible}
	if r.CreateTime > 0 {
		out.Created = time.Unix(r.CreateTime, 0)
	}
	return out
}

// RoomPage is one page of the list of rooms.
type RoomPage struct {
	Rooms []Room
	// Next is the cursor of the next page, empty on the last one.
	Next string
}

// Rooms returns the page of the list at the cursor next, which is empty for the first page
// (get_room_list, 10 calls a second). The list is ordered by the number of entries to a room,
// highest first, which changes while it is read: a room that overtakes the cursor is not
// seen. It says nothing of rooms with IsPublicVisible false.
func (c *Client) Rooms(ctx context.Context, next string) (RoomPage, error) {
	return c.rooms(ctx, next, "")
}

// RoomsAscending returns a page of the list in the opposite order, if Tencent honours
// SortDirection: its own console sends it, and no document names it. A ViewCount only grows, so
// in that order a room that moves is seen twice and not missed.
func (c *Client) RoomsAscending(ctx context.Context, next string) (RoomPage, error) {
	return c.rooms(ctx, next, "ascend")
}

func (c *Client) rooms(ctx context.Context, next, direction string) (RoomPage, error) {
	const name = "live_engine_http_srv/get_room_list"
	var answer struct {
		Response *struct {
			Next     string
			RoomList *[]room
		}
	}
	err := c.call(ctx, name, "", true, struct {
		Next          string
		Count         int
		SortDirection string `json:",omitempty"`
	}{next, MaxPage, direction}, &answer)
	if err != nil {
		return RoomPage{}, err
	}
	// An incomplete answer must not be taken for an empty list.
	if answer.Response == nil || answer.Response.RoomList == nil {
		return RoomPage{}, &TransportError{Call: name, Host: c.o.Host, Fault: NotTencent, Detail: "the answer has no RoomList"}
	}
	page := RoomPage{Next: answer.Response.Next}
	for _, r := range *answer.Response.RoomList {
		if r.RoomID == "" {
			return RoomPage{}, &TransportError{Call: name, Host: c.o.Host, Fault: NotTencent, Detail: "a room of the list has no RoomId"}
		}
		page.Rooms = append(page.Rooms, r.export())
	}
	return page, nil
}

// Room returns one room (get_room_info, 200 calls a second), also a room that the list does not
// show. It fails with CodeRoomGone if there is no such room.
func (c *Client) Room(ctx context.Context, id string) (Room, error) {
	const name = "live_engine_http_srv/get_room_info"
	var answer struct {
		Response *struct {
			RoomInfo *room
		}
	}
	if err := c.call(ctx, name, "", true, struct {
		RoomID string `json:"RoomId"`
	}{id}, &answer); err != nil {
		return Room{}, err
	}
	if answer.Response == nil || answer.Response.RoomInfo == nil || answer.Response.RoomInfo.RoomID != id {
		return Room{}, &TransportError{Call: name, Host: c.o.Host, Fault: NotTencent, Detail: "the answer is not of the room that was asked for"}
	}
	return answer.Response.RoomInfo.export(), nil
}
