package ostatus_test

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus"
	"manifold/ostatus/atom"
	"manifold/ostatus/salmon"
)

// checkSlap makes sure of what all salmon have in common: the exact content type, a
// signature in the form that every server takes, the author, and that the recipient
// is named.
func (w *world) checkSlap(s slap, author *models.Actor, to *someone) {
	w.t.Helper()
	keys, err := w.ActorKeys(w.t.Context(), author.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	r := salmon.Verifier{}.Verify(s.envelope, publicKey(w.t, keys.RSA))
	if !r.Valid() || r.Form != salmon.Padded {
		w.t.Errorf("%s: the signature is %v", s.entry.Does(), r)
	}
	if s.kind != "application/magic-envelope+xml" || "http://"+to.host+s.path != to.inbox {
		w.t.Errorf("%s: sent as %q to %s", s.entry.Does(), s.kind, s.path)
	}
	if s.entry.Author.Identity() != closedHome+"/users/"+author.Nickname || s.entry.Author.Name != author.Nickname {
		w.t.Errorf("%s: by %+v", s.entry.Does(), s.entry.Author)
	}
	if !s.mentions(to.uri) && (s.entry.Object == nil || s.entry.Object.ID != to.uri) {
		w.t.Errorf("%s: does not name %s: %s", s.entry.Does(), to.uri, s.payload)
	}
	if atom.Href(s.entry.Links, "alternate", "text/html") == "" || s.entry.Published.IsZero() || s.entry.Updated.IsZero() {
		w.t.Errorf("%s: without a page or a time: %s", s.entry.Does(), s.payload)
	}
}

// reaching runs a test with ann here, and bob and a group at a server that speaks only
// OStatus.
func reaching(t *testing.T, test func(w *world, ann *models.Actor, bob, group *someone)) {
	worlds(t, ostatus.Options{}, func(w *world) {
		w.start()
		p := newPeer(w.t)
		test(w, w.person("ann"), p.person("bob"), p.group("gophers"))
	})
}

func (w *world) edge(kind models.EdgeKind, from, to *models.Actor) bool {
	w.t.Helper()
	e, err := w.DB().Edge(w.t.Context(), kind, from.ID, to.ID)
	return err == nil && e.State == models.InForce
}

// A follow reaches somebody who was never heard of, and counts at once.
func TestDeliverFollowAndUnfollow(t *testing.T) {
	reaching(t, func(w *world, ann *models.Actor, bob, _ *someone) {
		who := &vocab.Object{ID: bob.acct, Type: vocab.TypePerson}
		w.do(ann, &vocab.Activity{Verb: vocab.VerbFollow, Object: who})
		s := bob.gets("follow")
		w.checkSlap(s, ann, bob)
		if s.entry.Verb != atom.Schema+"follow" || s.entry.Object.ID != bob.uri {
			w.t.Errorf("the follow is %s", s.payload)
		}
		actor := w.meet(bob)
		until(w.t, "the follow is in force", func() bool { return w.edge(models.Follows, ann, actor) })
		w.do(ann, &vocab.Activity{Verb: vocab.VerbStopFollowing, Object: who})
		s = bob.gets("unfollow")
		w.checkSlap(s, ann, bob)
		if s.entry.Verb != atom.SchemaOStatus+"unfollow" || s.entry.Object.ID != bob.uri {
			w.t.Errorf("the end of the follow is %s", s.payload)
		}
	})
}

// A mention names whom it is for, and whom else; who is named in secret is so only to
// themselves.
func TestDeliverMention(t *testing.T) {
	reaching(t, func(w *world, ann *models.Actor, bob, _ *someone) {
		carol := bob.person("carol")
		first, second := w.meet(bob), w.meet(carol)
		w.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("<b>hello</b>"), To: []*vocab.Object{public, first.Doc.Ref()}, BCC: []*vocab.Object{second.Doc.Ref()}})
		until(w.t, "both get it", func() bool { return len(bob.got()) == 2 })
		for _, s := range bob.got() {
			to := bob
			if strings.HasSuffix(s.path, "carol") {
				to = carol
			}
			w.checkSlap(s, ann, to)
			if s.entry.Does() != "post" || s.entry.Content != "<b>hello</b>" || s.mentions(carol.uri) != (to == carol) || !s.mentions(bob.uri) {
				w.t.Errorf("to %s: %s", to.nick, s.payload)
			}
		}
	})
}

