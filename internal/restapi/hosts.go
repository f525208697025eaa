package restapi

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// hosts are the hosts of Tencent's server API by region. The pages of Live name the first
// four, those of Chat the others too.
var hosts = map[string]string{
	"china":     "console.tim.qq.com",
	"singapore": "adminapisgp.im.qcloud.com",
	"usa":       "adminapiusa.im.qcloud.com",
	"jakarta":   "adminapiidn.im.qcloud.com",
	"seoul":     "adminapikr.im.qcloud.com",
	"tokyo":     "adminapijpn.im.qcloud.com",
	"frankfurt": "adminapiger.im.qcloud.com",
	"mumbai":    "adminapiind.im.qcloud.com",
}

// vendorDomains are the domains under which Tencent has the hosts of its server API.
var vendorDomains = []string{".im.qcloud.com", ".tim.qq.com"}

// Regions returns the names of all regions, sorted.
func Regions() []string { return slices.Sorted(maps.Keys(hosts)) }

// HostOf returns the host of the server API in region. An application exists in one region
// only; the SDKAppID does not tell which.
func HostOf(region string) (host string, ok bool) {
	host, ok = hosts[region]
	return host, ok
}

// CheckHost checks a host that is not taken from a region: HOST or HOST:PORT, without
// scheme. The host receives a UserSig, with which it can act as an administrator of the
// application. So a host outside Tencent's two domains is refused unless anyHost is set.
func CheckHost(host string, anyHost bool) error {
	name, port := host, ""
	if h, p, err := net.SplitHostPort(host); err == nil {
		name, port = h, p
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if !validHostName(name) || port != "" && (err != nil || n == 0) {
		return fmt.Errorf("%q is not HOST or HOST:PORT", host)
	}
	if anyHost {
		return nil
	}
	for _, domain := range vendorDomains {
		if strings.HasSuffix(name, domain) {
			return nil
		}
	}
	return fmt.Errorf("%q is not under %s; whoever answers there can act as an administrator of the application; if it is yours, set allow_host",
		host, strings.Join(vendorDomains, " or "))
}

// validHostName accepts names of lower-case letters, digits, hyphens and dots, and IP addresses.
func validHostName(name string) bool {
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	for _, label := range strings.Split(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return len(name) <= 253
}
