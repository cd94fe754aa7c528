package integration

import (
	"cmp"
	"encoding/json"
	"fmt"
	"image/color"
	"net/http"
	"slices"
	"strings"
	"testing"

	"manifold/internal/gofed"
	"manifold/models/vocab"
)

// TestDocumentsAreReadByFedify has Fedify's reader of the vocabulary, and that of
// go-fed, read every kind of document that the server shows or sends: what a client of
// pump.io can post, done by every verb, people, groups and collections, answers, and
// what is left of things that are gone. A document counts as read when the class is
// right that Fedify makes of it, and what it understood has the same id.
func TestDocumentsAreReadByFedify(t *testing.T) {
	t.Parallel()
	onEachMeeting(t, []fedifyTest{
		{"people", documentsOfPeople}, {"objects", documentsOfObjects}, {"activities", documentsOfActivities},
		{"answers", documentsOfAnswers}, {"polls", documentsOfPolls}, {"groups", documentsOfGroups}, {"quotes", documentsOfQuotes},
		{"collections", documentsOfCollections}, {"things that are gone", documentsGone}, {"all that was sent", documentsSent},
	})
}

// reads reads a document of the server as a stranger, demands that Fedify
// understands it as of a class, and returns what it understood.
func (w *meeting) reads(iri string, classes ...string) document {
	w.t.Helper()
	status, body := getAS2(w.t, iri)
	if status != http.StatusOK && !slices.Equal(classes, []string{"Tombstone"}) {
		w.t.Errorf("%s is answered with %d: %.200s", iri, status, body)
		return nil
	}
	return w.understands(iri, body, classes...)
}

// understands is reads for a document that is at hand.
func (w *meeting) understands(iri string, body []byte, classes ...string) document {
	w.t.Helper()
	if err := gofed.Read(body); err != nil {
		w.t.Errorf("%s is not read by go-fed: %v\n%s", iri, err, body)
	}
	class, understood, err := w.f.read(body)
	if err != nil {
		w.t.Errorf("%s is not read: %.600v\n%s", iri, err, body)
		return nil
	}
	if !slices.Contains(classes, class) || understood.id() != iri {
		w.t.Errorf("%s is read as %s with the id %q, want %v: %s", iri, class, understood.id(), classes, body)
	}
	return understood
}

func documentsOfPeople(w *meeting) {
	ann, _ := w.someone()
	picture := ann.upload(color.RGBA{20, 170, 40, 255}, 96, 96)
	var changed document
	ann.ask("PUT", ann.path("profile"), args{"objectType": "person", "displayName": "Ann", "summary": "Walks.\nReads <b>books</b>.", "url": "https://ann.example/",
		"image": args{"url": picture.Image.URL, "width": 96, "height": 96}, "location": args{"objectType": "place", "displayName": "The Hills"}}, &changed)
	actor := w.reads(ann.actor(), "Person")
	if actor.text("preferredUsername") != ann.nick || actor.text("name") != "Ann" || actor.ref("inbox") == "" || actor.ref("outbox") == "" || actor.ref("followers") == "" ||
		actor.in("endpoints").ref("sharedInbox") != w.s.url+"/inbox" || actor.in("publicKey").text("publicKeyPem") == "" || actor.in("assertionMethod").text("publicKeyMultibase") == "" {
		w.t.Errorf("ann is read as %v", actor)
	}
	if icon := actor.in("icon"); icon.ref("url") == "" {
		w.t.Errorf("ann's avatar is read as %v", icon)
	}
	// The server itself is an actor, which NodeInfo names (FEP-2677).
	var links struct{ Links []struct{ Rel, Href string } }
	decode(w.t, fetch(w.t, w.s.url+"/.well-known/nodeinfo"), &links)
	i := slices.IndexFunc(links.Links, func(l struct{ Rel, Href string }) bool { return l.Rel == vocab.NSAS2+"Application" })
	if i < 0 {
		w.t.Fatalf("the server names no actor of its own: %v", links)
	}
	w.reads(links.Links[i].Href, "Application", "Service")
	group := ann.publishes(args{"objectType": "group", "displayName": "Walkers"})
	if group := w.reads(group.ref("object"), "Group"); group.ref("inbox") == "" || group.in("publicKey").text("publicKeyPem") == "" {
		w.t.Errorf("the group is read as %v", group)
	}
}

