package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// SelfTestResult is the result of a self-test.
type SelfTestResult struct {
	// Accepted is whether an exporter has answered and accepts the token.
	Accepted bool
	// Answered is whether a server has answered.
	Answered bool
	// If the token was not accepted, Detail is the failure as Tencent would have seen it, and Do
	// says what to do about it. They contain neither token nor signature.
	Detail, Do string
}

// SelfTest sends a signed self-test to the callback URL target. An exporter neither counts nor relays
// it.
func SelfTest(ctx context.Context, client *http.Client, target, appID, token string) SelfTestResult {
	now := strconv.FormatInt(time.Now().Unix(), 10)
	query := "?SdkAppid=" + url.QueryEscape(appID) + "&CallbackCommand=" + tuilivekit.SelfTest + "&contenttype=json"
	if token != "" {
		query += "&Sign=" + tuilivekit.Sign(token, now) + "&RequestTime=" + now
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target+query, strings.NewReader("{}"))
	if err != nil {
		return SelfTestResult{Detail: "it is not a URL"}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return explainNoAnswer(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return explainNoAnswer(err)
	}
	return judgeSelfTest(resp.StatusCode, body)
}

// judgeSelfTest returns the result of an answer.
func judgeSelfTest(code int, body []byte) SelfTestResult {
	var a tuilivekit.Answer
	ours := json.Unmarshal(body, &a) == nil && a.ActionStatus != ""
	r := SelfTestResult{Answered: true, Detail: "the answer has the HTTP status " + strconv.Itoa(code)}
	switch {
	case code == http.StatusOK && ours && a.ErrorInfo == tuilivekit.SelfTestInfo:
		return SelfTestResult{Accepted: true, Answered: true}
	case code == http.StatusOK:
		r.Detail = "another program than the exporter answers"
		r.Do = "let the URL end at the webhook listener of the exporter; the application's backend gets its callbacks by a relay"
	case code >= 300 && code < 400:
		r.Do = "give the URL to which the redirect leads: Tencent follows none"
	case code == http.StatusUnauthorized && ours:
		r.Detail = "the exporter does not accept the signature"
		r.Do = "reload the exporter if the token is new to it, and check the clocks of both machines"
	case code == http.StatusForbidden && ours:
		r.Detail = "the exporter does not have the application, or does not allow this machine's address"
		r.Do = "reload the exporter if the application is new to it; see --webhook.allowed-sources"
	case code == http.StatusNotFound:
		r.Do = "let the path of the URL be that of --webhook.path"
	case code == http.StatusMethodNotAllowed, code == http.StatusUnauthorized, code == http.StatusForbidden:
		r.Do = "let the proxy before the exporter pass POST requests on as they are, without a password"
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		r.Do = "see the log of the exporter: it is overloaded, stops, or cannot write to its storage"
	case code >= 500:
		r.Do = "see the log of the proxy before the exporter: the exporter does not answer it"
	}
	return r
}

// explainNoAnswer returns the result of a request without an answer, in the words of Tencent's list
// of failures.
func explainNoAnswer(err error) SelfTestResult {
	var network net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return SelfTestResult{Detail: "access denied: the connection is refused", Do: "start what listens there, and check the port"}
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return SelfTestResult{Detail: "access to the URL times out", Do: "check the firewall before the host"}
	}
	return SelfTestResult{Detail: "access to the URL fails: " + withoutURL(err).Error(), Do: "check what listens there"}
}

// withoutURL removes the URL of a request from its error: it may have a signature.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
