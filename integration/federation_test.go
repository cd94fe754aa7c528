package integration

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"manifold/internal/scratchpg"
	"manifold/models/vocab"
)

// federating are the settings of a server that meets others on loopback.
var federating = []string{"MANIFOLD_ALLOW_PRIVATE_ADDRESSES=true"}

// meeting is a server and a peer made with Fedify.
type meeting struct {
	t *testing.T
	s *server
	f *fedify
}

// onEachMeeting runs tests by their names on a server and a peer that know each
// other, for each database.
func onEachMeeting(t *testing.T, tests []fedifyTest) {
	onEachDatabase(t, func(t *testing.T, database string) {
		w := meeting{t, newServer(t, database, federating...), startFedify(t)}
		w.s.start()
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) { tt.run(w.at(t)) })
		}
		w.s.stop()
	})
}

type fedifyTest struct {
	name string
	run  func(w *meeting)
}

// at is the same meeting in another test.
func (w *meeting) at(t *testing.T) *meeting { return &meeting{t, w.s.at(t), w.f.at(t)} }

// at is the same server in another test, which does not stop or start it.
func (s *server) at(t *testing.T) *server {
	other := *s
	other.t = t
	return &other
}

// someone makes an account on the server, and one on the peer. Each test has its
// own, whom nobody knows yet; the letters that their names begin with are all that
// is told of them.
func (w *meeting) someone() (ann *person, fay *friend) {
	w.t.Helper()
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(w.t.Name()[strings.LastIndexByte(w.t.Name(), '/')+1:]))
	return w.s.person("ann" + name), w.f.friend("fay"+name, args{"name": "Fay of " + name, "summary": "<p>Draws.</p>", "icon": "/picture.png"})
}

// fans makes two people who follow each other.
func (w *meeting) fans() (ann *person, fay *friend) {
	w.t.Helper()
	ann, fay = w.someone()
	ann.befriend(fay.acct())
	eventually(w.t, "fay counts ann among the followers", func() error { return fay.followedBy(ann.actor()) })
	fay.does("follow", args{"whom": ann.actor()})
	eventually(w.t, "fay knows to follow ann", func() error { return fay.follows(ann.actor()) })
	ann.lists("following", fay.acct())
	ann.lists("followers", fay.acct())
	return ann, fay
}

// actor is the id of a person on ActivityPub.
func (p *person) actor() string { return p.server.url + "/users/" + p.nick }

// acct is the address by which others find somebody on the server.
func (p *person) acct() string {
	return "acct:" + p.nick + "@" + strings.TrimPrefix(p.server.url, "http://")
}

// does posts an activity to the outbox, and returns it as the server shows it.
func (p *person) does(a args) document {
	p.t.Helper()
	var made document
	p.ask("POST", p.path("feed"), a, &made)
	return made
}

// befriend follows somebody by an id or address.
func (p *person) befriend(whom string) document {
	p.t.Helper()
	return p.does(args{"verb": "follow", "object": args{"objectType": "person", "id": whom}})
}

// publishes posts an object to everybody and to those who follow.
func (p *person) publishes(object args) document {
	p.t.Helper()
	return p.does(args{"verb": "post", "object": object,
		"to": []args{{"objectType": "collection", "id": vocab.PublicID}},
		"cc": []args{{"objectType": "collection", "id": p.server.url + p.path("followers")}}})
}

// note is an object of that text.
func note(content string) args { return args{"objectType": "note", "content": content} }

// page reads the newest of a feed of the person.
func (p *person) page(what string) ([]document, error) {
	r, err := p.sign("GET", p.path(what)+"?count=100", nil)
	if err != nil {
		return nil, err
	}
	status, answer, err := r.send(p.server)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the %s of %s: status %d: %.200s", what, p.nick, status, answer)
	}
	if err != nil {
		return nil, err
	}
	var page struct{ Items []document }
	decode(p.t, answer, &page)
	return page.Items, nil
}

// sees waits until something is in a feed of the person, "inbox" mostly.
func (p *person) sees(feed, what string, match func(document) bool) document {
	p.t.Helper()
	var found document
	eventually(p.t, fmt.Sprintf("%s sees %s in the %s", p.nick, what, feed), func() error {
		items, err := p.page(feed)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(items, match)
		if i < 0 {
			return fmt.Errorf("there is %s", activities(items))
		}
		found = items[i]
		return nil
	})
	return found
}

