package gnusocial

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"html"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Person is somebody with an account on the site. What they do is done when it
// returns: whoever follows them was told, as far as they could be reached.
type Person struct {
	server  *Server
	profile *profile
	key     *rsa.PrivateKey
	entries []*node // of the feed, newest first
}

// usualBits is how long the keys are that GNU social makes.
const usualBits = 1024

// Person returns somebody by the nickname, who is given an account if there is none.
func (s *Server) Person(nick string) (*Person, error) { return s.PersonWithKey(nick, usualBits) }

// PersonWithKey is [Server.Person] with a key of that many bits for a new account.
func (s *Server) PersonWithKey(nick string, bits int) (*Person, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.people[nick]; p != nil {
		return p, nil
	}
	if nick != nickname(nick) {
		return nil, fmt.Errorf("%q is no nickname", nick)
	}
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, err
	}
	n := s.number()
	path := "/index.php/user/"
	if s.options.ShortAddresses {
		path = "/user/"
	}
	p := &profile{number: n, local: true, key: &key.PublicKey, Profile: Profile{
		URI: s.Base + path + strconv.Itoa(n), Nick: nick, Name: strings.ToUpper(nick[:1]) + nick[1:], Page: s.Base + "/" + nick,
		Feed: fmt.Sprintf("%s/api/statuses/user_timeline/%d.atom", s.Base, n), Salmon: fmt.Sprintf("%s/main/salmon/user/%d", s.Base, n),
	}}
	s.profiles[p.URI] = p
	s.people[nick] = &Person{server: s, profile: p, key: key}
	return s.people[nick], nil
}

// URI is the name of the person.
func (p *Person) URI() string { return p.profile.URI }

// Acct is the account of the person, with the scheme.
func (p *Person) Acct() string { return "acct:" + p.profile.Nick + "@" + p.server.Host }

// Page is the address of the person for browsers.
func (p *Person) Page() string { return p.profile.Page }

// Feed is the address of the person's feed.
func (p *Person) Feed() string { return p.profile.Feed }

// did begins an entry of something that the person did just now.
func (p *Person) did(id, title, content, verb string) *node {
	now := stamp(p.server.moment())
	return group("entry", text("id", id), text("title", title), text("content", html.EscapeString(content), "type", "html"),
		text("activity:verb", verb), text("published", now), text("updated", now))
}

// signed is an entry with the person as its author.
func (p *Person) signed(entry *node) *node {
	s := p.server
	s.mu.Lock()
	defer s.mu.Unlock()
	n := *entry
	n.kids = append(slices.Clone(entry.kids), s.author(p.profile))
	return &n
}

// shows puts an entry into the feed of the person and tells those who follow it.
func (p *Person) shows(entry *node) {
	p.server.mu.Lock()
	p.entries = append([]*node{entry}, p.entries...)
	p.server.mu.Unlock()
	p.server.publish(p.profile, entry)
}

// Follow follows somebody by an account or an address: the feed is subscribed to, and
// then they are told.
func (p *Person) Follow(name string) error {
	s := p.server
	to, err := s.meet(name)
	if err != nil {
		return err
	}
	if to.Group {
		return p.Join(name)
	}
	s.mu.Lock()
	subscribed := to.local || to.sub != nil && to.sub.state == "active"
	s.mu.Unlock()
	if !subscribed {
		if err := s.subscribe(to, "subscribe"); err != nil {
			return err
		}
	}
	s.mu.Lock()
	remember(s.follows, p.profile.URI, to.URI)
	entry := p.did(s.tag("subscription:%d:person:%d:%s", p.profile.number, to.number, stamp(s.moment())), "Follow",
		p.profile.shown()+" is now following "+to.shown()+".", schema+"follow").add(s.object(to, "activity:object"))
	s.mu.Unlock()
	p.shows(entry)
	return p.slap(to, p.signed(entry))
}

// Unfollow ends a follow. Its id is the same each time. When nobody of here follows
// any more, the subscription is given up.
func (p *Person) Unfollow(uri string) error {
	s := p.server
	s.mu.Lock()
	to := s.profiles[uri]
	if to == nil {
		s.mu.Unlock()
		return fmt.Errorf("%s is not known", uri)
	}
	delete(s.follows[p.profile.URI], uri)
	entry := p.did(s.tag("unfollow:%d:%d:1970-01-01T00:00:00+00:00", p.profile.number, to.number), "Unfollow",
		p.profile.shown()+" stopped following "+to.shown()+".", schemaOwn+"unfollow").add(s.object(to, "activity:object"))
	last := true
	for _, person := range s.people {
		last = last && !s.follows[person.profile.URI][uri]
	}
	s.mu.Unlock()
	err := p.slap(to, p.signed(entry))
	if last && !to.local && err == nil {
		err = s.subscribe(to, "unsubscribe")
	}
	return err
}

// Favourite likes a notice. The feed and the slap have the same id.
func (p *Person) Favourite(id string) error { return p.react(id, "fave", "Favor", "favorite") }

// Unfavourite takes that back, which is told by a slap alone.
func (p *Person) Unfavourite(id string) error {
	return p.react(id, "disfavor", "Disfavor", "unfavorite")
}

