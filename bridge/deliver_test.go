package bridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/riverqueue/river/rivertype"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// network is a network that keeps what it is given to deliver.
type network struct {
	name     string
	confirms bool
	// deliver answers for it; nil takes everything.
	deliver func(*bridge.Delivery) (retry []string, err error)
	// delivered has what arrived.
	delivered chan *bridge.Delivery
	// process, discover and fetch answer for what they are named after; nil knows
	// nothing.
	process  func(context.Context, *bridge.Arrived) error
	discover func(name string) (*bridge.Account, error)
	fetch    func(iri string) (*bridge.Found, error)
}

func newNetwork(name string) *network {
	return &network{name: name, delivered: make(chan *bridge.Delivery, 100)}
}

func (n *network) Name() string { return n.name }

func (n *network) Process(ctx context.Context, a *bridge.Arrived) error {
	if n.process == nil {
		return errors.New("nothing is expected")
	}
	return n.process(ctx, a)
}

func (n *network) Discover(_ context.Context, name string) (*bridge.Account, error) {
	if n.discover == nil {
		return nil, bridge.ErrUnknownAccount
	}
	return n.discover(name)
}

func (n *network) Fetch(_ context.Context, iri string) (*bridge.Found, error) {
	if n.fetch == nil {
		return nil, bridge.ErrNoThing
	}
	return n.fetch(iri)
}

func (n *network) Confirms() bool { return n.confirms }

func (n *network) Deliver(_ context.Context, d *bridge.Delivery) ([]string, error) {
	n.delivered <- d
	if n.deliver == nil {
		return nil, nil
	}
	return n.deliver(d)
}

// twoNetworks are those of most tests here; pump is the better one.
func twoNetworks() bridge.Options {
	return bridge.Options{Networks: []bridge.Network{newNetwork("pump"), newNetwork("activitypub")}}
}

