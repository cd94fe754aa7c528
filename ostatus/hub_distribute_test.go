package ostatus_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/websub"
)

// A subscriber that is down for a day gets what it missed, in order and once, when it
// is up again. The others have it at once.
func TestASubscriberThatIsDownForADay(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		ann := s.person("ann")
		s.start()
		down, up := newSubscriber(s.t), newSubscriber(s.t)
		s.subscribes(down, annsFeed, "a")
		s.subscribes(up, annsFeed, "b")
		var tried atomic.Int64
		down.set(func() {
			down.take = func(w http.ResponseWriter) {
				tried.Add(1)
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		var want []string
		for i := range 24 {
			want = append(want, s.post(ann, noteOf(i)).ID)
			until(s.t, "it is delivered to who is up", func() bool { return len(up.deliveries()) == i+1 })
			s.pass(time.Hour)
			s.rests()
		}
		if n := tried.Load(); n < 8 || n > 40 {
			s.t.Errorf("it was tried %d times in a day", n)
		}
		equal(s.t, "taken while it is down", len(down.got()), 0)
		down.set(func() { down.take = nil })
		// Nobody has heard of its host, which for that long is asked a few times a day.
		for hours := 0; len(down.deliveries()) < len(want); hours++ {
			if hours > 12 {
				s.t.Fatalf("%d hours after it is up again it has %q", hours, down.got())
			}
			s.pass(time.Hour)
			s.rests()
		}
		equal(s.t, "what it missed", down.got(), want)
		want = append(want, s.post(ann, note("afterwards")).ID)
		until(s.t, "both have it", func() bool { return len(down.deliveries()) == len(want) && len(up.deliveries()) == len(want) })
		s.pass(24 * time.Hour)
		s.rests()
		equal(s.t, "what it has", down.got(), want)
		equal(s.t, "what the other has", up.got(), want)
		for _, d := range down.deliveries() {
			same(s.t, "entries of a document", len(d.feed.Entries), 1)
			same(s.t, "signature", websub.CheckSignature(d.header.Get("X-Hub-Signature"), "a", d.body), websub.Authentic)
		}
		until(s.t, "what all have is forgotten", func() bool { return s.number("SELECT COUNT(*) FROM hub_publications") == 0 })
	})
}

// A subscriber that renews is up, and does not wait for what it missed any longer.
func TestWhoRenewsGetsWhatItMissed(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		ann := s.person("ann")
		s.start()
		p := newSubscriber(s.t)
		s.subscribes(p, annsFeed, "a")
		p.set(func() { p.take = refuse(http.StatusInternalServerError) })
		want := []string{s.post(ann, note("one")).ID}
		until(s.t, "it has failed", func() bool {
			return s.number("SELECT COUNT(*) FROM hub_subscribers WHERE failures = 1 AND hold = 0") == 1
		})
		want = append(want, s.post(ann, note("two")).ID)
		p.set(func() { p.take = nil })
		s.rests()
		equal(s.t, "before", len(p.got()), 0)
		s.subscribes(p, annsFeed, "b")
		until(s.t, "it has all", func() bool { return len(p.deliveries()) == 2 })
		s.rests()
		equal(s.t, "what it has", p.got(), want)
	})
}

// However fast things are posted, each subscriber gets them in the order in which
// they stand in the feed, and once.
func TestManyPostsAtOnce(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		ann := s.person("ann")
		s.start()
		quick, slow := newSubscriber(s.t), newSubscriber(s.t)
		s.subscribes(quick, annsFeed, "a")
		s.subscribes(slow, annsFeed, "b")
		slow.set(func() {
			turns := 0
			slow.take = func(w http.ResponseWriter) {
				if turns++; turns%5 == 0 {
					<-time.After(20 * time.Millisecond)
				}
			}
		})
		const posts = 20 // a page of the feed
		var all sync.WaitGroup
		for writer := range 4 {
			all.Go(func() {
				for i := range posts / 4 {
					s.post(ann, noteOf(writer*100+i))
				}
			})
		}
		all.Wait()
		var want []string
		for _, e := range s.get("/users/ann/feed.atom").Entries {
			want = append([]string{e.ID}, want...)
		}
		same(s.t, "entries of the feed", len(want), posts)
		until(s.t, "both have all", func() bool { return len(quick.got()) >= posts && len(slow.got()) >= posts })
		s.rests()
		equal(s.t, "one has", quick.got(), want)
		equal(s.t, "the other has", slow.got(), want)
	})
}

