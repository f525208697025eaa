package tuilivekit

import (
	"crypto/sha256"
	"encoding/binary"
)

// laneFields are the fields with the room of a callback, then those with its user. The first field that
// is present is used. A RoomId may also be in one of the objects of roomObjects. Chat calls the room
// GroupId. A battle belongs to the room that requested it.
var (
	laneFields  = []string{"RoomId", "GroupId", "FromRoomId", "Operator_Account", "From_Account"}
	roomObjects = []string{"RoomInfo", "FromRoomInfo", "EventInfo"}
)

// laneRooms is the number of laneFields that name a room.
const laneRooms = 3

// Lane returns the key of the callbacks that must keep their order with this callback: the callbacks of
// its room. If it names no room, they are those of its user; if it names no user, those of its command.
// command is the command of the URL, which is used if the body names none.
//
// The key is the first 64 bits of a SHA-256 sum, since clients choose room IDs. It is the
// same in every process, may be stored, and is never 0. With a probability of 2^-64 two lanes have the
// same key, and are one lane.
//
// Any body has a lane. A body that is not valid JSON is read up to its first error. Lane
// allocates little and keeps nothing of body.
func Lane(command string, body []byte) uint64 {
	var found [5][]byte // the values of laneFields
	var inside []byte   // the RoomId of an object
	body = trimBOM(body)
	m := walk(body)
	for m.next() {
		if i := lookup(laneFields, m.key); i >= 0 && found[i] == nil {
			found[i] = scalar(m.value)
		} else if inside == nil && lookup(roomObjects, m.key) >= 0 {
			inside = roomOf(m.value)
		} else if name := scalar(m.value); name != nil && string(m.key) == "CallbackCommand" {
			command = string(name)
		}
	}
	for _, room := range append(found[:laneRooms:laneRooms], inside) {
		if room != nil {
			return laneKey('r', room)
		}
	}
	for _, user := range found[laneRooms:] {
		if user != nil {
			return laneKey('u', user)
		}
	}
	return laneKey('c', []byte(command))
}

// roomOf returns the RoomId of an object, nil if it has none.
func roomOf(object []byte) []byte {
	if object[0] != '{' {
		return nil
	}
	m := walk(object)
	for m.next() {
		if string(m.key) == "RoomId" {
			return scalar(m.value)
		}
	}
	return nil
}

// scalar returns the text of a string that is not empty, or the digits of a number: the samples have
// accounts as both. It returns nil for any other value.
func scalar(raw []byte) []byte {
	switch c := raw[0]; {
	case c == '"' && len(raw) > 2:
		return text(raw)
	case c == '-' || '0' <= c && c <= '9':
		return raw
	}
	return nil
}

func laneKey(kind byte, id []byte) uint64 {
	sum := sha256.Sum256(append(append(make([]byte, 0, 64), kind, 0), id...))
	return max(1, binary.BigEndian.Uint64(sum[:]))
}
