package bridge

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/idna"

	"manifold/models"
)

// policiesFor is how long the policies for hosts are used before a process asks
// whether they have changed: a decision of an admin is in force everywhere after
// that time.
const policiesFor = 2 * time.Second

// ErrHostBlocked means that the admins have blocked a host: nothing is sent there
// and nothing is fetched from there.
var ErrHostBlocked = errors.New("this server does not talk to that host, by a decision of its admins")

// policies are the decisions about other servers, as this process knows them.
type policies struct {
	b  *Bridge
	mu sync.Mutex // held while they are read anew
	// current is nil until they are first needed.
	current atomic.Pointer[policySet]
}

type policySet struct {
	version int64
	checked time.Time
	byName  map[string]models.HostPolicy
}

// fresh returns the policies, which are two seconds old at most.
func (p *policies) fresh(ctx context.Context) (*policySet, error) {
	if s := p.current.Load(); s.good() {
		return s, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.current.Load()
	if old.good() {
		return old, nil
	}
	version, err := p.b.db.PoliciesVersion(ctx)
	if err != nil {
		return nil, err
	}
	next := &policySet{version: version, checked: time.Now()}
	if old != nil && old.version == version {
		next.byName = old.byName
	} else {
		list, err := p.b.db.HostPolicies(ctx)
		if err != nil {
			return nil, err
		}
		next.byName = make(map[string]models.HostPolicy, len(list))
		for _, policy := range list {
			next.byName[policy.Domain] = policy
		}
	}
	p.current.Store(next)
	return next, nil
}

func (s *policySet) good() bool { return s != nil && time.Since(s.checked) < policiesFor }

// of returns the policy for a host, that of the nearest name above it where it has
// none of its own.
func (s *policySet) of(host string) models.HostPolicy {
	if s == nil || len(s.byName) == 0 {
		return models.HostPolicy{}
	}
	for name := domainOf(host); name != ""; _, name, _ = strings.Cut(name, ".") {
		if policy, ok := s.byName[name]; ok {
			return policy
		}
	}
	return models.HostPolicy{}
}

// known is the policy for a host as it was last read, for use inside of a
// transaction, where nothing else may be asked.
func (p *policies) known(host string) models.HostPolicy { return p.current.Load().of(host) }

// HostPolicy returns what the admins have decided about a host, which may have a
// port; the zero policy where that is nothing.
func (b *Bridge) HostPolicy(ctx context.Context, host string) (models.HostPolicy, error) {
	s, err := b.policies.fresh(ctx)
	if err != nil {
		return models.HostPolicy{}, err
	}
	return s.of(host), nil
}

// RefuseHost returns [ErrHostBlocked] for a host that is blocked. It is what a
// client for outgoing requests asks before each of them.
func (b *Bridge) RefuseHost(ctx context.Context, host string) error {
	policy, err := b.HostPolicy(ctx, host)
	if err != nil {
		return err
	}
	if policy.Severity == models.SeverityBlock {
		return ErrHostBlocked
	}
	return nil
}

// MediaRefused reports whether the pictures, sound and films of a host are not to be
// fetched.
func (b *Bridge) MediaRefused(ctx context.Context, host string) (bool, error) {
	policy, err := b.HostPolicy(ctx, host)
	return policy.RejectMedia || policy.Severity == models.SeverityBlock, err
}

// domainOf is the name of a host as policies have it: in lower case, without port
// and final dot, and in the letters of the domain name system.
func domainOf(host string) string {
	host = strings.ToLower(strings.TrimSpace(host))
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(host, ".")
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		return ascii
	}
	return host
}

// Domain returns the name of a domain as the admins may write it ("*.Example.com",
// "example.com.") in the form that policies have, or an error.
func Domain(name string) (string, error) {
	plain := strings.TrimPrefix(strings.TrimSpace(name), "*.")
	domain := domainOf(plain)
	if domain == "" || len(domain) > maxHost || strings.Contains("."+domain+".", "..") ||
		strings.ContainsAny(plain, "/@:?#*") || strings.ContainsFunc(domain, notOfDomain) {
		return "", invalid("%q is no name of a server: write it like example.org, without https:// and without a path.", name)
	}
	return domain, nil
}

