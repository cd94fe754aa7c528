package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

func TestReceive(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		far := w.remote("far@far.example")
		w.follow(far, ann)
		published := time.Date(2013, 7, 11, 12, 0, 0, 0, time.UTC)
		in := bridge.Arrival{SenderID: far.ID, Network: "pump", Verified: "dialback", ContentType: "application/json", Original: []byte("{ }"),
			Activity: &vocab.Activity{
				ID: "https://far.example/a/1", Verb: "post", Actor: &vocab.Object{ID: "acct:forged@far.example"}, To: one(w.followersOf(far)),
				Published: published, Content: "far said <script>x</script>hi",
				Object: &vocab.Object{ID: "https://far.example/n/1", Type: vocab.TypeNote, Content: "hi<script>x</script>", URL: "https://far.example/page",
					Author: &vocab.Object{ID: "acct:far@far.example"}, Published: published,
					Links: map[string]vocab.Link{"self": {Href: "https://far.example/n/1"}}},
			}}
		r, err := w.Receive(w.t.Context(), in)
		if err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "known before", r.Known, false)
		a, o := w.activity(r.Activity.ID), w.object("https://far.example/n/1")
		same(w.t, "actor", a.Doc.Actor.ID, far.Doc.ID)
		same(w.t, "author", o.Doc.Author.ID, far.Doc.ID)
		same(w.t, "author", o.AuthorID, far.ID)
		same(w.t, "id", a.Doc.ID, "https://far.example/a/1")
		same(w.t, "published", a.Doc.Published, published)
		same(w.t, "content", a.Doc.Content, "far said hi")
		same(w.t, "content of the note", o.Doc.Content, "hi")
		same(w.t, "page", o.Doc.URL, "https://far.example/page")
		same(w.t, "links", o.Doc.Links["self"].Href, "https://far.example/n/1")
		same(w.t, "ours", o.Local, false)
		original, err := w.DB().OriginalOf(w.t.Context(), a.ID, "pump")
		if err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "original", string(original.Bytes), "{ }")
		same(w.t, "how it was verified", original.Verified, "dialback")
		equal(w.t, "ann's inbox", w.inbox(ann, models.Major), "far post note")
	})
}

func TestReceiveAgain(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob", "cid")
		ann, bob, cid := p[0], p[1], p[2]
		far, other := w.remote("far@far.example"), w.remote("other@far.example")
		w.follow(far, ann)
		again := func(sender, recipient *models.Actor, title string) (*bridge.Result, error) {
			return w.arrive(sender, recipient, &vocab.Activity{ID: "https://far.example/a/1", Verb: vocab.VerbPost, To: []*vocab.Object{w.followersOf(far), bob.Doc.Ref()},
				Object: &vocab.Object{ID: "https://far.example/n/1", Type: vocab.TypeNote, DisplayName: title}})
		}
		first, err := again(far, ann, "First")
		if err != nil {
			w.t.Fatal(err)
		}
		rows := w.rows()
		for _, recipient := range []*models.Actor{nil, ann, bob} {
			r, err := again(far, recipient, "Second")
			if err != nil {
				w.t.Fatal(err)
			}
			same(w.t, "known before", r.Known, true)
			same(w.t, "activity", r.Activity.ID, first.Activity.ID)
		}
		w.unchanged(rows)
		same(w.t, "title", w.object("https://far.example/n/1").Doc.DisplayName, "First")
		same(w.t, "updated", w.activity(first.Activity.ID).Version, 1)

		// Somebody in bto or bcc, whose server tells us only now.
		for range 2 {
			if _, err := again(far, cid, "Second"); err != nil {
				w.t.Fatal(err)
			}
		}
		equal(w.t, "cid's inbox", w.inbox(cid, models.Major), "far post First")
		equal(w.t, "cid's direct inbox", w.inbox(cid, models.Direct))
		equal(w.t, "bob's direct inbox", w.inbox(bob, models.DirectMajor), "far post First")
		rows["stream_items"]++
		rows["position"]++
		w.unchanged(rows)

		_, err = again(other, nil, "Forged")
		w.isRefusal(err, bridge.NotAllowed, "The activity https://far.example/a/1 is another actor's.")
		w.unchanged(rows)
	})
}

