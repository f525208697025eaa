package browser

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi/restapitest"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/stack"
)

// startPlayed starts an exporter with everything that a page can show: four applications, two backends
// of which one fails, recounts with a stand-in of Tencent's server API, and refused requests. The
// stand-ins do not check requests.
func startPlayed(t *testing.T) *stack.Stack {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}`)
	}))
	t.Cleanup(backend.Close)
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	t.Cleanup(broken.Close)
	api := restapitest.New()
	api.Add(&restapitest.App{ID: demo, SecretKey: "token", Admins: []string{"administrator"}})
	for i := range 393 {
		api.Open(demo, restapitest.Room{ID: fmt.Sprint("room-", i), Created: time.Now().Add(-time.Hour)})
	}
	tencent := httptest.NewTLSServer(api)
	t.Cleanup(tencent.Close)
	dir := t.TempDir()
	writeAuthority(t, filepath.Join(dir, "ca.pem"), tencent)
	config := fmt.Sprintf(`apps:
  - sdk_app_id: %s
    name: production
    token_files: [token]
    relay: {url: %q}
    api: {host: %q, allow_host: true, secret_key_file: token, ca_file: ca.pem}
    reconcile: {interval: 10m, rate: 8}
  - {sdk_app_id: 1400000002, name: production-eu, token_files: [token], max_rooms: 500, relay: {url: %q}}
  - {sdk_app_id: 1400000003, name: shopping, token_files: [token]}
  - {sdk_app_id: 1400000004, name: staging, token_files: [token]}
`, demo, backend.URL, tencent.Listener.Addr(), broken.URL)
	s, err := stack.StartAlone(t.Context(), stack.Options{
		Root: root, Dir: dir, Token: "token", Config: config, Flags: []string{"--webhook.external-url=https://callback.example.com/callback"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	send(t, s, "1400000002", "--ramp=418:437", "--count=20", "--rate=0")
	send(t, s, "1400000003", "--current=1198", "--max=1250")
	send(t, s, demo, "--ramp=352:400", "--count=49", "--rate=0")
	for range 3 {
		send(t, s, demo, "--command=Live.CallbackAfterDestroyRoom")
	}
	_ = s.Send(t.Context(), "1400000002", "--late=2m")
	_ = s.Send(t.Context(), "1400000009")
	send(t, s, demo, "--command=Live.CallbackAfterCreateRoom")
	return s
}

// writeAuthority writes the certificate of a server of httptest, to trust it.
func writeAuthority(t *testing.T, file string, server *httptest.Server) {
	t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
