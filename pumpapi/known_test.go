package pumpapi_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// foreigner is somebody on another network.
type foreigner struct {
	s     *site
	actor *models.Actor
}

const social = "https://social.example"

// foreigner introduces somebody as ActivityPub describes them. Their id is iri
// where it is given.
func (s *site) foreigner(nick, iri string, edit func(*vocab.Object)) *foreigner {
	s.t.Helper()
	of := social + "/users/" + nick
	doc := &vocab.Object{ID: "acct:" + nick + "@social.example", Type: vocab.TypePerson, PreferredUsername: nick, DisplayName: "Rob of " + nick, Summary: "<p>I am</p>",
		URL: social + "/@" + nick, Image: &vocab.Media{URL: social + "/avatars/" + nick + ".png", MediaType: "image/png", Width: 96, Height: 96}, Published: s.clock.now(),
		Feeds: map[string]vocab.Feed{"followers": {URL: of + "/followers", TotalItems: 1500}, "following": {URL: of + "/following"}, "likes": {URL: of + "/liked", TotalItems: 7},
			"outbox": {URL: of + "/outbox", TotalItems: 5000}, "featured": {URL: of + "/featured"}},
		Extra: map[string]json.RawMessage{vocab.NSAS2 + "discoverable": json.RawMessage("true")}}
	if iri != "" {
		doc.ID = iri
	}
	if edit != nil {
		edit(doc)
	}
	actor, err := s.bridge.Introduce(s.t.Context(), &bridge.Account{Profile: doc, Network: "activitypub", IRI: of, Aliases: []string{of, social + "/@" + nick}, Inbox: of + "/inbox"}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &foreigner{s: s, actor: actor}
}

// everybody is the public. What is received belongs to the bridge, which cleans it
// in place, so each activity gets its own.
func everybody() *vocab.Object { return &vocab.Object{ID: publicID, Type: vocab.TypeCollection} }

// does has the foreigner do something, at a time, to be told to some.
func (f *foreigner) does(verb string, o *vocab.Object, at time.Time, to ...*vocab.Object) *models.Activity {
	f.s.t.Helper()
	result, err := f.s.bridge.Receive(f.s.t.Context(), bridge.Arrival{SenderID: f.actor.ID, Network: "activitypub", Verified: "test",
		Activity: &vocab.Activity{ID: social + "/activities/" + f.actor.Nickname + "/" + verbName(verb) + "/" + o.ID, Verb: verb, Object: o, Published: at, To: to}})
	if err != nil {
		f.s.t.Fatal(err)
	}
	return result.Activity
}

func verbName(verb string) string { return verb[strings.LastIndexAny(verb, "#/")+1:] }

// posts has the foreigner post something.
func (f *foreigner) posts(o *vocab.Object, to ...*vocab.Object) {
	f.s.t.Helper()
	f.does(vocab.VerbPost, o, f.s.clock.now(), to...)
}

// object is v as something that activities name.
func (v *visitor) object() *vocab.Object { return &vocab.Object{ID: v.id(), Type: vocab.TypePerson} }

// Somebody of another network is somebody like all others to a client: what she
// has is here, and can be read.
func TestSomebodyOfAnotherNetwork(t *testing.T) {
	onBothWith(t, siteOptions{adjust: withProxy}, func(t *testing.T, s *site) {
		ann, cid := s.person("ann"), s.person("cid")
		rob := s.foreigner("rob", "", nil)
		ann.post("/api/user/ann/following", doc{"id": "acct:rob@social.example", "objectType": "person"}).ok().
			has(t, map[string]any{"id": "acct:rob@social.example", "displayName": "Rob of rob"})
		rob.does(vocab.VerbFollow, cid.object(), s.clock.now(), cid.object())
		note := cid.note("likeable", public)
		rob.does(vocab.VerbFavorite, &vocab.Object{ID: note.id(), Type: vocab.TypeNote}, s.clock.now(), everybody())

		const user = home + "/api/user/rob@social.example"
		person := ann.get("/api/user/ann/following").ok().doc("items.0")
		person.has(t, map[string]any{
			"activitypub": nil,
			"id":          "acct:rob@social.example", "url": social + "/@rob", "preferredUsername": "rob", "summary": "<p>I am</p>", "image.url": social + "/avatars/rob.png",
			"image.width": 96.0, "links.self.href": user + "/profile", "links.activity-outbox.href": user + "/feed", "links.activity-inbox": nil,
			"followers.url": user + "/followers", "followers.pump_io": nil, "following.url": user + "/following", "favorites.url": user + "/favorites",
			"featured": nil, "outbox": nil, "likes": nil, "pump_io.followed": true, "pump_io.proxyURL": nil,
		})
		if got := s.behind(person.text("image.pump_io.proxyURL")); got != social+"/avatars/rob.png" {
			t.Errorf("her picture is fetched from %q", got)
		}
		// How much there is her own server knows best.
		ann.get(user+"/profile").ok().has(t, map[string]any{"id": "acct:rob@social.example", "activitypub.discoverable": true, "followers.totalItems": 1500.0, "following.totalItems": 1.0,
			"favorites.totalItems": 7.0, "pump_io.followed": true})
		ann.get(user).ok().has(t, map[string]any{"nickname": "rob", "profile.id": "acct:rob@social.example", "email": nil})
		for feed, want := range map[string]string{"/followers": ann.id(), "/following": cid.id(), "/favorites": note.id()} {
			ann.get(user+feed).ok().has(t, map[string]any{"url": user + feed, "items.0.id": want, "items.1": nil, "author.id": "acct:rob@social.example", "totalItems": 1.0})
			s.nobody().get(user+feed).refused(401, "Not logged in.")
		}
		// She is found by each of her names.
		for _, name := range []string{"rob@SOCIAL.example", url.PathEscape(social + "/users/rob"), url.PathEscape(social + "/@rob"), "acct:rob@social.example"} {
			ann.get("/api/user/"+name+"/profile").ok().has(t, map[string]any{"id": "acct:rob@social.example"})
		}
		for name, text := range map[string]string{"eve@social.example": "eve@social.example", "~zz": "~zz", "~-": "~-", url.PathEscape(social + "/users/eve"): social + "/users/eve"} {
			ann.get("/api/user/"+name+"/feed").refused(404, "No such 'user' with id '"+text+"'")
		}
		// Nothing is done at these addresses, and nobody's inbox is shown.
		ann.post(user+"/feed", doc{"verb": "post", "object": doc{"objectType": "note"}}).refused(404, "No such 'user' with id 'rob@social.example'")
		ann.get(user+"/inbox").refused(404, "No such 'user' with id 'rob@social.example'")
		ann.put(user+"/profile", doc{"displayName": "x"}).refused(404, "No such 'user' with id 'rob@social.example'")

		// Who has no account that can be written in an address has a number.
		zoe := s.foreigner("zoe", social+"/users/zoé", nil)
		ann.act(doc{"verb": "follow", "object": doc{"id": zoe.actor.Doc.ID, "objectType": "person"}})
		self := ann.get("/api/user/ann/following").ok().text("items.0.links.self.href")
		if !strings.HasPrefix(self, home+"/api/user/~") {
			t.Errorf("she is read at %q", self)
		}
		ann.get(self).ok().has(t, map[string]any{"id": social + "/users/zoé", "links.self.href": self})
	})
}

// What somebody elsewhere did is read in the order in which it was done, however
// it came to be known, and by those only who may see it.
func TestFeedOfSomebodyElsewhere(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann, cid := s.person("ann"), s.person("cid")
		rob := s.foreigner("rob", "", nil)
		now := s.clock.now().Truncate(time.Second)
		thing := func(name, kind string) *vocab.Object {
			return &vocab.Object{ID: social + "/things/" + name, Type: kind, Content: name}
		}
		note := thing("3", vocab.TypeNote)
		rob.does(vocab.VerbPost, note, now.Add(-30*time.Hour), everybody())
		rob.does(vocab.VerbPost, thing("5", vocab.TypeArticle), now.Add(-10*time.Hour), everybody())
		// These come later, and were done before: so it is when an outbox is read.
		rob.does(vocab.VerbPost, thing("1", vocab.TypeNote), now.Add(-50*time.Hour), everybody())
		comment := thing("2", vocab.TypeComment)
		comment.InReplyTo = []*vocab.Object{note.Ref()}
		rob.does(vocab.VerbPost, comment, now.Add(-40*time.Hour), everybody())
		rob.does(vocab.VerbPost, thing("4", vocab.TypeNote), now.Add(-20*time.Hour), ann.object())
		rob.does(vocab.VerbFollow, cid.object(), now.Add(-15*time.Hour), everybody())
		// At the same moment as another.
		rob.does(vocab.VerbPost, thing("6", vocab.TypeNote), now.Add(-10*time.Hour), everybody())

		const feed = "/api/user/rob@social.example/feed"
		read := func(v *visitor, path, want string) doc {
			t.Helper()
			page := v.get(path).ok()
			var got []string
			for _, item := range page.docs("items") {
				got = append(got, strings.TrimPrefix(item.text("object.id"), social+"/things/"))
			}
			if list := strings.ReplaceAll(strings.Join(got, " "), cid.id(), "cid"); list != want {
				t.Errorf("%s: %s reads %q, want %q", path, v.nick, list, want)
			}
			return page
		}
		read(ann, feed, "6 5 cid 4 3 2 1").has(t, map[string]any{"url": home + feed, "displayName": "Activities by Rob of rob", "totalItems": 5000.0,
			"author.id": "acct:rob@social.example", "links.next": nil, "items.0.actor.id": "acct:rob@social.example"})
		read(cid, feed, "6 5 cid 3 2 1")
		read(ann, feed+"/major", "6 5 4 3 1")
		read(cid, feed+"/minor/", "cid 2").has(t, map[string]any{"url": home + feed + "/minor"})
		var all []string
		for next := feed + "?count=2"; next != ""; {
			page := ann.get(next).ok()
			all = append(all, column(page.docs("items"), "object.id")...)
			if next = page.text("links.next.href"); next != "" {
				next += "&count=2"
			}
		}
		if want := column(ann.get(feed).ok().docs("items"), "object.id"); !slices.Equal(all, want) {
			t.Errorf("page by page it is %v, at once %v", all, want)
		}
		since := ann.get(feed + "?count=1&offset=4").ok().text("links.prev.href")
		read(ann, since+"&count=2", "cid 4")
		read(ann, since, "6 5 cid 4")
		read(ann, feed+"?count=0", "")
		ann.get(feed+"?before=https://nowhere.example/").refused(400, "id 'https://nowhere.example/' not found in stream 'user:rob@social.example:outbox'")
		own := ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": "mine"}}).id()
		ann.get(feed+"?since="+url.QueryEscape(own)).refused(400, "id '"+own+"' not found in stream 'user:rob@social.example:outbox'")
		ann.get(feed+"?count=x").refused(400, "Count must be between 0 and 200")
		s.nobody().get(feed).refused(401, "Not logged in.")
		// Whom she blocks sees none of it.
		rob.does(vocab.VerbBlock, ann.object(), now, ann.object())
		read(ann, feed, "")
	})
}

