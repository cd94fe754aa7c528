package integration

import (
	"fmt"
	"image/color"
	"net/http"
	"slices"
	"strings"

	"manifold/integration/gnusocial"
)

// ostatusReactions are what somebody does with what another has said.
var ostatusReactions = []neighbourTest{
	{"favourite by ann", annLikesBobs}, {"favourite by bob", bobLikesAnns},
	{"repeat by ann", annRepeatsBobs}, {"repeat by bob", bobRepeatsAnns}, {"repeat of a stranger by bob", bobRepeatsStranger},
}

func annLikesBobs(w *neighbours) {
	ann, bob := w.friends()
	n := w.posts(bob, gnusocial.Post{Content: "like it"})
	ann.sees("inbox", "the note", by(bob.Acct(), "post", n.ID))
	about := args{"objectType": "note", "id": n.ID}
	liked := func(want ...string) {
		w.t.Helper()
		w.until(fmt.Sprintf("the note is liked by %v", want), func() error {
			if got := w.g.Favourites(n.ID); !slices.Equal(got, want) {
				return fmt.Errorf("it is by %v", got)
			}
			return nil
		})
	}
	for range 2 {
		ann.does(args{"verb": "favorite", "object": about})
		liked(ann.actor())
		if got := ann.sees("inbox", "the note", by(bob.Acct(), "post", n.ID)).in("object"); got["liked"] != true {
			w.t.Errorf("the note is shown as %v", got)
		}
		ann.does(args{"verb": "unfavorite", "object": about})
		liked()
	}
}

func bobLikesAnns(w *neighbours) {
	ann, bob := w.friends()
	id := ann.publishes(note("like it")).ref("object")
	w.arrives("the note", id)
	for range 2 {
		w.must(bob.Favourite(id))
		ann.sees("inbox", "the like", by(bob.Acct(), "favorite", id))
		ann.counts(id, "likes", 1)
		w.must(bob.Unfavourite(id))
		ann.counts(id, "likes", 0)
	}
}

func annRepeatsBobs(w *neighbours) {
	ann, bob := w.friends()
	n := w.posts(bob, gnusocial.Post{Content: "pass it on"})
	ann.sees("inbox", "the note", by(bob.Acct(), "post", n.ID))
	about := args{"objectType": "note", "id": n.ID}
	share := ann.does(args{"verb": "share", "object": about, "to": everyone})
	got := w.arrives("the repeat", share.id())
	if got.Verb != "share" || got.Repeats != n.ID || got.Author != ann.actor() || !strings.Contains(got.Content, "pass it on") {
		w.t.Errorf("the repeat came as %+v", got)
	}
	if known := w.g.Notice(n.ID); known.Author != bob.URI() || known.Way != gnusocial.WayHere {
		w.t.Errorf("what is repeated is %+v now", known)
	}
	ann.does(args{"verb": "unshare", "object": about})
	w.vanishes("repeat", share.id())
	if w.g.Notice(n.ID) == nil {
		w.t.Error("what was repeated is gone with the repeat")
	}
}

func bobRepeatsAnns(w *neighbours) {
	ann, bob := w.friends()
	id := ann.publishes(note("pass it on")).ref("object")
	w.arrives("the note", id)
	again, err := bob.Repeat(id)
	w.must(err)
	ann.sees("inbox", "the repeat", by(bob.Acct(), "share", id))
	ann.counts(id, "shares", 1)
	w.must(bob.Delete(again.ID))
	ann.counts(id, "shares", 0)
	if status, _ := ann.reads(id); status != http.StatusOK {
		w.t.Errorf("what was repeated is answered with %d", status)
	}
}

// bobRepeatsStranger: what nobody here has heard of comes with the repeat.
func bobRepeatsStranger(w *neighbours) {
	ann, bob := w.friends()
	bea := w.there("bea")
	n := w.posts(bea, gnusocial.Post{Content: "seen by nobody"})
	_, err := bob.Repeat(n.ID)
	w.must(err)
	shared := ann.sees("inbox", "the repeat", by(bob.Acct(), "share", n.ID)).in("object")
	if !strings.Contains(shared.text("content"), "seen by nobody") || shared.ref("author") != bea.Acct() || shared.in("author").text("displayName") != bea.name() {
		w.t.Errorf("what was repeated came in as %v", shared)
	}
}

// ostatusProfiles are what people say of themselves.
var ostatusProfiles = []neighbourTest{{"profile of ann", annChangesForBob}, {"profile of bob", bobChangesForAnn}}

func annChangesForBob(w *neighbours) {
	ann, _ := w.friends()
	ann.setAvatar(ann.upload(color.RGBA{200, 20, 20, 255}, 96, 96))
	var changed document
	ann.ask("PUT", ann.path("profile"), args{"objectType": "person", "displayName": "Ann of the Hills", "summary": "Walks.",
		"location": args{"objectType": "place", "displayName": "The Hills"}}, &changed)
	w.until("the site knows the new profile", func() error {
		got := w.g.Profile(ann.actor())
		if got.Name != "Ann of the Hills" || got.Bio != "Walks." || got.Location != "The Hills" || got.Nick != ann.nick || got.Avatar == "" {
			return fmt.Errorf("it has %+v", got)
		}
		return nil
	})
	if file := fetch(w.t, w.g.Profile(ann.actor()).Avatar); !strings.HasPrefix(file, "\x89PNG") {
		w.t.Errorf("the avatar is %.20q", file)
	}
}

