package bridge_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

func TestPostOfANote(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		before := time.Now().Add(-time.Second)
		extra := map[string]json.RawMessage{vocab.NSAS1 + "mood": json.RawMessage(`{"displayName":"happy"}`)}
		a := w.do(ann, &vocab.Activity{
			Object: &vocab.Object{Type: vocab.TypeNote, DisplayName: "Hello", Content: "<p>Hello<script>x</script></p>", Extra: extra,
				Links: map[string]vocab.Link{"self": {Href: "https://elsewhere.example/"}, "alternate": {Href: "https://page.example/"}}, Published: time.Unix(1, 0), Deleted: time.Unix(2, 0),
				Author: &vocab.Object{ID: "acct:somebody@else.example"}},
			Extra: extra, ID: "https://elsewhere.example/activity",
		})
		note := w.object(a.Doc.Object.ID)

		same(w.t, "a missing verb", a.Verb, vocab.VerbPost)
		same(w.t, "actor", a.Doc.Actor.ID, home+"/api/user/ann/profile")
		if !strings.HasPrefix(a.Doc.ID, home+"/api/activity/") || !strings.HasPrefix(a.Doc.URL, home+"/ann/activity/") {
			w.t.Errorf("the activity has the id %s and the page %s", a.Doc.ID, a.Doc.URL)
		}
		if !strings.HasPrefix(note.Doc.ID, home+"/api/note/") || !strings.HasPrefix(note.Doc.URL, home+"/ann/note/") {
			w.t.Errorf("the note has the id %s and the page %s", note.Doc.ID, note.Doc.URL)
		}
		same(w.t, "author", note.Doc.Author.ID, ann.Doc.ID)
		same(w.t, "cleaned content", note.Doc.Content, "<p>Hello</p>")
		same(w.t, "links", len(note.Doc.Links), 1) // the one to itself is made by us
		same(w.t, "link to another rendering", note.Doc.Links["alternate"].Href, "https://page.example/")
		same(w.t, "unknown member of the object", string(note.Doc.Extra[vocab.NSAS1+"mood"]), `{"displayName":"happy"}`)
		same(w.t, "unknown member of the activity", string(a.Doc.Extra[vocab.NSAS1+"mood"]), `{"displayName":"happy"}`)
		for what, at := range map[string]time.Time{"activity published": a.Doc.Published, "activity updated": a.Doc.Updated,
			"note published": note.Doc.Published, "note updated": note.Doc.Updated} {
			if at.Before(before) || at.After(time.Now()) {
				w.t.Errorf("%s at %s, not now", what, at)
			}
		}
		if !note.Doc.Deleted.IsZero() {
			w.t.Error("a note was born deleted")
		}
		same(w.t, "sentence", a.Doc.Content, "<a href='"+home+"/ann'>ann</a> posted <a href='"+note.Doc.URL+"'>Hello</a>")
		same(w.t, "the note by its page", w.object(note.Doc.URL).ID, note.ID)
		equal(w.t, "inbox", w.inbox(ann, models.Major), "ann post Hello")
		equal(w.t, "outbox", w.outbox(ann, ann), "ann post Hello")
		equal(w.t, "minor inbox", w.inbox(ann, models.Minor))
	})
}

func TestPostKeepsWhatTheClientSaysAboutTheActivity(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		r, err := w.Post(w.t.Context(), bridge.Submission{ActorID: ann.ID, Network: "pump", Verified: "oauth1", ContentType: "application/json",
			Original: []byte(`{"verb":"post"}`), Generator: &vocab.Object{ID: "urn:uuid:1", Type: vocab.TypeApplication, DisplayName: "Dianara"},
			Activity: &vocab.Activity{Verb: vocab.VerbPost, Object: note("Hi"), Content: "<i>says</i> hi", Title: "A title",
				Actor: &vocab.Object{ID: "acct:ANN@localhost"}, Generator: &vocab.Object{DisplayName: "forged"},
				Location: &vocab.Object{Type: vocab.TypePlace, DisplayName: "Here"}}})
		if err != nil {
			w.t.Fatal(err)
		}
		doc := r.Activity.Doc
		same(w.t, "content", doc.Content, "<i>says</i> hi")
		same(w.t, "title", doc.Title, "A title")
		same(w.t, "generator", doc.Generator.DisplayName, "Dianara")
		same(w.t, "location", doc.Location.DisplayName, "Here")
		same(w.t, "known before", r.Known, false)
		original, err := w.DB().OriginalOf(w.t.Context(), r.Activity.ID, "pump")
		if err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "original", string(original.Bytes), `{"verb":"post"}`)
		same(w.t, "sender of the original", original.SenderID, ann.ID)
		same(w.t, "how it was verified", original.Verified, "oauth1")
	})
}