// Each kind of thing from another network is shown by what clients look at.
func TestThingsOfAnotherNetwork(t *testing.T) {
	onBothWith(t, siteOptions{adjust: withProxy}, func(t *testing.T, s *site) {
		ann := s.person("ann")
		rob := s.foreigner("rob", "", nil)
		id := func(name string) string { return social + "/things/" + name }
		seen := func(o *vocab.Object) doc {
			t.Helper()
			rob.posts(o, ann.object(), everybody())
			shown := ann.get("/api/user/ann/inbox?count=1").ok().doc("items.0.object")
			shown.has(t, map[string]any{"id": o.ID, "objectType": o.Type})
			if _, err := time.Parse(time.RFC3339, shown.text("published")); err != nil {
				t.Errorf("it is of no time: %v", err)
			}
			return shown
		}
		note := seen(&vocab.Object{ID: id("1"), Type: vocab.TypeNote, Content: `<p>Look: <a href="https://cdn.example/named.ogg">this</a></p>`, Attachments: []*vocab.Object{
			{Type: vocab.TypeImage, DisplayName: `A <cat> & "me"`, Image: &vocab.Media{URL: "https://cdn.example/cat.png?a=1&b=2", Width: 10, Height: 20}},
			{Type: vocab.TypeVideo, Stream: &vocab.Media{URL: "https://cdn.example/film.mp4"}},
			{Type: vocab.TypeAudio, Stream: &vocab.Media{URL: "https://cdn.example/named.ogg"}},
			{Type: vocab.TypeFile, FileURL: "https://cdn.example/" + strings.Repeat("x", 100)},
			{Type: vocab.TypeNote, ID: "tag:quote"},
			{Type: vocab.TypeNote, ID: social + "/things/0"},
			{Type: "bookmark", URL: "https://web.example/page"},
		}, Feeds: map[string]vocab.Feed{"likes": {URL: id("1") + "/likes", TotalItems: 12}, "replies": {URL: id("1") + "/replies"}, "shares": {URL: id("1") + "/shares", TotalItems: 3}},
			Extra: map[string]json.RawMessage{vocab.NSAS2 + "contentMap": json.RawMessage(`{"en":"x"}`), vocab.NSAS2 + "sensitive": json.RawMessage(`true`),
				vocab.NSAS2 + "_misskey_quote": json.RawMessage(`1`), "http://joinmastodon.org/ns#votersCount": json.RawMessage(`2`)}})
		body, appendix, _ := strings.Cut(note.text("content"), `<div class="manifold-appendix">`)
		if !strings.Contains(body, "Look:") || appendix != `<p><a href="https://cdn.example/cat.png?a=1&amp;b=2">A &lt;cat&gt; &amp; &#34;me&#34;</a></p>`+
			`<p><a href="https://cdn.example/film.mp4">film.mp4</a></p><p><a href="https://cdn.example/`+strings.Repeat("x", 100)+`">file</a></p>`+
			`<p>RE: <a href="https://social.example/things/0">https://social.example/things/0</a></p><p><a href="https://web.example/page">https://web.example/page</a></p></div>` {
			t.Errorf("the content is %q and %q", body, appendix)
		}
		feed := home + "/api/note/replies?id=" + url.QueryEscape(id("1"))
		note.has(t, map[string]any{
			"attachments.0.image.url": "https://cdn.example/cat.png?a=1&b=2", "attachments.1.stream.url": "https://cdn.example/film.mp4",
			"likes.totalItems": 12.0, "shares.totalItems": 3.0, "replies.totalItems": 0.0, "replies.url": feed, "replies.pump_io": nil, "pump_io.proxyURL": nil,
			"links.self.href":            home + "/api/note?id=" + url.QueryEscape(id("1")),
			"activitypub.contentMap.en":  "x",
			"activitypub.sensitive":      true,
			"activitypub._misskey_quote": nil,
			vocab.NSAS2 + "sensitive":    nil,
			"author":                     nil,
			"attachments.0.displayName":  `A <cat> & "me"`,
			"attachments.0.image.width":  10.0,
		})
		var twin map[string]json.RawMessage
		raw, _ := json.Marshal(note.at("activitypub"))
		if err := json.Unmarshal(raw, &twin); err != nil || string(twin[vocab.NSAS2+"_misskey_quote"]) != "1" {
			t.Errorf("what is beside it is %s", raw)
		}
		if got := s.behind(note.text("attachments.0.image.pump_io.proxyURL")); got != "https://cdn.example/cat.png?a=1&b=2" {
			t.Errorf("the picture is fetched from %q", got)
		}
		// It is answered, liked and shared like anything else, and that is counted here.
		ann.act(doc{"verb": "post", "object": doc{"objectType": "comment", "content": "so", "inReplyTo": note.ref()}})
		ann.act(doc{"verb": "like", "object": note})
		ann.act(doc{"verb": "share", "object": note.ref()})
		ann.get(feed).ok().has(t, map[string]any{"url": feed, "items.0.content": "so", "totalItems": 1.0})
		ann.get(note.text("likes.url")).ok().has(t, map[string]any{"items.0.id": ann.id()})
		ann.get(note.text("links.self.href")).ok().has(t, map[string]any{"liked": true, "pump_io.shared": true, "likes.totalItems": 12.0, "replies.totalItems": 1.0,
			"content": note.text("content"), "author.id": "acct:rob@social.example", "author.links.activity-outbox.href": home + "/api/user/rob@social.example/feed"})

		article := seen(&vocab.Object{ID: id("2"), Type: vocab.TypeArticle, DisplayName: "Title", Content: "<p>Long</p>", Summary: "Short"})
		article.has(t, map[string]any{"displayName": "Title", "content": "<p>Long</p>", "summary": "Short", "activitypub": nil})
		seen(&vocab.Object{ID: id("3"), Type: vocab.TypeImage, Content: "A view", Image: &vocab.Media{URL: "https://cdn.example/i.png", Width: 640}, FullImage: &vocab.Media{URL: "https://cdn.example/f.png"}}).
			has(t, map[string]any{"image.url": "https://cdn.example/i.png", "fullImage.url": "https://cdn.example/f.png", "content": "A view"})
		seen(&vocab.Object{ID: id("4"), Type: vocab.TypeVideo, DisplayName: "Film", Stream: &vocab.Media{URL: "https://cdn.example/f.mp4", Duration: 63}}).
			has(t, map[string]any{"stream.url": "https://cdn.example/f.mp4", "stream.duration": 63.0, "displayName": "Film"})
		seen(&vocab.Object{ID: id("5"), Type: vocab.TypeComment, Content: "Yes", InReplyTo: []*vocab.Object{{ID: id("1"), Type: vocab.TypeNote}}}).
			has(t, map[string]any{"content": "Yes", "inReplyTo.id": id("1"), "inReplyTo.objectType": "note"})
		poll := seen(&vocab.Object{ID: id("6"), Type: vocab.TypeQuestion, Content: "<p>Which?</p>",
			Extra: map[string]json.RawMessage{vocab.NSAS2 + "oneOf": json.RawMessage(`[{"type":"Note","name":"This"},{"type":"Note","name":"<That>"}]`),
				vocab.NSAS1 + "options": json.RawMessage(`[{"objectType":"option","displayName":"This"},{"objectType":"option","displayName":"<That>"}]`)}})
		poll.has(t, map[string]any{"content": `<p>Which?</p><div class="manifold-appendix"><ul><li>This</li><li>&lt;That&gt;</li></ul></div>`, "activitypub.oneOf.0.name": "This", "options.1.displayName": "<That>"})
	})
}

