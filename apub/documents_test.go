package apub_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"manifold/apub"
	"manifold/models"
	"manifold/models/vocab"
)

// annRow is the row of ann.
func annRow(change func(*models.Actor)) *models.Actor {
	a := &models.Actor{Type: vocab.TypePerson, Nickname: "ann", Local: true, Created: noon, Updated: noon, Doc: &vocab.Object{
		ID: ann, Type: vocab.TypePerson, PreferredUsername: "ann", DisplayName: "Ann", Summary: "<p>Hi</p>", URL: here + "/ann", Published: noon, Updated: noon,
		Image: &vocab.Media{URL: here + "/uploads/ann/96.png", Width: 96, Height: 96}, FullImage: &vocab.Media{URL: here + "/uploads/ann/me.png", Width: 800, Height: 800},
		Location: &vocab.Object{Type: vocab.TypePlace, DisplayName: "Bern"},
	}}
	if change != nil {
		change(a)
	}
	return a
}

func TestEncodeActor(t *testing.T) {
	t.Parallel()
	extra := map[string]json.RawMessage{
		vocab.NSAS2 + "attachment":                json.RawMessage(`{"type":"PropertyValue","name":"Site","value":"<a href=\"https://ann.example\" rel=\"me\">ann.example</a><script>x</script>"}`),
		vocab.NSAS2 + "alsoKnownAs":               json.RawMessage(`"https://old.example/users/ann"`),
		vocab.NSAS2 + "movedTo":                   json.RawMessage(`"https://new.example/users/ann"`),
		vocab.NSAS2 + "manuallyApprovesFollowers": json.RawMessage(`true`),
		vocab.NSAS2 + "image":                     json.RawMessage(`{"type":"Image","url":"https://pump.example/uploads/ann/banner.png"}`),
		"http://joinmastodon.org/ns#discoverable": json.RawMessage(`true`),
		vocab.NSAS2 + "inbox":                     json.RawMessage(`"https://evil.example/inbox"`),
		// What a server says of people, and what it alone has, no program says.
		"http://joinmastodon.org/ns#suspended":    json.RawMessage(`true`),
		"http://joinmastodon.org/ns#memorial":     json.RawMessage(`true`),
		"http://joinmastodon.org/ns#featuredTags": json.RawMessage(`"https://evil.example/tags"`),
	}
	raw, err := encoder(t).Actor(apub.Profile{Actor: annRow(func(a *models.Actor) { a.Doc.Extra = extra }), PublicKeyPEM: "-----BEGIN PUBLIC KEY-----\n", Multikey: "z6Mk"})
	m := accepted(t, raw, err)
	for name, want := range map[string]any{
		"id": annIRI, "type": "Person", "preferredUsername": "ann", "name": "Ann", "summary": "<p>Hi</p>", "url": here + "/ann", "published": "2026-03-04T12:00:00Z",
		"inbox": annIRI + "/inbox", "outbox": annIRI + "/outbox", "followers": annIRI + "/followers", "following": annIRI + "/following", "liked": annIRI + "/liked",
		"featured": annIRI + "/featured", "endpoints": map[string]any{"sharedInbox": here + "/inbox"}, "webfinger": "ann@pump.example",
		"streams":         []any{annIRI + "/outbox/major", annIRI + "/outbox/minor"},
		"publicKey":       map[string]any{"id": annIRI + "#main-key", "owner": annIRI, "publicKeyPem": "-----BEGIN PUBLIC KEY-----\n"},
		"assertionMethod": []any{map[string]any{"id": annIRI + "#ed25519-key", "type": "Multikey", "controller": annIRI, "publicKeyMultibase": "z6Mk"}},
		"attachment":      []any{map[string]any{"type": "PropertyValue", "name": "Site", "value": `<a href="https://ann.example" rel="me">ann.example</a>`}},
		"alsoKnownAs":     []any{"https://old.example/users/ann"}, "movedTo": "https://new.example/users/ann", "manuallyApprovesFollowers": true, "discoverable": true,
		"icon":     map[string]any{"type": "Image", "mediaType": "image/png", "url": here + "/uploads/ann/me.png", "width": 800.0, "height": 800.0},
		"image":    map[string]any{"type": "Image", "url": "https://pump.example/uploads/ann/banner.png"},
		"location": map[string]any{"type": "Place", "name": "Bern"},
	} {
		same(t, name, m[name], want)
	}
	for _, name := range []string{"suspended", "memorial", "featuredTags"} {
		if v, ok := m[name]; ok {
			t.Errorf("%s is %v", name, v)
		}
	}
	d := back(t, raw).Actor
	same(t, "read", d.Inbox+" "+d.SharedInbox+" "+d.Featured+" "+d.WebFinger, annIRI+"/inbox "+here+"/inbox "+annIRI+"/featured ann@pump.example")
	same(t, "keys", len(d.PublicKeys), 2)
	same(t, "small picture", d.Profile.Image.URL+" "+d.Profile.FullImage.URL, here+"/uploads/ann/96.png "+here+"/uploads/ann/me.png")

	// What a person has not decided is not said, and what is not there is left out.
	raw, err = encoder(t).Actor(apub.Profile{Actor: annRow(func(a *models.Actor) { a.Doc.Image, a.Doc.FullImage, a.Doc.Location = nil, nil, nil })})
	m = accepted(t, raw, err)
	for _, name := range []string{"discoverable", "indexable", "icon", "image", "publicKey", "assertionMethod", "attachment", "alsoKnownAs", "movedTo", "location", "suspended", "updated?"} {
		if v, ok := m[name]; ok {
			t.Errorf("%s is %v", name, v)
		}
	}
	same(t, "approves", m["manuallyApprovesFollowers"], false)
}

