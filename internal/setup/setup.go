// Package setup changes Tencent's callback configuration of an application so that callbacks
// go to the exporter. Tencent has one URL, one list of commands and one token for an
// application and replaces each as a whole, so a wrong write cuts off the application's
// backend. The package therefore makes a plan first, which can be shown, refuses what would
// take something away, and keeps what was there before.
package setup

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// API is the part of the server API that the package uses. *restapi.Client implements it.
type API interface {
	Callback(context.Context) (restapi.Callback, error)
	SetCallback(context.Context, restapi.Callback) error
	UpdateCallback(context.Context, restapi.Callback) error
	CallbackToken(context.Context) (restapi.CallbackToken, error)
	SetCallbackToken(context.Context, restapi.CallbackToken) error
}

// Want is the wanted configuration at Tencent.
type Want struct {
	AppID string
	// URL is the callback URL of the exporter.
	URL string
	// Tokens are the tokens of the exporter. If Tencent's token must be replaced, the first one is
	// set. Without tokens, callbacks need no signature.
	Tokens []string
	// Relay is the URL of the backend to which the exporter relays callbacks, empty without a
	// relay.
	Relay string
	// TakeURL allows to replace the URL of another backend.
	TakeURL bool
	// ReplaceToken allows to replace a token that the exporter does not have.
	ReplaceToken bool
}

// Commands are the commands that setup adds to Tencent's list. None of them asks for a decision.
var Commands = []string{tuilivekit.RoomThreshold.String(), tuilivekit.RoomCreated.String(), tuilivekit.RoomDestroyed.String()}

func isDecision(command string) bool {
	return tuilivekit.IsDecision(command) && command != restapi.NotBlock
}

// State is the configuration at Tencent. It contains a secret, the token.
type State struct {
	// Callback is nil if there is none.
	Callback *restapi.Callback
	// Token is nil if there is none.
	Token *restapi.CallbackToken
}

// Read reads the configuration at Tencent.
func Read(ctx context.Context, api API) (State, error) {
	var s State
	callback, err := api.Callback(ctx)
	switch {
	case err == nil:
		s.Callback = &callback
	case !restapi.IsCode(err, restapi.CodeNoCallback):
		return State{}, err
	}
	token, err := api.CallbackToken(ctx)
	switch {
	case err == nil:
		s.Token = &token
	case !restapi.IsCode(err, restapi.CodeNoCallbackToken):
		return State{}, err
	}
	return s, nil
}

// Plan is a set of changes.
type Plan struct {
	Old State
	// Callback and Token are the values to write, nil if the value at Tencent stays.
	Callback *restapi.Callback
	Token    *restapi.CallbackToken
	// Notes are for the operator to read before the plan is applied.
	Notes []string
}

// Empty reports whether the plan changes nothing.
func (p Plan) Empty() bool { return p.Callback == nil && p.Token == nil }

// Refusal is the error of a change that setup makes only with a flag.
type Refusal struct{ Problem, Do string }

func (r *Refusal) Error() string { return r.Problem + ": " + r.Do }

// Make returns the plan that changes old to want, or a *Refusal.
func Make(old State, want Want) (Plan, error) {
	p := Plan{Old: old}
	if err := p.planCallback(want); err != nil {
		return Plan{}, err
	}
	return p, p.planToken(want)
}

func (p *Plan) planCallback(want Want) error {
	next := restapi.Callback{URL: want.URL}
	if old := p.Old.Callback; old != nil {
		if old.URL != want.URL && old.URL != want.Relay && !want.TakeURL {
			return &Refusal{
				fmt.Sprintf("Tencent sends the callbacks to %s, which would get none any more", old.URL),
				"set relay.url of the application to exactly that URL, so that the exporter passes them on, or give --take-url",
			}
		}
		next.Commands = slices.Clone(old.Commands)
		if want.Relay == "" && slices.ContainsFunc(old.Commands, isDecision) {
			p.Notes = append(p.Notes, "the list has commands that ask for a decision and the application has no relay: the exporter allows everything")
		}
	}
	for _, command := range Commands {
		if !slices.Contains(next.Commands, command) {
			next.Commands = append(next.Commands, command)
		}
	}
	if p.Old.Callback == nil || p.Old.Callback.URL != next.URL || len(p.Old.Callback.Commands) != len(next.Commands) {
		p.Callback = &next
	}
	return nil
}