// An answer names what it answers by the id that its server gave that.
func TestDeliverReply(t *testing.T) {
	reaching(t, func(w *world, ann *models.Actor, bob, _ *someone) {
		parent := w.told(bob, 1)
		w.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: &vocab.Object{Type: vocab.TypeComment, Content: "yes", InReplyTo: []*vocab.Object{parent.Doc.Ref()}}})
		s := bob.gets("post")
		w.checkSlap(s, ann, bob)
		if s.entry.InReplyTo == nil || s.entry.InReplyTo.Ref != parent.Doc.ID || s.entry.InReplyTo.Href != bob.base+"/notice/1" {
			w.t.Errorf("the answer is %s", s.payload)
		}
	})
}

// told is a note of somebody as it comes from their server.
func (w *world) told(s *someone, n int) *models.Object {
	w.t.Helper()
	author, e := w.meet(s), s.writes(n, "a question")
	found, err := w.server.Fetch(w.t.Context(), s.base+"/notice/1")
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := w.Receive(w.t.Context(), bridge.Arrival{SenderID: author.ID, Activity: found.Activity, Network: "ostatus", Verified: "fetched", ContentType: found.ContentType, Original: found.Original})
	if err != nil {
		w.t.Fatal(err)
	}
	o, err := w.DB().Object(w.t.Context(), r.Activity.Object.ID)
	if err != nil || o.Doc.ID != e.ID {
		w.t.Fatalf("the note is %+v, %v", o, err)
	}
	return o
}

// A favourite and a share reach the author of the thing, and so does their end.
func TestDeliverFavouriteAndShare(t *testing.T) {
	reaching(t, func(w *world, ann *models.Actor, bob, _ *someone) {
		o := w.told(bob, 1)
		for _, tt := range []struct {
			verb, word string
			id         func(done *models.Activity) string // of the object of the entry
		}{
			{vocab.VerbFavorite, "favorite", func(*models.Activity) string { return o.Doc.ID }},
			{vocab.VerbUnfavorite, "unfavorite", func(*models.Activity) string { return o.Doc.ID }},
			{vocab.VerbShare, "share", func(*models.Activity) string { return o.Doc.ID }},
		} {
			a := w.do(ann, &vocab.Activity{Verb: tt.verb, Object: o.Doc.Ref(), To: []*vocab.Object{public, w.meet(bob).Doc.Ref()}})
			s := bob.gets(tt.word)
			w.checkSlap(s, ann, bob)
			if s.entry.Object == nil || s.entry.Object.ID != tt.id(a) {
				w.t.Errorf("%s: %s", tt.verb, s.payload)
			}
		}
		share := bob.gets("share").entry.ID
		w.do(ann, &vocab.Activity{Verb: vocab.VerbUnshare, Object: o.Doc.Ref()})
		s := bob.gets("delete")
		w.checkSlap(s, ann, bob)
		if s.entry.ID != share || s.entry.Object.ID != share {
			w.t.Errorf("the end of the share %s is %s", share, s.payload)
		}
	})
}

// What was mentioned is told of the edits and of the end of a post.
func TestDeliverEditAndDelete(t *testing.T) {
	reaching(t, func(w *world, ann *models.Actor, bob, _ *someone) {
		o := w.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("one"), To: []*vocab.Object{public, w.meet(bob).Doc.Ref()}}).Doc.Object
		bob.gets("post")
		bob.forget()
		w.wait(2 * time.Second)
		w.do(ann, &vocab.Activity{Verb: vocab.VerbUpdate, Object: &vocab.Object{ID: o.ID, Type: o.Type, Content: "two"}})
		s := bob.gets("post")
		w.checkSlap(s, ann, bob)
		if s.entry.ID != o.ID || s.entry.Content != "two" || !s.entry.Updated.After(s.entry.Published) {
			w.t.Errorf("the edit is %s", s.payload)
		}
		w.do(ann, &vocab.Activity{Verb: vocab.VerbDelete, Object: o.Ref()})
		s = bob.gets("delete")
		w.checkSlap(s, ann, bob)
		if s.entry.ID != o.ID || s.entry.Object.ID != o.ID || s.entry.Kind() != "activity" {
			w.t.Errorf("the deletion is %s", s.payload)
		}
	})
}

