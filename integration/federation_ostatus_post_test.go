package integration

import (
	"errors"
	"fmt"
	"image/color"
	"net/http"
	"slices"
	"strings"

	"manifold/integration/gnusocial"
)

// ostatusPosts are what somebody says, to whom.
var ostatusPosts = []neighbourTest{
	{"post by ann", annPostsToBob}, {"post by bob", bobPostsToAnn},
	{"mention by ann", annMentionsBob}, {"mention by bob", bobMentionsAnn},
	{"reply by ann", annAnswersBob}, {"reply by bob", bobAnswersAnn},
	{"picture by ann", annShowsBob}, {"picture by bob", bobShowsAnn}, {"lost picture by bob", bobLosesPicture},
	{"file by ann", annSendsFile}, {"hashtag by ann", annTags}, {"hashtag by bob", bobTags}, {"place by bob", bobIsSomewhere},
	{"delete by ann", annDeletesForBob}, {"delete by bob", bobDeletesForAnn},
	{"private by ann", annWhispersToBob},
}

func annPostsToBob(w *neighbours) {
	ann, bob := w.friends()
	posted := ann.publishes(note(`<b>Hello</b>, <a href="https://example.org/?a=1&amp;b=2">Bob</a> & co`))
	id := posted.ref("object")
	got := w.arrives("the note", id)
	if got.Author != ann.actor() || got.Verb != "post" || got.Type != "note" || !got.Public || len(got.Mentions) > 0 || got.ReplyTo != "" {
		w.t.Errorf("the note came as %+v", got)
	}
	if !strings.Contains(got.Content, `<b>Hello</b>, <a href="https://example.org/?a=1&amp;b=2"`) {
		w.t.Errorf("the note says %q", got.Content)
	}
	if got.Said == "" || got.Said != got.Conversation {
		w.t.Errorf("the note begins the conversation %q", got.Said)
	}
	if err := answers(got.URL, http.StatusOK); err != nil {
		w.t.Errorf("the page of the note: %v", err)
	}
	if !bob.inTimeline(id) {
		w.t.Error("bob does not see the note")
	}
	// The feed has it as well, and it is not another one.
	w.must(w.g.Read(ann.actor()))
	if all := w.g.NoticesBy(ann.actor()); len(all) != 1 {
		w.t.Errorf("of ann there are %+v", all)
	}
}

func bobPostsToAnn(w *neighbours) {
	ann, bob := w.friends()
	n := w.posts(bob, gnusocial.Post{Content: `hello <strong>Ann</strong> &amp; co<script>alert(1)</script>`})
	got := ann.sees("inbox", "the note", by(bob.Acct(), "post", n.ID))
	object := got.in("object")
	if object.text("objectType") != "note" || object.text("content") != "hello <strong>Ann</strong> &amp; co" || object.text("url") != n.URL {
		w.t.Errorf("the note came in as %v", object)
	}
	if !slices.Contains(got.refs("to"), everyone[0]["id"].(string)) {
		w.t.Errorf("the note is for %v", got["to"])
	}
	showsRemote(w.t, got.in("actor"), bob.Acct(), bob.name())
	if items, err := ann.page("inbox/major"); err != nil || !slices.ContainsFunc(items, by(bob.Acct(), "post", n.ID)) {
		w.t.Errorf("the major inbox has %s (%v)", activities(items), err)
	}
}

// annMentionsBob, who does not follow her: only a slap can tell him.
func annMentionsBob(w *neighbours) {
	ann, bob := w.someone()
	id := ann.says(note("do you know me?"), bob.Acct()).ref("object")
	got := w.arrives("the note", id)
	if got.Way != gnusocial.WaySalmon || !slices.Equal(got.Mentions, []string{bob.URI()}) || !got.Public || got.Author != ann.actor() {
		w.t.Errorf("the note came as %+v", got)
	}
	if !bob.inTimeline(id) {
		w.t.Error("bob does not see the note")
	}
}

func bobMentionsAnn(w *neighbours) {
	ann, bob := w.someone()
	n := w.posts(bob, gnusocial.Post{Content: "do you know me?", Mention: []string{ann.acct()}})
	got := ann.sees("inbox", "the note", by(bob.Acct(), "post", n.ID))
	if !strings.Contains(got.in("object").text("content"), "do you know me?") || !slices.Contains(append(got.refs("to"), got.refs("cc")...), w.s.url+ann.path("profile")) {
		w.t.Errorf("the note came in as %v", got)
	}
	if items, err := ann.page("inbox/direct"); err != nil || !slices.ContainsFunc(items, by(bob.Acct(), "post", n.ID)) {
		w.t.Errorf("the direct inbox has %s (%v)", activities(items), err)
	}
}

