package integration

import (
	"maps"
	"slices"
	"strings"

	"manifold/models/vocab"
)

// readsAs has a friend read a document of the server that is not for everybody.
func (w *meeting) readsAs(fay *friend, iri, class string) document {
	w.t.Helper()
	var read struct {
		Type   string
		Object document
	}
	w.f.do("lookup", args{"as": fay.nick, "iri": iri}, &read)
	if read.Type != class || read.Object.id() != iri {
		w.t.Errorf("%s is read by %s as %s with the id %q, want %s", iri, fay.nick, read.Type, read.Object.id(), class)
	}
	return read.Object
}

func documentsOfAnswers(w *meeting) {
	ann, fay := w.someone()
	var changed document
	ann.ask("PUT", ann.path("profile"), args{"objectType": "person", "displayName": "Ann", vocab.NSAS2 + "manuallyApprovesFollowers": true}, &changed)
	for _, tt := range []struct{ verb, class string }{{"reject", "Reject"}, {"accept", "Accept"}} {
		follow := fay.does("follow", args{"whom": ann.actor()}).Activity
		ann.sees("inbox", "who wants to follow", func(d document) bool { return d.id() == follow })
		ann.does(args{"verb": tt.verb, "object": args{"objectType": "activity", "id": follow}})
		answer := w.f.receives("the answer", about(tt.class, ann.actor(), follow)).Activity
		if asked := answer.in("object"); asked.text("type") != "Follow" || asked.ref("actor") != fay.id || asked.ref("object") != ann.actor() {
			w.t.Errorf("the follow comes back in the %s as %v", tt.class, asked)
		}
		w.readsAs(fay, answer.id(), tt.class)
	}
	// Whoever is followed by ann reads the follow, and its end.
	ann.befriend(fay.acct())
	follow := w.f.receives("the follow", about("Follow", ann.actor(), fay.id)).Activity.id()
	w.readsAs(fay, follow, "Follow")
	ann.does(args{"verb": "stop-following", "object": args{"objectType": "person", "id": fay.acct()}})
	undo := w.f.receives("the end of the follow", about("Undo", ann.actor(), follow)).Activity.id()
	w.readsAs(fay, undo, "Undo")
}

func documentsOfPolls(w *meeting) {
	ann, fay := w.fans()
	choices := func(names ...string) (list []args) {
		for _, name := range names {
			list = append(list, args{"type": "Note", "name": name, "replies": args{"type": "Collection", "totalItems": 0}})
		}
		return list
	}
	for _, member := range []string{"oneOf", "anyOf"} {
		asked := ann.publishes(args{"objectType": "question", "content": "Which way?", "endTime": "2030-01-01T00:00:00Z", vocab.NSAS2 + member: choices("left", "right")})
		read := w.reads(asked.ref("object"), "Question")
		var names []string
		for _, v := range read.all(member) {
			m, _ := v.(map[string]any)
			names = append(names, document(m).text("name"))
		}
		if !slices.Equal(names, []string{"left", "right"}) || read.text("endTime") == "" {
			w.t.Errorf("the question is read as %v", read)
		}
	}
	question := fay.does("post", args{"type": "Question", "content": "<p>Tea?</p>", "choices": []string{"yes", "no"}})
	ann.sees("inbox", "the question", by(fay.acct(), "post", question.Object))
	ann.does(args{"verb": "post", "object": args{"objectType": "note", "displayName": "yes", "inReplyTo": args{"objectType": "question", "id": question.Object}}})
	vote := w.f.receives("the vote", func(d delivery) bool {
		return of("Create", ann.actor())(d) && d.Activity.in("object").ref("inReplyTo") == question.Object
	}).Activity.in("object")
	if vote.text("type") != "Note" || vote.text("name") != "yes" || vote.text("content") != "" {
		w.t.Errorf("the vote came in as %v", vote)
	}
}

