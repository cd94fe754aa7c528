package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// streamsOf are the two streams of people.
func streamsOf(people ...*models.Actor) []bridge.StreamID {
	var list []bridge.StreamID
	for _, p := range people {
		list = append(list, bridge.StreamID{Owner: p.ID, Stream: models.Inbox}, bridge.StreamID{Owner: p.ID, Stream: models.Outbox})
	}
	return list
}

// heard returns the next n events as activities, and fails on one that is not
// in the stream already.
func (w *world) heard(watch *bridge.Watch, n int) []int64 {
	w.t.Helper()
	var list []int64
	for _, e := range w.events(watch, n) {
		list = append(list, e.Activity)
	}
	return list
}

// events returns the next n events, and fails on one that is not as the stream
// has it, and where more came with the last of them.
func (w *world) events(watch *bridge.Watch, n int) []bridge.Event {
	w.t.Helper()
	var list []bridge.Event
	for len(list) < n {
		list = append(list, next(w.t, "an event", watch.C)...)
	}
	for _, e := range list {
		position, err := w.DB().PositionOf(w.t.Context(), e.Owner, e.Stream, e.Activity)
		if err != nil || position != e.Position {
			w.t.Errorf("an event at %d of what stands at %d in the stream: %v", e.Position, position, err)
		}
	}
	if len(list) != n {
		w.t.Fatalf("%d events came, want %d: %v", len(list), n, list)
	}
	return list
}

// quiet checks that nothing more was told: the next event is of something that
// is done only now.
func (w *world) quiet(watch *bridge.Watch, actor *models.Actor) {
	w.t.Helper()
	a := w.do(actor, act("urn:last", note("last")))
	if e := next(w.t, "the last event", watch.C)[0]; e.Activity != a.ID {
		w.t.Errorf("told of %s, want nothing", w.line(w.activity(e.Activity)))
	}
}

func TestWatch(t *testing.T) {
	worlds(t, func(w *world) {
		w.start()
		p := w.people("ann", "bob", "cid")
		ann, bob, cid := p[0], p[1], p[2]
		inbox := w.Watch(10, bridge.StreamID{Owner: bob.ID, Stream: models.Inbox})
		defer inbox.Close()
		outbox := w.Watch(10, bridge.StreamID{Owner: ann.ID, Stream: models.Outbox})
		defer outbox.Close()
		w.follow(ann, bob)
		w.heard(inbox, 1)

		a := w.do(ann, act(vocab.VerbPost, note("x")))
		for _, tt := range []struct {
			watch *bridge.Watch
			want  bridge.StreamID
			class models.Class
		}{
			{inbox, bridge.StreamID{Owner: bob.ID, Stream: models.Inbox}, models.ClassMajor},
			{outbox, bridge.StreamID{Owner: ann.ID, Stream: models.Outbox}, models.ClassMajor | models.ClassLimited},
		} {
			e := w.events(tt.watch, 1)[0]
			same(w.t, "stream", e.StreamID, tt.want)
			same(w.t, "activity", e.Activity, a.ID)
			same(w.t, "class", e.Class, tt.class)
		}

		// Nothing is told of what was refused, or of what others got.
		w.refused(bob, act(vocab.VerbFollow, ann.Doc.Ref()), bridge.Exists, "Already have a(n) 'edge' with id '"+bob.Doc.ID+"→"+ann.Doc.ID+"'")
		refusal := errors.New("no")
		if _, err := w.Post(w.t.Context(), bridge.Submission{ActorID: ann.ID, Activity: act(vocab.VerbPost, note("y")),
			OnlyIf: func(bool) error { return refusal }}); !errors.Is(err, refusal) {
			w.t.Fatal(err)
		}
		w.do(cid, act(vocab.VerbPost, note("z"), cid.Doc.Ref()))
		w.quiet(inbox, ann)
		same(w.t, "the same in the outbox", len(w.heard(outbox, 1)), 1)

		inbox.Close()
		w.do(ann, act(vocab.VerbPost, note("after")))
		w.heard(outbox, 1)
		same(w.t, "events after Close", len(inbox.C), 0)
	})
}

