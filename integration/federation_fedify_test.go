package integration

import (
	"fmt"
	"image/color"
	"net/http"
	"slices"
	"strings"
	"testing"

	"manifold/models/vocab"
)

// TestFedify has people here and on a server made with Fedify do everything with
// each other. What ann sees, her pump.io client shows; what fay sees is what
// Fedify's vocabulary reader made of what came in.
func TestFedify(t *testing.T) {
	t.Parallel()
	onEachMeeting(t, []fedifyTest{
		{"follow by ann", annFollows}, {"follow by fay", fayFollows},
		{"accept by fay", fayAccepts}, {"accept by ann", annAccepts}, {"reject by fay", fayRejects},
		{"post by ann", annPosts}, {"post by fay", fayPosts}, {"words by ann", annNames}, {"image by ann", annPostsImage}, {"image by fay", fayPostsImage},
		{"reply by ann", annReplies}, {"reply by fay", fayReplies},
		{"like by ann", annLikes}, {"like by fay", fayLikes},
		{"boost by ann", annBoosts}, {"boost by fay", fayBoosts},
		{"edit by ann", annEdits}, {"edit by fay", fayEdits},
		{"delete by ann", annDeletes}, {"delete by fay", fayDeletes},
		{"undo by ann", annUndoes}, {"undo by fay", fayUndoes},
		{"block by ann", annBlocks}, {"block by fay", fayBlocks},
		{"private by ann", annWhispers}, {"private by fay", fayWhispers}, {"followers only by fay", fayTellsFollowers},
		{"profile of ann", annChanges}, {"profile of fay", fayChanges},
		{"move of fay", fayMoves}, {"end of fay", fayLeaves},
	})
}

func annFollows(w *meeting) {
	ann, fay := w.someone()
	ann.befriend(fay.acct())
	got := w.f.receives("the follow", about("Follow", ann.actor(), fay.id))
	if got.Activity.id() == "" {
		w.t.Errorf("the follow has no id: %v", got.Activity)
	}
	shown := ann.lists("following", fay.acct())
	showsRemote(w.t, shown, fay.acct(), "Fay of "+fay.nick[3:])
	if !strings.Contains(shown.text("summary"), "Draws.") {
		w.t.Errorf("fay is said to be %q", shown.text("summary"))
	}
	showsAvatar(ann, shown)
	if err := fay.followedBy(ann.actor()); err != nil {
		w.t.Error(err)
	}
	// There may be nobody by that name, or its server may be down: both are found out later.
	nobody := "acct:nobody@" + strings.TrimPrefix(w.f.url, "http://")
	ann.befriend(nobody)
	if items, err := ann.page("following"); err != nil || slices.ContainsFunc(items, func(d document) bool { return d.id() == nobody }) {
		w.t.Errorf("ann follows %v (%v)", items, err)
	}
}

func fayFollows(w *meeting) {
	ann, fay := w.someone()
	follow := fay.does("follow", args{"whom": ann.actor()})
	w.f.receives("the answer", about("Accept", ann.actor(), follow.Activity))
	eventually(w.t, "fay knows to follow ann", func() error { return fay.follows(ann.actor()) })
	shown := ann.lists("followers", fay.acct())
	showsRemote(w.t, shown, fay.acct(), "Fay of "+fay.nick[3:])
	showsAvatar(ann, shown)
	ann.sees("inbox", "who follows", by(fay.acct(), "follow", ""))
	if items, err := ann.page("following"); err != nil || len(items) > 0 {
		w.t.Errorf("ann follows %v (%v)", items, err)
	}
	// To follow again repairs what the two servers know of each other.
	again := fay.does("follow", args{"whom": ann.actor()})
	w.f.receives("the answer to the second follow", about("Accept", ann.actor(), again.Activity))
	if items, err := ann.page("followers"); err != nil || len(items) != 1 {
		w.t.Errorf("ann is followed by %v (%v)", items, err)
	}
}

