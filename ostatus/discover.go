package ostatus

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
	"manifold/ostatus/salmon"
	"manifold/ostatus/xrd"
)

// found is somebody elsewhere as their own server shows them.
type found struct {
	account *bridge.Account
	// key is what they sign with, nil for groups, and for those who have none.
	key *rsa.PublicKey
	// feed is the address of their feed as its own server writes it, hub where that
	// takes subscriptions; both may be empty.
	feed, hub string
	// activityPub is their id on ActivityPub, "" where their server names none.
	activityPub string
}

// Discover implements [bridge.Network]. Who speaks ActivityPub is left to that
// network, where we are on it.
func (s *Server) Discover(ctx context.Context, name string) (*bridge.Account, error) {
	f, err := s.find(ctx, name)
	if err == nil && s.activityPub {
		err = s.checkOurs(ctx, f)
	}
	if lasting(err) {
		return nil, fmt.Errorf("%w: %w", bridge.ErrUnknownAccount, err)
	}
	if err != nil {
		return nil, err
	}
	return f.account, nil
}

// checkOurs refuses somebody who is on ActivityPub. That a descriptor says so is not
// enough: GNU social 2 does even while its plugin is off, and then shows the page for
// people in place of the actor.
func (s *Server) checkOurs(ctx context.Context, f *found) error {
	if f.activityPub == "" {
		return nil
	}
	a, err := s.get(ctx, f.activityPub, atom.TypeActivityPub, 1)
	switch {
	case err != nil && !lasting(err):
		return err
	case err != nil:
		return nil // there is nothing that could be asked
	}
	media, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	missing := a.Status == http.StatusNotFound || a.Status == http.StatusNotAcceptable
	if missing || a.Status == http.StatusOK && (media == atom.TypeHTML || media == "application/xhtml+xml") {
		return nil
	}
	return notHad(f.account.IRI, "its server says that it is on ActivityPub, as %s", f.activityPub)
}

// meet stores somebody as their server describes them, with their key.
func (s *Server) meet(ctx context.Context, f *found) (*models.Actor, error) {
	changed := false
	actor, err := s.bridge.Introduce(ctx, f.account, func(ctx context.Context, tx *models.Tx, actor *models.Actor) (err error) {
		if f.key == nil {
			return nil
		}
		der, err := x509.MarshalPKIXPublicKey(f.key)
		if err == nil {
			changed, err = tx.SetSalmonKey(ctx, actor.ID, s.now(), f.account.IRI, der)
		}
		return err
	})
	if err == nil && changed {
		s.log.Info("somebody has changed a key", "actor", f.account.IRI, "key", models.SalmonKeyIRI(f.account.IRI))
	}
	return actor, err
}

// find looks for somebody by their account or an address of theirs: the descriptor
// says where the feed is, and the feed who they are. What is no [*FetchError] is the
// error of the context.
func (s *Server) find(ctx context.Context, name string) (*found, error) {
	if s.names.Ours(name) {
		return nil, notHad(name, "it is of this server, and does not come from elsewhere")
	}
	d, err := s.lookup(ctx, name)
	switch {
	case err == nil:
		return s.described(ctx, d)
	case lasting(err) && hostOf(name) != "":
		return s.onPage(ctx, name)
	}
	return nil, err
}

// described makes somebody of their descriptor and their feed.
func (s *Server) described(ctx context.Context, d *xrd.Found) (*found, error) {
	feed, err := s.feedBehind(ctx, d.Descriptor)
	if err != nil && !lasting(err) {
		return nil, err
	}
	person := &atom.Person{}
	if feed != nil {
		person = feed.owner
	}
	uri := firstOf(webAddress(person.Identity()), addressIn(d))
	if uri == "" {
		return nil, notHad(d.Resource.URI, "there is neither a feed that says whose it is nor an address in its descriptor: %v", err)
	}
	asked := d.Resource
	if d, err = s.authority(ctx, d, uri, feed); err != nil {
		return nil, err
	}
	f := &found{activityPub: activityPubOf(d.Descriptor.Links)}
	profile := s.profile(person, d.Descriptor, uri)
	if profile.ID, err = s.accountOf(ctx, d, asked, uri); err != nil {
		return nil, err
	}
	f.account = &bridge.Account{Profile: profile, Network: Network, IRI: uri, Inbox: d.Descriptor.Salmon(), Aliases: []string{uri}}
	f.account.Aliases = append(f.account.Aliases, s.aliases(ctx, d.Descriptor, uri, profile.URL)...)
	if feed != nil {
		f.feed, f.hub = feed.address, feed.hub
		if profile.Type == vocab.TypeGroup || f.account.Inbox == "" {
			// GNU social 2 puts a wrong number into the descriptors of groups.
			f.account.Inbox = firstOf(feed.salmon, f.account.Inbox)
		}
	}
	if l := d.Descriptor.Link(xrd.RelKey); l != nil {
		f.key, _ = salmon.ParsePublicKey(l.Href) // what is no key is none
	}
	return f, s.checkReach(f)
}