func (p *Person) react(id, kind, title, verb string) error {
	s := p.server
	s.mu.Lock()
	n := s.notices[id]
	if n == nil {
		s.mu.Unlock()
		return fmt.Errorf("%s is not known here", id)
	}
	author := s.profiles[n.Author]
	entry := p.did(s.tag("%s:%d:%s:%d:%s", kind, p.profile.number, n.Type, n.number, stamp(s.moment())), title,
		p.profile.Nick+" "+verb+"d something by "+author.Nick+": "+n.Content, schema+verb).add(
		group("activity:object", s.note(n)...), text("thr:in-reply-to", "", "ref", id), group("activity:target", s.note(n)...))
	err := s.favour(verb, p.profile, id)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if verb == "favorite" {
		p.shows(entry)
	}
	return p.slap(author, p.signed(entry))
}

// Delete deletes a notice of the person. Those who follow the feed are told, nobody
// else is; the entry has the id of the notice.
func (p *Person) Delete(id string) error {
	s := p.server
	s.mu.Lock()
	if n := s.notices[id]; n == nil || n.Author != p.profile.URI {
		s.mu.Unlock()
		return fmt.Errorf("%s is no notice of %s", id, p.profile.Nick)
	}
	err := s.erase(id, p.profile)
	is := func(e *node) bool {
		return slices.ContainsFunc(e.kids, func(k *node) bool { return k.name == "id" && k.text == id })
	}
	p.entries = slices.DeleteFunc(p.entries, is)
	for _, g := range s.groups {
		g.entries = slices.DeleteFunc(g.entries, is)
	}
	number := s.number()
	s.mu.Unlock()
	what := []*node{text("activity:object-type", schema+"note"), text("id", id)}
	p.shows(p.did(id, "Delete", p.profile.shown()+" deleted a notice.", schema+"delete").add(
		link("alternate", fmt.Sprintf("%s/notice/%d", s.Base, number), "type", typeHTML), group("activity:object", what...),
		mentionLink(everybody, "collection"), group("activity:target", what...)))
	return err
}

// Changes are those of a profile; what is "" stays.
type Changes struct{ Name, Bio, Location, Avatar string }

// Update changes the profile. Only people whom the person follows are told, and what
// they are told mentions nobody.
func (p *Person) Update(c Changes) error {
	s := p.server
	s.mu.Lock()
	for _, change := range []struct {
		of *string
		to string
	}{{&p.profile.Name, c.Name}, {&p.profile.Bio, c.Bio}, {&p.profile.Location, c.Location}, {&p.profile.Avatar, c.Avatar}} {
		if change.to != "" {
			*change.of = change.to
		}
	}
	entry := p.did(s.tag("update-profile:%d:%s", p.profile.number, stamp(s.moment())), "Profile update",
		p.profile.shown()+" has updated their profile page.", schemaOwn+"update-profile").add(s.object(p.profile, "activity:object"))
	var told []*profile
	for uri := range s.follows[p.profile.URI] {
		told = append(told, s.profiles[uri])
	}
	s.mu.Unlock()
	var errs []error
	for _, to := range told {
		errs = append(errs, p.slap(to, p.signed(entry)))
	}
	return errors.Join(errs...)
}

// List puts somebody on a list of the person's, and Unlist takes them off it.
func (p *Person) List(list, uri string) error { return p.listing("tag", schema, list, uri) }

// Unlist undoes [Person.List].
func (p *Person) Unlist(list, uri string) error { return p.listing("untag", schemaOwn, list, uri) }

func (p *Person) listing(verb, base, list, name string) error {
	s := p.server
	to, err := s.meet(name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	id := fmt.Sprintf("%s/api/%s/lists/%s/statuses.atom", s.Base, p.profile.Nick, list)
	if verb == "tag" {
		remember(s.lists, id, to.URI)
	} else {
		delete(s.lists[id], to.URI)
	}
	entry := p.did(s.tag("%s:%d:%d:%s", verb, p.profile.number, to.number, stamp(s.moment())), "List",
		p.profile.shown()+" listed "+to.shown()+" in "+list+".", base+verb).add(s.object(to, "activity:object"),
		group("activity:target", text("activity:object-type", schema+"list"), text("id", id), text("title", list),
			link("alternate", s.Base+"/"+p.profile.Nick+"/all/"+list, "type", typeHTML), s.author(p.profile)))
	s.mu.Unlock()
	return p.slap(to, p.signed(entry))
}

// Followers are the names of those who follow the person.
func (p *Person) Followers() []string {
	s := p.server
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []string
	for who, whom := range s.follows {
		if whom[p.profile.URI] {
			found = append(found, who)
		}
	}
	slices.Sort(found)
	return found
}

// Following are the names of those whom the person follows.
func (p *Person) Following() []string {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	return slices.Sorted(maps.Keys(p.server.follows[p.profile.URI]))
}

// Profile is what others are told of the person.
func (p *Person) Profile() Profile {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	return p.profile.Profile
}

// Listed are the names of those who are known here to be on a list.
func (s *Server) Listed(list string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.lists[list]))
}