func TestReplies(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		w.follow(ann, bob)
		post := w.do(ann, act(vocab.VerbPost, note("Question"), everybody()))
		question := post.Doc.Object

		w.sub("with a type", func(w *world) {
			a := w.do(bob, act(vocab.VerbPost, reply("First", question)))
			if want := "in reply to <a href='" + w.object(question.ID).Doc.URL + "'>Question</a>"; !strings.HasSuffix(a.Doc.Content, want) {
				w.t.Errorf("the sentence %q does not end with %q", a.Doc.Content, want)
			}
			same(w.t, "type", w.object(a.Doc.Object.ID).Type, vocab.TypeComment)
			equal(w.t, "ann's minor inbox", w.inbox(ann, models.Minor)[:1], "bob post First")
		})
		w.sub("without a type", func(w *world) {
			o := reply("Second", question)
			o.Type = ""
			o.InReplyTo[0].Content = "<p>what the client believes it says</p>"
			c := w.object(w.do(bob, act(vocab.VerbPost, o)).Doc.Object.ID)
			same(w.t, "type", c.Type, vocab.TypeComment)
			same(w.t, "copy of the parent", c.Doc.InReplyTo[0].Content, "")
			if !strings.HasPrefix(c.Doc.ID, home+"/api/comment/") {
				w.t.Errorf("the comment has the id %s", c.Doc.ID)
			}
		})
		w.sub("to the activity that posted it", func(w *world) {
			c := w.object(w.do(bob, act(vocab.VerbPost, reply("Third", &vocab.Object{ID: post.Doc.ID, Type: vocab.TypeActivity}))).Doc.Object.ID)
			same(w.t, "parent", c.Doc.InReplyTo[0].ID, question.ID)
			same(w.t, "type of the parent", c.Doc.InReplyTo[0].Type, vocab.TypeNote)
		})
		w.sub("are counted and listed", func(w *world) {
			parent := w.object(question.ID)
			same(w.t, "replies", parent.Counts.Replies, 3)
			list, err := w.DB().Replies(w.t.Context(), parent.ID, viewerOf(ann), models.Page{Count: 20})
			if err != nil {
				w.t.Fatal(err)
			}
			var titles []string
			for _, o := range list {
				titles = append(titles, o.Doc.DisplayName)
			}
			equal(w.t, "replies", titles, "Third", "Second", "First")
		})
		w.sub("to what nobody here knows keep a copy of it", func(w *world) {
			parent := &vocab.Object{ID: "https://far.example/note/1", Type: vocab.TypeNote, Content: "<b>far</b>", Author: &vocab.Object{ID: "acct:far@far.example"}}
			o := reply("Fourth", parent)
			o.InReplyTo = []*vocab.Object{parent}
			c := w.object(w.do(bob, act(vocab.VerbPost, o)).Doc.Object.ID)
			kept := w.object(parent.ID)
			same(w.t, "parent", c.ParentID, kept.ID)
			same(w.t, "copy", kept.Doc.Content, "<b>far</b>")
			same(w.t, "author of a copy that nobody vouches for", kept.AuthorID, 0)
			same(w.t, "replies to the copy", kept.Counts.Replies, 1)
			same(w.t, "second reply's parent", w.object(w.do(ann, act(vocab.VerbPost, reply("Fifth", parent))).Doc.Object.ID).ParentID, kept.ID)
		})
	})
}