func fayAccepts(w *meeting) {
	ann, _ := w.someone()
	gil := w.f.friend("gilaccepts", args{"approves": true})
	ann.befriend(gil.acct())
	follow := w.f.receives("the follow", about("Follow", ann.actor(), gil.id)).Activity.id()
	if items, err := ann.page("following"); err != nil || len(items) > 0 {
		w.t.Errorf("before gil has decided, ann follows %v (%v)", items, err)
	}
	gil.does("accept", args{"follow": follow})
	ann.lists("following", gil.acct())
	note := gil.does("post", args{"content": "<p>Welcome</p>"})
	ann.sees("inbox", "what gil posts", by(gil.acct(), "post", note.Object))
}

func annAccepts(w *meeting) {
	ann, fay := w.someone()
	var changed document
	ann.ask("PUT", ann.path("profile"), args{"objectType": "person", "displayName": "Ann", vocab.NSAS2 + "manuallyApprovesFollowers": true}, &changed)
	eventually(w.t, "fay is told that ann decides", func() error {
		if got := fay.reads(ann.actor()); got["manuallyApprovesFollowers"] != true {
			return fmt.Errorf("it reads %v", got)
		}
		return nil
	})
	follow := fay.does("follow", args{"whom": ann.actor()})
	asked := ann.sees("inbox", "who wants to follow", by(fay.acct(), "follow", ""))
	if err := fay.follows(ann.actor()); err == nil {
		w.t.Error("fay follows before ann has decided")
	}
	ann.does(args{"verb": "accept", "object": args{"objectType": "activity", "id": asked.id()}})
	w.f.receives("the answer", about("Accept", ann.actor(), follow.Activity))
	ann.lists("followers", fay.acct())
}

func fayRejects(w *meeting) {
	ann, _ := w.someone()
	gil := w.f.friend("gilrejects", args{"approves": true})
	ann.befriend(gil.acct())
	follow := w.f.receives("the follow", about("Follow", ann.actor(), gil.id)).Activity.id()
	gil.does("accept", args{"follow": follow})
	ann.lists("following", gil.acct())
	gil.does("reject", args{"follow": follow})
	ann.lacks("following", gil.acct())
}

func annPosts(w *meeting) {
	ann, fay := w.fans()
	posted := ann.publishes(note("<b>Hello</b>, Fay"))
	got := w.f.receives("the note", about("Create", ann.actor(), posted.ref("object"))).Activity
	object := got.in("object")
	followers := ann.actor() + "/followers"
	if got.id() != posted.id() || !slices.Equal(got.addressed("to", "cc"), []string{followers, "public"}) || !slices.Equal(object.addressed("to", "cc"), got.addressed("to", "cc")) {
		w.t.Errorf("the note is addressed to %v and its posting %s to %v", object.addressed("to", "cc"), got.id(), got.addressed("to", "cc"))
	}
	if object.text("type") != "Note" || !strings.Contains(object.text("content"), "<b>Hello</b>, Fay") || object.ref("attributedTo") != ann.actor() || object.text("published") == "" {
		w.t.Errorf("the note came in as %v", object)
	}
	if read := fay.reads(object.id()); read.text("content") != object.text("content") {
		w.t.Errorf("the note is served as %v", read)
	}
}

func fayPosts(w *meeting) {
	ann, fay := w.fans()
	posted := fay.does("post", args{"content": "<p>Hello, <strong>Ann</strong><script>alert(1)</script></p>"})
	got := ann.sees("inbox", "the note", by(fay.acct(), "post", posted.Object))
	object := got.in("object")
	if got.id() != posted.Activity || object.text("objectType") != "note" || object.text("content") != "<p>Hello, <strong>Ann</strong></p>" {
		w.t.Errorf("the note came in as %v", got)
	}
	showsRemote(w.t, got.in("actor"), fay.acct(), "Fay of "+fay.nick[3:])
	if items, err := ann.page("inbox/major"); err != nil || !slices.ContainsFunc(items, by(fay.acct(), "post", posted.Object)) {
		w.t.Errorf("the major inbox has %s (%v)", activities(items), err)
	}
}

