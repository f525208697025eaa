package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/leaks"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi/restapitest"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

func TestMain(m *testing.M) { leaks.VerifyTestMain(m) }

const (
	appID    = "1400000001"
	token    = "callback-token-51c2"
	key      = "secret-key-9d04"
	deadAddr = "203.0.113.8"
	public   = "https://callback.example.com/callback"
)

// world is everything that doctor looks at, in order until a fault is planted. The webhook is
// the exporter's own; its web listener, Prometheus and Alertmanager are stand-ins that answer
// what their tests have found the real ones to answer.
type world struct {
	t       *testing.T
	api     *restapitest.API
	app     *restapitest.App
	client  restapi.Options
	webhook http.Handler
	cert    certificate
	status  map[string]any
	date    time.Duration // what the clock of the API is wrong by

	prometheus   map[string]string // data by path
	alertmanager string            // configuration
	o            Options
}

type certificate struct {
	name          string
	before, after time.Time
	foreign       bool // signed by nobody that is known
}

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, api: restapitest.New(),
		app: &restapitest.App{
			ID: appID, SecretKey: key, Admins: []string{"administrator"}, CallbacksSent: [2]int{73069, 73000}, Egress: []string{"192.0.2.0/28"},
			Callback: &restapitest.Callback{URL: public, Commands: []string{tuilivekit.RoomThreshold.String(), tuilivekit.RoomCreated.String(), tuilivekit.RoomDestroyed.String()}},
			Token:    &restapitest.Token{Token: token, Enabled: true},
		},
		client: restapi.Options{AppID: appID, Identifier: "administrator", SecretKey: key},
		cert:   certificate{name: "callback.example.com", before: time.Now().Add(-time.Hour), after: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)},
		status: map[string]any{
			"ready": true, "build": map[string]any{"version": "1.0.0"}, "configuration": map[string]any{"ok": true},
			"storage": map[string]any{"mode": "durable"}, "applications": []any{map[string]any{"sdk_app_id": appID, "max_rooms": 500}},
		},
		prometheus: map[string]string{
			"/api/v1/query":         `{"resultType":"vector","result":[{"metric":{},"value":[1764000000,"1"]}]}`,
			"/api/v1/rules":         `{"groups":[{"rules":[{"name":"TUILiveKitRoomsNearLimit","type":"alerting","health":"ok"},{"name":"TUILiveKitRoomsCritical","health":"ok"},{"name":"TUILiveKitRoomsExhausted","health":"ok"}]}]}`,
			"/api/v1/alertmanagers": `{"activeAlertmanagers":[{"url":"http://alertmanager:9093/api/v2/alerts"}]}`,
		},
		alertmanager: `
route:
  receiver: nobody
  routes:
    - matchers: [severity=~"warning|critical"]
      receiver: people
receivers:
  - name: nobody
  - name: people
    webhook_configs: [{url: "http://example.com"}]
`,
	}
	w.webhook = w.exporter(handler.App{ID: appID, Tokens: []string{token}})
	w.o = Options{
		ConfigFile: "config.yml", StoragePath: t.TempDir(), URL: public, Listen: []string{"127.0.0.1:0"},
		Apps:      []App{{ID: appID, Tokens: []string{token}}},
		FreeSpace: func(string) (uint64, error) { return 20 << 30, nil },
		Lookup: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("203.0.113.7")}, nil
		},
	}
	return w
}

// exporter returns the webhook of an exporter with these applications.
func (w *world) exporter(apps ...handler.App) http.Handler {
	c, err := handler.New(handler.Options{Apps: apps})
	if err != nil {
		w.t.Fatal(err)
	}
	return c.Router("/callback")
}

// run starts everything, lets doctor look, and ends everything.
func (w *world) run() []Check {
	t := w.t
	api := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Date", time.Now().Add(w.date).UTC().Format(http.TimeFormat))
		w.api.ServeHTTP(rw, r)
	}))
	defer api.Close()
	w.api.Add(w.app)
	if w.client.Host == "" {
		w.client.Host = strings.TrimPrefix(api.URL, "https://")
	}
	roots := x509.NewCertPool()
	roots.AddCert(api.Certificate())
	w.client.TLS = &tls.Config{RootCAs: roots, ServerName: "example.com"}
	client := restapi.New(w.client)
	defer client.Close()
	if w.client.SecretKey != "" {
		w.o.Apps[0].API = client
	}

	webhook := httptest.NewUnstartedServer(w.webhook)
	pair, authority := w.cert.make(t)
	webhook.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	webhook.Config.ErrorLog = discard
	webhook.StartTLS()
	defer webhook.Close()
	if w.o.Roots == nil {
		w.o.Roots = authority
	}
	if w.o.Dial == nil {
		w.o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			to := webhook.Listener.Addr().String()
			if strings.HasPrefix(address, deadAddr) {
				to = "127.0.0.1:1"
			}
			return new(net.Dialer).DialContext(ctx, network, to)
		}
	}
	serve := func(h http.HandlerFunc) string {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return server.URL
	}
	if w.o.Exporter == "" {
		w.o.Exporter = serve(func(rw http.ResponseWriter, _ *http.Request) { json.NewEncoder(rw).Encode(w.status) })
	}
	if w.o.Prometheus == "" {
		w.o.Prometheus = serve(func(rw http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(rw, `{"status":"success","data":%s}`, w.prometheus[r.URL.Path])
		})
	}
	if w.o.Alertmanager == "" {
		w.o.Alertmanager = serve(func(rw http.ResponseWriter, _ *http.Request) {
			json.NewEncoder(rw).Encode(map[string]any{"config": map[string]any{"original": w.alertmanager}})
		})
	}
	return Run(t.Context(), w.o)
}

// make makes a certificate and returns the authorities that know it.
func (c certificate) make(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	newKey := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	authorityKey, leafKey := newKey(), newKey()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"}, DNSNames: []string{c.name}, NotBefore: c.before, NotAfter: c.after}
	der := func(template, parent *x509.Certificate, pub any) []byte {
		b, err := x509.CreateCertificate(rand.Reader, template, parent, pub, authorityKey)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	signed, err := x509.ParseCertificate(der(authority, authority, &authorityKey.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !c.foreign {
		pool.AddCert(signed)
	}
	return tls.Certificate{Certificate: [][]byte{der(leaf, authority, &leafKey.PublicKey)}, PrivateKey: leafKey}, pool
}
