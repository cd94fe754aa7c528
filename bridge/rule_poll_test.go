package bridge_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// question is a poll of the two choices that there are.
func question(member string) *vocab.Object {
	return &vocab.Object{Type: vocab.TypeQuestion, DisplayName: "Tea?", Extra: map[string]json.RawMessage{vocab.NSAS2 + member: json.RawMessage(
		`[{"type":"Note","name":"yes","replies":{"type":"Collection","totalItems":0}},{"type":"Note","name":"no"}]`)}}
}

// choice is a vote.
func choice(name string, q *vocab.Object) *vocab.Object {
	return &vocab.Object{Type: vocab.TypeNote, DisplayName: name, InReplyTo: []*vocab.Object{q.Ref()}}
}

// voted is what has been counted: the votes for each choice, and the voters.
func (w *world) voted(id string) string {
	w.t.Helper()
	doc, counts := w.object(id).Doc, ""
	for _, member := range []string{"oneOf", "anyOf"} {
		var list []struct {
			Name    string
			Replies struct{ TotalItems int }
		}
		if raw, ok := doc.Extra[vocab.NSAS2+member]; ok {
			if err := json.Unmarshal(raw, &list); err != nil {
				w.t.Fatal(err)
			}
		}
		for _, c := range list {
			counts += fmt.Sprint(c.Name, " ", c.Replies.TotalItems, ", ")
		}
	}
	return counts + "voters " + string(doc.Extra["http://joinmastodon.org/ns#votersCount"])
}

// Property 29: votes never appear as posts.
func TestVotesOfOthersAreCountedAndNeverPosts(t *testing.T) {
	worldsWith(t, asking(), func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		far, near := w.present("far@far.example", "activitypub", ""), w.present("near@near.example", "activitypub", "")
		w.follow(far, ann)
		w.do(ann, act(vocab.VerbFollow, far.Doc.Ref()))
		q := w.do(ann, act(vocab.VerbPost, question("oneOf"), everybody())).Doc.Object
		votes := func(name, id string) *vocab.Activity {
			o := choice(name, q)
			o.ID = "https://far.example/votes/" + id
			return &vocab.Activity{ID: o.ID + "/activity", Verb: vocab.VerbPost, Object: o, To: one(ann.Doc.Ref())}
		}
		before := w.rows()
		w.brought("activitypub", far, votes("yes", "1"))
		for range 2 {
			w.brought("activitypub", far, votes("yes", "1")) // again, to the byte
		}
		w.brought("activitypub", far, votes("yes", "2")) // again, by another name
		same(w.t, "votes", w.voted(q.ID), "yes 1, no 0, voters 1")
		_, err := w.brings("activitypub", far, votes("no", "3"))
		w.isRefusal(err, bridge.NotAllowed, "Can't vote on "+q.ID+" again: one choice only.")
		_, err = w.brings("activitypub", far, votes("maybe", "4"))
		w.isRefusal(err, bridge.Invalid, `"maybe" is none of the choices of `+q.ID+".")
		n := choice("no", q)
		n.ID = "https://near.example/v"
		w.brought("activitypub", near, &vocab.Activity{Verb: vocab.VerbPost, Object: n, To: one(ann.Doc.Ref())})
		same(w.t, "votes", w.voted(q.ID), "yes 1, no 1, voters 2")
		after := w.rows()
		for _, table := range []string{"activities", "objects", "stream_items", "identifiers"} {
			same(w.t, "rows of "+table, after[table], before[table])
		}
		same(w.t, "replies", w.object(q.ID).Counts.Replies, 0)
		same(w.t, "known", w.known(models.KindObject, "https://near.example/v"), false)

		// People here vote too, and nobody is shown what they chose.
		inbox := w.inbox(ann, models.All)
		cast := w.do(bob, act(vocab.VerbPost, choice("yes", q), everybody()))
		same(w.t, "votes", w.voted(q.ID), "yes 2, no 1, voters 3")
		same(w.t, "who sees it", w.audienceOf(cast, ann, bob), "bob")
		equal(w.t, "ann's inbox", w.inbox(ann, models.All), inbox...)
		equal(w.t, "bob's outbox", w.outbox(bob, bob))
		w.refused(bob, act(vocab.VerbPost, choice("yes", q)), bridge.Exists, "Already have a(n) 'vote' with id '"+q.ID+"'")
		same(w.t, "replies", w.object(q.ID).Counts.Replies, 0)

		// An answer in words is an answer.
		w.do(bob, act(vocab.VerbPost, reply("perhaps", q)))
		w.do(bob, act(vocab.VerbPost, &vocab.Object{Type: vocab.TypeComment, DisplayName: "yes", Content: "yes, please", InReplyTo: []*vocab.Object{q.Ref()}}))
		same(w.t, "replies", w.object(q.ID).Counts.Replies, 2)
	})
}

