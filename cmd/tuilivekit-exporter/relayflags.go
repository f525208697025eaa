package main

import (
	"fmt"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
)

// relayFlags are the flags that settings of relays must fit. check-config has them too.
type relayFlags struct {
	maxBodyBytes    *int64
	shutdownTimeout time.Duration
}

func (f *relayFlags) registerMaxBodyBytes(cmd *kingpin.CmdClause) {
	f.maxBodyBytes = (*int64)(cmd.Flag("webhook.max-body-bytes", "Maximum size of a callback body.").Default("256KiB").Bytes())
}

func (f *relayFlags) registerShutdownTimeout(cmd *kingpin.CmdClause) {
	cmd.Flag("shutdown.timeout", "Maximum time for stopping after that: a quarter is for the last commit, the rest for callbacks in progress and for relays.").Default("10s").DurationVar(&f.shutdownTimeout)
}

// maxRequestHead bounds what a queued callback has beside its body: the server takes no
// larger header, and the relay adds little.
const maxRequestHead = 64 << 10

// drainTime is how much of the time to stop is for callbacks that are being answered.
func (f *relayFlags) drainTime() time.Duration { return f.shutdownTimeout * 3 / 4 }

// fit finds settings of relays that cannot go together with the flags. Its errors name
// both.
func (f *relayFlags) fit(cfg *config.Config) error {
	for _, app := range cfg.Apps {
		r := app.Relay
		if r == nil {
			continue
		}
		if least := *f.maxBodyBytes + maxRequestHead; r.MaxQueueBytes < least {
			return cfg.WrongRelay(string(app.SDKAppID), "max_queue_bytes", fmt.Errorf(
				"%d cannot hold a callback as large as --webhook.max-body-bytes=%d allows: must be at least %d", r.MaxQueueBytes, *f.maxBodyBytes, least))
		}
		if r.Timeout > f.drainTime() {
			return cfg.WrongRelay(string(app.SDKAppID), "timeout", fmt.Errorf(
				"%s is more than three quarters of --shutdown.timeout=%s: a stop would interrupt a decision in progress", r.Timeout, f.shutdownTimeout))
		}
	}
	return nil
}
