package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func loadReplica(t *testing.T, redis string) (*Config, []string, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"password": "secret-of-redis\n", "empty": "", "text": "no certificate"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "c.yaml")
	text := "apps:\n  - {sdk_app_id: 1400000001, allow_unsigned: true}\nreplica:\n  redis: " + redis + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(file)
}

func TestRedisSettings(t *testing.T) {
	c, _, err := loadReplica(t, "{addresses: ['s1:26379', 's2:26379'], username: exporter, password_file: password, sentinel: {master_name: m, password_file: password}, tls: {server_name: redis}, key_prefix: live}")
	if err != nil {
		t.Fatal(err)
	}
	r := c.Replica.Redis
	if r.Password.Reveal() != "secret-of-redis" || r.Sentinel.Password.Reveal() != "secret-of-redis" || r.TLSConfig.ServerName != "redis" || r.KeyPrefix != "live" {
		t.Errorf("got %+v", r)
	}
	if c, _, err = loadReplica(t, "{addresses: ['redis:6379']}"); err != nil || c.Replica.Redis.KeyPrefix != "tuilivekit" || c.Replica.Redis.TLSConfig != nil {
		t.Errorf("defaults: %v, %+v", err, c)
	}
}

func TestRedisSettingsThatAreRefused(t *testing.T) {
	for _, test := range []struct{ name, redis, want string }{
		{"nothing", "", "replica.redis: missing"},
		{"no address", "{}", "replica.redis.addresses: missing"},
		{"no port", "{addresses: [redis]}", "replica.redis.addresses[0]: is not HOST:PORT"},
		{"port", "{addresses: ['redis:0']}", `replica.redis.addresses[0]: has port "0"`},
		{"URL", "{addresses: ['redis://u:hidden@redis:6379']}", `replica.redis.addresses[0]: "redis://redis:6379" is a URL`},
		{"several without a reason", "{addresses: ['a:1', 'b:1']}", "replica.redis.addresses: 2 addresses: set sentinel or cluster"},
		{"both", "{addresses: ['a:1'], cluster: true, sentinel: {master_name: m}}", "replica.redis.cluster: sentinel and cluster"},
		{"no name", "{addresses: ['a:1'], sentinel: {}}", "replica.redis.sentinel.master_name: missing"},
		{"database of a Cluster", "{addresses: ['a:1'], cluster: true, database: 2}", "replica.redis.database: a Cluster has only"},
		{"database", "{addresses: ['a:1'], database: -1}", "replica.redis.database: -1 is not within"},
		{"brace", "{addresses: ['a:1'], key_prefix: '{a}'}", "replica.redis.key_prefix: has a space, a brace"},
		{"user without a password", "{addresses: ['a:1'], username: u}", "replica.redis.username: needs password_file"},
		{"no password file", "{addresses: ['a:1'], password_file: absent}", "replica.redis.password_file: open"},
		{"empty password", "{addresses: ['a:1'], password_file: empty}", "replica.redis.password_file: file"},
		{"authorities", "{addresses: ['a:1'], tls: {ca_file: text}}", "replica.redis.tls.ca_file: no certificate"},
		{"half a pair", "{addresses: ['a:1'], tls: {cert_file: text}}", "replica.redis.tls.cert_file: cert_file and key_file"},
		{"unknown key", "{address: 'a:1'}", "replica.redis"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := loadReplica(t, test.redis)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			} else if strings.Contains(err.Error(), "hidden") {
				t.Errorf("a password in %v", err)
			}
		})
	}
}
