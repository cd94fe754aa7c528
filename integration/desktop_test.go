//go:build desktop

package integration

import (
	"errors"
	"fmt"
	"image/color"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// stage is what every desktop test plays on: a server with its front, ann, who
// sits at the desktop, and bob, whom she follows and who has posted something.
type stage struct {
	*desktop
	server   *server
	front    *front
	ann, bob *person
	note     activity // bob's
}

// The colours of bob's pictures are found nowhere else on a screen.
var (
	pictureColour = color.RGBA{230, 20, 170, 255}
	avatarColour  = color.RGBA{20, 170, 40, 255}
)

const bobsNote, bobsPicture = "Tea is ready.", "What I see from here."

func newStage(t *testing.T, client string) *stage {
	t.Helper()
	s := newServer(t, "/tmp/manifold.db", "MANIFOLD_URL=https://"+desktopHost)
	s.url = "https://" + desktopHost
	s.start()
	st := &stage{desktop: newDesktop(t, client), server: s, front: newFront(t, s), ann: s.person("ann"), bob: s.person("bob")}
	st.ann.follow(st.bob)
	st.bob.follow(st.ann)
	st.bob.setAvatar(st.bob.upload(avatarColour, 96, 96))
	// Choqok sees only public pictures: it asks for them without saying for whom.
	st.bob.tellAll(map[string]any{"objectType": "image", "id": st.bob.upload(pictureColour, 640, 400).ID, "content": bobsPicture})
	st.note = st.bob.tellAll(map[string]any{"objectType": "note", "content": bobsNote})
	t.Cleanup(st.complain)
	return st
}

// complain fails the test if the server has refused anything to a client, even if
// the client has made nothing of it.
func (st *stage) complain() {
	for _, e := range st.front.exchanges(func(e exchange) bool { return e.status != http.StatusOK }) {
		st.t.Errorf("refused: %v", e)
	}
	if st.t.Failed() {
		for _, e := range st.front.exchanges(func(exchange) bool { return true }) {
			st.t.Log(e)
		}
	}
}

// tellAll posts an object to everybody, and to those who follow.
func (p *person) tellAll(object map[string]any) activity {
	p.t.Helper()
	body := p.note("")
	body["object"] = object
	body["to"] = []any{map[string]any{"objectType": "collection", "id": "http://activityschema.org/collection/public"}}
	var a activity
	p.ask(http.MethodPost, p.path("feed"), body, &a)
	return a
}

// authorize lets a program act for ann: it opens the page that the program has
// opened in the browser, logs in, agrees, and returns the code to give it.
func (st *stage) authorize(address string) string {
	st.t.Helper()
	u, err := url.Parse(address)
	if err != nil || u.Host != desktopHost || u.Path != "/oauth/authorize" || u.Query().Get("oauth_token") == "" {
		st.t.Fatalf("the browser is to open %q", address)
	}
	c := newConsent(st.server)
	r, err := c.browser.Get(address)
	c.show(r, err)
	c.submit(0, map[string]string{"username": "ann", "password": password})
	page := c.submit(0, nil)
	code := regexp.MustCompile(`id="verifier">([^<]+)<`).FindStringSubmatch(page)
	if code == nil {
		st.t.Fatalf("the page has no code: %s", page)
	}
	return code[1]
}

// sent waits until something that ann does at the desktop is in her feed and in
// bob's inbox.
func (st *stage) sent(what string, match func(activity) bool) {
	st.t.Helper()
	st.until(what+" has arrived", func() error {
		feed := st.ann.all("feed")
		i := slices.IndexFunc(feed, match)
		if i < 0 {
			return errors.New("it is not in the feed of ann")
		}
		if !slices.ContainsFunc(st.bob.all("inbox"), func(a activity) bool { return a.ID == feed[i].ID }) {
			return errors.New("it is not in the inbox of bob")
		}
		return nil
	})
}

// posted waits for a note of ann's that says which program it comes from.
func (st *stage) posted(content, program string) {
	st.t.Helper()
	st.sent("the note", func(a activity) bool {
		return a.Verb == "post" && a.Object.ObjectType == "note" && strings.Contains(a.Object.Content, content) && a.Generator.DisplayName == program
	})
}

// replied waits for an answer of ann's to bob's note.
func (st *stage) replied(content, program string) {
	st.t.Helper()
	st.sent("the comment", func(a activity) bool {
		return a.Verb == "post" && a.Object.ObjectType == "comment" && strings.Contains(a.Object.Content, content) && a.Generator.DisplayName == program
	})
	st.until("the comment is one to bob's note", func() error {
		var replies struct{ Items []thing }
		st.bob.ask(http.MethodGet, strings.TrimPrefix(st.note.Object.ID, st.server.url)+"/replies", nil, &replies)
		if len(replies.Items) != 1 || !strings.Contains(replies.Items[0].Content, content) {
			return fmt.Errorf("the replies are %+v", replies.Items)
		}
		return nil
	})
}

// done waits until ann has done something to bob's note. Clients differ in what
// they call a like.
func (st *stage) done(verbs ...string) {
	st.t.Helper()
	st.sent(verbs[0], func(a activity) bool { return slices.Contains(verbs, a.Verb) && a.Object.ID == st.note.Object.ID })
}

// timeline waits until the client shows what bob has posted.
func (st *stage) timeline() {
	st.t.Helper()
	st.reads("label", bobsNote)
	st.reads("label", bobsPicture)
	st.shows("bob's picture", pictureColour)
	st.shows("bob's avatar", avatarColour)
	st.shoot("timeline")
}

func TestDesktopPumpa(t *testing.T) {
	t.Parallel()
	if !inOwnWorld(t) {
		return
	}
	st := newStage(t, "pumpa")
	st.start("pumpa")
	st.window("^Pumpa$")
	st.write(widget{"text", "Your pump.io account id:", ""}, "ann@"+desktopHost)
	st.press(widget{"push button", "Next", ""})
	code := st.authorize(st.opened())
	st.window("^Pumpa$")
	st.write(widget{"text", "Verifier:", ""}, code)
	st.shoot("login")
	st.press(widget{"push button", "Finish", ""})

	st.enlarge("^Pumpa - ann@" + desktopHost)
	st.timeline()
	st.press(widget{"push button", "like", bobsNote})
	st.done("like")
	st.press(widget{"push button", "share", bobsNote})
	st.press(widget{"push button", "Yes", "Share this note by bob?"})
	st.done("share")

	const comment, note = "From Pumpa: with milk?", "From Pumpa: a note."
	st.press(widget{"push button", "comment", bobsNote})
	st.window("Post a reply")
	st.write(widget{"text", "", "Post a reply"}, comment)
	st.press(widget{"push button", "Send comment", ""})
	st.replied(comment, "Pumpa")
	st.reads("label", comment)

	st.window("^Pumpa - ann@" + desktopHost)
	st.keys("ctrl+n")
	st.window("Post a note")
	st.write(widget{"text", "", "Post a note"}, note)
	st.press(widget{"push button", "Send post", ""})
	st.posted(note, "Pumpa")
	st.reads("label", note)
	st.shoot("posted")
}

func TestDesktopDianara(t *testing.T) {
	t.Parallel()
	if !inOwnWorld(t) {
		return
	}
	st := newStage(t, "dianara")
	st.env = append(st.env, "LD_PRELOAD="+preloadFile)
	st.start("dianara")
	st.press(widget{"push button", "Configure your account", ""})
	st.window("Account Configuration")
	st.write(widget{"text", "Your address, like username@pumpserver.org", ""}, "ann@"+desktopHost)
	st.press(widget{"push button", "Get Verifier Code", ""})
	code := st.authorize(st.opened())
	st.window("Account Configuration")
	st.write(widget{"text", "Enter or paste the verifier code provided by your Pump server here", ""}, code)
	st.press(widget{"push button", "Authorize Application", ""})
	st.reads("label", "Dianara is authorized to access your data")
	st.shoot("login")
	st.press(widget{"push button", "Save Details", ""})
	st.press(widget{"push button", "Close", "Show this again"}) // the welcome

	st.enlarge("Dianara$")
	st.timeline()
	st.press(widget{"check box", "Like", bobsNote})
	st.done("like", "favorite")
	st.press(widget{"push button", "Share", bobsNote})
	st.press(widget{"push button", "Yes, share it", ""})
	st.done("share")

	const comment, note = "From Dianara: with milk?", "From Dianara: a note."
	st.press(widget{"push button", "Comment", bobsNote})
	st.write(widget{"text", "", bobsNote}, comment)
	st.keys("ctrl+Return")
	st.replied(comment, "Dianara")
	st.reads("label", comment)

	st.write(widget{"text", "Type a message here to post it", ""}, note)
	st.keys("ctrl+Return")
	st.posted(note, "Dianara")
	st.reads("label", note)
	st.shoot("posted")
}

func TestDesktopChoqok(t *testing.T) {
	t.Parallel()
	if !inOwnWorld(t) {
		return
	}
	st := newStage(t, "choqok")
	st.configure("kwalletrc", "[Wallet]\nEnabled=false\n") // which asks for a password of its own
	st.start("choqok")
	st.press(widget{"push button", "Yes", ""}) // configure an account
	st.enlarge("^Configure")
	st.press(widget{"list item", "Accounts", ""})
	st.pop(widget{"push button", "Add...", ""})
	st.keys("p")             // Pump.io network
	st.accept("Information") // that there is no wallet
	st.window("Add New Account")
	st.write(widget{"text", "Credentials", ""}, "ann@"+desktopHost)
	st.press(widget{"push button", "Authenticate with Pump.io Service", ""})
	code := st.authorize(st.opened())
	st.window("PIN")
	st.write(widget{"text", "Enter the verifier code received from https://" + desktopHost, ""}, code)
	st.accept("PIN")
	st.accept("Authorized")
	st.find(widget{"label", "Authenticated", ""})
	st.shoot("login")
	st.accept("Add New Account")
	st.accept("Configure")

	st.enlarge("^Choqok")
	st.timeline()
	st.point(st.reads("label", bobsNote)) // the buttons appear
	st.press(widget{"check box", "Like", bobsNote})
	st.done("like", "favorite")
	st.press(widget{"push button", "Share", bobsNote})
	st.done("share")

	composer := widget{"text", "Note:Ctrl+S to enable/disable auto spell checker.", ""}
	// A word: Choqok percent-encodes comments.
	const comment, note = "FromChoqok", "From Choqok: a note."
	st.press(widget{"push button", "Reply", bobsNote})
	st.write(composer, comment)
	st.keys("ctrl+Return")
	st.replied(comment, "Choqok")

	st.write(composer, note)
	st.keys("ctrl+Return")
	st.posted(note, "Choqok")
	st.reads("label", note)
	st.shoot("posted")
}
