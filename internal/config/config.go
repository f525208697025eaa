// Package config reads the configuration: the YAML file of applications, or the flags that replace it.
// A configuration that it returns is valid and complete, with defaults and secrets.
package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// Config is the configuration file.
type Config struct {
	// Apps are the applications whose callbacks are accepted. Required, at least one.
	Apps []App `yaml:"apps"`
	// Relay are the settings that the relays of all applications share. The settings of an
	// application override them. Optional.
	Relay *Relay `yaml:"relay"`
	// Replica shares the newest events and the rooms with other exporters behind the same URL.
	// Default: not shared.
	Replica *Replica `yaml:"replica"`

	source source `yaml:"-"`
}

// source is the file that a Config was read from.
type source struct {
	path string
	text []byte
}

// App is one application.
type App struct {
	// SDKAppID is the application's id in the console, a decimal number. Required.
	SDKAppID AppID `yaml:"sdk_app_id"`
	// Name is shown beside the id in metrics, alerts and dashboards. Default: the id.
	Name string `yaml:"name"`
	// MaxRooms is the limit of rooms of the package that you bought. It is used until a
	// threshold event reports the limit. Tencent reports it only at 70 % or more. Default: none.
	MaxRooms *int64 `yaml:"max_rooms"`
	// TokenFiles are files that contain one callback token each. Relative paths start at the
	// folder of the configuration file. All tokens are valid, so a token can be replaced
	// without losing a callback. At most 4 tokens, together with TokenEnv. Required, unless
	// TokenEnv or AllowUnsigned is set.
	TokenFiles []string `yaml:"token_files"`
	// TokenEnv are names of environment variables that contain one callback token each.
	// Optional.
	TokenEnv []string `yaml:"token_env"`
	// AllowUnsigned accepts callbacks without a signature. SDKAppIDs are no secret, so anyone
	// who can reach the webhook listener can then set the counts of this application. Default:
	// false.
	AllowUnsigned bool `yaml:"allow_unsigned"`
	// Relay passes the callbacks of this application on to its own backend. Default: the
	// relay that all have in common, or none.
	Relay *Relay `yaml:"relay"`
	// API are the credentials of Tencent's server API, for doctor and setup, and for recounts
	// if Reconcile is set. Default: the server API is not called.
	API *API `yaml:"api"`
	// Reconcile recounts the open rooms of this application with the server API. It needs
	// the api credentials. Default: no recounts.
	Reconcile *Reconcile `yaml:"reconcile"`

	// Tokens are the callback tokens, those of TokenFiles first.
	Tokens []Secret `yaml:"-"`
}

// Relay are the settings of the relay of callbacks to a backend.
type Relay struct {
	// URL is the URL that Tencent called before, http or https. The backend receives method,
	// query, header and body of each callback unchanged. If the URL has no path, the path of
	// the callback is used. If the URL has a query, it is put before Tencent's. Required.
	URL string `yaml:"url"`
	// Disabled switches the relay off for one application, if there is one for all. Default:
	// false.
	Disabled bool `yaml:"disabled"`
	// Headers are additional header fields for the backend, by name. They replace fields of the
	// callback. Each has a value, or a value_file that contains it. Optional.
	Headers map[string]HeaderValue `yaml:"headers"`
	// BasicAuth is the username, and the password_file that contains the password, for a
	// backend that wants basic authentication. Optional.
	BasicAuth *BasicAuth `yaml:"basic_auth"`
	// Timeout is the maximum time for the backend to answer a callback that asks for a
	// decision, 10ms to 1900ms: Tencent waits 2s. At most three quarters of --shutdown.timeout.
	// Default: 1500ms.
	Timeout time.Duration `yaml:"timeout"`
	// IdleTimeout is how long an unused connection to the backend is kept, at least 1ms. Set it
	// to less than the idle timeout of the backend, for which 2s is a common default. Otherwise
	// the backend may close a connection just when a request is sent. Default: 1500ms.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// OnFailure is the answer to a callback that asks for a decision, if the backend fails or
	// is too slow. With fail it is 502 or 504, and Tencent applies the fallback that was chosen
	// there. With allow the gift or message passes, with deny it is stopped. Default: fail.
	OnFailure string `yaml:"on_failure"`
	// MaxConcurrent is the maximum number of decisions in progress, and the maximum number of
	// deliveries in progress beside them, 1 to 10000. A further decision is answered at once,
	// as OnFailure says. Default: 64.
	MaxConcurrent int `yaml:"max_concurrent"`
	// MaxAge is the maximum age of a queued callback. An older one is dropped. Default: 24h.
	MaxAge time.Duration `yaml:"max_age"`
	// MaxQueueRequests is the maximum number of queued callbacks. If a further one arrives, the
	// oldest is dropped. Default: 20000.
	MaxQueueRequests int `yaml:"max_queue_requests"`
	// MaxQueueBytes is the maximum size of all queued callbacks, at least 1 MiB, and at least
	// 64 KiB more than --webhook.max-body-bytes. If it is exceeded, the oldest are dropped. At the
	// default, a full queue takes about 60 MB of memory and 20 MB of disk. Default: 16777216.
	MaxQueueBytes int64 `yaml:"max_queue_bytes"`
	// KeepSignature relays signatures unchanged, whatever their age. Otherwise a signature that
	// is older than 30s is renewed, with the token that made it, or with the first token if
	// that one is no longer configured. Default: false.
	KeepSignature *bool `yaml:"keep_signature"`
	// CAFile contains the certificates of the authorities to trust for the backend (PEM),
	// instead of those of the system. Optional.
	CAFile string `yaml:"ca_file"`
	// CertFile contains the client certificate for the backend (PEM). Optional.
	CertFile string `yaml:"cert_file"`
	// KeyFile contains the private key of that certificate (PEM). Required with CertFile.
	KeyFile string `yaml:"key_file"`
	// ProxyFromEnvironment uses the proxy of HTTPS_PROXY, HTTP_PROXY and NO_PROXY. The address
	// of the backend is then resolved and checked by the proxy only. Default: false.
	ProxyFromEnvironment *bool `yaml:"proxy_from_environment"`

	// Target is the URL, parsed.
	Target *url.URL `yaml:"-"`
	// Fields are the header fields of Headers and BasicAuth, by canonical name.
	Fields map[string]Secret `yaml:"-"`
	at     map[string]path   `yaml:"-"` // of keys that others may find wrong, by name
	// TLS has the certificates in the files.
	TLS *tls.Config `yaml:"-" json:"-"`
}