func TestWatchTellsInOrder(t *testing.T) {
	const posts = 30
	worlds(t, func(w *world) {
		w.start()
		p := w.people("ann", "bob")
		watch := w.Watch(2*posts, bridge.StreamID{Owner: p[1].ID, Stream: models.Inbox})
		defer watch.Close()
		w.follow(p[0], p[1])
		w.heard(watch, 1)
		var want []string
		for i := range posts {
			a := w.do(p[0], act(vocab.VerbPost, note(fmt.Sprint(i))))
			want = append(want, fmt.Sprint(a.ID))
		}
		var got []string
		for _, id := range w.heard(watch, posts) {
			got = append(got, fmt.Sprint(id))
		}
		equal(w.t, "events", got, want...)
	})
}

// Of posts that are made at once each is told once.
func TestWatchTellsOfEach(t *testing.T) {
	const authors, posts = 8, 15
	worlds(t, func(w *world) {
		w.start()
		reader := w.person("reader")
		watch := w.Watch(2*authors*posts, bridge.StreamID{Owner: reader.ID, Stream: models.Inbox})
		defer watch.Close()
		var list []*models.Actor
		for i := range authors {
			a := w.person(fmt.Sprintf("a%d", i))
			w.follow(a, reader)
			list = append(list, a)
		}
		w.heard(watch, authors)
		for _, err := range together(authors, func(i int) error {
			for range posts {
				if _, err := w.try(list[i], act(vocab.VerbPost, note("x"))); err != nil {
					return err
				}
			}
			return nil
		}) {
			if err != nil {
				w.t.Fatal(err)
			}
		}
		items, _ := w.page(reader, models.Inbox, models.Major, reader, authors*posts)
		var want, got []string
		for _, i := range items {
			want = append(want, fmt.Sprint(i.Activity.ID))
		}
		for _, id := range w.heard(watch, authors*posts) {
			got = append(got, fmt.Sprint(id))
		}
		slices.Sort(want)
		slices.Sort(got)
		equal(w.t, "events", got, want...)
		same(w.t, "further events", len(watch.C), 0)
	})
}

// What is brought again to another inbox is told to its owner only.
func TestWatchOfWhatComesAgain(t *testing.T) {
	worlds(t, func(w *world) {
		w.start()
		p := w.people("ann", "bob")
		far := w.remote("far@far.example")
		inbox := func(a *models.Actor) bridge.StreamID { return bridge.StreamID{Owner: a.ID, Stream: models.Inbox} }
		anns, bobs := w.Watch(10, inbox(p[0])), w.Watch(10, inbox(p[1]))
		defer anns.Close()
		defer bobs.Close()
		w.follow(far, p...)
		w.heard(anns, 1)
		w.heard(bobs, 1)
		again := func(recipient *models.Actor) *models.Activity {
			r, err := w.arrive(far, recipient, &vocab.Activity{ID: "https://far.example/a", Verb: vocab.VerbPost,
				Object: &vocab.Object{ID: "https://far.example/n", Type: vocab.TypeNote}, To: one(p[0].Doc.Ref())})
			if err != nil {
				w.t.Fatal(err)
			}
			return r.Activity
		}
		a := again(p[0])
		same(w.t, "ann is told", w.heard(anns, 1)[0], a.ID)
		again(p[0])
		again(p[1])
		same(w.t, "bob is told", w.heard(bobs, 1)[0], a.ID)
		post := func(title string) *models.Activity {
			return w.receive(far, act(vocab.VerbPost, &vocab.Object{ID: "https://far.example/" + title, Type: vocab.TypeNote}, everybody()))
		}
		last := post("last")
		same(w.t, "what ann is told of next", w.heard(anns, 1)[0], last.ID)
		same(w.t, "what bob is told of next", w.heard(bobs, 1)[0], last.ID)
	})
}

// A watcher that does not keep up loses events, and is told so. Others do not.
func TestWatchThatDoesNotKeepUp(t *testing.T) {
	worlds(t, func(w *world) {
		w.start()
		p := w.people("ann", "bob")
		settled := w.Watch(10, streamsOf(p[1])...)
		defer settled.Close()
		w.follow(p[0], p[1])
		w.heard(settled, 2)
		slow := w.Watch(1, bridge.StreamID{Owner: p[1].ID, Stream: models.Inbox})
		defer slow.Close()
		fast := w.Watch(10, bridge.StreamID{Owner: p[1].ID, Stream: models.Inbox})
		defer fast.Close()
		for range 3 {
			w.do(p[0], act(vocab.VerbPost, note("x")))
			w.heard(fast, 1)
		}
		<-slow.Lost
		same(w.t, "what waits", len(slow.C), 1)
		select {
		case <-fast.Lost:
			w.t.Error("a watcher that keeps up is said to have lost something")
		default:
		}
	})
}