// A shared inbox tells nobody in particular; who is named in it later gets it
// as directly as if it had come at once.
func TestReceiveAgainIsAsDirectAsAtFirst(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		far := w.remote("far@far.example")
		a := w.receive(far, act(vocab.VerbPost, &vocab.Object{ID: "https://far.example/n/1", Type: vocab.TypeNote, DisplayName: "x"}, ann.Doc.Ref()))
		w.exec(fmt.Sprintf("DELETE FROM stream_items WHERE owner_id = %d", ann.ID))
		if _, err := w.arrive(far, ann, &vocab.Activity{ID: a.Doc.ID, Verb: vocab.VerbPost, Object: &vocab.Object{ID: "https://far.example/n/1"}}); err != nil {
			w.t.Fatal(err)
		}
		equal(w.t, "ann's direct inbox", w.inbox(ann, models.DirectMajor), "far post x")
	})
}

func TestArrivalsThatAreRefused(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		far, other := w.remote("far@far.example"), w.remote("other@far.example")
		mine := w.do(ann, act(vocab.VerbPost, note("mine"), everybody()))
		theirs := w.receive(other, act(vocab.VerbPost, &vocab.Object{ID: "https://far.example/theirs", Type: vocab.TypeNote}, everybody())).Doc.Object
		rows := w.rows()
		for _, c := range []struct {
			what   string
			a      *vocab.Activity
			reason bridge.Reason
			text   string
		}{
			{"an id of ours", &vocab.Activity{ID: home + "/api/activity/new", Object: note("x")}, bridge.Invalid,
				"The id " + home + "/api/activity/new is below the address of this server, where only this server makes ids."},
			{"an activity of ours", &vocab.Activity{ID: mine.Doc.ID, Object: mine.Doc.Object}, bridge.Invalid,
				"The id " + mine.Doc.ID + " is below the address of this server, where only this server makes ids."},
			{"an object of ours that is new", act(vocab.VerbPost, &vocab.Object{ID: home + "/api/note/new", Type: vocab.TypeNote}), bridge.Invalid,
				"The id " + home + "/api/note/new is below the address of this server, where only this server makes ids."},
			{"what another has written", act(vocab.VerbPost, &vocab.Object{ID: "https://far.example/n", Type: vocab.TypeNote, Author: ann.Doc.Ref()}), bridge.NotAllowed,
				"Can't post https://far.example/n: its author is " + ann.Doc.ID + "."},
			{"what somebody unknown has written", act(vocab.VerbPost, &vocab.Object{ID: "https://far.example/n", Author: &vocab.Object{ID: "acct:forged@far.example"}}),
				bridge.NotAllowed, "Can't post https://far.example/n: its author is acct:forged@far.example."},
			{"an object without an id", act(vocab.VerbPost, note("x")), bridge.Invalid, "The object has no id."},
			{"an object of ours", act(vocab.VerbPost, &vocab.Object{ID: mine.Doc.Object.ID}), bridge.NotAllowed, "Can't post " + mine.Doc.Object.ID + ": not author."},
			{"the object of another", act(vocab.VerbPost, &vocab.Object{ID: theirs.ID}), bridge.NotAllowed, "Can't post " + theirs.ID + ": not author."},
			{"no object", &vocab.Activity{Verb: vocab.VerbLike}, bridge.Invalid,
				"The activity has no object: there must be a member \"object\" that says what was done something to."},
			{"a list of another", &vocab.Activity{Verb: vocab.VerbAdd, Object: ann.Doc.Ref(), Target: theirs}, bridge.Invalid,
				"Can't add to " + theirs.ID + ": don't know how to add to type 'note'"},
		} {
			_, err := w.arrive(far, nil, c.a)
			if err == nil || bridge.ReasonOf(err) != c.reason || err.Error() != c.text {
				w.t.Errorf("%s: %v (reason %d), want %q (reason %d)", c.what, err, bridge.ReasonOf(err), c.text, c.reason)
			}
		}
		_, err := w.arrive(ann, nil, &vocab.Activity{ID: "https://far.example/a", Verb: vocab.VerbLike, Object: theirs})
		w.isRefusal(err, bridge.NotAllowed, "The sender "+ann.Doc.ID+" is of this server, and does not come from elsewhere.")
		_, err = w.Receive(w.t.Context(), bridge.Arrival{SenderID: far.ID, Activity: act("x", note("x"))})
		w.isRefusal(err, bridge.Invalid, "The activity has no id.")
		w.unchanged(rows)
	})
}

