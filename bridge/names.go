package bridge

import (
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"strings"

	"manifold/models/vocab"
)

// Names makes the identifiers and addresses of everything that is ours, and
// recognises them. Every network uses the same one for the same thing.
type Names struct {
	// Base is the public address without a slash at its end; Host is its host
	// with the port where that is not the default one.
	Base, Host string
	// hostname is Host without the port.
	hostname string
	// spelledOut is Host with the port that goes without saying, where it does.
	spelledOut string
	// acct says whether people are known as acct:nick@host. On ports other than
	// 80 and 443 the pump.io network knows them by the URL of their profile.
	acct bool
}

// NewNames returns the names below a base URL.
func NewNames(base *url.URL) *Names {
	n := &Names{hostname: strings.ToLower(base.Hostname())}
	if strings.Contains(n.hostname, ":") {
		n.hostname = "[" + n.hostname + "]" // RFC 3986 3.2.2: an IPv6 address
	}
	usual := map[string]string{"http": "80", "https": "443"}[base.Scheme]
	port := base.Port()
	if port == "" || port == usual {
		n.Host, n.spelledOut = n.hostname, n.hostname+":"+usual
	} else {
		n.Host = n.hostname + ":" + port
	}
	n.acct = n.Host == n.hostname || port == "80" || port == "443"
	n.Base = base.Scheme + "://" + n.Host + strings.TrimRight(base.EscapedPath(), "/")
	return n
}

// Person is the id of a person on the pump.io network.
func (n *Names) Person(nick string) string {
	if n.acct {
		return "acct:" + nick + "@" + n.hostname
	}
	return n.Profile(nick)
}

// Acct is the account address of a person, with the port where there is one.
func (n *Names) Acct(nick string) string { return "acct:" + nick + "@" + n.Host }

// Profile is where the profile of a person is read by programs.
func (n *Names) Profile(nick string) string { return n.User(nick) + "/profile" }

// User is what the addresses of a person in the pump.io API begin with.
func (n *Names) User(nick string) string { return n.Base + "/api/user/" + url.PathEscape(nick) }

// Followers is the collection of a person's followers.
func (n *Names) Followers(nick string) string { return n.User(nick) + "/followers" }

// Actor is the id of a person on ActivityPub, and its author URI on OStatus.
func (n *Names) Actor(nick string) string { return n.Base + "/users/" + url.PathEscape(nick) }

// Server is the id of the server itself as an actor of ActivityPub, which vouches
// for requests that nobody in particular makes.
func (n *Names) Server() string { return n.Base + "/actor" }

// ServerAcct is the account address of that actor, which is called like its host.
// Nobody else can be: see [Bridge.Register].
func (n *Names) ServerAcct() string { return n.Acct(n.hostname) }

// IsServerAcct reports whether a name is the account address of the server.
func (n *Names) IsServerAcct(name string) bool {
	nick, host, ok := account(name)
	nick = strings.ToLower(nick)
	return ok && (nick == n.hostname || nick == n.Host) && (host == n.Host || host == n.hostname)
}

// Page is where people see a person.
func (n *Names) Page(nick string) string { return n.Base + "/" + url.PathEscape(nick) }

// PersonAliases are all names of a person.
func (n *Names) PersonAliases(nick string) []string {
	names := []string{n.Person(nick), n.Acct(nick), n.Profile(nick), n.Actor(nick), n.Page(nick)}
	if plain := "acct:" + nick + "@" + n.hostname; n.Host != n.hostname {
		// WebFinger clients leave the port out.
		names = append(names, plain)
	}
	return unique(names)
}

// Thing is the id of an object or activity: the one id that it has on all
// networks. token is [NewToken].
func (n *Names) Thing(objectType, token string) string {
	return n.Base + "/api/" + pathType(objectType) + "/" + token
}

// ThingPage is where people see an object or activity of somebody. What the
// server itself posts has no page but its id.
func (n *Names) ThingPage(nick, objectType, token string) string {
	if nick == "" {
		return n.Thing(objectType, token)
	}
	t := pathType(objectType)
	if t == vocab.TypeCollection {
		t = "list"
	}
	return n.Page(nick) + "/" + t + "/" + token
}

// Thread is the collection of the thread that begins with a thing of ours.
func (n *Names) Thread(id string) string { return id + "/context" }

// NewObject begins a thing of somebody here: it returns a document with a new
// id and the address of its page, and the names that it is stored under.
func (n *Names) NewObject(nick, objectType string) (*vocab.Object, []string) {
	token := NewToken()
	o := &vocab.Object{ID: n.Thing(objectType, token), Type: objectType, URL: n.ThingPage(nick, objectType, token)}
	return o, []string{o.ID, o.URL}
}

// Token returns the last part of the id of a thing of ours, "" for all else.
func (n *Names) Token(id string) string {
	rest, ok := n.below(id, "/api/")
	if !ok {
		return ""
	}
	objectType, token, ok := strings.Cut(rest, "/")
	if !ok || !KnownType(objectType) || strings.ContainsAny(token, "/?#") {
		return ""
	}
	return token
}