func annAnswersBob(w *neighbours) {
	ann, bob := w.friends()
	n := w.posts(bob, gnusocial.Post{Content: "what do you say?"})
	ann.sees("inbox", "the note", by(bob.Acct(), "post", n.ID))
	id := ann.says(comment("I say yes", n.ID), bob.Acct()).ref("object")
	got := w.arrives("the answer", id)
	if got.ReplyTo != n.ID || got.Said != n.Conversation || got.Conversation != n.Conversation || got.Type != "comment" || !slices.Equal(got.Mentions, []string{bob.URI()}) {
		w.t.Errorf("the answer came as %+v, in %q", got, n.Conversation)
	}
	again := w.posts(bob, gnusocial.Post{Content: "good", ReplyTo: id})
	seen := ann.sees("inbox", "the answer to the answer", by(bob.Acct(), "post", again.ID)).in("object")
	if seen.text("objectType") != "comment" || seen.ref("inReplyTo") != id {
		w.t.Errorf("the answer to the answer came in as %v", seen)
	}
	ann.counts(id, "replies", 1)
}

func bobAnswersAnn(w *neighbours) {
	ann, bob := w.friends()
	id := ann.publishes(note("what do you say?")).ref("object")
	asked := w.arrives("the note", id)
	n := w.posts(bob, gnusocial.Post{Content: "I say no", ReplyTo: id})
	seen := ann.sees("inbox", "the answer", by(bob.Acct(), "post", n.ID)).in("object")
	if seen.text("objectType") != "comment" || seen.ref("inReplyTo") != id || !strings.Contains(seen.text("content"), "I say no") {
		w.t.Errorf("the answer came in as %v", seen)
	}
	ann.counts(id, "replies", 1)
	// Somebody whom nobody here follows is heard as well, when it is an answer.
	bea := w.there("bea")
	w.posts(bea, gnusocial.Post{Content: "I say maybe", ReplyTo: id})
	ann.counts(id, "replies", 2)
	again := w.arrives("what ann answers", ann.says(comment("a pity", n.ID), bob.Acct()).ref("object"))
	if again.ReplyTo != n.ID || again.Said != asked.Said || again.Conversation != asked.Conversation {
		w.t.Errorf("what ann answers came as %+v, in %q", again, asked.Said)
	}
}

func annShowsBob(w *neighbours) {
	ann, _ := w.friends()
	picture := ann.upload(color.RGBA{40, 120, 200, 255}, 64, 48)
	id := ann.publishes(args{"objectType": "image", "id": picture.ID, "displayName": "The sky", "content": "as seen from here"}).ref("object")
	got := w.arrives("the picture", id)
	if len(got.Enclosures) != 1 || got.Enclosures[0].Type != "image/png" || got.Title != "The sky" || !strings.Contains(got.Content, "as seen from here") {
		w.t.Fatalf("the picture came as %+v", got)
	}
	if file := fetch(w.t, got.Enclosures[0].URL); !strings.HasPrefix(file, "\x89PNG") {
		w.t.Errorf("the picture is %.20q", file)
	}
	if !strings.Contains(got.Content, "<img ") {
		w.t.Errorf("whoever does not look at enclosures does not see the picture: %s", got.Content)
	}
}

func bobShowsAnn(w *neighbours) {
	ann, bob := w.friends()
	n := w.posts(bob, gnusocial.Post{Content: "look", Photo: tinyPNG})
	object := ann.sees("inbox", "the picture", by(bob.Acct(), "post", n.ID)).in("object")
	shows(ann, object, n.Enclosures[0].URL)
}

// bobLosesPicture: GNU social 2 has no address in the enclosure of a picture.
func bobLosesPicture(w *neighbours) {
	ann, bob := w.friends()
	n := w.posts(bob, gnusocial.Post{Content: "look", Photo: tinyPNG, LostPhoto: true})
	object := ann.sees("inbox", "the picture", by(bob.Acct(), "post", n.ID)).in("object")
	shows(ann, object, n.Enclosures[0].URL)
}

// shows checks that a picture from elsewhere is in what a client is told, and can be
// loaded.
func shows(p *person, object document, address string) {
	p.t.Helper()
	shown := fmt.Sprint(map[string]any(object))
	if !strings.Contains(shown, address) {
		p.t.Fatalf("%s is not in %s", address, shown)
	}
	_, proxied, found := strings.Cut(shown, "proxyURL:"+p.server.url)
	if !found {
		p.t.Fatalf("a client of %s's cannot load %s: %s", p.nick, address, shown)
	}
	proxied, _, _ = strings.Cut(proxied, "]")
	proxied, _, _ = strings.Cut(proxied, " ")
	if status, answer := p.try("GET", proxied, nil); status != http.StatusOK || answer != string(tinyPNG) {
		p.t.Errorf("the picture at %s: status %d: %.40q", proxied, status, answer)
	}
}

