package ostatus_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus"
	"manifold/ostatus/atom"
	"manifold/ostatus/salmon"
	"manifold/ostatus/websub"
)

// inbound is a server with a person and a peer with another, who knows her.
type inbound struct {
	*world
	ann *models.Actor
	bob *someone
	// seconds go by with each entry, as clocks there count no less.
	seconds int
}

// onInbound runs a test on each kind of database, with jobs.
func onInbound(t *testing.T, test func(in *inbound)) {
	t.Helper()
	worlds(t, ostatus.Options{}, func(w *world) {
		w.router = mux.NewRouter().UseEncodedPath()
		w.server.Register(w.router)
		w.start()
		test(&inbound{world: w, ann: w.person("ann"), bob: newPeer(w.t).person("bob")})
	})
}

// said is an entry that somebody writes at the next second.
func (in *inbound) said(verb, id string) *atom.Entry {
	in.seconds++
	at := in.now().Add(time.Duration(in.seconds) * time.Second).UTC().Truncate(time.Second)
	if id == "" {
		id = fmt.Sprintf("tag:%s,2026-11-01:noticeId=%d:objectType=note", in.bob.host, 1000+in.seconds)
	}
	return &atom.Entry{ID: id, Title: "New " + verb, Content: "<p>" + verb + "</p>", Published: at, Updated: at, Verb: verb}
}

// note is a post that mentions people.
func (in *inbound) note(text string, mentioned ...string) *atom.Entry {
	e := in.said(atom.Schema+"post", "")
	e.ObjectType, e.Content = atom.Schema+"note", text
	for _, uri := range mentioned {
		e.Links = append(e.Links, atom.MentionLinks(uri, atom.Schema+"person")...)
	}
	e.Links = append(e.Links, atom.PublicLink())
	return e
}

// about is something that somebody does to a person or group.
func (in *inbound) about(verb, id, uri, kind string) *atom.Entry {
	e := in.said(verb, id)
	e.ObjectType = atom.Schema + "activity"
	e.Object = &atom.Entry{ID: uri, Title: uri, ObjectType: atom.Schema + kind, Profile: &atom.Person{Name: "x", PreferredUsername: "x"}}
	return e
}

// concerning is something that somebody does with a thing.
func (in *inbound) concerning(verb, id string, thing *vocab.Object) *atom.Entry {
	e := in.said(verb, id)
	e.ObjectType = atom.Schema + "activity"
	e.Object = &atom.Entry{ID: thing.ID, Title: "a note", ObjectType: atom.Schema + "note"}
	e.InReplyTo = &atom.Reply{Ref: thing.ID}
	return e
}

func (in *inbound) uri(a *models.Actor) string { return in.server.URI(a) }

// envelope signs an entry.
func (in *inbound) envelope(s *someone, e *atom.Entry) []byte {
	in.t.Helper()
	alone := *e
	if alone.Author == nil {
		alone.Author = s.document.Author
	}
	doc, err := alone.Encode()
	if err != nil {
		in.t.Fatal(err)
	}
	return in.sealed(s, doc).XML()
}

func (in *inbound) sealed(s *someone, payload []byte) *salmon.Envelope {
	in.t.Helper()
	envelope, err := salmon.Sign(payload, s.key, salmon.Padded)
	if err != nil {
		in.t.Fatal(err)
	}
	return envelope
}

// sends posts a body to an address of ours.
func (in *inbound) sends(address, contentType string, body []byte, header ...string) *httptest.ResponseRecorder {
	in.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		in.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, u.RequestURI(), strings.NewReader(string(body)))
	r.Header.Set("Content-Type", contentType)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	in.router.ServeHTTP(w, r)
	return w
}

// slaps sends an entry to somebody here, and waits until it was dealt with.
func (in *inbound) slaps(s *someone, to *models.Actor, e *atom.Entry) {
	in.t.Helper()
	if w := in.sends(in.server.SalmonURL(to), salmon.MediaType, in.envelope(s, e)); w.Code != http.StatusAccepted {
		in.t.Fatalf("%s is answered %d: %s", e.Verb, w.Code, w.Body)
	}
	in.settles()
}

// settles waits until nothing waits to be dealt with.
func (in *inbound) settles() {
	in.t.Helper()
	until(in.t, "all arrivals are dealt with", func() bool { return in.number("SELECT COUNT(*) FROM arrivals") == 0 })
}

