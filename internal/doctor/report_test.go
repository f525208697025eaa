package doctor

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi/restapitest"
)

func TestReportMayBeSent(t *testing.T) {
	w := newWorld(t)
	w.api.Add(w.app)
	for i := range 3 {
		w.api.Open(appID, restapitest.Room{ID: fmt.Sprintf("room-of-a-host-%d", i)})
		w.api.Enter(appID, fmt.Sprintf("room-of-a-host-%d", i), int64(i))
	}
	server := httptest.NewTLSServer(w.api)
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	w.client.Host = strings.TrimPrefix(server.URL, "https://")
	w.client.TLS = &tls.Config{RootCAs: roots, ServerName: "example.com"}
	client := restapi.New(w.client)
	defer client.Close()
	exporter := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { json.NewEncoder(rw).Encode(w.status) }))
	defer exporter.Close()
	var b bytes.Buffer
	if err := WriteReport(t.Context(), &b, App{ID: appID, Tokens: []string{token}, API: client}, exporter.URL, "1.0.0"); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{
		"not seen among 3 rooms", "no: with ascend the order is the same", "no: error code 100002",
		"Tencent sent 73069 and got 73000 answers", "not asked: no call that only reads tells it", "500; please name your package",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, secret := range []string{appID, "room-of-a-host", key, token, "bren", "example.com", "127.0.0.1", "administrator"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is shown:\n%s", secret, text)
		}
	}
	if err := WriteReport(t.Context(), &b, App{ID: appID}, "", ""); err == nil {
		t.Error("a report without credentials")
	}
}