// tinyPNG is a picture of one point.
var tinyPNG = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\b\x00\x00\x00\x00:~\x9bU\x00\x00\x00\nIDATx\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q\x00\x00\x00\x00IEND\xaeB`\x82")

func annSendsFile(w *neighbours) {
	ann, _ := w.friends()
	const address = "https://pictures.example/map.pdf"
	id := ann.publishes(args{"objectType": "file", "displayName": "A map", "fileUrl": address, "mimeType": "application/pdf"}).ref("object")
	got := w.arrives("the file", id)
	if len(got.Enclosures) != 1 || got.Enclosures[0].URL != address || got.Enclosures[0].Type != "application/pdf" || got.Title != "A map" {
		w.t.Errorf("the file came as %+v", got)
	}
}

func annTags(w *neighbours) {
	ann, _ := w.friends()
	object := note("off to the <b>hills</b>")
	object["tags"] = []args{{"objectType": "hashtag", "displayName": "#walking"}, {"objectType": "hashtag", "displayName": "hills"}}
	got := w.arrives("the note", ann.publishes(object).ref("object"))
	if !slices.Equal(got.Tags, []string{"walking", "hills"}) {
		w.t.Errorf("the note is about %q", got.Tags)
	}
}

func bobTags(w *neighbours) {
	ann, bob := w.friends()
	n := w.posts(bob, gnusocial.Post{Content: "off to the hills", Tags: []string{"walking", "Hills"}})
	var tags []string
	for _, tag := range ann.sees("inbox", "the note", by(bob.Acct(), "post", n.ID)).in("object").all("tags") {
		if m, ok := tag.(map[string]any); ok && m["objectType"] == "hashtag" {
			tags = append(tags, fmt.Sprint(m["displayName"]))
		}
	}
	if !slices.Equal(tags, []string{"walking", "Hills"}) {
		w.t.Errorf("the note is about %q", tags)
	}
}

func bobIsSomewhere(w *neighbours) {
	ann, bob := w.friends()
	n := w.posts(bob, gnusocial.Post{Content: "here", Point: "45.5 -73.6"})
	got := ann.sees("inbox", "the note", by(bob.Acct(), "post", n.ID)).in("object")
	if place := fmt.Sprint(got["location"]); !strings.Contains(place, "45.5") || !strings.Contains(place, "-73.6") {
		w.t.Errorf("bob is said to be at %s", place)
	}
}

func annDeletesForBob(w *neighbours) {
	ann, bob := w.friends()
	id := ann.says(note("regretted"), bob.Acct()).ref("object")
	w.arrives("the note", id)
	ann.does(args{"verb": "delete", "object": args{"objectType": "note", "id": id}})
	w.vanishes("note", id)
	if status, _ := getAS2(w.t, id); status != http.StatusGone {
		w.t.Errorf("the deleted note is answered with %d", status)
	}
	w.must(w.g.Read(ann.actor()))
	if all := w.g.NoticesBy(ann.actor()); len(all) > 0 {
		w.t.Errorf("the feed has %+v", all)
	}
}

func bobDeletesForAnn(w *neighbours) {
	ann, bob := w.friends()
	n := w.posts(bob, gnusocial.Post{Content: "regretted"})
	ann.sees("inbox", "the note", by(bob.Acct(), "post", n.ID))
	w.must(bob.Delete(n.ID))
	ann.noLonger("inbox", "text of the note", func(a document) bool {
		return strings.Contains(a.in("object").text("content"), "regretted")
	})
}

// annWhispersToBob: OStatus has nothing that is not for everybody. Nothing of it
// leaves, and ann can see whom it did not reach.
func annWhispersToBob(w *neighbours) {
	ann, bob := w.friends()
	secret := ann.does(args{"verb": "post", "object": note("between us"), "to": []args{{"objectType": "person", "id": bob.Acct()}}})
	closed := ann.post("for followers")
	for what, id := range map[string]string{"the private note": secret.id(), "what is for followers": closed.ID} {
		w.until("ann is told that bob does not get "+what, func() error {
			var failed struct{ Items []document }
			ann.ask("GET", strings.TrimPrefix(id, w.s.url)+"/deliveries", nil, &failed)
			if len(failed.Items) != 1 {
				return fmt.Errorf("there is %v", failed.Items)
			}
			got := failed.Items[0]
			if got.text("state") != "failed" || got.text("network") != "ostatus" || !strings.Contains(got.text("error"), strings.TrimPrefix(bob.Acct(), "acct:")) {
				return fmt.Errorf("it is said to be %v", got)
			}
			return nil
		})
	}
	id := ann.publishes(note("for everybody")).ref("object")
	w.arrives("what is for everybody", id)
	w.must(w.g.Read(ann.actor()))
	if all := w.g.NoticesBy(ann.actor()); len(all) != 1 {
		w.t.Errorf("of ann there are %+v", all)
	}
	for _, a := range w.g.Arrivals() {
		if strings.Contains(string(a.Document), "between us") || strings.Contains(string(a.Document), "for followers") && strings.Contains(string(a.Document), ann.nick) {
			w.t.Errorf("a %s came to %s:\n%s", a.Kind, a.Path, a.Document)
		}
	}
	for _, private := range []string{secret.ref("object"), closed.Object.ID} {
		if r := w.s.wire("GET", strings.TrimPrefix(private, w.s.url), nil, "Accept: application/atom+xml"); r.status == http.StatusOK {
			w.t.Error(errors.New("a stranger reads " + private))
		}
	}
}
