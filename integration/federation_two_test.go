package integration

import (
	"fmt"
	"image/color"
	"net/http"
	"slices"
	"strings"
)

// manifoldTests are what ann on one server does and what bob on another sees, and
// the other way round. Both use pump.io clients.
var manifoldTests = []struct {
	name string
	run  func(ann, bob *person)
}{
	{"follow", twoFollow}, {"post", twoPost}, {"image", twoImage}, {"reply", twoReply}, {"like", twoLike}, {"boost", twoBoost},
	{"edit", twoEdit}, {"delete", twoDelete}, {"undo", twoUndo}, {"block", twoBlock}, {"private", twoPrivate}, {"profile", twoProfile},
}

// knowEachOther has two people follow each other.
func knowEachOther(ann, bob *person) {
	ann.t.Helper()
	ann.befriend(bob.acct())
	bob.lists("followers", ann.acct())
	ann.lists("following", bob.acct())
	bob.befriend(ann.acct())
	ann.lists("followers", bob.acct())
	bob.lists("following", ann.acct())
}

func twoFollow(ann, bob *person) {
	follow := ann.befriend(bob.acct())
	if got := follow.ref("object"); got != bob.acct() {
		ann.t.Errorf("ann follows %s, and is told that it is %s", bob.acct(), got)
	}
	showsRemote(ann.t, ann.lists("following", bob.acct()), bob.acct(), bob.nick)
	showsRemote(ann.t, bob.lists("followers", ann.acct()), ann.acct(), ann.nick)
	bob.sees("inbox", "who follows", by(ann.acct(), "follow", ""))
	if items, err := bob.page("following"); err != nil || len(items) > 0 {
		ann.t.Errorf("bob follows %v (%v)", items, err)
	}
}

func twoPost(ann, bob *person) {
	knowEachOther(ann, bob)
	posted := ann.publishes(note("<b>Hello</b> from afar"))
	got := bob.sees("inbox", "the note", by(ann.acct(), "post", posted.ref("object")))
	if object := got.in("object"); object.text("objectType") != "note" || !strings.Contains(object.text("content"), "<b>Hello</b> from afar") || got.id() != posted.id() {
		ann.t.Errorf("the note came in as %v", got)
	}
	showsRemote(ann.t, got.in("actor"), ann.acct(), ann.nick)
	if items, err := bob.page("inbox/major"); err != nil || !slices.ContainsFunc(items, by(ann.acct(), "post", posted.ref("object"))) {
		ann.t.Errorf("the major inbox has %s (%v)", activities(items), err)
	}
}

func twoImage(ann, bob *person) {
	knowEachOther(ann, bob)
	image := ann.upload(color.RGBA{40, 120, 200, 255}, 800, 600)
	posted := ann.publishes(args{"objectType": "image", "id": image.ID, "displayName": "The sky", "content": "as seen from here"})
	got := bob.sees("inbox", "the image", by(ann.acct(), "post", posted.ref("object"))).in("object")
	if got.text("objectType") != "image" || got.text("displayName") != "The sky" || got.in("fullImage").text("url") == "" {
		ann.t.Fatalf("the image came in as %v", got)
	}
	address := got.in("fullImage").text("url")
	if proxied := got.in("fullImage").in("pump_io").text("proxyURL"); proxied != "" {
		address = proxied
	}
	path, found := strings.CutPrefix(address, bob.server.url)
	if !found {
		ann.t.Fatalf("a client of bob's is to load the image from %s, where it has no account", address)
	}
	if status, answer := bob.try("GET", path, nil); status != http.StatusOK || !strings.HasPrefix(answer, "\x89PNG") {
		ann.t.Errorf("the image at %s: status %d: %.40q", address, status, answer)
	}
}

