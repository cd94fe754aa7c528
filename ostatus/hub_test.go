package ostatus_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"manifold/bridge"
	"manifold/internal/outbound"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus"
	"manifold/ostatus/websub"
)

// patience is how long a test waits for what should happen at once.
const patience = 30 * time.Second

func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	poll := time.NewTicker(2 * time.Millisecond)
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

// hubSite is a site whose hub works, and whose clock can be put forward.
type hubSite struct {
	*site
	server   *ostatus.Server
	address  string
	passed   atomic.Int64
	rendered atomic.Int64
	// told are the activities that were delivered to somebody who is not told by the
	// feed.
	told chan string
}

// only is the network as far as the hub needs it: what is delivered is noted.
type only struct {
	*ostatus.Server
	told chan string
}

func (only) Name() string   { return ostatus.Network }
func (only) Confirms() bool { return false }
func (only) Discover(context.Context, string) (*bridge.Account, error) {
	return nil, bridge.ErrUnknownAccount
}
func (only) Fetch(context.Context, string) (*bridge.Found, error) { return nil, bridge.ErrNoThing }
func (o only) Deliver(_ context.Context, d *bridge.Delivery) ([]string, error) {
	for _, inbox := range d.Inboxes {
		o.told <- d.Activity.Verb + " " + inbox
	}
	return nil, nil
}

// openHub opens a site on a database that has its tables.
func openHub(ctx context.Context, address, name string, now func() time.Time) (*models.DB, *bridge.Bridge, *ostatus.Server, chan string, error) {
	db, err := models.Open(ctx, models.Options{Database: address, Name: fmt.Sprint(name, "-", time.Now().UnixNano())})
	if err != nil {
		return nil, nil, nil, nil, err
	}
	fail := func(err error) (*models.DB, *bridge.Bridge, *ostatus.Server, chan string, error) {
		return nil, nil, nil, nil, fmt.Errorf("%w, %v", err, db.Close())
	}
	if err := db.Join(ctx); err != nil {
		return fail(err)
	}
	base, err := url.Parse(home)
	if err != nil {
		return fail(err)
	}
	b, err := bridge.New(bridge.Options{DB: db, BaseURL: base, SiteName: "Test", Now: now})
	if err != nil {
		return fail(err)
	}
	server, err := ostatus.New(ostatus.Options{Bridge: b, Version: "1.2.3", Now: now,
		Outbound: outbound.New(outbound.Options{AllowPrivate: true, Timeout: 5 * time.Second})})
	if err != nil {
		return fail(err)
	}
	told := make(chan string, 1000)
	b.Connect(only{server, told})
	return db, b, server, told, nil
}

// onHubs runs a test with a site on each kind of database.
func onHubs(t *testing.T, test func(s *hubSite)) {
	t.Parallel()
	for name, address := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newHubSite(t, prepared(t, address(t))))
		})
	}
}

// prepared makes the tables of a database.
func prepared(t *testing.T, address string) string {
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
	return address
}

func newHubSite(t *testing.T, address string) *hubSite {
	t.Helper()
	s := &hubSite{address: address}
	db, b, server, told, err := openHub(t.Context(), address, "hub", s.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	s.site = &site{Bridge: b, t: t, router: mux.NewRouter().UseEncodedPath().SkipClean(true)}
	s.server, s.told = server, told
	server.Register(s.router)
	server.ObserveHub(func(string) {}, func() { s.rendered.Add(1) })
	return s
}

func (s *hubSite) now() time.Time { return time.Now().Add(time.Duration(s.passed.Load())) }

// start has tasks done, until the test ends.
func (s *hubSite) start() {
	s.t.Helper()
	if err := s.Start(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			s.t.Error(err)
		}
	})
}

