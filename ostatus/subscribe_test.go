package ostatus_test

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus"
	"manifold/ostatus/atom"
	"manifold/ostatus/websub"
)

// subscription is the row of the subscription to the feed of somebody.
func (in *inbound) subscription(s *someone) *models.Subscription {
	in.t.Helper()
	a, err := in.DB().ActorByIRI(in.t.Context(), s.uri)
	if err != nil {
		in.t.Fatal(err)
	}
	row, err := in.DB().SubscriptionTo(in.t.Context(), a.ID)
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err != nil {
		in.t.Fatal(err)
	}
	return row
}

// tends has the server look around, and waits until its tasks have come to rest.
func (in *inbound) tends() {
	in.t.Helper()
	if err := in.server.Tend(in.t.Context()); err != nil {
		in.t.Fatal(err)
	}
	until(in.t, "all tasks are done", func() bool {
		return in.number("SELECT COUNT(*) FROM river_job WHERE kind = 'task' AND state IN ('available', 'running', 'pending')") == 0
	})
	in.settles()
}

// reads is how often a feed was asked for.
func (s *someone) reads() int {
	n := 0
	for _, path := range s.requests() {
		if path == strings.TrimPrefix(s.feed, s.base) {
			n++
		}
	}
	return n
}

// The feed of somebody is subscribed to when the first person follows, once for all
// who do, and left when the last one does not any more. What is older than the
// subscription is there, and news to nobody.
func TestSubscriptionFollowsTheFollowers(t *testing.T) {
	onInbound(t, func(in *inbound) {
		old := in.bob.writes(1, "long ago")
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		if len(callback) > 191 || len(secret) < 20 || len(secret) >= 200 {
			t.Errorf("the callback is %s, the secret has %d bytes", callback, len(secret))
		}
		in.tends()
		if o := in.object(old.ID); o.Doc.Content != "long ago" {
			t.Errorf("what was there before came in as %+v", o.Doc)
		}
		in.inbox(in.ann, "post "+old.ID, 0)
		bob := in.meet(in.bob)
		cid := in.person("cid")
		in.do(cid, &vocab.Activity{Verb: vocab.VerbFollow, Object: bob.Doc.Ref()})
		in.do(in.ann, &vocab.Activity{Verb: vocab.VerbStopFollowing, Object: bob.Doc.Ref()})
		in.tends()
		if row := in.subscription(in.bob); row == nil || row.State != string(websub.Active) || len(in.bob.hubbed) != 1 {
			t.Fatalf("while cid follows, the subscription is %+v, and the hub was asked %v", row, in.bob.hubbed)
		}
		in.do(cid, &vocab.Activity{Verb: vocab.VerbStopFollowing, Object: bob.Doc.Ref()})
		form := in.hubIsAsked(in.bob, "unsubscribe", 1)
		body := in.feedWith(in.bob, in.note("too late"))
		if w := in.sends(callback, atom.TypeFeed, body, websub.SignatureHeader, websub.Sign(websub.SHA1, secret, body)); w.Code != http.StatusGone {
			t.Errorf("a push after we left is answered %d: %s", w.Code, w.Body)
		}
		in.confirms(form, http.StatusOK)
		if row := in.subscription(in.bob); row != nil {
			t.Errorf("the subscription is still there: %+v", row)
		}
		// And once more.
		in.do(cid, &vocab.Activity{Verb: vocab.VerbFollow, Object: bob.Doc.Ref()})
		in.confirms(in.hubIsAsked(in.bob, "subscribe", 2), http.StatusOK)
	})
}

// Where several stop to follow at the same time the hub is asked once to stop: asked
// twice it would ask back about what is not there any more.
func TestHubIsLeftOnce(t *testing.T) {
	onInbound(t, func(in *inbound) {
		bob := in.meet(in.bob)
		for round := 1; round <= 5; round++ {
			in.do(in.ann, &vocab.Activity{Verb: vocab.VerbFollow, Object: bob.Doc.Ref()})
			in.confirms(in.hubIsAsked(in.bob, "subscribe", round), http.StatusOK)
			in.tends()
			in.do(in.ann, &vocab.Activity{Verb: vocab.VerbStopFollowing, Object: bob.Doc.Ref()})
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					err := in.server.Do(t.Context(), &bridge.Task{Network: ostatus.Network, Kind: "subscription", Subject: strconv.FormatInt(bob.ID, 10)})
					if err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			in.tends()
			in.confirms(in.hubIsAsked(in.bob, "unsubscribe", round), http.StatusOK)
		}
		if n := len(in.bob.hubbed); n != 10 {
			t.Errorf("the hub was asked %d times: %v", n, in.bob.hubbed)
		}
	})
}

