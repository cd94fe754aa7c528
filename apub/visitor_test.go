package apub_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"manifold/apub"
	"manifold/apub/httpsig"
	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// reads makes a signed request for something of ours.
func (s *someone) reads(address string, spec httpsig.Spec) *http.Request {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodGet, address, nil)
	r.RequestURI = r.URL.RequestURI()
	r.Header.Set("Accept", asAS2)
	if err := s.key.Sign(r, spec, nil); err != nil {
		s.t.Fatal(err)
	}
	return r
}

// unsigned is the same request of a stranger.
func unsigned(address string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, address, nil)
	r.RequestURI = r.URL.RequestURI()
	r.Header.Set("Accept", asAS2)
	return r
}

// knows has the server know somebody.
func (w *world) knows(s *someone) *models.Actor {
	w.t.Helper()
	a, err := w.bridge.Resolve(w.t.Context(), s.id)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) does(who *models.Actor, verb string, o *vocab.Object, to ...*vocab.Object) *vocab.Activity {
	w.t.Helper()
	r, err := w.bridge.Post(w.t.Context(), bridge.Submission{ActorID: who.ID, Activity: &vocab.Activity{Verb: verb, Object: o, To: to}})
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Activity.Doc
}

// follows has somebody elsewhere follow somebody here.
func (w *world) follows(who *models.Actor, whom *models.Actor) {
	w.t.Helper()
	_, err := w.bridge.Receive(w.t.Context(), bridge.Arrival{SenderID: who.ID, Network: apub.Network, Verified: "http-signature",
		Activity: &vocab.Activity{ID: who.Doc.ID + "/follows/" + whom.Nickname, Verb: vocab.VerbFollow, Actor: who.Doc.Ref(), Object: whom.Doc.Ref()}})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) followersOf(a *models.Actor) *vocab.Object {
	return &vocab.Object{ID: w.bridge.Names().Followers(a.Nickname), Type: vocab.TypeCollection}
}

// TestVisitorsSeeWhatIsMeantForThem: with a signature somebody sees what is
// addressed to them or to followers of whom they are one, and nobody else does.
func TestVisitorsSeeWhatIsMeantForThem(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		p := newPeer(w.t)
		far, other := p.person("far", rsaKeys()[0]), p.person("other", rsaKeys()[1])
		ann := w.person("ann")
		w.follows(w.knows(far), ann)
		direct := w.does(ann, vocab.VerbPost, text("for far"), w.knows(far).Doc.Ref())
		followers := w.does(ann, vocab.VerbPost, text("for followers"), w.followersOf(ann))
		nobody := w.does(ann, vocab.VerbPost, text("for herself"), ann.Doc.Ref())
		for _, tt := range []struct {
			what, id  string
			far       int
			otherwise int
		}{
			{"a direct note", direct.Object.ID, 200, 404}, {"its posting", direct.ID, 200, 404}, {"its likes", direct.Object.ID + "/likes", 200, 404},
			{"a note for followers", followers.Object.ID, 200, 404}, {"its posting", followers.ID, 200, 404},
			{"a note for somebody else", nobody.Object.ID, 404, 404},
		} {
			for _, spec := range []httpsig.Spec{httpsig.Cavage, httpsig.RFC9421} {
				a := w.serve(far.reads(tt.id, spec))
				if a.Code != tt.far {
					w.t.Errorf("%s, asked for by whom it is meant for by %s: %d %s", tt.what, spec, a.Code, a.Body)
				}
				if a.Code == 200 && a.Header().Get("Cache-Control") != "private, no-cache" {
					w.t.Errorf("%s may be kept by whoever passes it on: %s", tt.what, a.Header().Get("Cache-Control"))
				}
				if a := w.serve(other.reads(tt.id, spec)); a.Code != tt.otherwise {
					w.t.Errorf("%s, asked for by another: %d %s", tt.what, a.Code, a.Body)
				}
			}
			if a := w.serve(unsigned(tt.id)); a.Code != tt.otherwise {
				w.t.Errorf("%s, asked for by a stranger: %d", tt.what, a.Code)
			}
			forged := far.reads(tt.id, httpsig.Cavage)
			forged.Header.Set("Date", "Mon, 02 Nov 2026 00:00:00 GMT")
			if a := w.serve(forged); a.Code != tt.otherwise {
				w.t.Errorf("%s, asked for with a false signature: %d", tt.what, a.Code)
			}
		}
		// In collections it is the same.
		count := func(r *http.Request) int {
			w.t.Helper()
			var page struct{ OrderedItems []any }
			if err := json.Unmarshal(w.serve(r).Body.Bytes(), &page); err != nil {
				w.t.Fatal(err)
			}
			return len(page.OrderedItems)
		}
		outbox := ours + "/users/ann/outbox/major?page=true"
		if f, o, s := count(far.reads(outbox, httpsig.Cavage)), count(other.reads(outbox, httpsig.Cavage)), count(unsigned(outbox)); f != 2 || o != 0 || s != 0 {
			w.t.Errorf("in the outbox one who follows sees %d, another %d, a stranger %d", f, o, s)
		}
		// Whom ann blocks sees nothing more of it.
		w.does(ann, vocab.VerbBlock, w.knows(far).Doc.Ref())
		if a := w.serve(far.reads(direct.Object.ID, httpsig.Cavage)); a.Code != 404 {
			w.t.Errorf("somebody blocked is answered %d", a.Code)
		}
	})
}