// checkReach refuses somebody who cannot be reached in any way, and addresses where
// nothing may be sent.
func (s *Server) checkReach(f *found) error {
	a := f.account
	if a.Inbox != "" && s.mayFetch(a.Inbox) != nil {
		a.Inbox = ""
	}
	switch {
	case s.names.Ours(a.IRI):
		return notHad(a.IRI, "it is of this server, and does not come from elsewhere")
	case a.Inbox == "" && f.feed == "":
		return notHad(a.IRI, "it has neither a feed nor an endpoint for salmon")
	case len(a.IRI) > models.MaxIRI:
		return notHad(hostOf(a.IRI), "the author URI is too long")
	}
	return nil
}

// activityPubOf returns the id of an actor of ActivityPub that links name, "" for
// none.
func activityPubOf(links []xrd.Link) string {
	for _, l := range links {
		media, _, _ := strings.Cut(l.Type, ";")
		if (l.Rel == "self" || l.Rel == atom.RelAlternate) && l.Href != "" && (media == atom.TypeActivityPub || media == "application/ld+json" && strings.Contains(l.Type, "activitystreams")) {
			return l.Href
		}
	}
	return ""
}

// addressIn is the address of the web that a descriptor is about: what was asked for,
// or the first of its names that is not the page for people.
func addressIn(d *xrd.Found) string {
	if !d.Resource.Account {
		return d.Resource.URI
	}
	page := d.Descriptor.Href(xrd.RelProfile)
	address := ""
	for _, name := range d.Descriptor.Names() {
		if hostOf(name) == d.Resource.Host && (address == "" || address == page) {
			address = name
		}
	}
	return address
}

// authority returns the descriptor that the server of a URI gives of it. Anybody can
// put the feed of somebody else into their own descriptor: where that does not name
// the author of the feed, or is of another server, the author's is asked, and has to
// lead to the same feed.
func (s *Server) authority(ctx context.Context, d *xrd.Found, uri string, feed *feed) (*xrd.Found, error) {
	names := func(d *xrd.Found) bool {
		return d.Resource.Host == hostOf(uri) && salmon.Bind(uri, d.Descriptor.Names()) != salmon.Unbound
	}
	if names(d) {
		return d, nil
	}
	second, err := s.lookup(ctx, uri)
	switch {
	case err != nil:
		return nil, err
	case !names(second):
		return nil, notHad(d.Resource.URI, "its feed is by %s, whose server does not say so", uri)
	case feed != nil && !s.leadsTo(ctx, second.Descriptor, feed):
		return nil, notHad(d.Resource.URI, "its feed is by %s, who has another", uri)
	}
	return second, nil
}

// leadsTo reports whether a descriptor names a feed.
func (s *Server) leadsTo(ctx context.Context, d *xrd.Descriptor, f *feed) bool {
	address, err := s.feedAddress(ctx, d)
	return err == nil && (xrd.Same(address, f.asked) || xrd.Same(address, f.address))
}

// accountOf returns the id that somebody is known by: their account, where its host
// says that it is theirs, or else their URI.
func (s *Server) accountOf(ctx context.Context, d *xrd.Found, asked xrd.Resource, uri string) (string, error) {
	if d.Resource.Account {
		asked = d.Resource
	}
	if asked.Account && d.Descriptor.Is(asked.URI) {
		if r, err := xrd.ParseResource(d.Descriptor.Subject); err == nil && r.Account && strings.EqualFold(r.URI, asked.URI) {
			return r.URI, nil // as it is spelled there
		}
		return asked.URI, nil
	}
	for _, name := range d.Descriptor.Names() {
		r, err := xrd.ParseResource(name)
		if err != nil || !r.Account {
			continue
		}
		confirmed, err := s.lookup(ctx, r.URI)
		switch {
		case err == nil && confirmed.Resource.URI == r.URI && salmon.Bind(uri, confirmed.Descriptor.Names()) != salmon.Unbound:
			return r.URI, nil
		case err != nil && !lasting(err) && hostname(r.Host) != hostname(hostOf(uri)):
			// Who is known by the one name today would be by another tomorrow.
			return "", err
		}
		break
	}
	return uri, nil
}

