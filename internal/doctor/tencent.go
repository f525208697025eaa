package doctor

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// tencent checks Tencent's configuration of every application with credentials.
func (d *doctor) tencent(ctx context.Context) {
	defer func() { d.app = "" }()
	for _, app := range d.o.Apps {
		d.app = app.ID
		if app.API == nil {
			d.add("tencent", Skip, "what Tencent has configured: there are no credentials of its server API", "set api for the application, see docs/configuration.md; else compare with the console")
			continue
		}
		d.tencentApp(ctx, app)
	}
}

func (d *doctor) tencentApp(ctx context.Context, app App) {
	callback, err := app.API.Callback(ctx)
	if err != nil && !restapi.IsCode(err, restapi.CodeNoCallback) {
		d.add("tencent_access", Fail, err.Error(), restapi.AdviceOf(err).Do)
		d.clock(app) // a wrong clock makes UserSigs invalid
		return
	}
	d.add("tencent_access", Pass, app.API.Host()+" accepts the credentials", "")
	d.clock(app)
	if err != nil {
		d.add("tencent_url", Fail, "Tencent has no callback URL for the application, so nothing is sent", "set it in the console, or with tuilivekit-exporter setup")
	} else {
		d.tencentURL(callback.URL)
		d.commands(app, callback.Commands)
	}
	d.token(ctx, app)
	d.sources(ctx, app)
	d.answered(ctx, app)
}

// The skew of clocks from which signatures and UserSigs begin to fail is 60 s.
const (
	skewWarn = 20 * time.Second
	skewFail = 50 * time.Second
)

func (d *doctor) clock(app App) {
	clock, ok := app.API.Clock()
	if !ok {
		return
	}
	skew := clock.Local.Sub(clock.Server).Round(time.Second)
	text := fmt.Sprintf("this machine says %s, Tencent says %s", clock.Local.UTC().Format(time.DateTime), clock.Server.UTC().Format(time.DateTime))
	switch {
	case skew.Abs() > skewFail:
		d.add("clock", Fail, text, "set the clock of this machine by NTP: callbacks are refused if their time differs by more than --webhook.signature-window")
	case skew.Abs() > skewWarn:
		d.add("clock", Warn, text, "set the clock of this machine by NTP before callbacks are refused")
	default:
		d.add("clock", Pass, fmt.Sprintf("the clocks of this machine and Tencent differ by %s", skew.Abs()), "")
	}
}

func (d *doctor) tencentURL(theirs string) {
	switch {
	case d.o.URL == "":
		d.add("tencent_url", Skip, "whether Tencent's callback URL is ours: it is "+theirs, "give --url")
	case theirs != d.o.URL:
		d.add("tencent_url", Fail, fmt.Sprintf("Tencent calls %s, not %s", theirs, d.o.URL), "change it in the console, or with tuilivekit-exporter setup")
	default:
		d.add("tencent_url", Pass, "Tencent calls "+theirs, "")
	}
}

func (d *doctor) commands(app App, enabled []string) {
	var missing, decisions []string
	for _, c := range []tuilivekit.Command{tuilivekit.RoomCreated, tuilivekit.RoomDestroyed} {
		if !slices.Contains(enabled, c.String()) {
			missing = append(missing, c.String())
		}
	}
	for _, name := range enabled {
		if tuilivekit.IsDecision(name) && name != restapi.NotBlock {
			decisions = append(decisions, name)
		}
	}
	if threshold := tuilivekit.RoomThreshold.String(); !slices.Contains(enabled, threshold) {
		d.add("commands_threshold", Fail, threshold+" is not enabled, so nobody is told that the limit of rooms is near", "enable it in the console, or with tuilivekit-exporter setup")
	} else {
		d.add("commands_threshold", Pass, threshold+" is enabled", "")
	}
	if len(missing) > 0 {
		d.add("commands_rooms", Warn, strings.Join(missing, " and ")+" not enabled, so rooms are known only from the warning threshold on", "enable it in the console, or with tuilivekit-exporter setup")
	} else {
		d.add("commands_rooms", Pass, "the commands of rooms that open and close are enabled", "")
	}
	if len(decisions) > 0 && !app.Relay {
		d.add("commands_decisions", Fail, strings.Join(decisions, ", ")+" ask for a decision, and the application has no relay: everything is allowed", "set relay for the application, or disable them in the console")
	} else {
		d.add("commands_decisions", Pass, fmt.Sprintf("%d command(s) ask for a decision, and the application has a relay: %t", len(decisions), app.Relay), "")
	}
}