func documentsOfObjects(w *meeting) {
	ann, fay := w.fans()
	question := fay.does("post", args{"content": "<p>What have you got?</p>"})
	ann.sees("inbox", "the question", by(fay.acct(), "post", question.Object))
	picture := ann.upload(color.RGBA{200, 120, 40, 255}, 640, 480)
	for _, tt := range []struct {
		object args
		class  string
	}{
		{note("A <b>note</b> with <a href=\"https://example.org/\">a link</a>"), "Note"},
		{args{"objectType": "note", "displayName": "A title", "content": "a note with a title"}, "Note"},
		{args{"objectType": "article", "displayName": "Walking", "content": "<p>One foot</p><p>and the other.</p>", "summary": "How to walk"}, "Article"},
		{args{"objectType": "image", "id": picture.ID, "displayName": "The sky", "content": "as seen from here"}, "Note"},
		{args{"objectType": "image", "displayName": "Elsewhere", "fullImage": args{"url": "https://pictures.example/1.jpg", "width": 4, "height": 3}}, "Note"},
		{args{"objectType": "video", "displayName": "Waves", "stream": args{"url": "https://pictures.example/1.webm", "duration": 20}}, "Note"},
		{args{"objectType": "audio", "displayName": "Birds", "stream": args{"url": "https://pictures.example/1.ogg"}}, "Note"},
		{args{"objectType": "file", "displayName": "A map", "fileUrl": "https://pictures.example/map.pdf", "mimeType": "application/pdf"}, "Note"},
		{args{"objectType": "bookmark", "displayName": "A page", "targetUrl": "https://example.org/"}, "Note"},
		{args{"objectType": "comment", "content": "An answer", "inReplyTo": args{"objectType": "note", "id": question.Object}}, "Note"},
		{args{"objectType": "event", "displayName": "A walk", "startTime": "2026-12-01T10:00:00Z", "endTime": "2026-12-01T12:00:00Z"}, "Event"},
		{args{"objectType": "place", "displayName": "The Hills", "position": args{"latitude": 45.5, "longitude": -73.6}}, "Place"},
		{args{"objectType": "question", "displayName": "Left?", "content": "or right?"}, "Question"},
		{args{"objectType": "page", "displayName": "Start"}, "Page"},
		{args{"objectType": "review", "displayName": "Shoes", "content": "good", "rating": 4}, ""},
		{args{"objectType": "badge", "displayName": "Walker"}, ""},
		{args{"objectType": "product", "displayName": "Shoes"}, ""},
		{args{"objectType": "https://example.org/types#kite", "displayName": "A kite"}, ""},
		{args{"objectType": "collection", "displayName": "Walks", "objectTypes": []string{"note"}}, "Collection"},
	} {
		name := tt.object["objectType"].(string)
		w.t.Run(name, func(t *testing.T) {
			w, ann := w.at(t), ann.in(t)
			object := args{"location": args{"objectType": "place", "displayName": "Here"}, "tags": []args{{"objectType": "hashtag", "displayName": "walking"}}}
			for k, v := range tt.object {
				object[k] = v
			}
			posted := ann.publishes(object)
			id := posted.ref("object")
			got := w.f.receives("the "+name, func(d delivery) bool { return d.Activity.id() == posted.id() })
			if got.Type != "Create" || got.Activity.ref("object") != id {
				t.Errorf("the posting came in as %s: %v", got.Type, got.Activity)
			}
			classes := []string{tt.class}
			if tt.class == "" { // nobody but us knows the type
				classes = []string{"Object", "Note", "Document"}
			}
			if name == "collection" {
				classes = []string{"Collection", "OrderedCollection"}
			}
			if read := w.reads(id, classes...); read != nil && read.ref("attributedTo") != ann.actor() {
				t.Errorf("the author of the %s is read as %q: %v", name, read.ref("attributedTo"), read)
			}
			create := w.reads(posted.id(), "Create")
			if create.ref("actor") != ann.actor() || create.ref("object") != id {
				t.Errorf("the posting is read as %v", create)
			}
		})
	}
}

// in is the same person in another test.
func (p *person) in(t *testing.T) *person {
	other := *p
	other.t = t
	return &other
}

