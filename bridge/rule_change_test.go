package bridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

func TestUpdateMerges(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		o := note("Old")
		o.Summary = "stays"
		o.Tags = []*vocab.Object{{DisplayName: "tag"}}
		o.Extra = map[string]json.RawMessage{"urn:a": json.RawMessage(`1`), "urn:b": json.RawMessage(`2`)}
		post := w.do(ann, act(vocab.VerbPost, o, everybody()))
		before := w.object(post.Doc.Object.ID)
		a := w.do(ann, act(vocab.VerbUpdate, &vocab.Object{
			ID: post.Doc.Object.ID, Type: "article", DisplayName: "New", Content: "<p>New<script>x</script></p>",
			Author: &vocab.Object{ID: "acct:thief@far.example"}, Published: time.Unix(1, 0), Cleared: []string{"tags", "urn:b"},
			Extra: map[string]json.RawMessage{"urn:c": json.RawMessage(`3`)},
		}))
		after := w.object(post.Doc.Object.ID)
		same(w.t, "title", after.Doc.DisplayName, "New")
		same(w.t, "cleaned content", after.Doc.Content, "<p>New</p>")
		same(w.t, "what the update leaves out", after.Doc.Summary, "stays")
		same(w.t, "what it clears", len(after.Doc.Tags), 0)
		same(w.t, "unknown members", fmt.Sprintf("%d %s %s", len(after.Doc.Extra), after.Doc.Extra["urn:a"], after.Doc.Extra["urn:c"]), "2 1 3")
		same(w.t, "type", after.Doc.Type, vocab.TypeNote)
		same(w.t, "author", after.Doc.Author.ID, ann.Doc.ID)
		same(w.t, "published", after.Doc.Published, before.Doc.Published)
		same(w.t, "updated", after.Doc.Updated, a.Doc.Published)
		same(w.t, "posted by", after.ActivityID, post.ID)
		same(w.t, "sentence", a.Doc.Content, "<a href='"+home+"/ann'>ann</a> updated <a href='"+after.Doc.URL+"'>Old</a>")
		equal(w.t, "minor inbox", w.inbox(ann, models.Minor), "ann update New")
	})
}

func TestUpdatesThatAreRefused(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		post := w.do(ann, act(vocab.VerbPost, note("x"), everybody()))
		gone := w.do(ann, act(vocab.VerbPost, note("y"), everybody())).Doc.Object
		w.do(ann, act(vocab.VerbDelete, gone))
		id := post.Doc.Object.ID
		rows := w.rows()
		w.refused(bob, act(vocab.VerbUpdate, &vocab.Object{ID: id, Content: "mine"}), bridge.NotAllowed, "Can't update "+id+": not author.")
		w.refused(bob, act(vocab.VerbUpdate, &vocab.Object{ID: ann.Doc.ID, DisplayName: "fool"}), bridge.NotAllowed, "Can't update "+ann.Doc.ID+": not you.")
		w.refused(ann, act(vocab.VerbUpdate, &vocab.Object{ID: gone.ID, Content: "back"}), bridge.Gone, "Deleted")
		w.refused(ann, act(vocab.VerbUpdate, &vocab.Object{ID: "urn:none", Type: vocab.TypeNote}), bridge.Missing, "No such 'note' with id 'urn:none'")
		w.refused(ann, act(vocab.VerbUpdate, &vocab.Object{ID: post.Doc.ID, Type: vocab.TypeActivity}), bridge.Invalid,
			"Can't update "+post.Doc.ID+": it is an activity. Update its object instead.")
		w.unchanged(rows)
		same(w.t, "content", w.object(id).Doc.Content, "<p>x</p>")
	})
}

func TestUpdateOfAPerson(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		w.follow(ann, bob)
		face := w.upload(ann, "face")
		path := w.Names().UploadPath(face.FullImage.URL)
		w.do(ann, act(vocab.VerbUpdate, &vocab.Object{ID: "acct:ANN@localhost:8080", DisplayName: "Ann B.", Summary: "<b>me</b>",
			PreferredUsername: "root", URL: "https://phish.example/", Image: face.FullImage}))
		after := w.actor(ann.ID)
		same(w.t, "name", after.Doc.DisplayName, "Ann B.")
		same(w.t, "summary", after.Doc.Summary, "<b>me</b>")
		same(w.t, "nickname", after.Doc.PreferredUsername, "ann")
		same(w.t, "page", after.Doc.URL, home+"/ann")
		same(w.t, "followers", after.Counts.Followers, 1)
		same(w.t, "bob's inbox", w.inbox(bob, models.Minor)[0], "ann update ann")
		upload, err := w.DB().Upload(w.t.Context(), path)
		if err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "everybody may fetch the picture of a profile", upload.Public, true)

		// Whose picture it is does not change by showing it.
		other := w.upload(bob, "bob's")
		w.do(ann, act(vocab.VerbUpdate, &vocab.Object{ID: ann.Doc.ID, Image: other.FullImage}))
		if upload, err = w.DB().Upload(w.t.Context(), w.Names().UploadPath(other.FullImage.URL)); err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "everybody may fetch what another has uploaded", upload.Public, false)
	})
}

