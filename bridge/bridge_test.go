package bridge_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

func TestMain(m *testing.M) {
	if database := os.Getenv(workerEnv); database != "" {
		os.Exit(workUntilKilled(database))
	}
	code := m.Run()
	if err := postgresTemplate.Drop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// patience is how long a test waits for what should happen at once.
const patience = 30 * time.Second

// home is the address of the server under test.
const home = "http://localhost:8080"

// databases are the two kinds of store that every test runs on; each returns
// the address of a database whose tables are made.
var databases = []struct {
	name    models.Dialect
	address func(*testing.T) string
}{
	{models.SQLite, func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "manifold.db")
		if err := os.WriteFile(path, emptySQLite(t), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}},
	{models.Postgres, func(t *testing.T) string {
		return postgresTemplate.Copy(t, func(address string) { migrate(t, address) })
	}},
}

func migrate(t *testing.T, address string) {
	t.Helper()
	db, err := models.Open(t.Context(), models.Options{Database: address})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := bridge.MigrateQueue(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// world is a server under test, and what a test does with it.
type world struct {
	*bridge.Bridge
	t *testing.T
	// address is that of the database.
	address string
}

// worlds runs a test with a server on each kind of database.
func worlds(t *testing.T, test func(w *world)) { worldsWith(t, bridge.Options{}, test) }

// worldsWith does it with options of the test's own.
func worldsWith(t *testing.T, o bridge.Options, test func(w *world)) {
	t.Helper()
	onEach(t, func(t *testing.T, address string) { test(newWorld(t, address, o)) })
}

// onEach runs a test with a database of each kind, empty but for its tables.
func onEach(t *testing.T, test func(t *testing.T, address string)) {
	t.Helper()
	t.Parallel()
	for _, d := range databases {
		t.Run(string(d.name), func(t *testing.T) {
			t.Parallel()
			test(t, d.address(t))
		})
	}
}

var processes atomic.Int64

// newWorld starts a server on a database as another process would.
func newWorld(t *testing.T, address string, o bridge.Options) *world {
	t.Helper()
	db, err := models.Open(t.Context(), models.Options{Database: address, Name: fmt.Sprintf("test-%d-%d", os.Getpid(), processes.Add(1))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.DB = db
	if o.BaseURL == nil {
		o.BaseURL = parseURL(t, home)
	}
	o.SiteName = cmp.Or(o.SiteName, "Test Site")
	b, err := bridge.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return &world{Bridge: b, t: t, address: address}
}

// start has jobs worked and watchers told until the test ends.
func (w *world) start() {
	w.t.Helper()
	if err := w.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := w.Stop(ctx); err != nil {
			w.t.Error(err)
		}
	})
}

// sub runs a part of a test on the same server.
func (w *world) sub(name string, test func(w *world)) {
	w.t.Helper()
	w.t.Run(name, func(t *testing.T) {
		part := *w
		part.t = t
		test(&part)
	})
}

func parseURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// person makes an account.
func (w *world) person(nickname string) *models.Actor {
	w.t.Helper()
	actor, err := w.AddPerson(w.t.Context(), nickname)
	if err != nil {
		w.t.Fatal(err)
	}
	return actor
}

// people makes accounts.
func (w *world) people(nicknames ...string) []*models.Actor {
	w.t.Helper()
	var list []*models.Actor
	for _, n := range nicknames {
		list = append(list, w.person(n))
	}
	return list
}

// remote makes somebody elsewhere, given as name@host.
func (w *world) remote(account string) *models.Actor {
	w.t.Helper()
	nick, host, _ := strings.Cut(account, "@")
	id := "https://" + host + "/users/" + nick
	actor := &models.Actor{Type: vocab.TypePerson, Nickname: nick, Host: host, Doc: &vocab.Object{
		ID: id, Type: vocab.TypePerson, PreferredUsername: nick, DisplayName: nick, URL: "https://" + host + "/@" + nick,
		Feeds: map[string]vocab.Feed{"followers": {URL: id + "/followers"}},
	}}
	w.write(func(ctx context.Context, tx *models.Tx) error { return tx.CreateActor(ctx, actor, id, "acct:"+account) })
	return actor
}

// write runs f in a transaction that must succeed.
func (w *world) write(f func(ctx context.Context, tx *models.Tx) error) {
	w.t.Helper()
	ctx := w.t.Context()
	if err := w.DB().Write(ctx, func(tx *models.Tx) error { return f(ctx, tx) }); err != nil {
		w.t.Fatal(err)
	}
}

// exec runs a statement of the test's own.
func (w *world) exec(query string) {
	w.t.Helper()
	if _, err := w.DB().SQL().ExecContext(w.t.Context(), query); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
}

// number asks the database for one number.
func (w *world) number(query string) int64 {
	w.t.Helper()
	var n int64
	if err := w.DB().SQL().QueryRowContext(w.t.Context(), query).Scan(&n); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// try posts an activity for somebody.
func (w *world) try(actor *models.Actor, a *vocab.Activity) (*bridge.Result, error) {
	return w.Post(w.t.Context(), bridge.Submission{ActorID: actor.ID, Activity: a, Network: "pump", Verified: "oauth1"})
}

// do posts an activity that must succeed.
func (w *world) do(actor *models.Actor, a *vocab.Activity) *models.Activity {
	w.t.Helper()
	r, err := w.try(actor, a)
	if err != nil {
		w.t.Fatalf("%s by %s: %v", a.Verb, actor.Nickname, err)
	}
	return r.Activity
}

// refused posts an activity that must be refused for a reason and with a text.
func (w *world) refused(actor *models.Actor, a *vocab.Activity, reason bridge.Reason, text string) {
	w.t.Helper()
	_, err := w.try(actor, a)
	w.isRefusal(err, reason, text)
}

func (w *world) isRefusal(err error, reason bridge.Reason, text string) {
	w.t.Helper()
	switch {
	case err == nil:
		w.t.Errorf("nothing was refused, want %q", text)
	case bridge.ReasonOf(err) != reason || err.Error() != text:
		w.t.Errorf("refused with reason %d, %q; want reason %d, %q", bridge.ReasonOf(err), err, reason, text)
	}
}

// arrive brings an activity from elsewhere. One without an id is given one.
func (w *world) arrive(sender, recipient *models.Actor, a *vocab.Activity) (*bridge.Result, error) {
	if a.ID == "" {
		a.ID = fmt.Sprintf("https://%s/activities/%d", sender.Host, arrivals.Add(1))
	}
	in := bridge.Arrival{SenderID: sender.ID, Activity: a, Network: "pump", Verified: "dialback"}
	if recipient != nil {
		in.RecipientID = recipient.ID
	}
	return w.Receive(w.t.Context(), in)
}

var arrivals atomic.Int64

// receive brings an activity that must be taken.
func (w *world) receive(sender *models.Actor, a *vocab.Activity) *models.Activity {
	w.t.Helper()
	r, err := w.arrive(sender, nil, a)
	if err != nil {
		w.t.Fatalf("%s from %s: %v", a.Verb, sender.Doc.ID, err)
	}
	return r.Activity
}

// follow has people follow somebody.
func (w *world) follow(whom *models.Actor, followers ...*models.Actor) {
	w.t.Helper()
	for _, f := range followers {
		if f.Local {
			w.do(f, act(vocab.VerbFollow, whom.Doc.Ref()))
		} else {
			w.receive(f, act(vocab.VerbFollow, whom.Doc.Ref(), whom.Doc.Ref()))
		}
	}
}

// list makes a list of people.
func (w *world) list(owner *models.Actor, name string, members ...*models.Actor) *vocab.Object {
	w.t.Helper()
	made := w.do(owner, act(vocab.VerbCreate, listDoc(name)))
	list := made.Doc.Object.Ref()
	for _, m := range members {
		w.do(owner, &vocab.Activity{Verb: vocab.VerbAdd, Object: m.Doc.Ref(), Target: list})
	}
	return list
}

func listDoc(name string) *vocab.Object {
	return &vocab.Object{Type: vocab.TypeCollection, DisplayName: name, ObjectTypes: []string{vocab.TypePerson}}
}

// group makes a group.
func (w *world) group(owner *models.Actor, name string, to ...*vocab.Object) *models.Actor {
	w.t.Helper()
	made := w.do(owner, act(vocab.VerbCreate, &vocab.Object{Type: vocab.TypeGroup, DisplayName: name}, to...))
	return w.actor(made.Object.ID)
}

// act is an activity with its main recipients.
func act(verb string, object *vocab.Object, to ...*vocab.Object) *vocab.Activity {
	return &vocab.Activity{Verb: verb, Object: object, To: to}
}

// note is a note with a title.
func note(title string) *vocab.Object {
	return &vocab.Object{Type: vocab.TypeNote, DisplayName: title, Content: "<p>" + title + "</p>"}
}

// reply is a comment on a thing.
func reply(title string, parent *vocab.Object) *vocab.Object {
	return &vocab.Object{Type: vocab.TypeComment, DisplayName: title, InReplyTo: []*vocab.Object{parent.Ref()}}
}

func everybody() *vocab.Object {
	return &vocab.Object{ID: vocab.PublicID, Type: vocab.TypeCollection}
}

// followersOf is the address of somebody's followers.
func (w *world) followersOf(a *models.Actor) *vocab.Object {
	id := w.Names().Followers(a.Nickname)
	if !a.Local {
		id = a.Doc.Feeds["followers"].URL
	}
	return &vocab.Object{ID: id, Type: vocab.TypeCollection}
}

// actor, object and activity read a row anew.
func (w *world) actor(id int64) *models.Actor {
	w.t.Helper()
	a, err := w.DB().Actor(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) object(iri string) *models.Object {
	w.t.Helper()
	o, err := w.DB().ObjectByIRI(w.t.Context(), iri)
	if err != nil {
		w.t.Fatalf("object %s: %v", iri, err)
	}
	return o
}

func (w *world) activity(id int64) *models.Activity {
	w.t.Helper()
	a, err := w.DB().Activity(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// known reports whether there is a thing of some kind under a name.
func (w *world) known(kind models.Kind, iri string) bool {
	w.t.Helper()
	_, err := w.DB().LookupKind(w.t.Context(), kind, iri)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		w.t.Fatal(err)
	}
	return err == nil
}

// inbox is what somebody reads, newest first, each item as "who verb what".
func (w *world) inbox(owner *models.Actor, part models.Part) []string {
	w.t.Helper()
	return w.stream(owner, models.Inbox, part, owner)
}

// outbox is what somebody sees of the deeds of another; nil is a stranger.
func (w *world) outbox(owner, viewer *models.Actor) []string {
	w.t.Helper()
	return w.stream(owner, models.Outbox, models.All, viewer)
}

func (w *world) stream(owner *models.Actor, s models.Stream, part models.Part, viewer *models.Actor) []string {
	w.t.Helper()
	items, total := w.page(owner, s, part, viewer, 100)
	var lines []string
	for _, i := range items {
		lines = append(lines, w.line(i.Activity))
	}
	if viewer == owner && total != len(lines) {
		w.t.Errorf("the stream says that it has %d items, and has %d", total, len(lines))
	}
	return lines
}

// page reads the newest items of a stream, and how many it has.
func (w *world) page(owner *models.Actor, s models.Stream, part models.Part, viewer *models.Actor, count int) ([]models.Item, int) {
	w.t.Helper()
	items, total, err := w.DB().StreamPage(w.t.Context(), owner.ID, s, part, viewerOf(viewer), models.Page{Count: count})
	if err != nil {
		w.t.Fatal(err)
	}
	return items, total
}

func viewerOf(a *models.Actor) models.Viewer {
	if a == nil {
		return models.Viewer{}
	}
	return models.Viewer{ActorID: a.ID}
}

// line tells an activity as "who verb what".
func (w *world) line(a *models.Activity) string {
	w.t.Helper()
	what := ""
	switch a.Object.Kind {
	case models.KindActor:
		o := w.actor(a.Object.ID).Doc
		if what = cmp.Or(o.PreferredUsername, o.DisplayName); o.Type == vocab.TypeGroup {
			what = cmp.Or(o.DisplayName, o.PreferredUsername)
		}
	case models.KindObject:
		o, err := w.DB().Object(w.t.Context(), a.Object.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		what = cmp.Or(o.Doc.DisplayName, o.Doc.Type)
	case models.KindActivity:
		what = "(" + w.line(w.activity(a.Object.ID)) + ")"
	}
	return cmp.Or(w.actor(a.ActorID).Nickname, "site") + " " + a.Verb + " " + what
}

// sees reports whether somebody may see an activity; nil is a stranger.
func (w *world) sees(viewer *models.Actor, a *models.Activity) bool {
	w.t.Helper()
	ok, err := w.DB().MaySeeActivity(w.t.Context(), viewerOf(viewer), a.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return ok
}

// seesObject reports whether somebody may see the object of an activity.
func (w *world) seesObject(viewer *models.Actor, a *models.Activity) bool {
	w.t.Helper()
	ok, err := w.DB().MaySeeObject(w.t.Context(), viewerOf(viewer), a.Object.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return ok
}

// audienceOf tells who sees an activity, of these and a stranger.
func (w *world) audienceOf(a *models.Activity, people ...*models.Actor) string {
	w.t.Helper()
	var names []string
	for _, p := range people {
		if w.sees(p, a) {
			names = append(names, p.Nickname)
		}
	}
	if w.sees(nil, a) {
		names = append(names, "everybody")
	}
	return strings.Join(names, " ")
}

// equal compares two lists.
func equal(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// same compares two values.
func same[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// until waits for a condition.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// next returns what arrives on a channel.
func next[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v, ok := <-c:
		if !ok {
			t.Fatalf("waiting for %s: the channel was closed", what)
		}
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
	}
	panic("unreachable")
}

// together runs f n times at once and returns the errors.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}