// pass puts the clock forward, and has the network look after what it has to.
func (s *hubSite) pass(d time.Duration) {
	s.t.Helper()
	s.passed.Add(int64(d))
	if err := s.server.Tend(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// number asks the database for one number.
func (s *hubSite) number(query string) (n int64) {
	s.t.Helper()
	if err := s.DB().SQL().QueryRowContext(s.t.Context(), query).Scan(&n); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// rests waits until all tasks that there were have come to rest.
func (s *hubSite) rests() {
	s.t.Helper()
	until(s.t, "all tasks are done", func() bool {
		return s.number("SELECT COUNT(*) FROM river_job WHERE kind = 'task' AND state IN ('available', 'running', 'pending')") == 0
	})
}

// post sends a form to the hub.
func (s *hubSite) hub(pairs ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return s.hubBody(form.Encode())
}

func (s *hubSite) hubBody(body string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodPost, home+"/hub", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.router.ServeHTTP(w, r)
	return w
}

// subscriber is a server that subscribes to feeds.
type subscriber struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	asked    []url.Values
	received []delivery
	// answer replaces the answer to the hub's question, take that to a delivery.
	answer func(w http.ResponseWriter, q url.Values)
	take   func(w http.ResponseWriter)
}

// delivery is what a hub has posted.
type delivery struct {
	header http.Header
	body   []byte
	feed   feed
}

func newSubscriber(t *testing.T) *subscriber {
	p := &subscriber{t: t}
	p.server = httptest.NewServer(p)
	t.Cleanup(p.server.Close)
	return p
}

// set changes how the subscriber answers.
func (p *subscriber) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *subscriber) callback() string { return p.server.URL + "/main/push/callback/7?site=1" }

func (p *subscriber) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		q := r.URL.Query()
		p.mu.Lock()
		p.asked = append(p.asked, q)
		answer := p.answer
		p.mu.Unlock()
		if answer != nil {
			answer(w, q)
			return
		}
		_, _ = io.WriteString(w, q.Get("hub.challenge"))
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	d := delivery{header: r.Header, body: body}
	if err := xml.Unmarshal(body, &d.feed); err != nil {
		p.t.Errorf("a delivery is no feed: %v\n%s", err, body)
	}
	p.mu.Lock()
	take := p.take
	p.mu.Unlock()
	taken := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	if take != nil {
		take(taken)
	}
	if taken.status/100 == 2 {
		p.mu.Lock()
		p.received = append(p.received, d)
		p.mu.Unlock()
	}
}

// statusWriter remembers a status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// refuse answers deliveries with a status.
func refuse(status int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { w.WriteHeader(status) }
}

func (p *subscriber) deliveries() []delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.received)
}