func (in *inbound) number(query string) (n int64) {
	in.t.Helper()
	if err := in.DB().SQL().QueryRowContext(in.t.Context(), query).Scan(&n); err != nil {
		in.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// streamOf are the activities in a stream of somebody, newest first, as verb and id of
// the object.
func (in *inbound) streamOf(a *models.Actor, stream models.Stream) []string {
	in.t.Helper()
	items, _, err := in.DB().StreamPage(in.t.Context(), a.ID, stream, models.All, models.Viewer{ActorID: a.ID}, models.Page{Count: 50})
	if err != nil {
		in.t.Fatal(err)
	}
	var list []string
	for _, i := range items {
		id := ""
		if o := i.Activity.Doc.Object; o != nil {
			id = o.ID
		}
		list = append(list, i.Activity.Doc.Verb+" "+id)
	}
	return list
}

// inbox checks how often something stands in the inbox of somebody.
func (in *inbound) inbox(a *models.Actor, what string, times int) {
	in.t.Helper()
	n := 0
	list := in.streamOf(a, models.Inbox)
	for _, item := range list {
		if item == what {
			n++
		}
	}
	if n != times {
		in.t.Errorf("%q is %d times in the inbox of %s, want %d: %q", what, n, a.Nickname, times, list)
	}
}

// edge reports whether one actor is related to another thing.
func (in *inbound) edge(kind models.EdgeKind, s *someone, target int64) bool {
	in.t.Helper()
	actor, err := in.DB().ActorByIRI(in.t.Context(), s.uri)
	if errors.Is(err, models.ErrNotFound) {
		return false
	}
	if err != nil {
		in.t.Fatal(err)
	}
	e, err := in.DB().Edge(in.t.Context(), kind, actor.ID, target)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		in.t.Fatal(err)
	}
	return err == nil && e.State == models.InForce
}

func (in *inbound) object(iri string) *models.Object {
	in.t.Helper()
	o, err := in.DB().ObjectByIRI(in.t.Context(), iri)
	if err != nil {
		in.t.Fatalf("%s: %v", iri, err)
	}
	return o
}

// follows has ann follow somebody, and waits for the subscription to be asked for; then
// the hub confirms it.
func (in *inbound) follows(s *someone, verb string) (callback, secret string) {
	in.t.Helper()
	a := in.meet(s)
	in.do(in.ann, &vocab.Activity{Verb: verb, Object: &vocab.Object{ID: a.Doc.ID, Type: a.Type}})
	form := in.hubIsAsked(s, "subscribe", 1)
	in.confirms(form, http.StatusOK)
	return form.Get("hub.callback"), form.Get("hub.secret")
}

// hubIsAsked waits for the n-th time that the hub is asked something about a feed.
func (in *inbound) hubIsAsked(s *someone, mode string, n int) url.Values {
	in.t.Helper()
	var found []url.Values
	until(in.t, fmt.Sprintf("the hub is asked to %s for the %d. time", mode, n), func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		found = slices.DeleteFunc(slices.Clone(s.hubbed), func(f url.Values) bool { return f.Get("hub.mode") != mode || f.Get("hub.topic") != s.feed })
		return len(found) >= n
	})
	return found[n-1]
}

// confirms has the hub ask back.
func (in *inbound) confirms(form url.Values, status int) {
	in.t.Helper()
	q := url.Values{"hub.mode": {form.Get("hub.mode")}, "hub.topic": {form.Get("hub.topic")}, "hub.challenge": {"the challenge"}, "hub.lease_seconds": {"864000"}}
	u, err := url.Parse(form.Get("hub.callback"))
	if err != nil {
		in.t.Fatal(err)
	}
	w := in.ask(http.MethodGet, u.Path+"?"+q.Encode())
	if w.Code != status || status == http.StatusOK && w.Body.String() != "the challenge" {
		in.t.Fatalf("asked about %s, the callback answers %d: %s", form, w.Code, w.Body)
	}
}

// feedWith is what the hub of somebody pushes.
func (in *inbound) feedWith(s *someone, entries ...*atom.Entry) []byte {
	in.t.Helper()
	feed := *s.document
	feed.Entries = entries
	doc, err := feed.Encode()
	if err != nil {
		in.t.Fatal(err)
	}
	return doc
}

// pushes has the hub push entries, and waits until they were dealt with.
func (in *inbound) pushes(s *someone, callback, secret string, entries ...*atom.Entry) {
	in.t.Helper()
	body := in.feedWith(s, entries...)
	w := in.sends(callback, atom.TypeFeed, body, websub.SignatureHeader, websub.Sign(websub.SHA1, secret, body))
	if w.Code/100 != 2 {
		in.t.Fatalf("a push is answered %d: %s", w.Code, w.Body)
	}
	in.settles()
}