func TestActorsOfAllTypes(t *testing.T) {
	t.Parallel()
	id := here + "/api/group/gggggggggggggggggggggg"
	for typ, want := range map[string]string{"group": "Group", "service": "Service", "application": "Application", "organization": "Organization", "device": "Service"} {
		row := &models.Actor{Type: typ, Local: true, Created: noon, Doc: &vocab.Object{ID: id, Type: typ, PreferredUsername: "pumps", DisplayName: "Pumps"}}
		raw, err := encoder(t).Actor(apub.Profile{Actor: row})
		m := accepted(t, raw, err)
		same(t, typ, m["type"], want)
		same(t, typ+" id", m["id"], id)
		same(t, typ+" inbox", m["inbox"], id+"/inbox")
		same(t, typ+" account", m["webfinger"], "pumps@pump.example")
		if d := back(t, raw); d.Actor == nil {
			t.Errorf("%s is read as no actor", typ)
		}
	}
	site := &models.Actor{Type: vocab.TypeService, Local: true, Doc: &vocab.Object{ID: here + "/", Type: vocab.TypeService, DisplayName: "The site"}}
	raw, err := encoder(t).Actor(apub.Profile{Actor: site})
	same(t, "the site", accepted(t, raw, err)["id"], here+"/actor")
	gone := annRow(func(a *models.Actor) { a.State = models.Deleted })
	raw, err = encoder(t).Actor(apub.Profile{Actor: gone})
	m := accepted(t, raw, err)
	same(t, "a deleted one", m["type"], "Tombstone")
	same(t, "a deleted one was", m["formerType"], "Person")
}

func TestUpdateOfAPerson(t *testing.T) {
	t.Parallel()
	row := annRow(nil)
	raw, err := encoder(t).Activity(deed("update", row.Doc), apub.About{Actor: &apub.Profile{Actor: row, PublicKeyPEM: "PEM"}})
	m := accepted(t, raw, err)
	same(t, "the object", dig(m, "object", "inbox"), annIRI+"/inbox")
	if !strings.Contains(string(raw[:400]), "https://w3id.org/security/v1") {
		t.Errorf("the context does not say what a key is: %s", raw)
	}
	d := back(t, raw)
	if d.Actor == nil || d.Actor.IRI != annIRI || d.Activity.Verb != "update" {
		t.Errorf("it is read as %+v", d)
	}
}

