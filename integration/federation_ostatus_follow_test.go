package integration

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"manifold/integration/gnusocial"
)

// ostatusFollows are who follows whom.
var ostatusFollows = []neighbourTest{
	{"follow by ann", annFollowsBob}, {"follow by bob", bobFollowsAnn},
	{"unfollow by ann", annUnfollowsBob}, {"unfollow by bob", bobUnfollowsAnn},
	{"follows in a row by bob", bobCannotDecide}, {"follows in a row by ann", annCannotDecide},
	{"old unfollow by bob", bobRepeatsHimself},
	{"list by ann", annListsBob}, {"list by bob", bobListsAnn},
}

func annFollowsBob(w *neighbours) {
	ann, bob := w.someone()
	w.annFollows(ann, bob)
	showsRemote(w.t, ann.lists("following", bob.Acct()), bob.Acct(), bob.name())
	if got := bob.Followers(); !slices.Equal(got, []string{ann.actor()}) {
		w.t.Errorf("bob is followed by %v", got)
	}
	if known := w.g.Profile(ann.actor()); known.Nick != ann.nick || known.Page != w.s.url+"/"+ann.nick || known.Group {
		w.t.Errorf("ann is known as %+v", known)
	}
	// A second follower is told of, and needs no second subscription.
	amy := w.here("amy")
	amy.befriend(bob.Page())
	amy.lists("following", bob.Acct())
	w.until("bob has two followers", func() error {
		if got := bob.Followers(); !slices.Contains(got, amy.actor()) || len(got) != 2 {
			return fmt.Errorf("they are %v", got)
		}
		return nil
	})
	if n := len(w.g.Subscribers(bob.Feed())); n != 1 {
		w.t.Errorf("the feed has %d subscribers", n)
	}
}

func bobFollowsAnn(w *neighbours) {
	ann, bob := w.someone()
	w.bobFollows(bob, ann)
	showsRemote(w.t, ann.lists("followers", bob.Acct()), bob.Acct(), bob.name())
	ann.sees("inbox", "who follows", by(bob.Acct(), "follow", ""))
	if items, err := ann.page("following"); err != nil || len(items) > 0 {
		w.t.Errorf("ann follows %v (%v)", items, err)
	}
	// By the address of the page, and by the address that the feed has.
	for i, name := range []string{w.s.url + "/" + ann.nick, ann.actor()} {
		bea := w.there(fmt.Sprintf("bea%c", 'a'+i))
		w.must(bea.Follow(name))
		ann.lists("followers", bea.Acct())
	}
	if items, err := ann.page("followers"); err != nil || len(items) != 3 {
		w.t.Errorf("ann is followed by %v (%v)", items, err)
	}
}

func annUnfollowsBob(w *neighbours) {
	ann, bob := w.someone()
	amy := w.here("amy")
	w.annFollows(ann, bob)
	w.annFollows(amy, bob)
	for i, who := range []*person{ann, amy} {
		who.does(args{"verb": "stop-following", "object": args{"objectType": "person", "id": bob.Acct()}})
		who.lacks("following", bob.Acct())
		w.until("bob has lost "+who.nick, func() error {
			if got := bob.Followers(); slices.Contains(got, who.actor()) {
				return fmt.Errorf("he is followed by %v", got)
			}
			return nil
		})
		// The feed is given up when the last one has left.
		w.until("the hub of the site delivers where it should", func() error {
			if n := len(w.g.Subscribers(bob.Feed())); n != 1-i {
				return fmt.Errorf("there are %d subscribers", n)
			}
			return nil
		})
	}
}

func bobUnfollowsAnn(w *neighbours) {
	ann, bob := w.someone()
	w.bobFollows(bob, ann)
	w.must(bob.Unfollow(ann.actor()))
	ann.lacks("followers", bob.Acct())
	w.until("the subscription is over", func() error {
		if state := w.g.Subscription(ann.actor()); state != "inactive" {
			return errors.New(state)
		}
		return nil
	})
	id := ann.publishes(note("who hears me?")).ref("object")
	bea := w.there("bea")
	w.bobFollows(bea, ann)
	after := ann.publishes(note("bea does")).ref("object")
	w.arrives("what ann says later", after)
	if w.g.Notice(id) != nil {
		w.t.Error("what ann says is delivered although nobody follows")
	}
}

// bobCannotDecide: the unfollows of GNU social have one id for ever. He does not wait
// until anything has come of what he did before.
func bobCannotDecide(w *neighbours) {
	ann, bob := w.someone()
	w.bobFollows(bob, ann)
	w.must(bob.Unfollow(ann.actor()))
	w.must(bob.Follow(ann.actor()))
	w.must(bob.Unfollow(ann.actor()))
	ann.lacks("followers", bob.Acct())
	w.until("the subscription is over", func() error {
		if state := w.g.Subscription(ann.actor()); state != "inactive" {
			return errors.New(state)
		}
		return nil
	})
	if got := unfollows(w, bob); len(got) != 2 || idOf(got[0].Payload) != idOf(got[1].Payload) {
		w.t.Errorf("the unfollows of bob are %v", got)
	}
	// What bob says afterwards is dealt with after all that.
	later := w.posts(bob, gnusocial.Post{Content: "made up my mind", Mention: []string{ann.acct()}})
	ann.sees("inbox", "what bob says afterwards", by(bob.Acct(), "post", later.ID))
	if items, err := ann.page("followers"); err != nil || len(items) > 0 {
		w.t.Errorf("ann is followed by %v (%v)", items, err)
	}
}