const (
	ostatusBase = atom.SchemaOStatus
	unfollowID  = "tag:far,2026-11-01:unfollow:1:2:1970-01-01T00:00:00+00:00"
)

func TestInboundFollowAndUnfollow(t *testing.T) {
	onInbound(t, func(in *inbound) {
		in.slaps(in.bob, in.ann, in.about(atom.Schema+"follow", "tag:far,2026:f:1", in.uri(in.ann), "person"))
		if !in.edge(models.Follows, in.bob, in.ann.ID) {
			t.Fatal("bob does not follow ann")
		}
		in.inbox(in.ann, "follow "+in.ann.Doc.ID, 1)
		in.slaps(in.bob, in.ann, in.about(ostatusBase+"unfollow", unfollowID, in.uri(in.ann), "person"))
		if in.edge(models.Follows, in.bob, in.ann.ID) {
			t.Error("bob still follows ann")
		}
	})
}

// The id of an unfollow is the same for ever: what counts is when it was.
func TestInboundUnfollowFollowUnfollow(t *testing.T) {
	onInbound(t, func(in *inbound) {
		follow := func(n int) *atom.Entry {
			return in.about(atom.Schema+"follow", fmt.Sprintf("tag:far,2026:f:%d", n), in.uri(in.ann), "person")
		}
		unfollow := func() *atom.Entry { return in.about(ostatusBase+"unfollow", unfollowID, in.uri(in.ann), "person") }
		in.slaps(in.bob, in.ann, follow(1))
		first := unfollow()
		for n, e := range []*atom.Entry{first, follow(2), unfollow()} {
			in.slaps(in.bob, in.ann, e)
			if got := in.edge(models.Follows, in.bob, in.ann.ID); got != (n == 1) {
				t.Errorf("after step %d bob follows ann: %v", n+1, got)
			}
		}
		in.slaps(in.bob, in.ann, follow(3))
		before := in.number("SELECT COUNT(*) FROM activities")
		for range 3 {
			in.slaps(in.bob, in.ann, first) // somebody has recorded it
		}
		if !in.edge(models.Follows, in.bob, in.ann.ID) || in.number("SELECT COUNT(*) FROM activities") != before {
			t.Error("a replayed unfollow has changed something")
		}
		// One that was held back until now: it is older than the follow.
		late := unfollow()
		late.Published = first.Published.Add(-time.Second)
		late.Updated = late.Published
		in.slaps(in.bob, in.ann, late)
		if !in.edge(models.Follows, in.bob, in.ann.ID) {
			t.Error("an old unfollow has ended a newer follow")
		}
	})
}

// The same for what else is sent under one id again and again.
func TestInboundReusedIDs(t *testing.T) {
	onInbound(t, func(in *inbound) {
		thing := in.post(in.ann, note("liked"))
		row := in.object(thing.ID)
		fav := func(n int) *atom.Entry {
			return in.concerning(atom.Schema+"favorite", fmt.Sprintf("tag:far,2026:fave:%d", n), thing)
		}
		undo := func() *atom.Entry {
			return in.concerning(atom.Schema+"unfavorite", "tag:far,2026:disfavor", thing)
		}
		in.slaps(in.bob, in.ann, fav(1))
		first := undo()
		in.slaps(in.bob, in.ann, first)
		in.slaps(in.bob, in.ann, fav(2))
		in.slaps(in.bob, in.ann, first)
		if !in.edge(models.Likes, in.bob, row.ID) {
			t.Error("a replayed unfavorite has taken back a newer favourite")
		}
		in.slaps(in.bob, in.ann, undo())
		if in.edge(models.Likes, in.bob, row.ID) {
			t.Error("the second unfavorite did nothing")
		}

		group := in.group("Walkers")
		join := func(n int) *atom.Entry {
			return in.about(atom.Schema+"join", fmt.Sprintf("tag:far,2026:join:%d", n), group.Doc.ID, "group")
		}
		leave := func() *atom.Entry { return in.about(ostatusBase+"leave", "tag:far,2026:leave", group.Doc.ID, "group") }
		in.slaps(in.bob, group, join(1))
		old := leave()
		in.slaps(in.bob, group, old)
		in.slaps(in.bob, group, join(2))
		in.slaps(in.bob, group, old)
		if !in.edge(models.MemberOf, in.bob, group.ID) {
			t.Error("a replayed leave has ended a newer membership")
		}
		in.slaps(in.bob, group, leave())
		if in.edge(models.MemberOf, in.bob, group.ID) {
			t.Error("the second leave did nothing")
		}
	})
}

