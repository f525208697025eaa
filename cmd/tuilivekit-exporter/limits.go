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
	cmd.Flag("webhook.max-requests", "Maximum number of callbacks processed at once; one more is answered 503.").
		Default(strconv.Itoa(handler.DefaultMaxInWork)).IntVar(&l.maxRequests)
	cmd.Flag("webhook.max-connections", "Maximum number of open connections. When one more arrives, the oldest connection that has not yet carried an accepted callback is closed.").
		Default(strconv.Itoa(handler.DefaultMaxConnections)).IntVar(&l.maxConnections)
	cmd.Flag("webhook.max-connections-per-source", "Maximum number of open connections of one address that have not yet carried an accepted callback.").
		Default(strconv.Itoa(handler.DefaultMaxConnectionsPerSource)).IntVar(&l.perSource)
	cmd.Flag("webhook.refusals-per-second", "Maximum rate of requests of one address that are refused with their reason, ten times as many at once; further ones are answered 429. Accepted callbacks do not count.").
		Default(strconv.Itoa(handler.DefaultRefusalsPerSecond)).Float64Var(&l.refusalRate)
	cmd.Flag("webhook.trusted-proxies", "Addresses of proxies whose X-Forwarded-For is believed; repeatable, or separated by commas. They have no limits of their own.").
		PlaceHolder("CIDR").SetValue(&l.trusted)
	cmd.Flag("webhook.allowed-sources", "Addresses that callbacks may come from; repeatable, or separated by commas. By default all.").
		PlaceHolder("CIDR").SetValue(&l.allowed)
}

func (l *limitFlags) check() error {
	for name, n := range map[string]int{"max-requests": l.maxRequests, "max-connections": l.maxConnections, "max-connections-per-source": l.perSource} {
		if n < 1 {
			return fmt.Errorf("--webhook.%s: must be at least 1", name)
		}
	}
	if l.refusalRate < 0.1 || l.refusalRate > 1e6 || math.IsNaN(l.refusalRate) {
		return fmt.Errorf("--webhook.refusals-per-second: must be 0.1 to 1000000")
	}
	return nil
}

// reservedFiles are kept for all that is no callback: scrapes, storage, configuration.
const reservedFiles = 64

// resolved returns the limits, as far as the process may open files.
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

// prefixes is a flag with networks, or addresses.
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

// IsCumulative lets the flag be given several times.
func (p *prefixes) IsCumulative() bool { return true }