func TestEncodeDelete(t *testing.T) {
	t.Parallel()
	a := deed("delete", &vocab.Object{ID: noteID, Type: "note"})
	raw, err := encoder(t).Activity(a, apub.About{})
	m := accepted(t, raw, err)
	same(t, "of a note", m["object"], map[string]any{"id": noteID, "type": "Tombstone", "formerType": "Note", "deleted": "2026-03-04T12:00:00Z"})
	same(t, "to", m["to"], []any{"https://www.w3.org/ns/activitystreams#Public"})
	raw, err = encoder(t).Activity(deed("delete", person(ann)), apub.About{})
	same(t, "of oneself", accepted(t, raw, err)["object"], annIRI)
	raw, err = encoder(t).Tombstone(noteID, "image", noon)
	m = accepted(t, raw, err)
	same(t, "alone", m["formerType"], "Note")
	d := back(t, raw)
	same(t, "read", d.Object.Deleted, noon)
	if d.Posting != nil {
		t.Errorf("what is gone was posted: %+v", d.Posting)
	}
	row := note(nil)
	row.Deleted = noon
	raw, err = encoder(t).Object(row, nil)
	same(t, "a row that is gone", accepted(t, raw, err)["type"], "Tombstone")
	act := deed("like", &vocab.Object{ID: noteID})
	act.Deleted = noon
	raw, err = encoder(t).Activity(act, apub.About{})
	same(t, "an activity that is gone", accepted(t, raw, err)["type"], "Tombstone")
}

func TestAcceptAndReject(t *testing.T) {
	t.Parallel()
	for verb, typ := range map[string]string{"accept": "Accept", "reject": "Reject"} {
		a := deed(verb, &vocab.Object{ID: "https://m.example/follows/1", Type: vocab.TypeActivity})
		a.Doc.To, a.Doc.CC = []*vocab.Object{person("acct:bob@m.example")}, nil
		a.Doc.Inner = &vocab.Activity{ID: "https://m.example/follows/1", Verb: "follow", Actor: person("acct:bob@m.example"), Object: person(ann)}
		raw, err := encoder(t).Activity(a, apub.About{})
		m := accepted(t, raw, err)
		same(t, verb, m["type"], typ)
		same(t, verb+" of", m["object"], map[string]any{"id": "https://m.example/follows/1", "type": "Follow", "actor": bobIRI, "object": annIRI})
		same(t, verb+" to", m["to"], []any{bobIRI})
	}
	// A quote is allowed by what was asked, with the stamp as the result.
	a := deed("accept", &vocab.Object{ID: "https://m.example/quotes/1", Type: vocab.TypeActivity})
	a.Doc.Result = &vocab.Object{ID: here + "/api/other/ssssssssssssssssssssss"}
	a.Doc.Inner = &vocab.Activity{ID: "https://m.example/quotes/1", Verb: vocab.VerbQuoteRequest, Actor: person("acct:bob@m.example"), Object: &vocab.Object{ID: noteID, Type: "note"},
		Extra: map[string]json.RawMessage{vocab.NSAS2 + "instrument": json.RawMessage(`"https://m.example/11"`)}}
	raw, err := encoder(t).Activity(a, apub.About{})
	m := accepted(t, raw, err)
	same(t, "a quote", m["object"], map[string]any{"id": "https://m.example/quotes/1", "type": "QuoteRequest", "actor": bobIRI, "object": noteID, "instrument": "https://m.example/11"})
	same(t, "a stamp", m["result"], here+"/api/other/ssssssssssssssssssssss")
}