// group makes a group of ours that everybody may see.
func (in *inbound) group(name string) *models.Actor {
	in.t.Helper()
	o := in.post(in.ann, &vocab.Object{Type: vocab.TypeGroup, DisplayName: name})
	g, err := in.DB().ActorByIRI(in.t.Context(), o.ID)
	if err != nil {
		in.t.Fatal(err)
	}
	return g
}

// What comes by salmon and by push is one, whichever comes first.
func TestInboundMentionOnce(t *testing.T) {
	onInbound(t, func(in *inbound) {
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		first, second := in.note("by salmon first", in.uri(in.ann)), in.note("by push first", in.uri(in.ann))
		in.slaps(in.bob, in.ann, first)
		in.pushes(in.bob, callback, secret, first)
		in.pushes(in.bob, callback, secret, second)
		in.slaps(in.bob, in.ann, second)
		for _, e := range []*atom.Entry{first, second} {
			in.inbox(in.ann, "post "+e.ID, 1)
		}
		if n := in.number("SELECT COUNT(*) FROM activities WHERE verb = 'post' AND NOT local"); n != 2 {
			t.Errorf("%d posts are stored, want 2", n)
		}
	})
}

func TestInboundReply(t *testing.T) {
	onInbound(t, func(in *inbound) {
		thing := in.object(in.post(in.ann, note("a question")).ID).Doc
		e := in.note("an answer")
		e.ObjectType, e.InReplyTo = atom.Schema+"comment", &atom.Reply{Ref: thing.ID, Href: thing.URL}
		e.Conversation = &atom.Conversation{Ref: "tag:us.example,2026:thread:1"}
		in.slaps(in.bob, in.ann, e)
		got := in.object(e.ID)
		if got.ParentID != in.object(thing.ID).ID || string(got.Doc.Extra[vocab.Conversation]) != `"tag:us.example,2026:thread:1"` {
			t.Errorf("the answer came in as %+v, %s", got, got.Doc.Extra)
		}
		// In reply to the page of it, and to something that is only in the answer.
		again := in.note("another", in.uri(in.ann))
		again.InReplyTo = &atom.Reply{Ref: "tag:unknown,2026:1", Href: thing.URL}
		in.slaps(in.bob, in.ann, again)
		if got := in.object(again.ID); got.ParentID != in.object(thing.ID).ID {
			t.Errorf("the second answer came in as %+v", got)
		}
		in.inbox(in.ann, "post "+e.ID, 1)
	})
}

// An answer to something that nobody here knows brings what it answers.
func TestInboundReplyToTheUnknown(t *testing.T) {
	onInbound(t, func(in *inbound) {
		parent := in.bob.writes(7, "the beginning")
		e := in.note("the end", in.uri(in.ann))
		e.InReplyTo = &atom.Reply{Ref: parent.ID, Href: in.bob.base + "/notice/7"}
		in.slaps(in.bob, in.ann, e)
		got := in.object(parent.ID)
		if got.Doc.Content != "the beginning" || got.AuthorID == 0 || in.object(e.ID).ParentID != got.ID {
			t.Errorf("what was answered came in as %+v", got)
		}
		in.inbox(in.ann, "post "+parent.ID, 0)
	})
}

func TestInboundFavourite(t *testing.T) {
	onInbound(t, func(in *inbound) {
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		thing := in.post(in.ann, note("liked"))
		e := in.concerning(atom.Schema+"favorite", "tag:far,2026:fave:1", thing)
		in.slaps(in.bob, in.ann, e)
		in.pushes(in.bob, callback, secret, e)
		if got := in.object(thing.ID); got.Counts.Likes != 1 {
			t.Errorf("liked %d times", got.Counts.Likes)
		}
		in.inbox(in.ann, "favorite "+thing.ID, 1)
		in.slaps(in.bob, in.ann, in.concerning(atom.Schema+"unfavorite", "", thing))
		if got := in.object(thing.ID); got.Counts.Likes != 0 {
			t.Errorf("still liked %d times", got.Counts.Likes)
		}
	})
}