// TestInboxesAreNotShown: inboxes are for their owners, whoever asks here.
func TestInboxesAreNotShown(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		far := newPeer(w.t).person("far", rsaKeys()[0])
		w.follows(w.knows(far), w.person("ann"))
		for _, path := range []string{"/inbox", "/users/ann/inbox", "/actor/inbox"} {
			for what, r := range map[string]*http.Request{"a stranger": unsigned(ours + path), "a follower": far.reads(ours+path, httpsig.Cavage)} {
				if a := w.serve(r); a.Code != 401 || !strings.Contains(a.Body.String(), `"error"`) || a.Header().Get("Cache-Control") != "no-store" {
					w.t.Errorf("%s is shown to %s: %d %s", path, what, a.Code, a.Body)
				}
			}
		}
	})
}

// TestFilesOfWhatIsNotPublic: servers fetch files without saying who they are, so
// whoever is told of a thing that is not public is told where its files are shown to
// anybody, and nobody is told so of what is another's.
func TestFilesOfWhatIsNotPublic(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		far := newPeer(w.t).person("far", rsaKeys()[0])
		ann := w.person("ann")
		w.person("bob")
		keys, err := w.bridge.FileKeys(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		picture := func(nick, name string) *vocab.Object {
			file := ours + "/uploads/" + nick + "/2026/11/26/" + name
			return &vocab.Object{Type: vocab.TypeImage, Image: &vocab.Media{URL: file + "_thumb.png"}, FullImage: &vocab.Media{URL: file + ".png"}}
		}
		for _, tt := range []struct {
			nick   string
			to     *vocab.Object
			opened bool
		}{
			{"ann", w.knows(far).Doc.Ref(), true}, {"ann", &vocab.Object{ID: vocab.PublicID, Type: vocab.TypeCollection}, false}, {"bob", w.knows(far).Doc.Ref(), false},
		} {
			for _, o := range []*vocab.Object{picture(tt.nick, "x"), {Type: vocab.TypeNote, Content: "two", Attachments: []*vocab.Object{picture(tt.nick, "y")}}} {
				post := w.does(ann, vocab.VerbPost, o, tt.to)
				type media struct {
					URL, MediaType string
					Icon           struct{ URL string }
				}
				var note struct{ Attachment []media }
				var create struct{ Object struct{ Attachment []media } }
				for id, into := range map[string]any{post.Object.ID: &note, post.ID: &create} {
					if a := w.serve(far.reads(id, httpsig.Cavage)); a.Code != 200 || json.Unmarshal(a.Body.Bytes(), into) != nil {
						w.t.Fatalf("%s: %d %s", id, a.Code, a.Body)
					}
				}
				for _, list := range [][]media{note.Attachment, create.Object.Attachment} {
					if len(list) != 1 || list[0].MediaType != "image/png" {
						w.t.Fatalf("%s for %s has the attachments %v", o.Type, tt.to.ID, list)
					}
					for _, address := range []string{list[0].URL, list[0].Icon.URL} {
						plain, key, opened := strings.Cut(address, "?")
						parameters, err := url.ParseQuery(key)
						if path := strings.TrimPrefix(plain, ours+"/uploads/"); opened != tt.opened || err != nil || opened && !keys.Open(path, parameters) {
							w.t.Errorf("%s of %s for %s is at %s", o.Type, tt.nick, tt.to.ID, address)
						}
					}
				}
			}
		}
	})
}

// TestKeysAreFetchedForWhatIsPrivate: a key that is not known is asked for where it
// makes a difference, and only there.
func TestKeysAreFetchedForWhatIsPrivate(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		p := newPeer(w.t)
		far := p.person("far", rsaKeys()[0])
		ann := w.person("ann")
		open := w.does(ann, vocab.VerbPost, text("for all"), everybody())
		if a := w.serve(far.reads(open.Object.ID, httpsig.Cavage)); a.Code != 200 || p.requests("/users/far") != 0 {
			w.t.Errorf("what is public: %d, after %d requests for the key", a.Code, p.requests("/users/far"))
		}
		secret := w.does(ann, vocab.VerbPost, text("secret"), w.followersOf(ann))
		if a := w.serve(far.reads(secret.Object.ID, httpsig.Cavage)); a.Code != 404 || p.requests("/users/far") == 0 {
			w.t.Errorf("what is private: %d, after %d requests for the key", a.Code, p.requests("/users/far"))
		}
	})
}

