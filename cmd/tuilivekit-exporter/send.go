package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// sendCommand are the flags of send.
type sendCommand struct {
	url         string
	app         string
	tokenFile   string
	command     string
	current     int64
	max         int64
	ramp        string
	count       int
	countGiven  bool
	rate        float64
	concurrency int
	unsigned    bool
	malformed   bool
	late        time.Duration
	timeout     time.Duration

	expectRelay   string
	expectTimeout time.Duration

	token    config.Secret
	from, to int64
	standIn  *standIn // nil unless expectRelay
}

func (c *sendCommand) register(cmd *kingpin.CmdClause) {
	cmd.Flag("url", "Callback URL.").Default("http://127.0.0.1:19781/callback").NoEnvar().StringVar(&c.url)
	cmd.Flag("app", "SDKAppID of the application.").Required().PlaceHolder("SDKAPPID").NoEnvar().StringVar(&c.app)
	cmd.Flag("token-file", "File with the callback token to sign with.").PlaceHolder("FILE").NoEnvar().StringVar(&c.tokenFile)
	cmd.Flag("command", "Callback command.").Default(tuilivekit.RoomThreshold.String()).NoEnvar().StringVar(&c.command)
	cmd.Flag("current", "CurRoomCount.").Default("400").NoEnvar().Int64Var(&c.current)
	cmd.Flag("max", "MaxRoomCount.").Default("500").NoEnvar().Int64Var(&c.max)
	cmd.Flag("ramp", "Range of CurRoomCount over all callbacks. Without --count, each callback changes it by one room.").PlaceHolder("FROM:TO").NoEnvar().StringVar(&c.ramp)
	cmd.Flag("count", "Number of callbacks to send.").Default("1").IsSetByUser(&c.countGiven).NoEnvar().IntVar(&c.count)
	cmd.Flag("rate", "Callbacks per second. 0 sends the next callback when the last one is answered.").Default("0").NoEnvar().Float64Var(&c.rate)
	cmd.Flag("concurrency", "Maximum number of callbacks in progress.").Default("1").NoEnvar().IntVar(&c.concurrency)
	cmd.Flag("unsigned", "Send callbacks without a signature.").NoEnvar().BoolVar(&c.unsigned)
	cmd.Flag("malformed", "Send only the first half of the body.").NoEnvar().BoolVar(&c.malformed)
	cmd.Flag("late", "Age of the signature.").PlaceHolder("DURATION").NoEnvar().DurationVar(&c.late)
	cmd.Flag("timeout", "Maximum time to wait for an answer. Tencent waits 2s.").Default("2s").NoEnvar().DurationVar(&c.timeout)
	cmd.Flag("expect-relay", "Address on which to act as the application's backend, to check whether the relay delivers the callbacks unchanged.").PlaceHolder("HOST:PORT").NoEnvar().StringVar(&c.expectRelay)
	cmd.Flag("expect-timeout", "Maximum time to wait for the deliveries after the last answer.").Default("10s").NoEnvar().DurationVar(&c.expectTimeout)
}

// prepare checks the flags and reads the token.
func (c *sendCommand) prepare() error {
	c.from, c.to = c.current, c.current
	if c.ramp != "" {
		from, to, _ := strings.Cut(c.ramp, ":")
		var errFrom, errTo error
		c.from, errFrom = strconv.ParseInt(from, 10, 64)
		c.to, errTo = strconv.ParseInt(to, 10, 64)
		if errFrom != nil || errTo != nil {
			return fmt.Errorf("--ramp: %q is not FROM:TO with two counts", c.ramp)
		}
		const most = 1e15 // exact as a float64
		if min(c.from, c.to) < -most || max(c.from, c.to) > most {
			return fmt.Errorf("--ramp: %q is beyond 10^15", c.ramp)
		}
		if !c.countGiven {
			c.count = int(max(c.to-c.from, c.from-c.to)) + 1
		}
	}
	if !tuilivekit.ValidAppID(c.app) {
		return fmt.Errorf("--app: %q is not an SDKAppID, which is a decimal number without leading zeros", c.app)
	}
	if u, err := url.Parse(c.url); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("--url: %q is not an http or https URL", c.url)
	}
	switch {
	case strings.Contains(c.url, "#"):
		return fmt.Errorf("--url: %q has a fragment, which no request carries", c.url)
	case c.count < 1:
		return errors.New("--count: must be at least 1")
	case c.rate < 0 || math.IsNaN(c.rate) || math.IsInf(c.rate, 0):
		return errors.New("--rate: must be 0 or the number of callbacks a second")
	case c.timeout <= 0:
		return errors.New("--timeout: must be above zero")
	case c.expectTimeout < 0:
		return errors.New("--expect-timeout: must not be negative")
	case c.concurrency < 1:
		return errors.New("--concurrency: must be at least 1")
	case c.unsigned:
		return nil
	case c.tokenFile == "":
		return errors.New("--token-file: missing: set it to sign the callbacks, or set --unsigned")
	}
	var err error
	if c.token, _, err = config.ReadTokenFile(c.tokenFile); err != nil {
		return fmt.Errorf("--token-file: %w", err)
	}
	return nil
}

