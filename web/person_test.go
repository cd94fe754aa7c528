package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"manifold/models"
	"manifold/models/vocab"
)

func TestPerson(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann, bob := s.person("ann"), s.person("bob")
	page := s.get("/ann").is(http.StatusOK)
	page.says("There is nothing here yet.")
	same(t, "avatar of somebody without", value(page.find("img", "u-photo"), "src"), "/images/default.png")

	s.do(ann, &vocab.Activity{Verb: vocab.VerbUpdate, Object: &vocab.Object{ID: ann.Doc.ID, Type: vocab.TypePerson, DisplayName: "Ann Example",
		Summary: "<p>I paint <b>boats</b>.</p>", Location: &vocab.Object{Type: vocab.TypePlace, DisplayName: "Lisbon"},
		Image: &vocab.Media{URL: "https://pictures.example/ann.png"}}})
	s.do(bob, &vocab.Activity{Verb: vocab.VerbFollow, Object: ann.Doc.Ref()})
	s.post(ann, note("Boats", "<p>I saw a <i>boat</i>.</p>"))
	s.post(ann, note("For Bob", "secret"), bob.Doc.Ref())
	s.post(ann, note("For those who follow", "secret"), &vocab.Object{ID: s.Names().Followers("ann"), Type: vocab.TypeCollection})

	page = s.get("/ann").is(http.StatusOK)
	address := "ann@" + s.Names().Host
	same(t, "title", text(page.find("title", "")), "Ann Example ("+address+") · Test & Site")
	same(t, "heading", text(page.find("h1", "p-name")), "Ann Example")
	same(t, "address", text(page.find("a", "u-uid")), address)
	same(t, "address of the page", value(page.find("a", "u-uid"), "href"), s.Names().Page("ann"))
	same(t, "about", text(page.find("div", "p-note")), "I paint boats.")
	same(t, "place", text(page.find("", "p-locality")), "Lisbon")
	same(t, "avatar", value(page.find("img", "u-photo"), "src"), "https://pictures.example/ann.png")
	same(t, "canonical address", page.link("canonical"), s.Names().Page("ann"))
	same(t, "the same for programs", page.link("alternate"), s.Names().Profile("ann"))
	equal(t, "counts", page.texts("li", ""), "1 follower", "follows 0 people")
	equal(t, "posts", page.texts("", "e-content"), "I saw a boat.")
	equal(t, "titles", page.texts("h3", "p-name"), "Boats")
	equal(t, "descriptions", properties(page), "og:title=Ann Example ("+address+")", "og:description=I paint boats.")
	page.hides("secret", "For Bob")
}

// properties are the OpenGraph properties of a page.
func properties(page *answer) []string {
	page.t.Helper()
	var list []string
	for _, n := range page.all("meta", "") {
		if p := value(n, "property"); p != "" {
			list = append(list, p+"="+value(n, "content"))
		}
	}
	return list
}

func TestSpellingsOfAPerson(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.person("Ann")
	note := s.post(s.person("bob"), note("", "Hello"))
	tests := []struct {
		path     string
		status   int
		location string
	}{
		{"/Ann", http.StatusOK, ""},
		{"/ann", http.StatusMovedPermanently, "/Ann"},
		{"/ANN?before=x%26y", http.StatusMovedPermanently, "/Ann?before=x%26y"},
		{"/Ann/", http.StatusMovedPermanently, "/Ann"},
		{"/%41nn", http.StatusOK, ""},
		{strings.Replace(s.path(note.URL), "bob", "BOB", 1), http.StatusMovedPermanently, s.path(note.URL)},
		{s.path(note.URL) + "/", http.StatusMovedPermanently, s.path(note.URL)},
		{"/nobody", http.StatusNotFound, ""},
		{"/Ann%2F", http.StatusNotFound, ""},
		{"//Ann", http.StatusNotFound, ""},
		{"/Ann/..", http.StatusNotFound, ""},
		{"/Ann?before=" + url.QueryEscape(note.ID), http.StatusNotFound, ""},
	}
	for _, tt := range tests {
		got := s.get(tt.path)
		same(t, tt.path, got.status, tt.status)
		want := tt.location
		if want != "" {
			want = s.Names().Base + want
		}
		same(t, tt.path+" leads", got.header.Get("Location"), want)
	}
}

func TestPeopleWhoAreNotThere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann, bob := s.person("ann"), s.person("bob")
	posts := []*vocab.Object{s.post(ann, note("", "by Ann")), s.post(bob, note("", "by Bob"))}
	carol := s.person("carol")
	for _, o := range posts {
		s.do(carol, &vocab.Activity{Verb: vocab.VerbShare, Object: o.Ref()})
	}
	if err := s.Suspend(t.Context(), "ann", true); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteAccount(t.Context(), "bob", nil); err != nil {
		t.Fatal(err)
	}
	s.get("/ann").is(http.StatusGone).says("suspended")
	s.get("/bob").is(http.StatusGone).says("deleted")
	for _, o := range posts {
		page := s.get(s.path(o.URL)).is(http.StatusGone)
		page.hides("by Ann", "by Bob")
		same(t, "cached", page.header.Get("Cache-Control"), "no-store")
	}
	shares := s.get("/carol").is(http.StatusOK)
	shares.hides("by Ann", "by Bob")
	equal(t, "what is left of what was shared", shares.texts("p", "notice"), "This note was deleted.", "The account that posted this note is not in use.")
	if err := s.Suspend(t.Context(), "ann", false); err != nil {
		t.Fatal(err)
	}
	s.get("/ann").is(http.StatusOK).says("by Ann")
}