// A profile that changes is told to those who follow by OStatus, each by name.
func TestDeliverProfile(t *testing.T) {
	reaching(t, func(w *world, ann *models.Actor, bob, _ *someone) {
		w.follows(w.meet(bob), ann)
		w.do(ann, &vocab.Activity{Verb: vocab.VerbUpdate, Object: &vocab.Object{ID: ann.Doc.ID, Type: vocab.TypePerson, DisplayName: "Ann of Green"}})
		s := bob.gets("update-profile")
		w.checkSlap(s, ann, bob)
		if s.entry.Author.DisplayName != "Ann of Green" || s.entry.Object.ID != closedHome+"/users/ann" {
			w.t.Errorf("the profile is %s", s.payload)
		}
	})
}

// follows has somebody elsewhere follow somebody here.
func (w *world) follows(from, to *models.Actor) {
	w.t.Helper()
	_, err := w.Receive(w.t.Context(), bridge.Arrival{SenderID: from.ID, Network: "ostatus", Verified: "salmon",
		Activity: &vocab.Activity{ID: "tag:far.example,2026:follow:" + to.Nickname, Verb: vocab.VerbFollow, Actor: from.Doc.Ref(), Object: to.Doc.Ref(), Published: w.now()}})
	if err != nil {
		w.t.Fatal(err)
	}
}

// A group elsewhere is joined, posted to and left; to follow it is to join it.
func TestDeliverGroup(t *testing.T) {
	reaching(t, func(w *world, ann *models.Actor, _, group *someone) {
		g := w.meet(group)
		for _, tt := range []struct{ verb, word, iri string }{
			{vocab.VerbFollow, "join", atom.Schema + "join"}, {vocab.VerbStopFollowing, "leave", atom.SchemaOStatus + "leave"},
			{vocab.VerbJoin, "join", atom.Schema + "join"},
		} {
			group.forget()
			w.do(ann, &vocab.Activity{Verb: tt.verb, Object: g.Doc.Ref()})
			s := group.gets(tt.word)
			w.checkSlap(s, ann, group)
			if s.entry.Verb != tt.iri || s.entry.Object.ID != group.uri || s.entry.Object.Kind() != "group" {
				w.t.Errorf("%s: %s", tt.verb, s.payload)
			}
		}
		w.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("hi"), To: []*vocab.Object{public, g.Doc.Ref()}})
		s := group.gets("post")
		w.checkSlap(s, ann, group)
		i := slices.IndexFunc(s.entry.Mentions(), func(m atom.Mention) bool { return m.URI == group.uri })
		if i < 0 || s.entry.Mentions()[i].Kind != "group" {
			w.t.Errorf("the post to the group is %s", s.payload)
		}
		w.do(ann, &vocab.Activity{Verb: vocab.VerbLeave, Object: g.Doc.Ref()})
		w.checkSlap(group.gets("leave"), ann, group)
	})
}

// Who is put on a list for everybody to see learns of it.
func TestDeliverList(t *testing.T) {
	reaching(t, func(w *world, ann *models.Actor, bob, _ *someone) {
		actor := w.meet(bob)
		list := w.do(ann, &vocab.Activity{Verb: vocab.VerbCreate, Object: &vocab.Object{Type: vocab.TypeCollection, DisplayName: "Painters", ObjectTypes: []string{"person"}}}).Doc.Object
		w.do(ann, &vocab.Activity{Verb: vocab.VerbAdd, Object: actor.Doc.Ref(), Target: list.Ref(), To: []*vocab.Object{public, actor.Doc.Ref()}})
		w.checkList(bob, ann, atom.Schema+"tag", list)
		w.do(ann, &vocab.Activity{Verb: vocab.VerbRemove, Object: actor.Doc.Ref(), Target: list.Ref(), To: []*vocab.Object{public, actor.Doc.Ref()}})
		w.checkList(bob, ann, atom.SchemaOStatus+"untag", list)
	})
}

