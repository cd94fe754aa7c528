package websub

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Mode is what a request is about.
type Mode string

const (
	Subscribe   Mode = "subscribe"
	Unsubscribe Mode = "unsubscribe"
	// Publish is a publisher telling a hub that is not its own of something new.
	Publish Mode = "publish"
	// Denied is a hub telling a subscriber that there is no subscription.
	Denied Mode = "denied"
)

// Limits on what a subscriber may ask for.
const (
	maxAddress = 2048
	// MaxSecret is how many bytes a secret may have (5.1.1).
	MaxSecret = 199
)

// Request is what somebody asks of a hub.
type Request struct {
	Mode Mode
	// Callback is where the subscriber is asked and where new things are posted.
	Callback string
	// Topic is the address of the feed. Topics are all those that a publisher names.
	Topic  string
	Topics []string
	// Lease is for how long the subscription is wanted; 0 where nothing is said.
	Lease time.Duration
	// Secret is what deliveries are signed with; "" for not at all.
	Secret string
	// Algorithm is what they are signed by. It is SHA1 unless the request names
	// another in hub.signature_algorithm, which is an invention of this package:
	// the protocol leaves the choice to the hub, and StatusNet knows only SHA1.
	Algorithm Algorithm
	// VerifyToken is repeated to the subscriber (PubSubHubbub 0.3). GNU social sends
	// one that says it is deprecated.
	VerifyToken string
	// Sync means that the subscriber wants to be verified before it is answered
	// (PubSubHubbub 0.3).
	Sync bool
}

// RequestError means that a request cannot be followed. Text is for whoever sent
// it.
type RequestError struct {
	// Parameter is what is wrong, such as hub.callback.
	Parameter, Reason string
}

func (e *RequestError) Error() string { return "websub: " + e.Text() }

// Text is the error for an answer.
func (e *RequestError) Text() string { return e.Parameter + " " + e.Reason }

// ParseRequest reads a form that was posted to a hub. It returns a
// [*RequestError].
func ParseRequest(form url.Values) (*Request, error) {
	r := &Request{Mode: Mode(form.Get("hub.mode")), Topic: form.Get("hub.topic"), Callback: form.Get("hub.callback"), Secret: form.Get("hub.secret"),
		VerifyToken: form.Get("hub.verify_token"), Algorithm: SHA1, Sync: wantsSync(form["hub.verify"])}
	switch r.Mode {
	case Subscribe, Unsubscribe:
		return r, r.check(form)
	case Publish:
		// hub.url in 0.3 and 0.4, hub.topic at some hubs.
		for _, t := range append(slices.Clone(form["hub.url"]), form["hub.topic"]...) {
			if t != "" && !slices.Contains(r.Topics, t) {
				r.Topics = append(r.Topics, t)
			}
		}
		if len(r.Topics) == 0 {
			return nil, &RequestError{"hub.url", "is missing"}
		}
		r.Topic = r.Topics[0]
		return r, nil
	case "":
		return nil, &RequestError{"hub.mode", "is missing"}
	}
	return nil, &RequestError{"hub.mode", "has to be subscribe or unsubscribe"}
}

func (r *Request) check(form url.Values) error {
	if err := checkAddress("hub.callback", r.Callback); err != nil {
		return err
	}
	if err := checkAddress("hub.topic", r.Topic); err != nil {
		return err
	}
	if len(r.Secret) > MaxSecret {
		return &RequestError{"hub.secret", fmt.Sprintf("has more than %d bytes", MaxSecret)}
	}
	if len(r.VerifyToken) > maxAddress {
		return &RequestError{"hub.verify_token", fmt.Sprintf("has more than %d bytes", maxAddress)}
	}
	if a := form.Get("hub.signature_algorithm"); a != "" {
		if r.Algorithm = Algorithm(a); r.Algorithm.hash() == nil {
			return &RequestError{"hub.signature_algorithm", "has to be sha1, sha256, sha384 or sha512"}
		}
	}
	if lease := form.Get("hub.lease_seconds"); lease != "" {
		seconds, err := strconv.ParseUint(lease, 10, 32)
		if err != nil {
			return &RequestError{"hub.lease_seconds", "has to be a number of seconds"}
		}
		r.Lease = time.Duration(seconds) * time.Second
	}
	return nil
}

func checkAddress(parameter, address string) error {
	u, err := url.Parse(address)
	switch {
	case address == "":
		return &RequestError{parameter, "is missing"}
	case len(address) > maxAddress:
		return &RequestError{parameter, fmt.Sprintf("has more than %d bytes", maxAddress)}
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return &RequestError{parameter, "has to be a complete http or https address"}
	case u.User != nil:
		return &RequestError{parameter, "may not have a user name in it"}
	case u.Fragment != "":
		return &RequestError{parameter, "may not have a fragment"}
	}
	return nil
}

// wantsSync reads hub.verify, which names what the subscriber can do, best first.
// In WebSub it is gone and everything is verified later.
func wantsSync(values []string) bool {
	for _, v := range strings.Split(strings.Join(values, ","), ",") {
		switch strings.TrimSpace(v) {
		case "sync":
			return true
		case "async":
			return false
		}
	}
	return false
}

// Bounds are for how long a hub lets subscriptions live. The zero value has the
// defaults.
type Bounds struct {
	// Least is by default three days: GNU social renews when there is less than a day
	// left, by something that runs once a day.
	Least time.Duration
	// Most is by default thirty days, and what those get who do not say.
	Most time.Duration
	// Grace is for how much longer a subscription is served, by default three days:
	// on many small servers nothing runs by the clock.
	Grace time.Duration
}

const day = 24 * time.Hour

func (b Bounds) orDefaults() Bounds {
	if b.Least == 0 {
		b.Least = 3 * day
	}
	if b.Most == 0 {
		b.Most = 30 * day
	}
	if b.Grace == 0 {
		b.Grace = 3 * day
	}
	return b
}

// Lease returns the lease for one that was asked for; 0 is for not said. StatusNet
// asks for none, and would like it for ever.
func (b Bounds) Lease(asked time.Duration) time.Duration {
	b = b.orDefaults()
	if asked == 0 {
		return b.Most
	}
	return min(max(asked, b.Least), b.Most)
}

// withQuery adds parameters to an address that may have some (5.3).
func withQuery(address string, parameters url.Values) string {
	switch {
	case !strings.Contains(address, "?"):
		address += "?"
	case !strings.HasSuffix(address, "?") && !strings.HasSuffix(address, "&"):
		address += "&"
	}
	return address + parameters.Encode()
}
