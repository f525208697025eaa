//go:build linux

package exporter

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Command is what a callback reports.
type Command string

// The commands that count.
const (
	Threshold Command = "Live.CallbackAfterCreateRoomReachingThreshold"
	Created   Command = "Live.CallbackAfterCreateRoom"
	Destroyed Command = "Live.CallbackAfterDestroyRoom"
)

// Event is a callback. The name is that of the operator or of the room.
type Event struct {
	App          string
	Command      Command
	Time         int64 // Unix milliseconds
	Current, Max int64
	Name         string
}

// Body returns the body as Tencent writes it.
func (e Event) Body() string {
	b := `{"CallbackCommand":"` + string(e.Command) + `","EventTime":` + strconv.FormatInt(e.Time, 10)
	switch e.Command {
	case Threshold:
		b += `,"Operator_Account":"` + e.Name + `","CurRoomCount":` + strconv.FormatInt(e.Current, 10) + `,"MaxRoomCount":` + strconv.FormatInt(e.Max, 10)
	case Created:
		b += `,"Operator_Account":"admin","RoomInfo":{"RoomId":"` + e.Name + `","RoomType":"Live"}`
	case Destroyed:
		b += `,"Operator_Account":"admin","RoomId":"` + e.Name + `","EventType":"DestroyByUser"`
	}
	return b + "}"
}

// Head returns the request line and the headers, signed now, with the blank line.
func (e Event) Head(token string, headers ...string) string {
	now := strconv.FormatInt(time.Now().Unix(), 10)
	sign := sha256.Sum256([]byte(token + now))
	h := "POST /callback?SdkAppid=" + e.App + "&CallbackCommand=" + string(e.Command) +
		"&contenttype=json&ClientIP=127.0.0.1&OptPlatform=RESTAPI&Sign=" + hex.EncodeToString(sign[:]) + "&RequestTime=" + now +
		" HTTP/1.1\r\nHost: callbacks.example.com\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(e.Body())) + "\r\n"
	for _, header := range headers {
		h += header + "\r\n"
	}
	return h + "\r\n"
}

// Answer is the answer to a callback.
type Answer struct {
	Status     int
	RetryAfter string
	Close      bool          // the exporter closes the connection
	Took       time.Duration // from the beginning of the last Send
}

// Late is the function Late for this answer.
func (a Answer) Late() bool { return Late(a.Status, a.Took) }

// Late reports whether the exporter may have refused a callback because time was up: Tencent waits two seconds, so an
// event that is not durable after about 1.5 s is answered 503. On a slow machine that is right. The event may be
// counted later.
func Late(status int, took time.Duration) bool {
	return status == http.StatusServiceUnavailable && took >= 1400*time.Millisecond
}

// Conn is one connection of a sender, which keeps it. Only one goroutine may use it.
type Conn struct {
	conn net.Conn
	r    *bufio.Reader
	sent time.Time // the beginning of the last Send
}

// answerTimeout is longer than Tencent waits: some tests check only that an answer comes.
const answerTimeout = 15 * time.Second

// Dial connects to the webhook listener.
func Dial(address string) (*Conn, error) {
	c, err := net.DialTimeout("tcp", address, answerTimeout)
	if err != nil {
		return nil, err
	}
	return &Conn{conn: c, r: bufio.NewReader(c)}, nil
}

// Close closes the connection.
func (c *Conn) Close() { c.conn.Close() }

// Send writes a request or a part of it. After an error the connection must not be used any more.
func (c *Conn) Send(text string) error {
	c.sent = time.Now()
	if err := c.conn.SetDeadline(c.sent.Add(answerTimeout)); err != nil {
		return err
	}
	_, err := io.WriteString(c.conn, text)
	return err
}

// Post sends an event and returns the answer.
func (c *Conn) Post(e Event, token string) (Answer, error) {
	if err := c.Send(e.Head(token) + e.Body()); err != nil {
		return Answer{}, err
	}
	return c.Receive()
}

// PostPatiently is Post, by Patiently.
func (c *Conn) PostPatiently(e Event, token string) (a Answer, err error) {
	_, err = Patiently(func() (int, error) {
		a, err = c.Post(e, token)
		return a.Status, err
	})
	return a, err
}

// Patiently calls send, which sends a callback and returns the status of its answer, again while the answer is Late,
// for two minutes. It returns the last status.
func Patiently(send func() (status int, err error)) (status int, err error) {
	for end := time.Now().Add(2 * time.Minute); ; {
		began := time.Now()
		status, err = send()
		if err != nil || !Late(status, time.Since(began)) || time.Now().After(end) {
			return status, err
		}
	}
}

// Receive reads one answer. If an answer has begun, the error says so.
func (c *Conn) Receive() (a Answer, err error) {
	line, err := c.r.ReadSlice('\n')
	a.Took = time.Since(c.sent)
	if err != nil {
		if len(line) > 0 {
			err = fmt.Errorf("answer is cut: %w", err)
		}
		return a, err
	}
	if len(line) < 12 {
		return a, fmt.Errorf("not an answer: %q", line)
	}
	if a.Status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, fmt.Errorf("not an answer: %q", line)
	}
	length := 0
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return a, fmt.Errorf("answer is cut: %w", err)
		}
		if len(line) <= 2 {
			break
		}
		key, value, _ := strings.Cut(strings.TrimSpace(string(line)), ": ")
		switch key {
		case "Content-Length":
			if length, err = strconv.Atoi(value); err != nil {
				return a, fmt.Errorf("not an answer: %w", err)
			}
		case "Retry-After":
			a.RetryAfter = value
		case "Connection":
			a.Close = value == "close"
		}
	}
	if _, err = c.r.Discard(length); err != nil {
		return a, fmt.Errorf("answer is cut: %w", err)
	}
	return a, nil
}