// A callback that is gone (410) gets nothing more, one that is not there (404) for
// some days neither.
func TestCallbacksThatAreGone(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		ann := s.person("ann")
		s.start()
		p := newSubscriber(s.t)
		left := func() int64 { return s.number("SELECT COUNT(*) FROM hub_subscribers") }
		s.subscribes(p, annsFeed, "a")
		p.set(func() { p.take = refuse(http.StatusGone) })
		s.post(ann, note("one"))
		until(s.t, "the subscription has ended", func() bool { return left() == 0 })

		s.subscribes(p, annsFeed, "a")
		p.set(func() { p.take = refuse(http.StatusNotFound) })
		s.post(ann, note("two"))
		s.rests()
		for range 3 {
			s.pass(23 * time.Hour)
			s.rests()
			same(s.t, "subscriptions", left(), 1)
		}
		s.pass(4 * time.Hour)
		until(s.t, "the subscription has ended", func() bool { return left() == 0 })
		until(s.t, "what was kept for it is forgotten", func() bool { return s.number("SELECT COUNT(*) FROM hub_publications") == 0 })
	})
}

// thousand are a thousand subscribers of the feed of ann, on twenty hosts, who count what
// they get. Whatever is delivered waits for gate, if there is one.
type thousand struct {
	gate chan struct{}

	mu          sync.Mutex
	came        int            // deliveries that have begun
	got, bodies map[string]int // deliveries that are over, by callback and by body
	bad         int            // those that are not signed with the secret
}

const aThousand = 1000

func (k *thousand) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	k.mu.Lock()
	k.came++
	k.mu.Unlock()
	if k.gate != nil {
		<-k.gate
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil || websub.CheckSignature(r.Header.Get("X-Hub-Signature"), "of "+r.URL.Path, body) != websub.Authentic {
		k.bad++
	}
	k.got[r.Host+r.URL.Path]++
	k.bodies[string(body)]++
}

// number is what a count of theirs says now.
func (k *thousand) number(count func() int) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return count()
}

// thousandFollow makes a thousand subscribers.
func (s *hubSite) thousandFollow(ann *models.Actor, gate chan struct{}) *thousand {
	s.t.Helper()
	k := &thousand{gate: gate, got: map[string]int{}, bodies: map[string]int{}}
	var hosts []string
	for range 20 {
		server := httptest.NewServer(k)
		s.t.Cleanup(server.Close)
		hosts = append(hosts, strings.TrimPrefix(server.URL, "http://"))
	}
	s.write(func(ctx context.Context, tx *models.Tx) error {
		for i := range aThousand {
			host, path := hosts[i%len(hosts)], fmt.Sprint("/", i)
			_, err := tx.SetHubSubscriber(ctx, models.HubSubscriber{Topic: annsFeed, Callback: "http://" + host + path, Host: host, OwnerID: ann.ID,
				Secret: "of " + path, Algorithm: "sha1", Expires: s.now().Add(time.Hour)}, s.now())
			if err != nil {
				return err
			}
		}
		return nil
	})
	return k
}

// has waits until all of them have so many posts, and demands that each has each once,
// and that each was written once.
func (k *thousand) has(s *hubSite, posts int) {
	s.t.Helper()
	until(s.t, "all have it", func() bool {
		return k.number(func() (n int) {
			for _, of := range k.got {
				n += of
			}
			return n
		}) >= posts*aThousand
	})
	s.rests()
	k.mu.Lock()
	defer k.mu.Unlock()
	for callback, n := range k.got {
		if n != posts {
			s.t.Errorf("%s got %d deliveries", callback, n)
		}
	}
	same(s.t, "different bodies", len(k.bodies), posts)
	same(s.t, "renderings", s.rendered.Load(), int64(posts))
	same(s.t, "deliveries that are not signed with the secret", k.bad, 0)
	same(s.t, "publications that are kept", s.number("SELECT COUNT(*) FROM hub_publications"), 0)
}

// One post to a thousand subscribers is written once, and delivered a thousand times.
func TestAThousandSubscribers(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		ann := s.person("ann")
		k := s.thousandFollow(ann, nil)
		s.start()
		s.post(ann, note("hello"))
		k.has(s, 1)
	})
}

// A post that comes while another is under way is delivered by a second task, to those
// whom the first has not come to yet: they lack both. Each is written once all the same.
func TestTwoPostsToAThousand(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		ann := s.person("ann")
		gate := make(chan struct{})
		k := s.thousandFollow(ann, gate)
		s.start()
		open := sync.OnceFunc(func() { close(gate) })
		s.t.Cleanup(open)
		// One task has four deliveries under way to each of twenty hosts.
		s.post(ann, note("one"))
		until(s.t, "the first task waits", func() bool { return k.number(func() int { return k.came }) == 80 })
		s.post(ann, note("two"))
		until(s.t, "the second task waits", func() bool { return k.number(func() int { return k.came }) == 160 })
		open()
		k.has(s, 2)
	})
}

