package integration

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"manifold/integration/gnusocial"
)

// neighbours are a server and a site that speaks OStatus as GNU social does.
type neighbours struct {
	t *testing.T
	s *server
	g *gnusocial.Server
	// db is the database of the server.
	db *sql.DB
}

// neighbour is somebody with an account on the site.
type neighbour struct {
	*gnusocial.Person
	nick string
}

type neighbourTest struct {
	name string
	run  func(w *neighbours)
}

// TestGNUSocial has people here and on a site like GNU social do everything with each
// other. What ann sees, her pump.io client shows; what bob sees is what the site made
// of what came in, and it is as strict as GNU social.
func TestGNUSocial(t *testing.T) {
	t.Parallel()
	onEachNeighbourhood(t, gnusocial.Options{}, slices.Concat(ostatusFollows, ostatusPosts, ostatusReactions, ostatusProfiles, ostatusGroups, ostatusPages))
}

// TestStatusNet does what matters most with a site of 2011, which reads descriptors in
// XML only and has no leases: it is asked back before its subscription is answered.
func TestStatusNet(t *testing.T) {
	t.Parallel()
	onEachNeighbourhood(t, gnusocial.Options{Old: true, ShortAddresses: true}, []neighbourTest{
		{"follow by bob", bobFollowsAnn}, {"unfollow by bob", bobUnfollowsAnn}, {"follow by ann", annFollowsBob},
		{"post by ann", annPostsToBob}, {"reply by ann", annAnswersBob}, {"reply by bob", bobAnswersAnn},
		{"favourite by bob", bobLikesAnns}, {"group here by its id", groupHereByID}, {"group there", groupThere},
	})
}

// onEachNeighbourhood runs tests by their names, beside each other, on one server and
// one site for each database. In the end the site must have taken all that it was sent.
func onEachNeighbourhood(t *testing.T, o gnusocial.Options, tests []neighbourTest) {
	onEachDatabase(t, func(t *testing.T, database string) {
		w := meetNeighbours(t, database, o)
		t.Run("with", func(t *testing.T) {
			for _, tt := range tests {
				t.Run(tt.name, func(t *testing.T) {
					t.Parallel()
					tt.run(w.at(t))
				})
			}
		})
		w.nothingRefused()
		w.validDocuments()
		w.s.stop()
	})
}

// meetNeighbours starts a server on a database, and a site.
func meetNeighbours(t *testing.T, database string, o gnusocial.Options) *neighbours {
	t.Helper()
	w := &neighbours{t, newServer(t, database, federating...), gnuSocial(t, o), openDatabase(t, database)}
	w.s.start()
	return w
}

// at are the same in another test.
func (w *neighbours) at(t *testing.T) *neighbours { return &neighbours{t, w.s.at(t), w.g, w.db} }

// gnuSocial starts a site that ends with the test.
func gnuSocial(t *testing.T, o gnusocial.Options) *gnusocial.Server {
	t.Helper()
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	g, err := gnusocial.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// nothingRefused demands that the site took all that it was sent, but for what a test
// brings about: see undecided.
func (w *neighbours) nothingRefused() {
	w.t.Helper()
	for _, a := range w.g.Refused() {
		if undecided(a) {
			continue
		}
		w.t.Errorf("the site has refused a %s at %s: %s\n%s", a.Kind, a.Path, a.Refusal, a.Document)
	}
}

// validDocuments demands that what the site was sent, as slaps and by the hub, holds the
// rules of Atom.
func (w *neighbours) validDocuments() {
	w.t.Helper()
	documents := map[string]string{}
	kinds := map[string]int{}
	for i, a := range w.g.Arrivals() {
		if (a.Kind == "salmon" || a.Kind == "push") && len(a.Document) > 0 && !undecided(a) {
			documents[fmt.Sprintf("%s %d at %s", a.Kind, i, a.Path)] = string(a.Document)
			kinds[a.Kind]++
		}
	}
	if kinds["salmon"] < 3 || kinds["push"] < 3 {
		w.t.Errorf("the site was sent %v", kinds)
	}
	checkFeeds(w.t, documents)
}

// must is for what has to succeed.
func (w *neighbours) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// until waits until check finds nothing wrong.
func (w *neighbours) until(what string, check func() error) {
	w.t.Helper()
	eventually(w.t, what, check)
}

// nick makes a nickname that only this test has.
func (w *neighbours) nick(who string) string {
	return who + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(w.t.Name()[strings.LastIndexByte(w.t.Name(), '/')+1:]))
}