// Whoever is in between may have no word for the thread, or have one of their own,
// which answers to them keep.
func TestRepliesNameTheThread(t *testing.T) {
	worlds(t, func(w *world) {
		ann, far := w.person("ann"), w.remote("acct:far@far.example")
		question := w.do(ann, act(vocab.VerbPost, note("Question"), everybody())).Doc.Object
		thread := `"` + question.ID + `/context"`
		comes := func(name, parent string, extra map[string]json.RawMessage) *vocab.Object {
			w.t.Helper()
			o := reply(name, &vocab.Object{ID: parent})
			o.ID, o.Extra = "https://far.example/"+name, extra
			a := act(vocab.VerbPost, o, everybody())
			a.ID = o.ID + "/activity"
			w.receive(far, a)
			return o
		}
		threadOf := func(o *vocab.Object) string {
			w.t.Helper()
			a := w.do(ann, act(vocab.VerbPost, reply("Answer to "+o.ID, o), everybody()))
			return string(w.object(a.Doc.Object.ID).Doc.Extra[vocab.Conversation])
		}
		silent := comes("silent", question.ID, nil)
		same(w.t, "thread of an answer to who is silent about it", threadOf(silent), thread)
		same(w.t, "thread two levels down", threadOf(comes("deeper", silent.ID, nil)), thread)
		other := comes("other", question.ID, map[string]json.RawMessage{vocab.Conversation: json.RawMessage(`"tag:far.example:1"`)})
		same(w.t, "thread of an answer to who names another", threadOf(other), `"tag:far.example:1"`)
	})
}

func TestRepliesThatAreRefused(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		secret := w.do(ann, act(vocab.VerbPost, note("Secret"), ann.Doc.Ref())).Doc.Object
		gone := w.do(ann, act(vocab.VerbPost, note("Gone"), everybody())).Doc.Object
		w.do(ann, act(vocab.VerbDelete, gone))
		rows := w.rows()
		w.refused(bob, act(vocab.VerbPost, reply("x", secret)), bridge.NotAllowed, "Only the author and recipients can view this object.")
		w.refused(bob, act(vocab.VerbPost, reply("x", gone)), bridge.Gone, "Can't reply to a deleted note.")
		w.refused(bob, act(vocab.VerbPost, reply("x", &vocab.Object{ID: home + "/api/note/none"})), bridge.Missing,
			"No such 'object' with id '"+home+"/api/note/none'")
		w.refused(bob, act(vocab.VerbPost, reply("x", &vocab.Object{Type: vocab.TypeNote})), bridge.Invalid,
			"The object replies to something without an id: give the \"id\" of inReplyTo.")
		w.unchanged(rows)
	})
}

func TestIDsThatClientsBring(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		foreign := func() *vocab.Object {
			o := note("Foreign")
			o.ID = "tag:elsewhere.example,2013:1"
			return o
		}
		a := w.do(ann, act(vocab.VerbPost, foreign()))
		o := w.object("tag:elsewhere.example,2013:1")
		same(w.t, "id", a.Doc.Object.ID, "tag:elsewhere.example,2013:1")
		if !strings.HasPrefix(o.Doc.URL, home+"/ann/note/") {
			w.t.Errorf("the page is %s", o.Doc.URL)
		}
		token := o.Doc.URL[strings.LastIndex(o.Doc.URL, "/")+1:]
		same(w.t, "the same by an id of ours", w.object(w.Names().Thing(vocab.TypeNote, token)).ID, o.ID)

		rows := w.rows()
		w.refused(ann, act(vocab.VerbPost, foreign()), bridge.Exists, "Already posted")
		w.refused(bob, act(vocab.VerbPost, foreign()), bridge.NotAllowed, "Can't post tag:elsewhere.example,2013:1: not author.")
		for _, id := range []string{home + "/api/note/mine", "HTTP://LOCALHOST:8080/api/note/mine"} {
			o := note("Mine")
			o.ID = id
			w.refused(ann, act(vocab.VerbPost, o), bridge.Invalid, "The id "+id+" is below the address of this server: leave the id out to have one made.")
		}
		w.unchanged(rows)
	})
}

