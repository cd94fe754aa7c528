package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"manifold/models"
	"manifold/models/vocab"
)

func TestNote(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann, bob, carol := s.person("ann"), s.person("bob"), s.person("carol")
	o := s.post(ann, note("Boats", "<p>I saw a boat.</p>"))
	s.do(bob, &vocab.Activity{Verb: vocab.VerbFavorite, Object: o.Ref()})
	s.do(carol, &vocab.Activity{Verb: vocab.VerbFavorite, Object: o.Ref()})
	s.do(bob, &vocab.Activity{Verb: vocab.VerbShare, Object: o.Ref()})
	first := s.post(bob, reply("<p>Where?</p>", o))
	s.post(carol, reply("secret", o), ann.Doc.Ref())
	s.post(carol, reply("<p>How big?</p>", o))
	gone := s.post(carol, reply("regretted", o))
	s.do(carol, &vocab.Activity{Verb: vocab.VerbDelete, Object: gone.Ref()})
	s.do(ann, &vocab.Activity{Verb: vocab.VerbUpdate, Object: &vocab.Object{ID: o.ID, Type: o.Type, Content: "<p>I saw a red boat.</p>"}})

	page := s.get(s.path(o.URL)).is(http.StatusOK)
	same(t, "title", text(page.find("title", "")), "Boats by ann · Test & Site")
	same(t, "heading", text(page.find("h1", "p-name")), "Boats")
	same(t, "the author leads", value(page.find("a", "p-author"), "href"), s.Names().Page("ann"))
	same(t, "the note leads", value(page.find("a", "u-url"), "href"), o.URL)
	same(t, "time", value(page.find("time", "dt-published"), "datetime"), o.Published.Format("2006-01-02T15:04:05Z07:00"))
	same(t, "edited", len(page.all("time", "dt-updated")), 1)
	same(t, "canonical address", page.link("canonical"), o.URL)
	same(t, "the same for programs", page.link("alternate"), o.ID)
	equal(t, "what is said, the newest answer first", page.texts("", "e-content"), "I saw a red boat.", "How big?", "Where?")
	equal(t, "counts", page.texts("li", ""), "2 likes", "1 share", "3 answers")
	equal(t, "descriptions", properties(page), "og:title=Boats by ann", "og:description=I saw a red boat.")
	page.hides("secret", "regretted")

	page = s.get(s.path(first.URL)).is(http.StatusOK)
	same(t, "title of an answer", text(page.find("title", "")), "A comment by bob · Test & Site")
	same(t, "heading of an answer", text(page.find("h1", "unseen")), "A comment by bob")
	same(t, "what is answered", text(page.find("a", "u-in-reply-to")), "Boats by ann")
	same(t, "where that is", value(page.find("a", "u-in-reply-to"), "href"), o.URL)
}

func TestManyAnswers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann := s.person("ann")
	o := s.post(ann, note("", "question"))
	for i := 1; i <= 20; i++ {
		s.post(ann, reply(fmt.Sprintf("answer %d", i), o))
	}
	page := s.get(s.path(o.URL)).is(http.StatusOK)
	page.hides("Older answers")
	s.post(ann, reply("answer 21", o))
	page = s.get(s.path(o.URL)).is(http.StatusOK)
	page.says("Older answers are not shown here.")
	equal(t, "answers", page.texts("", "e-content"), append([]string{"question"}, numbered("answer %d", 21, 2)...)...)
}

func TestActivity(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann, bob := s.person("ann"), s.person("bob")
	post := s.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("Boats", "<p>I saw a boat.</p>")})
	o := s.object(post)
	like := s.do(bob, &vocab.Activity{Verb: vocab.VerbFavorite, Object: o.Ref()})
	share := s.do(bob, &vocab.Activity{Verb: vocab.VerbShare, Object: o.Ref()})
	follow := s.do(bob, &vocab.Activity{Verb: vocab.VerbFollow, Object: ann.Doc.Ref()})

	page := s.get(s.path(post.Doc.URL)).is(http.StatusOK)
	same(t, "title of a post", text(page.find("title", "")), "Boats · Test & Site")
	equal(t, "a post", page.texts("", "e-content"), "I saw a boat.")
	same(t, "the same for programs", page.link("alternate"), post.Doc.ID)
	page = s.get(s.path(share.Doc.URL)).is(http.StatusOK)
	same(t, "title of a share", text(page.find("title", "")), "Shared by bob · Test & Site")
	equal(t, "a share", page.texts("", "e-content"), "I saw a boat.")
	page = s.get(s.path(like.Doc.URL)).is(http.StatusOK)
	equal(t, "a like", page.texts("", "e-content"), "bob favorited Boats")
	page = s.get(s.path(follow.Doc.URL)).is(http.StatusOK)
	equal(t, "a follow", page.texts("", "e-content"), "bob followed ann")

	s.get(strings.Replace(s.path(post.Doc.URL), "ann", "bob", 1)).is(http.StatusNotFound)
	s.do(ann, &vocab.Activity{Verb: vocab.VerbDelete, Object: o.Ref()})
	s.get(s.path(post.Doc.URL)).is(http.StatusGone)
	for _, a := range []*models.Activity{like, share} {
		page := s.get(s.path(a.Doc.URL)).is(http.StatusOK)
		page.hides("Boat")
		page.says("deleted")
	}
}