func twoReply(ann, bob *person) {
	knowEachOther(ann, bob)
	posted := ann.publishes(note("what do you say?"))
	id := posted.ref("object")
	bob.sees("inbox", "the note", by(ann.acct(), "post", id))
	said := bob.does(args{"verb": "post", "object": args{"objectType": "comment", "content": "I say yes", "inReplyTo": args{"objectType": "note", "id": id}}})
	got := ann.sees("inbox", "the comment", by(bob.acct(), "post", said.ref("object"))).in("object")
	if got.text("objectType") != "comment" || got.ref("inReplyTo") != id || !strings.Contains(got.text("content"), "I say yes") {
		ann.t.Errorf("the comment came in as %v", got)
	}
	ann.counts(id, "replies", 1)
	again := ann.does(args{"verb": "post", "object": args{"objectType": "comment", "content": "good", "inReplyTo": args{"objectType": "comment", "id": got.id()}}})
	if got := bob.sees("inbox", "the answer", by(ann.acct(), "post", again.ref("object"))).in("object"); got.ref("inReplyTo") != said.ref("object") {
		ann.t.Errorf("the answer to a comment came in as %v", got)
	}
}

func twoLike(ann, bob *person) {
	knowEachOther(ann, bob)
	id := ann.publishes(note("like it")).ref("object")
	bob.sees("inbox", "the note", by(ann.acct(), "post", id))
	bob.does(args{"verb": "favorite", "object": args{"objectType": "note", "id": id}})
	ann.sees("inbox", "the like", by(bob.acct(), "favorite", id))
	ann.counts(id, "likes", 1)
	status, note := ann.reads(id)
	if who := note.in("likes").refs("items"); status != http.StatusOK || !slices.Contains(who, bob.acct()) {
		ann.t.Errorf("the note is liked by %v", who)
	}
	if got := bob.sees("inbox", "the note", by(ann.acct(), "post", id)).in("object"); got["liked"] != true {
		ann.t.Errorf("to bob the note is shown as %v", got)
	}
}

func twoBoost(ann, bob *person) {
	knowEachOther(ann, bob)
	cid := ann.server.person("cid" + ann.nick)
	cid.befriend(bob.acct())
	cid.lists("following", bob.acct())
	id := ann.publishes(note("pass it on")).ref("object")
	bob.sees("inbox", "the note", by(ann.acct(), "post", id))
	bob.does(args{"verb": "share", "object": args{"objectType": "note", "id": id}})
	ann.sees("inbox", "the share", by(bob.acct(), "share", id))
	ann.counts(id, "shares", 1)
	// Who follows only bob, and comes from ann's server, gets it from afar as well.
	if got := cid.sees("inbox", "the share", by(bob.acct(), "share", id)).in("object"); !strings.Contains(got.text("content"), "pass it on") || got.in("author").text("displayName") != ann.nick {
		ann.t.Errorf("the shared note came in as %v", got)
	}
}

func twoEdit(ann, bob *person) {
	knowEachOther(ann, bob)
	id := ann.publishes(note("frist")).ref("object")
	bob.sees("inbox", "the note", by(ann.acct(), "post", id))
	ann.does(args{"verb": "update", "object": args{"objectType": "note", "id": id, "content": "first"}})
	eventually(ann.t, "bob sees the edited text", func() error {
		got := bob.sees("inbox", "the note", by(ann.acct(), "post", id)).in("object").text("content")
		if !strings.Contains(got, "first") {
			return fmt.Errorf("it is %q", got)
		}
		return nil
	})
	items, err := bob.page("inbox/major")
	items = slices.DeleteFunc(items, func(a document) bool { return a.ref("actor") != ann.acct() })
	if err != nil || len(items) != 1 {
		ann.t.Errorf("after one note and its edit, the major inbox has %s (%v)", activities(items), err)
	}
}

func twoDelete(ann, bob *person) {
	knowEachOther(ann, bob)
	id := ann.publishes(note("regretted")).ref("object")
	bob.sees("inbox", "the note", by(ann.acct(), "post", id))
	ann.does(args{"verb": "delete", "object": args{"objectType": "note", "id": id}})
	eventually(ann.t, "the note is gone for bob", func() error {
		items, err := bob.page("inbox")
		for _, a := range items {
			if strings.Contains(a.in("object").text("content"), "regretted") {
				err = fmt.Errorf("it is there")
			}
		}
		return err
	})
	if status, body := getAS2(ann.t, id); status != http.StatusGone || !strings.Contains(string(body), `"Tombstone"`) {
		ann.t.Errorf("the deleted note is answered with %d: %s", status, body)
	}
}