// What is said, shared, liked, changed and taken back is told, each by the entry that
// it is in the feed; what is not for everybody is not, nor what concerns nobody else.
func TestWhatIsPublished(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		ann, bob := s.person("ann"), s.person("bob")
		s.start()
		p := newSubscriber(s.t)
		s.subscribes(p, annsFeed, "a")
		followers := &vocab.Object{ID: s.Names().Followers("ann"), Type: vocab.TypeCollection}
		bobs := s.post(bob, note("of bob"))
		first := s.post(ann, note("first"))
		share := s.do(ann, &vocab.Activity{Verb: vocab.VerbShare, Object: bobs.Ref()})
		like := s.do(ann, &vocab.Activity{Verb: vocab.VerbFavorite, Object: bobs.Ref()})
		s.post(ann, note("for followers"), followers)
		s.do(ann, &vocab.Activity{Verb: vocab.VerbFollow, Object: bob.Doc.Ref()})
		s.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: &vocab.Object{Type: vocab.TypeCollection, DisplayName: "Friends", ObjectTypes: []string{vocab.TypePerson}}})
		changed := first.Ref()
		changed.Content = "changed"
		s.do(ann, &vocab.Activity{Verb: vocab.VerbUpdate, Object: changed})
		s.do(ann, &vocab.Activity{Verb: vocab.VerbDelete, Object: first.Ref()})
		s.do(ann, &vocab.Activity{Verb: vocab.VerbUnshare, Object: bobs.Ref()})
		last := s.post(ann, note("last"), followers, &vocab.Object{ID: vocab.PublicID, Type: vocab.TypeCollection})
		until(s.t, "the last thing is told", func() bool { ids := p.got(); return len(ids) > 0 && ids[len(ids)-1] == last.ID })
		s.rests()
		var got []string
		for _, d := range p.deliveries() {
			e := d.feed.Entries[0]
			got = append(got, e.Verb[strings.LastIndexByte(e.Verb, '/')+1:]+" "+e.ID)
		}
		// Some may have been delivered before they were changed or taken back.
		want := []string{"post " + first.ID, "share " + share.Doc.ID, "favorite " + like.Doc.ID, "post " + first.ID, "delete " + first.ID, "delete " + share.Doc.ID, "post " + last.ID}
		if rest := without(want, got); len(without(got, want)) > 0 || len(without(rest, []string{want[0], want[1]})) > 0 {
			s.t.Errorf("got %q\nwant %q", got, want)
		}
	})
}

// without is list without what is in drop.
func without(list, drop []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(x string) bool { return slices.Contains(drop, x) })
}

// What was deleted while a subscriber was down is not shown to it any more; that it
// was deleted is told, in case somebody else had it from elsewhere.
func TestWhatWasDeletedMeanwhile(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		ann := s.person("ann")
		s.start()
		p := newSubscriber(s.t)
		s.subscribes(p, annsFeed, "a")
		p.set(func() { p.take = refuse(http.StatusBadGateway) })
		secret := s.post(ann, note("I regret this"))
		until(s.t, "it has failed", func() bool {
			return s.number("SELECT COUNT(*) FROM hub_subscribers WHERE failures = 1 AND hold = 0") == 1
		})
		s.do(ann, &vocab.Activity{Verb: vocab.VerbDelete, Object: secret.Ref()})
		kept := s.post(ann, note("I stand by this"))
		p.set(func() { p.take = nil })
		s.pass(time.Hour)
		until(s.t, "it has what is left", func() bool { return slices.Contains(p.got(), kept.ID) })
		equal(s.t, "entries", p.got(), []string{secret.ID, kept.ID})
		if d := p.deliveries()[0]; !strings.HasSuffix(d.feed.Entries[0].Verb, "/delete") || strings.Contains(string(d.body), "regret") {
			s.t.Errorf("the first delivery is\n%s", d.body)
		}
	})
}

