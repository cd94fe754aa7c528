package config

import "log/slog"

// Secret is a password or a key. Printed or logged it shows only whether there
// is one.
type Secret struct{ text string }

// NewSecret hides text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the text itself. It is for using the secret only.
func (s Secret) Reveal() string { return s.text }

// String returns a placeholder, or nothing where there is no secret.
func (s Secret) String() string { return maskAll(s.text) }

// GoString keeps %#v from showing the secret.
func (s Secret) GoString() string { return s.String() }

// LogValue keeps the secret out of logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps the secret out of JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func maskAll(text string) string {
	if text == "" {
		return ""
	}
	return masked
}
