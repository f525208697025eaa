package tuilivekit

import (
	"bytes"
	"compress/zlib"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// userSigEncoding is base64 with the three characters that Tencent replaces.
var userSigEncoding = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*-").WithPadding('_')

// maxUserSig is the largest size of a UserSig, encoded and decoded, in bytes. Tencent's have about 200.
const maxUserSig = 4096

// userSigDocument is the JSON document in a UserSig (TLSSig 2.0). Its numbers are JSON numbers.
type userSigDocument struct {
	Version    string      `json:"TLS.ver"`
	Identifier string      `json:"TLS.identifier"`
	AppID      json.Number `json:"TLS.sdkappid"`
	Expire     int64       `json:"TLS.expire"`
	Time       int64       `json:"TLS.time"`
	Sig        string      `json:"TLS.sig"`
}

// UserSig returns the signature with which identifier may call Tencent's server API for
// the application appID, valid from now for validity, both in whole seconds. key is the
// SDKSecretKey as the console shows it. The format is TLSSig 2.0 ("Secure authentication
// with UserSig"). The result needs no escaping in a URL.
func UserSig(appID, identifier, key string, now time.Time, validity time.Duration) string {
	d := userSigDocument{
		Version: "2.0", Identifier: identifier, AppID: json.Number(appID),
		Expire: int64(validity / time.Second), Time: now.Unix(),
	}
	d.Sig = d.sign(key)
	text, err := json.Marshal(d)
	if err != nil {
		panic(err) // appID is decimal, and the other fields always marshal
	}
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed) // writing to a buffer does not fail
	_, _ = z.Write(text)
	_ = z.Close()
	return userSigEncoding.EncodeToString(packed.Bytes())
}

// sign returns TLS.sig. The identifier is signed as it is, without the escaping of JSON, and
// the key is the text of the key, although it looks like hexadecimal.
func (d userSigDocument) sign(key string) string {
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "TLS.identifier:%s\nTLS.sdkappid:%s\nTLS.time:%d\nTLS.expire:%d\n", d.Identifier, d.AppID, d.Time, d.Expire)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// UserSigInfo has the fields of a UserSig. They are not verified: that needs the key.
type UserSigInfo struct {
	AppID      string // SDKAppID in decimal
	Identifier string
	Issued     time.Time
	Expires    time.Time // the last second at which it is valid
}

// ParseUserSig reads the fields of a UserSig. Its errors do not contain the UserSig.
func ParseUserSig(sig string) (UserSigInfo, error) {
	if len(sig) > maxUserSig {
		return UserSigInfo{}, fmt.Errorf("not a UserSig: longer than %d bytes", maxUserSig)
	}
	packed, err := userSigEncoding.DecodeString(sig)
	if err != nil {
		return UserSigInfo{}, errors.New("not a UserSig: it has characters that no UserSig has")
	}
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return UserSigInfo{}, errors.New("not a UserSig: not compressed with zlib")
	}
	var d userSigDocument
	text, err := io.ReadAll(io.LimitReader(z, maxUserSig))
	if err != nil || json.Unmarshal(text, &d) != nil || d.Version != "2.0" {
		return UserSigInfo{}, errors.New("not a UserSig of version 2.0")
	}
	if _, err := strconv.ParseUint(d.AppID.String(), 10, 64); err != nil || d.Time < 0 || d.Expire < 0 || d.Time > 1<<40 || d.Expire > 1<<40 {
		return UserSigInfo{}, errors.New("not a UserSig: SDKAppID or times are no numbers")
	}
	return UserSigInfo{
		AppID: d.AppID.String(), Identifier: d.Identifier,
		Issued: time.Unix(d.Time, 0), Expires: time.Unix(d.Time+d.Expire, 0),
	}, nil
}

// VerifyUserSig reports whether key has made sig. It is for stand-ins of Tencent's API.
func VerifyUserSig(sig, key string) bool {
	packed, err := userSigEncoding.DecodeString(sig)
	if err != nil {
		return false
	}
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return false
	}
	var d userSigDocument
	text, err := io.ReadAll(io.LimitReader(z, maxUserSig))
	return err == nil && json.Unmarshal(text, &d) == nil && hmac.Equal([]byte(d.Sig), []byte(d.sign(key)))
}