func (p *subscriber) questions() []url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// got are the ids of what was taken, in order.
func (p *subscriber) got() []string {
	var ids []string
	for _, d := range p.deliveries() {
		for _, e := range d.feed.Entries {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// subscribes asks for a topic, and waits until that is done.
func (s *hubSite) subscribes(p *subscriber, topic, secret string, more ...string) {
	s.t.Helper()
	w := s.hub(append([]string{"hub.mode", "subscribe", "hub.topic", topic, "hub.callback", p.callback(), "hub.secret", secret}, more...)...)
	if w.Code != http.StatusAccepted {
		s.t.Fatalf("subscribing: %d %s", w.Code, w.Body)
	}
	s.verified()
}

// verified waits until nobody has to be asked any more.
func (s *hubSite) verified() {
	s.t.Helper()
	until(s.t, "the subscriber was asked", func() bool { return s.number("SELECT COUNT(*) FROM hub_requests") == 0 })
}

const annsFeed = home + "/users/ann/feed.atom"

// The whole dance, as GNU social does it: subscribe, be asked, get what is posted
// with a signature, renew, unsubscribe.
func TestSubscribing(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		ann := s.person("ann")
		s.start()
		s.post(ann, note("before"))
		p := newSubscriber(s.t)
		s.subscribes(p, annsFeed, "secret", "hub.verify", "async", "hub.verify_token", "Deprecated-since-PuSH-0.4", "hub.lease_seconds", "2592000")
		q := p.questions()[0]
		challenge := q.Get("hub.challenge")
		if len(challenge) < 20 {
			s.t.Errorf("the challenge %q can be guessed", challenge)
		}
		q.Del("hub.challenge")
		same(s.t, "question", q.Encode(), url.Values{"site": {"1"}, "hub.mode": {"subscribe"}, "hub.topic": {annsFeed}, "hub.lease_seconds": {"2592000"},
			"hub.verify_token": {"Deprecated-since-PuSH-0.4"}}.Encode())
		id := s.post(ann, note("hello")).ID
		until(s.t, "it is delivered", func() bool { return len(p.deliveries()) == 1 })
		d := p.deliveries()[0]
		same(s.t, "Content-Type", d.header.Get("Content-Type"), "application/atom+xml")
		same(s.t, "Link", d.header.Get("Link"), `<`+home+`/hub>; rel="hub", <`+annsFeed+`>; rel="self"`)
		same(s.t, "signature", websub.CheckSignature(d.header.Get("X-Hub-Signature"), "secret", d.body), websub.Authentic)
		if !strings.HasPrefix(d.header.Get("X-Hub-Signature"), "sha1=") {
			s.t.Errorf("signed with %s", d.header.Get("X-Hub-Signature"))
		}
		same(s.t, "self", href(d.feed.Links, "self"), annsFeed)
		same(s.t, "hub", href(d.feed.Links, "hub"), home+"/hub")
		same(s.t, "salmon", href(d.feed.Links, "salmon"), home+"/salmon/user/ann")
		same(s.t, "author", d.feed.Author.URI, home+"/users/ann")
		equal(s.t, "entries", p.got(), []string{id})

		s.hub("hub.mode", "unsubscribe", "hub.topic", annsFeed, "hub.callback", p.callback())
		s.verified()
		same(s.t, "mode of the last question", p.questions()[1].Get("hub.mode"), "unsubscribe")
		s.post(ann, note("after"))
		s.rests()
		equal(s.t, "entries", p.got(), []string{id})
		same(s.t, "subscriptions", s.number("SELECT COUNT(*) FROM hub_subscribers"), 0)
		same(s.t, "publications", s.number("SELECT COUNT(*) FROM hub_publications"), 0)
	})
}

// Who does not confirm has no subscription; who asks for what is not ours is told so
// at once, in whatever other words our address is.
func TestSubscriptionsThatAreRefused(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		ann := s.person("ann")
		s.start()
		p := newSubscriber(s.t)
		for name, answer := range map[string]func(w http.ResponseWriter, q url.Values){
			"another challenge": func(w http.ResponseWriter, q url.Values) { _, _ = io.WriteString(w, q.Get("hub.challenge")+"x") },
			"no challenge":      func(http.ResponseWriter, url.Values) {},
			"not found":         func(w http.ResponseWriter, q url.Values) { http.Error(w, q.Get("hub.challenge"), http.StatusNotFound) },
			"elsewhere": func(w http.ResponseWriter, q url.Values) {
				w.Header().Set("Location", "/?hub.challenge="+q.Get("hub.challenge"))
				w.WriteHeader(http.StatusSeeOther)
			},
		} {
			p.set(func() { p.answer = answer })
			sync := s.hub("hub.mode", "subscribe", "hub.topic", annsFeed, "hub.callback", p.callback(), "hub.verify", "sync")
			same(s.t, name+", status", sync.Code, http.StatusConflict)
			if name != "elsewhere" { // which may be over soon
				s.subscribes(p, annsFeed, "secret")
			}
			same(s.t, name+", subscriptions", s.number("SELECT COUNT(*) FROM hub_subscribers"), 0)
		}
		asked := len(p.questions())
		for _, topic := range []string{"", "http://us.example/users/ann/feed.atom", home + "/users/ANN/feed.atom", annsFeed + "?before=x", annsFeed + "/", home + "/users/nobody/feed.atom",
			"https://elsewhere.example/users/ann/feed.atom", home + "/api/user/ann/profile/feed.atom", home + "/feed.atom", home + "/api/group/x/feed.atom", ann.Doc.ID + "/feed.atom"} {
			w := s.hub("hub.mode", "subscribe", "hub.topic", topic, "hub.callback", p.callback())
			if w.Code != http.StatusBadRequest || !strings.HasPrefix(w.Body.String(), "hub.topic ") {
				s.t.Errorf("topic %q: %d %s", topic, w.Code, w.Body)
			}
		}
		for body, status := range map[string]int{
			"":                              http.StatusBadRequest,
			"%zz":                           http.StatusBadRequest,
			"hub.mode=publish&hub.url=x":    http.StatusBadRequest,
			strings.Repeat("x", 17<<10):     http.StatusRequestEntityTooLarge,
			"hub.mode=subscribe&hub.topic=": http.StatusBadRequest,
			url.Values{"hub.mode": {"subscribe"}, "hub.topic": {annsFeed}, "hub.callback": {p.server.URL + "/\xff"}}.Encode():                                             http.StatusBadRequest,
			url.Values{"hub.mode": {"unsubscribe"}, "hub.topic": {home + "/\xff"}, "hub.callback": {p.server.URL}}.Encode():                                               http.StatusBadRequest,
			url.Values{"hub.mode": {"unsubscribe"}, "hub.topic": {home + strings.Repeat("/x", 700)}, "hub.callback": {p.server.URL + strings.Repeat("/x", 700)}}.Encode(): http.StatusBadRequest,
		} {
			if w := s.hubBody(body); w.Code != status {
				s.t.Errorf("%.60q: %d %s", body, w.Code, w.Body)
			}
		}
		same(s.t, "questions about these", len(p.questions()), asked)
		same(s.t, "requests", s.number("SELECT COUNT(*) FROM hub_requests"), 0)
	})
}

