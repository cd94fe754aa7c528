package oauth1

import (
	"net/url"
	"strconv"
	"strings"
)

// OutOfBand is the oauth_callback of a client that no browser can be sent back to:
// the user is shown the verifier and types it in (RFC 5849 2.1).
const OutOfBand = "oob"

// maxCallback is the longest callback accepted, in bytes.
const maxCallback = 2 << 10

// CheckCallback returns nil if callback is [OutOfBand] or an absolute http or https
// URL with a host, of at most 2 KiB, and else a [*CallbackError]. Schemes of native
// applications ("myapp://done") are refused, as pump.io does: nothing ties them to
// the client that named them.
func CheckCallback(callback string) error {
	if callback == OutOfBand {
		return nil
	}
	if len(callback) > maxCallback {
		return &CallbackError{Reason: "is longer than " + strconv.Itoa(maxCallback) + " bytes"}
	}
	for i := range len(callback) {
		// It ends up in a Location header, and a URL is ASCII (RFC 3986).
		if c := callback[i]; c <= ' ' || c >= 0x7f {
			return &CallbackError{Reason: "has a blank, a control character or a byte beyond ascii, which a url must escape"}
		}
	}
	u, err := url.Parse(callback)
	if err != nil {
		return &CallbackError{Reason: "is not a url"}
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return &CallbackError{Reason: `is neither "oob" nor an http or https url`}
	}
	if u.Hostname() == "" {
		return &CallbackError{Reason: "has no host"}
	}
	return nil
}

// RedirectURL returns where to send the browser of a user who has agreed: callback
// with oauth_token and oauth_verifier added to its query (RFC 5849 2.2). What the
// callback has of its own, query and fragment, stays as it is. It fails with a
// [*CallbackError] as [CheckCallback] does, and for [OutOfBand].
func RedirectURL(callback, token, verifier string) (string, error) {
	if callback == OutOfBand {
		return "", &CallbackError{Reason: "is oob: there is nowhere to redirect to, show the verifier"}
	}
	if err := CheckCallback(callback); err != nil {
		return "", err
	}
	// A "?" behind the "#" belongs to the fragment, so the fragment goes first.
	target, fragment, hasFragment := strings.Cut(callback, "#")
	switch {
	case !strings.Contains(target, "?"):
		target += "?"
	case !strings.HasSuffix(target, "?") && !strings.HasSuffix(target, "&"):
		target += "&"
	}
	target += "oauth_token=" + encode(token) + "&oauth_verifier=" + encode(verifier)
	if hasFragment {
		target += "#" + fragment
	}
	return target, nil
}