func TestPagesOfPosts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann, bob := s.person("ann"), s.person("bob")
	const posts = 45
	for i := 1; i <= posts; i++ {
		s.post(ann, note("", fmt.Sprintf("post %d", i)))
		s.post(ann, note("", "secret"), bob.Doc.Ref())
	}
	var got []string
	address, pages := s.Names().Page("ann"), 0
	for ; address != ""; pages++ {
		page := s.get(s.path(address)).is(http.StatusOK)
		got = append(got, page.texts("", "e-content")...)
		page.hides("secret")
		address = page.link("next")
		shown := ""
		for _, a := range page.all("a", "") {
			if value(a, "rel") == "next" {
				shown = value(a, "href")
			}
		}
		same(t, "the next page", shown, address)
		if pages > 0 {
			page.says(`<a href="` + s.Names().Page("ann") + `">Newest posts</a>`)
		}
		// What is posted meanwhile moves nothing.
		s.post(ann, note("", "later"))
	}
	same(t, "pages", pages, 3)
	equal(t, "posts", got, numbered("post %d", posts, 1)...)
}

func TestShares(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann, bob := s.person("ann"), s.person("bob")
	original := s.post(bob, note("A find", "<p>Look at this.</p>"))
	limited := s.post(bob, note("Between us", "secret"), ann.Doc.Ref())
	dan := s.remote("dan@far.example")
	far := s.object(s.receive(dan, &vocab.Activity{ID: "https://far.example/a/1", Verb: vocab.VerbPost,
		Object: &vocab.Object{ID: "https://far.example/n/1", Type: vocab.TypeNote, Content: "From afar", URL: "https://far.example/dan/1"}}))
	for _, o := range []*vocab.Object{
		original.Ref(), limited.Ref(), far.Ref(),
		{ID: "https://else.example/n/9", Type: vocab.TypeNote, Content: "Bob said this", URL: "https://else.example/9", Author: bob.Doc.Ref()},
		{ID: "https://else.example/n/10", Type: vocab.TypeNote, Content: "Bob said that", URL: "javascript:alert(1)"},
	} {
		s.do(ann, &vocab.Activity{Verb: vocab.VerbShare, Object: o})
	}
	page := s.get("/ann").is(http.StatusOK)
	page.hides("secret", "Between us", "Bob said this", "javascript")
	var got []string
	for _, article := range page.all("article", "") {
		line := text(within(article, "p", "shared")[0])
		if !strings.HasPrefix(line, "ann shared this · ") {
			t.Errorf("a share is introduced by %q", line)
		}
		cite := within(article, "", "u-repost-of")[0]
		for _, part := range within(cite, "", "") {
			switch class := value(part, "class"); {
			case strings.Contains(class, "p-author"), strings.Contains(class, "e-content"), class == "notice", class == "u-url":
				got = append(got, strings.TrimSpace(text(part)+" "+value(part, "href")))
			}
		}
	}
	for i, line := range got {
		if strings.Contains(line, " UTC ") {
			_, got[i], _ = strings.Cut(line, " UTC ")
		}
	}
	equal(t, "shares", got,
		"https://else.example/n/10", "This note is on else.example.",
		"https://else.example/9", "This note is on else.example.",
		"DAN https://far.example/dan", "https://far.example/dan/1", "From afar",
		"bob "+s.Names().Page("bob"), original.URL, "Look at this.",
	)
}

// What a page costs does not depend on how much it shows.
func TestReadsOfAPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann, bob := s.person("ann"), s.person("bob")
	parent := s.post(bob, note("", "parent"))
	answered := func(i int) {
		carol := s.remote(fmt.Sprintf("carol%d@far%d.example", i, i))
		id := fmt.Sprintf("https://far%d.example/", i)
		o := s.object(s.receive(carol, &vocab.Activity{ID: id + "a", Verb: vocab.VerbPost,
			Object: &vocab.Object{ID: id + "n", Type: vocab.TypeComment, Content: "answer", InReplyTo: []*vocab.Object{parent.Ref()}}}))
		s.do(ann, &vocab.Activity{Verb: vocab.VerbShare, Object: o.Ref()})
		s.post(ann, note("", "own"))
	}
	cost := func(path string) int {
		s.reads.Take()
		s.get(path).is(http.StatusOK)
		return s.reads.Take()
	}
	answered(1)
	person, thing := cost("/ann"), cost(s.path(parent.URL))
	for i := 2; i < 12; i++ {
		answered(i)
	}
	same(t, "reads of a person with more posts", cost("/ann"), person)
	same(t, "reads of a note with more answers", cost(s.path(parent.URL)), thing)
	if person > 7 || thing > 7 {
		t.Errorf("a person costs %d reads, a note %d", person, thing)
	}
}

func TestWhenTheStoreFails(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	o := s.post(s.person("ann"), note("", "Hello"))
	s.reads.Fail(errors.New("the disk /dev/sda is on fire"))
	for _, path := range []string{"/ann", s.path(o.URL), "/ann/activity/x"} {
		page := s.get(path).is(http.StatusInternalServerError)
		page.hides("fire", "Hello")
		same(t, path+": cached", page.header.Get("Cache-Control"), "no-store")
	}
	s.reads.Fail(models.ErrNotFound)
	s.get("/ann").is(http.StatusNotFound)
	s.reads.Fail(nil)
	s.get("/ann").is(http.StatusOK)
}