func TestAnnounce(t *testing.T) {
	t.Parallel()
	raw, err := encoder(t).Activity(deed("share", &vocab.Object{ID: "https://m.example/1"}), apub.About{})
	same(t, "a note", accepted(t, raw, err)["object"], "https://m.example/1")
	// Whoever wrote what is shared with everybody is told, once, and by nobody of a
	// share for a few.
	by := func(author string) *models.Object {
		return &models.Object{Type: vocab.TypeNote, Doc: &vocab.Object{ID: "https://m.example/1", Type: vocab.TypeNote, Author: person(author)}}
	}
	for _, tt := range []struct {
		author string
		change func(*vocab.Activity)
		cc     []any
	}{
		{"acct:bob@m.example", func(*vocab.Activity) {}, []any{annIRI + "/followers", bobIRI}},
		{"acct:bob@m.example", func(a *vocab.Activity) { a.CC = append(a.CC, person("acct:bob@m.example")) }, []any{annIRI + "/followers", bobIRI}},
		{"acct:bob@m.example", func(a *vocab.Activity) { a.To = nil }, []any{annIRI + "/followers"}},
		{ann, func(*vocab.Activity) {}, []any{annIRI + "/followers"}},
		{"acct:unknown@m.example", func(*vocab.Activity) {}, []any{annIRI + "/followers"}},
	} {
		share := deed("share", by(tt.author).Doc.Ref())
		tt.change(share.Doc)
		raw, err := encoder(t).Activity(share, apub.About{Object: by(tt.author)})
		same(t, "who is told of a share", accepted(t, raw, err)["cc"], tt.cc)
	}
	// The sharing of a posting is that of what was posted, all that others can show.
	post := deed("post", &vocab.Object{ID: noteID, Type: "note"})
	raw, err = encoder(t).Activity(deed("share", &vocab.Object{ID: post.Doc.ID, Type: "activity"}), apub.About{Inner: post})
	same(t, "a posting", accepted(t, raw, err)["object"], noteID)
	// A group passes on the posting, and what was done to things in it.
	passed := deed("share", &vocab.Object{ID: post.Doc.ID, Type: "activity"})
	passed.Doc.Actor = &vocab.Object{ID: here + "/api/group/gggggggggggggggggggggg", Type: vocab.TypeGroup}
	raw, err = encoder(t).Activity(passed, apub.About{Inner: post})
	same(t, "a posting in a group", accepted(t, raw, err)["object"], post.Doc.ID)
	like := &vocab.Activity{ID: "https://m.example/likes/1", Verb: "favorite", Actor: person("acct:bob@m.example"), Object: &vocab.Object{ID: noteID, Type: "note"}}
	a := deed("share", &vocab.Object{ID: like.ID, Type: "activity"})
	a.Doc.Inner = like
	raw, err = encoder(t).Activity(a, apub.About{})
	same(t, "a like", accepted(t, raw, err)["object"], map[string]any{"id": like.ID, "type": "Like", "actor": bobIRI, "object": noteID})
	// With an emoji it is what its own server says: an EmojiReact is a Like here.
	like.Extra = map[string]json.RawMessage{vocab.NSAS2 + "content": json.RawMessage(`"🎉"`)}
	raw, err = encoder(t).Activity(a, apub.About{})
	same(t, "a reaction", accepted(t, raw, err)["object"], like.ID)
}

func TestReportNamesEverything(t *testing.T) {
	t.Parallel()
	a := deed(vocab.VerbFlag, person("acct:bob@m.example"))
	a.Doc.Extra = map[string]json.RawMessage{vocab.NSAS2 + "object": json.RawMessage(`["https://m.example/1","https://m.example/2"]`), vocab.NSAS2 + "content": json.RawMessage(`"Spam"`)}
	a.Doc.To, a.Doc.CC = nil, nil
	raw, err := encoder(t).Activity(a, apub.About{})
	m := accepted(t, raw, err)
	same(t, "objects", m["object"], []any{bobIRI, "https://m.example/1", "https://m.example/2"})
	same(t, "reason", m["content"], "Spam")
}

func TestQuote(t *testing.T) {
	t.Parallel()
	sent, ours, theirs := posted(t, note(func(o *vocab.Object) {
		o.Attachments = []*vocab.Object{{ID: "https://m.example/1", Type: vocab.TypeNote, URL: "https://m.example/@bob/1"}}
	}), nil)
	for _, name := range []string{"quote", "quoteUrl", "_misskey_quote"} {
		same(t, name, dig(sent, "object", name), "https://m.example/1")
	}
	same(t, "tag", dig(sent, "object", "tag", 0, "rel"), "https://misskey-hub.net/ns#_misskey_quote")
	same(t, "text", dig(sent, "object", "content"), `<p>Hello</p><p class="quote-inline">RE: <a href="https://m.example/@bob/1">https://m.example/@bob/1</a></p>`)
	for _, a := range []*vocab.Activity{ours, theirs} {
		same(t, "text, read", a.Object.Content, "<p>Hello</p>")
		same(t, "quoted, read", a.Object.Attachments[0].ID, "https://m.example/1")
		same(t, "type, read", a.Object.Type, vocab.TypeNote)
	}
}