// annNames has hashtags and accounts in a text as plain words, as clients of pump.io
// leave them: gil, who does not follow ann, gets what names him. He is known before, as
// what goes out while somebody is looked for cannot name them yet.
func annNames(w *meeting) {
	ann, _ := w.fans()
	gil := w.f.friend("gilisnamed", nil)
	ann.befriend(gil.acct())
	ann.lists("following", gil.acct())
	posted := ann.publishes(note("a #walk with @" + strings.TrimPrefix(gil.acct(), "acct:")))
	object := w.f.receives("the note", func(d delivery) bool {
		return about("Create", ann.actor(), posted.ref("object"))(d) && slices.Contains(d.Activity.addressed("to", "cc"), gil.id)
	}).Activity.in("object")
	var tags []string
	for _, v := range object.all("tag") {
		tag, _ := v.(map[string]any)
		tags = append(tags, document(tag).text("type")+" "+document(tag).text("name")+" "+document(tag).text("href"))
	}
	slices.Sort(tags)
	want := []string{"Hashtag #walk " + w.s.url + "/tags/walk", "Mention @" + strings.TrimPrefix(gil.acct(), "acct:") + " " + gil.id}
	if !slices.Equal(tags, want) {
		w.t.Errorf("the tags came in as %q, want %q", tags, want)
	}
}

func annPostsImage(w *meeting) {
	ann, _ := w.fans()
	image := ann.upload(color.RGBA{40, 120, 200, 255}, 64, 48)
	posted := ann.publishes(args{"objectType": "image", "id": image.ID, "displayName": "The sky", "content": "as seen from here"})
	object := w.f.receives("the image", about("Create", ann.actor(), posted.ref("object"))).Activity.in("object")
	var addresses []string
	for _, member := range []string{"attachment", "url"} {
		for _, v := range object.all(member) {
			if s, ok := v.(string); ok {
				addresses = append(addresses, s)
			} else if m, ok := v.(map[string]any); ok {
				addresses = append(addresses, document(m).ref("url"), document(m).text("href"))
			}
		}
	}
	i := slices.IndexFunc(addresses, func(a string) bool { return strings.Contains(a, "/uploads/") })
	if i < 0 {
		w.t.Fatalf("the image came in without its file: %v", object)
	}
	if err := answers(addresses[i], http.StatusOK); err != nil {
		w.t.Error(err)
	}
}

func fayPostsImage(w *meeting) {
	ann, fay := w.fans()
	posted := fay.does("post", args{"content": "<p>Drawn today</p>", "image": "/picture.png"})
	object := ann.sees("inbox", "the picture", by(fay.acct(), "post", posted.Object)).in("object")
	shown := fmt.Sprint(map[string]any(object))
	if !strings.Contains(shown, w.f.url+"/picture.png") || !strings.Contains(shown, "proxyURL") {
		w.t.Errorf("the picture came in as %s", shown)
	}
}

func annReplies(w *meeting) {
	ann, fay := w.fans()
	posted := fay.does("post", args{"content": "<p>What do you say?</p>"})
	ann.sees("inbox", "the note", by(fay.acct(), "post", posted.Object))
	said := ann.does(args{"verb": "post", "object": args{"objectType": "comment", "content": "I say yes", "inReplyTo": args{"objectType": "note", "id": posted.Object}}})
	got := w.f.receives("the reply", about("Create", ann.actor(), said.ref("object"))).Activity
	object := got.in("object")
	if object.text("type") != "Note" || object.ref("inReplyTo") != posted.Object || !strings.Contains(object.text("content"), "I say yes") || !slices.Contains(got.addressed("to", "cc"), fay.id) {
		w.t.Errorf("the reply came in as %v", got)
	}
	if mention := object.in("tag"); mention.text("type") != "Mention" || mention.text("href") != fay.id {
		w.t.Errorf("fay is not mentioned in the reply: %v", object["tag"])
	}
}

