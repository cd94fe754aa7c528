package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"manifold/integration/fediverse"
)

// newCrowd makes servers of the fediverse that end with the test.
func newCrowd(t *testing.T) *fediverse.Fediverse {
	t.Helper()
	f, err := fediverse.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// host adds a host to a crowd.
func host(t *testing.T, f *fediverse.Fediverse) *fediverse.Host {
	t.Helper()
	h, err := f.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// hosts adds many hosts to a crowd, each on an address of its own.
func hosts(t *testing.T, f *fediverse.Fediverse, n int) []*fediverse.Host {
	t.Helper()
	all := make([]*fediverse.Host, n)
	for i := range all {
		var err error
		if all[i], err = f.Listen(fmt.Sprintf("127.1.%d.%d:0", i/250, 1+i%250)); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// gathers has people of a crowd follow somebody, and waits until they do.
func (p *person) gathers(followers ...*fediverse.Person) {
	p.t.Helper()
	var all sync.WaitGroup
	errs := make([]error, len(followers))
	places := make(chan struct{}, 16)
	for i, f := range followers {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			errs[i] = p.takes(f, f.Follow(p.actor(), 0))
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		p.t.Fatalf("followers: %v", err)
	}
	eventuallyWithin(p.t, 2*time.Minute, fmt.Sprintf("%s has %d followers", p.nick, len(followers)), func() error {
		var page struct{ TotalItems int }
		p.ask("GET", p.path("followers"), nil, &page)
		if page.TotalItems != len(followers) {
			return fmt.Errorf("%d of them", page.TotalItems)
		}
		return nil
	})
}

// takes sends an activity of somebody to the inbox of a person, which has to be
// taken.
func (p *person) takes(from *fediverse.Person, activity any) error {
	status, answer, err := from.Deliver(browser, p.server.address, p.actor()+"/inbox", activity)
	if err == nil && status != http.StatusAccepted {
		err = fmt.Errorf("%s delivers, and the status is %d: %.200s", from.ID, status, answer)
	}
	return err
}

// federated starts a server with ann, on SQLite.
func federated(t *testing.T) *person {
	t.Helper()
	s := newServer(t, t.TempDir()+"/manifold.db", federating...)
	s.start()
	return s.person("ann")
}

// arrives waits until an activity is in the inbox of somebody elsewhere.
func arrives(t *testing.T, f *fediverse.Fediverse, who *fediverse.Person, id string, within time.Duration) {
	t.Helper()
	eventuallyWithin(t, within, who.ID+" gets "+id, func() error {
		if inbox := f.Inbox(who.Inbox); !slices.Contains(inbox, id) {
			return fmt.Errorf("there is %v", inbox)
		}
		return nil
	})
}

func isDelivery(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/inbox")
}

// TestCrowdWithFedify shows that the servers which the other tests play are
// believed by somebody else: their signatures, their people, their activities.
func TestCrowdWithFedify(t *testing.T) {
	t.Parallel()
	peer, crowd := startFedify(t), newCrowd(t)
	fay, zoe := peer.friend("fay", nil), host(t, crowd).Person("zoe")
	for _, activity := range []map[string]any{zoe.Follow(fay.id, 1), zoe.Note(1, "<p>Hello</p>")} {
		if status, answer, err := zoe.Deliver(browser, "", fay.id+"/inbox", activity); err != nil || status != http.StatusAccepted {
			t.Errorf("%v is answered with %d: %s (%v)", activity["id"], status, answer, err)
		}
	}
	peer.receives("the note", about("Create", zoe.ID, zoe.ID+"/notes/1"))
	eventually(t, "fay answers the follow", func() error {
		if len(crowd.Inbox(zoe.Inbox)) != 1 {
			return errors.New("she has not")
		}
		return fay.followedBy(zoe.ID)
	})
	if status := send(t, &server{address: strings.TrimPrefix(peer.url, "http://")}, fay.id+"/inbox", http.Header{"Content-Type": {fediverse.ContentType}}, encode(t, zoe.Note(2, "unsigned"))); status != http.StatusUnauthorized {
		t.Errorf("an unsigned note is answered with %d", status)
	}
}

// TestPeerRecovers has a peer fail at first: the next attempt, a quarter of a
// minute later, brings the same activity. How attempts go on for hours is tested
// with the queue.
func TestPeerRecovers(t *testing.T) {
	t.Parallel()
	ann, crowd := federated(t), newCrowd(t)
	var fails atomic.Bool
	var failed atomic.Int64
	crowd.Answered = func(w http.ResponseWriter, r *http.Request) bool {
		if !fails.Load() || !isDelivery(r) {
			return false
		}
		failed.Add(1)
		http.Error(w, "out of order", http.StatusInternalServerError)
		return true
	}
	zoe := host(t, crowd).Person("zoe")
	ann.gathers(zoe)
	fails.Store(true)
	id := ann.publishes(note("Are you there?")).id()
	eventually(t, "the peer fails", func() error {
		if failed.Load() == 0 {
			return errors.New("nothing came")
		}
		return nil
	})
	fails.Store(false)
	arrives(t, crowd, zoe, id, time.Minute)
}

// TestPeerHangs has a peer take connections and answer nothing, while fifty of its people
// are written to, each by a note of their own, and then while there are posts for
// everybody: others wait for nothing, and the server can be stopped.
func TestPeerHangs(t *testing.T) {
	t.Parallel()
	ann, crowd := federated(t), newCrowd(t)
	slow, quick := host(t, crowd), host(t, crowd)
	var hangs atomic.Bool
	var waiting, ended atomic.Int64 // requests that the server waits for, and has given up
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	crowd.Answered = func(w http.ResponseWriter, r *http.Request) bool {
		if !hangs.Load() || r.Host != slow.Name {
			return false
		}
		waiting.Add(1)
		select {
		case <-over:
		case <-r.Context().Done():
			ended.Add(1)
		}
		return true
	}
	zoe := quick.Person("zoe")
	var followers []*fediverse.Person
	for i := range 50 {
		followers = append(followers, slow.Person("slow"+strconv.Itoa(i)))
	}
	ann.gathers(append(followers, zoe)...)
	hangs.Store(true)
	for _, f := range followers {
		ann.does(args{"verb": "post", "object": note("for you alone"), "to": []args{{"objectType": "person", "id": f.Acct}}})
	}
	eventually(t, "the server waits for the peer", func() error {
		if waiting.Load() == 0 {
			return errors.New("nothing came")
		}
		return nil
	})
	for i := range 5 {
		arrives(t, crowd, zoe, ann.publishes(note(strconv.Itoa(i))).id(), 5*time.Second)
	}
	if n := ended.Load(); n > 0 {
		t.Errorf("the last of five posts came when %d requests to the host that hangs had ended", n)
	}
	// To follow somebody there is a wish that waits for nothing either, and others are
	// found while all those are looked for.
	for i := range 40 {
		began := time.Now()
		ann.befriend(slow.Person("nobody" + strconv.Itoa(i)).Acct)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("to follow somebody on a host that hangs took %v", took)
		}
	}
	yan := quick.Person("yan")
	arrives(t, crowd, yan, ann.befriend(yan.Acct).id(), 5*time.Second)
	ann.server.stop()
}

// TestPeerNeverEnds has a peer answer with bodies that have no end.
func TestPeerNeverEnds(t *testing.T) {
	t.Parallel()
	ann, crowd := federated(t), newCrowd(t)
	endless := host(t, crowd)
	var floods atomic.Bool
	var sent, flooded atomic.Int64
	block := bytes.Repeat([]byte(" "), 1<<16)
	crowd.Answered = func(w http.ResponseWriter, r *http.Request) bool {
		if !floods.Load() || r.Host != endless.Name {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", fediverse.ContentType)
		flooded.Add(1)
		_, err := io.WriteString(w, `{"id": "http://`+r.Host+r.URL.Path+`"`)
		for n := 0; err == nil && sent.Load() < 10<<30; {
			n, err = w.Write(block)
			sent.Add(int64(n))
		}
		return true
	}
	quick := host(t, crowd)
	zoe := quick.Person("zoe")
	ann.gathers(endless.Person("flood"), zoe)
	floods.Store(true)
	arrives(t, crowd, zoe, ann.publishes(note("to both")).id(), patience)
	ann.befriend(endless.Person("more").Acct)
	eventually(t, "the peer has begun to flood", func() error {
		if flooded.Load() < 2 {
			return errors.New("it has not")
		}
		return nil
	})
	// The buffers of the kernel take some megabytes by themselves.
	if n := sent.Load(); n > 100<<20 {
		t.Errorf("the server let itself be sent %d MB", n>>20)
	}
	if peak := memoryPeak(t, ann.server); peak > 400 {
		t.Errorf("the server took %d MB of memory", peak)
	}
	arrives(t, crowd, zoe, ann.publishes(note("still there")).id(), patience)
}

// memoryPeak is the most memory that the server had, in MB (proc(5)).
func memoryPeak(t *testing.T, s *server) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes / 1024
}

// TestPeerAnswersNonsense has a peer break off, or answer with a page for people or
// with what is no JSON, when it is asked for a profile. Nothing is believed of it
// then; once it is well, those whom somebody wanted to follow are found.
func TestPeerAnswersNonsense(t *testing.T) {
	t.Parallel()
	ann, crowd := federated(t), newCrowd(t)
	ill := host(t, crowd)
	type answer = func(w http.ResponseWriter, r *http.Request)
	write := func(contentType, body string) answer {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = io.WriteString(w, body)
		}
	}
	var now atomic.Pointer[answer]
	var wanted []*fediverse.Person
	crowd.Answered = func(w http.ResponseWriter, r *http.Request) bool {
		a := now.Load()
		if a == nil || r.Method == http.MethodPost {
			return false
		}
		(*a)(w, r)
		return true
	}
	for i, tt := range []struct {
		name   string
		answer answer
	}{
		{"dies before the headers end", func(w http.ResponseWriter, _ *http.Request) {
			breakOff(w, "HTTP/1.1 200 OK\r\nContent-Type: application/act")
		}},
		{"dies in the middle of the body", func(w http.ResponseWriter, _ *http.Request) {
			breakOff(w, "HTTP/1.1 200 OK\r\nContent-Type: application/activity+json\r\nContent-Length: 5000\r\n\r\n{\"@context\": \"https://www.w3.org/ns/activitystreams\"")
		}},
		{"dies at once", func(w http.ResponseWriter, _ *http.Request) { breakOff(w, "") }},
		{"a page", write("text/html; charset=utf-8", "<!DOCTYPE html><title>Welcome</title>")},
		{"no JSON", write(fediverse.ContentType, `{"id": `)},
		{"a list", write(fediverse.ContentType, `[[[]]]`)},
		{"nothing", write(fediverse.ContentType, "")},
		{"very deep JSON", write(fediverse.ContentType, strings.Repeat(`{"object":`, 100_000))},
		{"redirects to itself", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) }},
		{"an error", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "broken", http.StatusBadGateway) }},
		{"a teapot", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "short and stout", http.StatusTeapot) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			who := ill.Person("who" + strconv.Itoa(i))
			wanted = append(wanted, who)
			now.Store(&tt.answer)
			ann.befriend(who.Acct)
			if status, _, err := who.Deliver(browser, ann.server.address, ann.actor()+"/inbox", who.Follow(ann.actor(), 0)); err != nil || status != http.StatusUnauthorized && status != http.StatusServiceUnavailable {
				t.Errorf("a follow by somebody whose key cannot be read is answered with %d (%v)", status, err)
			}
			if items, err := ann.page("followers"); err != nil || len(items) > 0 {
				t.Errorf("ann is followed by %v (%v)", items, err)
			}
		})
	}
	now.Store(nil)
	for _, who := range wanted {
		ann.befriend(who.Acct) // as a person does who has seen nothing come of it
		eventuallyWithin(t, time.Minute, who.ID+" is followed", func() error {
			if len(crowd.Inbox(who.Inbox)) == 0 {
				return errors.New("no follow came")
			}
			return nil
		})
	}
	zoe := ill.Person("zoe")
	ann.gathers(zoe)
	arrives(t, crowd, zoe, ann.publishes(note("well again")).id(), patience)
}