// StatusNet wants to be verified before it is answered.
func TestSubscribingAtOnce(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		ann := s.person("ann")
		p := newSubscriber(s.t)
		w := s.hub("hub.mode", "subscribe", "hub.topic", annsFeed, "hub.callback", p.callback(), "hub.verify", "sync", "hub.secret", "\x00\xff")
		same(s.t, "status", w.Code, http.StatusNoContent)
		same(s.t, "lease", p.questions()[0].Get("hub.lease_seconds"), strconv.Itoa(30*24*60*60))
		s.start()
		s.post(ann, note("hello"))
		until(s.t, "it is delivered", func() bool { return len(p.deliveries()) == 1 })
		d := p.deliveries()[0]
		same(s.t, "signature", websub.CheckSignature(d.header.Get("X-Hub-Signature"), "\x00\xff", d.body), websub.Authentic)
	})
}

// A subscriber that chooses another secret has it used from when it has confirmed
// that, and not before; of two requests the later counts.
func TestSubscribingAgain(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		ann := s.person("ann")
		s.start()
		p := newSubscriber(s.t)
		s.subscribes(p, annsFeed, "old")
		asked, go1 := make(chan bool, 1), make(chan bool)
		p.set(func() {
			p.answer = func(w http.ResponseWriter, q url.Values) {
				asked <- true
				<-go1
				_, _ = io.WriteString(w, q.Get("hub.challenge"))
			}
		})
		s.hub("hub.mode", "subscribe", "hub.topic", annsFeed, "hub.callback", p.callback(), "hub.secret", "overtaken")
		<-asked
		p.set(func() { p.answer = nil })
		s.post(ann, note("one"))
		until(s.t, "it is delivered", func() bool { return len(p.deliveries()) == 1 })
		w := s.hub("hub.mode", "subscribe", "hub.topic", annsFeed, "hub.callback", p.callback(), "hub.secret", "new", "hub.signature_algorithm", "sha256")
		same(s.t, "status", w.Code, http.StatusAccepted)
		until(s.t, "it was asked again", func() bool { return len(p.questions()) == 3 })
		close(go1)
		s.verified()
		s.rests()
		s.post(ann, note("two"))
		until(s.t, "it is delivered", func() bool { return len(p.deliveries()) == 2 })
		for i, secret := range []string{"old", "new"} {
			d := p.deliveries()[i]
			same(s.t, "signature with "+secret, websub.CheckSignature(d.header.Get("X-Hub-Signature"), secret, d.body), websub.Authentic)
		}
		if signature := p.deliveries()[1].header.Get("X-Hub-Signature"); !strings.HasPrefix(signature, "sha256=") {
			s.t.Errorf("signed with %s", signature)
		}
		same(s.t, "subscriptions", s.number("SELECT COUNT(*) FROM hub_subscribers"), 1)
	})
}