// Who does not know the secret gets the answer that everybody gets, and nothing else;
// the feed is read soon, in case it was the hub.
func TestPushesThatAreForged(t *testing.T) {
	onInbound(t, func(in *inbound) {
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		in.tends()
		body := in.feedWith(in.bob, in.note("put into his mouth"))
		for _, signature := range []string{"", "nonsense", "md5=00", websub.Sign(websub.SHA1, "wrong", body), websub.Sign(websub.SHA1, secret, body[1:]), websub.Sign(websub.SHA256, "", body)} {
			if w := in.sends(callback, atom.TypeFeed, body, websub.SignatureHeader, signature); w.Code != http.StatusAccepted || w.Body.Len() != 0 {
				t.Errorf("%q is answered %d %s", signature, w.Code, w.Body)
			}
		}
		// A secret is good for one feed.
		eve := in.bob.peer.person("eve")
		evil, hers := in.follows(eve, vocab.VerbFollow)
		in.pushes(eve, evil, hers, func() *atom.Entry {
			e := in.note("eve as bob")
			e.Author = in.bob.document.Author
			return e
		}())
		for path, status := range map[string]int{callback + "x": http.StatusGone, closedHome + "/hub/callback/": http.StatusNotFound} {
			if w := in.sends(path, atom.TypeFeed, body, websub.SignatureHeader, websub.Sign(websub.SHA1, secret, body)); w.Code != status {
				t.Errorf("%s is answered %d", path, w.Code)
			}
		}
		if n := in.number("SELECT COUNT(*) FROM objects WHERE type = 'note' AND NOT local"); n != 0 {
			t.Errorf("%d notes came in", n)
		}
		if row, latest := in.subscription(in.bob), in.now().Add(11*time.Minute); row.NextPoll.After(latest) {
			t.Errorf("the feed is read at %v, want before %v", row.NextPoll, latest)
		}
		before := in.bob.reads()
		missed := in.bob.writes(5, "what the hub has lost")
		in.wait(11 * time.Minute)
		in.tends()
		if got := in.bob.reads(); got != before+1 {
			t.Errorf("the feed was read %d times", got-before)
		}
		in.object(missed.ID)
	})
}

// A hub gets yes only to what we asked it for.
func TestCallbackQuestions(t *testing.T) {
	onInbound(t, func(in *inbound) {
		callback, _ := in.follows(in.bob, vocab.VerbFollow)
		path := strings.TrimPrefix(callback, closedHome)
		for query, status := range map[string]int{
			"?hub.mode=subscribe&hub.challenge=c&hub.topic=" + in.bob.feed:          200,
			"?hub.mode=subscribe&hub.challenge=c&hub.topic=" + in.bob.feed + "x":    404,
			"?hub.mode=unsubscribe&hub.challenge=c&hub.topic=" + in.bob.feed:        404,
			"?hub.mode=subscribe&hub.topic=" + in.bob.feed:                          404,
			"x?hub.mode=subscribe&hub.challenge=c&hub.topic=" + in.bob.feed:         404,
			"?hub.mode=denied&hub.reason=no&hub.challenge=c&hub.topic=wrong" + "ly": 404,
		} {
			if w := in.ask(http.MethodGet, path+query); w.Code != status || (status == 200) != (w.Body.String() == "c") {
				t.Errorf("%s: %d %s", query, w.Code, w.Body)
			}
		}
	})
}

// A lease is renewed before its end. Where the hub does not do so, what it pushes after
// the end is not believed, and the feed is read often.
func TestLeaseOfOurs(t *testing.T) {
	onInbound(t, func(in *inbound) {
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		in.tends()
		in.wait(6 * 24 * time.Hour)
		in.tends()
		if n := len(in.bob.hubbed); n != 1 {
			t.Fatalf("the hub was asked %d times within six of ten days", n)
		}
		in.wait(25 * time.Hour)
		in.tends()
		renewal := in.hubIsAsked(in.bob, "subscribe", 2)
		if renewal.Get("hub.callback") != callback || renewal.Get("hub.secret") == secret {
			t.Errorf("renewed by %v", renewal)
		}
		e := in.note("with the old secret")
		in.pushes(in.bob, callback, secret, e)
		in.object(e.ID)
		in.confirms(renewal, http.StatusOK)
		if row := in.subscription(in.bob); !row.Expires.After(in.now().Add(9 * 24 * time.Hour)) {
			t.Errorf("renewed until %v", row.Expires)
		}
		// The hub is asked again and does not ask back.
		in.wait(12 * 24 * time.Hour)
		late := in.note("after the end")
		in.pushes(in.bob, callback, renewal.Get("hub.secret"), late)
		if _, err := in.DB().ObjectByIRI(t.Context(), late.ID); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("what was pushed after the end of the lease was believed (%v)", err)
		}
		in.tends()
		if row := in.subscription(in.bob); row.NextPoll.After(in.now().Add(time.Hour)) {
			t.Errorf("without a lease the feed is read at %v", row.NextPoll)
		}
	})
}