// breakOff sends the beginning of an answer and closes the connection.
func breakOff(w http.ResponseWriter, beginning string) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err) // the test server can always
	}
	_, _ = io.WriteString(c, beginning)
	_ = c.Close()
}

// TestPeerChangesItsKey: what is signed with the new key is believed, for it is
// looked up; what is signed with the old one no longer is. A key is looked up once in
// five minutes at most, so the test lets the one that is known grow old.
func TestPeerChangesItsKey(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, database string) {
		s, crowd := newServer(t, database, federating...), newCrowd(t)
		s.start()
		ann, zoe := s.person("ann"), host(t, crowd).Person("zoe")
		ann.gathers(zoe)
		arrives(t, crowd, zoe, ann.befriend(zoe.Acct).id(), patience)
		inbox := ann.actor() + "/inbox"
		body := encode(t, zoe.Note(1, "<p>signed before</p>"))
		old, err := zoe.Headers(inbox, body, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := crowd.ChangeKey(); err != nil {
			t.Fatal(err)
		}
		if err := ann.takes(zoe, zoe.Note(2, "<p>with the second key, at once</p>")); err == nil {
			t.Error("a key is looked up whenever a signature is wrong")
		}
		s.stop()
		if _, err := openDatabase(t, database).Exec("UPDATE remote_keys SET fetched = fetched - 600000"); err != nil {
			t.Fatal(err)
		}
		s.start()
		note := zoe.Note(3, "<p>with the second key, <a href=\""+ann.actor()+"\">ann</a></p>")
		note["cc"] = []string{ann.actor()}
		if err := ann.takes(zoe, note); err != nil {
			t.Fatal(err)
		}
		ann.sees("inbox", "the note signed with the second key", by(zoe.Acct, "post", zoe.ID+"/notes/3"))
		if status := send(t, s, inbox, old, body); status != http.StatusUnauthorized {
			t.Errorf("a signature by a key that is no more is answered with %d", status)
		}
		if items, err := ann.page("inbox"); err != nil || slices.ContainsFunc(items, by(zoe.Acct, "post", zoe.ID+"/notes/1")) {
			t.Errorf("the inbox has %s (%v)", activities(items), err)
		}
		s.stop()
	})
}

