package bridge_test

import (
	"fmt"
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// follows tells whom somebody follows.
func (w *world) follows(a *models.Actor) []string {
	w.t.Helper()
	edges, err := w.DB().EdgesFrom(w.t.Context(), models.Follows, a.ID, models.Page{Count: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, e := range edges {
		names = append(names, w.actor(e.TargetID).Nickname)
	}
	if n := w.actor(a.ID).Counts.Following; int(n) != len(names) {
		w.t.Errorf("%s is said to follow %d and follows %d", a.Nickname, n, len(names))
	}
	return names
}

func TestFollow(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("Ann", "bob")
		ann, bob := p[0], p[1]
		a := w.do(bob, act(vocab.VerbFollow, ann.Doc.Ref()))
		equal(w.t, "bob follows", w.follows(bob), "Ann")
		same(w.t, "followers", w.actor(ann.ID).Counts.Followers, 1)
		same(w.t, "sentence", a.Doc.Content, "<a href='"+home+"/bob'>bob</a> followed <a href='"+home+"/Ann'>Ann</a>")
		equal(w.t, "Ann's direct minor inbox", w.inbox(ann, models.DirectMinor), "bob follow Ann")

		w.refused(bob, act(vocab.VerbFollow, ann.Doc.Ref()), bridge.Exists,
			"Already have a(n) 'edge' with id '"+bob.Doc.ID+"→"+ann.Doc.ID+"'")
		w.do(bob, act(vocab.VerbStopFollowing, ann.Doc.Ref()))
		equal(w.t, "bob follows", w.follows(bob))
		same(w.t, "followers", w.actor(ann.ID).Counts.Followers, 0)
		w.refused(bob, act(vocab.VerbStopFollowing, ann.Doc.Ref()), bridge.Missing,
			"No such 'edge' with id '"+bob.Doc.ID+"→"+ann.Doc.ID+"'")
		w.refused(bob, act(vocab.VerbStopFollowing, &vocab.Object{ID: "acct:none@far.example"}), bridge.Missing,
			"No such 'edge' with id '"+bob.Doc.ID+"→acct:none@far.example'")

		// pump.io allows it.
		w.do(ann, act(vocab.VerbFollow, ann.Doc.Ref()))
		equal(w.t, "Ann follows", w.follows(ann), "Ann")
		same(w.t, "followers", w.actor(ann.ID).Counts.Followers, 1)
	})
}

func TestFollowByAnyName(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("Ann")
		for i, name := range []string{
			"acct:Ann@localhost:8080", "acct:ann@localhost:8080", "acct:ANN@LOCALHOST:8080", "acct:ann@localhost", "ann@localhost", "Ann@localhost:8080",
			"@ann@localhost", "!ann@localhost", home + "/api/user/Ann/profile", home + "/api/user/ann/profile", home + "/users/ann", home + "/ANN", home + "/users/Ann/",
			"HTTP://LocalHost:8080/users/Ann",
		} {
			fan := w.person(fmt.Sprintf("fan%d", i))
			a, err := w.try(fan, act(vocab.VerbFollow, &vocab.Object{ID: name}))
			if err != nil {
				w.t.Errorf("following %s: %v", name, err)
				continue
			}
			same(w.t, "who is followed as "+name, a.Activity.Object.ID, ann.ID)
			same(w.t, "their id", a.Activity.Doc.Object.ID, ann.Doc.ID)
		}
	})
}

func TestFollowOfSomebodyElsewhere(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob", "cid")
		ann, bob, cid := p[0], p[1], p[2]
		far := w.remote("far@far.example")
		w.do(ann, act(vocab.VerbFollow, &vocab.Object{ID: "far@far.example"}))
		w.do(bob, act(vocab.VerbFollow, &vocab.Object{ID: "acct:far@FAR.example"}))
		w.do(cid, act(vocab.VerbFollow, &vocab.Object{ID: far.Doc.ID}))
		same(w.t, "followers of one person by three names", w.actor(far.ID).Counts.Followers, 3)

		// Nobody here knows them yet: they are followed by the name that was given.
		first := w.do(ann, act(vocab.VerbFollow, &vocab.Object{ID: "New@New.example:8443", DisplayName: "New"}))
		stub := w.actor(first.Object.ID)
		same(w.t, "id", stub.Doc.ID, "acct:New@new.example:8443")
		same(w.t, "host", stub.Host, "new.example:8443")
		same(w.t, "nickname", stub.Nickname, "New")
		same(w.t, "type", stub.Type, vocab.TypePerson)
		same(w.t, "local", stub.Local, false)
		for i, name := range []string{"acct:New@new.example:8443", "acct:New@NEW.example:8443", "New@new.example:8443", "@New@new.example:8443"} {
			fan := w.person(fmt.Sprintf("fan%d", i))
			a := w.do(fan, act(vocab.VerbFollow, &vocab.Object{ID: name}))
			same(w.t, "who is followed as "+name, a.Object.ID, stub.ID)
		}
		same(w.t, "followers", w.actor(stub.ID).Counts.Followers, 5)

		byURL := w.actor(w.do(ann, act(vocab.VerbFollow, &vocab.Object{ID: "https://third.example/api/user/eve/profile"})).Object.ID)
		same(w.t, "nickname", byURL.Nickname, "eve")
		same(w.t, "host", byURL.Host, "third.example")
	})
}