// What the database cannot hold is refused, and is no failure of ours.
func TestNamesThatCannotBeStored(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		far := w.remote("far@far.example")
		long := "https://far.example/" + strings.Repeat("x", models.MaxIRI)
		for _, bad := range []string{long, "https://far.example/\x00", "https://far.example/\xff"} {
			thing := func() *vocab.Object { return &vocab.Object{ID: bad, Type: vocab.TypeNote} }
			typed := &vocab.Object{Type: bad, DisplayName: "x"}
			activities := map[string]*vocab.Activity{
				"id":        act(vocab.VerbPost, thing()),
				"liked":     act(vocab.VerbLike, thing()),
				"parent":    act(vocab.VerbPost, reply("x", thing())),
				"target":    {Verb: "tag", Object: note("x"), Target: thing()},
				"addressee": act(vocab.VerbPost, note("x"), &vocab.Object{ID: bad, Type: vocab.TypePerson}),
				"type":      act(vocab.VerbPost, typed),
				"verb":      act(bad, note("x")),
				"members":   act(vocab.VerbPost, &vocab.Object{Type: vocab.TypeCollection, DisplayName: "x", ObjectTypes: []string{bad}}),
				"follow":    act(vocab.VerbFollow, &vocab.Object{ID: bad}),
				"nickname":  act(vocab.VerbFollow, &vocab.Object{ID: "https://far.example/p", Type: vocab.TypePerson, PreferredUsername: bad}),
			}
			for what, a := range activities {
				if _, err := w.try(ann, a); bridge.ReasonOf(err) != bridge.Invalid {
					w.t.Errorf("%s of %.30q: %v, want a refusal as invalid", what, bad, err)
				}
			}
			if _, err := w.arrive(far, nil, &vocab.Activity{ID: bad, Verb: vocab.VerbPost, Object: &vocab.Object{ID: "https://far.example/1"}}); bridge.ReasonOf(err) != bridge.Invalid {
				w.t.Errorf("an activity with the id %.30q arrived: %v, want a refusal as invalid", bad, err)
			}
		}
	})
}

func TestLists(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		a := w.do(ann, act(vocab.VerbCreate, listDoc("Friends")))
		list := w.object(a.Doc.Object.ID)
		same(w.t, "members are", list.ListOf, vocab.TypePerson)
		if !strings.HasPrefix(list.Doc.URL, home+"/ann/list/") {
			w.t.Errorf("the page of the list is %s", list.Doc.URL)
		}
		equal(w.t, "minor inbox", w.inbox(ann, models.Minor), "ann create Friends")
		same(w.t, "lists of ann", w.actor(ann.ID).Counts.Lists, 1)

		w.refused(ann, act(vocab.VerbCreate, listDoc("Friends")), bridge.Exists, "Already have a(n) 'A folder for 'person' named 'Friends' already exists.' with id 'undefined'")
		w.do(bob, act(vocab.VerbCreate, listDoc("Friends")))
		photos := listDoc("Friends")
		photos.ObjectTypes = []string{vocab.TypeImage}
		w.do(ann, act(vocab.VerbCreate, photos))
		// Neither of these is a list.
		w.do(ann, act(vocab.VerbCreate, &vocab.Object{Type: vocab.TypeCollection, ObjectTypes: []string{vocab.TypePerson}}))
		w.do(ann, act(vocab.VerbCreate, &vocab.Object{Type: vocab.TypeCollection, DisplayName: "Friends", ObjectTypes: []string{"person", "image"}}))
		same(w.t, "lists of ann", w.actor(ann.ID).Counts.Lists, 1)

		w.do(ann, act(vocab.VerbDelete, list.Doc.Ref()))
		same(w.t, "lists after a deletion", w.actor(ann.ID).Counts.Lists, 0)
		w.do(ann, act(vocab.VerbCreate, listDoc("Friends")))

		errs := together(6, func(int) error {
			_, err := w.try(bob, act(vocab.VerbCreate, listDoc("Race")))
			return err
		})
		same(w.t, "lists made at once under one name", count(errs, func(err error) bool { return err == nil }), 1)
		same(w.t, "lists of bob", w.actor(bob.ID).Counts.Lists, 2)
	})
}

