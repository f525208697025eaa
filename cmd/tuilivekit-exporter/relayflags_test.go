package main

import (
	"strings"
	"testing"
)

// Settings that cannot go together are errors of check-config, of the start and of a
// reload, and name both.
func TestRelaySettingsThatCannotGoTogether(t *testing.T) {
	for _, tc := range []struct {
		name, relay, flag, want string
	}{
		{"a queue that is smaller than a body", "max_queue_bytes: 1048576", "--webhook.max-body-bytes=2MiB",
			":1: apps[0].relay.max_queue_bytes: 1048576 cannot hold a callback as large as --webhook.max-body-bytes=2097152 allows: must be at least 2162688"},
		{"a decision that takes longer than a stop", "timeout: 1900ms", "--shutdown.timeout=2s",
			":1: apps[0].relay.timeout: 1.9s is more than three quarters of --shutdown.timeout=2s: a stop would interrupt a decision in progress"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			config := relayTo(t, "url: 'http://127.0.0.1:1', "+tc.relay)
			file := strings.TrimPrefix(config, "--config.file=")
			runBinary(t, nil, "check-config", file).expect(0, "is valid")
			runBinary(t, nil, "check-config", tc.flag, file).expect(1, file+tc.want)
			runBinary(t, nil, "serve", tc.flag, config, "--storage.path=").expect(1, file+tc.want)
		})
	}
}
