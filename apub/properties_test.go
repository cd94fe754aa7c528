package apub_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"manifold/apub"
	"manifold/internal/gofed"
	"manifold/models"
	"manifold/models/vocab"
)

// verbsOfAS1 are those of the base schema, and a few that people made up.
var verbsOfAS1 = strings.Fields(`accept access acknowledge add agree append approve archive assign at attach attend author authorize borrow build cancel
	close complete confirm consume checkin create delete deliver deny disagree dislike experience favorite find flag-as-inappropriate follow give
	host ignore insert install interact invite join leave like listen lose make-friend open play present purchase qualify read receive reject
	remove remove-friend replace request request-friend resolve return retract rsvp-maybe rsvp-no rsvp-yes satisfy save schedule search sell send
	share sponsor start stop-following submit tag terminate tie unfavorite unlike unsatisfy unsave unshare update use watch win post block unblock
	dance http://them.example/verb/dance https://www.w3.org/ns/activitystreams#Move https://www.w3.org/ns/activitystreams#Travel
	http://litepub.social/ns#EmojiReact https://w3id.org/fep/044f#QuoteRequest`)

// TestProperty16: every AS1 verb of the base schema translates to AS2 and back to
// the same verb. And TestProperty18: without our extension the document is still
// one that a strict parser reads.
func TestProperty16VerbsSurvive(t *testing.T) {
	t.Parallel()
	for _, verb := range verbsOfAS1 {
		t.Run(verb, func(t *testing.T) {
			for name, object := range map[string]*vocab.Object{
				"a note": {ID: noteID, Type: vocab.TypeNote}, "a person": person("acct:bob@m.example"), "an event": {ID: here + "/api/event/eeeeeeeeeeeeeeeeeeeeee", Type: "event"},
			} {
				a := deed(verb, object)
				about := apub.About{}
				if verb == "post" || verb == "create" || verb == "author" || verb == "submit" || verb == "update" {
					about.Object = note(nil)
				}
				raw, err := encoder(t).Activity(a, about)
				m := accepted(t, raw, err)
				d := back(t, raw)
				if d.Activity == nil || d.Activity.Verb != verb {
					t.Errorf("of %s it came back as %+v: %s", name, d.Activity, raw)
				}
				if d.Activity != nil && d.Activity.Actor.ID != annIRI {
					t.Errorf("the actor is %+v", d.Activity.Actor)
				}
				bare, err := json.Marshal(stripped(t, m))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := apub.Decode(bare, apub.DecodeOptions{}); err != nil {
					t.Errorf("stripped, it cannot be read: %v: %s", err, bare)
				}
			}
		})
	}
}

// typesOfAS1 are the object types of pump.io, and ones that people made up.
var typesOfAS1 = strings.Fields(`alert article audio badge binary bookmark comment device event file game image issue job note offer page place process
	product question review task video hashtag http://them.example/type/island https://www.w3.org/ns/activitystreams#Relationship`)