// HeaderValue is the value of a header field: one of Value and ValueFile.
type HeaderValue struct {
	// Value is the value itself.
	Value string `yaml:"value"`
	// ValueFile contains the value.
	ValueFile string `yaml:"value_file"`
}

// BasicAuth is a user name and password for a backend.
type BasicAuth struct {
	// Username is the user's name, without a colon. Required.
	Username string `yaml:"username"`
	// PasswordFile contains the password. Required.
	PasswordFile string `yaml:"password_file"`
}

// AppID is an SDKAppID in decimal, without sign or leading zeros. In YAML it may be
// a number or a string.
type AppID string

// UnmarshalYAML reads the scalar as it is written: 0x10 and 1e3 are no SDKAppIDs.
func (id *AppID) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode || !tuilivekit.ValidAppID(n.Value) {
		return errors.New("must be a decimal number without leading zeros")
	}
	*id = AppID(n.Value)
	return nil
}

// Load reads the file at path and the secrets that it names. Paths in it are
// relative to its folder. An error names the file, the line and the key. Warnings name
// settings that work, but should be changed.
func Load(path string) (c *Config, warnings []string, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read configuration: %w", err)
	}
	c = &Config{}
	if err := Decode(path, b, c); err != nil {
		return nil, nil, err
	}
	c.source = source{path, b}
	if warnings, err = c.complete(filepath.Dir(path)); err != nil {
		return nil, nil, c.source.locate(err)
	}
	return c, warnings, nil
}

// locate adds the file to err, and the line if err is the error of a key.
func (s source) locate(err error) error {
	var key *keyError
	if !errors.As(err, &key) {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	root := &yaml.Node{}             // only for the line: parsing nodes takes as long as the rest
	_ = yaml.Unmarshal(s.text, root) // the text has been parsed without an error
	return fmt.Errorf("%s:%d: %w", s.path, key.line(root), err)
}

// WrongRelay returns the error of a key, for example "url", of the relay of application id, for a
// check that the package cannot make itself. The error names the file, the line and the key.
func (c *Config) WrongRelay(id, key string, problem error) error {
	for _, app := range c.Apps {
		if string(app.SDKAppID) == id && app.Relay != nil && app.Relay.at[key] != nil {
			return c.source.locate(&keyError{app.Relay.at[key], problem.Error()})
		}
	}
	return problem
}

// FromFlags returns the configuration of the applications that are given as
// SDKAPPID or SDKAPPID=NAME, each with all of tokenFiles. An error names the flag.
func FromFlags(apps, tokenFiles []string, allowUnsigned bool) (c *Config, warnings []string, err error) {
	c = &Config{}
	for _, app := range apps {
		id, name, _ := strings.Cut(app, "=")
		if !tuilivekit.ValidAppID(id) {
			return nil, nil, fmt.Errorf("--app: %q is not SDKAPPID[=NAME] with a decimal SDKAppID", app)
		}
		c.Apps = append(c.Apps, App{SDKAppID: AppID(id), Name: name, TokenFiles: tokenFiles, AllowUnsigned: allowUnsigned})
	}
	if len(apps) > 0 && len(tokenFiles) == 0 && !allowUnsigned {
		return nil, nil, errors.New("--app.token-file: missing: set it, or set --app.allow-unsigned to accept callbacks that anyone can forge")
	}
	warnings, err = c.complete("")
	var key *keyError
	if errors.As(err, &key) {
		return nil, nil, fmt.Errorf("%s: %s", key.flag(), key.problem)
	}
	return c, warnings, err
}