// TestPeerIsGone: an inbox that says that it is gone for good is not tried again.
func TestPeerIsGone(t *testing.T) {
	t.Parallel()
	ann, crowd := federated(t), newCrowd(t)
	h := host(t, crowd)
	gone, zoe := h.Person("gone"), h.Person("zoe")
	var left atomic.Bool
	var asked atomic.Int64
	crowd.Answered = func(w http.ResponseWriter, r *http.Request) bool {
		if !left.Load() || !strings.HasPrefix(r.URL.Path, "/users/gone") {
			return false
		}
		if isDelivery(r) {
			asked.Add(1)
		}
		http.Error(w, "gone", http.StatusGone)
		return true
	}
	ann.gathers(gone, zoe)
	eventually(t, "both follows are answered", func() error {
		if total, _ := crowd.Total(); total < 2 {
			return fmt.Errorf("%d are", total)
		}
		return nil
	})
	left.Store(true)
	posted := ann.publishes(note("who is there?"))
	arrives(t, crowd, zoe, posted.id(), patience)
	eventually(t, "ann is told that it is given up", func() error {
		var failed struct{ Items []document }
		ann.ask("GET", strings.TrimPrefix(posted.id(), ann.server.url)+"/deliveries", nil, &failed)
		if len(failed.Items) != 1 || failed.Items[0].text("inbox") != gone.Inbox || failed.Items[0].text("state") != "failed" {
			return fmt.Errorf("it is said to be %v", failed.Items)
		}
		return nil
	})
	if n := asked.Load(); n != 1 {
		t.Errorf("the inbox that is gone got %d deliveries", n)
	}
}

