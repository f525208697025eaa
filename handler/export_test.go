package handler

import (
	"fmt"
	"net/http"
	"strings"
)

// NewWithReason returns a Callback with one more reason, whose label is teapot; a handler that
// refuses every request for this reason; and the document of the reasons.
func NewWithReason(o Options) (c *Callback, refused http.Handler, document string, err error) {
	rs := reasons{list: append([]*reason(nil), table.list...)}
	teapot := rs.add(reason{
		label: "teapot", status: http.StatusTeapot, text: "short and stout", retryAfter: "9",
		title: "Not a coffee machine", check: "Ask a coffee machine.",
	})
	if c, err = newCallback(o, rs); err != nil {
		return nil, nil, "", err
	}
	refused = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.refuse(w, r, refuse(teapot)).write(w) })
	return c, refused, Document(rs), nil
}

// AllReasons are the reasons of the package.
var AllReasons = &table

// Document returns the text of docs/refusals.md.
func Document(rs reasons) string {
	var b strings.Builder
	b.WriteString(`# Refused requests

` + "`make docs`" + ` generates this page from the code.

If the webhook listener refuses a request, it counts it in ` + "`tuilivekit_webhook_rejections_total{reason}`" + `, logs it and
shows it on the status page. The log has at most one line in five seconds for each reason, with the number of lines
left out. The sender gets the status and a constant text, never the reason why its signature is wrong.

| reason | status | what | what to check |
|---|---|---|---|
`)
	for _, r := range rs.list {
		status := fmt.Sprint(r.status)
		if r.status == 0 {
			status = "closed"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.label, status, r.title, r.check)
	}
	return b.String()
}