// notOfDomain reports whether a character is none that a name of the domain name
// system has. White space matters most: it would be trimmed where the name is read
// again, and the policy be one about another server.
func notOfDomain(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

// SetHostPolicies stores decisions about servers. Where one is blocked, what follows
// there are between people here and there end; they do not come back when the block
// is lifted.
func (b *Bridge) SetHostPolicies(ctx context.Context, list ...models.HostPolicy) error {
	for i := range list {
		p := &list[i]
		var err error
		if p.Domain, err = Domain(p.Domain); err != nil {
			return err
		}
		if p.Domain == domainOf(b.names.hostname) || strings.HasSuffix(domainOf(b.names.hostname), "."+p.Domain) {
			return invalid("%s is this server itself.", p.Domain)
		}
		p.Created, p.Updated = b.time(), b.time()
	}
	err := b.db.Write(ctx, func(tx *models.Tx) error {
		for i := range list {
			if err := tx.SetHostPolicy(ctx, &list[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.policies.forget()
	return b.partWithBlocked(ctx)
}

// LiftHostPolicy removes the decision about a domain.
func (b *Bridge) LiftHostPolicy(ctx context.Context, name string) error {
	domain, err := Domain(name)
	if err != nil {
		return err
	}
	err = b.db.Write(ctx, func(tx *models.Tx) error { return tx.RemoveHostPolicy(ctx, domain) })
	if errors.Is(err, models.ErrNotFound) {
		return missing("host policy", domain)
	}
	b.policies.forget()
	return err
}

// forget has the policies read anew.
func (p *policies) forget() { p.current.Store(nil) }

// hostsAtOnce is with how many hosts a transaction parts.
const hostsAtOnce = 200

// partWithBlocked ends the follows to and from all hosts that are blocked, in
// transactions of a bounded size. A block holds before it runs; what a crash leaves
// of its work the next decision does.
func (b *Bridge) partWithBlocked(ctx context.Context) error {
	s, err := b.policies.fresh(ctx)
	if err != nil {
		return err
	}
	for after := ""; ; {
		hosts, err := b.db.KnownHosts(ctx, after, hostsAtOnce)
		if err != nil || len(hosts) == 0 {
			return err
		}
		after = hosts[len(hosts)-1]
		var blocked []string
		for _, host := range hosts {
			if s.of(host).Severity == models.SeverityBlock {
				blocked = append(blocked, host)
			}
		}
		if len(blocked) == 0 {
			continue
		}
		err = b.db.Write(ctx, func(tx *models.Tx) error {
			_, err := tx.Part(ctx, blocked...)
			return err
		})
		if err != nil {
			return err
		}
	}
}

// Silence lets what somebody does, here or elsewhere, reach only those here who
// follow them, or lets it reach everybody again.
func (b *Bridge) Silence(ctx context.Context, actor int64, silenced bool) error {
	return b.db.Write(ctx, func(tx *models.Tx) error { return tx.SetSilenced(ctx, actor, silenced) })
}

// SuspendRemote takes somebody elsewhere out of use here, or back: nothing of theirs
// is accepted, and nothing is sent to them. Accounts of this server are suspended by
// [Bridge.Suspend].
func (b *Bridge) SuspendRemote(ctx context.Context, id int64, suspended bool) error {
	return b.db.Write(ctx, func(tx *models.Tx) error {
		actor, err := tx.Actor(ctx, id)
		switch {
		case err != nil:
			return err
		case actor.Local:
			return invalid("%s is of this server: suspend the account.", actor.Doc.ID)
		case actor.State == models.Deleted:
			return goneActor(actor)
		}
		actor.State = models.Active
		if suspended {
			actor.State = models.Suspended
		}
		return tx.UpdateActor(ctx, actor)
	})
}
