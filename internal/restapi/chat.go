package restapi

import (
	"context"
	"net/netip"
)

// The calls of this file are calls of Chat, which Live is built on.

// EgressAddresses returns the addresses from which Chat sends callbacks (GetIPList, nettypes
// 5 and 6). Whether callbacks of Live come from the same addresses is not documented. Entries that are
// neither an address nor a network are left out.
func (c *Client) EgressAddresses(ctx context.Context) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, nettype := range []string{"5", "6"} { // mainland China, elsewhere
		var answer struct{ IPList []string }
		if err := c.call(ctx, "ConfigSvc/GetIPList", "&nettype="+nettype, true, struct{}{}, &answer); err != nil {
			return nil, err
		}
		for _, text := range answer.IPList {
			if prefix, err := netip.ParsePrefix(text); err == nil {
				all = append(all, prefix)
			} else if addr, err := netip.ParseAddr(text); err == nil {
				all = append(all, netip.PrefixFrom(addr, addr.BitLen()))
			}
		}
	}
	return all, nil
}

// Day has the counts of Chat of one day.
type Day struct {
	Date              string // as Chat writes it, 20260131
	CallbacksSent     string // decimal, empty if Chat does not say
	CallbacksAnswered string
}

// Days returns the counts of Chat of the last 30 days, in the order of the answer (getappinfo).
func (c *Client) Days(ctx context.Context) ([]Day, error) {
	var answer struct {
		Result []struct{ Date, CallBackReq, CallBackRsp string }
	}
	err := c.call(ctx, "openconfigsvr/getappinfo", "", true, struct {
		RequestField []string
	}{[]string{"Date", "CallBackReq", "CallBackRsp"}}, &answer)
	if err != nil {
		return nil, err
	}
	var days []Day
	for _, r := range answer.Result {
		days = append(days, Day{r.Date, r.CallBackReq, r.CallBackRsp})
	}
	return days, nil
}

// Groups returns the number of groups of a type, or of all types if groupType is empty
// (get_appid_group_list, one call a second). Whether Chat knows the type Live, which
// callbacks of messages show, is not documented.
func (c *Client) Groups(ctx context.Context, groupType string) (int64, error) {
	var answer struct{ TotalCount *int64 }
	err := c.call(ctx, "group_open_http_svc/get_appid_group_list", "", true, struct {
		Limit     int
		Next      uint64
		GroupType string `json:",omitempty"`
	}{1, 0, groupType}, &answer)
	if err != nil {
		return 0, err
	}
	if answer.TotalCount == nil {
		return 0, &TransportError{Call: "group_open_http_svc/get_appid_group_list", Host: c.o.Host, Fault: NotTencent, Detail: "the answer has no TotalCount"}
	}
	return *answer.TotalCount, nil
}
