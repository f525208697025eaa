package main

import (
	"fmt"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
)

// relayFlags are the flags that limit the settings of relays. serve and check-config have them.
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

// maxRequestHead is the largest size of a queued callback without its body: the server accepts no
// larger header, and the relay adds little to it.
const maxRequestHead = 64 << 10

// drainTime is the part of --shutdown.timeout for the callbacks in progress.
func (f *relayFlags) drainTime() time.Duration { return f.shutdownTimeout * 3 / 4 }

// fit returns an error if a setting of a relay contradicts a flag. The error names both.
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
