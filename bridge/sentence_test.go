package bridge_test

import (
	"strings"
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

func TestPastTense(t *testing.T) {
	t.Parallel()
	for verb, want := range map[string]string{
		// irregular ones, of pump.io's table
		"at": "was at", "build": "built", "checkin": "checked into", "find": "found", "give": "gave", "leave": "left", "lose": "lost",
		"make-friend": "made a friend of", "play": "played", "read": "read", "remove-friend": "removed as a friend", "rsvp-maybe": "may attend",
		"rsvp-no": "will not attend", "rsvp-yes": "will attend", "sell": "sold", "send": "sent", "stop-following": "stopped following",
		"submit": "submitted", "tag": "tagged", "win": "won",
		// regular ones
		"post": "posted", "create": "created", "share": "shared", "like": "liked", "favorite": "favorited", "unfavorite": "unfavorited", "unlike": "unliked",
		"unshare": "unshared", "follow": "followed", "update": "updated", "delete": "deleted", "add": "added", "remove": "removed", "join": "joined",
		"deny": "denied", "satisfy": "satisfied", "qualify": "qualified", "tie": "tied", "listen": "listened", "watch": "watched", "enjoy": "enjoyed",
		"request-friend": "requested friend", "flag-as-inappropriate": "flagged as inappropriate", "flag": "flagged",
		// made up
		"y": "yed", "x": "xed", "-": "ed ", "http://verbs.example/juggle": "juggled",
		// of other networks
		vocab.NSAS2 + "Move": "moved", vocab.NSAS2 + "Travel": "travelled", vocab.NSAS2 + "TentativeAccept": "tentatively accepted", vocab.VerbUndo: "took back",
		vocab.VerbQuoteRequest: "asked to quote", vocab.NSAS2 + "Activity": "did something with", "http://verbs.example/v2/x1": "did http://verbs.example/v2/x1 to",
		"http://verbs.example/": "did http://verbs.example/ to",
	} {
		same(t, "past of "+verb, bridge.Past(verb), want)
	}
}

func TestSentences(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		w.do(ann, act(vocab.VerbUpdate, &vocab.Object{ID: ann.Doc.ID, DisplayName: `Ann <b>"O'Hara"</b>`}))
		w.do(bob, act(vocab.VerbUpdate, &vocab.Object{ID: bob.Doc.ID, Cleared: []string{"displayName"}}))
		const who = `<a href='http://localhost:8080/ann'>Ann &lt;b&gt;&#34;O&#39;Hara&#34;&lt;/b&gt;</a>`
		thing := func(kind, title string) *vocab.Object {
			return &vocab.Object{ID: "urn:" + kind + title, Type: kind, DisplayName: title}
		}
		linked := thing(vocab.TypeNote, "Linked")
		linked.URL = "https://far.example/?a='&b=<"
		evil := thing(vocab.TypeNote, "Evil")
		evil.URL = "javascript:alert(1)"
		answer := reply("Answer", linked)
		answer.InReplyTo = one(linked)
		for _, c := range []struct {
			a    *vocab.Activity
			want string
		}{
			{act("read", thing(vocab.TypeNote, "Title")), who + " read Title"},
			{act("read", thing(vocab.TypeNote, "")), who + " read a note"},
			{act("read", thing(vocab.TypeImage, "")), who + " read an image"},
			{act("read", thing("event", "")), who + " read an event"},
			{act("read", thing("", "")), who + " read a thing"},
			{act("read", thing("http://types.example/x", "")), who + " read a http://types.example/x"},
			{act("read", thing(vocab.TypeNote, "<script>x</script>")), who + " read &lt;script&gt;x&lt;/script&gt;"},
			{act("http://verbs.example/<b>", thing(vocab.TypeNote, "Title")), who + " did http://verbs.example/&lt;b&gt; to Title"},
			{act("read", linked), who + ` read <a href='https://far.example/?a=&#39;&amp;b=&lt;'>Linked</a>`},
			{act("read", evil), who + " read Evil"},
			{act(vocab.VerbFollow, bob.Doc.Ref()), who + ` followed <a href='http://localhost:8080/bob'>bob</a>`},
			{&vocab.Activity{Verb: "give", Object: thing("badge", "Star"), Target: bob.Doc.Ref()}, who + ` gave Star to <a href='http://localhost:8080/bob'>bob</a>`},
		} {
			same(w.t, "sentence", w.do(ann, c.a).Doc.Content, c.want)
		}
		got := w.do(ann, act(vocab.VerbPost, answer)).Doc.Content
		if want := ` in reply to <a href='https://far.example/?a=&#39;&amp;b=&lt;'>Linked</a>`; !strings.HasSuffix(got, want) {
			w.t.Errorf("the sentence %q does not end with %q", got, want)
		}
	})
}

// Those who read an answer may not be those whom the question was for.
func TestSentencesDoNotTellSecrets(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		secret := w.do(ann, act(vocab.VerbPost, note("Secret"), bob.Doc.Ref())).Doc.Object
		page := w.object(secret.ID).Doc.URL
		for _, c := range []struct {
			actor *models.Actor
			a     *vocab.Activity
			want  string
		}{
			{bob, act(vocab.VerbPost, reply("Answer", secret), everybody()), " in reply to <a href='" + page + "'>a note</a>"},
			{bob, &vocab.Activity{Verb: "tag", Object: bob.Doc.Ref(), Target: secret, To: one(everybody())}, " to <a href='" + page + "'>a note</a>"},
			{ann, act(vocab.VerbPost, reply("Answer", secret), everybody()), " in reply to <a href='" + page + "'>Secret</a>"},
		} {
			if got := w.do(c.actor, c.a).Doc.Content; !strings.HasSuffix(got, c.want) {
				w.t.Errorf("the sentence %q does not end with %q", got, c.want)
			}
		}
	})
}