func TestWatchOfSeveralStreams(t *testing.T) {
	worlds(t, func(w *world) {
		w.start()
		p := w.people("ann", "bob")
		watch := w.Watch(10, streamsOf(p...)...)
		defer watch.Close()
		a := w.do(p[0], act(vocab.VerbPost, note("x"), p[1].Doc.Ref()))
		got := map[bridge.StreamID]int64{}
		for _, e := range w.events(watch, 3) {
			got[e.StreamID] = e.Activity
		}
		for _, s := range []bridge.StreamID{{Owner: p[0].ID, Stream: models.Inbox}, {Owner: p[0].ID, Stream: models.Outbox}, {Owner: p[1].ID, Stream: models.Inbox}} {
			same(w.t, fmt.Sprintf("event of %v", s), got[s], a.ID)
		}
	})
}

// Where very many are watched it is first asked whom an activity can have
// reached: nobody may be missed, in whatever way it came to them.
func TestWatchOfMany(t *testing.T) {
	worlds(t, func(w *world) {
		w.NarrowFrom(0)
		w.start()
		p := w.people("ann", "bob", "cid", "dot")
		ann, bob, cid, dot := p[0], p[1], p[2], p[3]
		far := w.remote("far@far.example")
		settled := w.Watch(10, streamsOf(bob)...)
		group := w.group(bob, "Readers", everybody())
		w.heard(settled, 2)
		settled.Close()
		watched := append(streamsOf(append(p, group)...), bridge.StreamID{Owner: 0, Stream: models.PublicStream})
		watch := w.Watch(100, watched...)
		defer watch.Close()
		owners := []int64{0, ann.ID, bob.ID, cid.ID, dot.ID, group.ID}
		check := func(name string, a *models.Activity) {
			w.t.Helper()
			places, err := w.DB().PlacesOf(w.t.Context(), []int64{a.ID}, owners)
			if err != nil || len(places) == 0 {
				w.t.Fatalf("%s: %d places, %v", name, len(places), err)
			}
			line := func(s bridge.StreamID, class models.Class, position int64) string {
				return fmt.Sprint(s, class, position)
			}
			var want, got []string
			for _, p := range places {
				want = append(want, line(bridge.StreamID{Owner: p.Owner, Stream: p.Stream}, p.Class, p.Position))
			}
			for _, e := range w.events(watch, len(places)) {
				got = append(got, line(e.StreamID, e.Class, e.Position))
			}
			slices.Sort(want)
			slices.Sort(got)
			equal(w.t, name, got, want...)
		}
		check("follow", w.do(bob, act(vocab.VerbFollow, ann.Doc.Ref())))
		check("follow from afar", w.receive(far, act(vocab.VerbFollow, ann.Doc.Ref(), ann.Doc.Ref())))
		check("follow of somebody afar", w.do(cid, act(vocab.VerbFollow, far.Doc.Ref())))
		check("join", w.do(dot, act(vocab.VerbJoin, group.Doc.Ref())))
		made := w.do(ann, act(vocab.VerbCreate, listDoc("Pals")))
		check("list", made)
		list := made.Doc.Object.Ref()
		check("add", w.do(ann, &vocab.Activity{Verb: vocab.VerbAdd, Object: dot.Doc.Ref(), Target: list}))
		for _, tt := range []struct {
			name string
			by   *models.Actor
			to   vocab.Activity
		}{
			{"to followers by default", ann, vocab.Activity{}},
			{"to everybody", ann, vocab.Activity{To: one(everybody())}},
			{"to somebody", ann, vocab.Activity{To: one(cid.Doc.Ref())}},
			{"hidden", ann, vocab.Activity{BCC: one(cid.Doc.Ref()), BTo: one(bob.Doc.Ref())}},
			{"to a list", ann, vocab.Activity{CC: one(list)}},
			{"to a group", dot, vocab.Activity{To: one(group.Doc.Ref())}},
		} {
			tt.to.Verb, tt.to.Object = vocab.VerbPost, note(tt.name)
			check(tt.name, w.do(tt.by, &tt.to))
		}
		check("from afar", w.receive(far, &vocab.Activity{Verb: vocab.VerbPost, CC: one(w.followersOf(far)),
			Object: &vocab.Object{ID: "https://far.example/n", Type: vocab.TypeNote}}))
		r, err := w.arrive(far, bob, &vocab.Activity{Verb: vocab.VerbPost, Object: &vocab.Object{ID: "https://far.example/m", Type: vocab.TypeNote}})
		if err != nil {
			w.t.Fatal(err)
		}
		check("to an inbox", r.Activity)

		// Somebody with more followers than there are who watch.
		watch.Remove(watched...)
		watch.Add(bridge.StreamID{Owner: bob.ID, Stream: models.Inbox})
		w.follow(ann, cid, dot)
		a := w.do(ann, act(vocab.VerbPost, note("for many")))
		same(w.t, "what bob is told", w.events(watch, 1)[0].Activity, a.ID)
	})
}