func TestGroups(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		a := w.do(ann, act(vocab.VerbCreate, &vocab.Object{Type: vocab.TypeGroup, DisplayName: "Readers"}))
		g := w.actor(a.Object.ID)
		same(w.t, "type", g.Type, vocab.TypeGroup)
		same(w.t, "is ours", g.Local, true)
		same(w.t, "made by", g.AuthorID, ann.ID)
		same(w.t, "author", g.Doc.Author.ID, ann.Doc.ID)
		if !strings.HasPrefix(g.Doc.ID, home+"/api/group/") || !strings.HasPrefix(g.Doc.URL, home+"/ann/group/") {
			w.t.Errorf("the group has the id %s and the page %s", g.Doc.ID, g.Doc.URL)
		}
		for _, name := range []string{g.Doc.ID, g.Doc.URL} {
			if found, err := w.DB().ActorByIRI(w.t.Context(), name); err != nil || found.ID != g.ID {
				w.t.Errorf("the group is not found as %s: %v", name, err)
			}
		}
		equal(w.t, "major inbox", w.inbox(ann, models.Major), "ann create Readers")

		foreign := &vocab.Object{ID: "urn:group:1", Type: vocab.TypeGroup, DisplayName: "Foreign",
			Links: map[string]vocab.Link{"activity-inbox": {Href: "https://thief.example/inbox"}}}
		g = w.actor(w.do(ann, act(vocab.VerbCreate, foreign)).Object.ID)
		same(w.t, "id", g.Doc.ID, "urn:group:1")
		same(w.t, "links, to which others would deliver", len(g.Doc.Links), 0)
		if !w.known(models.KindActor, g.Doc.URL) {
			w.t.Errorf("the group is not known as %s", g.Doc.URL)
		}
	})
}

// upload makes an uploaded picture that is not posted yet.
func (w *world) upload(owner *models.Actor, title string) *vocab.Object {
	w.t.Helper()
	token := bridge.NewToken()
	path := owner.Nickname + "/2013/1/2/" + token + ".png"
	doc := &vocab.Object{ID: w.Names().Thing(vocab.TypeImage, token), Type: vocab.TypeImage, DisplayName: title, Content: "<p>from the camera</p>",
		URL: w.Names().ThingPage(owner.Nickname, vocab.TypeImage, token), Author: owner.Doc.Ref(), MimeType: "image/png",
		FullImage: &vocab.Media{URL: w.Names().Upload(path), Width: 640, Height: 480}, Published: time.Unix(1e9, 0).UTC(), Updated: time.Unix(1e9, 0).UTC()}
	w.write(func(ctx context.Context, tx *models.Tx) error {
		row := &models.Object{Type: vocab.TypeImage, AuthorID: owner.ID, Local: true, Doc: doc, Created: doc.Published, Updated: doc.Updated}
		if err := tx.CreateObject(ctx, row, doc.ID); err != nil {
			return err
		}
		return tx.InsertUpload(ctx, &models.Upload{Path: path, OwnerID: owner.ID, ObjectID: row.ID, MediaType: "image/png", Size: 3})
	})
	return doc
}

func TestPostOfAnUpload(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		picture := w.upload(ann, "IMG_0001")

		w.refused(bob, act(vocab.VerbPost, picture.Ref()), bridge.NotAllowed, "Can't post "+picture.ID+": not author.")
		w.refused(bob, act(vocab.VerbLike, picture.Ref()), bridge.NotAllowed, "Only the author and recipients can view this object.")

		a := w.do(ann, act(vocab.VerbPost, &vocab.Object{ID: picture.ID, DisplayName: "The sea", Type: vocab.TypeNote}, everybody()))
		o := w.object(picture.ID)
		same(w.t, "new title", o.Doc.DisplayName, "The sea")
		same(w.t, "type stays", o.Doc.Type, vocab.TypeImage)
		same(w.t, "content stays", o.Doc.Content, "<p>from the camera</p>")
		same(w.t, "picture stays", o.Doc.FullImage.URL, picture.FullImage.URL)
		same(w.t, "mime type stays", o.Doc.MimeType, "image/png")
		same(w.t, "page stays", o.Doc.URL, picture.URL)
		same(w.t, "published with the post", o.Doc.Published, a.Doc.Published)
		same(w.t, "posted by", o.ActivityID, a.ID)
		same(w.t, "everybody sees it", w.seesObject(nil, a), true)
		equal(w.t, "major inbox", w.inbox(ann, models.Major), "ann post The sea")

		w.refused(ann, act(vocab.VerbPost, picture.Ref()), bridge.Exists, "Already posted")
		w.refused(bob, act(vocab.VerbPost, picture.Ref()), bridge.NotAllowed, "Can't post "+picture.ID+": not author.")
		w.do(ann, act(vocab.VerbDelete, picture.Ref()))
		w.refused(ann, act(vocab.VerbPost, picture.Ref()), bridge.Gone, "Deleted")
	})
}

