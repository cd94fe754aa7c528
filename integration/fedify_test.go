package integration

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fedify is a running server that is made with Fedify, see fedify/peer.js. It
// signs by RFC 9421 first and falls back to draft-cavage, as Fedify does.
type fedify struct {
	t            *testing.T
	url, control string
}

// startFedify starts the peer, which ends with the test.
func startFedify(t *testing.T) *fedify {
	t.Helper()
	dir := t.TempDir()
	packages, node := fedifyPackages(t)
	// JavaScript looks for packages beside the file that wants them.
	if err := os.Symlink(packages, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"package.json", "peer.js", "people.js", "commands.js"} {
		source, err := os.ReadFile(filepath.Join("fedify", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), source, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command(node, "peer.js")
	c.Dir = dir
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	var log bytes.Buffer
	c.Stderr = &log
	in, err := c.StdinPipe()
	var out io.Reader
	if err == nil {
		out, err = c.StdoutPipe()
	}
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // it ends by that
		if err := c.Wait(); err != nil {
			t.Errorf("the Fedify peer ended with %v", err)
		}
		if t.Failed() {
			t.Logf("the log of the Fedify peer ends:\n%s", log.Bytes()[max(0, log.Len()-6000):])
		}
	})
	f := &fedify{t: t}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var addresses struct{ URL, Control string }
	if err == nil {
		err = json.Unmarshal(line, &addresses)
	}
	if err != nil {
		t.Fatalf("the Fedify peer does not start: %v %q", err, line)
	}
	f.url, f.control = addresses.URL, addresses.Control
	return f
}

