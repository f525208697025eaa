package restapi

import "context"

// NotBlock is an option in the list of commands, not a command: with it a gift is sent whatever the
// answer to its callback is.
const NotBlock = "Live.CallbackBeforeCallBackNotBlock"

// Callback is the callback configuration of an application: the URL and the commands.
type Callback struct {
	URL      string   `json:"Url"`
	Commands []string `json:"CallbackCommandList"`
}

// Callback returns the callback configuration of the application (get_callback, 200 calls a
// second). It fails with CodeNoCallback if there is none.
func (c *Client) Callback(ctx context.Context) (Callback, error) {
	const name = "live_config/get_callback"
	var answer struct{ Response *Callback }
	if err := c.call(ctx, name, "", true, struct{}{}, &answer); err != nil {
		return Callback{}, err
	}
	if answer.Response == nil || answer.Response.URL == "" {
		return Callback{}, &TransportError{Call: name, Host: c.o.Host, Fault: NotTencent, Detail: "the answer has no Url"}
	}
	return *answer.Response, nil
}

// SetCallback makes the first callback configuration (set_callback). It fails with
// CodeCallbackExists if there is one already.
func (c *Client) SetCallback(ctx context.Context, callback Callback) error {
	return c.call(ctx, "live_config/set_callback", "", false, callback, nil)
}

// UpdateCallback replaces the callback configuration, the whole list of commands too
// (update_callback). It fails with CodeNoCallback if there is none. A new URL takes effect
// after some two minutes.
func (c *Client) UpdateCallback(ctx context.Context, callback Callback) error {
	return c.call(ctx, "live_config/update_callback", "", false, callback, nil)
}

// CallbackToken is the token with which Tencent signs callbacks. Token is a secret.
type CallbackToken struct {
	Token   string
	Enabled bool `json:"IsTokenEnable"`
}

// CallbackToken returns the callback token (get_callback_token, 200 calls a second). It fails
// with CodeNoCallbackToken if there is none.
func (c *Client) CallbackToken(ctx context.Context) (CallbackToken, error) {
	const name = "live_config/get_callback_token"
	var answer struct{ Response *CallbackToken }
	if err := c.call(ctx, name, "", true, struct{}{}, &answer); err != nil {
		return CallbackToken{}, err
	}
	if answer.Response == nil {
		return CallbackToken{}, &TransportError{Call: name, Host: c.o.Host, Fault: NotTencent, Detail: "the answer has no Response"}
	}
	return *answer.Response, nil
}

// SetCallbackToken replaces the callback token (set_callback_token). It takes effect at once:
// the receiver of the callbacks must accept the new token before that.
func (c *Client) SetCallbackToken(ctx context.Context, token CallbackToken) error {
	return c.call(ctx, "live_config/set_callback_token", "", false, token, nil)
}