// Followers on OStatus hear by the feed of what is for everybody, and of what is not
// their server is asked to tell the author that they do not.
func TestWhoIsToldByTheFeed(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		ann := s.person("ann")
		far := s.remote("far", "gs.example")
		const inbox = "https://gs.example/main/salmon/user/1"
		s.write(func(ctx context.Context, tx *models.Tx) error {
			return errors.Join(tx.SetPresence(ctx, models.Presence{ActorID: far.ID, Network: "ostatus", IRI: "https://gs.example/user/1", Inbox: inbox}),
				tx.AddEdge(ctx, &models.Edge{Kind: models.Follows, ActorID: far.ID, TargetID: ann.ID, State: models.InForce, Created: s.now()}))
		})
		s.start()
		followers := &vocab.Object{ID: s.Names().Followers("ann"), Type: vocab.TypeCollection}
		public := s.post(ann, note("for everybody"))
		s.do(ann, &vocab.Activity{Verb: vocab.VerbFavorite, Object: public.Ref()})
		secret := s.post(ann, note("for followers"), followers)
		s.do(ann, &vocab.Activity{Verb: vocab.VerbDelete, Object: secret.Ref()})
		s.do(ann, &vocab.Activity{Verb: vocab.VerbUpdate, Object: &vocab.Object{ID: ann.Doc.ID, Type: vocab.TypePerson, DisplayName: "Ann of Green Gables"}})
		s.post(ann, note("hello you"), far.Doc.Ref(), &vocab.Object{ID: vocab.PublicID, Type: vocab.TypeCollection})
		var told []string
		for range 4 {
			select {
			case one := <-s.told:
				told = append(told, one)
			case <-time.After(patience):
				s.t.Fatalf("waited in vain for a delivery after %q", told)
			}
		}
		until(s.t, "all is delivered", func() bool {
			return s.number("SELECT COUNT(*) FROM river_job WHERE kind = 'deliver' AND state NOT IN ('completed')") == 0
		})
		slices.Sort(told)
		equal(s.t, "deliveries", told, []string{"delete " + inbox, "post " + inbox, "post " + inbox, "update " + inbox})
		same(s.t, "further deliveries", len(s.told), 0)
	})
}

// What members say to a group of ours stands in its feed, whichever server they are
// on; what others say does not.
func TestFeedOfAGroup(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		ann := s.person("ann")
		member, stranger := s.remote("member", "far.example"), s.remote("stranger", "far.example")
		everybody := &vocab.Object{ID: vocab.PublicID, Type: vocab.TypeCollection}
		made := s.do(ann, &vocab.Activity{Verb: vocab.VerbCreate, Object: &vocab.Object{Type: vocab.TypeGroup, DisplayName: "Guild"}})
		group, err := s.DB().Actor(s.t.Context(), made.Object.ID)
		if err != nil {
			s.t.Fatal(err)
		}
		s.do(ann, &vocab.Activity{Verb: vocab.VerbJoin, Object: group.Doc.Ref()})
		s.write(func(ctx context.Context, tx *models.Tx) error {
			return tx.AddEdge(ctx, &models.Edge{Kind: models.MemberOf, ActorID: member.ID, TargetID: group.ID, State: models.InForce, Created: s.now()})
		})
		s.start()
		p := newSubscriber(s.t)
		s.subscribes(p, group.Doc.ID+"/feed.atom", "a")
		one := s.post(ann, note("one"), group.Doc.Ref(), everybody)
		s.post(ann, note("for members"), group.Doc.Ref())
		for i, sender := range []*models.Actor{stranger, member} {
			id := fmt.Sprint("https://far.example/notes/", i)
			_, err := s.Receive(s.t.Context(), bridge.Arrival{SenderID: sender.ID, Network: "activitypub", Activity: &vocab.Activity{ID: id + "/create", Verb: vocab.VerbPost,
				Actor: sender.Doc.Ref(), To: []*vocab.Object{group.Doc.Ref(), everybody}, Object: &vocab.Object{ID: id, Type: vocab.TypeNote, Content: "two"}}})
			if err != nil {
				s.t.Fatal(err)
			}
		}
		until(s.t, "all is delivered", func() bool { return len(p.deliveries()) == 2 })
		s.rests()
		equal(s.t, "entries", p.got(), []string{one.ID, "https://far.example/notes/1"})
		for i, d := range p.deliveries() {
			same(s.t, "self", href(d.feed.Links, "self"), group.Doc.ID+"/feed.atom")
			same(s.t, "author of the entry", d.feed.Entries[0].Authors[0].Name, []string{"ann", "member"}[i])
		}
	})
}

