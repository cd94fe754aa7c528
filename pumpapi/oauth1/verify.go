package oauth1

import (
	"context"
	"crypto/hmac"
	"crypto/subtle"
	"fmt"
	"slices"
	"time"
)

// DefaultWindow is how far a timestamp may be from the server's clock, either way,
// if nothing else is said.
const DefaultWindow = 300 * time.Second

// Verifier decides whether a [Message] was signed by the holder of its secrets, and
// recently. It may be used by several goroutines at once.
type Verifier struct {
	// BaseURLs are the addresses under which clients reach this server. A signature
	// over any of them is good, so list only names of this server itself: a request
	// signed for another host must not pass here. The first should be the usual one,
	// each further one costs a request with a bad signature one more HMAC.
	BaseURLs []BaseURL

	// Methods are the signature methods accepted; empty means all three of this
	// package. Leave out Plaintext where requests may arrive without TLS.
	Methods []SignatureMethod

	Window time.Duration    // 0 is DefaultWindow
	Now    func() time.Time // nil is time.Now
}

// Verify checks the signature method, the timestamp and the signature of m, in
// that order. s are the secrets that belong to m.ConsumerKey and m.Token. It does
// not look at the nonce: see [Verifier.VerifyOnce].
//
// Errors: [*UnsupportedMethodError], [*TimestampError] and [ErrBadSignature] are
// the sender's; [ErrNoSecret] and [ErrNoBaseURL] are the caller's.
func (v *Verifier) Verify(m *Message, s Secrets) error {
	// Anybody can sign with the empty key. RFC 5849 allows clients without a
	// secret; a server that hands out secrets has none, and a lookup that went
	// wrong must not let everyone in.
	if s.Consumer == "" || (m.Token != "" && s.Token == "") {
		return ErrNoSecret
	}
	if len(v.Methods) > 0 && !slices.Contains(v.Methods, m.Method) {
		return &UnsupportedMethodError{Method: m.Method}
	}
	if m.Timestamp != 0 { // absent: PLAINTEXT, by Message.require
		if err := checkWindow(m.Timestamp, clock(v.Now), v.window()); err != nil {
			return err
		}
	}
	if m.Method == Plaintext {
		return verifyPlaintext(m, s)
	}
	return v.verifyHMAC(m, s)
}

// VerifyOnce is Verify followed by asking nonces whether m is new; it adds the
// error [ErrNonceReplayed] and those of nonces. The nonce is remembered only after
// the signature proved right, else strangers could use up a sender's nonces. A
// PLAINTEXT message without nonce is not remembered: whoever can read it can make
// another.
func (v *Verifier) VerifyOnce(ctx context.Context, m *Message, s Secrets, nonces NonceMemory) error {
	if err := v.Verify(m, s); err != nil {
		return err
	}
	if m.Nonce == "" {
		return nil
	}
	freshness, err := nonces.Remember(ctx, m.NonceKey())
	if err != nil {
		return fmt.Errorf("oauth1: remember nonce: %w", err)
	}
	if freshness != Fresh {
		return ErrNonceReplayed
	}
	return nil
}

func (v *Verifier) window() time.Duration {
	if v.Window == 0 {
		return DefaultWindow
	}
	return v.Window
}

// clock reads an injected clock, or the real one.
func clock(now func() time.Time) time.Time {
	if now == nil {
		return time.Now()
	}
	return now()
}

// checkWindow compares in whole seconds, the unit of oauth_timestamp (RFC 5849
// 3.3); the bounds belong to the window.
func checkWindow(timestamp int64, now time.Time, window time.Duration) error {
	t, w := now.Unix(), int64(window/time.Second)
	if timestamp < t-w || timestamp > t+w {
		return &TimestampError{Timestamp: timestamp, ServerTime: now, Window: window}
	}
	return nil
}

// verifyHMAC follows RFC 5849 3.4.2. The base64 texts are compared rather than the
// bytes, since several texts can stand for the same bytes.
func (v *Verifier) verifyHMAC(m *Message, s Secrets) error {
	newHash := m.Method.hash()
	if newHash == nil {
		return &UnsupportedMethodError{Method: m.Method}
	}
	if len(v.BaseURLs) == 0 {
		return ErrNoBaseURL
	}
	text, method := m.signedText()
	sent := []byte(m.signature)
	mac := hmac.New(newHash, s.key())
	var want [64]byte
	for i, base := range v.BaseURLs {
		if i > 0 {
			mac.Reset()
		}
		if subtle.ConstantTimeCompare(sent, appendSignature(want[:0], mac, text, method, base.encoded)) == 1 {
			return nil
		}
	}
	return ErrBadSignature
}

// verifyPlaintext follows RFC 5849 3.4.4, by which the value is the encoded secrets
// with a literal "&" between them, encoded once more as every parameter is. pump.io
// decodes only once and compares with "%26", so that its clients encode the value
// twice; that form is accepted too. It is no weaker: neither can be made without
// the secrets.
func verifyPlaintext(m *Message, s Secrets) error {
	sent, once := []byte(m.signature), s.key()
	twice := appendEncoded(make([]byte, 0, len(once)+16), once)
	if subtle.ConstantTimeCompare(sent, once)|subtle.ConstantTimeCompare(sent, twice) == 1 {
		return nil
	}
	return ErrBadSignature
}
