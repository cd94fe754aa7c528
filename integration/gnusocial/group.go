package gnusocial

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Group is a group of the site. It has no key: what its feed shows, its members have
// said.
type Group struct {
	server  *Server
	profile *profile
	number  int // its own, not that of the profile
	entries []*node
}

// Group makes a group with its first member.
func (s *Server) Group(nick string, by *Person) *Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	number, n := s.number(), s.number()
	p := &profile{number: n, local: true, Profile: Profile{
		URI: s.Base + "/group/" + strconv.Itoa(number) + "/id", Nick: nick, Name: "All about " + nick, Page: s.Base + "/group/" + nick, Group: true,
		Feed:   fmt.Sprintf("%s/api/statusnet/groups/timeline/%d.atom", s.Base, number),
		Salmon: fmt.Sprintf("%s/main/salmon/group/%d", s.Base, number),
	}}
	s.profiles[p.URI] = p
	s.groups[nick] = &Group{server: s, profile: p, number: number}
	remember(s.members, p.URI, by.profile.URI)
	return s.groups[nick]
}

// URI is the name of the group.
func (g *Group) URI() string { return g.profile.URI }

// Page is the address of the group for browsers.
func (g *Group) Page() string { return g.profile.Page }

// Feed is the address of the group's feed.
func (g *Group) Feed() string { return g.profile.Feed }

// Members are the names of those who are in the group.
func (g *Group) Members() []string { return g.server.Members(g.profile.URI) }

// Members are the names of those who are known here to be in a group.
func (s *Server) Members(uri string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.members[uri]))
}

// Notices are what the group shows, in the order in which it came.
func (g *Group) Notices() []Notice { return g.server.NoticesIn(g.profile.URI) }

// NoticesIn are what is known here to be shown in a group.
func (s *Server) NoticesIn(uri string) []Notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.choose(func(n *Notice) bool { return slices.Contains(n.Groups, uri) })
}

// Join joins a group: the feed of one elsewhere is subscribed to, and then it is
// told.
func (p *Person) Join(name string) error {
	s := p.server
	to, err := s.meet(name)
	if err == nil && !to.Group {
		err = fmt.Errorf("%s is no group", to.URI)
	}
	if err == nil && !to.local {
		err = s.subscribe(to, "subscribe")
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	remember(s.members, to.URI, p.profile.URI)
	entry := p.did(s.tag("group_member:%d:%d:%s", p.profile.number, to.number, stamp(s.moment())), "Join",
		p.profile.shown()+" has joined group "+to.shown()+".", schema+"join").add(s.object(to, "activity:object"))
	s.mu.Unlock()
	return p.slap(to, p.signed(entry))
}

// Leave leaves a group: it is told, and then the subscription is given up.
func (p *Person) Leave(uri string) error {
	s := p.server
	s.mu.Lock()
	to := s.profiles[uri]
	if to == nil || !to.Group {
		s.mu.Unlock()
		return fmt.Errorf("%s is no group that is known", uri)
	}
	delete(s.members[uri], p.profile.URI)
	last := !slices.ContainsFunc(slices.Collect(maps.Values(s.people)), func(other *Person) bool { return s.members[uri][other.profile.URI] })
	entry := p.did(s.tag("leave:%d:%d:%s", p.profile.number, to.number, stamp(s.moment())), "Leave",
		p.profile.shown()+" has left group "+to.shown()+".", schemaOwn+"leave").add(s.object(to, "activity:object"))
	s.mu.Unlock()
	err := p.slap(to, p.signed(entry))
	if last && !to.local && err == nil {
		err = s.subscribe(to, "unsubscribe")
	}
	return err
}
