package tuilivekit

const (
	infoRoomID = iota
	infoEventTime
	infoCreateTime
	numInfoFields
)

// Their letter case is checked too: another reader of the same body may ignore case, and use another field.
var infoNames = [numInfoFields]string{"RoomId", "EventTime", "CreateTime"}

var roomFields = [...]string{fieldCommand, fieldEventTime, fieldRoomID, fieldRoomInfo, fieldOperator, "EventType", "Statistic"}

// readRoom reads the body of RoomCreated or RoomDestroyed.
func (cb *Callback) readRoom(m *members) error {
	var raw [len(roomFields)][]byte
	if err := collectBody(m, roomFields[:], raw[:]); err != nil {
		return err
	}
	cb.EventTime = eventTime(raw[1])
	cb.Subject, cb.Operator = raw[2], raw[4]
	cb.Cause = textOf(raw[5])
	cb.Statistic = readStatistic(raw[6])
	if err := cb.readRoomInfo(raw[3]); err != nil {
		return err
	}
	cb.RoomID = textOf(cb.Subject)
	return nil
}

var statisticFields = [...]string{"TotalViewers", "TotalGiftsSent", "TotalGiftCoins", "TotalLikesReceived"}

// readStatistic reads the object Statistic of RoomDestroyed, all fields or none. Each field is a number,
// which may be written as a string.
func readStatistic(raw []byte) *Statistic {
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	var values [len(statisticFields)][]byte
	m := walk(raw)
	if collect(&m, statisticFields[:], values[:]) != nil {
		return nil
	}
	var numbers [len(statisticFields)]uint64
	for i, value := range values {
		n, _, problem := integer(value)
		if problem != "" || n > maxTotal {
			return nil
		}
		numbers[i] = uint64(n)
	}
	return &Statistic{numbers[0], numbers[1], numbers[2], numbers[3]}
}

// maxTotal is the largest number of a Statistic that is accepted: the sums of many rooms must stay exact
// in a float64.
const maxTotal = 1_000_000_000_000

// readRoomInfo reads the object RoomInfo of a room callback. Only there RoomCreated has its room and,
// depending on the document, its EventTime or only a CreateTime in seconds.
func (cb *Callback) readRoomInfo(raw []byte) error {
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	var info [numInfoFields][]byte
	m := walk(raw)
	if err := collect(&m, infoNames[:], info[:]); err != nil {
		return err
	}
	if cb.Subject == nil {
		cb.Subject = info[infoRoomID]
	}
	if cb.EventTime == 0 {
		cb.EventTime = eventTime(info[infoEventTime])
	}
	seconds, _, problem := integer(info[infoCreateTime])
	if problem != "" || seconds >= minEventTime || seconds*1000 < minEventTime {
		return nil
	}
	switch {
	case cb.Command == RoomDestroyed:
		cb.Opened = seconds * 1000
	case cb.EventTime == 0:
		cb.EventTime = seconds * 1000
	}
	return nil
}
