package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi/restapitest"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

var discard = log.New(io.Discard, "", 0)

// faults are planted one by one. want are all checks that must not pass then, by status and
// ID: what follows from the fault is there as well, and nothing else may be.
var faults = []struct {
	name  string
	plant func(*world)
	want  string
}{
	{"everything is in order", func(*world) {}, ""},

	{"configuration that is not valid", func(w *world) { w.o.ConfigError = errors.New("config.yml:3: apps[0].token: unknown key") }, "fail configuration"},
	{"token file that everyone can read", func(w *world) {
		w.o.ConfigWarnings = []string{"token file /run/token can be read by everyone"}
	}, "warn configuration_warning"},
	{"storage that is a file", func(w *world) { w.o.StoragePath = w.file("data") }, "fail storage"},
	{"no storage", func(w *world) { w.o.StoragePath = "" }, "warn storage"},
	{"volume that fills up", func(w *world) { w.o.FreeSpace = func(string) (uint64, error) { return 100 << 20, nil } }, "warn storage_space"},
	{"full volume", func(w *world) { w.o.FreeSpace = func(string) (uint64, error) { return 1 << 20, nil } }, "fail storage_space"},
	{"Redis of the replicas that cannot be used", func(w *world) {
		w.o.Replicas = &Engine{"redis.internal:6379", func(context.Context) error { return errors.New("WRONGPASS invalid username-password pair") }}
	}, "fail replica_engine"},
	{"Redis of the replicas that can be used", func(w *world) {
		w.o.Replicas = &Engine{"redis.internal:6379", func(context.Context) error { return nil }}
	}, ""},
	{"exporter that cannot use Redis", func(w *world) {
		w.status["replica"] = map[string]any{"connected": false, "error": "i/o timeout"}
	}, "fail exporter_replica"},
	{"exporter that does not run", func(w *world) { w.o.Exporter = "http://127.0.0.1:1" }, "fail exporter"},
	{"exporter that does not run, and its port is taken", func(w *world) {
		w.o.Exporter = "http://127.0.0.1:1"
		w.o.Listen = []string{w.listen()}
	}, "fail exporter, fail port"},
	{"another program on the exporter's port", func(w *world) { w.status = map[string]any{"hello": 1} }, "fail exporter"},
	{"exporter that is not ready", func(w *world) { w.status["ready"] = false }, "fail exporter"},
	{"reload that failed", func(w *world) { w.status["configuration"] = map[string]any{"ok": false, "error": "no token"} }, "fail exporter_configuration"},
	{"storage that is degraded", func(w *world) { w.status["storage"] = map[string]any{"mode": "degraded", "error": "disk full"} }, "fail exporter_storage"},
	{"application that was not reloaded", func(w *world) {
		w.status["applications"] = []any{}
		w.webhook = w.exporter(handler.App{ID: "1400000009", Tokens: []string{token}})
	}, "fail exporter_applications, fail self_test"},

	{"URL with a query", func(w *world) { w.o.URL += "?x=1"; w.app.Callback.URL = w.o.URL }, "fail url"},
	{"host without an address", func(w *world) {
		w.o.Lookup = func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("no such host") }
	}, "fail url_dns"},
	{"host with a private address", func(w *world) {
		w.o.Lookup = func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("10.0.0.7")}, nil
		}
	}, "warn url_dns"},
	{"nobody listens at the URL", func(w *world) {
		w.o.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:1")
		}
	}, "fail url_reachable"},
	{"one of two addresses is dead", func(w *world) { w.deadAddress() }, "warn url_reachable"},
	{"certificate that has expired", func(w *world) { w.cert.after = time.Now().Add(-time.Minute) }, "fail url_tls"},
	{"certificate that expires soon", func(w *world) { w.cert.after = time.Now().Add(24 * time.Hour) }, "warn url_tls"},
	{"certificate for another name", func(w *world) { w.cert.name = "www.example.com" }, "fail url_tls"},
	{"certificate that nobody knows", func(w *world) { w.cert.foreign = true }, "fail url_tls"},
	{"another program at the URL", func(w *world) {
		w.webhook = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, tuilivekit.OK) })
	}, "fail self_test"},
	{"another path at the URL", func(w *world) { w.o.URL += "s"; w.app.Callback.URL = w.o.URL }, "fail self_test"},
	{"token that was not reloaded", func(w *world) {
		w.webhook = w.exporter(handler.App{ID: appID, Tokens: []string{"older"}})
	}, "fail self_test"},

	{"clock that is two minutes off", func(w *world) { w.date = 2 * time.Minute }, "fail clock"},
	{"clock that is half a minute off", func(w *world) { w.date = -30 * time.Second }, "warn clock"},
	{"identifier that is no administrator", func(w *world) { w.app.Admins = nil }, "fail tencent_access"},
	{"wrong region", func(w *world) { w.app.ID = "1400000002" }, "fail tencent_access"},
	{"wrong secret key", func(w *world) { w.app.SecretKey = "another" }, "fail tencent_access"},
	{"API that is away", func(w *world) { w.client.Host = "127.0.0.1:1" }, "fail tencent_access"},
	{"no callback URL at Tencent", func(w *world) { w.app.Callback = nil }, "fail tencent_url"},
	{"another callback URL at Tencent", func(w *world) { w.app.Callback.URL = "https://backend.example.com/callback" }, "fail tencent_url"},
	{"threshold command not enabled", func(w *world) { w.app.Callback.Commands = w.app.Callback.Commands[1:] }, "fail commands_threshold"},
	{"destroyed command not enabled", func(w *world) { w.app.Callback.Commands = w.app.Callback.Commands[:2] }, "warn commands_rooms"},
	{"decision without a relay", func(w *world) {
		w.app.Callback.Commands = append(w.app.Callback.Commands, "Live.CallbackBeforeSendGift")
	}, "fail commands_decisions"},
	{"no token at Tencent", func(w *world) { w.app.Token = nil }, "fail tencent_token"},
	{"token switched off at Tencent", func(w *world) { w.app.Token.Enabled = false }, "fail tencent_token"},
	{"another token at Tencent", func(w *world) { w.app.Token.Token = "another" }, "fail tencent_token"},
	{"sources that leave Tencent out", func(w *world) { w.o.AllowedSources = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/29")} }, "fail sources"},
	{"callbacks that were not answered", func(w *world) { w.app.CallbacksSent = [2]int{1000, 900} }, "warn answered"},

	{"exporter that is not scraped", func(w *world) { w.prometheus["/api/v1/query"] = `{"result":[]}` }, "fail prometheus"},
	{"rules that are not loaded", func(w *world) { w.prometheus["/api/v1/rules"] = `{"groups":[]}` }, "fail prometheus_rules"},
	{"no Alertmanager at Prometheus", func(w *world) { w.prometheus["/api/v1/alertmanagers"] = `{"activeAlertmanagers":[]}` }, "fail prometheus_alertmanagers"},
	{"Prometheus that is away", func(w *world) { w.o.Prometheus = "http://127.0.0.1:1" }, "fail prometheus"},
	{"alerts that go to nobody", func(w *world) {
		w.alertmanager = strings.Replace(w.alertmanager, "warning|critical", "page", 1)
	}, "fail alert_route, fail alert_route, fail alert_route"},
	{"warnings that go to nobody", func(w *world) {
		w.alertmanager = strings.Replace(w.alertmanager, "warning|critical", "critical", 1)
	}, "fail alert_route"},
}

func (w *world) file(name string) string {
	path := filepath.Join(w.t.TempDir(), name)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) listen() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// deadAddress adds an address where nobody listens.
func (w *world) deadAddress() {
	w.o.Lookup = func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr(deadAddr)}, nil
	}
}