func TestInboundRepeat(t *testing.T) {
	onInbound(t, func(in *inbound) {
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		thing := in.post(in.ann, note("repeated"))
		cid := newPeer(t).person("cid")
		theirs := cid.writes(3, "<p>said elsewhere</p>")
		share := func(id, author, content, page string) *atom.Entry {
			e := in.said(atom.Schema+"share", "")
			e.Object = &atom.Entry{ID: id, ObjectType: atom.Schema + "activity", Verb: atom.Schema + "post", Content: content,
				Author: &atom.Person{Name: "x", URI: author}, Object: &atom.Entry{ID: id, ObjectType: atom.Schema + "note", Content: content}}
			if page != "" {
				e.Object.Links = []atom.Link{{Rel: "alternate", Type: "text/html", Href: page}}
			}
			return e
		}
		ours := share(thing.ID, in.uri(in.ann), "not what she said", "")
		other := share(theirs.ID, cid.uri, "not what he said", cid.base+"/notice/3")
		lost := share("tag:gone,2026:noticeId=1:objectType=note", "http://127.0.0.1:1/user/1", "a copy", "")
		in.pushes(in.bob, callback, secret, lost, other, ours)
		if got := in.object(thing.ID); got.Counts.Shares != 1 || got.Doc.Content != "repeated" {
			t.Errorf("what ann said is now %+v", got.Doc)
		}
		if got := in.object(theirs.ID); got.Doc.Content != "<p>said elsewhere</p>" || got.AuthorID == 0 || got.Counts.Shares != 1 {
			t.Errorf("what cid said came in as %+v, by %d", got.Doc, got.AuthorID)
		}
		if got := in.object(lost.Object.ID); got.Doc.Content != "a copy" || got.AuthorID != 0 {
			t.Errorf("the copy is %+v, by %d", got.Doc, got.AuthorID)
		}
		in.inbox(in.ann, "share "+thing.ID, 1)
		// To take it back is to delete the share.
		undo := in.said(atom.Schema+"delete", ours.ID)
		undo.Object = &atom.Entry{ID: ours.ID, ObjectType: atom.Schema + "activity"}
		in.pushes(in.bob, callback, secret, undo)
		if got := in.object(thing.ID); got.Counts.Shares != 0 || !got.Deleted.IsZero() {
			t.Errorf("after the share was taken back: %+v", got)
		}
	})
}

func TestInboundDelete(t *testing.T) {
	onInbound(t, func(in *inbound) {
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		e := in.note("soon gone")
		in.pushes(in.bob, callback, secret, e)
		in.inbox(in.ann, "post "+e.ID, 1)
		gone := in.said(atom.Schema+"delete", e.ID)
		gone.Object = &atom.Entry{ID: e.ID, ObjectType: atom.Schema + "note"}
		// Somebody else cannot.
		in.slaps(in.bob.peer.person("eve"), in.ann, gone)
		if got := in.object(e.ID); !got.Deleted.IsZero() {
			t.Fatal("eve has deleted what bob said")
		}
		in.pushes(in.bob, callback, secret, gone)
		if got := in.object(e.ID); got.Deleted.IsZero() || got.Doc.Content != "" {
			t.Errorf("after it was deleted: %+v", got)
		}
		in.pushes(in.bob, callback, secret, e)
		if got := in.object(e.ID); got.Deleted.IsZero() {
			t.Error("what was deleted is back")
		}
	})
}

func TestInboundProfile(t *testing.T) {
	onInbound(t, func(in *inbound) {
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		renamed := *in.bob.document.Author
		renamed.DisplayName, renamed.Note = "Robert", "new words"
		e := in.said(ostatusBase+"update-profile", "tag:far,2026:update:1")
		e.Author = &renamed
		e.Object = &atom.Entry{ID: in.bob.uri, Title: "Robert", ObjectType: atom.Schema + "person", Links: renamed.Links, Profile: &renamed}
		in.slaps(in.bob, in.ann, e)
		bob := in.meet(in.bob)
		if got := bob.Doc; got.DisplayName != "Robert" || got.Summary != "new words" || got.ID != in.bob.acct || got.Image == nil {
			t.Errorf("told by salmon: %+v", got)
		}
		// By the author of the feed, which all followers get.
		in.bob.document.Author.DisplayName = "Bobby"
		in.pushes(in.bob, callback, secret, in.note("something"))
		if got := in.meet(in.bob).Doc.DisplayName; got != "Bobby" {
			t.Errorf("told by the feed: %q", got)
		}
		// Nobody changes the profile of another.
		eve := in.bob.peer.person("eve")
		e = in.said(ostatusBase+"update-profile", "tag:far,2026:update:2")
		e.Object = &atom.Entry{ID: in.bob.uri, ObjectType: atom.Schema + "person", Profile: &atom.Person{Name: "evil", DisplayName: "evil"}}
		in.slaps(eve, in.ann, e)
		if got := in.meet(in.bob).Doc.DisplayName; got != "Bobby" {
			t.Errorf("eve has made bob %q", got)
		}
	})
}