// activities names the newest activities of a feed.
func activities(items []document) string {
	var names []string
	for _, a := range items[:min(8, len(items))] {
		names = append(names, fmt.Sprintf("%s %s %s", a.ref("actor"), a.text("verb"), a.ref("object")))
	}
	return fmt.Sprintf("%d activities: %s", len(items), strings.Join(names, ", "))
}

// by matches an activity of a verb by an actor about an object, "" for any.
func by(actor, verb, object string) func(document) bool {
	return func(a document) bool {
		return a.ref("actor") == actor && a.text("verb") == verb && (object == "" || a.ref("object") == object)
	}
}

// lists waits until somebody is in a list of people ("following", "followers") and
// returns the profile that is shown there.
func (p *person) lists(what, id string) document {
	p.t.Helper()
	return p.sees(what, id, func(d document) bool { return d.id() == id })
}

// lacks waits until somebody is no longer in a list of people.
func (p *person) lacks(what, id string) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%s is not among the %s of %s", id, what, p.nick), func() error {
		items, err := p.page(what)
		if err == nil && slices.ContainsFunc(items, func(d document) bool { return d.id() == id }) {
			err = fmt.Errorf("it is")
		}
		return err
	})
}

// reads reads something of the server by its id, as clients do.
func (p *person) reads(id string) (status int, d document) {
	p.t.Helper()
	path, found := strings.CutPrefix(id, p.server.url)
	if !found {
		p.t.Fatalf("%s is not of the server at %s", id, p.server.url)
	}
	status, answer := p.try("GET", path, nil)
	if status == http.StatusOK || status == http.StatusGone {
		decode(p.t, answer, &d)
	}
	return status, d
}

// counts waits until a collection of an object of the server ("likes", "replies",
// "shares") has so many items.
func (p *person) counts(id, collection string, want int) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%s has %d %s", id, want, collection), func() error {
		status, d := p.reads(id)
		if got, _ := d.in(collection)["totalItems"].(float64); status != http.StatusOK || int(got) != want {
			return fmt.Errorf("status %d, %v", status, d[collection])
		}
		return nil
	})
}

// showsRemote checks what a client is told of a person elsewhere.
func showsRemote(t *testing.T, shown document, acct, name string) {
	t.Helper()
	if shown.id() != acct || shown.text("objectType") != "person" || shown.text("displayName") != name || shown.text("preferredUsername") == "" {
		t.Errorf("%s is shown as %v, want the name %q", acct, shown, name)
	}
	if page, err := url.Parse(shown.text("url")); err != nil || page.Host != strings.SplitN(acct, "@", 2)[1] {
		t.Errorf("the page of %s is said to be %q", acct, shown.text("url"))
	}
}

// showsAvatar checks that the avatar of a person elsewhere can be loaded from where
// a client is told to: pump.io clients take pump_io.proxyURL before url.
func showsAvatar(p *person, shown document) {
	p.t.Helper()
	picture := shown.in("image")
	address := picture.text("url")
	if proxied := picture.in("pump_io").text("proxyURL"); proxied != "" {
		address = proxied
	}
	path, ours := strings.CutPrefix(address, p.server.url)
	if !ours {
		if err := answers(address, http.StatusOK); err != nil {
			p.t.Errorf("the avatar of %s: %v", shown.id(), err)
		}
		return
	}
	if status, answer := p.try("GET", path, nil); status != http.StatusOK || !strings.Contains(answer[:8], "PNG") {
		p.t.Errorf("the avatar of %s at %s: status %d: %.40q", shown.id(), address, status, answer)
	}
}

// TestTwoManifolds has the people of two servers, one on SQLite and one on
// PostgreSQL, do everything with each other, in both directions.
func TestTwoManifolds(t *testing.T) {
	t.Parallel()
	small := newServer(t, t.TempDir()+"/manifold.db", federating...)
	large := newServer(t, scratchpg.Database(t), federating...)
	small.start()
	large.start()
	for _, tt := range manifoldTests {
		t.Run(tt.name, func(t *testing.T) {
			for _, direction := range []struct {
				name     string
				from, to *server
			}{{"from sqlite to postgres", small, large}, {"from postgres to sqlite", large, small}} {
				t.Run(direction.name, func(t *testing.T) {
					// Ann and bob have the same nicknames in both directions: each on both servers.
					nick := strings.ReplaceAll(tt.name, " ", "")
					tt.run(direction.from.at(t).person("ann"+nick), direction.to.at(t).person("bob"+nick))
				})
			}
		})
	}
	small.stop()
	large.stop()
}
