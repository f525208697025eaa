package config

import (
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// ownFields are the header fields that the relay itself, or HTTP, sets.
var ownFields = []string{
	"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Expect", "Host", "Keep-Alive", "Proxy-Connection",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// ownPrefix begins the names of the fields that are the relay's own.
const ownPrefix = "X-Tuilivekit-"

// readFields makes Fields of Headers and BasicAuth. Errors name the key and the file, never
// a value.
func (r *Relay) readFields(at path, dir string) error {
	r.Fields = make(map[string]Secret, len(r.Headers)+1)
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) { // the first fault is always the same
		at := at.to("headers", name)
		field := http.CanonicalHeaderKey(name)
		_, twice := r.Fields[field]
		switch {
		case !validFieldName(name):
			return &keyError{at, "is not a name of a header field"}
		case slices.Contains(ownFields, field) || strings.HasPrefix(field, ownPrefix):
			return &keyError{at, "is set by the relay itself"}
		case twice:
			return &keyError{at, "is there twice, in another letter case"}
		case field == "Authorization" && r.BasicAuth != nil:
			return &keyError{at, "cannot go together with basic_auth, which sets the same field"}
		}
		value, err := r.Headers[name].read(dir)
		if err != nil {
			return &keyError{at, err.Error()}
		}
		r.Fields[field] = value
	}
	if r.BasicAuth == nil {
		return nil
	}
	at = at.to("basic_auth")
	if user := r.BasicAuth.Username; user == "" || strings.Contains(user, ":") {
		return &keyError{at.to("username"), "must be there, and have no colon"}
	}
	password, err := readField(dir, r.BasicAuth.PasswordFile, "password")
	if err != nil {
		return &keyError{at.to("password_file"), err.Error()}
	}
	r.Fields["Authorization"] = Secret{"Basic " + base64.StdEncoding.EncodeToString([]byte(r.BasicAuth.Username+":"+password.Reveal()))}
	return nil
}

// read returns the value. Its file is of dir.
func (v HeaderValue) read(dir string) (Secret, error) {
	if (v.Value == "") == (v.ValueFile == "") {
		return Secret{}, errors.New("needs either value or value_file")
	}
	if v.ValueFile != "" {
		return readField(dir, v.ValueFile, "value")
	}
	if !validFieldValue(v.Value) {
		return Secret{}, errors.New("value: has a character that a header field cannot have")
	}
	return Secret{v.Value}, nil
}

// maxField is the length of the longest value of a header field.
const maxField = 4096

// readField reads a value for a header field from a file of dir.
func readField(dir, name, noun string) (Secret, error) {
	if name == "" {
		return Secret{}, errors.New("missing")
	}
	value, _, err := readSecretFile(resolve(dir, name), noun, maxField)
	return value, err
}

// validFieldName reports whether name is a token (RFC 9110, section 5.6.2).
func validFieldName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

// validFieldValue reports whether value is free of control characters (RFC 9110, section 5.5).
func validFieldValue(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}