func documentsOfActivities(w *meeting) {
	ann, fay := w.fans()
	posted := fay.does("post", args{"content": "<p>Do something with it</p>"})
	ann.sees("inbox", "the note", by(fay.acct(), "post", posted.Object))
	theirs := args{"objectType": "note", "id": posted.Object}
	own := args{"objectType": "note", "id": ann.publishes(note("mine")).ref("object")}
	list := args{"objectType": "collection", "id": ann.does(args{"verb": "create", "object": args{"objectType": "collection", "displayName": "Walkers", "objectTypes": []string{"person"}}}).ref("object")}
	place := args{"objectType": "place", "displayName": "The Hills"}
	them := args{"objectType": "person", "id": fay.acct()}
	walk := args{"objectType": "event", "id": ann.publishes(args{"objectType": "event", "displayName": "A walk"}).ref("object")}
	classes := map[string]string{
		"favorite": "Like", "unfavorite": "Undo", "like": "Like", "unlike": "Undo", "dislike": "Dislike", "share": "Announce", "unshare": "Undo", "update": "Update", "add": "Add", "remove": "Remove",
		"checkin": "Arrive", "invite": "Invite", "listen": "Listen", "read": "Read", "watch": "View", "play": "View", "ignore": "Ignore", "offer": "Offer",
		"tag": "Add", "append": "Add", "insert": "Add", "attach": "Add", "stop-following": "Undo", "follow": "Follow",
		"rsvp-yes": "Accept", "rsvp-no": "Reject", "rsvp-maybe": "TentativeAccept", vocab.NSAS2 + "TentativeReject": "TentativeReject", vocab.NSAS2 + "Travel": "Travel",
		vocab.NSAS2 + "IntransitiveActivity": "IntransitiveActivity", "http://litepub.social/ns#EmojiReact": "EmojiReact", vocab.VerbQuoteRequest: "QuoteRequest",
	}
	activities := []args{
		{"verb": "favorite", "object": theirs}, {"verb": "unfavorite", "object": theirs}, {"verb": "like", "object": theirs}, {"verb": "unlike", "object": theirs}, {"verb": "dislike", "object": theirs},
		{"verb": "share", "object": theirs}, {"verb": "unshare", "object": theirs},
		{"verb": "update", "object": args{"objectType": "note", "id": own["id"], "content": "mine, changed"}},
		{"verb": "checkin", "object": place},
		{"verb": "add", "object": them, "target": list}, {"verb": "remove", "object": them, "target": list},
		{"verb": "invite", "object": them, "target": args{"objectType": "event", "displayName": "A walk"}},
		{"verb": "tag", "object": args{"objectType": "hashtag", "displayName": "walk"}, "target": own},
		{"verb": "https://example.org/verbs#fly", "object": args{"objectType": "https://example.org/types#kite", "displayName": "A kite"}},
		{"verb": "rsvp-yes", "object": walk}, {"verb": "rsvp-no", "object": walk}, {"verb": "rsvp-maybe", "object": walk}, {"verb": vocab.NSAS2 + "TentativeReject", "object": walk},
		{"verb": vocab.NSAS2 + "Travel", "object": place}, {"verb": vocab.NSAS2 + "IntransitiveActivity", "object": place},
		{"verb": "http://litepub.social/ns#EmojiReact", "object": theirs, vocab.NSAS2 + "content": "🎉"},
		{"verb": vocab.VerbQuoteRequest, "object": theirs, vocab.NSAS2 + "instrument": own["id"]},
		{"verb": "stop-following", "object": them}, {"verb": "follow", "object": them},
	}
	for _, verb := range []string{
		"listen", "read", "watch", "play", "ignore", "offer", "access", "acknowledge", "agree", "append", "approve", "archive", "assign", "at", "attach", "attend", "borrow", "build", "cancel",
		"close", "complete", "confirm", "consume", "deliver", "disagree", "experience", "find", "give", "host", "insert", "install", "interact", "lose", "make-friend", "open", "present", "purchase",
		"qualify", "receive", "remove-friend", "replace", "request", "resolve", "retract", "return", "satisfy", "save", "schedule", "search", "sell", "send", "sponsor", "start", "terminate", "tie",
		"unsatisfy", "unsave", "use", "win",
	} {
		activities = append(activities, args{"verb": verb, "object": args{"objectType": "product", "displayName": "Shoes", "id": "https://shop.example/shoes/" + verb}})
	}
	for i, a := range activities {
		verb := a["verb"].(string)
		w.t.Run(verb, func(t *testing.T) {
			w, ann := w.at(t), ann.in(t)
			a["to"] = []args{{"objectType": "collection", "id": vocab.PublicID}, them}
			a["content"] = fmt.Sprintf("activity %d", i)
			done := ann.does(a)
			got := w.f.receives("the activity", func(d delivery) bool { return d.Activity.id() == done.id() })
			want := cmp.Or(classes[verb], "Activity")
			if classes[verb] == "" && verb == "retract" || verb == "cancel" {
				want = got.Type // it depends on what is taken back
			}
			if got.Type != want || got.Activity.ref("actor") != ann.actor() {
				t.Errorf("it came in as %s by %s, want %s", got.Type, got.Activity.ref("actor"), want)
			}
			if read := w.reads(done.id(), got.Type); read != nil && read.ref("actor") != ann.actor() {
				t.Errorf("it is read as %v", read)
			}
		})
	}
}

