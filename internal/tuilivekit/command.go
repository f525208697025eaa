package tuilivekit

import "strings"

// Command is a callback command that Tencent documents, or Other.
type Command uint8

// The commands that this program reads. The other documented commands are in commandNames only.
const (
	// Other is any command that is not documented, and no command.
	Other Command = iota
	// RoomThreshold is Live.CallbackAfterCreateRoomReachingThreshold.
	RoomThreshold
	// RoomCreated is Live.CallbackAfterCreateRoom.
	RoomCreated
	// RoomDestroyed is Live.CallbackAfterDestroyRoom.
	RoomDestroyed
	// MembersChanged is Live.CallbackAfterMemberStateChanged.
	MembersChanged
	// QuotaAlarm is Group.CallbackOnDailyGroupQuotaAlarm.
	QuotaAlarm
	// RateAlarm is Alert.RequestOverLimit.
	RateAlarm
)

// commandNames has the name of every Command, in the order of its values. Both alarms and
// the last two belong to Chat and come when its callback URL points here too.
var commandNames = [...]string{
	Other:          "other",
	RoomThreshold:  "Live.CallbackAfterCreateRoomReachingThreshold",
	RoomCreated:    "Live.CallbackAfterCreateRoom",
	RoomDestroyed:  "Live.CallbackAfterDestroyRoom",
	MembersChanged: "Live.CallbackAfterMemberStateChanged",
	QuotaAlarm:     "Group.CallbackOnDailyGroupQuotaAlarm",
	RateAlarm:      "Alert.RequestOverLimit",
	"Live.CallbackAfterUpdateRoomInfo",
	"Live.CallbackAfterSetMetadata",
	"Live.CallbackAfterDelMetadata",
	"Live.CallbackAfterChangeOwner",
	"Live.CallbackAfterModifyAdmin",
	"Live.CallbackAfterCreateBattle",
	"Live.CallbackAfterStartBattle",
	"Live.CallbackAfterEndBattle",
	"Live.CallbackBeforeSendGift",
	"Mic.CallbackAfterSeatInfoChanged",
	"Group.CallbackBeforeSendMsg",
	"Group.CallbackAfterSendMsg",
	"Follow.CallbackAfterFollowAdd",
	"Follow.CallbackAfterFollowDelete",
	"Follow.CallbackAfterCloudRecordingChanged",
	"Sns.CallbackPrevFriendAdd",
	"Sns.CallbackPrevFriendResponse",
}

// Commands is the number of commands: every Command is below it.
const Commands = len(commandNames)

// commandsByName has all commands except Other.
var commandsByName = func() map[string]Command {
	m := make(map[string]Command, Commands)
	for i, name := range commandNames[1:] {
		m[name] = Command(i + 1)
	}
	return m
}()

// String returns the name as Tencent spells it, or "other".
func (c Command) String() string { return commandNames[c] }

// read reports whether Decode reads more of a body than the name of the command.
func (c Command) read() bool { return c != Other && c <= RateAlarm }

// decisions are the commands that ask for a decision although Before is not in their names.
var decisions = map[string]bool{
	"Sns.CallbackPrevFriendAdd":      true,
	"Sns.CallbackPrevFriendResponse": true,
}

// IsDecision reports whether the command of that name asks for a decision: Tencent waits for the answer
// and acts on it. All commands with Before in their names do, documented or not.
func IsDecision(name string) bool {
	return strings.Contains(name, ".CallbackBefore") || decisions[name]
}
