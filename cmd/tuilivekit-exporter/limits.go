package main

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
)

// limitFlags are the flags of the webhook listener's limits.
type limitFlags struct {
	maxRequests, maxConnections, perSource int
	refusalRate                            float64
	trusted, allowed                       prefixes
}

func (l *limitFlags) register(cmd *kingpin.CmdClause) {
	cmd.Flag("webhook.max-requests", "Maximum number of callbacks in progress. Further callbacks are answered 503.").
		Default(strconv.Itoa(handler.DefaultMaxInWork)).IntVar(&l.maxRequests)
	cmd.Flag("webhook.max-connections", "Maximum number of open connections. If a further one arrives, the oldest connection without an accepted callback is closed.").
		Default(strconv.Itoa(handler.DefaultMaxConnections)).IntVar(&l.maxConnections)
	cmd.Flag("webhook.max-connections-per-source", "Maximum number of open connections without an accepted callback from one address, or one /64 prefix of IPv6.").
		Default(strconv.Itoa(handler.DefaultMaxConnectionsPerSource)).IntVar(&l.perSource)
	cmd.Flag("webhook.refusals-per-second", "Rate limit of refused requests per second from one address, with a burst of ten times as many. Further ones are answered 429. Accepted callbacks are not limited.").
		Default(strconv.Itoa(handler.DefaultRefusalsPerSecond)).Float64Var(&l.refusalRate)
	cmd.Flag("webhook.trusted-proxies", "Addresses of proxies whose X-Forwarded-For is trusted; repeatable, or separated by commas. The limits apply to the senders behind them.").
		PlaceHolder("CIDR").SetValue(&l.trusted)
	cmd.Flag("webhook.allowed-sources", "Addresses from which callbacks are accepted; repeatable, or separated by commas. Default: all.").
		PlaceHolder("CIDR").SetValue(&l.allowed)
}

func (l *limitFlags) check() error {
	for name, n := range map[string]int{"max-requests": l.maxRequests, "max-connections": l.maxConnections, "max-connections-per-source": l.perSource} {
		if n < 1 {
			return fmt.Errorf("--webhook.%s: must be at least 1", name)
		}
	}
	if l.refusalRate < 0.1 || l.refusalRate > 1e6 || math.IsNaN(l.refusalRate) {
		return fmt.Errorf("--webhook.refusals-per-second: must be from 0.1 to 1000000")
	}
	return nil
}

// reservedFiles is the number of files that the process keeps for scrapes, storage, configuration
// and backends.
const reservedFiles = 64

// resolved returns the limits. If the process may not open enough files, MaxConnections is lower
// than the flag.
func (l *limitFlags) resolved(log logrus.FieldLogger) handler.Limits {
	connections := l.maxConnections
	if files, ok := fileLimit(); ok && uint64(connections)+reservedFiles > files {
		connections = int(max(files, reservedFiles+1) - reservedFiles)
		log.WithField("connections", connections).WithField("open_files", files).
			Warn("--webhook.max-connections is more than the process may open: raise its limit of open files")
	}
	return handler.Limits{
		MaxInWork: l.maxRequests, MaxConnections: connections, MaxConnectionsPerSource: l.perSource,
		RefusalsPerSecond: l.refusalRate, TrustedProxies: l.trusted, AllowedSources: l.allowed,
	}
}

// prefixes is the value of a flag that takes networks and addresses.
type prefixes []netip.Prefix

// Set implements kingpin.Value.
func (p *prefixes) Set(text string) error {
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.TrimSpace(entry)
		prefix, err := netip.ParsePrefix(entry)
		if err != nil {
			addr, addrErr := netip.ParseAddr(entry)
			if addrErr != nil || addr.Zone() != "" {
				return fmt.Errorf("%q is not a network like 192.0.2.0/24, or an address", entry)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		if prefix.Addr().Is4In6() {
			return fmt.Errorf("%q: write it as IPv4", entry)
		}
		*p = append(*p, prefix.Masked())
	}
	return nil
}

// String implements kingpin.Value.
func (p *prefixes) String() string {
	var all []string
	for _, prefix := range *p {
		all = append(all, prefix.String())
	}
	return strings.Join(all, ",")
}

// IsCumulative makes the flag repeatable.
func (p *prefixes) IsCumulative() bool { return true }