// hostname is a host without its port, which GNU social leaves out of accounts.
func hostname(host string) string {
	name, _, _ := strings.Cut(host, ":")
	return name
}

// maxVariants is how many spellings of a URI are asked about.
const maxVariants = 3

// aliases are further names that somebody has by the word of their server: the page
// for people, and the URI with the other of http and https, or with or without the
// index.php of GNU social, where the descriptors found by either name both.
func (s *Server) aliases(ctx context.Context, d *xrd.Descriptor, uri, page string) []string {
	var list []string
	if page != uri && sameHost(page, uri) && slices.Contains(d.Names(), page) {
		list = append(list, page)
	}
	variants := 0
	for _, name := range d.Names() {
		if name == uri || slices.Contains(list, name) || bareURI(name) == "" || bareURI(name) != bareURI(uri) || variants == maxVariants {
			continue
		}
		variants++
		other, err := s.lookup(ctx, name)
		if err == nil && slices.Contains(other.Descriptor.Names(), name) && slices.Contains(other.Descriptor.Names(), uri) && slices.Contains(d.Names(), uri) {
			list = append(list, name)
		}
	}
	return list
}

// bareURI is an address without what differs between the spellings of one URI.
func bareURI(address string) string {
	u, err := url.Parse(address)
	if err != nil || hostOf(address) == "" {
		return ""
	}
	return hostOf(address) + strings.TrimPrefix(u.RequestURI(), "/index.php")
}

// profile is what somebody says of themselves in their feed, or else what their
// descriptor does.
func (s *Server) profile(p *atom.Person, d *xrd.Descriptor, uri string) *vocab.Object {
	o := (&Decoder{Names: s.names}).Person(p)
	o.ID = uri
	o.URL = firstOf(o.URL, webAddress(d.Href(xrd.RelProfile)))
	if picture := d.Link(xrd.RelAvatar); o.Image == nil && picture != nil && webAddress(picture.Href) != "" {
		o.Image = &vocab.Media{URL: picture.Href, MediaType: picture.Type}
	}
	if o.PreferredUsername == "" {
		for _, name := range d.Names() {
			if r, err := xrd.ParseResource(name); err == nil && r.Account {
				o.PreferredUsername, _, _ = strings.Cut(strings.TrimPrefix(r.URI, "acct:"), "@")
				break
			}
		}
	}
	return o
}

// onPage makes somebody of a page that no descriptor is to be had of, and of the feed
// that it links to: a blog, or a server that is older than descriptors. It proves
// nothing but that the feed is that of the page.
func (s *Server) onPage(ctx context.Context, address string) (*found, error) {
	page, err := s.pageAt(ctx, address)
	if err != nil {
		return nil, err
	}
	feed, err := s.readFeed(ctx, firstOf(page.Feed(), page.Address))
	if err != nil {
		return nil, err
	}
	uri := firstOf(webAddress(feed.owner.Identity()), page.Address)
	if theirs := atom.Href(feed.owner.Links, atom.RelAlternate, atom.TypeHTML, ""); page.Feed() != "" && uri != page.Address && uri != address && theirs != page.Address && theirs != address {
		return nil, notHad(address, "the page has the feed of %s, and is not theirs", uri)
	}
	if uri != page.Address && uri != address {
		d, err := s.lookup(ctx, uri)
		if err == nil {
			return s.described(ctx, d)
		}
		if err := s.checkPage(ctx, uri, feed, err); err != nil {
			return nil, err
		}
	}
	profile := s.profile(feed.owner, &xrd.Descriptor{}, uri)
	profile.URL = firstOf(profile.URL, page.Address)
	addCard(profile, page.Card())
	f := &found{
		account: &bridge.Account{Profile: profile, Network: Network, IRI: uri, Inbox: feed.salmon, Aliases: []string{uri}},
		feed:    feed.address, hub: feed.hub, activityPub: activityPubOf(page.Links),
	}
	return f, s.checkReach(f)
}