// TestPrivateAddressesAreRefused runs a server that is not told to trust its
// network: nobody can make it connect to what is near.
func TestPrivateAddressesAreRefused(t *testing.T) {
	t.Parallel()
	database := t.TempDir() + "/manifold.db"
	s := newServer(t, database)
	s.start()
	ann, crowd := s.person("ann"), newCrowd(t)
	var connected atomic.Int64
	crowd.Answered = func(http.ResponseWriter, *http.Request) bool {
		connected.Add(1)
		return false
	}
	zoe := host(t, crowd).Person("zoe")
	port := zoe.Acct[strings.LastIndexByte(zoe.Acct, ':'):]
	for _, whom := range []string{zoe.Acct, zoe.ID, "acct:zoe@localhost" + port, "acct:zoe@[::1]" + port, "acct:zoe@[::ffff:127.0.0.1]" + port, "http://2130706433" + port + "/users/zoe"} {
		// Whether it is taken as a wish or refused, nothing may be asked there.
		_, _ = ann.try("POST", ann.path("feed"), args{"verb": "follow", "object": args{"objectType": "person", "id": whom}})
	}
	db := openDatabase(t, database)
	eventually(t, "all that was to be looked for was", func() error {
		var left, tried int
		if err := db.QueryRow(`SELECT COUNT(CASE WHEN state IN ('available', 'running') THEN 1 END), COUNT(CASE WHEN attempt > 0 THEN 1 END)
			FROM river_job WHERE kind = 'reach'`).Scan(&left, &tried); err != nil {
			t.Fatal(err)
		}
		if left > 0 || tried == 0 {
			return fmt.Errorf("%d searches are to be made, %d were", left, tried)
		}
		return nil
	})
	for _, inbox := range []string{ann.actor() + "/inbox", s.url + "/inbox"} {
		if status, answer, err := zoe.Deliver(browser, s.address, inbox, zoe.Follow(ann.actor(), 0)); err != nil || status != http.StatusUnauthorized {
			t.Errorf("a follow whose key is at a private address is answered with %d: %.300s (%v)", status, answer, err)
		}
	}
	if n := connected.Load(); n > 0 {
		t.Errorf("the server made %d requests to a private address", n)
	}
}