func twoUndo(ann, bob *person) {
	knowEachOther(ann, bob)
	id := ann.publishes(note("undecided")).ref("object")
	bob.sees("inbox", "the note", by(ann.acct(), "post", id))
	about := args{"objectType": "note", "id": id}
	bob.does(args{"verb": "favorite", "object": about})
	bob.does(args{"verb": "share", "object": about})
	ann.counts(id, "likes", 1)
	ann.counts(id, "shares", 1)
	bob.does(args{"verb": "unfavorite", "object": about})
	bob.does(args{"verb": "unshare", "object": about})
	ann.counts(id, "likes", 0)
	ann.counts(id, "shares", 0)
	bob.does(args{"verb": "stop-following", "object": args{"objectType": "person", "id": ann.acct()}})
	bob.lacks("following", ann.acct())
	ann.lacks("followers", bob.acct())
	ann.lists("following", bob.acct())
}

func twoBlock(ann, bob *person) {
	knowEachOther(ann, bob)
	ann.does(args{"verb": "block", "object": args{"objectType": "person", "id": bob.acct()}})
	ann.lacks("followers", bob.acct())
	ann.lacks("following", bob.acct())
	bob.lacks("following", ann.acct())
	bob.lacks("followers", ann.acct())
	// What comes after shows that what comes before it is lost, for deliveries to one
	// host keep their order only by chance: cid is told last, of both.
	cid := bob.server.person("cid" + bob.nick)
	cid.befriend(ann.acct())
	cid.lists("following", ann.acct())
	id := ann.publishes(note("not for bob")).ref("object")
	cid.sees("inbox", "the note", by(ann.acct(), "post", id))
	if items, err := bob.page("inbox"); err != nil || slices.ContainsFunc(items, by(ann.acct(), "post", id)) {
		ann.t.Errorf("whom ann has blocked sees %s (%v)", activities(items), err)
	}
	spoken := bob.does(args{"verb": "post", "object": note("can you hear me?"), "to": []args{{"objectType": "person", "id": ann.acct()}}})
	heard := cid.does(args{"verb": "post", "object": note("I am not blocked"), "to": []args{{"objectType": "person", "id": ann.acct()}}})
	ann.sees("inbox", "what somebody else says", by(cid.acct(), "post", heard.ref("object")))
	if items, err := ann.page("inbox"); err != nil || slices.ContainsFunc(items, by(bob.acct(), "post", spoken.ref("object"))) {
		ann.t.Errorf("ann sees %s of whom she has blocked (%v)", activities(items), err)
	}
}

func twoPrivate(ann, bob *person) {
	knowEachOther(ann, bob)
	eve := bob.server.person("eve" + bob.nick)
	eve.befriend(ann.acct())
	eve.lists("following", ann.acct())
	secret := ann.does(args{"verb": "post", "object": note("between us"), "to": []args{{"objectType": "person", "id": bob.acct()}}})
	got := bob.sees("inbox/direct", "the private note", by(ann.acct(), "post", secret.ref("object")))
	if !strings.Contains(got.in("object").text("content"), "between us") {
		ann.t.Errorf("the private note came in as %v", got)
	}
	closed := ann.post("for followers") // to the followers only
	eve.sees("inbox", "what is for followers", by(ann.acct(), "post", closed.Object.ID))
	if items, err := eve.page("inbox"); err != nil || slices.ContainsFunc(items, by(ann.acct(), "post", secret.ref("object"))) {
		ann.t.Errorf("eve sees %s (%v)", activities(items), err)
	}
	for _, id := range []string{secret.ref("object"), secret.id(), closed.Object.ID, closed.ID} {
		if status, body := getAS2(ann.t, id); status != http.StatusNotFound {
			ann.t.Errorf("a stranger who reads %s is answered with %d: %.200s", id, status, body)
		}
		if err := answers(id, http.StatusUnauthorized); err != nil {
			ann.t.Error(err)
		}
	}
}

func twoProfile(ann, bob *person) {
	knowEachOther(ann, bob)
	var changed document
	ann.ask("PUT", ann.path("profile"), args{"objectType": "person", "displayName": "Ann of the Hills", "summary": "Walks."}, &changed)
	eventually(ann.t, "bob sees the new name", func() error {
		got := bob.lists("following", ann.acct())
		if got.text("displayName") != "Ann of the Hills" || !strings.Contains(got.text("summary"), "Walks.") {
			return fmt.Errorf("ann is shown as %v", got)
		}
		return nil
	})
}