// The same activity many times at once is one.
func TestReceiveManyTimesAtOnce(t *testing.T) {
	const times = 50
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		far := w.remote("far@far.example")
		w.follow(far, p...)
		parent := &vocab.Object{ID: "https://third.example/q", Type: vocab.TypeNote}
		before := w.rows()
		known := make([]bool, times)
		errs := together(times, func(i int) error {
			o := reply("Once", parent)
			o.ID = "https://far.example/n/1"
			r, err := w.arrive(far, p[i%2], &vocab.Activity{ID: "https://far.example/a/1", Verb: vocab.VerbPost, Object: o,
				To: []*vocab.Object{everybody(), {ID: "acct:new@third.example", Type: vocab.TypePerson}}})
			if err == nil {
				known[i] = r.Known
			}
			return err
		})
		for _, err := range errs {
			if err != nil {
				w.t.Fatal(err)
			}
		}
		news := 0
		for _, k := range known {
			if !k {
				news++
			}
		}
		same(w.t, "times that it was new", news, 1)
		after := w.rows()
		for table, n := range map[string]int64{"activities": 1, "objects": 2, "actors": 1, "stream_items": 2, "identifiers": 4} {
			same(w.t, "new rows of "+table, after[table]-before[table], n)
		}
		equal(w.t, "ann's inbox", w.inbox(p[0], models.Minor)[:1], "far post Once")
		same(w.t, "replies", w.object(parent.ID).Counts.Replies, 1)

		errs = together(times/5, func(int) error {
			_, err := w.arrive(far, nil, &vocab.Activity{ID: "https://far.example/a/2", Verb: vocab.VerbDelete,
				Object: &vocab.Object{ID: "https://far.example/n/1"}, To: one(everybody())})
			return err
		})
		for _, err := range errs {
			if err != nil {
				w.t.Errorf("a deletion that came several times: %v", err)
			}
		}
		same(w.t, "replies", w.object(parent.ID).Counts.Replies, 0)
	})
}

// Different activities on one thing that nobody knows, at once.
func TestReceiveOfOneThingByMany(t *testing.T) {
	const senders = 20
	worlds(t, func(w *world) {
		var list []*models.Actor
		for i := range senders {
			list = append(list, w.remote(fmt.Sprintf("p%d@far.example", i)))
		}
		thing := &vocab.Object{ID: "https://third.example/n", Type: vocab.TypeNote}
		errs := together(senders, func(i int) error {
			_, err := w.arrive(list[i], nil, act(vocab.VerbLike, thing.Ref(), everybody()))
			return err
		})
		for _, err := range errs {
			if err != nil {
				w.t.Error(err)
			}
		}
		same(w.t, "likes", w.object(thing.ID).Counts.Likes, senders)
	})
}

func TestWithinOfAnArrival(t *testing.T) {
	worlds(t, func(w *world) {
		far := w.remote("far@far.example")
		refusal := errors.New("seen before")
		rows := w.rows()
		_, err := w.Receive(w.t.Context(), bridge.Arrival{SenderID: far.ID, Activity: &vocab.Activity{ID: "https://far.example/a", Object: note("x")},
			Within: func(context.Context, *models.Tx) error { return refusal }})
		if !errors.Is(err, refusal) {
			w.t.Errorf("got %v, want the error of Within", err)
		}
		w.unchanged(rows)
	})
}