func TestWhoMayQuote(t *testing.T) {
	t.Parallel()
	sent, _, _ := posted(t, note(nil), nil)
	policy := func(sent map[string]any) any {
		return dig(sent, "object", "interactionPolicy", "canQuote", "automaticApproval", 0)
	}
	same(t, "public", policy(sent), "https://www.w3.org/ns/activitystreams#Public")
	sent, _, _ = posted(t, note(nil), func(a *vocab.Activity) { a.To, a.CC = []*vocab.Object{annFollowers()}, nil })
	same(t, "for followers", policy(sent), annIRI)
	same(t, "for followers, addressed to", sent["to"], []any{annIRI + "/followers"})
	same(t, "for followers, the note", dig(sent, "object", "to"), []any{annIRI + "/followers"})
}

func TestThreads(t *testing.T) {
	t.Parallel()
	sent, _, _ := posted(t, note(nil), nil)
	for name, want := range map[string]any{"context": noteID + "/context", "conversation": noteID + "/context", "replies": noteID + "/replies",
		"likes": map[string]any{"type": "OrderedCollection", "id": noteID + "/likes", "totalItems": 0.0}} {
		same(t, name, dig(sent, "object", name), want)
	}
	reply := note(func(o *vocab.Object) {
		o.Type, o.InReplyTo = vocab.TypeComment, []*vocab.Object{{ID: "https://m.example/1"}}
		o.Extra = map[string]json.RawMessage{"http://ostatus.org#conversation": json.RawMessage(`"tag:m.example,2026:1"`)}
	})
	sent, ours, theirs := posted(t, reply, nil)
	same(t, "in reply to", dig(sent, "object", "inReplyTo"), "https://m.example/1")
	same(t, "type", dig(sent, "object", "type"), "Note")
	same(t, "conversation of the parent", dig(sent, "object", "conversation"), "tag:m.example,2026:1")
	for _, a := range []*vocab.Activity{ours, theirs} {
		same(t, "read", a.Object.Type+" "+a.Object.Parent().ID, "comment https://m.example/1")
	}
}

func TestLemmyCommunity(t *testing.T) {
	t.Parallel()
	sent, _, _ := posted(t, note(nil), func(a *vocab.Activity) {
		a.To = append(a.To, &vocab.Object{ID: "https://lemmy.example/c/pumps", Type: vocab.TypeGroup})
	})
	for _, where := range []any{sent, sent["object"]} {
		same(t, "audience", dig(where, "audience"), []any{"https://lemmy.example/c/pumps"})
		same(t, "to", dig(where, "to", 1), "https://lemmy.example/c/pumps")
	}
}

// GNU social 2 refuses a post that has no cc, and Mastodon writes both always. What is
// for everybody reaches the followers, and says so.
func TestBothListsOfRecipients(t *testing.T) {
	t.Parallel()
	const asPublic = "https://www.w3.org/ns/activitystreams#Public"
	followers := &vocab.Object{ID: here + "/api/user/ann/followers", Type: vocab.TypeCollection}
	for _, tt := range []struct {
		to, cc         []*vocab.Object
		wantTo, wantCC []any
	}{
		{[]*vocab.Object{everybody()}, nil, []any{asPublic}, []any{annIRI + "/followers"}},
		{[]*vocab.Object{everybody(), followers}, nil, []any{asPublic, annIRI + "/followers"}, []any{}},
		{[]*vocab.Object{followers}, []*vocab.Object{everybody()}, []any{annIRI + "/followers"}, []any{asPublic}},
		{nil, []*vocab.Object{everybody()}, []any{}, []any{asPublic, annIRI + "/followers"}},
		{[]*vocab.Object{followers}, nil, []any{annIRI + "/followers"}, []any{}},
		{[]*vocab.Object{person(ann)}, nil, []any{annIRI}, []any{}},
	} {
		sent, _, _ := posted(t, note(nil), func(a *vocab.Activity) { a.To, a.CC = tt.to, tt.cc })
		for _, where := range []any{sent, sent["object"]} {
			same(t, "to", dig(where, "to"), tt.wantTo)
			same(t, "cc", dig(where, "cc"), tt.wantCC)
		}
	}
}

// Ids are the same to the byte, whatever a parser of URLs would make of them.
func TestIdsAreNotChanged(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"https://x.example/?p=5&a=b", "https://x.example/ü/ %41|x", "https://bsky.brid.gy/ap/did:plc:a", "https://x.example/@a#b", "HTTPS://X.example/"} {
		raw, err := encoder(t).Activity(deed("favorite", &vocab.Object{ID: id}), apub.About{})
		if !strings.HasPrefix(id, "HTTPS") {
			same(t, id, accepted(t, raw, err)["object"], id)
		}
	}
}

