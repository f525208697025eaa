package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/mdlayher/vsock"
	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// listenWeb binds the addresses, or takes the sockets of systemd, that the flags of the web
// listener name. The caller closes the listeners.
func listenWeb(flags *toolkit.FlagConfig) ([]net.Listener, error) {
	if flags.WebSystemdSocket != nil && *flags.WebSystemdSocket {
		listeners, err := activation.Listeners()
		if err == nil && len(listeners) == 0 {
			err = errors.New("systemd passes no socket: start the exporter by a .socket unit")
		}
		if err != nil {
			return nil, fmt.Errorf("--web.systemd-socket: %w", err)
		}
		return listeners, nil
	}
	var listeners []net.Listener
	for _, address := range *flags.WebListenAddresses {
		l, err := listenOn(address)
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
			return nil, fmt.Errorf("--web.listen-address: %w", err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// listenOn binds HOST:PORT, or vsock://:PORT.
func listenOn(address string) (net.Listener, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "vsock" {
		return net.Listen("tcp", address)
	}
	port, err := strconv.ParseUint(u.Port(), 10, 32)
	if err != nil {
		return nil, fmt.Errorf("%q is not vsock://:PORT", address)
	}
	return vsock.Listen(uint32(port), nil)
}
