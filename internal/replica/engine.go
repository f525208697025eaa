package replica

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/sirupsen/logrus"
)

// Settings say how to reach the engine. They have no defaults.
type Settings struct {
	// Addresses are HOST:PORT of the server, of the Sentinels, or of some nodes of the Cluster.
	Addresses []string
	// MasterName is the name of the primary at the Sentinels, "" without Sentinel.
	MasterName string
	// Cluster says that the engine is a Cluster.
	Cluster bool
	// Database is the number of the database. A Cluster has only database 0.
	Database int
	// Username and Password are for the server, SentinelUsername and SentinelPassword for the
	// Sentinels. Empty values are not sent.
	Username, Password                 string
	SentinelUsername, SentinelPassword string
	// TLS is nil for connections without TLS.
	TLS *tls.Config
	// Prefix is the prefix of all keys.
	Prefix string
	// Dial opens a connection to an address. If it is nil, TCP is used, with TLS if that is set.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// String returns the addresses and the kind of the engine, for logs and the status page. It
// contains no secret.
func (s Settings) String() string {
	addresses := strings.Join(s.Addresses, ", ")
	switch {
	case s.MasterName != "":
		return fmt.Sprintf("%s of the Sentinels %s", s.MasterName, addresses)
	case s.Cluster:
		return "Cluster of " + addresses
	}
	return addresses
}

// ioTimeout limits the time to connect, and the time until the answer to one group of commands.
// The next exchange tries again, so a longer wait gains nothing.
const ioTimeout = 500 * time.Millisecond

// connect returns a client of the engine. It does no I/O. Attempt 0 uses the Sentinel that answers
// first. The library then asks no other Sentinel, also if the named primary is down for good, so each
// further attempt uses another Sentinel.
func (s Settings) connect(attempt int) redis.UniversalClient {
	if n := len(s.Addresses); s.MasterName != "" && attempt > 0 {
		s.Addresses = s.Addresses[attempt%n : attempt%n+1]
	}
	return redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: s.Addresses, MasterName: s.MasterName, IsClusterMode: s.Cluster, DB: s.Database,
		Username: s.Username, Password: s.Password,
		SentinelUsername: s.SentinelUsername, SentinelPassword: s.SentinelPassword, TLSConfig: s.TLS, Dialer: s.Dial,

		// With the defaults one call may hang for half a minute, and ignores the deadline of its
		// context.
		ContextTimeoutEnabled: true,
		DialTimeout:           ioTimeout, ReadTimeout: ioTimeout, WriteTimeout: ioTimeout, PoolTimeout: ioTimeout,
		MaxRetries: -1, DialerRetries: 1,
		PoolSize: 4,

		// An old server or a proxy may refuse RESP3, CLIENT SETINFO and CLIENT MAINT_NOTIFICATIONS.
		Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

// Check returns an error if the engine cannot be used, also if it refuses writes. It changes
// nothing. It returns within two seconds, or when ctx ends.
func Check(ctx context.Context, s Settings) error {
	ctx, cancel := context.WithTimeout(ctx, 4*ioTimeout)
	defer cancel()
	client := s.connect(0)
	defer client.Close()
	key := keysOf(s.Prefix).replicas
	if err := client.ZCard(ctx, key).Err(); err != nil {
		return err
	}
	// XX only updates a member that exists, and no replica has an empty name, so nothing is
	// written. A server that is full or read-only refuses the command nevertheless.
	return client.ZAddXX(ctx, key, redis.Z{Member: ""}).Err()
}

// libraryLog logs the messages of the client library at level debug. By default the library writes
// them to standard error. Each error that matters is also returned to this package, which logs it.
type libraryLog struct{ log logrus.FieldLogger }

// Printf implements the logger of go-redis.
func (l libraryLog) Printf(_ context.Context, format string, v ...any) {
	l.log.WithField("text", fmt.Sprintf(format, v...)).Debug("message of the Redis client")
}

// keys are the names of the keys. A Cluster hashes only the text in braces, so all keys of an
// application are in one slot.
type keys struct {
	prefix            string
	replicas, changed string
}

func keysOf(prefix string) keys {
	return keys{prefix: prefix, replicas: "{" + prefix + "}:replicas", changed: "{" + prefix + "}:changed"}
}

func (k keys) event(appID string) string     { return "{" + k.prefix + ":" + appID + "}:event" }
func (k keys) rooms(appID string) string     { return "{" + k.prefix + ":" + appID + "}:rooms" }
func (k keys) reconcile(appID string) string { return "{" + k.prefix + ":" + appID + "}:reconcile" }

// engine is a client with the keys that it uses.
type engine struct {
	redis.UniversalClient
	keys keys
}

// exec executes the commands of a pipeline. Afterwards each command has its own error. If the server
// refuses the user of a new connection, the library returns that error without giving it to the
// commands, which then look as if the server had answered them.
func exec(ctx context.Context, pipe redis.Pipeliner) {
	commands, err := pipe.Exec(ctx)
	if err == nil || slices.ContainsFunc(commands, func(c redis.Cmder) bool { return c.Err() != nil }) {
		return
	}
	for _, c := range commands {
		c.SetErr(err)
	}
}

// errStopped is the error of a round whose context has ended.
var errStopped = errors.New("stopped")

// fails notes err, the error of a command, and reports whether the command has failed.
func (l *link) fails(ctx context.Context, doing string, err error) bool {
	if err == nil || errors.Is(err, redis.Nil) {
		l.reached = true
		return false
	}
	if ctx.Err() != nil {
		err = errStopped
	}
	if l.problem == nil {
		l.problem = fmt.Errorf("%s: %w", doing, err)
	}
	var answered redis.Error
	l.reached = l.reached || errors.As(err, &answered)
	return true
}

// away reports whether a command of this round has failed and the engine has answered none. Then
// further commands would only take time.
func (l *link) away() bool { return l.problem != nil && !l.reached }

// bounded returns a context for one group of commands.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 2*ioTimeout)
}
