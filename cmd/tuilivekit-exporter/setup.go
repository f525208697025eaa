package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/doctor"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/setup"
)

// setupCommand are the flags of setup.
type setupCommand struct {
	configFile   string
	app          string
	url          string
	externalURL  string
	selfTestURL  string
	takeURL      bool
	replaceToken bool
	apply        bool
	backupFolder string
	restore      string
}

func (c *setupCommand) register(cmd *kingpin.CmdClause) {
	cmd.Flag("config.file", "YAML file with the applications.").Required().PlaceHolder("FILE").StringVar(&c.configFile)
	cmd.Flag("app", "SDKAppID of the application to set up.").Required().PlaceHolder("SDKAPPID").NoEnvar().StringVar(&c.app)
	cmd.Flag("url", "Callback URL that Tencent is to call, by default that of --webhook.external-url.").PlaceHolder("URL").NoEnvar().StringVar(&c.url)
	cmd.Flag("webhook.external-url", "Callback URL of the exporter, as serve has it.").PlaceHolder("URL").StringVar(&c.externalURL)
	cmd.Flag("self-test-url", "Callback URL of the running exporter as this machine reaches it, by default that of --url.").PlaceHolder("URL").NoEnvar().StringVar(&c.selfTestURL)
	cmd.Flag("take-url", "Replace the URL of a backend that the application has no relay to.").NoEnvar().BoolVar(&c.takeURL)
	cmd.Flag("replace-token", "Replace a token that the exporter does not have.").NoEnvar().BoolVar(&c.replaceToken)
	cmd.Flag("apply", "Write the difference. Without it, setup only shows it.").NoEnvar().BoolVar(&c.apply)
	cmd.Flag("backup-folder", "Folder for the backup of the previous settings of Tencent.").Default(".").NoEnvar().StringVar(&c.backupFolder)
	cmd.Flag("restore", "Backup of setup. Show the difference to it, or with --apply restore it.").PlaceHolder("FILE").NoEnvar().StringVar(&c.restore)
}

// run shows the difference, and writes it with --apply.
func (c *setupCommand) run(ctx context.Context, stdout io.Writer) error {
	if c.restore == "" {
		c.url = cmp.Or(c.url, c.externalURL)
	}
	if (c.url == "") == (c.restore == "") {
		return errors.New("--url or --webhook.external-url: required, unless --restore is given")
	}
	cfg, _, err := config.Load(c.configFile)
	if err != nil {
		return err
	}
	for _, app := range cfg.Apps {
		if string(app.SDKAppID) != c.app {
			continue
		}
		api := newAPIClient(app)
		if api == nil {
			return fmt.Errorf("--app: application %s has no api credentials in %s", c.app, c.configFile)
		}
		defer api.Close()
		plan, err := c.plan(ctx, app, api)
		if err != nil {
			return err
		}
		return c.carryOut(ctx, stdout, api, plan)
	}
	return fmt.Errorf("--app: application %s is not in %s", c.app, c.configFile)
}

// plan makes the plan. It fails unless the exporter at the URL accepts the token that Tencent will
// sign with.
func (c *setupCommand) plan(ctx context.Context, app config.App, api *restapi.Client) (setup.Plan, error) {
	now, err := setup.Read(ctx, api)
	if err != nil {
		return setup.Plan{}, withAdvice(err)
	}
	if c.restore != "" {
		before, err := setup.Load(c.restore, c.app)
		if err != nil {
			return setup.Plan{}, fmt.Errorf("--restore: %w", err)
		}
		return setup.Restore(now, before)
	}
	want := setup.Want{AppID: c.app, URL: c.url, TakeURL: c.takeURL, ReplaceToken: c.replaceToken}
	for _, token := range app.Tokens {
		want.Tokens = append(want.Tokens, token.Reveal())
	}
	if app.Relay != nil {
		want.Relay = app.Relay.URL
	}
	plan, err := setup.Make(now, want)
	if err != nil || plan.Empty() {
		return plan, err
	}
	token := ""
	switch {
	case plan.Token != nil:
		token = plan.Token.Token
	case now.Token != nil && now.Token.Enabled:
		token = now.Token.Token
	}
	client := &http.Client{
		Timeout: 10 * time.Second, Transport: &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	target := cmp.Or(c.selfTestURL, c.url)
	if r := doctor.SelfTest(ctx, client, target, c.app, token); !r.Accepted {
		return setup.Plan{}, fmt.Errorf("nothing was written: the exporter at %s has not shown that it accepts the token: %s: %s; if only this machine cannot reach the URL, give --self-test-url", target, r.Detail, r.Do)
	}
	return plan, nil
}

func (c *setupCommand) carryOut(ctx context.Context, stdout io.Writer, api *restapi.Client, plan setup.Plan) error {
	fmt.Fprintf(stdout, "Tencent's configuration of application %s at %s:\n", c.app, api.Host())
	if err := plan.Write(stdout, doctor.Fingerprint); err != nil {
		return err
	}
	switch {
	case plan.Empty():
		fmt.Fprintln(stdout, "Nothing to change.")
		return nil
	case !c.apply:
		fmt.Fprintln(stdout, "Nothing was written. Set --apply to write the lines that are marked with +.")
		return nil
	}
	name, err := setup.Save(c.backupFolder, c.app, plan.Old)
	if err != nil {
		return fmt.Errorf("--backup-folder: nothing was written: %w", err)
	}
	fmt.Fprintf(stdout, "The previous settings are in %s, which contains the token. To restore them:\n  tuilivekit-exporter setup --config.file=%s --app=%s --restore=%s --apply\n", name, c.configFile, c.app, name)
	if err := plan.Apply(ctx, api); err != nil {
		return withAdvice(err)
	}
	fmt.Fprintln(stdout, "Written. A new URL takes effect after about two minutes.")
	return nil
}

// withAdvice adds advice to an error of the server API.
func withAdvice(err error) error {
	if do := restapi.AdviceOf(err).Do; do != "" {
		return fmt.Errorf("%w: %s", err, do)
	}
	return err
}