// run sends the callbacks and prints their outcomes.
func (c *sendCommand) run(ctx context.Context, stdout, stderr io.Writer) error {
	if err := c.prepare(); err != nil {
		return err
	}
	client := &http.Client{
		Timeout:       c.timeout,
		Transport:     &http.Transport{MaxIdleConnsPerHost: c.concurrency},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	if c.expectRelay != "" {
		var err error
		if c.standIn, err = newStandIn(c.expectRelay); err != nil {
			return fmt.Errorf("--expect-relay: %w", err)
		}
		defer c.standIn.close()
	}
	t := newTally(c.count)
	stopProgress := t.showProgress(stderr)
	next := make(chan step)
	var senders sync.WaitGroup
	for range min(c.concurrency, c.count) {
		senders.Go(func() {
			for s := range next {
				start := time.Now()
				o := c.sendOne(ctx, client, s)
				t.add(o, time.Since(start))
			}
		})
	}
	c.schedule(ctx, next)
	senders.Wait()
	stopProgress()
	err := t.report(stdout)
	if c.standIn != nil {
		c.standIn.wait(ctx, c.expectTimeout)
		err = errors.Join(err, c.standIn.report(stdout, c.expectTimeout))
	}
	return err
}

// step is one callback to send.
type step struct {
	number int
	at     time.Time // EventTime
}

// schedule sends the callbacks to next at the rate until all are sent or ctx ends. Each step of a
// ramp has another EventTime, which is in milliseconds: of two events of one millisecond, the larger
// count is the newer one.
func (c *sendCommand) schedule(ctx context.Context, next chan<- step) {
	defer close(next)
	start := time.Now()
	due := start
	for i := range c.count {
		if c.rate > 0 {
			due = start.Add(time.Duration(float64(i) / c.rate * float64(time.Second)))
		}
		if wait := time.Until(due); wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return
			}
		}
		now := time.Now()
		select {
		case next <- step{i, now}:
		case <-ctx.Done():
			return
		}
		if c.from != c.to && c.rate == 0 {
			due = now.Truncate(time.Millisecond).Add(time.Millisecond)
		}
	}
}

// sendOne sends a callback and returns the outcome, as Tencent would see it.
func (c *sendCommand) sendOne(ctx context.Context, client *http.Client, s step) (o outcome) {
	body := c.body(s)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.target(), bytes.NewReader(body))
	if err != nil {
		return outcome{seen: err.Error()}
	}
	if c.standIn != nil {
		c.standIn.expect(req.URL.RawQuery, body)
		defer func() {
			if !o.ok {
				c.standIn.forget(body)
			}
		}()
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return failedRequest(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return failedRequest(err)
	}
	return judge(resp, b)
}

// target returns the URL with the query in Tencent's order: the signature comes last.
func (c *sendCommand) target() string {
	separator := "?"
	if strings.Contains(c.url, "?") {
		separator = "&"
	}
	target := c.url + separator + "SdkAppid=" + url.QueryEscape(c.app) + "&CallbackCommand=" + url.QueryEscape(c.command) +
		"&contenttype=json&ClientIP=127.0.0.1&OptPlatform=RESTAPI"
	if c.unsigned {
		return target
	}
	requestTime := strconv.FormatInt(time.Now().Add(-c.late).Unix(), 10)
	return target + "&Sign=" + tuilivekit.Sign(c.token.Reveal(), requestTime) + "&RequestTime=" + requestTime
}

// body returns the body of a callback. No two bodies are equal: the exporter would take the second
// one for a repeat.
func (c *sendCommand) body(s step) []byte {
	i, now := s.number, s.at.UnixMilli()
	fields := map[string]any{"CallbackCommand": c.command, "Operator_Account": "tuilivekit-exporter-send-" + strconv.Itoa(i), "EventTime": now}
	room := "room-" + strconv.Itoa(i)
	switch c.command {
	case tuilivekit.RoomThreshold.String():
		current := c.from
		if c.count > 1 {
			current += int64(float64(c.to-c.from) * float64(i) / float64(c.count-1))
		}
		fields["CurRoomCount"], fields["MaxRoomCount"] = current, c.max
	case tuilivekit.RoomCreated.String():
		fields["RoomInfo"] = map[string]any{"RoomId": room, "RoomType": "Live", "CreateTime": now / 1000}
	default:
		fields["RoomId"] = room
	}
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err) // strings and integers always marshal
	}
	if c.malformed {
		return b[:len(b)/2]
	}
	return b
}