func documentsOfCollections(w *meeting) {
	ann, fay := w.fans()
	var id string
	for i := range 45 { // more than a page
		id = ann.publishes(note(fmt.Sprintf("note %d", i))).ref("object")
	}
	w.f.receives("the last note", about("Create", ann.actor(), id))
	fay.does("like", args{"object": id, "author": ann.actor()})
	fay.does("boost", args{"object": id, "author": ann.actor()})
	fay.does("post", args{"content": "<p>An answer</p>", "inReplyTo": id, "mention": []string{ann.actor()}})
	ann.counts(id, "likes", 1)
	ann.counts(id, "shares", 1)
	ann.counts(id, "replies", 1)
	theirs := fay.does("post", args{"content": "<p>Likeable</p>"})
	ann.sees("inbox", "the note", by(fay.acct(), "post", theirs.Object))
	ann.does(args{"verb": "favorite", "object": args{"objectType": "note", "id": theirs.Object}, "to": []args{{"objectType": "collection", "id": vocab.PublicID}}})
	actor, object := w.reads(ann.actor(), "Person"), w.reads(id, "Note")
	for _, tt := range []struct {
		of     document
		member string
		least  int // that are counted
		shown  int // of them, to everybody: fay has told only ann that she likes the note
	}{{actor, "outbox", 45, 45}, {actor, "followers", 1, 1}, {actor, "following", 1, 1}, {actor, "liked", 1, 1}, {actor, "featured", 0, 0},
		{object, "likes", 1, 0}, {object, "shares", 1, 1}, {object, "replies", 1, 1}} {
		w.t.Run(tt.member, func(t *testing.T) {
			w := w.at(t)
			address := tt.of.ref(tt.member)
			if address == "" {
				t.Fatalf("%s names none", tt.of.id())
			}
			top := w.reads(address, "OrderedCollection", "Collection")
			if total, _ := top["totalItems"].(float64); int(total) < tt.least {
				t.Errorf("it has %v items, want %d", top["totalItems"], tt.least)
			}
			items := len(top.all("orderedItems")) + len(top.all("items"))
			pages := map[string]bool{}
			for next := top.ref("first"); next != ""; {
				if pages[next] {
					t.Fatalf("the page %s follows itself", next)
				}
				pages[next] = true
				page := w.reads(next, "OrderedCollectionPage", "CollectionPage")
				if page == nil || page.ref("partOf") != address {
					t.Fatalf("the page is part of %q", page.ref("partOf"))
				}
				items += len(page.all("orderedItems")) + len(page.all("items"))
				next = page.ref("next")
			}
			if items < tt.shown {
				t.Errorf("its %d pages have %d items, want %d", len(pages), items, tt.shown)
			}
		})
	}
}

func documentsGone(w *meeting) {
	ann, _ := w.fans()
	for _, object := range []args{note("regretted"), {"objectType": "article", "displayName": "Regretted", "content": "too"}} {
		id := ann.publishes(object).ref("object")
		w.f.receives("it", about("Create", ann.actor(), id))
		deleted := ann.does(args{"verb": "delete", "object": args{"objectType": object["objectType"], "id": id}})
		w.f.receives("the deletion", about("Delete", ann.actor(), id))
		if status, _ := getAS2(w.t, id); status != http.StatusGone {
			w.t.Errorf("%s is answered with %d", id, status)
		}
		if gone := w.reads(id, "Tombstone"); gone.text("deleted") == "" {
			w.t.Errorf("it is read as %v", gone)
		}
		w.reads(deleted.id(), "Delete")
	}
	var raw json.RawMessage
	w.s.do("", "user", "delete", ann.nick, "--yes")
	status, body := getAS2(w.t, ann.actor())
	if status != http.StatusGone || json.Unmarshal(body, &raw) != nil || !strings.Contains(string(body), "Tombstone") {
		w.t.Errorf("an account that was deleted is answered with %d: %.200s", status, body)
	}
	w.f.receives("the end of the account", about("Delete", ann.actor(), ann.actor()))
}