func (w *world) checkList(bob *someone, ann *models.Actor, iri string, list *vocab.Object) {
	w.t.Helper()
	s := bob.gets(atom.Word(iri))
	w.checkSlap(s, ann, bob)
	if s.entry.Verb != iri || s.entry.Object.ID != bob.uri || s.entry.Target == nil || s.entry.Target.ID != list.ID || s.entry.Target.Kind() != "list" || s.entry.Target.Title != "Painters" {
		w.t.Errorf("%s: %s", iri, s.payload)
	}
}

// What is not for everybody leaves nothing on the wire, and tells its author who did
// not get it.
func TestDeliverNothingPrivate(t *testing.T) {
	reaching(t, func(w *world, ann *models.Actor, bob, _ *someone) {
		actor := w.meet(bob)
		w.follows(actor, ann)
		followers := &vocab.Object{ID: w.Names().Followers("ann"), Type: vocab.TypeCollection}
		o := w.told(bob, 1)
		before := len(bob.requests())
		for name, a := range map[string]*vocab.Activity{
			"a letter":                 {Verb: vocab.VerbPost, Object: note("psst"), To: []*vocab.Object{actor.Doc.Ref()}},
			"a post for followers":     {Verb: vocab.VerbPost, Object: note("dear all"), To: []*vocab.Object{followers}},
			"a share for one's friend": {Verb: vocab.VerbShare, Object: o.Doc.Ref(), To: []*vocab.Object{actor.Doc.Ref()}},
		} {
			done := w.do(ann, a)
			var failures []models.DeliveryFailure
			until(w.t, "the author of "+name+" is told", func() bool {
				var err error
				if failures, err = w.DB().FailuresOf(w.t.Context(), done.ID, models.Page{Count: 10}); err != nil {
					w.t.Fatal(err)
				}
				return len(failures) > 0
			})
			if len(failures) != 1 || failures[0].State != models.GivenUp || failures[0].Inbox != bob.inbox || !strings.Contains(failures[0].Reason, "bob@"+bob.host) || !strings.Contains(failures[0].Reason, "OStatus") {
				w.t.Errorf("%s: %+v", name, failures)
			}
			if a.Verb != vocab.VerbPost {
				continue
			}
			// Nor is anything said of what becomes of it.
			w.do(ann, &vocab.Activity{Verb: vocab.VerbUpdate, Object: &vocab.Object{ID: done.Doc.Object.ID, Type: "note", Content: "psst, psst"}})
			w.do(ann, &vocab.Activity{Verb: vocab.VerbDelete, Object: done.Doc.Object.Ref()})
		}
		// What comes after all of it has arrived.
		w.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("hello"), To: []*vocab.Object{public, actor.Doc.Ref()}})
		if s := bob.gets("post"); s.entry.Content != "hello" || len(bob.got()) != 1 {
			w.t.Errorf("%d salmon were sent, the last is %s", len(bob.got()), s.payload)
		}
		if asked := bob.requests(); len(asked) != before {
			w.t.Errorf("the server was asked for %q", asked[before:])
		}
	})
}