func fayReplies(w *meeting) {
	ann, fay := w.fans()
	id := ann.publishes(note("what do you say?")).ref("object")
	w.f.receives("the note", about("Create", ann.actor(), id))
	said := fay.does("post", args{"content": "<p>I say no</p>", "inReplyTo": id, "mention": []string{ann.actor()}})
	object := ann.sees("inbox", "the reply", by(fay.acct(), "post", said.Object)).in("object")
	if object.text("objectType") != "comment" || object.ref("inReplyTo") != id || !strings.Contains(object.text("content"), "I say no") {
		w.t.Errorf("the reply came in as %v", object)
	}
	ann.counts(id, "replies", 1)
	// Somebody whom nobody here follows is heard as well, when it is a reply.
	gil := w.f.friend("gilreplies", nil)
	other := gil.does("post", args{"content": "<p>I say maybe</p>", "inReplyTo": id, "mention": []string{ann.actor()}})
	ann.sees("inbox", "the reply of a stranger", by(gil.acct(), "post", other.Object))
	ann.counts(id, "replies", 2)
}

func annLikes(w *meeting) {
	ann, fay := w.fans()
	posted := fay.does("post", args{"content": "<p>Like it</p>"})
	ann.sees("inbox", "the note", by(fay.acct(), "post", posted.Object))
	ann.does(args{"verb": "favorite", "object": args{"objectType": "note", "id": posted.Object}})
	w.f.receives("the like", about("Like", ann.actor(), posted.Object))
	if got := ann.sees("inbox", "the note", by(fay.acct(), "post", posted.Object)).in("object"); got["liked"] != true {
		w.t.Errorf("the note is shown as %v", got)
	}
}

func fayLikes(w *meeting) {
	ann, fay := w.fans()
	id := ann.publishes(note("like it")).ref("object")
	w.f.receives("the note", about("Create", ann.actor(), id))
	fay.does("like", args{"object": id, "author": ann.actor()})
	ann.sees("inbox", "the like", by(fay.acct(), "favorite", id))
	ann.counts(id, "likes", 1)
	// An emoji of another is a like to those who know only likes.
	gil := w.f.friend("gillikes", nil)
	gil.does("emoji", args{"object": id, "author": ann.actor()})
	ann.counts(id, "likes", 2)
}

func annBoosts(w *meeting) {
	ann, fay := w.someone()
	ann.befriend(fay.acct())
	ann.lists("following", fay.acct())
	posted := fay.does("post", args{"content": "<p>Pass it on</p>"})
	ann.sees("inbox", "the note", by(fay.acct(), "post", posted.Object))
	gil := w.f.friend("gillistens", nil)
	gil.does("follow", args{"whom": ann.actor()})
	ann.lists("followers", gil.acct())
	ann.does(args{"verb": "share", "object": args{"objectType": "note", "id": posted.Object}})
	got := w.f.receives("the boost", about("Announce", ann.actor(), posted.Object)).Activity
	if !slices.Contains(got.addressed("to", "cc"), ann.actor()+"/followers") {
		w.t.Errorf("the boost is addressed to %v", got.addressed("to", "cc"))
	}
}

func fayBoosts(w *meeting) {
	ann, fay := w.fans()
	id := ann.publishes(note("pass it on")).ref("object")
	w.f.receives("the note", about("Create", ann.actor(), id))
	fay.does("boost", args{"object": id, "author": ann.actor()})
	ann.sees("inbox", "the boost", by(fay.acct(), "share", id))
	ann.counts(id, "shares", 1)
	// What somebody unknown has posted is fetched from where it is.
	gil := w.f.friend("gilboosts", args{"name": "Gil"})
	unknown := gil.does("post", args{"content": "<p>Seen by nobody</p>"})
	fay.does("boost", args{"object": unknown.Object, "author": gil.id})
	shared := ann.sees("inbox", "the boost of what is not known", by(fay.acct(), "share", unknown.Object)).in("object")
	if !strings.Contains(shared.text("content"), "Seen by nobody") || shared.ref("author") != gil.acct() || shared.in("author").text("displayName") != "Gil" {
		w.t.Errorf("what was boosted came in as %v", shared)
	}
}

