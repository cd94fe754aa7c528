package integration

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"manifold/integration/gnusocial"
)

// aLook is within what time the server looks at what is due, which it does once a
// minute.
const aLook = 3 * time.Minute

// day is a day as the store counts it.
const day = 24 * 60 * 60 * 1000

// execute changes something in the store of the server, where a test makes time pass.
func (w *neighbours) execute(query string) {
	w.t.Helper()
	if _, err := w.db.Exec(query); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
}

// count is the number that a query returns.
func (w *neighbours) count(query string) (n int) {
	w.t.Helper()
	if err := w.db.QueryRow(query).Scan(&n); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// TestSubscriberDown has a site be down for a day: in the end it has what it missed,
// in order and once, and another that was up had it at once. The server is made to
// believe that the day has passed while it was stopped.
func TestSubscriberDown(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, database string) {
		w := meetNeighbours(t, database, gnusocial.Options{})
		up := &neighbours{t, w.s, gnuSocial(t, gnusocial.Options{}), w.db}
		ann := w.s.person("ann")
		bob, err := w.g.Person("bob")
		w.must(err)
		bea, err := up.g.Person("bea")
		w.must(err)
		w.must(bob.Follow(ann.acct()))
		w.delivers(ann.actor(), ann.actor()+"/feed.atom")
		w.must(bea.Follow(ann.acct()))
		w.until("both sites have subscribed", func() error {
			if n := w.count("SELECT COUNT(*) FROM hub_subscribers WHERE request = 0"); n != 2 {
				return fmt.Errorf("%d have", n)
			}
			return nil
		})
		want := []string{ann.publishes(note("before")).ref("object")}
		w.arrives("what came before", want[0])
		w.must(w.g.Down())
		for i := range 5 {
			id := ann.publishes(note(fmt.Sprintf("number %d", i))).ref("object")
			up.arrives("what is posted", id)
			want = append(want, id)
		}
		failed := func() error {
			if n := w.count("SELECT COUNT(*) FROM hub_subscribers WHERE failures > 0 AND hold = 0"); n != 1 {
				return fmt.Errorf("%d have failed", n)
			}
			return nil
		}
		w.until("the hub knows that the site is down", failed)
		w.s.stop()
		w.execute(fmt.Sprintf("UPDATE hub_subscribers SET next_try = next_try - %d, failing_since = failing_since - %d WHERE failures > 0", day, day))
		w.execute(fmt.Sprintf("UPDATE hub_publications SET created = created - %d", day))
		w.must(w.g.Up())
		w.s.start()
		eventuallyWithin(t, aLook, "the site has what it missed", func() error {
			if n := len(w.g.NoticesBy(ann.actor())); n != len(want) {
				return fmt.Errorf("it has %d notices, want %d", n, len(want))
			}
			return nil
		})
		want = append(want, ann.publishes(note("afterwards")).ref("object"))
		for _, site := range []*neighbours{w, up} {
			site.arrives("what came afterwards", want[len(want)-1])
			var got []string
			for _, n := range site.g.NoticesBy(ann.actor()) {
				if n.Way != gnusocial.WayPush {
					t.Errorf("%s came by %s", n.ID, n.Way)
				}
				got = append(got, n.ID)
			}
			if !slices.Equal(got, want) {
				t.Errorf("the site has %q, want %q", got, want)
			}
			for _, id := range want {
				if n := site.pushes(id); n != 1 {
					t.Errorf("%s was delivered %d times", id, n)
				}
			}
			site.nothingRefused()
		}
		w.s.stop()
	})
}

// pushes is how often a hub has delivered a notice to the site.
func (w *neighbours) pushes(id string) int {
	n := 0
	for _, a := range w.g.Arrivals() {
		if a.Kind == "push" && strings.Contains(string(a.Document), "<id>"+id+"</id>") {
			n++
		}
	}
	return n
}

// aForgery is a feed of somebody there with something in it that they have not said,
// under a number that no other has.
func (w *neighbours) aForgery(bob *gnusocial.Person, genuine *gnusocial.Notice, says string, number int) []byte {
	w.t.Helper()
	body := fetch(w.t, bob.Feed())
	body = strings.ReplaceAll(body, genuine.ID, strings.Replace(genuine.ID, ":noticeId=", fmt.Sprintf(":noticeId=9%d", number), 1))
	forged := strings.ReplaceAll(body, genuine.Content, says)
	if forged == body || strings.Contains(forged, genuine.ID) {
		w.t.Fatalf("nothing can be forged of %s", body)
	}
	return []byte(forged)
}

