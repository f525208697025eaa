package config

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// API are the settings of Tencent's server API for one application.
type API struct {
	// Region is the region of the application, as the console shows it: china, singapore, usa,
	// jakarta, seoul, tokyo, frankfurt or mumbai. Required, unless Host is set.
	Region string `yaml:"region"`
	// Host is HOST or HOST:PORT to call instead of the host of the region, always with https.
	// It must be under .im.qcloud.com or .tim.qq.com, unless AllowHost is set. Optional.
	Host string `yaml:"host"`
	// AllowHost allows any host, for example your own gateway. That host receives a UserSig,
	// and can act as an administrator of the application. Default: false.
	AllowHost bool `yaml:"allow_host"`
	// Identifier is the user in whose name the API is called. It must be an administrator of
	// the application (console, account management). Default: administrator.
	Identifier string `yaml:"identifier"`
	// SecretKeyFile contains the SDKSecretKey of the application. The exporter makes a UserSig
	// with it that is valid for an hour. The key can sign for every user of the application.
	// Required, unless UserSigFile is set.
	SecretKeyFile string `yaml:"secret_key_file"`
	// UserSigFile contains a UserSig of Identifier that was made on another machine, so that
	// the key need not be on this one. Replace it before it expires. Optional.
	UserSigFile string `yaml:"user_sig_file"`
	// CAFile contains the certificates of the authorities to trust for the host (PEM), instead
	// of those of the system. Optional.
	CAFile string `yaml:"ca_file"`
	// ProxyFromEnvironment uses the proxy that HTTPS_PROXY and NO_PROXY name. Default: false.
	ProxyFromEnvironment bool `yaml:"proxy_from_environment"`

	// Address is HOST or HOST:PORT, from Region or Host.
	Address string `yaml:"-"`
	// SecretKey and UserSig are the contents of the files; one of them is empty.
	SecretKey, UserSig Secret `yaml:"-"`
	// UserSigExpires is when UserSig expires, zero without one.
	UserSigExpires time.Time `yaml:"-"`
	// TLS has the authorities of CAFile, nil without it.
	TLS *tls.Config `yaml:"-" json:"-"`
}

// Reconcile are the settings of the recounts of one application.
type Reconcile struct {
	// Interval is the time from the start of a recount to the start of the next one, 1m to 24h.
	// Default: 10m.
	Interval time.Duration `yaml:"interval"`
	// Rate is the maximum number of calls of the server API per second, up to 8. Tencent allows
	// 10 for an application, which its backend needs too, and sends an alarm from 8 on. A
	// recount needs a call for every 20 rooms. Default: 2.
	Rate float64 `yaml:"rate"`
}

const (
	maxSecretKey = 256  // real ones have 64 characters
	maxUserSig   = 4096 // real ones have some 200
)

// completeAPI completes api and reconcile of app.
func (app *App) completeAPI(at path, dir string) (warnings []string, err error) {
	if app.API != nil {
		if warnings, err = app.API.complete(app.SDKAppID, at.to("api"), dir); err != nil {
			return nil, err
		}
	}
	if app.Reconcile == nil {
		return warnings, nil
	}
	if app.API == nil {
		return nil, &keyError{at.to("reconcile"), "needs api: the rooms are counted by calls of Tencent's server API"}
	}
	return warnings, app.Reconcile.complete(at.to("reconcile"))
}

func (r *Reconcile) complete(at path) error {
	r.Interval = cmp.Or(r.Interval, 10*time.Minute)
	r.Rate = cmp.Or(r.Rate, 2)
	switch {
	case r.Interval < time.Minute || r.Interval > 24*time.Hour:
		return &keyError{at.to("interval"), fmt.Sprintf("%s is not within 1m and 24h", r.Interval)}
	case !(r.Rate >= 0.01 && r.Rate <= 8):
		return &keyError{at.to("rate"), fmt.Sprintf("%v is not within 0.01 and 8 calls a second", r.Rate)}
	}
	return nil
}

// complete checks a, and reads the files that it names.
func (a *API) complete(id AppID, at path, dir string) (warnings []string, err error) {
	if err := a.completeAddress(at); err != nil {
		return nil, err
	}
	a.Identifier = cmp.Or(a.Identifier, "administrator")
	if strings.ContainsFunc(a.Identifier, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, &keyError{at.to("identifier"), "has a control character"}
	}
	if (a.SecretKeyFile == "") == (a.UserSigFile == "") {
		return nil, &keyError{at.to("secret_key_file"), "set one of secret_key_file and user_sig_file"}
	}
	read := func(key, name, noun string, limit int) (Secret, error) {
		secret, open, err := readSecretFile(resolve(dir, name), noun, limit)
		if err != nil {
			return Secret{}, &keyError{at.to(key), err.Error()}
		}
		if open {
			warnings = append(warnings, fmt.Sprintf("%s %s can be read by everyone, or written by its group: chmod 600, or 640 for its group", key, resolve(dir, name)))
		}
		return secret, nil
	}
	if a.SecretKeyFile != "" {
		a.SecretKey, err = read("secret_key_file", a.SecretKeyFile, "secret key", maxSecretKey)
	} else if a.UserSig, err = read("user_sig_file", a.UserSigFile, "UserSig", maxUserSig); err == nil {
		err = a.checkUserSig(id, at)
	}
	if err != nil {
		return nil, err
	}
	if !a.UserSigExpires.IsZero() && !time.Now().Before(a.UserSigExpires) {
		warnings = append(warnings, fmt.Sprintf("application %s: the UserSig of user_sig_file expired at %s", id, a.UserSigExpires.UTC().Format(time.RFC3339)))
	}
	return warnings, a.readAuthorities(at, dir)
}

func (a *API) completeAddress(at path) error {
	if a.Host != "" {
		if a.Region != "" {
			return &keyError{at.to("host"), "set one of region and host"}
		}
		if err := restapi.CheckHost(a.Host, a.AllowHost); err != nil {
			return &keyError{at.to("host"), err.Error()}
		}
		a.Address = a.Host
		return nil
	}
	if a.AllowHost {
		return &keyError{at.to("allow_host"), "is for host, which is not set"}
	}
	host, ok := restapi.HostOf(a.Region)
	if !ok {
		return &keyError{at.to("region"), "must be one of " + strings.Join(restapi.Regions(), ", ")}
	}
	a.Address = host
	return nil
}

// checkUserSig returns an error for a UserSig that Tencent would never accept.
func (a *API) checkUserSig(id AppID, at path) error {
	info, err := tuilivekit.ParseUserSig(a.UserSig.Reveal())
	at = at.to("user_sig_file")
	switch {
	case err != nil:
		return &keyError{at, err.Error()}
	case info.AppID != string(id):
		return &keyError{at, fmt.Sprintf("the UserSig is of the application %s, not of %s", info.AppID, id)}
	case info.Identifier != a.Identifier:
		return &keyError{at, fmt.Sprintf("the UserSig is of the identifier %q, not of %q", info.Identifier, a.Identifier)}
	}
	a.UserSigExpires = info.Expires
	return nil
}

func (a *API) readAuthorities(at path, dir string) error {
	if a.CAFile == "" {
		return nil
	}
	pem, err := os.ReadFile(resolve(dir, a.CAFile))
	if err != nil {
		return &keyError{at.to("ca_file"), err.Error()}
	}
	a.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
	if !a.TLS.RootCAs.AppendCertsFromPEM(pem) {
		return &keyError{at.to("ca_file"), "no certificate in it"}
	}
	return nil
}

// resolve returns the path of a file that the configuration in dir names.
func resolve(dir, name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}