func notPassed(checks []Check) string {
	var found []string
	for _, c := range checks {
		if c.Status == Warn || c.Status == Fail {
			found = append(found, string(c.Status)+" "+c.ID)
		}
	}
	return strings.Join(found, ", ")
}

func TestPlantedFaults(t *testing.T) {
	for _, tc := range faults {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tc.plant(w)
			checks := w.run()
			var page bytes.Buffer
			if err := WriteText(&page, checks, Plain); err != nil {
				t.Fatal(err)
			}
			if got := notPassed(checks); got != tc.want {
				t.Errorf("found %q, want %q:\n%s", got, tc.want, &page)
			}
			for _, c := range checks {
				if c.Detail == "" || (c.Status == Warn || c.Status == Fail) && c.Do == "" {
					t.Errorf("%s does not say what it found and what to do: %+v", c.ID, c)
				}
			}
			for _, secret := range []string{token, key, "usersig=", tuilivekit.Sign(token, fmt.Sprint(time.Now().Unix()))} {
				if strings.Contains(page.String(), secret) {
					t.Errorf("%q is shown:\n%s", secret, &page)
				}
			}
		})
	}
	if len(faults) < 21 {
		t.Errorf("%d faults", len(faults))
	}
}

// Every kind of check is made in good order, and none is skipped.
func TestAllChecksAreMade(t *testing.T) {
	checks := newWorld(t).run()
	var ids []string
	for _, c := range checks {
		if c.Status != Pass {
			t.Errorf("%s: %s", c.ID, c.Detail)
		}
		ids = append(ids, c.ID)
	}
	for _, id := range strings.Fields(`configuration storage storage_space exporter url url_dns url_reachable url_tls self_test
		tencent_access clock tencent_url commands_threshold commands_rooms commands_decisions tencent_token sources answered
		prometheus prometheus_rules prometheus_alertmanagers alert_route`) {
		if !slices.Contains(ids, id) {
			t.Errorf("no check %s", id)
		}
	}
}

func TestWithoutAnythingToLookAt(t *testing.T) {
	checks := Run(t.Context(), Options{ConfigFile: "config.yml", StoragePath: t.TempDir(), Apps: []App{{ID: appID}}})
	if Failed(checks) {
		t.Errorf("failed: %v", checks)
	}
	skipped := 0
	for _, c := range checks {
		if c.Status == Skip {
			skipped++
		}
	}
	if skipped != 5 {
		t.Errorf("%d checks are skipped, want those of exporter, URL, Tencent, Prometheus and Alertmanager: %v", skipped, checks)
	}
}

// A command asks for a decision, or is the option that lets gifts pass.
func TestDecisionsWithARelay(t *testing.T) {
	w := newWorld(t)
	w.app.Callback = &restapitest.Callback{URL: public, Commands: append(w.app.Callback.Commands, "Live.CallbackBeforeSendGift")}
	w.o.Apps[0].Relay = true
	if got := notPassed(w.run()); got != "" {
		t.Errorf("with a relay: %s", got)
	}
	w = newWorld(t)
	w.app.Callback = &restapitest.Callback{URL: public, Commands: append(w.app.Callback.Commands, "Live.CallbackBeforeCallBackNotBlock")}
	if got := notPassed(w.run()); got != "" {
		t.Errorf("with the option alone: %s", got)
	}
}
