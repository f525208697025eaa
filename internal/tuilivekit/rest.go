package tuilivekit

// RESTCommand is a command of Tencent's server API, as its rate alarm names it: the last part of the
// path of a call. The zero value is any other command.
type RESTCommand uint8

// restCommands are the commands that a backend of live rooms is likely to call often. They are label
// values for each application, so the list is closed and short.
var restCommands = [...]string{
	"other",
	"create_room", "destroy_room", "get_room_info", "get_room_list",
	"batchsendmsg", "sendmsg", "send_group_msg",
}

// RESTCommands is the number of RESTCommands: every RESTCommand is below it.
const RESTCommands = len(restCommands)

// String returns the name as Tencent spells it, or "other".
func (c RESTCommand) String() string { return restCommands[c] }

var restCommandsByName = func() map[string]RESTCommand {
	m := make(map[string]RESTCommand, RESTCommands)
	for i, name := range restCommands {
		m[name] = RESTCommand(i)
	}
	return m
}()

// RESTCommandOf returns the command of that name.
func RESTCommandOf(name []byte) RESTCommand { return restCommandsByName[string(name)] }