// A feed without a hub, or with one that refuses, is read often; one with a hub once a
// day. A hub that is named later is asked.
func TestFeedsWithoutHub(t *testing.T) {
	onInbound(t, func(in *inbound) {
		links := in.bob.document.Links
		in.bob.document.Links = nil
		in.bob.publish()
		a := in.meet(in.bob)
		in.do(in.ann, &vocab.Activity{Verb: vocab.VerbFollow, Object: a.Doc.Ref()})
		until(t, "the feed was read", func() bool { row := in.subscription(in.bob); return row != nil && !row.Polled.IsZero() })
		next := func(within time.Duration) {
			t.Helper()
			if row := in.subscription(in.bob); row.NextPoll.After(in.now().Add(within)) || row.NextPoll.Before(in.now().Add(within/3)) {
				t.Errorf("the feed is read again at %v, want within %v of %v", row.NextPoll, within, in.now())
			}
		}
		next(time.Hour)
		e := in.note("read from the feed")
		in.bob.document.Entries = []*atom.Entry{e}
		in.bob.publish()
		in.wait(time.Hour)
		in.tends()
		in.inbox(in.ann, "post "+e.ID, 1)
		if len(in.bob.hubbed) != 0 {
			t.Errorf("a hub that there is not was asked %v", in.bob.hubbed)
		}

		in.bob.full = http.StatusForbidden
		in.bob.document.Links = links
		in.bob.publish()
		in.wait(time.Hour)
		in.tends()
		in.hubIsAsked(in.bob, "subscribe", 1)
		if row := in.subscription(in.bob); row.State != string(websub.Refused) || !strings.Contains(row.Reason, "403") {
			t.Errorf("refused, the subscription is %+v", row)
		}
		next(time.Hour)
		in.bob.mu.Lock()
		in.bob.full = 0
		in.bob.mu.Unlock()
		in.wait(25 * time.Hour)
		in.tends()
		in.confirms(in.hubIsAsked(in.bob, "subscribe", 2), http.StatusOK)
		in.tends()
		next(24 * time.Hour)
	})
}

// A feed that cannot be read, or is too much, is left alone for longer each time, and
// nothing of it comes in.
func TestFeedsThatCannotBeRead(t *testing.T) {
	onInbound(t, func(in *inbound) {
		in.follows(in.bob, vocab.VerbFollow)
		in.tends()
		path := strings.TrimPrefix(in.bob.feed, in.bob.base)
		open, end := `<feed xmlns="http://www.w3.org/2005/Atom">`, `</feed>`
		for n, body := range []string{
			`<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>` + open + `<title>&b;</title>` + end,
			open + strings.Repeat("<a>", 10_000) + strings.Repeat("</a>", 10_000) + end,
			open + strings.Repeat("<title>"+strings.Repeat("x", 1<<20)+"</title>", 100) + end,
			"<html>not a feed</html>",
		} {
			in.bob.serves(path, served{kind: "application/atom+xml", body: body})
			in.wait(25 * time.Hour)
			in.tends()
			row := in.subscription(in.bob)
			if row.Failures < int64(n+1) || !row.NextPoll.After(in.now()) {
				t.Errorf("after %d bad feeds: %+v", n+1, row)
			}
		}
		in.bob.publish()
		in.wait(25 * time.Hour)
		in.tends()
		if row := in.subscription(in.bob); row.Failures != 0 {
			t.Errorf("when it can be read again: %+v", row)
		}
	})
}

// What is pushed is bounded, and says why it is not taken.
func TestPushesThatAreTooMuch(t *testing.T) {
	onInbound(t, func(in *inbound) {
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		open, end := `<feed xmlns="http://www.w3.org/2005/Atom">`, `</feed>`
		for name, tt := range map[string]struct {
			body   string
			status int
			text   string
		}{
			"laughs": {`<!DOCTYPE lolz [<!ENTITY a "ha">]>` + open + `<title>&a;</title>` + end, 400, "DOCTYPE"},
			"deep":   {open + strings.Repeat("<a>", 10_000) + strings.Repeat("</a>", 10_000) + end, 400, "levels"},
			"large":  {strings.Repeat("x", 100<<20), 413, "at most"},
			"rss":    {"<rss/>", 400, "neither a feed nor an entry"},
		} {
			body := []byte(tt.body)
			w := in.sends(callback, atom.TypeFeed, body, websub.SignatureHeader, websub.Sign(websub.SHA1, secret, body))
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.text) {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		}
	})
}

// A feed that has not changed is not sent again.
func TestUnchangedFeedIsNotReadAgain(t *testing.T) {
	onInbound(t, func(in *inbound) {
		in.bob.writes(1, "long ago")
		path := strings.TrimPrefix(in.bob.feed, in.bob.base)
		in.bob.mu.Lock()
		d := in.bob.documents[path]
		d.header = `Etag: "one"`
		in.bob.documents[path] = d
		in.bob.mu.Unlock()
		in.follows(in.bob, vocab.VerbFollow)
		in.tends()
		if row := in.subscription(in.bob); row.ETag != `"one"` {
			t.Fatalf("the tag is %q", row.ETag)
		}
		in.bob.serves(path, served{status: http.StatusNotModified})
		in.wait(25 * time.Hour)
		in.tends()
		if row := in.subscription(in.bob); row.Failures != 0 || row.ETag != `"one"` || row.Polled.Before(in.now().Add(-time.Hour)) || row.State != string(websub.Active) {
			t.Errorf("after it had not changed: %+v", row)
		}
	})
}