// Members that AS2 has no word for come back to another of our servers.
func TestMembersOfAS1Survive(t *testing.T) {
	t.Parallel()
	o := note(func(o *vocab.Object) {
		o.Type, o.EmbedCode = "review", "<b>x</b>"
		o.Extra = map[string]json.RawMessage{vocab.NSAS1 + "rating": json.RawMessage(`{"a":[1,"x"]}`), "https://them.example/ns#x": json.RawMessage(`"y"`)}
		o.UpstreamDuplicates = []string{"tag:x,1:2"}
	})
	sent, ours, _ := posted(t, o, nil)
	same(t, "sent", dig(sent, "object", "pump:rating"), map[string]any{"a": []any{1.0, "x"}})
	same(t, "restored", string(ours.Object.Extra[vocab.NSAS1+"rating"]), `{"a":[1,"x"]}`)
	same(t, "another namespace", string(ours.Object.Extra["https://them.example/ns#x"]), `"y"`)
	same(t, "other ids", ours.Object.UpstreamDuplicates, []string{"tag:x,1:2"})
}

func TestWhoIsNotOnThisNetwork(t *testing.T) {
	t.Parallel()
	a := deed("favorite", &vocab.Object{ID: noteID})
	a.Doc.Actor = person("acct:nobody@pump-only.example")
	if raw, err := encoder(t).Activity(a, apub.About{}); !errors.Is(err, apub.ErrNotExpressible) {
		t.Errorf("it is written as %s, %v", raw, err)
	}
	for _, verb := range []string{vocab.VerbFollow, vocab.VerbStopFollowing} {
		if raw, err := encoder(t).Activity(deed(verb, person("acct:nobody@pump-only.example")), apub.About{}); !errors.Is(err, apub.ErrNotExpressible) {
			t.Errorf("%s of somebody without an id is written as %s, %v", verb, raw, err)
		}
	}
}

func TestEncodeCollections(t *testing.T) {
	t.Parallel()
	e := encoder(t)
	raw, err := e.Collection(apub.Listing{ID: annIRI + "/outbox", TotalItems: 3, First: annIRI + "/outbox?page=true", AttributedTo: annIRI})
	m := accepted(t, raw, err)
	same(t, "type", m["type"], "OrderedCollection")
	same(t, "length", m["totalItems"], 3.0)
	if _, ok := m["orderedItems"]; ok {
		t.Errorf("it has items: %s", raw)
	}
	inner := encoder(t)
	inner.Embedded = true
	item, err := inner.Activity(deed("favorite", &vocab.Object{ID: noteID}), apub.About{})
	if err != nil || strings.Contains(string(item), "@context") {
		t.Fatalf("as a part it is %s, %v", item, err)
	}
	raw, err = e.Collection(apub.Listing{ID: annIRI + "/outbox?page=true", Page: true, PartOf: annIRI + "/outbox", Next: annIRI + "/outbox?max=1", TotalItems: -1, Items: []any{json.RawMessage(item)}})
	m = accepted(t, raw, err)
	same(t, "page", m["type"], "OrderedCollectionPage")
	same(t, "item", dig(m, "orderedItems", 0, "type"), "Like")
	c := back(t, raw).Collection
	same(t, "read", c.Items[0].Type+" "+c.Next, "Like "+annIRI+"/outbox?max=1")
	raw, err = e.Collection(apub.Listing{ID: "https://pump.example/x", Unordered: true, Items: []any{}})
	same(t, "an empty one", accepted(t, raw, err)["items"], []any{})
}

// The context of our terms is one that says the same as what stands in documents.
func TestExtensionContext(t *testing.T) {
	t.Parallel()
	var served struct {
		Context map[string]any `json:"@context"`
	}
	if err := json.Unmarshal(apub.Extension, &served); err != nil {
		t.Fatal(err)
	}
	for _, raw := range []json.RawMessage{apub.ObjectContext, apub.ActorContext} {
		var list []any
		if err := json.Unmarshal(raw, &list); err != nil {
			t.Fatal(err)
		}
		same(t, "first", list[0], "https://www.w3.org/ns/activitystreams")
		for term, meaning := range list[len(list)-1].(map[string]any) {
			same(t, term, served.Context[term], meaning)
		}
	}
}