func annEdits(w *meeting) {
	ann, _ := w.fans()
	id := ann.publishes(note("frist")).ref("object")
	w.f.receives("the note", about("Create", ann.actor(), id))
	ann.does(args{"verb": "update", "object": args{"objectType": "note", "id": id, "content": "first"}})
	object := w.f.receives("the edit", about("Update", ann.actor(), id)).Activity.in("object")
	// Mastodon takes an edit for one only when it says when it was made.
	if !strings.Contains(object.text("content"), "first") || object.text("updated") == "" || object.ref("attributedTo") != ann.actor() {
		w.t.Errorf("the edit came in as %v", object)
	}
}

func fayEdits(w *meeting) {
	ann, fay := w.fans()
	posted := fay.does("post", args{"content": "<p>Frist</p>"})
	ann.sees("inbox", "the note", by(fay.acct(), "post", posted.Object))
	fay.does("edit", args{"object": posted.Object, "content": "<p>First</p>"})
	eventually(w.t, "ann sees the edited text", func() error {
		items, err := ann.page("inbox/major")
		if err != nil {
			return err
		}
		items = slices.DeleteFunc(items, func(a document) bool { return a.ref("actor") != fay.acct() })
		if len(items) != 1 || items[0].in("object").text("content") != "<p>First</p>" {
			return fmt.Errorf("of fay, the major inbox has %v", items)
		}
		return nil
	})
}

func annDeletes(w *meeting) {
	ann, _ := w.fans()
	id := ann.publishes(note("regretted")).ref("object")
	w.f.receives("the note", about("Create", ann.actor(), id))
	ann.does(args{"verb": "delete", "object": args{"objectType": "note", "id": id}})
	w.f.receives("the deletion", about("Delete", ann.actor(), id))
	if status, body := getAS2(w.t, id); status != http.StatusGone || !strings.Contains(string(body), `"Tombstone"`) {
		w.t.Errorf("the deleted note is answered with %d: %s", status, body)
	}
}

func fayDeletes(w *meeting) {
	ann, fay := w.fans()
	posted := fay.does("post", args{"content": "<p>Regretted</p>"})
	ann.sees("inbox", "the note", by(fay.acct(), "post", posted.Object))
	fay.does("delete", args{"object": posted.Object})
	eventually(w.t, "the note is gone for ann", func() error {
		items, err := ann.page("inbox")
		for _, a := range items {
			if strings.Contains(a.in("object").text("content"), "Regretted") {
				err = fmt.Errorf("it is there")
			}
		}
		return err
	})
}

func annUndoes(w *meeting) {
	ann, fay := w.fans()
	posted := fay.does("post", args{"content": "<p>Undecided</p>"})
	ann.sees("inbox", "the note", by(fay.acct(), "post", posted.Object))
	object := args{"objectType": "note", "id": posted.Object}
	for _, tt := range []struct{ verb, inverse, kind, about string }{
		{"favorite", "unfavorite", "Like", posted.Object}, {"share", "unshare", "Announce", posted.Object}, {"", "stop-following", "Follow", fay.id},
	} {
		if tt.verb != "" {
			ann.does(args{"verb": tt.verb, "object": object})
		} else {
			object = args{"objectType": "person", "id": fay.acct()}
		}
		done := w.f.receives("the "+tt.kind, about(tt.kind, ann.actor(), tt.about)).Activity
		ann.does(args{"verb": tt.inverse, "object": object})
		undone := w.f.receives("the end of the "+tt.kind, about("Undo", ann.actor(), done.id())).Activity.in("object")
		if undone.text("type") != tt.kind || undone.ref("object") != tt.about || undone.ref("actor") != ann.actor() {
			w.t.Errorf("what is undone came in as %v", undone)
		}
	}
	eventually(w.t, "fay has lost ann", func() error {
		if fay.followedBy(ann.actor()) == nil {
			return fmt.Errorf("ann is a follower")
		}
		return nil
	})
}