// fedifyPackages returns the folder that .ci/peers has installed, and the Node
// in it.
func fedifyPackages(t *testing.T) (dir, node string) {
	t.Helper()
	lock, err := os.ReadFile("fedify/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(cache, "manifold", fmt.Sprintf("fedify-%x", sha256.Sum256(lock))[:len("fedify-")+12], "node_modules")
	nodes, err := filepath.Glob(filepath.Join(dir, "node-linux-*", "bin", "node"))
	if err != nil || len(nodes) == 0 {
		t.Fatalf("%s has no Node (%v): 'make peers' installs what is needed", dir, err)
	}
	return dir, nodes[0]
}

// at is the same peer in another test.
func (f *fedify) at(t *testing.T) *fedify { return &fedify{t, f.url, f.control} }

// try has the peer carry out a command.
func (f *fedify) try(command string, args, into any) error {
	body, err := json.Marshal(args)
	if err != nil {
		return err
	}
	r, err := browser.Post(f.control+"/"+command, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer r.Body.Close()
	answer, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("the Fedify peer cannot %s: %s", command, answer)
	}
	return json.Unmarshal(answer, into)
}

// do has the peer carry out a command that has to succeed.
func (f *fedify) do(command string, args, into any) {
	f.t.Helper()
	if err := f.try(command, args, into); err != nil {
		f.t.Fatal(err)
	}
}

// args are those of a command.
type args map[string]any

// friend is a person on the Fedify peer.
type friend struct {
	*fedify
	nick string
	id   string // of the actor
}

// friend makes an account on the peer; more of its profile may be given.
func (f *fedify) friend(nick string, profile args) *friend {
	f.t.Helper()
	person := args{"nick": nick}
	for name, value := range profile {
		person[name] = value
	}
	var made struct{ ID string }
	f.do("add", person, &made)
	return &friend{f, nick, made.ID}
}

// acct is the address by which others find somebody on the peer.
func (f *friend) acct() string { return "acct:" + f.nick + "@" + strings.TrimPrefix(f.url, "http://") }

// sent are the ids of what a friend has sent.
type sent struct{ Activity, Object string }

// does has the friend do something.
func (f *friend) does(command string, with args) sent {
	f.t.Helper()
	all := args{"as": f.nick}
	for name, value := range with {
		all[name] = value
	}
	var s sent
	f.do(command, all, &s)
	return s
}

// delivery is something that came into an inbox of the peer.
type delivery struct {
	To       string // the nickname, "" for the shared inbox
	Type     string // of the activity, as Fedify's vocabulary has it
	Activity document
}

// receives waits until something that is looked for has come in.
func (f *fedify) receives(what string, match func(delivery) bool) delivery {
	f.t.Helper()
	var found delivery
	eventually(f.t, "the Fedify peer receives "+what, func() error {
		var all []delivery
		if err := f.try("received", args{}, &all); err != nil {
			return err
		}
		i := slices.IndexFunc(all, match)
		if i < 0 {
			return fmt.Errorf("it has received %s", summary(all))
		}
		found = all[i]
		return nil
	})
	return found
}

// summary names what came in last.
func summary(all []delivery) string {
	var names []string
	for _, d := range all[max(0, len(all)-8):] {
		names = append(names, fmt.Sprintf("%s %s", d.Type, d.Activity.id()))
	}
	return fmt.Sprintf("%d activities, lately %v", len(all), names)
}

// of matches an activity of a type by an actor.
func of(kind string, actor string) func(delivery) bool {
	return func(d delivery) bool { return d.Type == kind && d.Activity.ref("actor") == actor }
}

// about matches an activity of a type by an actor about an object.
func about(kind, actor, object string) func(delivery) bool {
	return func(d delivery) bool { return of(kind, actor)(d) && d.Activity.ref("object") == object }
}

// document is JSON of ActivityStreams 2.0, in compact form.
type document map[string]any

func (d document) id() string { s, _ := d["id"].(string); return s }

// all are the values of a member, which may be one or several.
func (d document) all(member string) []any {
	switch v := d[member].(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// in returns what is embedded as a member, nil where there is nothing.
func (d document) in(member string) document {
	for _, v := range d.all(member) {
		if m, ok := v.(map[string]any); ok {
			return m
		}
	}
	return nil
}

// refs are the ids that a member names, embedded or not.
func (d document) refs(member string) []string {
	var ids []string
	for _, v := range d.all(member) {
		switch v := v.(type) {
		case string:
			ids = append(ids, v)
		case map[string]any:
			ids = append(ids, document(v).id())
		}
	}
	return ids
}

func (d document) ref(member string) string {
	if ids := d.refs(member); len(ids) > 0 {
		return ids[0]
	}
	return ""
}

// text is a member that is a text, of any language.
func (d document) text(member string) string {
	for _, v := range d.all(member) {
		switch v := v.(type) {
		case string:
			return v
		case map[string]any:
			s, _ := v["@value"].(string)
			return s
		}
	}
	return ""
}

// public are the spellings of the address of everybody (ActivityPub 5.6).
var public = []string{"https://www.w3.org/ns/activitystreams#Public", "as:Public", "Public"}

// addressed are all to whom something goes, everybody as "public".
func (d document) addressed(members ...string) []string {
	var ids []string
	for _, m := range members {
		for _, id := range d.refs(m) {
			if slices.Contains(public, id) {
				id = "public"
			}
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// read has Fedify's vocabulary read a document, and returns the name of the class
// that it became and what was understood.
func (f *fedify) read(d []byte) (class string, understood document, err error) {
	var read struct {
		Type   string
		Object document
	}
	err = f.try("parse", map[string]json.RawMessage{"document": d}, &read)
	return read.Type, read.Object, err
}

// getAS2 reads a document as a stranger on ActivityPub does, unsigned.
func getAS2(t *testing.T, iri string) (status int, body []byte) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, iri, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/activity+json")
	r, err := browser.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if body, err = io.ReadAll(r.Body); err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, body
}

// TestFedifyWithItself has two people on one peer, and two peers, do everything
// that other tests want of them: what fails there is not the fault of the peer.
func TestFedifyWithItself(t *testing.T) {
	t.Parallel()
	here, there := startFedify(t), startFedify(t)
	fay := here.friend("fay", args{"name": "Fay", "summary": "<p>Draws.</p>", "icon": "/picture.png"})
	gil := there.friend("gil", args{"approves": true})

	follow := fay.does("follow", args{"whom": gil.id})
	there.receives("the follow", func(d delivery) bool { return d.Activity.id() == follow.Activity && d.Type == "Follow" })
	gil.does("accept", args{"follow": follow.Activity})
	here.receives("the answer", func(d delivery) bool { return of("Accept", gil.id)(d) && d.Activity.ref("object") == follow.Activity })
	eventually(t, "fay follows gil", func() error { return gil.followedBy(fay.id) })

	note := gil.does("post", args{"content": "<p>Hello</p>", "image": "/picture.png"})
	got := here.receives("the note", about("Create", gil.id, note.Object)).Activity
	if got.in("object").text("content") != "<p>Hello</p>" || !slices.Contains(got.addressed("to"), "public") || got.in("object").in("attachment").ref("url") != gil.url+"/picture.png" {
		t.Errorf("the note came in as %v", got)
	}
	reply := fay.does("post", args{"content": "<p>Hi</p>", "inReplyTo": note.Object, "mention": []string{gil.id}})
	if got := there.receives("the reply", about("Create", fay.id, reply.Object)).Activity.in("object"); got.ref("inReplyTo") != note.Object {
		t.Errorf("the reply came in as %v", got)
	}
	reaction := args{"object": note.Object, "author": gil.id}
	like := fay.does("like", reaction)
	there.receives("the like", about("Like", fay.id, note.Object))
	fay.does("undo", args{"activity": like.Activity, "whom": gil.id})
	there.receives("the end of the like", about("Undo", fay.id, like.Activity))
	fay.does("boost", reaction)
	there.receives("the boost", about("Announce", fay.id, note.Object))
	fay.does("emoji", reaction)
	there.receives("the emoji", about("EmojiReact", fay.id, note.Object))

	gil.does("edit", args{"object": note.Object, "content": "<p>Hello again</p>"})
	if got := here.receives("the edit", about("Update", gil.id, note.Object)).Activity.in("object"); got.text("content") != "<p>Hello again</p>" || got.text("updated") == "" {
		t.Errorf("the edited note came in as %v", got)
	}
	secret := gil.does("post", args{"content": "<p>Between us</p>", "audience": "direct", "mention": []string{fay.id}})
	if got := here.receives("the private note", about("Create", gil.id, secret.Object)); got.To != "fay" || slices.Contains(got.Activity.addressed("to", "cc"), "public") {
		t.Errorf("the private note came in for %q as %v", got.To, got.Activity)
	}
	if got := fay.reads(secret.Object); got.text("content") != "<p>Between us</p>" {
		t.Errorf("fay reads the private note as %v", got)
	}
	if status, _ := getAS2(t, secret.Object); status != http.StatusUnauthorized {
		t.Errorf("a stranger who reads the private note is answered with %d", status)
	}
	gil.does("delete", args{"object": note.Object})
	here.receives("the deletion", about("Delete", gil.id, note.Object))
	gil.does("block", args{"whom": fay.id})
	here.receives("the block", about("Block", gil.id, fay.id))

	gil.does("rotate", args{})
	gil.does("change", args{"name": "Gil the Great"})
	here.receives("the profile after a change of keys", about("Update", gil.id, gil.id))
	gil.does("leave", args{"whom": []string{fay.id}})
	here.receives("the end of the account", about("Delete", gil.id, gil.id))
	if status, _ := getAS2(t, gil.id); status != http.StatusGone {
		t.Errorf("the account that was deleted is answered with %d", status)
	}
	for _, d := range here.deliveries() {
		if d.Signature != "rfc9421" || d.Status != http.StatusAccepted {
			t.Errorf("%+v came in", d)
		}
	}
}

// request of a peer is how something came in.
type requested struct {
	Path, ID, Signature string
	Status              int
}

func (f *fedify) deliveries() []requested {
	f.t.Helper()
	var all []requested
	f.do("deliveries", args{}, &all)
	return all
}

// reads has the friend read something from its server.
func (f *friend) reads(iri string) document {
	f.t.Helper()
	var read struct{ Object document }
	f.do("lookup", args{"as": f.nick, "iri": iri}, &read)
	return read.Object
}

// followedBy checks that the friend counts somebody among the followers.
func (f *friend) followedBy(iri string) error {
	followers, _, err := f.relations()
	if err == nil && !slices.Contains(followers, iri) {
		err = fmt.Errorf("%s is followed by %v", f.nick, followers)
	}
	return err
}

// follows checks that the friend knows to follow somebody.
func (f *friend) follows(iri string) error {
	_, following, err := f.relations()
	if err == nil && !slices.Contains(following, iri) {
		err = fmt.Errorf("%s follows %v", f.nick, following)
	}
	return err
}

func (f *friend) relations() (followers, following []string, err error) {
	var r struct{ Followers, Following []string }
	err = f.try("relations", args{"as": f.nick}, &r)
	return r.Followers, r.Following, err
}
