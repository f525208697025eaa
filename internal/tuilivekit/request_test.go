package tuilivekit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"strings"
	"testing"
)

// The vector of "Webhooks Overview", authentication.
const (
	vectorToken = "xxxxyyyy"
	vectorTime  = "1669872112"
	vectorSign  = "17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061"
)

func TestSignIsTheDocumentedOne(t *testing.T) {
	if got := Sign(vectorToken, vectorTime); got != vectorSign {
		t.Errorf("got %s, want %s", got, vectorSign)
	}
}

func TestSigner(t *testing.T) {
	tokens := []string{"old", vectorToken, "next"}
	for _, tc := range []struct {
		name, time, sign string
		want             int
	}{
		{"the documented vector", vectorTime, vectorSign, 1},
		{"the first token", vectorTime, Sign("old", vectorTime), 0},
		{"the last token", vectorTime, Sign("next", vectorTime), 2},
		{"upper case", vectorTime, strings.ToUpper(vectorSign), 1},
		{"another token", vectorTime, Sign("stranger", vectorTime), -1},
		{"no token", vectorTime, Sign("", vectorTime), -1},
		{"another time", "1669872113", vectorSign, -1},
		{"a time moved into the token", "669872112", vectorSign, -1},
		{"no time", "", vectorSign, -1},
		{"a long time", strings.Repeat("1", 200), Sign(vectorToken, ""), -1},
		{"no signature", vectorTime, "", -1},
		{"a short one", vectorTime, vectorSign[:63], -1},
		{"a long one", vectorTime, vectorSign + "0", -1},
		{"not hexadecimal", vectorTime, "g" + vectorSign[1:], -1},
		{"zeros", vectorTime, strings.Repeat("0", 64), -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Signer(tokens, tc.time, tc.sign); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

func TestSignerWithTheLongestToken(t *testing.T) {
	token, now := strings.Repeat("t", MaxTokenLength), strings.Repeat("9", maxRequestTimeLength)
	if got := Signer([]string{token}, now, Sign(token, now)); got != 0 {
		t.Errorf("got %d", got)
	}
}

func FuzzSigner(f *testing.F) {
	f.Add(vectorToken, vectorTime, vectorSign)
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, token, requestTime, sign string) {
		sum := sha256.Sum256([]byte(token + requestTime))
		want := -1
		if len(requestTime) <= maxRequestTimeLength && strings.EqualFold(sign, hex.EncodeToString(sum[:])) && len(sign) == 64 {
			want = 0
		}
		if got := Signer([]string{token}, requestTime, sign); got != want {
			t.Fatalf("Signer(%q, %q, %q) = %d, want %d", token, requestTime, sign, got, want)
		}
		if n, ok := ParseRequestTime(requestTime); ok && n < 0 {
			t.Fatalf("ParseRequestTime(%q) = %d", requestTime, n)
		}
	})
}

func TestParseRequestTime(t *testing.T) {
	for s, want := range map[string]int64{vectorTime: 1669872112, "0": 0, "999999999999999999": 999999999999999999} {
		if got, ok := ParseRequestTime(s); !ok || got != want {
			t.Errorf("%q: got %d, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", " 1", "1 ", "+1", "-1", "1.0", "1e9", "0x1", "1234567890123456789", "١"} {
		if got, ok := ParseRequestTime(s); ok {
			t.Errorf("%q: got %d", s, got)
		}
	}
}

func TestParseQuery(t *testing.T) {
	want := Query{AppID: "1400000001", Command: "a.b", Sign: "ab", RequestTime: "7"}
	for _, raw := range []string{
		"SdkAppid=1400000001&CallbackCommand=a.b&contenttype=json&ClientIP=1.2.3.4&OptPlatform=iOS&Sign=ab&RequestTime=7",
		"RequestTime=7&Sign=ab&SDKAppID=1400000001&WebhookCommand=a.b",
		"sdkappid=1400000001&callbackcommand=a.b&SIGN=ab&requesttime=7",
		"&&SdkAppId=1400000001&CallbackCommand=a%2Eb&Sign=ab&Request%54ime=7&x&=y&",
	} {
		got, err := ParseQuery(raw)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v", raw, got, err)
		}
	}
	for _, raw := range []string{
		"SdkAppid=1&SdkAppid=1", "SdkAppid=1&sdkappID=2", "Sign=a&sign=b", "RequestTime=1&RequestTime=1",
		"CallbackCommand=a&WebhookCommand=a", "SdkAppid=&SdkAppid=", "SdkAppid=%zz", "x=%", "%=1",
	} {
		if got, err := ParseQuery(raw); !errors.Is(err, ErrQuery) {
			t.Errorf("%s: got %+v, %v", raw, got, err)
		}
	}
}

// FuzzParseQuery holds ParseQuery against net/url for the queries that both take.
func FuzzParseQuery(f *testing.F) {
	f.Add("SdkAppid=1400000001&CallbackCommand=a.b&Sign=ab&RequestTime=7")
	f.Add("sdkappid=%31&+=%20&&=")
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := ParseQuery(raw)
		values, stdErr := url.ParseQuery(raw)
		if stdErr != nil || err != nil {
			if stdErr != nil && err == nil && !strings.Contains(raw, ";") {
				t.Fatalf("accepted %q: %v", raw, stdErr)
			}
			return
		}
		all := map[string]string{}
		for key, vs := range values {
			for _, name := range []string{"sdkappid", "sign", "requesttime"} {
				if strings.EqualFold(key, name) {
					all[name] = vs[0]
				}
			}
		}
		if got.AppID != all["sdkappid"] || got.Sign != all["sign"] || got.RequestTime != all["requesttime"] {
			t.Fatalf("%q: got %+v, want %v", raw, got, all)
		}
	})
}
