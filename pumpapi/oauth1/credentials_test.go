package oauth1_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"manifold/pumpapi/oauth1"
)

func TestRandomCredentials(t *testing.T) {
	for name, tt := range map[string]struct {
		make func() string
		want *regexp.Regexp
	}{
		"identifier": {oauth1.NewIdentifier, regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`)},
		"secret":     {oauth1.NewSecret, regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)},
	} {
		seen := map[string]bool{}
		for range 1000 {
			s := tt.make()
			if !tt.want.MatchString(s) || seen[s] {
				t.Fatalf("%s %q: not of the form %v, or made twice", name, s, tt.want)
			}
			seen[s] = true
		}
	}
}

func TestTokenReply(t *testing.T) {
	tests := map[string]oauth1.TokenReply{
		"oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=true": {Token: "t", Secret: "s", CallbackConfirmed: true},
		"oauth_token=t-_~.&oauth_token_secret=s%2F%2B%26%3D%20":            {Token: "t-_~.", Secret: "s/+&= "},
	}
	for body, reply := range tests {
		if got := reply.Encode(); got != body {
			t.Errorf("Encode = %q, want %q", got, body)
		}
		if got, err := oauth1.ParseTokenReply([]byte(body)); err != nil || got != reply {
			t.Errorf("ParseTokenReply(%q) = %q %q %v, %v", body, got.Token, got.Secret, got.CallbackConfirmed, err)
		}
	}
	// Another order, a parameter of the server's own, and the end of line that some
	// servers add.
	got, err := oauth1.ParseTokenReply([]byte("user_id=1&oauth_callback_confirmed=false&oauth_token_secret=s&oauth_token=t\r\n"))
	if want := (oauth1.TokenReply{Token: "t", Secret: "s"}); err != nil || got != want {
		t.Errorf("got token %q, secret %q, confirmed %v, %v", got.Token, got.Secret, got.CallbackConfirmed, err)
	}
}

func TestParseTokenReplyRefuses(t *testing.T) {
	tests := map[string]any{
		"":                                 new(*oauth1.MissingParameterError),
		"oauth_token=hidden":               new(*oauth1.MissingParameterError),
		"oauth_token_secret=hidden":        new(*oauth1.MissingParameterError),
		"<html>Invalid signature":          new(*oauth1.MissingParameterError),
		"oauth_token_secret=hidden&a=%":    new(*oauth1.MalformedError),
		"oauth_token=t&oauth_token=hidden": new(*oauth1.MalformedError),
		strings.Repeat("hidden", 2000):     new(*oauth1.MalformedError),
		strings.Repeat("a&", 300):          new(*oauth1.MalformedError),
	}
	for body, want := range tests {
		_, err := oauth1.ParseTokenReply([]byte(body))
		if err == nil || !errors.As(err, want) {
			t.Errorf("%.40q: error %v, want a %T", body, err, want)
		} else if strings.Contains(err.Error(), "hidden") {
			t.Errorf("%.40q: error quotes the body: %v", body, err)
		}
	}
}
