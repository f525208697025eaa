//go:build linux

package replica

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// aclRule finds the ACL user of the documents.
var aclRule = regexp.MustCompile(`(?m)^ACL SETUSER exporter on >PASSWORD (.+)$`)

// allowExporter adds the ACL user of the documents to a server.
func allowExporter(t *testing.T, s *server, password string) {
	t.Helper()
	root, err := exporter.Root()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs/replicas.md"))
	if err != nil {
		t.Fatal(err)
	}
	rule := aclRule.FindSubmatch(page)
	if rule == nil {
		t.Fatal("docs/replicas.md has no ACL SETUSER")
	}
	args := []any{"ACL", "SETUSER", "exporter", "on", ">" + password}
	for _, word := range strings.Fields(string(rule[1])) {
		args = append(args, word)
	}
	if err := s.Do(context.Background(), args...).Err(); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
}

// The ACL user of the documents may use all commands of the exporter. The exporter uses no command
// that Redis 6.2 does not have, and no script and no publish/subscribe, which proxies and managed
// services may refuse.
func TestCommands(t *testing.T) {
	ctx, engine, w := context.Background(), startServer(t), newWorld(t, appA)
	allowExporter(t, engine, "secret-71d2")
	config := configFile(t, w.apps, "addresses: ['"+engine.addr+"'], username: exporter, password_file: "+secretFile(t, "secret-71d2"))
	if err := engine.ConfigResetStat(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	replicas := []*exporter.Process{startReplica(t, config, t.TempDir()), startReplica(t, config, t.TempDir())}
	stop := w.turmoil(replicas)
	eventually(t, "rooms are shared", func() error {
		if w.sample(replicas[0], `tuilivekit_replica_taken_total{kind="room"}`) < 5 {
			return errNotYet
		}
		return nil
	})
	stop()
	eventually(t, "replicas agree", func() error { return w.agree(replicas) })
	clients := 0
	for _, client := range strings.Split(engine.ClientList(ctx).Val(), "\n") {
		if strings.Contains(client, "user=exporter") {
			clients++
			if !strings.Contains(client, "resp=2") || strings.Contains(client, "sub=1") {
				t.Errorf("a connection uses another protocol than RESP2, or has a subscription: %s", client)
			}
		}
	}
	if clients == 0 {
		t.Error("no connection is of user exporter")
	}
	if code, err := replicas[1].Stop(patience); code != 0 || err != nil { // with a last exchange
		t.Fatalf("stop: code %d, %v", code, err)
	}
	if err := engineIs(w, replicas[:1], 1)(); err != nil {
		t.Error(err)
	}
	allowed := map[string]bool{
		"hello": true, "auth": true, "zadd": true, "zrange": true, "zrangebyscore": true, "zremrangebyrank": true, "zremrangebyscore": true, "zrem": true,
		"expire": true, "set": true, "get": true, "pexpire": true,
		"ping": true, "client|list": true, "config|resetstat": true, "info": true, // of this test
	}
	stats := engine.Info(ctx, "commandstats").Val()
	var used []string
	for _, m := range regexp.MustCompile(`(?m)^cmdstat_([^:]+):`).FindAllStringSubmatch(stats, -1) {
		used = append(used, m[1])
		if !allowed[m[1]] {
			t.Errorf("the exporter uses %s", m[1])
		}
	}
	t.Logf("commands: %v", used)
	if errors := engine.Info(ctx, "errorstats").Val(); strings.Contains(errors, "errorstat_") {
		t.Errorf("a command of the exporter was refused: %s", errors)
	}
	if len(used) < 8 {
		t.Errorf("only %v were used", used)
	}
}

// If the first Sentinel of the list is down, or accepts connections and never answers, the replicas
// find the primary by the next one.
func TestDeadSentinelFirst(t *testing.T) {
	w, primary := newWorld(t, appA), startServer(t)
	host, port, _ := net.SplitHostPort(primary.addr)
	alive := startSentinel(t, sentinelFile(t, fmt.Sprintf("sentinel monitor live %s %s 1\n", host, port)))
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	var replicas []*exporter.Process
	for _, first := range []string{freeAddress(t), silent.Addr().String()} {
		config := configFile(t, w.apps, "addresses: ['"+first+"', '"+alive.addr+"'], sentinel: {master_name: live}")
		replicas = append(replicas, startReplica(t, config, t.TempDir()))
	}
	eventually(t, "Redis is used", engineIs(w, replicas, 1))
	stop := w.turmoil(replicas)
	time.Sleep(time.Second) // of callbacks
	stop()
	eventually(t, "replicas agree", func() error { return w.agree(replicas) })
}

// The exporter uses TLS with a private CA and a client certificate, an ACL user, and a separate
// password for Sentinel. After the password has changed, a reload takes the new one into use.
func TestTLSAndPasswords(t *testing.T) {
	ctx, w, ca := context.Background(), newWorld(t, appA), newAuthority(t)
	ca.issue("server", "localhost")
	ca.issue("client", "exporter")
	withTLS := func(port string) []string {
		return []string{"--tls-port", port, "--tls-cert-file", ca.file("server.crt"), "--tls-key-file", ca.file("server.key"),
			"--tls-ca-cert-file", ca.file("ca.crt"), "--tls-auth-clients", "yes"}
	}
	_, primaryPort, _ := net.SplitHostPort(freeAddress(t))
	primary := startServer(t, append(withTLS(primaryPort), "--requirepass", "of-the-server")...)
	primary.Client = redis.NewClient(&redis.Options{Addr: primary.addr, Password: "of-the-server"})
	allowExporter(t, primary, "of-the-exporter")
	_, sentinelPort, _ := net.SplitHostPort(freeAddress(t))
	startServerWith(t, func(port string) []string {
		file := sentinelFile(t, "sentinel monitor live 127.0.0.1 "+primaryPort+" 1\nsentinel auth-pass live of-the-server\ntls-replication yes\n")
		return append([]string{file, "--port", port, "--bind", "127.0.0.1", "--requirepass", "of-the-sentinel", "--sentinel"}, withTLS(sentinelPort)...)
	})

	password := secretFile(t, "of-the-exporter")
	security := fmt.Sprintf("username: exporter, password_file: %s, tls: {ca_file: %s, cert_file: %s, key_file: %s, server_name: localhost}",
		password, ca.file("ca.crt"), ca.file("client.crt"), ca.file("client.key"))
	replicas := []*exporter.Process{
		startReplica(t, configFile(t, w.apps, "addresses: ['127.0.0.1:"+primaryPort+"'], "+security), t.TempDir()),
		startReplica(t, configFile(t, w.apps, "addresses: ['127.0.0.1:"+sentinelPort+"'], sentinel: {master_name: live, password_file: "+
			secretFile(t, "of-the-sentinel")+"}, "+security), t.TempDir()),
	}
	eventually(t, "Redis is used", engineIs(w, replicas, 1))
	if clients := primary.ClientList(ctx).Val(); strings.Count(clients, "user=exporter") < 2 {
		t.Errorf("the connections are not of user exporter: %s", clients)
	}
	stop := w.turmoil(replicas)
	time.Sleep(time.Second) // of callbacks
	stop()
	eventually(t, "replicas agree", func() error { return w.agree(replicas) })

	if err := primary.Do(ctx, "ACL", "SETUSER", "exporter", "resetpass", ">changed").Err(); err != nil {
		t.Fatal(err)
	}
	if err := primary.Do(ctx, "CLIENT", "KILL", "USER", "exporter").Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the old password is refused", engineIs(w, replicas, 0))
	time.Sleep(3 * time.Second) // of exchanges
	for _, p := range replicas {
		if back := p.Lines("replicas are together again"); len(back) > 0 {
			t.Errorf("the old password is used again: %s", back)
		}
	}
	if err := os.WriteFile(password, []byte("changed\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range replicas {
		if err := p.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the new password is used", engineIs(w, replicas, 1))
	for _, p := range replicas {
		if log := p.LogText(); strings.Contains(log, "of-the-") || strings.Contains(log, "changed\"") {
			t.Errorf("a password is in the log:\n%s", log)
		}
	}

	for name, wrong := range map[string]string{
		"no client certificate": fmt.Sprintf("username: exporter, password_file: %s, tls: {ca_file: %s, server_name: localhost}", password, ca.file("ca.crt")),
		"another authority": fmt.Sprintf("username: exporter, password_file: %s, tls: {ca_file: %s, cert_file: %s, key_file: %s, server_name: localhost}",
			password, newAuthority(t).file("ca.crt"), ca.file("client.crt"), ca.file("client.key")),
		"another name": strings.Replace(security, "server_name: localhost", "server_name: redis.example.com", 1),
	} {
		t.Run(name, func(t *testing.T) {
			p := startReplica(t, configFile(t, w.apps, "addresses: ['127.0.0.1:"+primaryPort+"'], "+wrong), "")
			eventually(t, "the fault is logged", func() error {
				if len(p.Lines("replicas are apart")) == 0 {
					return errNotYet
				}
				return nil
			})
			if got := w.sample(p, "tuilivekit_replica_engine_up"); got != 0 {
				t.Errorf("engine_up is %v", got)
			}
		})
	}
}

// authority issues certificates into a folder.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.make("ca", &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// issue makes NAME.crt and NAME.key for a host.
func (a *authority) issue(name, host string) {
	a.make(name, &x509.Certificate{
		Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
}

func (a *authority) make(name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	check := func(err error) {
		if err != nil {
			a.t.Helper()
			a.t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	check(err)
	check(os.WriteFile(a.file(name+".crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	check(os.WriteFile(a.file(name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	_, err = tls.LoadX509KeyPair(a.file(name+".crt"), a.file(name+".key"))
	check(err)
	cert, err := x509.ParseCertificate(der)
	check(err)
	return cert, key
}

func secretFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func sentinelFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// doctor connects to the Redis of the configuration as the exporter does, and says why it cannot be
// used, also if it refuses writes. doctor writes nothing.
func TestDoctorAsksRedis(t *testing.T) {
	ctx, engine := context.Background(), startServer(t)
	allowExporter(t, engine, "secret-71d2")
	ask := func(password string) (status, detail string) {
		t.Helper()
		config := configFile(t, []string{appA}, "addresses: ['"+engine.addr+"'], username: exporter, password_file: "+secretFile(t, password))
		out, _ := exec.Command(binary, "doctor", "--json", "--config.file="+config, "--storage.path="+t.TempDir()).Output() // it finds faults
		var got struct {
			Checks []struct{ ID, Status, Detail string }
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, c := range got.Checks {
			if c.ID == "replica_engine" {
				return c.Status, c.Detail
			}
		}
		t.Fatalf("no check of Redis: %s", out)
		return "", ""
	}
	for _, fault := range []struct {
		name, password, want string
		begin                func() error
	}{
		{"none", "secret-71d2", "can be used", func() error { return nil }},
		{"wrong password", "wrong", "WRONGPASS", func() error { return nil }},
		{"full", "secret-71d2", "OOM", func() error { return engine.ConfigSet(ctx, "maxmemory", "1").Err() }},
		{"read-only", "secret-71d2", "READONLY", func() error {
			return errors.Join(engine.ConfigSet(ctx, "maxmemory", "0").Err(), engine.ReplicaOf(ctx, "127.0.0.1", "1").Err())
		}},
		{"a key of another type", "secret-71d2", "WRONGTYPE", func() error {
			return errors.Join(engine.ReplicaOf(ctx, "NO", "ONE").Err(), engine.Set(ctx, "{tuilivekit}:replicas", "text", 0).Err())
		}},
		{"away", "secret-71d2", "refused", func() error { engine.kill(); return nil }},
	} {
		t.Run(fault.name, func(t *testing.T) {
			if err := fault.begin(); err != nil {
				t.Fatal(err)
			}
			status, detail := ask(fault.password)
			if (status == "pass") != (fault.name == "none") || !strings.Contains(detail, fault.want) {
				t.Errorf("%s: %s", status, detail)
			}
			if keys := engine.Keys(ctx, "*").Val(); len(keys) > 1 || len(keys) == 1 && fault.name != "a key of another type" {
				t.Errorf("keys %v", keys)
			}
		})
	}
}
