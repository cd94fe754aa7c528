package salmon

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// Binding says whether a descriptor is about the author of an entry.
type Binding int

const (
	// Unbound means that the descriptor does not name the author: its key proves
	// nothing about the entry.
	Unbound Binding = iota
	// Bound means that the author is the subject or an alias of the descriptor.
	Bound
	// BoundAcross means that the descriptor names the author with https in place of
	// http or the other way round, as servers do that have moved. Who knew the
	// author under one name may take it for the other only if the author's new
	// entries name both.
	BoundAcross
)

func (b Binding) String() string {
	switch b {
	case Bound:
		return "the descriptor names the author"
	case BoundAcross:
		return "the descriptor names the author with the other of http and https"
	}
	return "the descriptor does not name the author"
}

// Bind compares the author of an entry (the content of its uri element) with the
// subject and the aliases of the descriptor that was found at the author's own
// host. Names are opaque and compared as they are, but for the host of an
// account, whose case is of no meaning.
func Bind(author string, names []string) Binding {
	if author == "" {
		return Unbound
	}
	outcome := Unbound
	plain, http, https := schemeless(author)
	for _, name := range names {
		if name == author || account(name) != "" && account(name) == account(author) {
			return Bound
		}
		if other, nameHTTP, nameHTTPS := schemeless(name); (http && nameHTTPS || https && nameHTTP) && other == plain {
			outcome = BoundAcross
		}
	}
	return outcome
}

// account returns an account without acct: and with its host in lower case, ""
// for what is none. Friendica's subjects lack the scheme.
func account(name string) string {
	if len(name) > 5 && strings.EqualFold(name[:5], "acct:") {
		name = name[5:]
	}
	nick, host, ok := strings.Cut(name, "@")
	if !ok || nick == "" || host == "" || strings.ContainsAny(nick, ":/") {
		return ""
	}
	return nick + "@" + strings.ToLower(host)
}

func schemeless(s string) (rest string, http, https bool) {
	if rest, http = strings.CutPrefix(s, "http://"); http {
		return rest, true, false
	}
	rest, https = strings.CutPrefix(s, "https://")
	return rest, false, https
}

// Age says whether the time that an entry names is near.
type Age int

const (
	// Fresh means that the entry is recent.
	Fresh Age = iota + 1
	// Stale means that it is older than is accepted. It may be recorded and sent
	// again by somebody.
	Stale
	// Early means that it claims to be of the future.
	Early
	// Undated means that it names no time.
	Undated
)

// Window is between which times entries are fresh. The zero value has the
// defaults.
type Window struct {
	// Past is how old an entry may be, by default five days: servers try for days to
	// deliver what they have. Whoever remembers fingerprints needs to do so for this
	// long.
	Past time.Duration
	// Future is by how much it may be ahead, by default an hour: the clocks of small
	// servers go wrong.
	Future time.Duration
}

// Judge says whether an entry is fresh by its published and updated times, of
// which the later one counts; either may be zero.
func (w Window) Judge(published, updated, now time.Time) Age {
	if w.Past == 0 {
		w.Past = 5 * 24 * time.Hour
	}
	if w.Future == 0 {
		w.Future = time.Hour
	}
	at := published
	if updated.After(at) {
		at = updated
	}
	switch {
	case at.IsZero():
		return Undated
	case at.Before(now.Add(-w.Past)):
		return Stale
	case at.After(now.Add(w.Future)):
		return Early
	}
	return Fresh
}

// Fingerprint names something that was done such that the same thing, sent again,
// has the same name. The id of the entry does not serve for that: GNU social
// sends every unfollow of a person under one id, and a deletion under the id of
// what is deleted.
func Fingerprint(author, verb, object string, published time.Time) string {
	h := sha256.New()
	for _, part := range []string{author, verb, object, published.UTC().Format(time.RFC3339Nano)} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
