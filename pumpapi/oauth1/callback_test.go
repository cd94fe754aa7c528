package oauth1_test

import (
	"errors"
	"strings"
	"testing"

	"manifold/pumpapi/oauth1"
)

func TestCallbacks(t *testing.T) {
	const added = "oauth_token=t%2B&oauth_verifier=v"
	tests := map[string]string{
		"http://c.example":                    "http://c.example?" + added,
		"http://c.example/":                   "http://c.example/?" + added,
		"HTTPS://c.example:8443/cb":           "HTTPS://c.example:8443/cb?" + added,
		"http://c.example/cb?x=1":             "http://c.example/cb?x=1&" + added,
		"http://c.example/cb?":                "http://c.example/cb?" + added,
		"http://c.example/cb?x=1&":            "http://c.example/cb?x=1&" + added,
		"http://c.example/cb#here":            "http://c.example/cb?" + added + "#here",
		"http://c.example/cb?x=%20+#a?b=c":    "http://c.example/cb?x=%20+&" + added + "#a?b=c",
		"http://c.example/cb#":                "http://c.example/cb?" + added + "#",
		"http://[::1]:8080/cb":                "http://[::1]:8080/cb?" + added,
		"http://127.0.0.1/cb?oauth_token=own": "http://127.0.0.1/cb?oauth_token=own&" + added,
	}
	for callback, want := range tests {
		if err := oauth1.CheckCallback(callback); err != nil {
			t.Errorf("CheckCallback(%q): %v", callback, err)
		}
		if got, err := oauth1.RedirectURL(callback, "t+", "v"); err != nil || got != want {
			t.Errorf("RedirectURL(%q) = %q, %v; want %q", callback, got, err, want)
		}
	}
}

func TestCallbacksRefused(t *testing.T) {
	for _, callback := range []string{
		"", "OOB", "c.example/cb", "/cb", "//c.example/cb", "myapp://done", "javascript:alert(1)", "data:text/html,x", "mailto:a@b.example",
		"ftp://c.example/", "http:", "http://", "http:///cb", "http://:80/cb", "http:c.example", "http://c.example/a b", "http://c.example/\r\nSet-Cookie: x",
		"http://c.example/\u00e9", "http://c.example:x/", "http://c.example/%zz", `http://c.example\@evil.example/`, "http://c.example/" + strings.Repeat("x", 3000),
	} {
		if _, ok := errors.AsType[*oauth1.CallbackError](oauth1.CheckCallback(callback)); !ok {
			t.Errorf("CheckCallback(%.60q) gives no CallbackError", callback)
		}
		if got, err := oauth1.RedirectURL(callback, "t", "v"); err == nil {
			t.Errorf("RedirectURL(%.60q) = %q", callback, got)
		}
	}
}

func TestOutOfBandHasNoRedirect(t *testing.T) {
	if err := oauth1.CheckCallback("oob"); err != nil {
		t.Error(err)
	}
	if got, err := oauth1.RedirectURL("oob", "t", "v"); err == nil {
		t.Errorf("redirect to %q", got)
	}
}