func documentsOfGroups(w *meeting) {
	ann, fay := w.fans()
	group := ann.publishes(args{"objectType": "group", "displayName": "Walkers"}).ref("object")
	fay.does("follow", args{"whom": group})
	w.f.receives("the answer of the group", of("Accept", group))
	ann.does(args{"verb": "join", "object": args{"objectType": "group", "id": group}})
	w.f.receives("the joining", about("Join", ann.actor(), group))
	posted := ann.does(args{"verb": "post", "object": note("Where to?"), "to": []args{{"objectType": "group", "id": group}, {"objectType": "collection", "id": vocab.PublicID}}})
	for what, id := range map[string]string{"what was posted": posted.ref("object"), "the posting": posted.id()} {
		announced := w.f.receives(what, about("Announce", group, id)).Activity
		w.reads(announced.id(), "Announce")
	}
	outbox := w.reads(group+"/outbox", "OrderedCollection")
	if page := w.reads(outbox.ref("first"), "OrderedCollectionPage"); len(page.all("orderedItems")) < 2 {
		w.t.Errorf("the outbox of the group has %v", page["orderedItems"])
	}
	w.reads(group+"/followers", "OrderedCollection")
	ann.does(args{"verb": "leave", "object": args{"objectType": "group", "id": group}})
	w.f.receives("the leaving", about("Leave", ann.actor(), group))
}

func documentsOfQuotes(w *meeting) {
	ann, fay := w.fans()
	theirs := fay.does("post", args{"content": "<p>Well said</p>"}).Object
	ann.sees("inbox", "the note", by(fay.acct(), "post", theirs))
	quoting := ann.publishes(args{"objectType": "note", "content": "Hear, hear", "attachments": []args{{"objectType": "note", "id": theirs}}})
	if read := w.reads(quoting.ref("object"), "Note"); read.ref("quote") != theirs && read.ref("quoteUrl") != theirs {
		w.t.Errorf("what is quoted is lost: %v", read)
	}
	open := ann.publishes(note("Quote me")).ref("object")
	closed := ann.does(args{"verb": "post", "object": note("Do not"), "to": []args{{"objectType": "person", "id": fay.acct()}}}).ref("object")
	for _, tt := range []struct{ object, class string }{{open, "Accept"}, {closed, "Reject"}} {
		asked := fay.does("askToQuote", args{"object": tt.object, "author": ann.actor(), "quote": theirs}).Activity
		answer := w.f.receives("the answer", about(tt.class, ann.actor(), asked)).Activity
		if request := answer.in("object"); !strings.HasSuffix(request.text("type"), "QuoteRequest") || request.ref("object") != tt.object || request.ref("instrument") != theirs {
			w.t.Errorf("the request comes back in the %s as %v", tt.class, request)
		}
		if tt.class == "Reject" {
			continue
		}
		stamp := w.reads(answer.ref("result"), "QuoteAuthorization")
		if stamp.ref("attributedTo") != ann.actor() || stamp.ref("interactingObject") != theirs || stamp.ref("interactionTarget") != tt.object {
			w.t.Errorf("what allows it is read as %v", stamp)
		}
	}
}

// sentTypes are all types of activities that are sent. A Block and a Flag stay here,
// and a Move is made by nobody here.
var sentTypes = strings.Fields(`Accept Activity Add Announce Arrive Create Delete Dislike EmojiReact Follow Ignore IntransitiveActivity Invite Join Leave Like Listen
	Offer QuoteRequest Read Reject Remove TentativeAccept TentativeReject Travel Undo Update View`)

// documentsSent reads everything that the server has sent in the other tests.
func documentsSent(w *meeting) {
	var bodies []string
	w.f.do("bodies", args{}, &bodies)
	seen := map[string]int{}
	for _, body := range bodies {
		var d document
		decode(w.t, body, &d)
		typ := d.text("type")
		if seen[typ]++; seen[typ] > 20 {
			continue // to read more of a kind tells nothing new
		}
		w.understands(d.id(), []byte(body), typ)
	}
	for _, typ := range sentTypes {
		if seen[typ] == 0 {
			w.t.Errorf("nothing of the type %s was sent: %v", typ, seen)
		}
	}
	for _, typ := range slices.Sorted(maps.Keys(seen)) {
		if !slices.Contains(sentTypes, typ) {
			w.t.Errorf("%d of the type %s were sent, of which the list has none", seen[typ], typ)
		}
	}
}
