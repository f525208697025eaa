package config

import "fmt"

// Secret is text that never prints: every verb of package fmt, every encoder and
// every logger shows <secret>.
type Secret struct{ text string }

const redacted = "<secret>"

// Reveal returns the text. Pass it on; do not keep it.
func (s Secret) Reveal() string { return s.text }

// Format implements fmt.Formatter.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// String implements fmt.Stringer, for those who call it without package fmt.
func (s Secret) String() string { return redacted }

// MarshalText implements encoding.TextMarshaler, which JSON, YAML and log/slog use.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
