package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// ReadTokenFile reads a callback token from the file at path. Space, line ends and a
// UTF-8 byte order mark around the token are removed. open reports whether others than
// the owner and the group can read the file, or others than the owner can write it: Kubernetes makes secrets
// readable by a group. An error names the file and its fault, never its content.
func ReadTokenFile(path string) (token Secret, open bool, err error) {
	return readSecretFile(path, "token", tuilivekit.MaxTokenLength)
}

// readSecretFile reads a secret of at most limit bytes, by the rules of ReadTokenFile.
// noun is the name for it in an error.
func readSecretFile(path, noun string, limit int) (secret Secret, open bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return Secret{}, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Secret{}, false, err
	}
	if info.IsDir() {
		return Secret{}, false, fmt.Errorf("%s is a folder", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, 8192))
	if err != nil {
		return Secret{}, false, err
	}
	secret, err = parseSecret(b, noun, limit)
	if err != nil {
		return Secret{}, false, fmt.Errorf("file %s %w", path, err)
	}
	return secret, info.Mode().Perm()&0o027 != 0, nil
}

// tokenFromEnv reads a callback token from an environment variable, by the same rules.
func tokenFromEnv(name string) (Secret, error) {
	value, ok := os.LookupEnv(name)
	if !ok {
		return Secret{}, fmt.Errorf("environment variable %s is not set", name)
	}
	token, err := parseSecret([]byte(value), "token", tuilivekit.MaxTokenLength)
	if err != nil {
		return Secret{}, fmt.Errorf("environment variable %s %w", name, err)
	}
	return token, nil
}

// parseSecret returns the one secret in content, of at most limit bytes. Its error continues
// a sentence that begins with the place of content, and says nothing of the content but its
// fault.
func parseSecret(content []byte, noun string, limit int) (Secret, error) {
	if bytes.HasPrefix(content, []byte("\xff\xfe")) || bytes.HasPrefix(content, []byte("\xfe\xff")) {
		return Secret{}, errors.New("is encoded as UTF-16: save it as UTF-8")
	}
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	secret := strings.TrimSpace(string(content))
	lines := strings.FieldsFunc(secret, func(r rune) bool { return r == '\n' || r == '\r' })
	switch {
	case secret == "":
		return Secret{}, errors.New("is empty")
	case strings.HasPrefix(secret, "# ") || len(lines) > 1 && strings.HasPrefix(secret, "#"):
		return Secret{}, fmt.Errorf("begins with a comment: it must contain the %s and nothing else", noun)
	case len(lines) > 1:
		return Secret{}, fmt.Errorf("has several lines: it must contain one %s and nothing else", noun)
	case isPlaceholder(secret):
		return Secret{}, fmt.Errorf("has a placeholder instead of the %s", noun)
	case !utf8.ValidString(secret):
		return Secret{}, errors.New("is not valid UTF-8")
	}
	for i, r := range secret {
		if r == 0 {
			return Secret{}, fmt.Errorf("has a NUL byte at position %d: a %s is text (is the file encoded as UTF-16?)", i+1, noun)
		}
		if unicode.IsControl(r) || !unicode.IsGraphic(r) {
			return Secret{}, fmt.Errorf("has a control or invisible character (%U) at position %d of the %s", r, i+1, noun)
		}
	}
	if len(secret) > limit {
		return Secret{}, fmt.Errorf("has a %s of more than %d characters", noun, limit)
	}
	return Secret{secret}, nil
}

// isPlaceholder reports whether secret is what an example has in the place of a secret:
// whoever applies an example as it is has a secret that everybody knows.
func isPlaceholder(secret string) bool {
	if strings.HasPrefix(secret, "<") && strings.HasSuffix(secret, ">") {
		return true
	}
	switch strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(secret)) {
	case "changeme", "replaceme", "yourtoken", "yoursecret", "mytoken", "example", "placeholder", "todo", "xxxxyyyy":
		return true // the last one is the token of Tencent's own example
	}
	return false
}

// looksOdd returns what is probably wrong with a token that can be used, "" if nothing
// is. Its text continues a sentence that begins with the place of the token.
func looksOdd(token Secret) string {
	t := token.Reveal()
	switch {
	case len(t) > 1 && (t[0] == '"' || t[0] == '\'') && t[len(t)-1] == t[0]:
		return "has quotation marks around the token, which are part of it"
	case strings.ContainsFunc(t, unicode.IsSpace):
		return "has a space inside the token, which is part of it"
	case strings.HasPrefix(t, "#"):
		return "has a token that begins with #, which is part of it"
	}
	return ""
}