func TestPicture(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann := s.person("ann")
	upload := s.Names().Base + "/uploads/ann/2026/1/1/"
	named := s.post(ann, &vocab.Object{Type: vocab.TypeImage, DisplayName: "A red boat", Image: &vocab.Media{URL: upload + "a_thumb.png", Width: 320, Height: 200},
		FullImage: &vocab.Media{URL: upload + "a.png", Width: 1600, Height: 1000}})
	told := s.post(ann, &vocab.Object{Type: vocab.TypeImage, Content: "<p>In the <b>harbour</b></p>", Image: &vocab.Media{URL: upload + "b.png"}})
	bare := s.post(ann, &vocab.Object{Type: vocab.TypeImage, Image: &vocab.Media{URL: upload + "c.png"}})
	attached := s.post(ann, &vocab.Object{Type: vocab.TypeNote, Content: "See", Attachments: []*vocab.Object{
		{Type: vocab.TypeImage, DisplayName: "One", Image: &vocab.Media{URL: "https://far.example/1.png"}},
		{Type: vocab.TypeImage, DisplayName: "Evil", Image: &vocab.Media{URL: "javascript:alert(1)"}},
		{Type: vocab.TypeVideo, DisplayName: "A film", Stream: &vocab.Media{URL: "https://far.example/film.webm"}},
		{Type: vocab.TypeFile, FileURL: "https://far.example/a.pdf"},
	}})
	tests := []struct {
		of   *vocab.Object
		want []string
	}{
		{named, []string{upload + "a_thumb.png", "A red boat", "320", "200", upload + "a.png"}},
		{told, []string{upload + "b.png", "In the harbour", "", "", upload + "b.png"}},
		{bare, []string{upload + "c.png", "A picture without a description", "", "", upload + "c.png"}},
		{attached, []string{"https://far.example/1.png", "One", "", "", "https://far.example/1.png"}},
	}
	for _, tt := range tests {
		page := s.get(s.path(tt.of.URL)).is(http.StatusOK)
		pictures := page.all("img", "u-photo")
		if len(pictures) != 1 {
			t.Errorf("%d pictures on %s", len(pictures), tt.of.URL)
			continue
		}
		p := pictures[0]
		equal(t, tt.of.DisplayName, []string{value(p, "src"), value(p, "alt"), value(p, "width"), value(p, "height"), value(p.Parent, "href")}, tt.want...)
	}
	same(t, "title of a picture", text(s.get(s.path(bare.URL)).find("title", "")), "A picture by ann · Test & Site")
	page := s.get(s.path(attached.URL))
	equal(t, "files", page.texts("li", ""), "A film", "A file")
}

func TestLongText(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann := s.person("ann")
	long := s.post(ann, note("", "<p><b>Once</b> upon a time</p>"+strings.Repeat("<p>and then</p>", 2000)+"<p>the end</p>"))
	page := s.get("/ann").is(http.StatusOK)
	page.says("Once upon a time and then", "…", `<a href="`+long.URL+`" rel="nofollow noopener ugc">Read on</a>`)
	page.hides("the end")
	page = s.get(s.path(long.URL)).is(http.StatusOK)
	page.says("<b>Once</b>", "<p>the end</p>")
	page.hides("Read on")
	endless := s.post(ann, note("", strings.Repeat("<p><b>and</b> then</p>", 15_000)+"<p>the end</p>"))
	page = s.get(s.path(endless.URL)).is(http.StatusOK)
	page.says("too long for a page")
	page.hides("the end")
}

