package replica

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/sirupsen/logrus"
)

// Settings say where the engine is. They are complete.
type Settings struct {
	// Addresses are HOST:PORT: that of the server, those of the Sentinels, or those of some
	// nodes of the Cluster.
	Addresses []string
	// MasterName is the name of the primary that the Sentinels know, "" without Sentinel.
	MasterName string
	// Cluster says that the engine is a Cluster.
	Cluster bool
	// Database is the number of the database; a Cluster has only 0.
	Database int
	// Username and Password are of the server, SentinelUsername and SentinelPassword of the
	// Sentinels. Empty ones are not sent.
	Username, Password                 string
	SentinelUsername, SentinelPassword string
	// TLS is nil for connections without TLS.
	TLS *tls.Config
	// Prefix is what all keys begin with.
	Prefix string
	// Dial opens a connection to an address. If it is nil, TCP is used, with TLS if that is set.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// String says in a few words where the engine is. It has no secret.
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

// ioTimeout is how long a connection, or the answer to one group of commands, may take. The
// loop tries again by itself, so nothing is gained by waiting.
const ioTimeout = 500 * time.Millisecond

// connect returns a client of the engine. It does no I/O.
func (s Settings) connect() redis.UniversalClient {
	return redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: s.Addresses, MasterName: s.MasterName, IsClusterMode: s.Cluster, DB: s.Database,
		Username: s.Username, Password: s.Password,
		SentinelUsername: s.SentinelUsername, SentinelPassword: s.SentinelPassword, TLSConfig: s.TLS, Dialer: s.Dial,

		// By default one call may hang for half a minute, whatever its context says.
		ContextTimeoutEnabled: true,
		DialTimeout:           ioTimeout, ReadTimeout: ioTimeout, WriteTimeout: ioTimeout, PoolTimeout: ioTimeout,
		MaxRetries: -1, DialerRetries: 1,
		PoolSize: 4,

		// Nothing is sent that an old server or a proxy does not know.
		Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

// Check asks the engine whether it can be used, also for writes, and returns an error if not:
// within two seconds, or when ctx ends. It changes nothing.
func Check(ctx context.Context, s Settings) error {
	ctx, cancel := context.WithTimeout(ctx, 4*ioTimeout)
	defer cancel()
	client := s.connect()
	defer client.Close()
	key := keysOf(s.Prefix).replicas
	if err := client.ZCard(ctx, key).Err(); err != nil {
		return err
	}
	// XX updates only a member that exists, and no replica has this name. A server that is full
	// or read-only refuses the command nevertheless.
	return client.ZAddXX(ctx, key, redis.Z{Member: ""}).Err()
}

// libraryLog is the log of the client library, which would go to standard error otherwise.
// What matters of it is an error that this package logs.
type libraryLog struct{ log logrus.FieldLogger }

// Printf implements the logger of go-redis.
func (l libraryLog) Printf(_ context.Context, format string, v ...any) {
	l.log.WithField("text", fmt.Sprintf(format, v...)).Debug("message of the Redis client")
}

// keys are the names of the keys. What is in braces decides the slot of a Cluster, so all keys
// of an application are in one.
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

// errStopped is the problem of a round that ends because ctx has.
var errStopped = errors.New("stopped")

// failed notes an error, and reports whether there was one.
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

// away reports whether the engine has not answered anything in this round, so that asking on
// would only take time.
func (l *link) away() bool { return l.problem != nil && !l.reached }

// bounded returns a context for one group of commands.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 2*ioTimeout)
}