// TestAuthorizedFetch: with that option nothing is shown without a signature but
// what it takes to verify ours.
func TestAuthorizedFetch(t *testing.T) {
	worlds(t, apub.Options{AuthorizedFetch: true}, func(w *world) {
		p := newPeer(w.t)
		far := p.person("far", rsaKeys()[0])
		ann := w.person("ann")
		open := w.does(ann, vocab.VerbPost, text("for all"), everybody())
		for _, id := range []string{ours + "/users/ann", ours + "/users/ann/outbox", ours + "/users/ann/followers", open.ID, open.Object.ID, open.Object.ID + "/replies"} {
			a := w.serve(unsigned(id))
			if a.Code != 401 || !strings.Contains(a.Header().Get("Vary"), "Accept") || !strings.Contains(strings.Join(a.Header().Values("Vary"), ","), "Signature") {
				w.t.Errorf("%s for a stranger: %d %v", id, a.Code, a.Header())
			}
			if a := w.serve(far.reads(id, httpsig.Cavage)); a.Code != 200 || a.Header().Get("Cache-Control") != "private, no-cache" {
				w.t.Errorf("%s with a signature: %d %s", id, a.Code, a.Body)
			}
			forged := far.reads(id, httpsig.Cavage)
			forged.Header.Set("Date", "Mon, 02 Nov 2026 00:00:00 GMT")
			if a := w.serve(forged); a.Code != 401 {
				w.t.Errorf("%s with a false signature: %d", id, a.Code)
			}
		}
		if a := w.serve(unsigned(ours + "/actor")); a.Code != 200 || !strings.Contains(a.Body.String(), "publicKeyPem") {
			w.t.Errorf("the server itself: %d %s", a.Code, a.Body)
		}
	})
}

// TestFollowersSynchronization: what is for followers alone is delivered with a
// digest of those at the server that it goes to (FEP-8fcf), which can ask who they
// are; nobody else can.
func TestFollowersSynchronization(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		p, q := newPeer(w.t), newPeer(w.t)
		far, near, other := p.person("far", rsaKeys()[0]), p.person("near", rsaKeys()[1]), q.person("other", rsaKeys()[2])
		ann := w.person("ann")
		for _, s := range []*someone{far, near, other} {
			w.follows(w.knows(s), ann)
		}
		fields := make(chan string, 10)
		p.judges(func(r *http.Request, _ []byte) int {
			if r.Method == http.MethodPost {
				fields <- r.Header.Get(apub.SynchronizationField)
				return 202
			}
			return 0
		})
		deliver := func(to ...*vocab.Object) string {
			w.t.Helper()
			r, err := w.bridge.Post(w.t.Context(), bridge.Submission{ActorID: ann.ID, Activity: &vocab.Activity{Verb: vocab.VerbPost, Object: text("x"), To: to}})
			if err != nil {
				w.t.Fatal(err)
			}
			if _, err := w.Deliver(w.t.Context(), &bridge.Delivery{Activity: r.Activity, Inboxes: []string{p.base + "/inbox"}}); err != nil {
				w.t.Fatal(err)
			}
			return <-fields
		}
		digest := func(ids ...string) string {
			var sum [sha256.Size]byte
			for _, id := range ids {
				for i, b := range sha256.Sum256([]byte(id)) {
					sum[i] ^= b
				}
			}
			return hex.EncodeToString(sum[:])
		}
		id := ours + "/users/ann"
		field := func(ids ...string) string {
			return `collectionId="` + id + `/followers", url="` + id + `/followers_synchronization", digest="` + digest(ids...) + `"`
		}
		if got := deliver(w.followersOf(ann)); got != field(near.id, far.id) {
			w.t.Errorf("delivered with %s, want %s", got, field(near.id, far.id))
		}
		if got := deliver(everybody(), w.followersOf(ann)); got != "" {
			w.t.Errorf("what is public is delivered with %s", got)
		}
		w.does(ann, vocab.VerbBlock, w.knows(near).Doc.Ref())
		if got := deliver(w.followersOf(ann)); got != field(far.id) {
			w.t.Errorf("after one has gone delivered with %s, want %s", got, field(far.id))
		}
		list := func(s *someone) []string {
			w.t.Helper()
			a := w.serve(s.reads(id+"/followers_synchronization", httpsig.Cavage))
			var doc struct {
				ID, Type     string
				OrderedItems []string
			}
			if err := json.Unmarshal(a.Body.Bytes(), &doc); err != nil || a.Code != 200 || doc.Type != "OrderedCollection" {
				w.t.Fatalf("%d %s", a.Code, a.Body)
			}
			return doc.OrderedItems
		}
		if got := list(far); len(got) != 1 || got[0] != far.id {
			w.t.Errorf("one server is told %v", got)
		}
		if got := list(other); len(got) != 1 || got[0] != other.id {
			w.t.Errorf("another server is told %v", got)
		}
		if a := w.serve(unsigned(id + "/followers_synchronization")); a.Code != 401 {
			w.t.Errorf("a stranger is answered %d", a.Code)
		}
	})
}