func TestPostOfAnUploadAsAReply(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		question := w.do(ann, act(vocab.VerbPost, note("Where?"))).Doc.Object
		picture := w.upload(ann, "IMG_0002")
		w.do(ann, act(vocab.VerbPost, &vocab.Object{ID: picture.ID, InReplyTo: []*vocab.Object{question}}))
		o := w.object(picture.ID)
		same(w.t, "replies", w.object(question.ID).Counts.Replies, 1)
		same(w.t, "parent", o.Doc.Parent().ID, question.ID)
		same(w.t, "type", o.Doc.Type, vocab.TypeImage)
	})
}

func TestTwoPostsOfOneUpload(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		for range 5 {
			picture := w.upload(ann, "x")
			errs := together(2, func(int) error {
				_, err := w.try(ann, act(vocab.VerbPost, picture.Ref()))
				return err
			})
			same(w.t, "posts that won", count(errs, func(err error) bool { return err == nil }), 1)
			same(w.t, "posts refused", count(errs, func(err error) bool { return bridge.ReasonOf(err) == bridge.Exists }), 1)
		}
		same(w.t, "posts in the outbox", len(w.outbox(ann, ann)), 5)
	})
}

func TestPostIntoAList(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		album := &vocab.Object{Type: vocab.TypeCollection, DisplayName: "Album", ObjectTypes: []string{vocab.TypeImage}}
		list := w.do(ann, act(vocab.VerbCreate, album)).Doc.Object
		picture := &vocab.Object{Type: vocab.TypeImage, DisplayName: "Sea"}
		a := w.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: picture, Target: list})
		same(w.t, "members", w.object(list.ID).Counts.Members, 1)
		if !strings.HasSuffix(a.Doc.Content, " to <a href='"+w.object(list.ID).Doc.URL+"'>Album</a>") {
			w.t.Errorf("the sentence %q does not name the album", a.Doc.Content)
		}
		rows := w.rows()
		w.refused(bob, &vocab.Activity{Verb: vocab.VerbPost, Object: picture, Target: list}, bridge.NotAllowed, "Can't add to "+list.ID+": not author.")
		w.refused(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("x"), Target: list}, bridge.Invalid, "Can't add to "+list.ID+": incorrect type.")
		w.unchanged(rows)
	})
}

func TestPostsThatAreRefused(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		posted := w.do(ann, act(vocab.VerbPost, note("x")))
		rows := w.rows()
		w.refused(ann, &vocab.Activity{Verb: vocab.VerbPost}, bridge.Invalid,
			"The activity has no object: there must be a member \"object\" that says what was done something to.")
		w.refused(ann, act(vocab.VerbPost, bob.Doc.Ref()), bridge.Exists, "Already have a(n) 'person' with id '"+bob.Doc.ID+"'")
		w.refused(ann, act(vocab.VerbPost, &vocab.Object{ID: posted.Doc.ID, Type: vocab.TypeActivity}), bridge.Invalid,
			"Can't post "+posted.Doc.ID+": it is an activity. Share it instead.")
		w.refused(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: &vocab.Object{ID: "urn:1", Type: vocab.TypeActivity},
			Inner: act(vocab.VerbPost, note("y"))}, bridge.Invalid, "Can't post an activity: post its object, or share it.")
		for _, actor := range []string{bob.Doc.ID, "acct:bob@localhost", "https://far.example/ann"} {
			w.refused(ann, &vocab.Activity{Actor: &vocab.Object{ID: actor}, Object: note("x")}, bridge.Invalid, "Invalid actor")
		}
		w.unchanged(rows)
	})
}

func count(errs []error, is func(error) bool) int {
	n := 0
	for _, err := range errs {
		if is(err) {
			n++
		}
	}
	return n
}