func TestUpdateOfAGroup(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		g := w.group(p[0], "Readers")
		w.do(p[0], act(vocab.VerbUpdate, &vocab.Object{ID: g.Doc.ID, DisplayName: "Writers"}))
		same(w.t, "name", w.actor(g.ID).Doc.DisplayName, "Writers")
		w.refused(p[1], act(vocab.VerbUpdate, &vocab.Object{ID: g.Doc.ID, DisplayName: "Bob's"}), bridge.NotAllowed, "Can't update "+g.Doc.ID+": not author.")
	})
}

func TestUpdatesAtOnceLoseNothing(t *testing.T) {
	const times = 50
	worlds(t, func(w *world) {
		ann := w.person("ann")
		post := w.do(ann, act(vocab.VerbPost, note("x")))
		id := post.Doc.Object.ID
		errs := together(2, func(writer int) error {
			for i := range times {
				patch := &vocab.Object{ID: id, Extra: map[string]json.RawMessage{fmt.Sprintf("urn:%d:%d", writer, i): json.RawMessage(`true`)}}
				if writer == 0 {
					patch.Content = fmt.Sprintf("<p>%d</p>", i)
				} else {
					patch.Summary = fmt.Sprintf("<p>%d</p>", i)
				}
				if _, err := w.try(ann, act(vocab.VerbUpdate, patch)); err != nil {
					return err
				}
			}
			return nil
		})
		for _, err := range errs {
			if err != nil {
				w.t.Fatal(err)
			}
		}
		doc := w.object(id).Doc
		same(w.t, "members that stay", len(doc.Extra), 2*times)
		same(w.t, "content", doc.Content, fmt.Sprintf("<p>%d</p>", times-1))
		same(w.t, "summary", doc.Summary, fmt.Sprintf("<p>%d</p>", times-1))
		_, total := w.page(ann, models.Outbox, models.All, ann, 1)
		same(w.t, "updates in the outbox", total, 2*times+1)
	})
}

func TestDelete(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		w.follow(ann, bob)
		question := w.do(bob, act(vocab.VerbPost, note("Question"), everybody())).Doc.Object
		answer := reply("Answer", question)
		answer.Content, answer.Summary = "<p>secret</p>", "secret"
		answer.Extra = map[string]json.RawMessage{"urn:x": json.RawMessage(`"secret"`)}
		post, err := w.Post(w.t.Context(), bridge.Submission{ActorID: ann.ID, Activity: act(vocab.VerbPost, answer, everybody()),
			Network: "pump", Original: []byte("secret")})
		if err != nil {
			w.t.Fatal(err)
		}
		id := post.Activity.Doc.Object.ID
		before := w.object(id)
		same(w.t, "replies", w.object(question.ID).Counts.Replies, 1)

		w.do(ann, act(vocab.VerbDelete, &vocab.Object{ID: id, Content: "ignored"}))
		stone := w.object(id).Doc
		same(w.t, "type", stone.Type, vocab.TypeComment)
		same(w.t, "author", stone.Author.ID, ann.Doc.ID)
		same(w.t, "parent", stone.Parent().ID, question.ID)
		same(w.t, "published", stone.Published, before.Doc.Published)
		same(w.t, "deleted", stone.Deleted.IsZero(), false)
		same(w.t, "updated", stone.Updated, stone.Deleted)
		for what, s := range map[string]string{"title": stone.DisplayName, "content": stone.Content, "summary": stone.Summary} {
			same(w.t, what+" that is left", s, "")
		}
		same(w.t, "unknown members that are left", len(stone.Extra), 0)
		if _, err := w.DB().OriginalOf(w.t.Context(), post.Activity.ID, "pump"); err == nil {
			w.t.Error("the document that was posted is still there")
		}
		same(w.t, "replies", w.object(question.ID).Counts.Replies, 0)
		replies, err := w.DB().Replies(w.t.Context(), w.object(question.ID).ID, viewerOf(bob), models.Page{Count: 9})
		if err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "replies listed", len(replies), 0)
		same(w.t, "bob's inbox", w.inbox(bob, models.Minor)[0], "ann delete comment")

		for _, verb := range []string{vocab.VerbDelete, vocab.VerbUpdate, vocab.VerbPost} {
			w.refused(ann, act(verb, &vocab.Object{ID: id}), bridge.Gone, "Deleted")
		}
		for _, verb := range []string{vocab.VerbLike, vocab.VerbShare, vocab.VerbUnlike, "read"} {
			w.refused(bob, act(verb, &vocab.Object{ID: id}), bridge.Gone, "Deleted")
		}
	})
}