// Fingerprint returns a short hash of a secret, with which two secrets can be compared without
// showing them.
func Fingerprint(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:4])
}

func (d *doctor) token(ctx context.Context, app App) {
	const id = "tencent_token"
	theirs, err := app.API.CallbackToken(ctx)
	switch {
	case restapi.IsCode(err, restapi.CodeNoCallbackToken), err == nil && !theirs.Enabled:
		status, do := Fail, "set a token in the console, or with tuilivekit-exporter setup: the exporter refuses callbacks that are not signed"
		if app.AllowUnsigned {
			status, do = Warn, "set a token, then remove allow_unsigned: anyone who can reach the URL can set the counts"
		}
		d.add(id, status, "Tencent does not sign callbacks: there is no token, or it is switched off", do)
		return
	case err != nil:
		d.add(id, Fail, err.Error(), restapi.AdviceOf(err).Do)
		return
	}
	slot := 0
	for i, ours := range app.Tokens {
		same := subtle.ConstantTimeCompare([]byte(ours), []byte(theirs.Token))
		slot = subtle.ConstantTimeSelect(same, i+1, slot)
	}
	if slot == 0 {
		d.add(id, Fail, fmt.Sprintf("Tencent signs with a token (fingerprint %s) that is none of the configured ones, so every callback is refused", Fingerprint(theirs.Token)),
			"add that token to token_files and reload, or set one of yours with tuilivekit-exporter setup")
		return
	}
	d.add(id, Pass, fmt.Sprintf("Tencent signs with token %d (fingerprint %s)", slot, Fingerprint(theirs.Token)), "")
}

func (d *doctor) sources(ctx context.Context, app App) {
	const id = "sources"
	if len(d.o.AllowedSources) == 0 {
		d.add(id, Pass, "callbacks from all addresses are accepted", "")
		return
	}
	theirs, err := app.API.EgressAddresses(ctx)
	if err != nil || len(theirs) == 0 {
		text := "Tencent names none"
		if err != nil {
			text = err.Error()
		}
		d.add(id, Skip, "whether --webhook.allowed-sources has the addresses of Tencent: "+text, "")
		return
	}
	var outside []string
	for _, prefix := range theirs {
		if !slices.ContainsFunc(d.o.AllowedSources, func(a netip.Prefix) bool {
			return a.Bits() <= prefix.Bits() && a.Contains(prefix.Addr())
		}) {
			outside = append(outside, prefix.String())
		}
	}
	if len(outside) > 0 {
		d.add(id, Fail, "--webhook.allowed-sources does not have addresses from which Tencent's Chat sends callbacks: "+strings.Join(outside, ", "), "add them; whether Live uses the same ones is not documented, so see the refusals of reason source too")
		return
	}
	d.add(id, Pass, fmt.Sprintf("--webhook.allowed-sources has all %d networks from which Tencent's Chat sends callbacks", len(theirs)), "")
}

// answered compares the callbacks that were sent yesterday with those that were answered.
func (d *doctor) answered(ctx context.Context, app App) {
	const id = "answered"
	day, err := newestDay(ctx, app.API)
	if err != nil {
		d.add(id, Skip, "how many callbacks were answered: "+err.Error(), "")
		return
	}
	sent, errSent := strconv.ParseUint(day.CallbacksSent, 10, 64)
	answered, errAnswered := strconv.ParseUint(day.CallbacksAnswered, 10, 64)
	text := fmt.Sprintf("on %s Tencent's Chat sent %s callbacks, and %s were answered", day.Date, day.CallbacksSent, day.CallbacksAnswered)
	switch {
	case errSent != nil || errAnswered != nil:
		d.add(id, Skip, "how many callbacks were answered: Tencent does not say", "")
	case answered*100 < sent*99:
		d.add(id, Warn, text, "see tuilivekit_webhook_rejections_total; whether Live's callbacks are among them is not documented")
	default:
		d.add(id, Pass, text, "")
	}
}

// newestDay returns the newest day that Chat has counted.
func newestDay(ctx context.Context, api *restapi.Client) (restapi.Day, error) {
	days, err := api.Days(ctx)
	if err != nil {
		return restapi.Day{}, err
	}
	if len(days) == 0 {
		return restapi.Day{}, errors.New("no day is named")
	}
	return slices.MaxFunc(days, func(a, b restapi.Day) int { return strings.Compare(a.Date, b.Date) }), nil
}