// below returns what follows a path of ours in an address. Scheme and host may
// be written in any case, and the port that goes without saying may be said
// (RFC 3986 6.2.2.1 and 6.2.3).
func (n *Names) below(address, path string) (rest string, ok bool) {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return "", false
	}
	host, rest := rest, ""
	if i := strings.IndexAny(host, "/?#"); i >= 0 {
		host, rest = host[:i], host[i:]
	}
	host = strings.ToLower(host)
	if host == n.spelledOut {
		host = n.Host
	}
	if rest, ok = strings.CutPrefix(strings.ToLower(scheme)+"://"+host+rest, n.Base+path); !ok {
		return "", false
	}
	return rest, true
}

// Ours reports whether an id or address is below our base URL or names an
// account here.
func (n *Names) Ours(id string) bool {
	if rest, ok := n.below(id, ""); ok {
		return rest == "" || strings.ContainsRune("/?#", rune(rest[0]))
	}
	_, host, ok := account(id)
	return ok && (host == n.Host || host == n.hostname)
}

// Nickname returns whom a name of a local person names, "" when it is none.
// Whether there is such a person is another question.
func (n *Names) Nickname(name string) string {
	if nick, host, ok := account(name); ok {
		if (host == n.Host || host == n.hostname) && nicknames.MatchString(nick) {
			return nick
		}
		return ""
	}
	nick, found := n.below(name, "/api/user/")
	if found {
		if nick, found = strings.CutSuffix(nick, "/profile"); !found {
			return ""
		}
	} else if nick, found = n.below(name, "/users/"); !found {
		nick, _ = n.below(name, "/")
	}
	nick, err := url.PathUnescape(strings.TrimSuffix(nick, "/"))
	if err != nil || !nicknames.MatchString(nick) || Reserved(nick) {
		return ""
	}
	return nick
}

// account splits the address of an account, which is like acct:ann@example.org
// or, as people and clients of 2013 write it, ann@example.org or
// @ann@example.org, and !kites@example.org for a group (Lemmy, GNU social). The host
// is returned in lower case.
func account(name string) (nick, host string, ok bool) {
	scheme, rest, hasScheme := strings.Cut(name, ":")
	switch {
	case hasScheme && strings.EqualFold(scheme, "acct"):
		name = rest
	case hasScheme && !strings.Contains(scheme, "@"):
		return "", "", false // another scheme, not a port
	default:
		if name != "" && strings.ContainsRune("@!", rune(name[0])) {
			name = name[1:]
		}
	}
	nick, host, ok = strings.Cut(name, "@")
	if !ok || nick == "" || host == "" || strings.ContainsAny(host, "/?#@") {
		return "", "", false
	}
	return nick, strings.ToLower(host), true
}

// FollowersOf returns whose collection of followers an id names, "" when it is
// none of ours.
func (n *Names) FollowersOf(id string) string {
	for _, path := range []string{"/api/user/", "/users/"} {
		rest, ok := n.below(id, path)
		if !ok {
			continue
		}
		if rest, ok = strings.CutSuffix(rest, "/followers"); !ok {
			return ""
		}
		if nick, err := url.PathUnescape(rest); err == nil && nicknames.MatchString(nick) {
			return nick
		}
	}
	return ""
}

// Featured is the collection of what somebody here shows first.
func (n *Names) Featured(nick string) string {
	if nick == "" {
		return ""
	}
	return n.Actor(nick) + "/featured"
}

// Upload is the address of an uploaded file; path is relative to the folder of
// uploads.
func (n *Names) Upload(path string) string { return n.Base + "/uploads/" + path }

// UploadPath returns the path of the uploaded file at an address, "" when it is
// none of ours.
func (n *Names) UploadPath(address string) string {
	path, _ := n.below(address, "/uploads/")
	return path
}

// objectTypes are the types that have a class of ids of their own on the
// pump.io network; all others are filed under "other".
var objectTypes = map[string]bool{
	"activity": true, "alert": true, "application": true, "article": true, "audio": true, "badge": true, "binary": true, "bookmark": true,
	"collection": true, "comment": true, "device": true, "event": true, "file": true, "game": true, "group": true,
	"image": true, "issue": true, "job": true, "note": true, "offer": true, "organization": true, "page": true,
	"person": true, "place": true, "process": true, "product": true, "question": true, "review": true, "service": true,
	"task": true, "video": true, "other": true,
}

// KnownType reports whether ids of a type have a class of their own.
func KnownType(t string) bool { return objectTypes[t] }

func pathType(t string) string {
	if objectTypes[t] {
		return t
	}
	return "other"
}

// Invitation is the page on which somebody with this code makes an account.
func (n *Names) Invitation(code string) string { return n.Base + "/main/register?invitation=" + code }

// NewToken returns 16 random bytes as text that is safe in a URL.
func NewToken() string {
	var b [16]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func unique(list []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