func (w *neighbours) here(who string) *person { return w.s.person(w.nick(who)) }

func (w *neighbours) there(who string) *neighbour {
	w.t.Helper()
	nick := w.nick(who)
	p, err := w.g.Person(nick)
	w.must(err)
	return &neighbour{p, nick}
}

// name is what people see.
func (n *neighbour) name() string { return n.Profile().Name }

// someone makes an account on the server and one on the site, whom nobody knows yet.
func (w *neighbours) someone() (ann *person, bob *neighbour) {
	w.t.Helper()
	return w.here("ann"), w.there("bob")
}

// friends makes two people who follow each other.
func (w *neighbours) friends() (ann *person, bob *neighbour) {
	w.t.Helper()
	ann, bob = w.someone()
	w.annFollows(ann, bob)
	w.bobFollows(bob, ann)
	return ann, bob
}

// annFollows has somebody here follow somebody there, and waits until what is posted
// there would be delivered.
func (w *neighbours) annFollows(ann *person, bob *neighbour) {
	w.t.Helper()
	ann.befriend(bob.Acct())
	ann.lists("following", bob.Acct())
	w.until("the hub of the site delivers to here", func() error {
		if n := len(w.g.Subscribers(bob.Feed())); n != 1 || !slices.Contains(bob.Followers(), ann.actor()) {
			return fmt.Errorf("it has %d subscribers, and %s is followed by %v", n, bob.nick, bob.Followers())
		}
		return nil
	})
}

// bobFollows has somebody there follow somebody here, and waits until what is posted
// here would be delivered.
func (w *neighbours) bobFollows(bob *neighbour, ann *person) {
	w.t.Helper()
	w.must(bob.Follow(ann.acct()))
	ann.lists("followers", bob.Acct())
	w.delivers(ann.actor(), ann.actor()+"/feed.atom")
}

// delivers waits until the hub of the server would deliver what is new in a feed. It
// counts who has confirmed a moment after the site has.
func (w *neighbours) delivers(uri, feed string) {
	w.t.Helper()
	w.until("the hub of the server delivers to the site", func() error {
		n := w.count("SELECT COUNT(*) FROM hub_subscribers WHERE request = 0 AND topic = '" + feed + "'")
		if state := w.g.Subscription(uri); state != "active" || n != 1 {
			return fmt.Errorf("the subscription is %q, and the hub has %d", state, n)
		}
		return nil
	})
}

// posts has somebody there post something.
func (w *neighbours) posts(bob *neighbour, post gnusocial.Post) *gnusocial.Notice {
	w.t.Helper()
	n, err := bob.Post(post)
	w.must(err)
	return n
}

// arrives waits until a notice is known to the site.
func (w *neighbours) arrives(what, id string) *gnusocial.Notice {
	w.t.Helper()
	var n *gnusocial.Notice
	w.until("the site has "+what, func() error {
		if n = w.g.Notice(id); n == nil {
			return fmt.Errorf("%s is not there", id)
		}
		return nil
	})
	return n
}

// inTimeline reports whether somebody there sees a notice.
func (n *neighbour) inTimeline(id string) bool {
	return slices.ContainsFunc(n.Timeline(), func(notice gnusocial.Notice) bool { return notice.ID == id })
}

// vanishes waits until a notice is not known to the site.
func (w *neighbours) vanishes(what, id string) {
	w.t.Helper()
	w.until("the site has no "+what, func() error {
		if w.g.Notice(id) != nil {
			return errors.New("it has")
		}
		return nil
	})
}

// noLonger waits until nothing in a feed of the person is what was looked for.
func (p *person) noLonger(feed, what string, match func(document) bool) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%s sees no %s in the %s", p.nick, what, feed), func() error {
		items, err := p.page(feed)
		if err == nil && slices.ContainsFunc(items, match) {
			err = fmt.Errorf("there is %s", activities(items))
		}
		return err
	})
}

// says posts something for everybody that also goes to some people by name.
func (p *person) says(object args, to ...string) document {
	p.t.Helper()
	list := []args{{"objectType": "collection", "id": "http://activityschema.org/collection/public"}}
	for _, id := range to {
		list = append(list, args{"objectType": "person", "id": id})
	}
	return p.does(args{"verb": "post", "object": object, "to": list,
		"cc": []args{{"objectType": "collection", "id": p.server.url + p.path("followers")}}})
}

// comment is an answer to something.
func comment(content, parent string) args {
	return args{"objectType": "comment", "content": content, "inReplyTo": args{"objectType": "note", "id": parent}}
}