func TestInboundFilesAndHashtags(t *testing.T) {
	onInbound(t, func(in *inbound) {
		e := in.note("look <script>alert(1)</script>#sea", in.uri(in.ann))
		e.Links = append(e.Links, atom.Link{Rel: "enclosure", Type: "image/png", Href: in.bob.base + "/a.png", Title: "the sea"},
			atom.Link{Rel: "enclosure", Type: "application/pdf", Href: in.bob.base + "/a.pdf"}, atom.Link{Rel: "enclosure", Type: "text/html", Href: in.bob.base + "/preview"})
		e.Categories = []atom.Category{{Term: "sea"}, {Term: ""}}
		e.Point = &atom.Point{Latitude: 1.5, Longitude: -2.5}
		in.slaps(in.bob, in.ann, e)
		o := in.object(e.ID).Doc
		if len(o.Attachments) != 2 || o.Attachments[0].FullImage.URL != in.bob.base+"/a.png" || o.Attachments[1].FileURL != in.bob.base+"/a.pdf" {
			t.Errorf("the files are %+v", o.Attachments)
		}
		if strings.Contains(o.Content, "script") || o.Location == nil ||
			!slices.ContainsFunc(o.Tags, func(t *vocab.Object) bool { return t.Type == vocab.TypeHashtag && t.DisplayName == "sea" }) {
			t.Errorf("the note is %+v", o)
		}
	})
}

func TestInboundLocalGroup(t *testing.T) {
	onInbound(t, func(in *inbound) {
		group := in.group("Walkers")
		in.do(in.ann, &vocab.Activity{Verb: vocab.VerbJoin, Object: group.Doc.Ref()})
		said := func(text string) *atom.Entry {
			e := in.note(text)
			e.Links = append(e.Links, atom.Link{Rel: "mentioned", Href: group.Doc.ID, ObjectType: atom.Schema + "group"})
			return e
		}
		before := said("let me in")
		in.slaps(in.bob, group, before)
		if got := in.streamOf(group, models.Inbox); slices.Contains(got, "post "+before.ID) {
			t.Errorf("who is no member speaks in the group: %q", got)
		}
		in.slaps(in.bob, group, in.about(atom.Schema+"join", "tag:far,2026:join:1", group.Doc.ID, "group"))
		if !in.edge(models.MemberOf, in.bob, group.ID) {
			t.Fatal("bob is no member")
		}
		e := said("up the hills")
		in.slaps(in.bob, group, e)
		if got := in.streamOf(group, models.Inbox); !slices.Contains(got, "post "+e.ID) {
			t.Errorf("the group does not show what a member says: %q", got)
		}
		in.inbox(in.ann, "post "+e.ID, 1)
		// Following a group is joining it, on servers that say so.
		in.slaps(in.bob, group, in.about(ostatusBase+"unfollow", "tag:far,2026:x", group.Doc.ID, "group"))
		if in.edge(models.MemberOf, in.bob, group.ID) {
			t.Error("bob is still a member")
		}
	})
}

// In the feed of a group everybody speaks for themselves.
func TestInboundRemoteGroup(t *testing.T) {
	onInbound(t, func(in *inbound) {
		g := in.bob.peer.group("gophers")
		callback, secret := in.follows(g, vocab.VerbJoin)
		cid := newPeer(t).person("cid")
		by := func(s *someone, e *atom.Entry) *atom.Entry {
			e.Author = s.document.Author
			return e
		}
		home, away := by(in.bob, in.note("from the same server")), in.note("from another")
		away.ID = "tag:" + cid.host + ",2026-11-01:noticeId=1:objectType=note"
		away = by(cid, away)
		ours := by(in.bob, in.note("as ann"))
		ours.Author = &atom.Person{Name: "ann", URI: in.uri(in.ann)}
		fav := by(cid, in.concerning(atom.Schema+"favorite", "tag:far,2026:fave:1", in.post(in.ann, note("liked"))))
		nobody := by(cid, in.note("by nobody"))
		nobody.Author = &atom.Person{Name: "nobody", URI: cid.base + "/user/nobody"}
		in.pushes(g, callback, secret, nobody, fav, ours, away, home)
		group, err := in.DB().ActorByIRI(t.Context(), g.uri)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			e *atom.Entry
			s *someone
		}{{home, in.bob}, {away, cid}} {
			o := in.object(tt.e.ID)
			author, err := in.DB().ActorByIRI(t.Context(), tt.s.uri)
			if err != nil || o.AuthorID != author.ID {
				t.Errorf("%s is by %d, not by %s (%v)", tt.e.ID, o.AuthorID, tt.s.uri, err)
				continue
			}
			a, err := in.DB().Activity(t.Context(), o.ActivityID)
			if err != nil || !slices.ContainsFunc(a.Audience, func(to models.Addressee) bool { return to.Kind == models.AudienceGroup && to.ID == group.ID }) {
				t.Errorf("%s is addressed to %+v (%v)", tt.e.ID, a.Audience, err)
			}
			in.inbox(in.ann, "post "+tt.e.ID, 1)
		}
		for _, e := range []*atom.Entry{ours, nobody} {
			if _, err := in.DB().ObjectByIRI(t.Context(), e.ID); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%s was believed (%v)", e.Content, err)
			}
		}
		if in.edge(models.Likes, cid, in.object(fav.Object.ID).ID) {
			t.Error("a group has somebody of another server like something")
		}
	})
}

