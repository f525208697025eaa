package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	random "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi/restapitest"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

const (
	token     = "demo"
	secretKey = "the secret key of the demo"
)

// tencent acts as Tencent: it has the rooms, sends callbacks and serves the server API. Its
// callbacks have only the members that the exporter reads.
type tencent struct {
	api      *restapitest.API
	server   *http.Server
	address  string // of the server API, by HTTPS
	ca       []byte // PEM, to trust it
	callback string // URL; must be set before the first callback
	client   *http.Client
}

// newTencent starts the server API. Its rooms are those of the first hour: they were opened before the exporter
// started.
func newTencent(apps []*application) (*tencent, error) {
	certificate, ca, err := newCertificate()
	if err != nil {
		return nil, err
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		return nil, err
	}
	t := &tencent{
		api: restapitest.New(), address: l.Addr().String(), ca: ca,
		client: &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{}},
	}
	for _, a := range apps {
		t.api.Add(&restapitest.App{ID: a.id, SecretKey: secretKey, Admins: []string{"administrator"}, Token: &restapitest.Token{Token: token, Enabled: true}})
		for range a.wanted(0) {
			t.openRoom(a, time.Now().Add(-time.Hour))
		}
	}
	t.server = &http.Server{Handler: t.api, ReadHeaderTimeout: 5 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = t.server.Serve(l) }()
	return t, nil
}

func (t *tencent) stop() {
	_ = t.server.Close()
	t.client.CloseIdleConnections()
}

// configure sets the callback URL and commands of all applications, as the console does.
func (t *tencent) configure(apps []*application, callback string) {
	t.callback = callback
	for _, a := range apps {
		commands := []string{tuilivekit.RoomThreshold.String()}
		if a.callbacks {
			commands = append(commands, tuilivekit.RoomCreated.String(), tuilivekit.RoomDestroyed.String())
		}
		t.api.Update(a.id, func(app *restapitest.App) { app.Callback = &restapitest.Callback{URL: callback, Commands: commands} })
	}
}

// openRoom opens a room, and closeRoom the oldest one. Neither sends a callback.
func (t *tencent) openRoom(a *application, created time.Time) (room string) {
	a.created++
	room = fmt.Sprintf("%s-room-%d", a.name, a.created)
	a.rooms = append(a.rooms, room)
	t.api.Open(a.id, restapitest.Room{ID: room, Created: created})
	return room
}

func (t *tencent) closeRoom(a *application) (room string) {
	room, a.rooms = a.rooms[0], a.rooms[1:]
	t.api.Close(a.id, room)
	return room
}

// enterRooms adds viewers to some rooms, which changes their place in Tencent's list.
func (t *tencent) enterRooms(a *application) {
	for range min(10, len(a.rooms)) {
		t.api.Enter(a.id, a.rooms[random.IntN(len(a.rooms))], 1+random.Int64N(50))
	}
}

// create opens a room and sends its callbacks.
func (t *tencent) create(ctx context.Context, a *application) error {
	now := time.Now()
	room := t.openRoom(a, now)
	host := "host-of-" + room
	var created error
	if a.callbacks {
		created = t.send(ctx, a, tuilivekit.RoomCreated, map[string]any{
			"Operator_Account": host, "EventTime": now.UnixMilli(),
			"RoomInfo": map[string]any{"RoomId": room, "RoomType": "Live", "CreateTime": now.Unix()},
		})
	}
	if 10*len(a.rooms) < 7*a.limit {
		return created
	}
	return errors.Join(created, t.send(ctx, a, tuilivekit.RoomThreshold, map[string]any{
		"Operator_Account": host, "EventTime": now.UnixMilli(), "CurRoomCount": len(a.rooms), "MaxRoomCount": a.limit,
	}))
}

// destroy closes a room and sends its callback.
func (t *tencent) destroy(ctx context.Context, a *application) error {
	room := t.closeRoom(a)
	if !a.callbacks {
		return nil
	}
	return t.send(ctx, a, tuilivekit.RoomDestroyed, map[string]any{
		"RoomId": room, "EventType": "DestroyByUser", "EventTime": time.Now().UnixMilli(),
		"Statistic": map[string]any{
			"TotalViewers": random.IntN(500), "TotalGiftsSent": random.IntN(40), "TotalGiftCoins": random.IntN(4000),
			"TotalUniqueGiftSenders": random.IntN(10), "TotalLikesReceived": random.IntN(2000),
		},
	})
}

// send sends a callback. The error says that it was not acknowledged.
func (t *tencent) send(ctx context.Context, a *application, command tuilivekit.Command, body map[string]any) error {
	body["CallbackCommand"] = command.String()
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	query := "?SdkAppid=" + a.id + "&CallbackCommand=" + url.QueryEscape(command.String()) +
		"&contenttype=json&ClientIP=127.0.0.1&OptPlatform=RESTAPI&Sign=" + tuilivekit.Sign(token, now) + "&RequestTime=" + now
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.callback+query, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := t.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err == nil && (resp.StatusCode != http.StatusOK || string(answer) != tuilivekit.OK) {
		err = fmt.Errorf("%s: the exporter answers %s: %s", command, resp.Status, answer)
	}
	return err
}

// newCertificate returns a self-signed certificate for 127.0.0.1.
func newCertificate() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 1, 0),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}