func TestDeletesThatAreRefused(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		post := w.do(ann, act(vocab.VerbPost, note("x"), everybody()))
		id := post.Doc.Object.ID
		rows := w.rows()
		w.refused(bob, act(vocab.VerbDelete, &vocab.Object{ID: id}), bridge.NotAllowed, "Can't delete "+id+": not author.")
		w.refused(bob, act(vocab.VerbDelete, ann.Doc.Ref()), bridge.NotAllowed, "Can't delete "+ann.Doc.ID+": not author.")
		w.refused(ann, act(vocab.VerbDelete, ann.Doc.Ref()), bridge.NotAllowed,
			"Can't delete "+ann.Doc.ID+": an account is deleted as a whole, by DELETE "+home+"/api/user/ann.")
		w.refused(ann, act(vocab.VerbDelete, &vocab.Object{ID: "urn:none"}), bridge.Missing, "No such 'object' with id 'urn:none'")
		w.refused(ann, act(vocab.VerbDelete, &vocab.Object{ID: post.Doc.ID, Type: vocab.TypeActivity}), bridge.Invalid,
			"Can't delete "+post.Doc.ID+": it is an activity. Delete its object instead.")
		w.unchanged(rows)
	})
}

func TestDeleteRemovesFiles(t *testing.T) {
	files := &fakeFiles{removed: make(chan string, 10)}
	worldsWith(t, bridge.Options{Files: files}, func(w *world) {
		ann := w.person("ann")
		picture := w.upload(ann, "x")
		w.do(ann, act(vocab.VerbPost, picture.Ref()))
		same(w.t, "jobs before", len(w.jobs("remove-files")), 0)
		w.do(ann, act(vocab.VerbDelete, picture.Ref()))
		jobs := w.jobs("remove-files")
		path := w.Names().UploadPath(picture.FullImage.URL)
		same(w.t, "jobs", len(jobs), 1)
		same(w.t, "files of the job", strings.ReplaceAll(string(jobs[0].EncodedArgs), " ", ""), `{"paths":["`+path+`"]}`)
		if _, err := w.DB().Upload(w.t.Context(), path); err == nil {
			w.t.Error("the file can still be fetched")
		}
	})
}

func TestUpdatesFromElsewhere(t *testing.T) {
	worlds(t, func(w *world) {
		far := w.remote("far@far.example")
		other := w.remote("other@far.example")
		at := func(second int) time.Time { return time.Unix(1_700_000_000+int64(second), 0).UTC() }
		id := "https://far.example/notes/1"
		w.receive(far, act(vocab.VerbPost, &vocab.Object{ID: id, Type: vocab.TypeNote, Content: "first", Published: at(0), Updated: at(0)}, everybody()))
		w.receive(far, act(vocab.VerbUpdate, &vocab.Object{ID: id, Content: "third", Updated: at(20)}, everybody()))
		w.receive(far, act(vocab.VerbUpdate, &vocab.Object{ID: id, Content: "second", Updated: at(10)}, everybody()))
		same(w.t, "content after an update that was overtaken", w.object(id).Doc.Content, "third")
		same(w.t, "updated", w.object(id).Doc.Updated, at(20))

		w.receive(far, act(vocab.VerbUpdate, &vocab.Object{ID: far.Doc.ID, DisplayName: "Third", Updated: at(20)}, everybody()))
		w.receive(far, act(vocab.VerbUpdate, &vocab.Object{ID: far.Doc.ID, DisplayName: "Second", Updated: at(10)}, everybody()))
		same(w.t, "name after an update that was overtaken", w.actor(far.ID).Doc.DisplayName, "Third")

		for what, a := range map[string]*vocab.Activity{
			"update":             act(vocab.VerbUpdate, &vocab.Object{ID: id, Content: "forged", Updated: at(30)}, everybody()),
			"delete":             act(vocab.VerbDelete, &vocab.Object{ID: id}, everybody()),
			"update of a person": act(vocab.VerbUpdate, &vocab.Object{ID: far.Doc.ID, DisplayName: "forged", Updated: at(30)}, everybody()),
		} {
			if _, err := w.arrive(other, nil, a); bridge.ReasonOf(err) != bridge.NotAllowed {
				w.t.Errorf("%s by somebody else: %v, want a refusal", what, err)
			}
		}
		same(w.t, "content", w.object(id).Doc.Content, "third")

		w.receive(far, act(vocab.VerbDelete, &vocab.Object{ID: id}, everybody()))
		same(w.t, "content of a tombstone", w.object(id).Doc.Content, "")
		if _, err := w.arrive(far, nil, act(vocab.VerbUpdate, &vocab.Object{ID: id, Content: "back", Updated: at(40)}, everybody())); bridge.ReasonOf(err) != bridge.Gone {
			w.t.Errorf("an update of what is deleted: %v, want a refusal as gone", err)
		}
		if _, err := w.arrive(far, nil, act(vocab.VerbPost, &vocab.Object{ID: id, Type: vocab.TypeNote, Content: "back"}, everybody())); bridge.ReasonOf(err) != bridge.Gone {
			w.t.Errorf("a post of what is deleted: %v, want a refusal as gone", err)
		}
	})
}

