// Package doctor finds out whether callbacks of Tencent arrive at an exporter and alerts at
// people: it looks at this machine, at the callback URL, at Tencent's configuration, and at
// Prometheus and Alertmanager. It changes nothing. It knows nothing of the configuration file
// and of flags: it gets values.
package doctor

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi"
)

// App is an application of the configuration.
type App struct {
	ID            string
	Tokens        []string
	AllowUnsigned bool
	// Relay is whether callbacks are relayed to a backend, which decides.
	Relay bool
	// API calls the server API of the application; nil without credentials.
	API *restapi.Client
}

// Engine is the Redis or Valkey that replicas share their records through.
type Engine struct {
	// Name is its description, without secrets.
	Name string
	// Ask returns an error if the engine cannot be used. It changes nothing there.
	Ask func(ctx context.Context) error
}

// Options are the things to check. The checks of an empty field are skipped, and reported as Skip.
type Options struct {
	// ConfigFile is the name of the configuration file. ConfigError and ConfigWarnings are the
	// results of loading it.
	ConfigFile     string
	ConfigError    error
	ConfigWarnings []string
	Apps           []App
	// StoragePath is the folder of --storage.path; empty means memory only.
	StoragePath string
	// Replicas is the engine that replicas share, nil if there is none.
	Replicas *Engine
	// Exporter is the URL of the web listener, without a path.
	Exporter string
	// Listen are the addresses that the exporter listens on.
	Listen []string
	// URL is the callback URL that Tencent is to call.
	URL string
	// AllowedSources are those of --webhook.allowed-sources; empty means all.
	AllowedSources []netip.Prefix
	// Prometheus and Alertmanager are their URLs, without the path of their API.
	Prometheus, Alertmanager string

	// Roots are the authorities that the callback URL's certificate is checked with, nil for
	// those of the system. Lookup and Dial find and reach its host; nil means by DNS and TCP.
	Roots  *x509.CertPool
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	// FreeSpace returns the number of free bytes of the volume of a folder. If it is nil, the
	// system is asked.
	FreeSpace func(path string) (bytes uint64, err error)
}

// timeout is the time limit of one request of a check.
const timeout = 10 * time.Second

// Run makes all checks and returns their results in the order of the groups. It blocks until the
// checks are done or ctx has ended.
func Run(ctx context.Context, o Options) []Check {
	if o.Lookup == nil {
		o.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{Timeout: timeout}).DialContext
	}
	if o.FreeSpace == nil {
		o.FreeSpace = freeSpace
	}
	d := &doctor{o: o, http: &http.Client{Timeout: timeout, Transport: &http.Transport{}, CheckRedirect: noRedirect}}
	defer d.http.CloseIdleConnections()
	d.group = Machine
	d.configuration()
	d.storage()
	d.replicas(ctx)
	d.exporter(ctx)
	d.group = PublicURL
	d.callbackURL(ctx)
	d.group = Tencent
	d.tencent(ctx)
	d.group = Monitoring
	d.prometheus(ctx)
	d.alertmanager(ctx)
	return d.checks
}
