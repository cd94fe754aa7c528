package ostatus_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus"
	"manifold/ostatus/atom"
)

// tagged is a note with hashtags.
func tagged(text string, tags ...string) *vocab.Object {
	o := &vocab.Object{Type: vocab.TypeNote, Content: text}
	for _, tag := range tags {
		o.Tags = append(o.Tags, &vocab.Object{Type: vocab.TypeHashtag, DisplayName: tag})
	}
	return o
}

// feedAt reads a feed by its address, and says what the server answers where there is
// none.
func (w *world) feedAt(address string) (*atom.Document, *httptest.ResponseRecorder) {
	w.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		w.t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	w.router.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, u.RequestURI(), nil))
	if answer.Code != http.StatusOK {
		return nil, answer
	}
	doc, err := atom.Decode(answer.Body.Bytes(), atom.DecodeOptions{Address: address})
	if err != nil || doc.Feed == nil {
		w.t.Fatalf("%s is no feed: %v\n%s", address, err, answer.Body)
	}
	return doc, answer
}

// texts are what the entries of a document say.
func texts(doc *atom.Document) []string {
	var list []string
	for _, e := range doc.Entries() {
		list = append(list, e.Content)
	}
	return list
}

// TestTaggedFeed: the feed of a hashtag has what people here posted for everybody with
// it, however it is written, and follows what becomes of that.
func TestTaggedFeed(t *testing.T) {
	worlds(t, ostatus.Options{}, func(w *world) {
		w.router = mux.NewRouter().UseEncodedPath().SkipClean(true)
		w.server.Register(w.router)
		w.start()
		ann, ben := w.person("ann"), w.person("ben")
		all := &vocab.Object{ID: vocab.PublicID, Type: vocab.TypeCollection}
		post := func(by *models.Actor, o *vocab.Object, verb string, to ...*vocab.Object) *vocab.Object {
			w.t.Helper()
			r, err := w.Post(w.t.Context(), bridge.Submission{ActorID: by.ID, Activity: &vocab.Activity{Verb: verb, Object: o, To: to}})
			if err != nil {
				w.t.Fatal(err)
			}
			return r.Activity.Doc.Object
		}
		address := closedHome + "/tags/boats/feed.atom"
		shows := func(what string, want ...string) {
			w.t.Helper()
			var got []string
			until(w.t, what, func() bool {
				doc, answer := w.feedAt(address)
				if doc == nil {
					w.t.Fatalf("%s: %d %s", what, answer.Code, answer.Body)
				}
				got = texts(doc)
				return slices.Equal(got, want)
			})
		}
		shows("an empty feed")
		first := post(ann, tagged("one", "#Boats", "boats"), vocab.VerbPost, all)
		post(ben, tagged("two", "BOATS", "sea"), vocab.VerbPost, all)
		post(ann, tagged("hidden", "boats"), vocab.VerbPost, ben.Doc.Ref())
		post(ann, tagged("other", "sea"), vocab.VerbPost, all)
		unlisted := &vocab.Activity{Verb: vocab.VerbPost, Object: tagged("unlisted", "boats"), CC: []*vocab.Object{all}}
		if _, err := w.Post(w.t.Context(), bridge.Submission{ActorID: ann.ID, Activity: unlisted}); err != nil {
			w.t.Fatal(err)
		}
		post(ann, tagged("three, #Boats"), vocab.VerbPost, all) // as clients of pump.io leave it
		shows("three posts", "three, #Boats", "two", "one")
		doc, _ := w.feedAt(address)
		if f := doc.Feed; f.ID != address || f.Title != "#boats on Test Site" || atom.Href(f.Links, "self") != address || atom.Href(f.Links, "hub") != "" || f.Author == nil {
			w.t.Errorf("the feed is %+v", f)
		}
		if by := doc.Entries()[1].Author; by == nil || by.URI != w.server.URI(ben) {
			w.t.Errorf("the second entry is by %+v", by)
		}

		changed := tagged("one, changed", "#rafts")
		changed.ID = first.ID
		post(ann, changed, vocab.VerbUpdate, all)
		shows("a post without its hashtag", "three, #Boats", "two")
		changed.Tags, changed.Content = tagged("", "boats").Tags, "one again"
		post(ann, changed, vocab.VerbUpdate, all)
		shows("a post with its hashtag", "three, #Boats", "two", "one again")
		post(ann, &vocab.Object{ID: first.ID, Type: vocab.TypeNote}, vocab.VerbDelete)
		shows("a deleted post", "three, #Boats", "two")

		for i := range 25 {
			post(ann, tagged(fmt.Sprint("more ", i), "boats"), vocab.VerbPost, all)
		}
		var found []string
		until(w.t, "two pages", func() bool {
			found = nil
			for next := address; next != ""; {
				doc, answer := w.feedAt(next)
				if doc == nil {
					w.t.Fatalf("%s: %d", next, answer.Code)
				}
				found = append(found, texts(doc)...)
				next = atom.Href(doc.Feed.Links, "next")
			}
			return len(found) == 27
		})
		if found[0] != "more 24" || found[26] != "two" || len(slices.Compact(slices.Sorted(slices.Values(found)))) != 27 {
			w.t.Errorf("the pages are %v", found)
		}
		if err := w.Suspend(w.t.Context(), "ann", true); err != nil {
			w.t.Fatal(err)
		}
		shows("what those say who are not suspended", "two")

		for path, want := range map[string]string{"/tags/Boats/feed.atom?before=x": address + "?before=x", "/tags/%23boats/feed.atom": address, "/tags/Stra%C3%9Fe/feed.atom": closedHome + "/tags/strasse/feed.atom"} {
			if _, answer := w.feedAt(closedHome + path); answer.Code != http.StatusMovedPermanently || answer.Header().Get("Location") != want {
				w.t.Errorf("%s: %d to %s, want %s", path, answer.Code, answer.Header().Get("Location"), want)
			}
		}
		for _, path := range []string{"/tags/a%20b/feed.atom", "/tags/%2F/feed.atom", "/tags/" + strings.Repeat("x", 201) + "/feed.atom", "/tags/boats/feed.atom?before=x"} {
			if _, answer := w.feedAt(closedHome + path); answer.Code != http.StatusNotFound {
				w.t.Errorf("%s: %d", path, answer.Code)
			}
		}
	})
}