func TestVotesForSeveralChoicesUntilItIsClosed(t *testing.T) {
	worldsWith(t, asking(), func(w *world) {
		ann := w.person("ann")
		far := w.present("far@far.example", "activitypub", "")
		several := question("anyOf")
		several.EndTime = time.Now().Add(time.Hour)
		over := question("oneOf")
		over.EndTime = time.Now().Add(-time.Hour)
		q := w.do(ann, act(vocab.VerbPost, several, everybody())).Doc.Object
		closed := w.do(ann, act(vocab.VerbPost, over, everybody())).Doc.Object
		vote := func(name string, q *vocab.Object) error {
			o := choice(name, q)
			o.ID = "https://far.example/votes/" + name
			_, err := w.brings("activitypub", far, act(vocab.VerbPost, o, ann.Doc.Ref()))
			return err
		}
		for _, name := range []string{"yes", "no", "no"} {
			if err := vote(name, q); err != nil {
				w.t.Error(err)
			}
		}
		same(w.t, "votes", w.voted(q.ID), "yes 1, no 1, voters 1")
		w.isRefusal(vote("yes", closed), bridge.NotAllowed, "Can't vote on "+closed.ID+": it is closed.")
	})
}

// Everybody votes at the same time, and nobody's vote is lost.
func TestVotesAtOnceAreCounted(t *testing.T) {
	const voters = 12
	worlds(t, func(w *world) {
		ann := w.person("ann")
		q := w.do(ann, act(vocab.VerbPost, question("oneOf"), everybody())).Doc.Object
		var list []*models.Actor
		for i := range voters {
			list = append(list, w.remote(fmt.Sprintf("p%d@far.example", i)))
		}
		errs := together(2*voters, func(i int) error {
			o := choice("no", q)
			o.ID = fmt.Sprint("https://far.example/votes/", i)
			_, err := w.arrive(list[i%voters], nil, act(vocab.VerbPost, o, ann.Doc.Ref()))
			return err
		})
		for _, err := range errs {
			if err != nil {
				w.t.Error(err)
			}
		}
		same(w.t, "votes", w.voted(q.ID), fmt.Sprintf("yes 0, no %d, voters %d", voters, voters))
	})
}

// Servers elsewhere are told what was counted, once for many votes.
func TestWhatIsCountedIsTold(t *testing.T) {
	worldsWith(t, asking(), func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		far, near := w.present("far@far.example", "activitypub", ""), w.present("near@near.example", "activitypub", "")
		w.brought("activitypub", far, act(vocab.VerbFollow, ann.Doc.Ref()))
		w.follow(ann, bob)
		post := w.do(ann, act(vocab.VerbPost, question("oneOf"), everybody()))
		q := post.Doc.Object
		written := w.object(q.ID).Doc.Updated
		for i, voter := range []*models.Actor{far, near} {
			o := choice("yes", q)
			o.ID = fmt.Sprint("https://", voter.Host, "/votes/", i)
			w.brought("activitypub", voter, act(vocab.VerbPost, o, ann.Doc.Ref()))
		}
		w.do(bob, act(vocab.VerbPost, choice("no", q)))
		inbox := w.inbox(bob, models.All)
		jobs := w.jobs("tally")
		same(w.t, "jobs", len(jobs), 1)
		w.start()
		if err := w.RunNow(w.t.Context(), jobs[0].ID); err != nil {
			w.t.Fatal(err)
		}
		const updates = "SELECT COALESCE(MAX(id), 0) FROM activities WHERE verb = 'update'"
		until(w.t, "it is told", func() bool { return w.number(updates) != 0 })
		told := w.activity(w.number(updates))
		same(w.t, "about what", fmt.Sprint(told.ActorID, told.Object.ID), fmt.Sprint(ann.ID, post.Object.ID))
		equal(w.t, "where", w.inboxesOf(told), "activitypub https://far.example/activitypub/far")
		equal(w.t, "bob's inbox", w.inbox(bob, models.All), inbox...)
		same(w.t, "votes", w.voted(q.ID), "yes 2, no 1, voters 3")
		same(w.t, "when it was written", w.object(q.ID).Doc.Updated, written)
	})
}

func TestAVoteElsewhereGoesToWhoeverAsks(t *testing.T) {
	worldsWith(t, asking(), func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		far := w.present("far@far.example", "activitypub", "")
		w.follow(ann, bob)
		q := question("oneOf")
		q.ID = "https://far.example/q"
		w.brought("activitypub", far, act(vocab.VerbPost, q, everybody()))
		inbox := w.inbox(bob, models.All)
		cast := w.do(ann, act(vocab.VerbPost, choice("no", q), everybody()))
		equal(w.t, "deliveries", w.inboxesOf(cast), "activitypub https://far.example/activitypub/far")
		same(w.t, "what the networks write", w.object(cast.Doc.Object.ID).Type, vocab.TypePollResponse) // posted as a note
		equal(w.t, "bob's inbox", w.inbox(bob, models.All), inbox...)
		same(w.t, "the parent that the vote names", w.object(cast.Doc.Object.ID).Doc.Parent().ID, q.ID)
		same(w.t, "replies", w.object(q.ID).Counts.Replies, 0)
		same(w.t, "votes", w.voted(q.ID), "yes 0, no 0, voters ") // its own server counts
		w.refused(ann, act(vocab.VerbPost, choice("yes", q)), bridge.NotAllowed, "Can't vote on "+q.ID+" again: one choice only.")
		other := w.remote("other@other.example")
		v := choice("no", q)
		v.ID = "https://other.example/v"
		_, err := w.brings("activitypub", other, act(vocab.VerbPost, v, ann.Doc.Ref()))
		w.isRefusal(err, bridge.NotAllowed, "Can't vote on "+q.ID+" here: its own server counts.")
	})
}