// jobs are those of one kind that are queued, in the order of their making.
func (w *world) jobs(kind string) []*rivertype.JobRow {
	w.t.Helper()
	all, err := w.Jobs(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var list []*rivertype.JobRow
	for _, j := range all {
		if j.Kind == kind {
			list = append(list, j)
		}
	}
	return list
}

// delivery is what a job says.
type delivery struct {
	Network  string
	Activity int64 `json:",string"`
	Inboxes  []string
}

// deliveriesOf are the jobs that an activity made.
func (w *world) deliveriesOf(a *models.Activity) []delivery {
	w.t.Helper()
	var list []delivery
	for _, j := range w.jobs("deliver") {
		var d delivery
		if err := json.Unmarshal(j.EncodedArgs, &d); err != nil {
			w.t.Fatal(err)
		}
		if d.Activity == a.ID {
			list = append(list, d)
		}
	}
	return list
}

// inboxesOf are the inboxes that an activity is on its way to, each with its
// network.
func (w *world) inboxesOf(a *models.Activity) []string {
	w.t.Helper()
	var list []string
	for _, d := range w.deliveriesOf(a) {
		for _, inbox := range d.Inboxes {
			list = append(list, d.Network+" "+inbox)
		}
	}
	slices.Sort(list)
	return list
}

// present makes somebody elsewhere who is on a network, with an inbox named
// after them.
func (w *world) present(account, network, shared string) *models.Actor {
	w.t.Helper()
	a := w.remote(account)
	w.reach(a, network, shared)
	return a
}

func (w *world) reach(a *models.Actor, network, shared string) {
	w.t.Helper()
	w.write(func(ctx context.Context, tx *models.Tx) error {
		return tx.SetPresence(ctx, models.Presence{ActorID: a.ID, Network: network, Inbox: "https://" + a.Host + "/" + network + "/" + a.Nickname, SharedInbox: shared})
	})
}

func TestDeliveries(t *testing.T) {
	worldsWith(t, twoNetworks(), func(w *world) {
		ann, local := w.person("ann"), w.person("local")
		// On both networks: reached by the better one, and once.
		both := w.present("both@a.example", "activitypub", "")
		w.reach(both, "pump", "")
		// Two on one server that takes deliveries for all its people at once.
		one1 := w.present("one@b.example", "activitypub", "https://b.example/inbox")
		two := w.present("two@b.example", "activitypub", "https://b.example/inbox")
		// On a network that is switched off here, and on none.
		off := w.present("off@c.example", "ostatus", "")
		nowhere := w.remote("nowhere@d.example")
		w.follow(ann, both, one1, two, off, nowhere, local)
		hidden := w.present("hidden@e.example", "pump", "")
		bcc := w.present("bcc@f.example", "activitypub", "")
		friend := w.present("friend@g.example", "pump", "")
		friends := w.list(ann, "Friends", friend, both)

		for _, c := range []struct {
			what string
			a    vocab.Activity
			want []string
		}{
			{"followers", vocab.Activity{CC: one(w.followersOf(ann))}, []string{"activitypub https://b.example/inbox", "pump https://a.example/pump/both"}},
			{"public", vocab.Activity{To: one(everybody())}, []string{"activitypub https://b.example/inbox", "pump https://a.example/pump/both"}},
			{"one of two on a server", vocab.Activity{To: one(two.Doc.Ref())}, []string{"activitypub https://b.example/inbox"}},
			{"bto and bcc", vocab.Activity{BTo: one(hidden.Doc.Ref()), BCC: one(bcc.Doc.Ref())},
				[]string{"activitypub https://f.example/activitypub/bcc", "pump https://e.example/pump/hidden"}},
			{"list", vocab.Activity{To: one(friends)}, []string{"pump https://a.example/pump/both", "pump https://g.example/pump/friend"}},
			{"all ways at once", vocab.Activity{To: []*vocab.Object{both.Doc.Ref(), everybody(), friends}, CC: one(w.followersOf(ann)), BCC: one(both.Doc.Ref())},
				[]string{"activitypub https://b.example/inbox", "pump https://a.example/pump/both", "pump https://g.example/pump/friend"}},
			{"somebody here", vocab.Activity{To: one(local.Doc.Ref())}, nil},
			{"somebody on no network of ours", vocab.Activity{To: []*vocab.Object{off.Doc.Ref(), nowhere.Doc.Ref()}}, nil},
		} {
			w.sub(strings.ReplaceAll(c.what, " ", "_"), func(w *world) {
				c.a.Verb, c.a.Object = vocab.VerbPost, note("x")
				a := w.do(ann, &c.a)
				equal(w.t, "inboxes", w.inboxesOf(a), c.want...)
			})
		}
		w.sub("what came from elsewhere", func(w *world) {
			w.follow(both, one1)
			a := w.receive(both, act(vocab.VerbPost, &vocab.Object{ID: "https://a.example/1", Type: vocab.TypeNote}, everybody(), two.Doc.Ref()))
			equal(w.t, "inboxes", w.inboxesOf(a))
		})
	})
}

func TestDeliveriesOfWhatFollowsAPost(t *testing.T) {
	worldsWith(t, twoNetworks(), func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		far := w.present("far@far.example", "pump", "")
		const inbox = "pump https://far.example/pump/far"
		post := w.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("x"), BTo: one(far.Doc.Ref()), CC: one(bob.Doc.Ref())})
		equal(w.t, "inboxes of the post", w.inboxesOf(post), inbox)
		update := w.do(ann, act(vocab.VerbUpdate, &vocab.Object{ID: post.Doc.Object.ID, Content: "y"}))
		equal(w.t, "inboxes of the update", w.inboxesOf(update), inbox)
		// Bob cannot know that far got it.
		equal(w.t, "inboxes of a like", w.inboxesOf(w.do(bob, act(vocab.VerbLike, post.Doc.Object))))
		equal(w.t, "inboxes of a reply", w.inboxesOf(w.do(bob, act(vocab.VerbPost, reply("x", post.Doc.Object)))))
		gone := w.do(ann, act(vocab.VerbDelete, post.Doc.Object))
		equal(w.t, "inboxes of the deletion", w.inboxesOf(gone), inbox)

		theirs := w.receive(far, act(vocab.VerbPost, &vocab.Object{ID: "https://far.example/1", Type: vocab.TypeNote}, everybody())).Doc.Object
		equal(w.t, "inboxes of a like of theirs", w.inboxesOf(w.do(bob, act(vocab.VerbLike, theirs))), inbox)
		equal(w.t, "inboxes of a reply to them", w.inboxesOf(w.do(bob, act(vocab.VerbPost, reply("x", theirs)))), inbox)

		// The author of what is shared learns of it, and of its end, unless it is a
		// matter between others.
		equal(w.t, "inboxes of a share of theirs", w.inboxesOf(w.do(bob, act(vocab.VerbShare, theirs))), inbox)
		equal(w.t, "inboxes of its end", w.inboxesOf(w.do(bob, act(vocab.VerbUnshare, theirs))), inbox)
		equal(w.t, "inboxes of a share with one", w.inboxesOf(w.do(bob, act(vocab.VerbShare, theirs, ann.Doc.Ref()))))

		// However they are addressed, whoever is followed or not any more learns of it.
		for _, verb := range []string{vocab.VerbFollow, vocab.VerbStopFollowing} {
			equal(w.t, "inboxes of a "+verb, w.inboxesOf(w.do(bob, act(verb, far.Doc.Ref(), w.followersOf(bob)))), inbox)
		}
	})
}

