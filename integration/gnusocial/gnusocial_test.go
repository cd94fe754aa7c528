package gnusocial

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// two are two sites that have never heard of each other, and somebody on each.
type two struct {
	t          *testing.T
	here, near *Server
	ann, bob   *Person
}

func meetUp(t *testing.T, here, near Options) *two {
	t.Helper()
	w := &two{t: t, here: site(t, here), near: site(t, near)}
	w.ann, w.bob = account(t, w.here, "ann", 1024), account(t, w.near, "bob", 2048)
	return w
}

func site(t *testing.T, o Options) *Server {
	t.Helper()
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func account(t *testing.T, s *Server, nick string, bits int) *Person {
	t.Helper()
	p, err := s.PersonWithKey(nick, bits)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.key.N.BitLen(); got != bits {
		t.Fatalf("the key of %s has %d bits, want %d", nick, got, bits)
	}
	return p
}

// must is for what has to succeed.
func (w *two) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// until waits until check finds nothing wrong.
func until(t *testing.T, what string, check func() error) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("not in time: %s: %v", what, err)
		}
	}
}

// follow has ann follow bob, and waits until the hub has asked.
func (w *two) follow() {
	w.t.Helper()
	w.must(w.ann.Follow(w.bob.Acct()))
	until(w.t, "the subscription is active", func() error {
		if state := w.here.Subscription(w.bob.URI()); state != "active" {
			return fmt.Errorf("it is %q", state)
		}
		if n := len(w.near.Subscribers(w.bob.Feed())); n != 1 {
			return fmt.Errorf("the hub has %d subscribers", n)
		}
		return nil
	})
}

// arrives waits until a notice is known to a site.
func arrives(t *testing.T, s *Server, id string) *Notice {
	t.Helper()
	until(t, "a notice arrives", func() error {
		if s.Notice(id) == nil {
			return fmt.Errorf("%s is not there: %v", id, s.Refused())
		}
		return nil
	})
	return s.Notice(id)
}

func (w *two) post(p *Person, post Post) *Notice {
	w.t.Helper()
	n, err := p.Post(post)
	w.must(err)
	return n
}

// quiet demands that nothing was refused.
func (w *two) quiet() {
	w.t.Helper()
	for _, s := range []*Server{w.here, w.near} {
		for _, a := range s.Refused() {
			w.t.Errorf("%s has refused a %s at %s: %s\n%s", s.Host, a.Kind, a.Path, a.Refusal, a.Document)
		}
	}
}

// TestTwoSites has two sites do everything with each other.
func TestTwoSites(t *testing.T) {
	for _, tt := range []struct {
		name       string
		here, near Options
	}{
		{"GNU social", Options{}, Options{ShortAddresses: true}}, {"StatusNet subscribes", Options{Old: true}, Options{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := meetUp(t, tt.here, tt.near)
			w.follow()
			if got := w.bob.Followers(); !slices.Equal(got, []string{w.ann.URI()}) {
				t.Errorf("bob is followed by %v", got)
			}
			first := w.post(w.bob, Post{Content: "hello &amp; welcome", Tags: []string{"greeting"}, Photo: []byte("PNG"), Point: "45.5 -73.6"})
			got := arrives(t, w.here, first.ID)
			if got.Content != first.Content || got.Way != WayPush || !got.Public || !slices.Equal(got.Tags, first.Tags) || !slices.Equal(got.Enclosures, first.Enclosures) || got.Point != first.Point {
				t.Errorf("the notice came as %+v, want %+v", got, first)
			}
			answer := w.post(w.ann, Post{Content: "thanks", ReplyTo: first.ID})
			if got := arrives(t, w.near, answer.ID); got.Way != WaySalmon || got.ReplyTo != first.ID || got.Conversation != first.Conversation || got.Said != first.Conversation || got.Type != "comment" {
				t.Errorf("the answer came as %+v", got)
			}
			w.must(w.ann.Favourite(first.ID))
			if got := w.near.Favourites(first.ID); !slices.Equal(got, []string{w.ann.URI()}) {
				t.Errorf("the notice is liked by %v", got)
			}
			w.must(w.ann.Unfavourite(first.ID))
			if got := w.near.Favourites(first.ID); len(got) > 0 {
				t.Errorf("the notice is liked by %v still", got)
			}
			// Bob follows ann too, and sees what she repeats.
			w.must(w.bob.Follow(w.ann.Page()))
			until(t, "bob is subscribed", func() error {
				if n := len(w.here.Subscribers(w.ann.Feed())); n != 1 {
					return fmt.Errorf("the hub has %d subscribers", n)
				}
				return nil
			})
			again, err := w.ann.Repeat(first.ID)
			w.must(err)
			if got := arrives(t, w.near, again.ID); got.Repeats != first.ID || got.Verb != "share" || len(w.near.Repeats(first.ID)) != 1 {
				t.Errorf("the repeat came as %+v", got)
			}
			if err := w.bob.Update(Changes{Name: "Bobby", Bio: "Sings.", Location: "Paris"}); err == nil || !strings.Contains(err.Error(), "not in the context") {
				t.Errorf("bob's new profile, which mentions nobody, was not refused: %v", err)
			}
			w.must(w.bob.Delete(first.ID))
			until(t, "the notice is gone", func() error {
				if w.here.Notice(first.ID) != nil {
					return errors.New("it is there")
				}
				return nil
			})
			if got := w.here.Profile(w.bob.URI()); got.Name != "Bobby" || got.Bio != "Sings." || got.Location != "Paris" {
				t.Errorf("bob is known as %+v", got)
			}
			// The profile came with the deletion: each push has the author.
			if refused := append(w.here.Refused(), w.near.Refused()...); len(refused) != 1 || !strings.Contains(string(refused[0].Document), "update-profile") {
				t.Errorf("refused: %+v", refused)
			}
		})
	}
}