// checkPage makes sure that the page of an author, who has no descriptor, leads to the
// feed that names them.
func (s *Server) checkPage(ctx context.Context, uri string, f *feed, failed error) error {
	if !lasting(failed) {
		return failed
	}
	page, err := s.pageAt(ctx, uri)
	switch {
	case err != nil:
		return err
	case page.Feed() != f.asked || !sameHost(page.Address, uri):
		return notHad(f.asked, "it is by %s, whose page has another", uri)
	}
	return nil
}

// pageAt gets a page for people.
func (s *Server) pageAt(ctx context.Context, address string) (*xrd.Page, error) {
	page, err := s.finder().Page(ctx, address)
	if err == nil || ctx.Err() != nil {
		return page, err
	}
	if e, ok := errors.AsType[*FetchError](err); ok {
		return nil, e
	}
	e := &FetchError{Address: address, Problem: err.Error(), Lasting: true}
	if status, ok := errors.AsType[*xrd.StatusError](err); ok {
		return nil, notServed(address, status.Status)
	}
	return nil, e
}

// addCard fills the gaps of a profile with what a card in the page says.
func addCard(o *vocab.Object, c *xrd.Card) {
	if c == nil {
		return
	}
	o.PreferredUsername = firstOf(o.PreferredUsername, c.Nickname)
	o.DisplayName = firstOf(o.DisplayName, c.Name)
	if o.Summary == "" {
		o.Summary = (&Decoder{}).Person(&atom.Person{Note: c.Note}).Summary
	}
	if o.Image == nil && webAddress(c.Photo) != "" {
		o.Image = &vocab.Media{URL: c.Photo}
	}
	if o.Location == nil && c.Address != "" {
		o.Location = place(c.Address, nil)
	}
}

// feed is what the feed of somebody tells about them.
type feed struct {
	// asked is where it was found, address what it says that it is.
	asked, address string
	hub, salmon    string
	owner          *atom.Person
}

// feedBehind reads the feed that a descriptor leads to.
func (s *Server) feedBehind(ctx context.Context, d *xrd.Descriptor) (*feed, error) {
	address, err := s.feedAddress(ctx, d)
	if err != nil {
		return nil, err
	}
	return s.readFeed(ctx, address)
}

// feedAddress is where the feed of a descriptor is: where it says, or where the page
// for people does.
func (s *Server) feedAddress(ctx context.Context, d *xrd.Descriptor) (string, error) {
	if address := firstOf(d.Href(xrd.RelUpdates, atom.TypeFeed), d.Href(xrd.RelUpdates)); address != "" {
		return address, nil
	}
	profile := d.Href(xrd.RelProfile)
	if profile == "" {
		return "", notHad(d.Subject, "its descriptor leads to no feed")
	}
	page, err := s.pageAt(ctx, profile)
	if err != nil {
		return "", err
	}
	if page.Feed() == "" {
		return "", notHad(profile, "the page leads to no feed")
	}
	return page.Feed(), nil
}

// acceptFeed asks for Atom, in all the names that old servers give it.
const acceptFeed = "application/atom+xml, application/xml;q=0.8, text/xml;q=0.8, */*;q=0.1"

// readFeed gets a feed and what it says about whose it is.
func (s *Server) readFeed(ctx context.Context, address string) (*feed, error) {
	a, err := s.get(ctx, address, acceptFeed, atom.MaxDocument+1)
	if err != nil {
		return nil, err
	}
	if a.Status != http.StatusOK {
		return nil, notServed(address, a.Status)
	}
	doc, err := atom.Decode(a.Body, atom.DecodeOptions{Address: a.Address})
	if err != nil {
		return nil, notHad(address, "%v", err)
	}
	if doc.Feed == nil {
		return nil, notHad(address, "it is not a feed, but a single entry")
	}
	f := &feed{asked: address, address: address, hub: webAddress(atom.Href(doc.Feed.Links, atom.RelHub)), owner: doc.Feed.Owner()}
	if self := atom.Href(doc.Feed.Links, atom.RelSelf); sameHost(self, a.Address) {
		f.address = self
	}
	for _, rel := range []string{xrd.RelSalmon, xrd.RelSalmonReplies, xrd.RelSalmonMention} {
		f.salmon = firstOf(f.salmon, webAddress(atom.Href(doc.Feed.Links, rel)))
	}
	if f.owner == nil {
		f.owner = &atom.Person{}
	}
	if f.owner.ObjectType == "" && doc.Feed.Group != nil {
		f.owner.ObjectType = atom.Schema + vocab.TypeGroup
	}
	if f.owner.Shown() == "" {
		f.owner.DisplayName = doc.Feed.Title
	}
	return f, nil
}