// To be listed is told, and changes nothing; so are words that nobody knows.
func TestInboundListsAndUnknownWords(t *testing.T) {
	onInbound(t, func(in *inbound) {
		for _, verb := range []string{atom.Schema + "tag", ostatusBase + "untag", atom.Schema + "tickle", "http://far.example/verbs/poke"} {
			e := in.about(verb, "tag:far,2026:"+verb[len(verb)-4:], in.uri(in.ann), "person")
			e.Target = &atom.Entry{ID: in.bob.base + "/lists/hikers", ObjectType: atom.Schema + "list", Title: "hikers"}
			in.slaps(in.bob, in.ann, e)
		}
		for _, verb := range []string{"tag", "untag", "tickle", "http://far.example/verbs/poke"} {
			in.inbox(in.ann, verb+" "+in.ann.Doc.ID, 1)
		}
		if in.edge(models.Follows, in.bob, in.ann.ID) {
			t.Error("whoever lists ann follows her")
		}
	})
}

// What is for one person reaches that person, and is shown to nobody else.
func TestInboundDirect(t *testing.T) {
	onInbound(t, func(in *inbound) {
		cid := in.person("cid")
		in.slaps(in.bob, in.ann, in.about(atom.Schema+"follow", "tag:far,2026:f:1", in.uri(in.ann), "person"))
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		for scope, push := range map[string]bool{"direct": false, "private": true} {
			e := in.note("psst", in.uri(in.ann))
			e.Scope = scope
			if push {
				in.pushes(in.bob, callback, secret, e)
			} else {
				in.slaps(in.bob, in.ann, e)
			}
			in.inbox(in.ann, "post "+e.ID, 1)
			visible := func(v models.Viewer) bool {
				got, err := in.DB().VisibleObjects(t.Context(), v, in.object(e.ID).ID)
				if err != nil {
					t.Fatal(err)
				}
				return got[in.object(e.ID).ID]
			}
			if visible(models.Viewer{}) || visible(models.Viewer{ActorID: cid.ID}) || !visible(models.Viewer{ActorID: in.ann.ID}) {
				t.Errorf("%s: it is not shown to just those whom it is for", scope)
			}
		}
	})
}