// undecided is the question of the hub for what bobCannotDecide has changed his mind
// about meanwhile: it was asked in time, and came late.
func undecided(a gnusocial.Arrival) bool {
	return a.Kind == "verification" && strings.HasPrefix(a.Refusal, "it was not asked for ") && strings.Contains(a.Path, "annfollowsinarowbybob")
}

// unfollows are those that somebody has sent.
func unfollows(w *neighbours, bob *neighbour) []gnusocial.Slap {
	return slices.DeleteFunc(w.g.Sent(), func(s gnusocial.Slap) bool {
		return !bytes.Contains(s.Payload, []byte("/unfollow<")) || !bytes.Contains(s.Payload, []byte("<uri>"+bob.URI()+"</uri>"))
	})
}

// idOf is the id of an entry.
func idOf(entry []byte) string {
	_, rest, _ := strings.Cut(string(entry), "<id>")
	id, _, _ := strings.Cut(rest, "</id>")
	return id
}

// annCannotDecide is the same from here: in the end nobody follows.
func annCannotDecide(w *neighbours) {
	ann, bob := w.someone()
	for range 2 {
		w.annFollows(ann, bob)
		ann.does(args{"verb": "stop-following", "object": args{"objectType": "person", "id": bob.Acct()}})
		ann.lacks("following", bob.Acct())
		w.until("bob has lost ann", func() error {
			if n := len(w.g.Subscribers(bob.Feed())); n > 0 || len(bob.Followers()) > 0 {
				return fmt.Errorf("there are %d subscribers, and he is followed by %v", n, bob.Followers())
			}
			return nil
		})
	}
}

// bobRepeatsHimself sends an unfollow again after a new follow, as whoever has
// recorded it could: it is older than the follow.
func bobRepeatsHimself(w *neighbours) {
	ann, bob := w.someone()
	w.bobFollows(bob, ann)
	w.must(bob.Unfollow(ann.actor()))
	ann.lacks("followers", bob.Acct())
	w.until("the subscription is over", func() error {
		if state := w.g.Subscription(ann.actor()); state != "inactive" {
			return errors.New(state)
		}
		return nil
	})
	w.bobFollows(bob, ann)
	old := unfollows(w, bob)
	if len(old) != 1 {
		w.t.Fatalf("bob has sent %d unfollows", len(old))
	}
	_, err := w.g.Send(old[0])
	w.must(err)
	// What bob says afterwards is dealt with afterwards.
	later := w.posts(bob, gnusocial.Post{Content: "still here", Mention: []string{ann.acct()}})
	ann.sees("inbox", "what bob says afterwards", by(bob.Acct(), "post", later.ID))
	if items, err := ann.page("followers"); err != nil || len(items) != 1 {
		w.t.Errorf("ann is followed by %v (%v)", items, err)
	}
	id := ann.publishes(note("are you there?")).ref("object")
	w.arrives("what ann says", id)
	if !bob.inTimeline(id) {
		w.t.Error("bob does not see what ann says")
	}
}

func annListsBob(w *neighbours) {
	ann, bob := w.friends()
	list := ann.does(args{"verb": "create", "to": everyone, "object": args{"objectType": "collection", "objectTypes": []string{"person"}, "displayName": "Pals"}}).ref("object")
	change := func(verb string) {
		ann.does(args{"verb": verb, "object": args{"objectType": "person", "id": bob.Acct()}, "target": args{"objectType": "collection", "id": list},
			"to": append([]args{{"objectType": "person", "id": bob.Acct()}}, everyone...)})
	}
	listed := func(want bool) {
		w.t.Helper()
		w.until(fmt.Sprintf("the site knows that bob is on the list: %v", want), func() error {
			if got := w.g.Listed(list); slices.Contains(got, bob.URI()) != want {
				return fmt.Errorf("on it are %v", got)
			}
			return nil
		})
	}
	change("add")
	listed(true)
	change("remove")
	listed(false)
}

// everyone are the addresses of what is for everybody.
var everyone = []args{{"objectType": "collection", "id": "http://activityschema.org/collection/public"}}

func bobListsAnn(w *neighbours) {
	ann, bob := w.someone()
	w.must(bob.List("pals", ann.acct()))
	ann.sees("inbox", "that she is listed", by(bob.Acct(), "tag", w.s.url+ann.path("profile")))
	w.must(bob.Unlist("pals", ann.acct()))
	ann.sees("inbox", "that she is listed no more", by(bob.Acct(), "untag", w.s.url+ann.path("profile")))
}