// Everybody follows the same new person at the same time.
func TestFollowsOfSomebodyNewAtOnce(t *testing.T) {
	const fans = 12
	worlds(t, func(w *world) {
		var list []*models.Actor
		for i := range fans {
			list = append(list, w.person(fmt.Sprintf("fan%d", i)))
		}
		errs := together(fans, func(i int) error {
			_, err := w.try(list[i], act(vocab.VerbFollow, &vocab.Object{ID: "acct:star@far.example", Type: vocab.TypePerson}))
			return err
		})
		for i, err := range errs {
			if err != nil {
				w.t.Errorf("fan %d: %v", i, err)
			}
		}
		star, err := w.DB().ActorByIRI(w.t.Context(), "acct:star@far.example")
		if err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "followers", star.Counts.Followers, fans)
	})
}

func TestFollowsThatAreRefused(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob", "cid")
		ann, bob := p[0], p[1]
		post := w.do(ann, act(vocab.VerbPost, note("x"), everybody())).Doc.Object
		if err := w.Suspend(w.t.Context(), "cid", true); err != nil {
			w.t.Fatal(err)
		}
		rows := w.rows()
		w.refused(bob, act(vocab.VerbFollow, post), bridge.Invalid, "Can't follow "+post.ID+": it is not a person or a group.")
		w.refused(bob, act(vocab.VerbFollow, &vocab.Object{ID: "https://far.example/1", Type: vocab.TypeNote}), bridge.Invalid,
			`Can't follow something of type "note": only people and groups can be followed.`)
		w.refused(bob, act(vocab.VerbFollow, &vocab.Object{Type: vocab.TypePerson}), bridge.Invalid,
			"A person without an id cannot be found: give its \"id\", for example acct:ann@example.org.")
		w.refused(bob, act(vocab.VerbFollow, &vocab.Object{ID: "acct:none@localhost:8080"}), bridge.Missing, "No such 'user' with id 'acct:none@localhost:8080'")
		w.refused(bob, act(vocab.VerbFollow, &vocab.Object{ID: "acct:no one@localhost:8080"}), bridge.Missing, "No such 'user' with id 'acct:no one@localhost:8080'")
		w.refused(bob, act(vocab.VerbFollow, &vocab.Object{ID: home + "/api/user/none/profile"}), bridge.Missing,
			"No such 'user' with id '"+home+"/api/user/none/profile'")
		for _, id := range []string{"ann", "acct:ann", "acct:@far.example", "acct:ann@", "urn:uuid:1", "mailto:ann@far.example", "javascript:alert(1)"} {
			w.refused(bob, act(vocab.VerbFollow, &vocab.Object{ID: id}), bridge.Invalid,
				fmt.Sprintf("%q names no account: an account is like acct:ann@example.org or https://example.org/ann.", id))
		}
		w.refused(bob, act(vocab.VerbFollow, p[2].Doc.Ref()), bridge.Gone, "This account is not in use any more.")
		w.unchanged(rows)
	})
}

func TestFollowsFromElsewhere(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		far := w.remote("far@far.example")
		w.follow(ann, far)
		// A server that lost our answer asks again, under another id.
		w.follow(ann, far)
		same(w.t, "followers", w.actor(ann.ID).Counts.Followers, 1)
		same(w.t, "following", w.actor(far.ID).Counts.Following, 1)
		for range 2 {
			w.receive(far, act(vocab.VerbStopFollowing, ann.Doc.Ref(), ann.Doc.Ref()))
		}
		same(w.t, "followers", w.actor(ann.ID).Counts.Followers, 0)
		same(w.t, "following", w.actor(far.ID).Counts.Following, 0)
	})
}