// TestUnfollowIsAlwaysTheSame is about the oddity, and about the subscription.
func TestUnfollowIsAlwaysTheSame(t *testing.T) {
	w := meetUp(t, Options{}, Options{})
	for range 2 {
		w.follow()
		w.must(w.ann.Unfollow(w.bob.URI()))
		until(t, "the subscription is given up", func() error {
			if n := len(w.near.Subscribers(w.bob.Feed())); n != 0 {
				return fmt.Errorf("there are %d", n)
			}
			return nil
		})
		if got := w.bob.Followers(); len(got) > 0 {
			t.Errorf("bob is followed by %v", got)
		}
	}
	var ids []string
	for _, slap := range w.here.Sent() {
		if e, err := readXML(slap.Payload); err != nil {
			t.Error(err)
		} else if word(e.value(nsActivity, "verb")) == "unfollow" {
			ids = append(ids, e.value(nsAtom, "id"))
		}
	}
	if len(ids) != 2 || ids[0] != ids[1] {
		t.Errorf("the unfollows have the ids %q", ids)
	}
	w.quiet()
}

func TestGroups(t *testing.T) {
	w := meetUp(t, Options{}, Options{})
	g := w.near.Group("gophers", w.bob)
	w.must(w.ann.Join(g.Page()))
	until(t, "ann is a member", func() error {
		// The hub knows it a moment after the site that it has asked.
		if n := len(w.near.Subscribers(g.Feed())); n != 1 || len(g.Members()) != 2 {
			return fmt.Errorf("the hub has %d subscribers, members are %v", n, g.Members())
		}
		return nil
	})
	byBob := w.post(w.bob, Post{Content: "hi", Groups: []string{g.URI()}})
	if got := arrives(t, w.here, byBob.ID); got.Author != w.bob.URI() || got.Way != WayPush || !slices.Equal(got.Groups, []string{g.URI()}) {
		t.Errorf("what bob has said in the group came as %+v", got)
	}
	byAnn := w.post(w.ann, Post{Content: "hi too", Groups: []string{g.URI()}})
	arrives(t, w.near, byAnn.ID)
	until(t, "the group shows it", func() error {
		if list := w.here.NoticesIn(g.URI()); len(list) != 2 || len(g.Notices()) != 2 {
			return fmt.Errorf("%v, %v", list, g.Notices())
		}
		return nil
	})
	w.must(w.ann.Leave(g.URI()))
	// Whoever is no member says it to nobody.
	alone := w.post(w.ann, Post{Content: "anybody?", Groups: []string{g.URI()}})
	if got := arrives(t, w.near, alone.ID); len(got.Groups) > 0 || len(g.Members()) != 1 {
		t.Errorf("what ann has said outside of the group came as %+v, members are %v", got, g.Members())
	}
	w.quiet()
}

