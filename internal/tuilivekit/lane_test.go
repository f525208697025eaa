package tuilivekit

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLane(t *testing.T) {
	room := Lane("", []byte(`{"CallbackCommand":"Live.CallbackAfterSetMetadata","RoomId":"r"}`))
	user := Lane("", []byte(`{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","Operator_Account":"r"}`))
	command := Lane("", []byte(`{"CallbackCommand":"r"}`))
	for _, tc := range []struct {
		name, command, body string
		want                uint64
	}{
		{"another command of the room", "", `{"CallbackCommand":"Live.CallbackAfterDelMetadata","RoomId":"r"}`, room},
		{"the room before the operator", "", `{"Operator_Account":"u","RoomId":"r"}`, room},
		{"the room in RoomInfo", "", `{"Operator_Account":"u","RoomInfo":{"RoomName":"n","RoomId":"r"}}`, room},
		{"the room at the top before RoomInfo", "", `{"RoomInfo":{"RoomId":"other"},"RoomId":"r"}`, room},
		{"the group of a message", "", `{"From_Account":"u","GroupId":"r"}`, room},
		{"the room that asks for a battle", "", `{"FromRoomId":"r","ToRoomIdList":["s"]}`, room},
		{"the room of a battle", "", `{"FromRoomInfo":{"RoomId":"r"},"ToRoomList":[{"RoomId":"s"}]}`, room},
		{"the room of a recording", "", `{"EventInfo":{"RoomId":"r"}}`, room},
		{"a room with escapes", "", `{"RoomId":"\u0072"}`, room},
		{"a room before the body ends early", "", `{"RoomId":"r","x":`, room},
		{"a room behind bytes that are not UTF-8", "", "{\"NickName\":\"\xe9\",\"RoomId\":\"r\"}", room},
		{"a room behind a byte order mark", "", "\uFEFF{\"RoomId\":\"r\"}", room},
		{"no text as room", "", `{"RoomId":"","Operator_Account":"r"}`, user},
		{"null as room", "", `{"RoomId":null,"Operator_Account":"r"}`, user},
		{"the sender of a message", "", `{"From_Account":"r"}`, user},
		{"the operator before the sender", "", `{"From_Account":"x","Operator_Account":"r"}`, user},
		{"the command of the URL", "r", `{}`, command},
		{"the command of the body before that of the URL", "x", `{"CallbackCommand":"r"}`, command},
		{"the command, without a JSON body", "r", "RoomId=1", command},
		{"the command, without a body", "r", "", command},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Lane(tc.command, []byte(tc.body)); got != tc.want {
				t.Errorf("got %x, want %x of %x, %x, %x", got, tc.want, room, user, command)
			}
		})
	}
	if room == user || user == command || room == command {
		t.Error("a room, a user and a command of one name share a lane")
	}
	if Lane("", []byte(`{"RoomId":12}`)) != Lane("", []byte(`{"RoomId":"12"}`)) {
		t.Error("a number and its digits are two rooms")
	}
	const stored = 0xf7dbf7cd5bedbfdd // in journals: it stays what it is
	if room != stored {
		t.Errorf("the lane of room r is %#x, and was %#x", room, uint64(stored))
	}
}

// All documented callbacks that name a room are in its lane.
func TestLanesOfTheSamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "callbacks", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		other := bytes.ReplaceAll(body, []byte("CallbackCommand"), []byte("X"))
		ofCommand := Lane("", body) != Lane("another", other)
		base := filepath.Base(file)
		if want := strings.HasPrefix(base, "Group.CallbackOn") || strings.HasPrefix(base, "Alert."); ofCommand != want {
			t.Errorf("%s: in the lane of its command: %t, want %t", base, ofCommand, want)
		}
	}
}

func FuzzLane(f *testing.F) {
	f.Add("Live.CallbackAfterSetMetadata", []byte(`{"RoomId":"r","RoomInfo":{"RoomId":"s"},"Operator_Account":1}`))
	f.Add("", []byte(`{"RoomInfo":[],"EventInfo":{"RoomId":"\ud800"}`))
	f.Fuzz(func(t *testing.T, command string, body []byte) {
		before := bytes.Clone(body)
		lane := Lane(command, body)
		if lane == 0 || lane != Lane(command, body) {
			t.Errorf("lane %x", lane)
		}
		if !bytes.Equal(body, before) {
			t.Error("the body has changed")
		}
	})
}