// What was added for a client to show is not taken for a part of the thing when it
// comes back, and what stands beside it is.
func TestWhatWasAddedComesBack(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann := s.person("ann")
		const added = `<div class="manifold-appendix"><p><a href="https://cdn.example/x">x</a></p></div>`
		posted := ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": "<p>text</p>" + added + "\n",
			"activitypub": doc{"sensitive": true, "contentMap": doc{"de": "Text"}, "http://joinmastodon.org/ns#blurhash": "x", "http://activitystrea.ms/specs/json/1.0/#id": "no"}}, "to": []doc{public}})
		posted.has(t, map[string]any{"object.content": "<p>text</p>", "object.activitypub.sensitive": true, "object.activitypub.contentMap.de": "Text"})
		o, err := s.db.ObjectByIRI(t.Context(), posted.text("object.id"))
		if err != nil {
			t.Fatal(err)
		}
		for iri, want := range map[string]string{vocab.NSAS2 + "sensitive": "true", vocab.NSAS2 + "contentMap": `{"de":"Text"}`, "http://joinmastodon.org/ns#blurhash": `"x"`} {
			if got := string(o.Doc.Extra[iri]); got != want {
				t.Errorf("%s is %s, want %s", iri, got, want)
			}
		}
		if len(o.Doc.Extra) != 3 {
			t.Errorf("beside it there is %v", o.Doc.Extra)
		}
		before := posted.doc("object")
		after := ann.put(before.id(), before).ok()
		for _, member := range []string{"content", "activitypub"} {
			was, is := doc{member: before[member]}, doc{member: after[member]}
			if was.String() != is.String() {
				t.Errorf("it was %s, and is %s", was, is)
			}
		}
		// Only at the end, and only what is whole, was added.
		for _, content := range []string{added + "and more", `a <div class="manifold-appendix">`} {
			got := ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": content}}).text("object.content")
			if !strings.Contains(got, "manifold-appendix") && !strings.Contains(got, "and more") && !strings.HasPrefix(got, "a <div") {
				t.Errorf("%q has become %q", content, got)
			}
		}
		// It need not be an object.
		ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "activitypub": "text"}}).has(t, map[string]any{"object.activitypub": "text"})
	})
}