// Whoever is not who they say, or has nothing to say to somebody, is refused.
func TestSalmonThatIsRefused(t *testing.T) {
	onInbound(t, func(in *inbound) {
		eve := in.bob.peer.person("eve")
		eve.key = peerKeys()[1]
		eve.describe(vocab.TypePerson)
		eve.publish()
		mention := func() *atom.Entry { return in.note("hello", in.uri(in.ann)) }
		forged := mention()
		forged.Author = in.bob.document.Author
		old, early, undated := mention(), mention(), mention()
		old.Published = in.now().Add(-30 * 24 * time.Hour)
		old.Updated, early.Published, early.Updated = old.Published, in.now().Add(48*time.Hour), in.now().Add(48*time.Hour)
		stranger, ours := mention(), mention()
		stranger.Author = &atom.Person{Name: "x", URI: in.bob.base + "/user/nobody"}
		ours.Author = &atom.Person{Name: "ann", URI: in.uri(in.ann)}
		unsigned := in.sealed(in.bob, []byte("<entry/>"))
		unsigned.Signatures = nil
		deep := "<entry xmlns='http://www.w3.org/2005/Atom'>" + strings.Repeat("<a>", 200) + strings.Repeat("</a>", 200) + "</entry>"
		laughs := `<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><entry xmlns='http://www.w3.org/2005/Atom'>&b;</entry>`
		feed := in.feedWith(in.bob, undated)
		for _, tt := range []struct {
			name   string
			body   []byte
			status int
			text   string
		}{
			{"no envelope", []byte("hello"), 400, "no magic envelope"},
			{"an empty body", nil, 400, "no magic envelope"},
			{"by another", in.envelope(eve, forged), 400, "not by " + in.bob.uri},
			{"old", in.envelope(in.bob, old), 400, "too old"},
			{"of the future", in.envelope(in.bob, early), 400, "future"},
			{"about nobody here", in.envelope(in.bob, in.note("to nobody")), 400, "nothing to do with"},
			{"by nobody", in.envelope(in.bob, stranger), 400, "cannot be had"},
			{"by somebody here", in.envelope(in.bob, ours), 400, "of this server"},
			{"unsigned", unsigned.XML(), 400, "payload|not say|not signed"},
			{"a feed", in.sealed(in.bob, feed).XML(), 400, "one Atom entry"},
			{"deep", in.sealed(in.bob, []byte(deep)).XML(), 400, "levels"},
			{"billion laughs", in.sealed(in.bob, []byte(laughs)).XML(), 400, "DOCTYPE"},
			{"large", []byte(strings.Repeat("x", salmon.MaxEnvelope+1)), 413, "at most"},
		} {
			w := in.sends(in.server.SalmonURL(in.ann), salmon.MediaType, tt.body)
			if w.Code != tt.status || !slices.ContainsFunc(strings.Split(tt.text, "|"), func(s string) bool { return strings.Contains(w.Body.String(), s) }) {
				t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
			}
		}
		for path, status := range map[string]int{"/salmon/user/nobody": 404, "/salmon/group/nothing": 404} {
			if w := in.sends(closedHome+path, salmon.MediaType, in.envelope(in.bob, mention())); w.Code != status {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		if n := in.number("SELECT COUNT(*) FROM activities WHERE NOT local") + in.number("SELECT COUNT(*) FROM arrivals"); n != 0 {
			t.Errorf("%d of them were taken in", n)
		}
	})
}

// Envelopes come in JSON as well, and in a form.
func TestSalmonForms(t *testing.T) {
	onInbound(t, func(in *inbound) {
		for kind, body := range map[string]func(e *salmon.Envelope) []byte{
			salmon.MediaType: (*salmon.Envelope).XML, salmon.MediaTypeJSON: (*salmon.Envelope).JSON,
			"application/x-www-form-urlencoded": func(e *salmon.Envelope) []byte { return []byte(url.Values{"xml": {string(e.XML())}}.Encode()) },
		} {
			e := in.note("hello", in.uri(in.ann))
			e.Author = in.bob.document.Author
			payload, err := e.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if w := in.sends(in.server.SalmonURL(in.ann), kind, body(in.sealed(in.bob, payload))); w.Code != http.StatusAccepted || w.Body.Len() > 0 {
				t.Fatalf("%s: %d %s", kind, w.Code, w.Body)
			}
			in.settles()
			in.inbox(in.ann, "post "+e.ID, 1)
		}
	})
}

// A key that was changed is asked for once, and a host is asked for so many strangers
// and no more.
func TestSalmonKeys(t *testing.T) {
	onInbound(t, func(in *inbound) {
		in.slaps(in.bob, in.ann, in.note("with the first key", in.uri(in.ann)))
		in.bob.key = peerKeys()[1]
		in.bob.describe(vocab.TypePerson)
		in.bob.publish()
		second := in.envelope(in.bob, in.note("with the second", in.uri(in.ann)))
		send := func() int { return in.sends(in.server.SalmonURL(in.ann), salmon.MediaType, second).Code }
		asked := len(in.bob.requests())
		for range 3 {
			if got := send(); got != http.StatusBadRequest {
				t.Fatalf("a key that was fetched just now is asked for again: %d", got)
			}
		}
		if got := len(in.bob.requests()); got != asked {
			t.Errorf("%d requests for a key that was fetched just now", got-asked)
		}
		in.wait(10 * time.Minute)
		if got := send(); got != http.StatusAccepted {
			t.Fatalf("with a new key: %d", got)
		}
		in.settles()

		far := newPeer(t)
		statuses := map[int]int{}
		for i := range 40 {
			e := in.note("spam", in.uri(in.ann))
			e.Author = &atom.Person{Name: "x", URI: fmt.Sprintf("%s/user/%d", far.base, i)}
			statuses[in.sends(in.server.SalmonURL(in.ann), salmon.MediaType, in.envelope(in.bob, e)).Code]++
		}
		if statuses[http.StatusBadRequest] != 10 || statuses[http.StatusServiceUnavailable] != 30 {
			t.Errorf("forty strangers of one host are answered %v", statuses)
		}
	})
}