// What a server answers decides whether a salmon is sent again.
func TestDeliverVerdicts(t *testing.T) {
	reaching(t, func(w *world, ann *models.Actor, bob, _ *someone) {
		o := w.told(bob, 1)
		actor := w.meet(bob)
		for _, tt := range []struct {
			verb   string
			status int
			again  bool
		}{
			{vocab.VerbFavorite, http.StatusOK, false},
			{vocab.VerbFavorite, http.StatusCreated, false},
			{vocab.VerbFavorite, http.StatusAccepted, false},
			{vocab.VerbFavorite, http.StatusBadRequest, false},
			{vocab.VerbFavorite, http.StatusUnprocessableEntity, false},
			{vocab.VerbFavorite, http.StatusTooManyRequests, true},
			{vocab.VerbFavorite, http.StatusInternalServerError, true},
			{vocab.VerbFavorite, http.StatusServiceUnavailable, true},
			// GNU social 2 answers so each time.
			{vocab.VerbUnfavorite, http.StatusInternalServerError, false},
			{vocab.VerbUnfavorite, http.StatusBadGateway, true},
		} {
			bob.judges(func(slap) int { return tt.status })
			row := &models.Activity{Verb: tt.verb, ActorID: ann.ID, Object: models.Ref{Kind: models.KindObject, ID: o.ID}, Local: true, Published: w.now(),
				Doc: &vocab.Activity{ID: closedHome + "/api/activity/x", Verb: tt.verb, Actor: ann.Doc.Ref(), Object: o.Doc.Ref(), Published: w.now(), To: []*vocab.Object{public}}}
			retry, err := w.server.Deliver(w.t.Context(), &bridge.Delivery{Activity: row, Inboxes: []string{bob.inbox}})
			if err != nil || (len(retry) == 1) != tt.again {
				w.t.Errorf("%s answered with %d: to be sent again to %q, %v", tt.verb, tt.status, retry, err)
			}
		}
		bob.forget()
		unsent := func(what string, row *models.Activity, inboxes ...string) {
			w.t.Helper()
			d := &bridge.Delivery{Activity: row, Inboxes: inboxes}
			if retry, err := w.server.Deliver(w.t.Context(), d); err != nil || len(retry) > 0 || len(bob.got()) > 0 || len(d.Asked()) > 0 {
				w.t.Errorf("%s: %q %v, %d salmon, asked %q", what, retry, err, len(bob.got()), d.Asked())
			}
		}
		row := &models.Activity{Verb: vocab.VerbBlock, ActorID: ann.ID, Object: models.Ref{Kind: models.KindActor, ID: actor.ID}, Local: true, Published: w.now(),
			Doc: &vocab.Activity{ID: closedHome + "/api/activity/y", Verb: vocab.VerbBlock, Object: actor.Doc.Ref(), Published: w.now()}}
		unsent("a block", row, bob.inbox)
		row.Verb, row.Doc.Verb = vocab.VerbFollow, vocab.VerbFollow
		unsent("to an inbox of nobody", row, bob.base+"/nobody", "http://127.0.0.1:1/main/salmon/user/bob")
		letter := *row
		letter.Verb, letter.Visibility = vocab.VerbShare, models.Limited
		letter.Doc = &vocab.Activity{ID: closedHome + "/api/activity/z", Verb: vocab.VerbShare, Actor: ann.Doc.Ref(), Object: o.Doc.Ref(), Published: w.now(), To: []*vocab.Object{actor.Doc.Ref()}}
		letter.Object = models.Ref{Kind: models.KindObject, ID: o.ID}
		unsent("what is not for everybody", &letter, bob.inbox)
	})
}

func isNoThing(err error) bool { return errors.Is(err, bridge.ErrNoThing) }

func publicKey(t *testing.T, pkcs8 []byte) *rsa.PublicKey {
	t.Helper()
	k, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		t.Fatal(err)
	}
	return &k.(*rsa.PrivateKey).PublicKey
}