// Somebody of whom nothing is known is followed at once, by whatever name; who it
// is turns out later.
func TestFollowByAnyName(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann := s.person("ann")
		for i, tt := range []struct{ name, id string }{
			{"acct:rob@one.example", "acct:rob@one.example"}, {"rob@two.example", "acct:rob@two.example"}, {"@rob@three.example", "acct:rob@three.example"},
			{"https://four.example/users/rob", "https://four.example/users/rob"}, {"https://five.example/@rob", "https://five.example/@rob"},
			{"acct:rob@localhost:8082", "acct:rob@localhost:8082"},
		} {
			got := ann.post("/api/user/ann/following", doc{"id": tt.name, "objectType": "person"}).ok()
			got.has(t, map[string]any{"id": tt.id, "displayName": "rob", "preferredUsername": "rob", "pump_io.followed": true})
			profile := ann.get(got.text("links.self.href")).ok()
			profile.has(t, map[string]any{"id": tt.id, "followers.totalItems": 1.0})
			ann.get("/api/user/ann/following").ok().has(t, map[string]any{"items.0.id": tt.id, "totalItems": float64(i + 1)})
			ann.get(got.text("links.activity-outbox.href")).ok().has(t, map[string]any{"totalItems": 0.0, "displayName": "Activities by rob"})
		}
		// Whoever is known is the same by all names.
		s.foreigner("rob", "", nil)
		ann.act(doc{"verb": "follow", "object": doc{"id": social + "/@rob", "objectType": "person"}}).has(t, map[string]any{"object.id": "acct:rob@social.example"})
		for _, name := range []string{"acct:rob@social.example", "rob@Social.Example", social + "/users/rob"} {
			if a := ann.post("/api/user/ann/following", doc{"id": name, "objectType": "person"}); a.status != 400 || !strings.Contains(string(a.body), "Already have a(n) 'edge'") {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		ann.post("/api/user/ann/following", doc{"id": "no account", "objectType": "person"}).
			refused(400, `"no account" names no account: an account is like acct:ann@example.org or https://example.org/ann.`)
	})
}