func bobChangesForAnn(w *neighbours) {
	ann, bob := w.friends()
	picture := w.posts(bob, gnusocial.Post{Content: "me", Photo: tinyPNG}).Enclosures[0].URL
	w.must(bob.Update(gnusocial.Changes{Name: "Bob the Great", Bio: "Sings.", Location: "Paris", Avatar: picture}))
	w.until("ann sees the new profile", func() error {
		got := ann.lists("following", bob.Acct())
		if got.text("displayName") != "Bob the Great" || !strings.Contains(got.text("summary"), "Sings.") || got.in("image").text("url") != picture ||
			got.in("location").text("displayName") != "Paris" {
			return fmt.Errorf("it is %v", got)
		}
		return nil
	})
	showsAvatar(ann, ann.lists("following", bob.Acct()))
}

// ostatusGroups are what is done in groups.
var ostatusGroups = []neighbourTest{{"group here", groupHere}, {"group there", groupThere}}

// groupHere: bob joins a group of ours by its account, hears and speaks in it, and
// leaves.
func groupHere(w *neighbours) {
	ann, bob := w.someone()
	cid := w.here("cid")
	name := w.nick("walkers")
	group := ann.does(args{"verb": "create", "to": everyone, "object": args{"objectType": "group", "displayName": name}}).ref("object")
	in := args{"objectType": "group", "id": group}
	for _, who := range []*person{ann, cid} {
		who.does(args{"verb": "join", "object": in})
	}
	w.must(bob.Join("acct:" + name + "@" + strings.TrimPrefix(w.s.url, "http://")))
	w.delivers(group, group+"/feed.atom")
	if known := w.g.Profile(group); !known.Group || known.Nick != name {
		w.t.Errorf("the group is known as %+v", known)
	}
	members := strings.TrimPrefix(group, w.s.url) + "/members"
	eventually(w.t, "bob is a member", func() error { return holds(ann, members, bob.Acct(), true) })

	said := ann.does(args{"verb": "post", "object": note("off we go"), "to": append([]args{in}, everyone...)}).ref("object")
	got := w.arrives("what ann says in the group", said)
	if got.Author != ann.actor() || !slices.Contains(got.Groups, group) || !bob.inTimeline(said) {
		w.t.Errorf("what ann says in the group came as %+v", got)
	}
	n := w.posts(bob, gnusocial.Post{Content: "wait for me", Groups: []string{group}})
	seen := cid.sees("inbox", "what bob says in the group", by(bob.Acct(), "post", n.ID))
	if !strings.Contains(seen.in("object").text("content"), "wait for me") {
		w.t.Errorf("what bob says in the group came in as %v", seen)
	}
	ann.sees("inbox", "what bob says in the group", by(bob.Acct(), "post", n.ID))

	w.until("the group shows what bob says", func() error {
		if got := w.g.Notice(n.ID); !slices.Contains(got.Groups, group) {
			return fmt.Errorf("it is in %v", got.Groups)
		}
		return nil
	})

	w.must(bob.Leave(group))
	eventually(w.t, "bob is no member", func() error { return holds(ann, members, bob.Acct(), false) })
	// Who is no member speaks to nobody there.
	outside := w.posts(bob, gnusocial.Post{Content: "anybody?", Groups: []string{group}, Mention: []string{ann.acct()}})
	ann.sees("inbox", "what bob says to her", by(bob.Acct(), "post", outside.ID))
	if items, err := cid.page("inbox"); err != nil || slices.ContainsFunc(items, by(bob.Acct(), "post", outside.ID)) {
		w.t.Errorf("cid sees %s (%v)", activities(items), err)
	}
}

// holds checks whether somebody is in a collection.
func holds(p *person, path, id string, want bool) error {
	var page struct{ Items []document }
	status, answer := p.try("GET", path, nil)
	if status != http.StatusOK {
		return fmt.Errorf("%s: status %d: %.200s", path, status, answer)
	}
	decode(p.t, answer, &page)
	if got := slices.ContainsFunc(page.Items, func(d document) bool { return d.id() == id }); got != want {
		return fmt.Errorf("in it are %v", page.Items)
	}
	return nil
}

// groupThere: ann joins a group there, hears and speaks in it, and leaves.
func groupThere(w *neighbours) {
	ann, bob := w.someone()
	group := w.g.Group(w.nick("gophers"), bob.Person)
	in := args{"objectType": "group", "id": group.URI()}
	ann.does(args{"verb": "join", "object": in})
	w.until("ann is a member", func() error {
		if got := group.Members(); !slices.Contains(got, ann.actor()) || len(w.g.Subscribers(group.Feed())) != 1 {
			return fmt.Errorf("members are %v, subscribers %v", got, w.g.Subscribers(group.Feed()))
		}
		return nil
	})
	n := w.posts(bob, gnusocial.Post{Content: "hi", Groups: []string{group.URI()}})
	seen := ann.sees("inbox", "what bob says in the group", by(bob.Acct(), "post", n.ID))
	if !strings.Contains(seen.in("object").text("content"), "hi") {
		w.t.Errorf("what bob says in the group came in as %v", seen)
	}
	id := ann.does(args{"verb": "post", "object": note("hi too"), "to": append([]args{in}, everyone...)}).ref("object")
	got := w.arrives("what ann says in the group", id)
	if got.Author != ann.actor() || !slices.Contains(got.Groups, group.URI()) || !bob.inTimeline(id) {
		w.t.Errorf("what ann says in the group came as %+v", got)
	}
	ann.does(args{"verb": "leave", "object": in})
	w.until("ann is no member", func() error {
		if got := group.Members(); slices.Contains(got, ann.actor()) || len(w.g.Subscribers(group.Feed())) > 0 {
			return fmt.Errorf("members are %v, subscribers %v", got, w.g.Subscribers(group.Feed()))
		}
		return nil
	})
}