// A share of what is not public is not sent to those who may not see that.
func TestDeliveriesDoNotWiden(t *testing.T) {
	worldsWith(t, twoNetworks(), func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		reader := w.present("reader@a.example", "pump", "")
		named := w.present("named@b.example", "pump", "")
		stranger := w.present("stranger@c.example", "pump", "")
		listed := w.present("listed@d.example", "pump", "")
		w.follow(ann, bob, reader)
		w.follow(bob, reader, named, stranger, listed)
		friends := w.list(ann, "Friends", listed, bob)
		for _, c := range []struct {
			what string
			post vocab.Activity
			want []string
		}{
			{"public", vocab.Activity{To: one(everybody())}, []string{"pump https://a.example/pump/reader", "pump https://b.example/pump/named",
				"pump https://c.example/pump/stranger", "pump https://d.example/pump/listed"}},
			{"followers", vocab.Activity{CC: one(w.followersOf(ann))}, []string{"pump https://a.example/pump/reader"}},
			{"people", vocab.Activity{To: []*vocab.Object{named.Doc.Ref(), bob.Doc.Ref()}}, []string{"pump https://b.example/pump/named"}},
			{"list", vocab.Activity{To: one(friends)}, []string{"pump https://d.example/pump/listed"}},
		} {
			w.sub(c.what, func(w *world) {
				c.post.Verb, c.post.Object = vocab.VerbPost, note("x")
				secret := w.do(ann, &c.post).Doc.Object
				for _, verb := range []string{vocab.VerbShare, vocab.VerbLike, "read"} {
					equal(w.t, "inboxes of a public "+verb, w.inboxesOf(w.do(bob, act(verb, secret.Ref(), everybody()))), c.want...)
				}
			})
		}
	})
}

func TestDeliveriesToManyHosts(t *testing.T) {
	const people, hosts = 250, 7
	worldsWith(t, bridge.Options{Networks: []bridge.Network{newNetwork("pump")}}, func(w *world) {
		ann := w.person("ann")
		w.write(func(ctx context.Context, tx *models.Tx) error {
			for i := range people {
				a := &models.Actor{Type: vocab.TypePerson, Doc: &vocab.Object{}}
				if err := tx.CreateActor(ctx, a); err != nil {
					return err
				}
				if err := tx.SetPresence(ctx, models.Presence{ActorID: a.ID, Network: "pump", Inbox: fmt.Sprintf("https://h%d.example/%d", i%hosts, i)}); err != nil {
					return err
				}
				if err := tx.AddEdge(ctx, &models.Edge{Kind: models.Follows, ActorID: a.ID, TargetID: ann.ID, State: models.InForce}); err != nil {
					return err
				}
			}
			return nil
		})
		jobs := w.deliveriesOf(w.do(ann, act(vocab.VerbPost, note("x"))))
		same(w.t, "jobs", len(jobs), 3)
		var order []string // of the hosts, as they follow each other
		seen := map[string]bool{}
		for _, d := range jobs {
			if len(d.Inboxes) > bridge.DeliveryChunk {
				w.t.Errorf("a job has %d inboxes, at most %d are meant to be in one", len(d.Inboxes), bridge.DeliveryChunk)
			}
			for _, inbox := range d.Inboxes {
				if seen[inbox] {
					w.t.Errorf("%s is in two jobs", inbox)
				}
				seen[inbox] = true
				u, err := url.Parse(inbox)
				if err != nil {
					w.t.Fatal(err)
				}
				if len(order) == 0 || order[len(order)-1] != u.Host {
					order = append(order, u.Host)
				}
			}
		}
		same(w.t, "inboxes", len(seen), people)
		same(w.t, "runs of one host", len(order), hosts)
	})
}

func TestNoDeliveriesOfWhatIsRefused(t *testing.T) {
	worldsWith(t, twoNetworks(), func(w *world) {
		ann := w.person("ann")
		far := w.present("far@far.example", "pump", "")
		w.do(ann, act(vocab.VerbFollow, far.Doc.Ref()))
		same(w.t, "jobs", len(w.jobs("deliver")), 1)
		w.refused(ann, act(vocab.VerbFollow, far.Doc.Ref()), bridge.Exists, "Already have a(n) 'edge' with id '"+ann.Doc.ID+"→"+far.Doc.ID+"'")
		same(w.t, "jobs", len(w.jobs("deliver")), 1)
	})
}
