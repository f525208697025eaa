package config

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// Replica is how several exporters behind one URL share what they know.
type Replica struct {
	// Redis is the Redis, 6.2 or newer, or Valkey that the replicas share. Required.
	Redis *Redis `yaml:"redis"`
}

// Redis is a Redis or Valkey: one server, a primary that Sentinels watch, or a cluster.
type Redis struct {
	// Addresses are HOST:PORT of the server. If Sentinel is set, they are those of the
	// Sentinels. If Cluster is set, they are those of some nodes. Required.
	Addresses []string `yaml:"addresses"`
	// Sentinel is set if the addresses are those of Sentinels. Optional.
	Sentinel *Sentinel `yaml:"sentinel"`
	// Cluster is set if the addresses are those of nodes of a Redis Cluster. Default: false.
	Cluster bool `yaml:"cluster"`
	// Database is the number of the database, 0 to 1023. A cluster has only 0. Default: 0.
	Database int `yaml:"database"`
	// KeyPrefix is the beginning of the names of all keys. Installations that share one Redis
	// need different prefixes. Default: tuilivekit.
	KeyPrefix string `yaml:"key_prefix"`
	// Username is the ACL user of the server. Default: the default user.
	Username string `yaml:"username"`
	// PasswordFile contains the password of the server. Optional.
	PasswordFile string `yaml:"password_file"`
	// TLS encrypts the connections to the server and to Sentinels. {} enables it with defaults.
	// Default: not encrypted.
	TLS *RedisTLS `yaml:"tls"`

	// Password is what PasswordFile contains.
	Password Secret `yaml:"-"`
	// TLSConfig has what the files of TLS contain, nil without TLS.
	TLSConfig *tls.Config `yaml:"-" json:"-"`
}

// Sentinel is how the Sentinels are asked for the primary.
type Sentinel struct {
	// MasterName is the name of the primary in the configuration of the Sentinels. Required.
	MasterName string `yaml:"master_name"`
	// Username is the ACL user of the Sentinels. Default: the default user.
	Username string `yaml:"username"`
	// PasswordFile contains the password of the Sentinels, which may differ from that of the
	// server. Optional.
	PasswordFile string `yaml:"password_file"`

	// Password is what PasswordFile contains.
	Password Secret `yaml:"-"`
}

// RedisTLS is how connections to Redis are encrypted.
type RedisTLS struct {
	// CAFile contains the certificates of the authorities to trust for the server (PEM), instead
	// of those of the system. Optional.
	CAFile string `yaml:"ca_file"`
	// CertFile contains the client certificate for the server (PEM). Optional.
	CertFile string `yaml:"cert_file"`
	// KeyFile contains the private key of that certificate (PEM). Required with CertFile.
	KeyFile string `yaml:"key_file"`
	// ServerName is the name that the certificate of the server must have. Default: the host of
	// the address.
	ServerName string `yaml:"server_name"`
}

const (
	maxRedisPassword = 4096
	maxKeyPrefix     = 100
	maxDatabase      = 1023
)

// complete checks r and reads what it names.
func (r *Replica) complete(at path, dir string) (warnings []string, err error) {
	if r.Redis == nil {
		return nil, &keyError{at.to("redis"), "missing: replicas share what they know through it"}
	}
	return r.Redis.complete(at.to("redis"), dir)
}