func fayUndoes(w *meeting) {
	ann, fay := w.someone()
	follow := fay.does("follow", args{"whom": ann.actor()})
	ann.lists("followers", fay.acct())
	id := ann.publishes(note("undecided")).ref("object")
	w.f.receives("the note", about("Create", ann.actor(), id))
	like := fay.does("like", args{"object": id, "author": ann.actor()})
	boost := fay.does("boost", args{"object": id, "author": ann.actor()})
	ann.counts(id, "likes", 1)
	ann.counts(id, "shares", 1)
	fay.does("undo", args{"activity": like.Activity, "whom": ann.actor()})
	ann.counts(id, "likes", 0)
	fay.does("undo", args{"activity": boost.Activity, "whom": ann.actor()})
	ann.counts(id, "shares", 0)
	fay.does("undo", args{"activity": follow.Activity, "whom": ann.actor()})
	ann.lacks("followers", fay.acct())
}

func annBlocks(w *meeting) {
	ann, fay := w.fans()
	gil := w.f.friend("gilwatches", nil)
	gil.does("follow", args{"whom": ann.actor()})
	ann.lists("followers", gil.acct())
	ann.does(args{"verb": "block", "object": args{"objectType": "person", "id": fay.acct()}})
	ann.lacks("followers", fay.acct())
	ann.lacks("following", fay.acct())
	// Nobody is told of a block, but that the follow is over has to be said.
	w.f.receives("the end of her follow", of("Reject", ann.actor()))
	eventually(w.t, "fay follows ann no more", func() error {
		if fay.follows(ann.actor()) == nil {
			return fmt.Errorf("she does")
		}
		return nil
	})
	spoken := fay.does("post", args{"content": "<p>Can you hear me?</p>", "mention": []string{ann.actor()}})
	heard := gil.does("post", args{"content": "<p>I am not blocked</p>", "mention": []string{ann.actor()}})
	ann.sees("inbox", "what somebody else says", by(gil.acct(), "post", heard.Object))
	if items, err := ann.page("inbox"); err != nil || slices.ContainsFunc(items, by(fay.acct(), "post", spoken.Object)) {
		w.t.Errorf("ann sees %s of whom she has blocked (%v)", activities(items), err)
	}
}

func fayBlocks(w *meeting) {
	ann, fay := w.fans()
	fay.does("block", args{"whom": ann.actor()})
	ann.lacks("followers", fay.acct())
	ann.lacks("following", fay.acct())
	gil := w.f.friend("gilfollows", nil)
	gil.does("follow", args{"whom": ann.actor()})
	ann.lists("followers", gil.acct())
	id := ann.publishes(note("who hears me?")).ref("object")
	w.f.receives("the note", func(d delivery) bool { return about("Create", ann.actor(), id)(d) && d.To != fay.nick })
}

func annWhispers(w *meeting) {
	ann, fay := w.fans()
	posted := ann.does(args{"verb": "post", "object": note("between us"), "to": []args{{"objectType": "person", "id": fay.acct()}}})
	id := posted.ref("object")
	got := w.f.receives("the private note", about("Create", ann.actor(), id))
	object := got.Activity.in("object")
	if !slices.Equal(got.Activity.addressed("to", "cc"), []string{fay.id}) || !slices.Equal(object.addressed("to", "cc"), []string{fay.id}) {
		w.t.Errorf("the private note is addressed to %v and %v", got.Activity.addressed("to", "cc"), object.addressed("to", "cc"))
	}
	if mention := object.in("tag"); mention.text("type") != "Mention" || mention.text("href") != fay.id {
		w.t.Errorf("fay is not mentioned in the private note, so that Mastodon would not show it: %v", object["tag"])
	}
	if read := fay.reads(id); !strings.Contains(read.text("content"), "between us") {
		w.t.Errorf("fay reads the private note as %v", read)
	}
	gil := w.f.friend("gilpries", nil)
	if err := w.f.try("lookup", args{"as": gil.nick, "iri": id}, &document{}); err == nil {
		w.t.Error("gil reads the private note")
	}
	for _, iri := range []string{id, posted.id()} {
		if status, body := getAS2(w.t, iri); status != http.StatusNotFound {
			w.t.Errorf("a stranger who reads %s is answered with %d: %.200s", iri, status, body)
		}
	}
}

