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
