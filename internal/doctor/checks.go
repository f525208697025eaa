package doctor

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// Status is the result of a check.
type Status string

// The results of checks. The detail of a Skip says what the check needs.
const (
	Pass Status = "pass"
	Warn Status = "warn"
	Fail Status = "fail"
	Skip Status = "skip"
)

// The groups of checks.
const (
	Machine    = "This machine"
	PublicURL  = "Callback URL"
	Tencent    = "Tencent"
	Monitoring = "Monitoring"
)

// Check is one check and its result. It contains no secrets.
type Check struct {
	// ID is the name of the kind of check. It is stable.
	ID string `json:"id"`
	// Group is the group of the check.
	Group string `json:"group"`
	// AppID is the SDKAppID that the check is about, empty if it is about all.
	AppID string `json:"sdk_app_id,omitempty"`
	// Status is the result.
	Status Status `json:"status"`
	// Detail says what the check found.
	Detail string `json:"detail"`
	// Do says what the operator should do, empty if there is nothing to do.
	Do string `json:"do,omitempty"`
}

// doctor collects the checks of one Run.
type doctor struct {
	o      Options
	http   *http.Client // for this machine and the monitoring
	group  string
	app    string
	checks []Check
}

func (d *doctor) add(id string, status Status, detail, do string) {
	if status == Pass {
		do = ""
	}
	d.checks = append(d.checks, Check{ID: id, Group: d.group, AppID: d.app, Status: status, Detail: detail, Do: do})
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Failed reports whether a check has failed.
func Failed(checks []Check) bool {
	for _, c := range checks {
		if c.Status == Fail {
			return true
		}
	}
	return false
}

// get returns the answer of an HTTP server of the operator, up to 4 MiB.
func (d *doctor) get(ctx context.Context, url string) (code int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, errors.New("not a URL")
	}
	resp, err := d.http.Do(req)
	if err != nil {
		return 0, nil, withoutURL(err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	return resp.StatusCode, body, err
}