// A feed that is gone by the time that its subscriber is asked is denied.
func TestSubscribingToWhatIsGone(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		ann := s.person("ann")
		p := newSubscriber(s.t)
		same(s.t, "status", s.hub("hub.mode", "subscribe", "hub.topic", annsFeed, "hub.callback", p.callback()).Code, http.StatusAccepted)
		s.write(func(ctx context.Context, tx *models.Tx) error {
			a, err := tx.Actor(ctx, ann.ID)
			if err != nil {
				return err
			}
			gone := *a
			gone.State = models.Deleted
			return tx.UpdateActor(ctx, &gone)
		})
		s.start()
		s.verified()
		until(s.t, "it is told", func() bool { return len(p.questions()) == 1 })
		same(s.t, "mode", p.questions()[0].Get("hub.mode"), "denied")
		same(s.t, "subscriptions", s.number("SELECT COUNT(*) FROM hub_subscribers"), 0)
	})
}

// One host cannot have us send it the same without bounds.
func TestTooManyCallbacks(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		s.person("ann")
		p := newSubscriber(s.t)
		for i := range 101 {
			w := s.hub("hub.mode", "subscribe", "hub.topic", annsFeed, "hub.callback", fmt.Sprint(p.callback(), "&n=", i), "hub.verify", "sync")
			if want := map[bool]int{true: http.StatusNoContent, false: http.StatusBadRequest}[i < 100]; w.Code != want {
				s.t.Fatalf("callback %d: %d %s", i, w.Code, w.Body)
			}
		}
		same(s.t, "renewing", s.hub("hub.mode", "subscribe", "hub.topic", annsFeed, "hub.callback", p.callback()+"&n=5", "hub.verify", "sync").Code, http.StatusNoContent)
		same(s.t, "one more", s.hub("hub.mode", "subscribe", "hub.topic", annsFeed, "hub.callback", p.callback()).Code, http.StatusBadRequest)
	})
}

// Leases are within bounds. One that has ended is served for some days, since many
// servers renew late, and no longer.
func TestLeases(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		ann := s.person("ann")
		s.start()
		p := newSubscriber(s.t)
		for asked, given := range map[string]string{"60": "259200", "": "2592000", "0": "2592000", "999999999": "2592000", "604800": "604800"} {
			before := len(p.questions())
			s.subscribes(p, annsFeed, "secret", "hub.lease_seconds", asked)
			same(s.t, "lease for "+asked, p.questions()[before].Get("hub.lease_seconds"), given)
		}
		s.subscribes(p, annsFeed, "secret", "hub.lease_seconds", "1")
		s.pass(5 * 24 * time.Hour)
		id := s.post(ann, note("in the days of grace")).ID
		until(s.t, "it is delivered", func() bool { return len(p.deliveries()) == 1 })
		s.rests()
		s.passed.Add(int64(25 * time.Hour))
		s.post(ann, note("after them"))
		until(s.t, "the subscription has ended", func() bool { return s.number("SELECT COUNT(*) FROM hub_subscribers") == 0 })
		s.rests()
		equal(s.t, "entries", p.got(), []string{id})

		s.subscribes(p, annsFeed, "secret", "hub.lease_seconds", "1")
		s.pass(6*24*time.Hour - time.Minute)
		same(s.t, "subscriptions before the end", s.number("SELECT COUNT(*) FROM hub_subscribers"), 1)
		s.pass(2 * time.Minute)
		same(s.t, "subscriptions after it", s.number("SELECT COUNT(*) FROM hub_subscribers"), 0)
	})
}

var _ bridge.Publisher = (*ostatus.Server)(nil)

func noteOf(i int) *vocab.Object { return note("number " + strconv.Itoa(i)) }
