package apub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"manifold/bridge"
	"manifold/internal/outbound"
	"manifold/ostatus/xrd"
)

// maxDescriptor bounds the answer of WebFinger, in bytes.
const maxDescriptor = 64 << 10

// Discover implements [bridge.Network].
func (s *Server) Discover(ctx context.Context, name string) (*bridge.Account, error) {
	account, err := s.discover(ctx, name)
	if e, ok := errors.AsType[*FetchError](err); ok && e.Lasting {
		return nil, fmt.Errorf("%w: %w", bridge.ErrUnknownAccount, err)
	}
	return account, err
}

func (s *Server) discover(ctx context.Context, name string) (*bridge.Account, error) {
	iri := name
	if nick, host, ok := splitHandle(name); ok {
		var err error
		if iri, err = s.actorOf(ctx, nick, host); err != nil {
			return nil, err
		}
	}
	actor, err := s.fetchActor(ctx, iri)
	if lasting(err) && iri == name {
		// A page that is not served as AS2 may still be known to WebFinger.
		found, wfErr := s.finger(ctx, hostOf(name), name)
		if wfErr == nil && found.actor != "" && sameHost(found.actor, name) {
			actor, err = s.fetchActor(ctx, found.actor)
		}
	}
	if err != nil {
		return nil, err
	}
	return s.account(ctx, actor)
}

// splitHandle takes apart the address of an account: acct:nick@host, nick@host or
// @nick@host.
func splitHandle(name string) (nick, host string, ok bool) {
	if rest, found := strings.CutPrefix(name, "acct:"); found {
		name = rest
	}
	nick, host, ok = strings.Cut(strings.TrimPrefix(name, "@"), "@")
	if !ok || nick == "" || host == "" || strings.ContainsAny(nick+host, "/?# \t\r\n@") {
		return "", "", false
	}
	return nick, strings.ToLower(host), true
}

// descriptor is what WebFinger says about somebody.
type descriptor struct {
	// nick and host are those of the account that it is about.
	nick, host string
	// actor is the id of the actor on this network, "" where there is none.
	actor string
	// aliases are other names that the host gives it.
	aliases []string
}

// actorOf finds the id of an actor by the address of the account. The host may say
// that the account has another address; that one's host has to agree.
func (s *Server) actorOf(ctx context.Context, nick, host string) (string, error) {
	d, err := s.resolve(ctx, nick, host)
	if err != nil {
		return "", err
	}
	if d.actor == "" {
		return "", notHad("acct:"+nick+"@"+host, "the host knows the account, and does not say that it is on this network")
	}
	return d.actor, nil
}

// resolve asks WebFinger about an account, and again where the account has another
// address, such as that of the organisation whose server it is on. A second change
// is not followed.
func (s *Server) resolve(ctx context.Context, nick, host string) (*descriptor, error) {
	asked := "acct:" + nick + "@" + host
	d, err := s.finger(ctx, host, asked)
	if err != nil || d.same(nick, host) || d.host == "" {
		return d, err
	}
	second, err := s.finger(ctx, d.host, "acct:"+d.nick+"@"+d.host)
	switch {
	case err != nil:
		return nil, err
	case !second.same(d.nick, d.host):
		return nil, notHad(asked, "its host says that it is %s@%s, whose host does not say so", d.nick, d.host)
	}
	return second, nil
}

func (d *descriptor) same(nick, host string) bool {
	return strings.EqualFold(d.nick, nick) && d.host == host
}

// finger asks a host by WebFinger (RFC 7033) what a name stands for. On a closed
// network there may be no TLS.
func (s *Server) finger(ctx context.Context, host, name string) (*descriptor, error) {
	schemes := []string{"https"}
	if strings.HasPrefix(s.names.Base, "http:") {
		schemes = append(schemes, "http")
	}
	var failed error
	for _, scheme := range schemes {
		address := scheme + "://" + host + "/.well-known/webfinger?resource=" + url.QueryEscape(name)
		if s.names.Ours(address) {
			return nil, notHad(name, "it is of this server, and does not come from elsewhere")
		}
		answer, err := s.outbound.Do(ctx, outbound.Request{URL: address, MaxBody: maxDescriptor,
			Header: http.Header{"Accept": {"application/jrd+json, application/json"}}})
		if err != nil {
			failed = unreachable(address, err)
			continue
		}
		if answer.Status != http.StatusOK {
			failed = notServed(address, answer)
			continue
		}
		return readDescriptor(name, answer.Body)
	}
	return nil, failed
}

// readDescriptor takes from an answer of WebFinger what matters here. Of several
// links to an actor the first counts.
func readDescriptor(name string, data []byte) (*descriptor, error) {
	answer, err := xrd.Parse(data)
	if err != nil {
		return nil, notHad(name, "the answer of WebFinger: %v", err)
	}
	d := &descriptor{aliases: answer.Aliases}
	if nick, host, ok := splitHandle(answer.Subject); ok && strings.HasPrefix(answer.Subject, "acct:") {
		d.nick, d.host = nick, host
	}
	for _, l := range answer.Links {
		if l.Rel == "self" && isActivityType(l.Type) && hostOf(l.Href) != "" && d.actor == "" {
			d.actor = l.Href
		}
	}
	return d, nil
}

// account makes what the bridge needs of an actor. People are known by the address
// of their account where WebFinger confirms it: the actor names the account, and
// the account the actor.
func (s *Server) account(ctx context.Context, a *ActorDocument) (*bridge.Account, error) {
	switch {
	case a.IRI == "" || s.names.Ours(a.IRI):
		return nil, notHad(a.IRI, "it is of this server, or has no id")
	case hostOf(a.Inbox) == "" || s.names.Ours(a.Inbox):
		return nil, notHad(a.IRI, "the actor has no inbox")
	}
	profile := a.Profile.Clone()
	account := &bridge.Account{Profile: profile, Network: Network, IRI: a.IRI, Inbox: a.Inbox, Aliases: []string{a.IRI},
		Verified: a.came.verified, ContentType: a.came.contentType, Original: a.came.bytes}
	if sameHost(a.SharedInbox, a.Inbox) {
		account.SharedInbox = a.SharedInbox
	}
	d, err := s.confirmed(ctx, a)
	if err != nil || d == nil {
		return account, err
	}
	profile.ID = "acct:" + d.nick + "@" + d.host
	if profile.PreferredUsername == "" {
		profile.PreferredUsername = d.nick
	}
	for _, page := range a.Pages {
		// A page that the actor alone names may be that of a whole site, which others
		// name as well.
		if sameHost(page, a.IRI) && slices.Contains(d.aliases, page) && !slices.Contains(account.Aliases, page) {
			account.Aliases = append(account.Aliases, page)
		}
	}
	return account, nil
}

// confirmed returns the account of an actor as WebFinger has it, or nil where it
// does not know it or says something else. When the host cannot be asked that is
// an error: the actor would become known by another name than it has.
func (s *Server) confirmed(ctx context.Context, a *ActorDocument) (*descriptor, error) {
	nick, host, ok := splitHandle(a.WebFinger)
	if !ok {
		nick, host = a.Profile.PreferredUsername, hostOf(a.IRI)
	}
	if _, _, ok := splitHandle(nick + "@" + host); !ok {
		return nil, nil
	}
	d, err := s.resolve(ctx, nick, host)
	switch {
	case lasting(err):
		return nil, nil
	case err != nil:
		return nil, err
	case d.actor != a.IRI || d.host == "":
		return nil, nil
	}
	return d, nil
}