// TestStrictness has the site refuse what GNU social refuses.
func TestStrictness(t *testing.T) {
	w := meetUp(t, Options{}, Options{})
	w.follow()
	follow := w.here.Sent()[0]
	stranger := account(t, w.near, "cid", 1024)
	post := func(slap Slap, contentType string) (int, string) {
		t.Helper()
		a, err := w.here.post(slap.Endpoint, contentType, nil, slap.Envelope)
		w.must(err)
		refused := w.near.Refused()
		if len(refused) == 0 {
			return a.status, ""
		}
		return a.status, refused[len(refused)-1].Refusal
	}
	elsewhere, tampered, feed := follow, follow, follow
	elsewhere.Endpoint = stranger.profile.Salmon
	forged, err := stranger.Seal(follow.Endpoint, follow.Payload)
	w.must(err)
	o, err := open(follow.Envelope)
	w.must(err)
	tampered.Envelope = []byte(strings.Replace(string(follow.Envelope), string(o.signed[20:40]), string(o.signed[24:44]), 1))
	if feed, err = w.ann.Seal(follow.Endpoint, []byte(`<feed xmlns="`+nsAtom+`"/>`)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, contentType string
		slap              Slap
		want              string
	}{
		{"a charset", typeEnvelope + "; charset=utf-8", follow, "content type"}, {"no envelope", typeAtom, follow, "content type"},
		{"somebody else", typeEnvelope, elsewhere, "not in the context"}, {"another's key", typeEnvelope, forged, "signature is not of"},
		{"another payload", typeEnvelope, tampered, ""}, {"a feed", typeEnvelope, feed, "not an entry"},
	} {
		if status, why := post(tt.slap, tt.contentType); status != http.StatusBadRequest || !strings.Contains(why, tt.want) {
			t.Errorf("%s: status %d, %q", tt.name, status, why)
		}
	}
	// Pushes.
	n := w.post(w.bob, Post{Content: "really"})
	arrives(t, w.here, n.ID)
	subscribers := w.near.Subscribers(w.bob.Feed())
	callback := slices.Collect(maps.Keys(subscribers))[0]
	secret := subscribers[callback]
	body := "<feed/>"
	for _, signature := range []string{"", Sign("wrong", []byte(body)), Sign(secret, []byte(body+" "))} {
		before := len(w.here.Refused())
		if status, err := w.near.Deliver(Push{callback, []byte(body), signature}); err != nil || status != http.StatusOK || len(w.here.Refused()) != before+1 {
			t.Errorf("a push signed %q is answered %d (%v), and %d were refused", signature, status, err, len(w.here.Refused())-before)
		}
	}
	// Subscriptions.
	for _, form := range []string{
		"hub.mode=publish&hub.topic=" + w.bob.Feed(), "hub.mode=subscribe&hub.topic=" + w.bob.Feed() + "?&hub.callback=" + w.here.Base,
		"hub.mode=subscribe&hub.topic=" + w.bob.Feed() + "&hub.callback=" + w.here.Base + "/" + strings.Repeat("x", 191),
		"hub.mode=subscribe&hub.topic=" + w.bob.Feed() + "&hub.callback=" + w.here.Base + "&hub.secret=" + strings.Repeat("x", 200),
	} {
		if a, err := w.here.post(w.near.Base+"/main/push/hub", "application/x-www-form-urlencoded", nil, []byte(form)); err != nil || a.status != http.StatusBadRequest {
			t.Errorf("%s is answered %+v (%v)", form, a, err)
		}
	}
}

// TestDown has a site miss what is pushed while it is down, since nothing is sent
// again, and find it in the feed.
func TestDown(t *testing.T) {
	w := meetUp(t, Options{}, Options{})
	w.follow()
	w.must(w.here.Down())
	n := w.post(w.bob, Post{Content: "anybody?"})
	if len(w.near.Refused()) != 1 {
		t.Errorf("the failed delivery is written down as %v", w.near.Refused())
	}
	w.must(w.here.Up())
	w.must(w.here.Read(w.bob.URI()))
	if got := w.here.Notice(n.ID); got == nil || got.Way != WayFeed {
		t.Errorf("the notice is %+v", got)
	}
}

// TestDescriptors are those of a person by each of the names, and that of a group.
func TestDescriptors(t *testing.T) {
	w := meetUp(t, Options{}, Options{})
	for _, name := range []string{w.bob.Acct(), strings.TrimPrefix(w.bob.Acct(), "acct:"), w.bob.URI(), w.bob.Page()} {
		d, err := w.here.lookup(name)
		if err != nil || d.find(relFeed).Href != w.bob.Feed() || d.find("salmon").Href != w.bob.profile.Salmon || d.find(relKey).Href == "" {
			t.Errorf("%s is found as %+v (%v)", name, d, err)
		}
	}
	g := w.near.Group("gophers", w.bob)
	d, err := w.here.lookup(g.URI())
	if err != nil || d.find(relFeed).Href != g.Feed() || d.find("salmon").Href == g.profile.Salmon || d.find(relKey).Href != "" {
		t.Errorf("the group is found as %+v (%v), with its salmon endpoint at %s", d, err, g.profile.Salmon)
	}
	if to, err := w.near.RemoteFollow("bob", w.ann.Acct()); err != nil || !strings.HasPrefix(to, w.here.Base+"/main/remotefollowsub?profile=http") {
		t.Errorf("ann is sent to %s (%v)", to, err)
	}
	if _, err := w.here.lookup("nobody@" + w.near.Host); err == nil {
		t.Error("nobody is found")
	}
}