// The streams of a watch can change.
func TestWatchOfOtherStreams(t *testing.T) {
	worlds(t, func(w *world) {
		w.start()
		p := w.people("ann", "bob")
		anns, bobs := streamsOf(p[0])[1], streamsOf(p[1])[1]
		watch := w.Watch(10, anns)
		defer watch.Close()
		post := func(by *models.Actor) int64 { return w.do(by, act(vocab.VerbPost, note("x"))).ID }
		a := post(p[0])
		same(w.t, "first", w.heard(watch, 1)[0], a)
		watch.Add(bobs, bobs)
		b := post(p[1])
		same(w.t, "added", w.heard(watch, 1)[0], b)
		watch.Remove(anns, anns)
		post(p[0])
		last := post(p[1])
		same(w.t, "after one is removed", w.heard(watch, 1)[0], last)
		other := w.Watch(10, anns)
		defer other.Close()
		watch.Close()
		watch.Add(anns)
		post(p[0])
		w.heard(other, 1)
		same(w.t, "what waits after Close", len(watch.C), 0)
	})
}

// Processes on one PostgreSQL hear each other.
func TestWatchInAnotherProcess(t *testing.T) {
	t.Parallel()
	address := databases[1].address(t)
	one, two := newWorld(t, address, bridge.Options{}), newWorld(t, address, bridge.Options{})
	one.start()
	two.start()
	p := one.people("ann", "bob")
	here, there := one.Watch(10, streamsOf(p[1])...), two.Watch(10, streamsOf(p[1])...)
	defer here.Close()
	defer there.Close()
	for _, from := range []*world{one, two} {
		a := from.do(p[0], act(vocab.VerbPost, note("x"), p[1].Doc.Ref()))
		same(t, "event in one", one.heard(here, 1)[0], a.ID)
		same(t, "event in two", two.heard(there, 1)[0], a.ID)
	}

	// Where the connection that listens breaks, something may be missed.
	two.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %' AND datname = current_database()`)
	next(t, "the news that something may have been lost", closed(there.Lost))
	a := one.do(p[0], act(vocab.VerbPost, note("x"), p[1].Doc.Ref()))
	// It may have come while nobody listened; told again and again it is heard.
	until(t, "the other process hears again", func() bool {
		one.Changed(a.ID)
		select {
		case list := <-there.C:
			return list[0].Activity == a.ID
		default:
			return false
		}
	})
}

// closed tells by a value that a channel was closed.
func closed(c <-chan struct{}) <-chan bool {
	told := make(chan bool, 1)
	go func() {
		<-c
		told <- true
	}()
	return told
}

// After Stop nothing is told any more, and posting goes on.
func TestWatchAfterStop(t *testing.T) {
	worlds(t, func(w *world) {
		if err := w.Start(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		ann := w.person("ann")
		watch := w.Watch(10, streamsOf(ann)...)
		defer watch.Close()
		if err := w.Stop(context.Background()); err != nil {
			w.t.Fatal(err)
		}
		<-watch.Lost
		for range 5000 { // more than wait to be told
			w.Changed(1)
		}
		w.do(ann, act(vocab.VerbPost, note("x")))
		equal(w.t, "ann's inbox", w.inbox(ann, models.Major), "ann post x")
		same(w.t, "events", len(watch.C), 0)
	})
}