// TestForgedPush has somebody who is not the hub deliver to the callback, or the hub
// itself after its lease has ended: nothing of it is believed. The hub is asked anew
// when that is due, with a new secret.
func TestForgedPush(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, database string) {
		w := meetNeighbours(t, database, gnusocial.Options{})
		ann := w.s.person("ann")
		bob := w.there("bob")
		w.annFollows(ann, bob)
		w.until("the subscription is known to be in force", func() error {
			if n := w.count("SELECT COUNT(*) FROM subscriptions WHERE state = 'active'"); n != 1 {
				return fmt.Errorf("%d are", n)
			}
			return nil
		})
		genuine := w.posts(bob, gnusocial.Post{Content: "genuine words"})
		ann.sees("inbox", "what bob says", by(bob.Acct(), "post", genuine.ID))
		subscribers := w.g.Subscribers(bob.Feed())
		callback := slices.Collect(maps.Keys(subscribers))[0]
		secret := subscribers[callback]
		made := 0
		deliver := func(callback, secret, says string, want ...int) {
			t.Helper()
			made++
			body := w.aForgery(bob.Person, genuine, says, made)
			push := gnusocial.Push{Callback: callback, Body: body}
			if secret != "" {
				push.Signature = gnusocial.Sign(secret, body)
			}
			if status, err := w.g.Deliver(push); err != nil || !slices.Contains(want, status) {
				t.Errorf("a push that says %q is answered with %d (%v)", says, status, err)
			}
		}
		deliver(callback, "wrong", "forged with a wrong secret", http.StatusAccepted)
		deliver(callback, "", "forged without a signature", http.StatusAccepted)
		deliver(callback+"x", secret, "forged for another callback", http.StatusNotFound, http.StatusGone)
		deliver(callback, secret, "said by the hub", http.StatusAccepted)
		ann.sees("inbox", "what the hub signs", saying("said by the hub"))

		w.execute(fmt.Sprintf("UPDATE subscriptions SET expires = expires - %d", 60*day))
		deliver(callback, secret, "after the lease", http.StatusAccepted)
		// What comes in another way, and is dealt with later, is believed.
		later := w.posts(bob, gnusocial.Post{Content: "by a slap", Mention: []string{ann.acct()}})
		ann.sees("inbox", "what bob says to her", by(bob.Acct(), "post", later.ID))
		nothingForged(ann)

		w.execute("UPDATE subscriptions SET renew = 1")
		eventuallyWithin(t, aLook, "the hub is asked for a new lease", func() error {
			if got := w.g.Subscribers(bob.Feed()); got[callback] == secret || len(got) != 1 {
				return errors.New("it is not")
			}
			if n := w.count(fmt.Sprintf("SELECT COUNT(*) FROM subscriptions WHERE expires > %d", time.Now().UnixMilli())); n != 1 {
				return errors.New("the server does not know the new one")
			}
			return nil
		})
		deliver(callback, secret, "forged with the old secret", http.StatusAccepted)
		deliver(callback, w.g.Subscribers(bob.Feed())[callback], "said under the new lease", http.StatusAccepted)
		ann.sees("inbox", "what the hub signs under the new lease", saying("said under the new lease"))
		nothingForged(ann)
		w.nothingRefused()
		w.s.stop()
	})
}

// saying matches what says something.
func saying(what string) func(document) bool {
	return func(a document) bool { return strings.Contains(a.in("object").text("content"), what) }
}

func nothingForged(p *person) {
	p.t.Helper()
	items, err := p.page("inbox")
	for _, a := range items {
		if saying("forged")(a) || saying("after the lease")(a) {
			p.t.Errorf("%s sees %v", p.nick, a)
		}
	}
	if err != nil {
		p.t.Error(err)
	}
}

// TestHubLease: whoever does not renew gets nothing after the end of the lease.
func TestHubLease(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, database string) {
		w := meetNeighbours(t, database, gnusocial.Options{})
		other := &neighbours{t, w.s, gnuSocial(t, gnusocial.Options{}), w.db}
		ann := w.s.person("ann")
		bob, err := w.g.Person("bob")
		w.must(err)
		bea, err := other.g.Person("bea")
		w.must(err)
		w.must(bob.Follow(ann.acct()))
		w.delivers(ann.actor(), ann.actor()+"/feed.atom")
		w.execute(fmt.Sprintf("UPDATE hub_subscribers SET expires = expires - %d", 60*day))
		w.must(bea.Follow(ann.acct()))
		w.until("the other site has subscribed", func() error {
			// The one that has ended may have been removed by now, or not.
			if n := w.count(fmt.Sprintf("SELECT COUNT(*) FROM hub_subscribers WHERE request = 0 AND expires > %d", time.Now().UnixMilli())); n != 1 {
				return fmt.Errorf("there are %d", n)
			}
			return nil
		})
		var ids []string
		for i := range 2 {
			id := ann.publishes(note(fmt.Sprintf("number %d", i))).ref("object")
			other.arrives("what is posted", id)
			ids = append(ids, id)
		}
		for _, id := range ids {
			if w.pushes(id) > 0 {
				t.Errorf("%s is delivered after the end of the lease", id)
			}
		}
		w.until("the subscription has ended", func() error {
			if n := w.count("SELECT COUNT(*) FROM hub_subscribers WHERE request = 0"); n != 1 {
				return fmt.Errorf("there are %d", n)
			}
			return nil
		})
		w.s.stop()
	})
}
