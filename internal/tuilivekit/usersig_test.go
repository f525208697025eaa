package tuilivekit

import (
	"strings"
	"testing"
	"time"
)

// exampleKey is the example key of Tencent's documents.
const exampleKey = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e"

var exampleTime = time.Unix(1700000000, 0)

// The signatures were computed by another implementation; the first one was accepted by
// Tencent's own verifier.
func TestUserSigVectors(t *testing.T) {
	for _, tc := range []struct {
		name, identifier string
		validity         time.Duration
		want             string
	}{
		{"administrator for a day", "administrator", 86400 * time.Second, "yLAe+w7WUeUuqbV9h/TX78u21oTGi+i9Zp1u3PpnY60="},
		{"user for 180 days", "xiaojun", 15552000 * time.Second, "LvA7d/Iw7gSsnskvVzBDPOCCDbuNCw4GHwTC0bip+B4="},
		{"identifier that JSON escapes", `adm"in<é>`, 86400 * time.Second, "dEyZgdT1D4U4KjcMHPIuoh0UCISLQ/L0agM9IXUewD0="},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := userSigDocument{Identifier: tc.identifier, AppID: "1400000000", Time: exampleTime.Unix(), Expire: int64(tc.validity / time.Second)}
			if got := d.sign(exampleKey); got != tc.want {
				t.Errorf("TLS.sig is %s, want %s", got, tc.want)
			}
			sig := UserSig("1400000000", tc.identifier, exampleKey, exampleTime, tc.validity)
			got, err := ParseUserSig(sig)
			want := UserSigInfo{"1400000000", tc.identifier, exampleTime, exampleTime.Add(tc.validity)}
			if err != nil || got != want {
				t.Errorf("it reads as %v (%v), want %v", got, err, want)
			}
			if !VerifyUserSig(sig, exampleKey) || VerifyUserSig(sig, exampleKey[1:]) {
				t.Error("it is not verified by its key alone")
			}
			if i := strings.IndexFunc(sig, func(r rune) bool { return !strings.ContainsRune("*-_", r) && (r < '0' || r > 'z') }); i >= 0 {
				t.Errorf("%q needs escaping in a URL", sig[i])
			}
		})
	}
}

// foreignUserSig was made by another implementation, from the values of the first vector.
const foreignUserSig = "eJyrVgrxCdYrSy1SslIy0jNQ0gHzM1NS80oy0zLBwokpuZl5mcUlRYkl*UVQBcUp2YkFBZkpSlaGJgZQAJFJrSjILEpVsrIwM4EJlWTmAgUMzVEVFmemAw2v9HFM1S43Dw9NDS0tTAqzzNAPiTC3KDUyzA9xz9TOtIwqMCw1DijIizQzsFWqBQC8iDOS"

func TestUserSigOfAnotherImplementation(t *testing.T) {
	got, err := ParseUserSig(foreignUserSig)
	if want := (UserSigInfo{"1400000000", "administrator", exampleTime, exampleTime.Add(86400 * time.Second)}); err != nil || got != want {
		t.Errorf("it reads as %v (%v), want %v", got, err, want)
	}
	if !VerifyUserSig(foreignUserSig, exampleKey) {
		t.Error("its signature is not that of the vector")
	}
}

func TestParseUserSigRefuses(t *testing.T) {
	good := UserSig("1", "administrator", "k", exampleTime, time.Hour)
	for name, sig := range map[string]string{
		"nothing": "", "text": "administrator", "a character of plain base64": "+" + good[1:], "half": good[:len(good)/8*4],
		"a long text": strings.Repeat("A", maxUserSig+1), "base64 of text": userSigEncoding.EncodeToString([]byte("administrator")),
	} {
		if info, err := ParseUserSig(sig); err == nil {
			t.Errorf("%s reads as %v", name, info)
		} else if len(sig) > 8 && strings.Contains(err.Error(), sig) {
			t.Errorf("%s: the error shows it: %v", name, err)
		}
		if VerifyUserSig(sig, "k") {
			t.Errorf("%s is verified", name)
		}
	}
}

func FuzzParseUserSig(f *testing.F) {
	f.Add(foreignUserSig)
	f.Add(UserSig("1", "a", "k", exampleTime, time.Hour))
	f.Add("")
	f.Fuzz(func(t *testing.T, sig string) {
		if info, err := ParseUserSig(sig); err == nil && info.Expires.Before(info.Issued) {
			t.Errorf("%v expires before it is issued", info)
		}
	})
}
