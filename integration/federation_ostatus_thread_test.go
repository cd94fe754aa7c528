package integration

import (
	"slices"
	"strings"
	"testing"

	"manifold/integration/fediverse"
	"manifold/integration/gnusocial"
)

// threeway is a thread of ann, who is here, bob on OStatus and zoe on ActivityPub.
type threeway struct {
	*neighbours
	ann   *person
	bob   *neighbour
	zoe   *fediverse.Person
	inbox *letters
}

// TestThreadAcrossNetworks has people of three networks talk in one thread of ann's:
// all that she says reaches both others in the same conversation, whomever of them she
// answers, and all that they say reaches her.
func TestThreadAcrossNetworks(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, database string) {
		w := meetNeighbours(t, database, gnusocial.Options{})
		crowd := newCrowd(t)
		c := &threeway{w, w.s.person("ann"), w.there("bob"), host(t, crowd).Person("zoe"), &letters{}}
		crowd.Received = c.inbox.take
		w.bobFollows(c.bob, c.ann)
		w.must(c.ann.takes(c.zoe, c.zoe.Follow(c.ann.actor(), 0)))
		c.ann.lists("followers", c.zoe.Acct)

		id := c.ann.publishes(note("who is there?")).ref("object")
		begun, sent := w.arrives("the question", id), c.gets("the question", id)
		thread := sent.text("conversation")
		if begun.Said == "" || thread != begun.Said {
			t.Errorf("the thread is called %q on OStatus and %q on ActivityPub", begun.Said, thread)
		}
		byBob := w.posts(c.bob, gnusocial.Post{Content: "bob is", ReplyTo: id})
		c.ann.sees("inbox", "what bob says", by(c.bob.Acct(), "post", byBob.ID))
		byZoe := c.zoe.ID + "/notes/1"
		w.must(c.ann.takes(c.zoe, answerOf(c.zoe, 1, "zoe is", id, c.ann)))
		c.ann.sees("inbox", "what zoe says", by(c.zoe.Acct, "post", byZoe))
		c.ann.counts(id, "replies", 2)

		toZoe := c.answers("hello zoe", byZoe, c.zoe.Acct, begun.Said)
		toBob := c.answers("hello bob", byBob.ID, c.bob.Acct(), begun.Said)
		// One level further down, from each side.
		again := w.posts(c.bob, gnusocial.Post{Content: "I see", ReplyTo: toBob})
		c.ann.sees("inbox", "what bob says again", by(c.bob.Acct(), "post", again.ID))
		overhears := w.posts(c.bob, gnusocial.Post{Content: "hello zoe from me", ReplyTo: toZoe})
		c.ann.sees("inbox", "what bob says to what was said to zoe", by(c.bob.Acct(), "post", overhears.ID))
		w.must(c.ann.takes(c.zoe, answerOf(c.zoe, 2, "I see as well", toZoe, c.ann)))
		c.ann.sees("inbox", "what zoe says again", by(c.zoe.Acct, "post", c.zoe.ID+"/notes/2"))
		c.answers("goodbye zoe", c.zoe.ID+"/notes/2", c.zoe.Acct, begun.Said)
		for _, n := range []*gnusocial.Notice{again, overhears} {
			if n.Said != begun.Said {
				t.Errorf("what bob says is in %q, want %q", n.Said, begun.Said)
			}
		}
		w.nothingRefused()
		w.s.stop()
	})
}

// answerOf is an answer by ActivityPub, which says nothing of the thread.
func answerOf(by *fediverse.Person, number int, content, parent string, to *person) map[string]any {
	a := by.Note(number, content)
	o := a["object"].(map[string]any)
	o["inReplyTo"] = parent
	o["tag"] = []map[string]string{{"type": "Mention", "href": to.actor(), "name": "@" + to.nick}}
	for _, d := range []map[string]any{a, o} {
		d["cc"] = append(slices.Clone(d["cc"].([]string)), to.actor())
	}
	return a
}

// gets waits until zoe has something, and returns the object.
func (c *threeway) gets(what, id string) document {
	c.t.Helper()
	var d document
	decode(c.t, string(c.inbox.await(c.t, what, func(d document) bool { return d.text("type") == "Create" && d.ref("object") == id })), &d)
	return d.in("object")
}

// answers has ann answer somebody, which both get in the conversation.
func (c *threeway) answers(content, parent, whom, conversation string) (id string) {
	c.t.Helper()
	id = c.ann.says(comment(content, parent), whom).ref("object")
	got := c.arrives("what ann answers", id)
	if got.Said != conversation || got.Conversation != conversation || got.ReplyTo != parent {
		c.t.Errorf("%q came to bob in answer to %s in %q, want %s in %q", content, got.ReplyTo, got.Said, parent, conversation)
	}
	if !c.bob.inTimeline(id) {
		c.t.Errorf("bob does not see %q", content)
	}
	for _, uri := range got.Mentions {
		if !strings.HasPrefix(uri, "http://") {
			c.t.Errorf("%q mentions %s, which is no address", content, uri)
		}
	}
	named := map[string]string{c.zoe.Acct: c.zoe.ID, c.bob.Acct(): c.bob.URI()}[whom]
	if !slices.Contains(got.Mentions, named) {
		c.t.Errorf("%q mentions %v, and not %s", content, got.Mentions, named)
	}
	sent := c.gets("what ann answers", id)
	if sent.text("conversation") != conversation || !strings.Contains(sent.text("content"), content) {
		c.t.Errorf("%q came to zoe as %v", content, sent)
	}
	if got := sent.ref("inReplyTo"); got == "" || whom == c.zoe.Acct && got != parent {
		c.t.Errorf("%q came to zoe in answer to %q, want %s", content, got, parent)
	}
	return id
}