// TestProperty17: every object type of pump.io, and a full IRI as the type,
// survive the way there and back.
func TestProperty17TypesSurvive(t *testing.T) {
	t.Parallel()
	for _, typ := range typesOfAS1 {
		for name, change := range map[string]func(*vocab.Object){
			"with text":    nil,
			"with a title": func(o *vocab.Object) { o.DisplayName, o.Content = "A \"title\" & <3", "" },
			"with media": func(o *vocab.Object) {
				o.Image = &vocab.Media{URL: here + "/uploads/a.jpg"}
				o.FileURL = here + "/uploads/f"
			},
			"in reply": func(o *vocab.Object) { o.InReplyTo = []*vocab.Object{{ID: "https://m.example/1"}} },
		} {
			t.Run(typ+" "+name, func(t *testing.T) {
				o := note(change)
				o.Doc.Type, o.Type = typ, typ
				raw, err := encoder(t).Activity(deed("post", o.Doc), apub.About{Object: o})
				accepted(t, raw, err)
				d := back(t, raw)
				got := d.Activity.Object
				if got.Type != typ || got.DisplayName != o.Doc.DisplayName || got.Content != o.Doc.Content {
					t.Errorf("it came back as %s %q %q: %s", got.Type, got.DisplayName, got.Content, raw)
				}
				if vocab.Major("post", got) != vocab.Major("post", o.Doc) {
					t.Errorf("33: it came back in the other half of the streams")
				}
				alone, err := encoder(t).Object(o, deed("post", o.Doc))
				accepted(t, alone, err)
				if d := back(t, alone); d.Object == nil || d.Object.Type != typ {
					t.Errorf("alone it came back as %+v: %s", d, alone)
				}
			})
		}
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// posted writes the posting of a note and reads it again, as another of our
// servers and as a server without our extension does.
func posted(t *testing.T, o *models.Object, change func(*vocab.Activity)) (sent map[string]any, ours, theirs *vocab.Activity) {
	t.Helper()
	a := deed("post", o.Doc)
	if change != nil {
		change(a.Doc)
	}
	raw, err := encoder(t).Activity(a, apub.About{Object: o})
	sent = accepted(t, raw, err)
	ours = back(t, raw).Activity
	bare, err := json.Marshal(stripped(t, sent))
	if err != nil {
		t.Fatal(err)
	}
	accepted18(t, bare)
	return sent, ours, back(t, bare).Activity
}

// accepted18 is property 18: without our extensions a document is AS2 still.
func accepted18(t *testing.T, bare []byte) {
	t.Helper()
	if err := gofed.Read(bare); err != nil {
		t.Errorf("without our extension go-fed does not read it: %v\n%s", err, bare)
	}
}

// dig is a member inside of a document.
func dig(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// What takes something back is an Undo with the whole activity in it, as Mastodon
// matches it: by the actor and the object. It has the id of what it takes back.
func TestProperty19Undo(t *testing.T) {
	t.Parallel()
	for verb, want := range map[string]string{
		"stop-following": "Follow", "unfavorite": "Like", "unlike": "Like", "unshare": "Announce", "unblock": "Block",
	} {
		object, iri := person("acct:bob@m.example"), bobIRI
		if verb != "stop-following" && verb != "unblock" {
			object, iri = &vocab.Object{ID: "https://m.example/1", Type: "note"}, "https://m.example/1"
		}
		a := deed(verb, object)
		a.Doc.Undoes = here + "/api/activity/ffffffffffffffffffffff"
		raw, err := encoder(t).Activity(a, apub.About{})
		m := accepted(t, raw, err)
		same(t, verb, m["type"], "Undo")
		same(t, verb+" of", m["object"], map[string]any{"id": a.Doc.Undoes, "type": want, "actor": annIRI, "object": iri})
		d := back(t, raw)
		same(t, verb+" of an activity", d.Activity.Undoes, a.Doc.Undoes)
		same(t, verb+" of a thing", d.Activity.Object.ID, iri)
	}
	// A group of another server is left as it was joined: by following it.
	group := &vocab.Object{ID: "https://lemmy.example/c/pumps", Type: vocab.TypeGroup}
	for verb, want := range map[string]any{"join": group.ID, "leave": map[string]any{"type": "Follow", "actor": annIRI, "object": group.ID}} {
		raw, err := encoder(t).Activity(deed(verb, group), apub.About{})
		m := accepted(t, raw, err)
		same(t, verb, m["object"], want)
		same(t, verb+" came back as", back(t, raw).Activity.Verb, verb)
	}
	// The event of somebody is left as such.
	raw, err := encoder(t).Activity(deed("leave", &vocab.Object{ID: "https://mob.example/events/1", Type: "event"}), apub.About{})
	same(t, "leave", accepted(t, raw, err)["type"], "Leave")
}

// An Undo of something that has no inverse names or embeds it.
func TestUndoOfAnythingElse(t *testing.T) {
	t.Parallel()
	a := deed(vocab.VerbUndo, &vocab.Object{ID: "https://pump.example/api/activity/x", Type: vocab.TypeActivity})
	a.Doc.Undoes = a.Doc.Object.ID
	raw, err := encoder(t).Activity(a, apub.About{})
	same(t, "by its id", accepted(t, raw, err)["object"], a.Doc.Undoes)
	a.Doc.Inner = &vocab.Activity{ID: a.Doc.Undoes, Verb: "accept", Actor: person(ann), Object: &vocab.Object{ID: "https://m.example/follows/1"}}
	raw, err = encoder(t).Activity(a, apub.About{})
	same(t, "whole", accepted(t, raw, err)["object"], map[string]any{"id": a.Doc.Undoes, "type": "Accept", "actor": annIRI, "object": "https://m.example/follows/1"})
}

func TestProperty20RSVP(t *testing.T) {
	t.Parallel()
	for verb, typ := range map[string]string{"rsvp-yes": "Accept", "rsvp-no": "Reject", "rsvp-maybe": "TentativeAccept"} {
		for _, event := range []*vocab.Object{{ID: "https://mob.example/events/1"}, {ID: "https://mob.example/events/1", Type: "event"}} {
			raw, err := encoder(t).Activity(deed(verb, event), apub.About{})
			m := accepted(t, raw, err)
			same(t, verb, m["type"], typ)
			same(t, verb+" to", m["object"], event.ID)
			d := back(t, raw).Activity
			same(t, typ, d.Verb, verb)
			same(t, typ+" of", d.Object, &vocab.Object{ID: event.ID, Type: "event"})
		}
	}
}

func TestProperty21Invite(t *testing.T) {
	t.Parallel()
	a := deed("invite", person("acct:bob@m.example"))
	a.Doc.Target = &vocab.Object{ID: here + "/api/event/eeeeeeeeeeeeeeeeeeeeee", Type: "event"}
	raw, err := encoder(t).Activity(a, apub.About{})
	m := accepted(t, raw, err)
	same(t, "invited to", m["object"], a.Doc.Target.ID)
	same(t, "invited", m["target"], bobIRI)
	d := back(t, raw).Activity
	same(t, "invited, read", d.Object.ID, bobIRI)
	same(t, "invited to, read", d.Target.ID, a.Doc.Target.ID)
}

func TestProperty22ContentWarnings(t *testing.T) {
	t.Parallel()
	// A summary of pump.io is none.
	sent, ours, theirs := posted(t, note(func(o *vocab.Object) { o.Summary = "<p>In <b>short</b></p>" }), nil)
	if dig(sent, "object", "summary") != nil || dig(sent, "object", "sensitive") != nil {
		t.Errorf("a summary is a content warning: %v", sent)
	}
	same(t, "the summary, restored", ours.Object.Summary, "<p>In <b>short</b></p>")
	same(t, "the summary, elsewhere", theirs.Object.Summary, "")
	// One from this network survives the way through pump.io to the byte.
	for _, warning := range []string{"Food", "Food & <3", "&amp; \"quoted\" 🙂", " spaces ", "<p>markup</p>"} {
		raw, err := json.Marshal(map[string]any{"id": "https://m.example/1", "type": "Note", "content": "<p>x</p>", "summary": warning, "sensitive": true})
		if err != nil {
			t.Fatal(err)
		}
		o := back(t, raw).Object
		o.ID, o.Author = noteID, person(ann)
		sent, ours, theirs := posted(t, &models.Object{Type: o.Type, Local: true, Doc: o}, nil)
		same(t, "warning", dig(sent, "object", "summary"), warning)
		same(t, "sensitive", dig(sent, "object", "sensitive"), true)
		same(t, "text", dig(sent, "object", "content"), "<p>x</p>")
		for _, a := range []*vocab.Activity{ours, theirs} {
			same(t, "type", a.Object.Type, vocab.TypeNote)
			same(t, "name", a.Object.DisplayName, o.DisplayName)
			same(t, "sensitive, read", string(a.Object.Extra[vocab.NSAS2+"sensitive"]), "true")
		}
		if strings.ContainsAny(o.DisplayName, "<") && o.DisplayName != warning {
			t.Errorf("the name has markup: %q", o.DisplayName)
		}
	}
}

func TestProperty23And24Escaping(t *testing.T) {
	t.Parallel()
	const nasty = `<script>alert("x")</script> & <b>bold</b> ]]> "quoted" 🙂 שלום`
	sent, ours, theirs := posted(t, note(func(o *vocab.Object) {
		o.DisplayName, o.Content = `1 < 2 & "so"`, "<p>&lt;b&gt; &amp; 🙂 שלום</p>"
	}), nil)
	same(t, "sent", dig(sent, "object", "content"), `<p><b>1 &lt; 2 &amp; &#34;so&#34;</b></p><p>&lt;b&gt; &amp; 🙂 שלום</p>`)
	same(t, "restored", ours.Object.Content, "<p>&lt;b&gt; &amp; 🙂 שלום</p>")
	same(t, "restored name", ours.Object.DisplayName, `1 < 2 & "so"`)
	same(t, "elsewhere", theirs.Object.Content, `<p><b>1 &lt; 2 &amp; &#34;so&#34;</b></p><p>&lt;b&gt; &amp; 🙂 שלום</p>`)
	raw, err := json.Marshal(map[string]any{"id": "https://m.example/1", "type": "Article", "name": nasty, "content": "x",
		"tag": []any{map[string]any{"type": "Mention", "href": bobIRI, "name": nasty}}, "attachment": []any{map[string]any{"type": "Image", "url": "https://m.example/i.png", "name": nasty}}})
	if err != nil {
		t.Fatal(err)
	}
	o := back(t, raw).Object
	for _, name := range []string{o.DisplayName, o.Tags[0].DisplayName, o.Attachments[0].DisplayName} {
		same(t, "a name", name, `& bold ]]> "quoted" 🙂 שלום`)
	}
}

func TestProperty25Languages(t *testing.T) {
	t.Parallel()
	in := `{"id":"https://m.example/1","type":"Note","content":"<p>Hello</p>","contentMap":{"en":"<p>Hello</p>","de":"<p>Hallo</p>"}}`
	o := back(t, []byte(in)).Object
	o.ID, o.Author = noteID, person(ann)
	row := &models.Object{Type: o.Type, Local: true, Doc: o}
	row.Doc = o.Merge(&vocab.Object{URL: here + "/ann/x"}) // an update that says nothing of the text
	sent, ours, _ := posted(t, row, nil)
	want := map[string]any{"en": "<p>Hello</p>", "de": "<p>Hallo</p>"}
	same(t, "languages", dig(sent, "object", "contentMap"), want)
	same(t, "restored", string(ours.Object.Extra[vocab.NSAS2+"contentMap"]), `{"de":"<p>Hallo</p>","en":"<p>Hello</p>"}`)
	// With a title the language is still the one whose text is the content.
	row.Doc = o.Merge(&vocab.Object{DisplayName: "T"})
	sent, _, _ = posted(t, row, nil)
	same(t, "with a title", dig(sent, "object", "contentMap", "en"), dig(sent, "object", "content"))
	// A translation of what is no longer said would lie.
	row.Doc = o.Merge(&vocab.Object{Content: "<p>Bye</p>"})
	sent, _, _ = posted(t, row, nil)
	if m := dig(sent, "object", "contentMap"); m != nil {
		t.Errorf("after an edit the languages are %v", m)
	}
	one := back(t, []byte(`{"id":"https://m.example/1","type":"Note","content":"a","contentMap":{"en":"a"}}`)).Object
	one.Author = person(ann)
	sent, _, _ = posted(t, &models.Object{Type: "note", Doc: one.Merge(&vocab.Object{Content: "b"})}, nil)
	same(t, "the one language of an edited text", dig(sent, "object", "contentMap"), map[string]any{"en": "b"})
}

func TestProperty26Pictures(t *testing.T) {
	t.Parallel()
	picture := note(func(o *vocab.Object) {
		o.Type, o.DisplayName, o.Content = vocab.TypeImage, "My cat", "<p>Asleep</p>"
		o.Image = &vocab.Media{URL: here + "/uploads/ann/small.jpg", Width: 320, Height: 240}
		o.FullImage = &vocab.Media{URL: here + "/uploads/ann/cat.jpg", MediaType: "image/jpeg", Width: 4000, Height: 3000,
			Extra: map[string]json.RawMessage{vocab.NSAS1 + "alt": json.RawMessage(`"A black cat on a chair"`)}}
	})
	sent, ours, theirs := posted(t, picture, nil)
	same(t, "type", dig(sent, "object", "type"), "Note")
	attachment, _ := dig(sent, "object", "attachment", 0).(map[string]any)
	for name, want := range map[string]any{"type": "Image", "mediaType": "image/jpeg", "url": here + "/uploads/ann/cat.jpg", "width": 4000.0, "height": 3000.0, "name": "A black cat on a chair"} {
		same(t, name, attachment[name], want)
	}
	got := ours.Object
	same(t, "type, restored", got.Type, vocab.TypeImage)
	same(t, "name", got.DisplayName, "My cat")
	same(t, "text", got.Content, "<p>Asleep</p>")
	same(t, "attachments", len(got.Attachments), 0)
	same(t, "small", got.Image.URL, picture.Doc.Image.URL)
	same(t, "small width", got.Image.Width, 320)
	same(t, "original", got.FullImage, picture.Doc.FullImage)
	same(t, "elsewhere", theirs.Object.FullImage.URL+theirs.Object.Type, here+"/uploads/ann/cat.jpgimage")

	film := note(func(o *vocab.Object) {
		o.Type, o.Stream = vocab.TypeVideo, &vocab.Media{URL: here + "/uploads/ann/f.mp4", Duration: 63.5, Width: 640, Height: 360}
		o.Image = &vocab.Media{URL: here + "/uploads/ann/f.jpg"}
	})
	sent, ours, _ = posted(t, film, nil)
	same(t, "duration", dig(sent, "object", "attachment", 0, "duration"), "PT63.5S")
	same(t, "media type", dig(sent, "object", "attachment", 0, "mediaType"), "video/mp4")
	same(t, "film", ours.Object.Stream.URL+ours.Object.Type, here+"/uploads/ann/f.mp4video")
	same(t, "still", ours.Object.Image.URL, film.Doc.Image.URL)
	same(t, "seconds", ours.Object.Stream.Duration, 63.5)
	// Pictures in a text are taken out by others: they see them beside it.
	sent, ours, _ = posted(t, note(func(o *vocab.Object) {
		o.Content = `<p>Look <img src="https://pump.example/uploads/i.png" alt="A pump"></p>`
	}), nil)
	same(t, "in the text", dig(sent, "object", "attachment", 0, "url"), "https://pump.example/uploads/i.png")
	same(t, "in the text, described", dig(sent, "object", "attachment", 0, "name"), "A pump")
	same(t, "in the text, restored", len(ours.Object.Attachments), 0)
}

func TestProperty27And28Tags(t *testing.T) {
	t.Parallel()
	o := note(func(o *vocab.Object) {
		o.Content = `<p><a href="https://m.example/@bob">@bob</a> <a href="https://pump.example/tag/go" rel="tag">#Go</a> and <a class="mention hashtag" href="https://m.example/tags/x">#<span>x</span></a> #this, not <a href="https://m.example/">#that</a></p>`
		o.Tags = []*vocab.Object{{Type: vocab.TypeHashtag, DisplayName: "go"}, {Type: vocab.TypePerson, ID: "acct:carl@x.example", DisplayName: "Carl"}}
	})
	sent, ours, theirs := posted(t, o, func(a *vocab.Activity) {
		a.To = append(a.To, person("acct:bob@m.example"), person(ann), person("acct:nobody@pump-only.example"))
	})
	want := []any{
		map[string]any{"type": "Mention", "href": bobIRI, "name": "@bob@m.example"},
		map[string]any{"type": "Hashtag", "href": here + "/tags/go", "name": "#go"},
		map[string]any{"type": "Person", "id": "https://x.example/?author=1", "name": "Carl"},
		map[string]any{"type": "Hashtag", "href": "https://m.example/tags/x", "name": "#x"},
		map[string]any{"type": "Hashtag", "href": here + "/tags/this", "name": "#this"},
	}
	same(t, "tags", dig(sent, "object", "tag"), want)
	same(t, "to", sent["to"], []any{"https://www.w3.org/ns/activitystreams#Public", bobIRI, annIRI})
	same(t, "the same on the object", dig(sent, "object", "to"), sent["to"])
	same(t, "cc on the object", dig(sent, "object", "cc"), sent["cc"])
	for _, a := range []*vocab.Activity{ours, theirs} {
		var kinds []string
		for _, tag := range a.Object.Tags {
			kinds = append(kinds, tag.Type+" "+tag.ID+tag.DisplayName)
		}
		same(t, "read", kinds, []string{"mention " + bobIRI + "@bob@m.example", "hashtag go", "person https://x.example/?author=1Carl", "hashtag x", "hashtag this"})
	}
	// Who is mentioned by one of ours, and by the page of one of ours, is one person.
	for _, href := range []string{annIRI, here + "/ann", here + "/api/user/ann/profile"} {
		raw := []byte(`{"id":"https://m.example/1","type":"Note","content":"x","to":"` + href + `","tag":{"type":"Mention","href":"` + href + `","name":"@ann"}}`)
		d, err := apub.Decode(raw, apub.DecodeOptions{Names: namesOf(t, here)})
		if err != nil {
			t.Fatal(err)
		}
		same(t, href, d.Object.Tags[0].ID+" "+d.Posting.To[0].ID, ann+" "+ann)
	}
}

func TestProperty29Polls(t *testing.T) {
	t.Parallel()
	for _, choice := range []string{"oneOf", "anyOf"} {
		in := `{"id":"https://m.example/1","type":"Question","attributedTo":"` + bobIRI + `","content":"Tea?","endTime":"2026-02-03T10:00:00Z","votersCount":3,"` + choice + `":[{"type":"Note","name":"Yes","replies":{"type":"Collection","totalItems":3}},{"type":"Note","name":"No","replies":{"type":"Collection","totalItems":0}}]}`
		o := back(t, []byte(in)).Object
		o.Author = person(ann)
		sent, ours, _ := posted(t, &models.Object{Type: o.Type, Doc: o}, nil)
		var want any
		if err := json.Unmarshal([]byte(in), &want); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"oneOf", "anyOf", "endTime", "votersCount", "content"} {
			same(t, choice+": "+name, dig(sent, "object", name), dig(want, name))
		}
		same(t, choice+": closing", ours.Object.EndTime.Format("2006-01-02T15"), "2026-02-03T10")
		same(t, choice+": options", string(ours.Object.Extra[vocab.NSAS1+"options"]),
			`[{"objectType":"option","displayName":"Yes","replies":{"totalItems":3}},{"objectType":"option","displayName":"No","replies":{"totalItems":0}}]`)
	}
	// A question of pump.io with options is a poll.
	sent, ours, _ := posted(t, note(func(o *vocab.Object) {
		o.Type, o.Extra = vocab.TypeQuestion, map[string]json.RawMessage{vocab.NSAS1 + "options": json.RawMessage(`[{"objectType":"option","displayName":"Yes"},{"displayName":"No"}]`)}
	}), nil)
	same(t, "choices", dig(sent, "object", "oneOf", 1, "name"), "No")
	same(t, "read as", ours.Object.Type, vocab.TypeQuestion)
	// A vote is a Note that has a name and says nothing: others know it by that.
	cast, mine, foreign := posted(t, &models.Object{Type: vocab.TypePollResponse, Local: true, Doc: &vocab.Object{ID: here + "/api/other/v", Type: vocab.TypePollResponse,
		DisplayName: "Yes", Author: person(ann), InReplyTo: []*vocab.Object{{ID: "https://m.example/1"}}}}, nil)
	same(t, "a vote", dig(cast, "object", "type"), "Note")
	same(t, "its choice", dig(cast, "object", "name"), "Yes")
	for _, name := range []string{"content", "pump:objectType", "pump:title", "interactionPolicy"} {
		same(t, name+" of a vote", dig(cast, "object", name), nil)
	}
	same(t, "a vote read here", mine.Object.Type, vocab.TypePollResponse)
	same(t, "a vote read there", foreign.Object.Type, vocab.TypePollResponse)
	// A vote is no post, on whatever way it comes.
	for _, in := range []string{
		`{"id":"https://m.example/v","type":"Note","name":"Yes","inReplyTo":"https://pump.example/1","attributedTo":"` + bobIRI + `"}`,
		`{"id":"https://m.example/v","type":"Note","name":"Yes","content":null,"inReplyTo":{"id":"https://pump.example/1"},"to":["` + annIRI + `"]}`,
	} {
		same(t, in, back(t, []byte(in)).Object.Type, vocab.TypePollResponse)
	}
}

func TestProperty30Places(t *testing.T) {
	t.Parallel()
	place := &vocab.Object{Type: vocab.TypePlace, DisplayName: "Bern", Extra: map[string]json.RawMessage{
		vocab.NSAS1 + "position": json.RawMessage(`"+46.9480001-007.4474/"`), vocab.NSAS1 + "address": json.RawMessage(`{"locality":"Bern","country":"CH"}`)}}
	sent, ours, theirs := posted(t, note(func(o *vocab.Object) { o.Location = place }), nil)
	same(t, "latitude", dig(sent, "object", "location", "latitude"), 46.9480001)
	same(t, "longitude", dig(sent, "object", "location", "longitude"), -7.4474)
	same(t, "restored", ours.Object.Location, place)
	same(t, "elsewhere", string(theirs.Object.Location.Extra[vocab.NSAS1+"position"]), `"+46.9480001-7.4474/"`)
	asObject := &vocab.Object{Type: vocab.TypePlace, DisplayName: "Bern", Extra: map[string]json.RawMessage{
		vocab.NSAS1 + "position": json.RawMessage(`{"latitude":46.948,"longitude":7.4474,"altitude":540}`)}}
	sent, ours, _ = posted(t, note(func(o *vocab.Object) { o.Location = asObject }), nil)
	same(t, "altitude", dig(sent, "object", "location", "altitude"), 540.0)
	same(t, "restored object", ours.Object.Location, asObject)
	// checkin is Arrive, and back.
	raw, err := encoder(t).Activity(deed("checkin", place), apub.About{})
	m := accepted(t, raw, err)
	same(t, "arrived", m["type"], "Arrive")
	same(t, "arrived at", dig(m, "location", "name"), "Bern")
	same(t, "checked in", back(t, raw).Activity.Object, place)
}

func TestProperty31Times(t *testing.T) {
	t.Parallel()
	sent, ours, _ := posted(t, note(nil), nil)
	same(t, "published", dig(sent, "object", "published"), "2026-03-04T12:00:00Z")
	same(t, "read", ours.Object.Published, noon)
	if dig(sent, "object", "updated") != nil || sent["updated"] != nil {
		t.Errorf("what was not edited says that it was: %v", sent)
	}
	later := noon.Add(90 * time.Minute)
	o := note(func(o *vocab.Object) { o.Updated = later })
	sent, _, _ = posted(t, o, nil)
	same(t, "edited", dig(sent, "object", "updated"), "2026-03-04T13:30:00Z")
	// Mastodon takes an Update without it for none.
	a := deed("update", o.Doc)
	a.Doc.Published = later
	o.Doc.Updated = noon
	raw, err := encoder(t).Activity(a, apub.About{Object: o})
	same(t, "an update", dig(accepted(t, raw, err), "object", "updated"), "2026-03-04T13:30:00Z")
}

func TestProperty37HiddenRecipients(t *testing.T) {
	t.Parallel()
	o := note(nil)
	a := deed("post", o.Doc)
	a.Doc.BTo, a.Doc.BCC = []*vocab.Object{person("acct:carl@x.example")}, []*vocab.Object{person("acct:carl@x.example")}
	a.Doc.Extra = map[string]json.RawMessage{
		vocab.NSAS2 + "bto": json.RawMessage(`["https://x.example/?author=1"]`), vocab.NSAS2 + "instrument": json.RawMessage(`{"id":"https://x.example/1","bcc":["https://x.example/?author=1"]}`)}
	o.Doc.Extra = map[string]json.RawMessage{vocab.NSAS2 + "bcc": json.RawMessage(`"https://x.example/?author=1"`)}
	e := encoder(t)
	whole, err := e.Activity(a, apub.About{Object: o})
	accepted(t, whole, err)
	alone, err := e.Object(o, a)
	accepted(t, alone, err)
	for _, raw := range [][]byte{whole, alone} {
		if strings.Contains(string(raw), "author=1") || strings.Contains(string(raw), "carl") {
			t.Errorf("whoever is hidden is named: %s", raw)
		}
	}
}

func TestProperty39Public(t *testing.T) {
	t.Parallel()
	for _, spelling := range []string{"https://www.w3.org/ns/activitystreams#Public", "as:Public", "Public", "@public", vocab.PublicID, "http://www.w3.org/ns/activitystreams#Public"} {
		for _, field := range []string{`"` + spelling + `"`, `["` + spelling + `"]`, `{"id":"` + spelling + `"}`} {
			a := back(t, []byte(`{"type":"Like","actor":"`+bobIRI+`","object":"https://m.example/1","to":`+field+`}`)).Activity
			same(t, field, a.To, []*vocab.Object{everybody()})
		}
	}
	sent, _, _ := posted(t, note(nil), nil)
	same(t, "written as", dig(sent, "to", 0), "https://www.w3.org/ns/activitystreams#Public")
}

// Whoever is mentioned is written to directly here, and stands where they stood
// when the document is written again.
func TestMentionedPeopleAreWrittenTo(t *testing.T) {
	t.Parallel()
	in := `{"id":"https://m.example/c","type":"Create","actor":"` + bobIRI + `","to":["as:Public"],"cc":["` + bobIRI + `/followers","` + annIRI + `"],
		"object":{"id":"https://m.example/1","type":"Note","content":"x","attributedTo":"` + bobIRI + `","to":["as:Public"],"cc":["` + bobIRI + `/followers","` + annIRI + `"],"tag":[{"type":"Mention","href":"` + annIRI + `","name":"@ann"}]}}`
	d, err := apub.Decode([]byte(in), apub.DecodeOptions{Names: namesOf(t, here)})
	if err != nil {
		t.Fatal(err)
	}
	a := d.Activity
	same(t, "to", a.To[1], person(ann))
	same(t, "cc", len(a.CC), 1)
	e := encoder(t)
	e.Directory = apub.People{bobIRI: people["acct:bob@m.example"], bobIRI + "/followers": people[bobIRI+"/followers"]}
	raw, err := e.Activity(&models.Activity{Doc: a}, apub.About{Object: &models.Object{Doc: a.Object, Type: "note"}})
	m := accepted(t, raw, err)
	same(t, "to, again", m["to"], []any{"https://www.w3.org/ns/activitystreams#Public"})
	same(t, "cc, again", m["cc"], []any{annIRI, bobIRI + "/followers"})
}
