package restapi

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

func TestUserSigIsKeptForHalfItsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{AppID: "1400000001", Identifier: "administrator", SecretKey: "k"})
		first := c.userSig()
		info, err := tuilivekit.ParseUserSig(first)
		if err != nil || info.Expires.Sub(info.Issued) != time.Hour {
			t.Errorf("%v (%v), want an hour", info, err)
		}
		time.Sleep(30*time.Minute - time.Nanosecond)
		if c.userSig() != first {
			t.Error("renewed before half of its life")
		}
		time.Sleep(time.Nanosecond)
		second := c.userSig()
		if second == first {
			t.Error("not renewed at half of its life")
		}
		if info, err := tuilivekit.ParseUserSig(second); err != nil || time.Until(info.Expires) != time.Hour {
			t.Errorf("the second one is valid until %v (%v)", info.Expires, err)
		}
	})
}

func TestUserSigThatWasMadeElsewhere(t *testing.T) {
	c := New(Options{AppID: "1400000001", Identifier: "administrator", UserSig: "ready"})
	if got := c.userSig(); got != "ready" {
		t.Errorf("%q is sent", got)
	}
}

// Nothing but the environment that was asked for decides where the UserSig goes.
func TestProxyOnlyIfAsked(t *testing.T) {
	if New(Options{}).transport.Proxy != nil {
		t.Error("a proxy is used unasked")
	}
	if New(Options{ProxyFromEnvironment: true}).transport.Proxy == nil {
		t.Error("no proxy is used")
	}
}