func (r *Redis) complete(at path, dir string) (warnings []string, err error) {
	if err := r.completeAddresses(at); err != nil {
		return nil, err
	}
	r.KeyPrefix = cmp.Or(r.KeyPrefix, "tuilivekit")
	switch {
	case len(r.KeyPrefix) > maxKeyPrefix:
		return nil, &keyError{at.to("key_prefix"), fmt.Sprintf("has more than %d characters", maxKeyPrefix)}
	case strings.ContainsFunc(r.KeyPrefix, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '{' || c == '}' }):
		return nil, &keyError{at.to("key_prefix"), "has a space, a brace or a character that is not ASCII"}
	case r.Database < 0 || r.Database > maxDatabase:
		return nil, &keyError{at.to("database"), fmt.Sprintf("%d is not within 0 and %d", r.Database, maxDatabase)}
	case r.Cluster && r.Database != 0:
		return nil, &keyError{at.to("database"), "a Cluster has only database 0"}
	case r.Username != "" && r.PasswordFile == "":
		return nil, &keyError{at.to("username"), "needs password_file"}
	}
	read := func(at path, name string) (secret Secret, err error) {
		if name == "" {
			return Secret{}, nil
		}
		secret, open, err := readSecretFile(resolve(dir, name), "password", maxRedisPassword)
		if err != nil {
			return Secret{}, &keyError{at, err.Error()}
		}
		if open {
			warnings = append(warnings, fmt.Sprintf("%s %s can be read by everyone, or written by its group: chmod 600, or 640 for its group", at, resolve(dir, name)))
		}
		return secret, nil
	}
	if r.Password, err = read(at.to("password_file"), r.PasswordFile); err != nil {
		return nil, err
	}
	if s := r.Sentinel; s != nil {
		if s.Password, err = read(at.to("sentinel", "password_file"), s.PasswordFile); err != nil {
			return nil, err
		}
	}
	if r.TLS != nil {
		r.TLSConfig, err = r.TLS.read(at.to("tls"), dir)
	}
	return warnings, err
}

func (r *Redis) completeAddresses(at path) error {
	switch s := r.Sentinel; {
	case len(r.Addresses) == 0:
		return &keyError{at.to("addresses"), "missing: HOST:PORT of at least one server is required"}
	case s != nil && r.Cluster:
		return &keyError{at.to("cluster"), "sentinel and cluster cannot be used together"}
	case s != nil && s.MasterName == "":
		return &keyError{at.to("sentinel", "master_name"), "missing: the Sentinels know the primary by it"}
	case s != nil && s.Username != "" && s.PasswordFile == "":
		return &keyError{at.to("sentinel", "username"), "needs password_file"}
	case s == nil && !r.Cluster && len(r.Addresses) > 1:
		return &keyError{at.to("addresses"), fmt.Sprintf("%d addresses: set sentinel or cluster, or give the address of one server", len(r.Addresses))}
	}
	for i, address := range r.Addresses {
		if err := checkAddress(address); err != nil {
			return &keyError{at.to("addresses", i), err.Error()}
		}
	}
	return nil
}

// checkAddress takes HOST:PORT.
func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	n, notNumber := strconv.Atoi(port)
	switch {
	case strings.Contains(address, "://"):
		return fmt.Errorf("%q is a URL: write HOST:PORT, and set tls, username and password_file beside it", withoutUser(address))
	case err != nil || host == "" || strings.ContainsAny(address, "/@ "):
		return errors.New("is not HOST:PORT")
	case notNumber != nil || n < 1 || n > 65535:
		return fmt.Errorf("has port %q: a port is a number from 1 to 65535", port)
	}
	return nil
}

// withoutUser returns a URL without what may be a password.
func withoutUser(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	return scheme + "://" + rest[strings.LastIndex(rest, "@")+1:]
}

// read returns the configuration of TLS with what the files contain.
func (t *RedisTLS) read(at path, dir string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pem, err := os.ReadFile(resolve(dir, t.CAFile))
		if err != nil {
			return nil, &keyError{at.to("ca_file"), err.Error()}
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, &keyError{at.to("ca_file"), "no certificate in it"}
		}
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		return nil, &keyError{at.to("cert_file"), "cert_file and key_file: one needs the other"}
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(resolve(dir, t.CertFile), resolve(dir, t.KeyFile))
		if err != nil {
			return nil, &keyError{at.to("cert_file"), err.Error()}
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// files returns the names of all files that r names.
func (r *Replica) files() (names []string) {
	if r == nil || r.Redis == nil {
		return nil
	}
	names = append(names, r.Redis.PasswordFile)
	if s := r.Redis.Sentinel; s != nil {
		names = append(names, s.PasswordFile)
	}
	if t := r.Redis.TLS; t != nil {
		names = append(names, t.CAFile, t.CertFile, t.KeyFile)
	}
	return names
}