// Property 51: an older Update after a newer one changes nothing; and what the
// network of an update cannot carry stays.
func TestUpdatesFromElsewhereAreWhole(t *testing.T) {
	worlds(t, func(w *world) {
		far := w.remote("far@far.example")
		id := "https://far.example/1"
		at := time.Unix(1_700_000_000, 0).UTC()
		w.receive(far, act(vocab.VerbPost, &vocab.Object{ID: id, Type: vocab.TypeNote, DisplayName: "Title", Content: "first", Published: at, Updated: at,
			EmbedCode: "<b>code</b>", Extra: map[string]json.RawMessage{"urn:theirs": json.RawMessage("1"), "urn:other": json.RawMessage("2")}}, everybody()))
		cleared := []string{"displayName", "summary", "urn:theirs"}
		w.receive(far, act(vocab.VerbUpdate, &vocab.Object{ID: id, Content: "second", Updated: at.Add(time.Minute), Cleared: cleared}, everybody()))
		doc := w.object(id).Doc
		same(w.t, "title, content", doc.DisplayName+", "+doc.Content, ", second")
		same(w.t, "what the network cannot carry", doc.EmbedCode+" "+string(doc.Extra["urn:other"])+string(doc.Extra["urn:theirs"]), "<b>code</b> 2")
		w.receive(far, act(vocab.VerbUpdate, &vocab.Object{ID: id, Content: "older", Updated: at.Add(time.Second), Cleared: cleared}, everybody()))
		same(w.t, "content after an older update", w.object(id).Doc.Content, "second")
		// The counts of a poll come without a time, and are no edit.
		w.receive(far, act(vocab.VerbUpdate, &vocab.Object{ID: id, Content: "second", Extra: map[string]json.RawMessage{"urn:votes": json.RawMessage("3")}}, everybody()))
		doc = w.object(id).Doc
		same(w.t, "counts, time of the edit", string(doc.Extra["urn:votes"])+" "+doc.Updated.String(), "3 "+at.Add(time.Minute).String())

		for _, unknown := range []string{"https://far.example/unknown", "https://far.example/copy"} {
			if unknown == "https://far.example/copy" { // known because somebody answered it
				answer := reply("x", &vocab.Object{ID: unknown, Type: vocab.TypeNote})
				answer.ID = "https://far.example/answer"
				w.receive(far, act(vocab.VerbPost, answer, everybody()))
			}
			_, err := w.arrive(far, nil, act(vocab.VerbUpdate, &vocab.Object{ID: unknown, Type: vocab.TypeNote, Content: "x"}, everybody()))
			same(w.t, "reason", bridge.ReasonOf(err), bridge.Missing)
			same(w.t, "what is to be fetched", bridge.ToFetch(err), unknown)
		}
	})
}

// Property 50, as far as it is the rule's: a deletion is for all whom the thing was
// for, whatever its author says.
func TestDeleteIsForWhomeverThePostWasFor(t *testing.T) {
	worldsWith(t, twoNetworks(), func(w *world) {
		p := w.people("ann", "bob", "cid")
		ann, bob, cid := p[0], p[1], p[2]
		far := w.present("far@far.example", "pump", "")
		w.follow(ann, far)
		post := w.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("x"), To: one(everybody()), CC: one(w.followersOf(ann)), BTo: one(bob.Doc.Ref())})
		gone := w.do(ann, act(vocab.VerbDelete, post.Doc.Object, cid.Doc.Ref(), everybody()))
		same(w.t, "addresses", w.addresses(gone), "to: public cid cc: ann/followers bto: bob")
		equal(w.t, "deliveries", w.inboxesOf(gone), "pump https://far.example/pump/far")
		same(w.t, "newest in bob's inbox", w.inbox(bob, models.Minor)[0], "ann delete note")
	})
}

// fakeFiles are uploads of which only the removal matters.
type fakeFiles struct {
	removed chan string
	err     func(path string) error
}

func (f *fakeFiles) Remove(_ context.Context, path string) error {
	f.removed <- path
	if f.err != nil {
		return f.err(path)
	}
	return nil
}