func fayWhispers(w *meeting) {
	ann, fay := w.fans()
	eve := w.s.person("evewhisper")
	eve.befriend(fay.acct())
	eve.lists("following", fay.acct())
	posted := fay.does("post", args{"content": "<p>Between us</p>", "audience": "direct", "mention": []string{ann.actor()}})
	got := ann.sees("inbox/direct", "the private note", by(fay.acct(), "post", posted.Object))
	if !strings.Contains(got.in("object").text("content"), "Between us") {
		w.t.Errorf("the private note came in as %v", got)
	}
	after := fay.does("post", args{"content": "<p>Later</p>"})
	eve.sees("inbox", "what comes later", by(fay.acct(), "post", after.Object))
	if items, err := eve.page("inbox"); err != nil || slices.ContainsFunc(items, by(fay.acct(), "post", posted.Object)) {
		w.t.Errorf("eve sees %s (%v)", activities(items), err)
	}
}

func fayTellsFollowers(w *meeting) {
	ann, fay := w.fans()
	posted := fay.does("post", args{"content": "<p>For followers</p>", "audience": "followers"})
	got := ann.sees("inbox", "what is for followers", by(fay.acct(), "post", posted.Object))
	for _, id := range got.addressed("to", "cc") {
		if id == vocab.PublicID {
			w.t.Errorf("what is for followers is addressed to %v", got.addressed("to", "cc"))
		}
	}
	// A share would show it to others than the followers.
	if status, answer := ann.try("POST", ann.path("feed"), args{"verb": "share", "object": args{"objectType": "note", "id": posted.Object}}); status == http.StatusOK {
		if err := w.f.try("lookup", args{"as": w.f.friend("giloutside", nil).nick, "iri": posted.Object}, &document{}); err == nil {
			w.t.Errorf("what is for followers can be shared, and read by others: %.200s", answer)
		}
	}
}

func annChanges(w *meeting) {
	ann, _ := w.fans()
	var changed document
	ann.ask("PUT", ann.path("profile"), args{"objectType": "person", "displayName": "Ann of the Hills", "summary": "Walks."}, &changed)
	got := w.f.receives("the profile", about("Update", ann.actor(), ann.actor())).Activity.in("object")
	if got.text("name") != "Ann of the Hills" || !strings.Contains(got.text("summary"), "Walks.") || got.text("type") != "Person" {
		w.t.Errorf("the profile came in as %v", got)
	}
}

func fayChanges(w *meeting) {
	ann, fay := w.fans()
	fay.does("change", args{"name": "Fay the Great"})
	eventually(w.t, "ann sees the new name", func() error {
		if got := ann.lists("following", fay.acct()); got.text("displayName") != "Fay the Great" {
			return fmt.Errorf("it is %q", got.text("displayName"))
		}
		return nil
	})
}

func fayMoves(w *meeting) {
	ann, fay := w.fans()
	gil := w.f.friend("gilmoved", args{"aliases": []string{fay.id}})
	fay.does("move", args{"to": gil.id})
	ann.lists("following", gil.acct())
	ann.lacks("following", fay.acct())
	w.f.receives("the follow of the new account", about("Follow", ann.actor(), gil.id))
}

func fayLeaves(w *meeting) {
	ann, fay := w.fans()
	posted := fay.does("post", args{"content": "<p>Farewell</p>"})
	ann.sees("inbox", "the note", by(fay.acct(), "post", posted.Object))
	fay.does("leave", args{"whom": []string{ann.actor()}})
	ann.lacks("following", fay.acct())
	ann.lacks("followers", fay.acct())
	eventually(w.t, "what fay has posted is gone", func() error {
		items, err := ann.page("inbox")
		for _, a := range items {
			if strings.Contains(a.in("object").text("content"), "Farewell") {
				err = fmt.Errorf("it is there")
			}
		}
		return err
	})
}
