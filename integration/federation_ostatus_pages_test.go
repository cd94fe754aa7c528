package integration

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// ostatusPages are what people do in their browsers, and by the addresses that stand
// there.
var ostatusPages = []neighbourTest{
	{"group here by its id", groupHereByID}, {"remote follow by ann", annComesFromBobsPage}, {"remote follow by bob", bobComesFromAnnsPage},
	{"remote join by bob", bobComesFromGroupPage},
}

// groupHereByID: the id of a group leads to its feed.
func groupHereByID(w *neighbours) {
	ann, bob := w.someone()
	in := args{"objectType": "group", "id": w.publicGroup(ann)}
	w.must(bob.Join(in["id"].(string)))
	w.delivers(in["id"].(string), in["id"].(string)+"/feed.atom")
	said := ann.does(args{"verb": "post", "object": note("by the id"), "to": append([]args{in}, everyone...)}).ref("object")
	if got := w.arrives("what ann says in the group", said); !slices.Contains(got.Groups, in["id"].(string)) {
		w.t.Errorf("it is shown in %v", got.Groups)
	}
}

// publicGroup makes a group of somebody's that everybody may join, and that they are
// in themselves.
func (w *neighbours) publicGroup(owner *person) string {
	w.t.Helper()
	id := owner.does(args{"verb": "create", "to": everyone, "object": args{"objectType": "group", "displayName": w.nick("group")}}).ref("object")
	owner.does(args{"verb": "join", "object": args{"objectType": "group", "id": id}})
	return id
}

// annComesFromBobsPage: on bob's page she says who she is, and is sent to her own
// server, which shows him and asks.
func annComesFromBobsPage(w *neighbours) {
	ann, bob := w.someone()
	address, err := w.g.RemoteFollow(bob.nick, ann.acct())
	w.must(err)
	if !strings.HasPrefix(address, w.s.url+"/") || !strings.Contains(address, url.QueryEscape(bob.URI())) {
		w.t.Fatalf("ann is sent to %s", address)
	}
	browser := newConsent(w.s)
	browser.show(browser.browser.Get(address))
	asked := browser.submit(0, map[string]string{"nickname": ann.nick, "password": password})
	if !strings.Contains(asked, bob.name()) || !strings.Contains(asked, `id="confirm"`) {
		w.t.Fatalf("ann is shown %s", asked)
	}
	browser.submit(browser.formTo("/authorize_interaction"), nil)
	ann.lists("following", bob.Acct())
	w.until("bob is followed", func() error {
		if got := bob.Followers(); !slices.Contains(got, ann.actor()) {
			return fmt.Errorf("by %v", got)
		}
		return nil
	})
}

// formTo is the number of the form of the page that goes to a path.
func (c *consent) formTo(path string) int {
	c.s.t.Helper()
	i := slices.IndexFunc(c.forms, func(f form) bool { return strings.HasSuffix(f.action, path) })
	if i < 0 {
		c.s.t.Fatalf("no form of the page goes to %s: %v", path, c.forms)
	}
	return i
}

// bobComesFromAnnsPage: on ann's page he says who he is, and is sent to his own site,
// which finds her.
func bobComesFromAnnsPage(w *neighbours) {
	ann, bob := w.someone()
	w.visits("/main/ostatus/nickname/"+ann.nick, bob, ann.actor())
	w.bobFollows(bob, ann)
}

func bobComesFromGroupPage(w *neighbours) {
	ann, bob := w.someone()
	id := w.publicGroup(ann)
	w.visits("/main/ostatus/group/"+id[strings.LastIndexByte(id, '/')+1:], bob, id)
	w.must(bob.Join(id))
	w.delivers(id, id+"/feed.atom")
}

// visits has somebody from the site enter who he is, and checks that his site asks him
// whether to follow the one that he came from.
func (w *neighbours) visits(path string, bob *neighbour, whom string) {
	w.t.Helper()
	browser := newConsent(w.s)
	browser.show(browser.browser.Get(w.s.url + path))
	there := browser.submit(browser.formTo("/main/ostatus"), map[string]string{"profile": strings.TrimPrefix(bob.Acct(), "acct:")})
	if there != "Follow "+whom+"?" {
		w.t.Errorf("the site of bob asks %q, want whether to follow %s", there, whom)
	}
}