func (p *Plan) planToken(want Want) error {
	old := p.Old.Token
	if len(want.Tokens) == 0 {
		p.Notes = append(p.Notes, "the exporter has no token for the application (allow_unsigned), so the token stays as it is")
		return nil
	}
	enabled := old != nil && old.Enabled
	if enabled {
		known := 0
		for _, token := range want.Tokens {
			known |= subtle.ConstantTimeCompare([]byte(token), []byte(old.Token))
		}
		if known == 1 {
			return nil
		}
		if !want.ReplaceToken {
			return &Refusal{
				"Tencent signs with a token that the exporter does not have, and who else checks it would refuse another one",
				"add that token to token_files (the console shows it) and reload, or give --replace-token",
			}
		}
	}
	p.Token = &restapi.CallbackToken{Token: want.Tokens[0], Enabled: true}
	if want.Relay != "" {
		p.Notes = append(p.Notes, "the backend of the relay gets callbacks signed with the new token: it must accept that token, or check none")
	}
	return nil
}

// Write writes the plan for people. fingerprint returns the text to show for a token.
func (p Plan) Write(w io.Writer, fingerprint func(string) string) error {
	var b strings.Builder
	line := func(mark, name, value string) { fmt.Fprintf(&b, "%s %-13s %s\n", mark, name, value) }
	old := restapi.Callback{}
	if p.Old.Callback != nil {
		old = *p.Old.Callback
	}
	next := old
	if p.Callback != nil {
		next = *p.Callback
	}
	if old.URL == next.URL {
		line(" ", "callback URL", old.URL)
	} else {
		if old.URL != "" {
			line("-", "callback URL", old.URL)
		}
		line("+", "callback URL", next.URL)
	}
	for _, command := range next.Commands {
		mark := " "
		if !slices.Contains(old.Commands, command) {
			mark = "+"
		}
		line(mark, "command", command)
	}
	token := func(t *restapi.CallbackToken) string {
		switch {
		case t == nil || t.Token == "":
			return "none"
		case !t.Enabled:
			return "fingerprint " + fingerprint(t.Token) + ", switched off"
		}
		return "fingerprint " + fingerprint(t.Token)
	}
	if p.Token == nil {
		line(" ", "token", token(p.Old.Token))
	} else {
		line("-", "token", token(p.Old.Token))
		line("+", "token", token(p.Token))
	}
	for _, note := range p.Notes {
		fmt.Fprintln(&b, "note:", note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Apply writes the plan, and reads the configuration back. It writes the URL first: a URL takes effect
// after about two minutes, a token at once, so the exporter never gets callbacks that it refuses. If
// Apply fails, the changes that it has written stay.
func (p Plan) Apply(ctx context.Context, api API) error {
	if p.Callback != nil {
		write := api.UpdateCallback
		if p.Old.Callback == nil {
			write = api.SetCallback
		}
		if err := write(ctx, *p.Callback); err != nil {
			return fmt.Errorf("nothing was written: %w", err)
		}
	}
	if p.Token != nil {
		if err := api.SetCallbackToken(ctx, *p.Token); err != nil {
			return fmt.Errorf("the token was not written; the callback URL and the commands are as planned: %w", err)
		}
	}
	now, err := Read(ctx, api)
	if err != nil {
		return fmt.Errorf("written, and not read back: %w", err)
	}
	if p.Callback != nil && (now.Callback == nil || now.Callback.URL != p.Callback.URL || !slices.Equal(now.Callback.Commands, p.Callback.Commands)) {
		return errors.New("the callback URL and the commands that were written are not those that Tencent has now")
	}
	if p.Token != nil && (now.Token == nil || *now.Token != *p.Token) {
		return errors.New("the token that was written is not the one that Tencent has now")
	}
	return nil
}

// Restore returns the plan that changes now to before.
func Restore(now, before State) (Plan, error) {
	p := Plan{Old: now}
	switch {
	case before.Callback == nil && now.Callback != nil:
		return Plan{}, &Refusal{"there was no callback URL", "remove it in the console"}
	case before.Callback != nil && (now.Callback == nil || now.Callback.URL != before.Callback.URL || !slices.Equal(now.Callback.Commands, before.Callback.Commands)):
		p.Callback = before.Callback
	}
	if before.Token == nil && now.Token != nil && now.Token.Enabled {
		p.Token = &restapi.CallbackToken{Token: now.Token.Token, Enabled: false}
	} else if before.Token != nil && (now.Token == nil || *now.Token != *before.Token) {
		p.Token = before.Token
	}
	return p, nil
}