// Things are read from where they are; a name that leads nowhere is no thing.
func TestFetch(t *testing.T) {
	t.Parallel()
	w, p := discoverer(t, ostatus.Options{}), newPeer(t)
	bob, evil := p.person("bob"), newPeer(t).person("evil")
	e := bob.writes(1, "hello")
	for _, iri := range []string{bob.base + "/notice/1", bob.base + "/api/statuses/show/1.atom"} {
		f, err := w.server.Fetch(t.Context(), iri)
		if err != nil || f.Activity.Verb != vocab.VerbPost || f.Activity.Object.ID != e.ID || f.Activity.Object.Content != "hello" || f.Author.IRI != bob.uri || !strings.Contains(string(f.Original), "hello") {
			t.Errorf("%s: %+v %v", iri, f, err)
		}
	}
	// In the feed that its page leads to.
	p.serves("/notice/1", served{kind: "text/html", body: `<link rel="alternate" type="application/atom+xml" href="/feeds/bob.atom">`})
	bob.writes(2, "later")
	p.serves("/notice/1", served{kind: "text/html", body: `<link rel="alternate" type="application/atom+xml" href="/feeds/bob.atom">`})
	f, err := w.server.Fetch(t.Context(), bob.base+"/notice/1")
	if err != nil || f.Activity.Object.ID != e.ID || strings.Contains(string(f.Original), "later") {
		t.Errorf("in a feed: %+v %v", f, err)
	}
	// What is of somebody else, or of nobody, is not had.
	evil.document.Author.URI = bob.uri
	evil.writes(3, "forged")
	theirs := *e
	theirs.ID, theirs.Author = bob.base+"/notice/9", &atom.Person{Name: "evil", URI: evil.uri}
	doc, err := theirs.Encode()
	if err != nil {
		t.Fatal(err)
	}
	evil.serves("/stolen", served{kind: "application/atom+xml", body: string(doc)})
	p.serves("/plain", served{kind: "text/html", body: "<p>a page"})
	for _, iri := range []string{e.ID, evil.base + "/notice/3", evil.base + "/stolen", bob.base + "/plain", bob.base + "/none", closedHome + "/api/note/x"} {
		if f, err := w.server.Fetch(t.Context(), iri); !isNoThing(err) {
			t.Errorf("%s: %+v %v", iri, f, err)
		}
	}
	p.serves("/busy", served{status: http.StatusServiceUnavailable})
	if f, err := w.server.Fetch(t.Context(), bob.base+"/busy"); err == nil || isNoThing(err) {
		t.Errorf("a busy server: %+v %v", f, err)
	}
}

// TestFollowOfAServerThatFails: whoever follows somebody whose server answers WebFinger
// with 500 is told so after the first attempt, and not any more once it was found.
func TestFollowOfAServerThatFails(t *testing.T) {
	worlds(t, ostatus.Options{}, func(w *world) {
		w.start()
		ann, p := w.person("ann"), newPeer(w.t)
		bob := p.person("bob")
		names := []string{finger(bob.acct), "/.well-known/host-meta"}
		for _, path := range names {
			p.serves(path, served{status: http.StatusInternalServerError})
		}
		followed := w.do(ann, &vocab.Activity{Verb: vocab.VerbFollow, Object: &vocab.Object{ID: bob.acct, Type: vocab.TypePerson}})
		failures := func() []models.DeliveryFailure {
			list, err := w.DB().FailuresOf(w.t.Context(), followed.ID, models.Page{Count: 10})
			if err != nil {
				w.t.Fatal(err)
			}
			return list
		}
		until(w.t, "the failure is told", func() bool { return len(failures()) == 1 })
		if f := failures()[0]; f.Inbox != bob.acct || f.State != models.Retrying || !strings.Contains(f.Reason, "500") || f.Next.IsZero() {
			w.t.Errorf("what is told is %+v", f)
		}
		bob.publish()
		now := map[models.Dialect]string{models.SQLite: "datetime('now', '-1 minute')", models.Postgres: "now()"}[w.DB().Dialect()]
		until(w.t, "the attempt is over", func() bool {
			var n int
			err := w.DB().SQL().QueryRowContext(w.t.Context(), "SELECT COUNT(*) FROM river_job WHERE kind = 'reach' AND state = 'retryable'").Scan(&n)
			return err == nil && n == 1
		})
		if _, err := w.DB().SQL().ExecContext(w.t.Context(), "UPDATE river_job SET state = 'available', scheduled_at = "+now+" WHERE kind = 'reach'"); err != nil {
			w.t.Fatal(err)
		}
		bob.gets("follow")
		until(w.t, "nothing is told any more", func() bool { return len(failures()) == 0 })
	})
}