// What other networks have verbs for and this one has not is told in a sentence.
func TestVerbsOfAnotherNetwork(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann := s.person("ann")
		rob := s.foreigner("rob", "", nil)
		for verb, want := range map[string]string{
			vocab.NSAS2 + "Travel": "travelled", vocab.NSAS2 + "TentativeAccept": "tentatively accepted", "https://ns.example/#Juggle": "juggled",
		} {
			rob.does(verb, &vocab.Object{ID: social + "/places/" + verbName(verb), Type: "place", DisplayName: "Bern"}, s.clock.now(), ann.object())
			ann.get("/api/user/ann/inbox/minor?count=1").ok().has(t, map[string]any{"items.0.verb": verb,
				"items.0.content": "<a href='https://social.example/@rob'>Rob of rob</a> " + want + " Bern"})
		}
	})
}

// Whoever wants to be asked before somebody follows says so in the profile, and
// answers by an activity, with any client.
func TestAskedBeforeSomebodyFollows(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann := s.person("ann")
		ann.put("/api/user/ann/profile", doc{"activitypub": doc{"manuallyApprovesFollowers": true}}).ok().has(t, map[string]any{"activitypub.manuallyApprovesFollowers": true})
		rob, zoe := s.foreigner("rob", "", nil), s.foreigner("zoe", "", nil)
		for _, f := range []*foreigner{rob, zoe} {
			f.does(vocab.VerbFollow, ann.object(), s.clock.now(), ann.object())
		}
		asked := ann.get("/api/user/ann/inbox/direct/minor?count=2").ok().docs("items")
		ann.get("/api/user/ann/followers").ok().has(t, map[string]any{"totalItems": 0.0, "items.0": nil})
		for i, verb := range []string{"accept", "reject"} {
			ann.act(doc{"verb": verb, "object": doc{"id": asked[i].id(), "objectType": "activity"}})
		}
		ann.get("/api/user/ann/followers").ok().has(t, map[string]any{"totalItems": 1.0, "items.0.id": asked[0].text("actor.id")})
	})
}