func TestWarning(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	o := s.post(s.person("ann"), &vocab.Object{Type: vocab.TypeNote, DisplayName: "Spiders", Summary: "Spiders", Content: "<p>They have eight legs.</p>",
		Extra: map[string]json.RawMessage{vocab.NSAS2 + "sensitive": json.RawMessage("true")}})
	page := s.get(s.path(o.URL)).is(http.StatusOK)
	equal(t, "warning", page.texts("summary", ""), "Spiders")
	if hidden := page.all("details", ""); len(hidden) != 1 || len(within(hidden[0], "", "e-content")) != 1 || has(hidden[0], "open") {
		t.Errorf("the text is not hidden: %s", page.body)
	}
	equal(t, "descriptions", properties(page), "og:title=A note by ann", "og:description=Spiders")
}

func TestNotPublic(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann, bob := s.person("ann"), s.person("bob")
	limited := s.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("Between us", "secret"), To: []*vocab.Object{bob.Doc.Ref()}})
	o := s.object(limited)
	gone := s.object(s.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("", "secret"), To: []*vocab.Object{bob.Doc.Ref()}}))
	s.do(ann, &vocab.Activity{Verb: vocab.VerbDelete, Object: gone.Ref()})
	like := s.do(bob, &vocab.Activity{Verb: vocab.VerbFavorite, Object: o.Ref()})
	list := s.post(ann, &vocab.Object{Type: vocab.TypeCollection, DisplayName: "Chums", ObjectTypes: []string{vocab.TypePerson}})
	upload, names := s.Names().NewObject("ann", vocab.TypeImage)
	err := s.DB().Write(t.Context(), func(tx *models.Tx) error {
		return tx.CreateObject(t.Context(), &models.Object{Type: vocab.TypeImage, AuthorID: ann.ID, Local: true, Doc: upload}, names...)
	})
	if err != nil {
		t.Fatal(err)
	}
	unknown := s.get("/ann/note/AAAAAAAAAAAAAAAAAAAAAA").is(http.StatusNotFound)
	for what, address := range map[string]string{
		"a limited note": o.URL, "its post": limited.Doc.URL, "a like of it": like.Doc.URL, "one that was deleted": gone.URL, "an upload": upload.URL,
		"a list": list.URL, "a list by its type": strings.Replace(list.URL, "/list/", "/collection/", 1), "a type that is none": strings.Replace(o.URL, "/note/", "/nonsense/", 1),
	} {
		page := s.get(s.path(address)).is(http.StatusNotFound)
		// Word for word what is said of a page that never was.
		same(t, what, page.body, unknown.body)
		same(t, what+" for a program", s.ask(http.MethodGet, s.path(address), http.Header{"Accept": {"application/json"}}).status, http.StatusNotFound)
	}

	// An answer for everybody tells nothing of what it answers.
	answer := s.post(bob, reply("Indeed", o))
	page := s.get(s.path(answer.URL)).is(http.StatusOK)
	page.says("In reply to something that is not public")
	page.hides("Between us", o.URL, o.ID)
}

func TestRepliesToWhatIsElsewhere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann := s.person("ann")
	dan := s.remote("dan@far.example")
	known := s.object(s.receive(dan, &vocab.Activity{ID: "https://far.example/a/1", Verb: vocab.VerbPost,
		Object: &vocab.Object{ID: "https://far.example/n/1", Type: vocab.TypeNote, Content: "From afar", URL: "https://far.example/dan/1"}}))
	tests := []struct{ parent, says, leads string }{
		{known.ID, "a note by DAN", "https://far.example/dan/1"},
		{"https://else.example/n/9", "a note on else.example", "https://else.example/n/9"},
		{"tag:else.example,2026:9", "something that is not public", ""},
	}
	for _, tt := range tests {
		answer := s.post(ann, reply("Indeed", &vocab.Object{ID: tt.parent, Type: vocab.TypeNote}))
		page := s.get(s.path(answer.URL)).is(http.StatusOK)
		page.says("In reply to")
		link := page.find("a", "u-in-reply-to")
		same(t, tt.parent+" leads", value(link, "href"), tt.leads)
		if tt.leads == "" {
			page.says("In reply to " + tt.says)
			continue
		}
		same(t, tt.parent, text(link), tt.says)
	}
}

func TestDeleted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann, bob := s.person("ann"), s.person("bob")
	o := s.post(ann, note("Regretted", "I regret this"))
	answer := s.post(bob, reply("Indeed", o))
	s.do(ann, &vocab.Activity{Verb: vocab.VerbDelete, Object: o.Ref()})
	page := s.get(s.path(o.URL)).is(http.StatusGone)
	page.says("This note was deleted.")
	page.hides("egret")
	page = s.get("/ann").is(http.StatusOK)
	page.hides("egret")
	equal(t, "in its place", page.texts("p", "notice"), "This note was deleted.")
	s.get(s.path(answer.URL)).is(http.StatusOK).says("In reply to a note that is gone")
}