// The subscriptions to the feed of a group that is no more end.
func TestTheEndOfAFeed(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		ann := s.person("ann")
		made := s.do(ann, &vocab.Activity{Verb: vocab.VerbCreate, Object: &vocab.Object{Type: vocab.TypeGroup, DisplayName: "Guild"}})
		s.start()
		p := newSubscriber(s.t)
		s.subscribes(p, made.Doc.Object.ID+"/feed.atom", "a")
		s.subscribes(p, annsFeed, "a")
		same(s.t, "subscriptions", s.number("SELECT COUNT(*) FROM hub_subscribers"), 2)
		s.do(ann, &vocab.Activity{Verb: vocab.VerbDelete, Object: made.Doc.Object.Ref()})
		until(s.t, "one has ended", func() bool { return s.number("SELECT COUNT(*) FROM hub_subscribers") == 1 })
		same(s.t, "subscriptions to the other", s.number("SELECT COUNT(*) FROM hub_subscribers WHERE topic = '"+annsFeed+"'"), 1)
	})
}

// remote makes somebody of another server.
func (s *hubSite) remote(nick, host string) *models.Actor {
	s.t.Helper()
	a := &models.Actor{Type: vocab.TypePerson, Nickname: nick, Host: host, Created: s.now(), Updated: s.now(), Doc: &vocab.Object{ID: "https://" + host + "/" + nick,
		Type: vocab.TypePerson, PreferredUsername: nick, DisplayName: nick}}
	s.write(func(ctx context.Context, tx *models.Tx) error { return tx.CreateActor(ctx, a, a.Doc.ID) })
	return a
}

// hubEnv makes this test binary play a server on the database that it names, until it
// is killed.
const hubEnv = "OSTATUS_TEST_HUB"

func TestMain(m *testing.M) {
	if database := os.Getenv(hubEnv); database != "" {
		os.Exit(serveUntilKilled(database))
	}
	os.Exit(m.Run())
}

func serveUntilKilled(database string) int {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends when the test that started us does
		os.Exit(1)
	}()
	ctx := context.Background()
	_, b, _, _, err := openHub(ctx, database, "killed", time.Now)
	if err == nil {
		err = b.Start(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("started")
	select {}
}

// A process that is killed in the middle of its deliveries has delivered some things
// and written down nothing: the next one goes on from there, and what comes twice is
// the same both times.
func TestAHubThatIsKilled(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		ann := s.person("ann")
		p, q := newSubscriber(s.t), newSubscriber(s.t)
		for _, one := range []*subscriber{p, q} {
			same(s.t, "status", s.hub("hub.mode", "subscribe", "hub.topic", annsFeed, "hub.callback", one.callback(), "hub.secret", "a", "hub.verify", "sync").Code,
				http.StatusNoContent)
		}
		var want []string
		for i := range 5 {
			want = append(want, s.post(ann, noteOf(i)).ID)
		}
		inThird, killed := make(chan bool, 1), make(chan bool)
		p.set(func() {
			n := 0
			p.take = func(w http.ResponseWriter) {
				if n++; n == 3 {
					inThird <- true
					<-killed
					panic(http.ErrAbortHandler)
				}
			}
		})
		s.kill(inThird)
		p.set(func() { p.take = nil })
		close(killed)
		equal(s.t, "taken before", p.got(), want[:2])
		equal(s.t, "what is written down", s.number("SELECT COUNT(*) FROM hub_subscribers WHERE hold <> 0"), 2)

		if _, err := s.DB().SQL().ExecContext(s.t.Context(), "UPDATE processes SET heartbeat = heartbeat - 100000 WHERE name LIKE 'killed-%'"); err != nil {
			s.t.Fatal(err)
		}
		s.start()
		s.pass(0)
		until(s.t, "both have all", func() bool {
			return slices.Contains(p.got(), want[4]) && len(q.got()) >= 5 && s.number("SELECT COUNT(*) FROM hub_publications") == 0
		})
		s.rests()
		equal(s.t, "taken", p.got(), append(slices.Clone(want[:2]), want...))
		seen := map[string]string{}
		for _, d := range slices.Concat(p.deliveries(), q.deliveries()) {
			id, body := d.feed.Entries[0].ID, string(d.body)
			if seen[id] != "" && seen[id] != body {
				s.t.Errorf("%s is another the second time", id)
			}
			seen[id] = body
		}
		same(s.t, "entries", len(seen), 5)
	})
}

// kill starts the server as a process of its own and kills it, as kill -9 does, when
// reached says so.
func (s *hubSite) kill(reached <-chan bool) {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), hubEnv+"="+s.address)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	defer stdin.Close()
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	defer func() {
		if err := cmd.Process.Kill(); err != nil {
			s.t.Error(err)
		}
		_ = cmd.Wait() // says that it was killed
	}()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "started\n" {
		s.t.Fatalf("the process says %q, %v", line, err)
	}
	select {
	case <-reached:
	case <-time.After(patience):
		s.t.Fatal("waited in vain for the third delivery")
	}
}
