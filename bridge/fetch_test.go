package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/riverqueue/river/rivertype"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// library is a network on whose other servers there are threads.
type library struct {
	*network
	mu      sync.Mutex
	parents map[string]string // of each thing that is there
	fetched []string
	replies map[string][]string
	recent  []string
}

func newLibrary() *library {
	l := &library{network: newNetwork("activitypub"), parents: map[string]string{}, replies: map[string][]string{}}
	l.discover = func(name string) (*bridge.Account, error) { return accountOn("activitypub", name), nil }
	l.fetch = func(iri string) (*bridge.Found, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.fetched = append(l.fetched, iri)
		parent, ok := l.parents[iri]
		if !ok {
			return nil, bridge.ErrNoThing
		}
		o := &vocab.Object{ID: iri, Type: vocab.TypeNote, DisplayName: iri}
		if parent != "" {
			o.InReplyTo = one(&vocab.Object{ID: parent})
		}
		return &bridge.Found{Author: accountOn("activitypub", "author@far.example"), ContentType: "application/activity+json", Original: []byte("{}"),
			Activity: &vocab.Activity{ID: iri, Verb: vocab.VerbPost, Object: o, To: one(everybody())}}, nil
	}
	return l
}

func (l *library) Replies(_ context.Context, o *models.Object) ([]string, error) {
	return l.replies[o.Doc.ID], nil
}

func (l *library) Recent(context.Context, *models.Actor) ([]string, error) {
	if l.recent == nil {
		return nil, errors.New("no answer")
	}
	return l.recent, nil
}

func (l *library) asked() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := slices.Clone(l.fetched)
	slices.Sort(list)
	return list
}

// idle reports whether no job waits that asks others.
func (w *world) idle() bool {
	for _, kind := range []string{"fetch", "recent", "reach"} {
		for _, j := range w.jobs(kind) {
			if j.State == rivertype.JobStateAvailable || j.State == rivertype.JobStateRunning {
				return false
			}
		}
	}
	return true
}

func thing(i int) string { return fmt.Sprintf("https://far.example/n/%d", i) }

// An answer that comes before what it answers hangs in its thread in the end, and
// nothing of that is news.
func TestThreadsAreFetched(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		l := newLibrary()
		l.parents = map[string]string{thing(1): "", thing(2): thing(1), thing(3): thing(2), thing(10): thing(1), thing(11): thing(1)}
		l.replies[thing(1)] = []string{thing(2), thing(10), thing(11), thing(99)}
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{l}})
		ann, far := w.person("ann"), w.remote("far@other.example")
		w.follow(far, ann)
		answer := func(n int, parent string, to ...*vocab.Object) {
			a := act(vocab.VerbPost, &vocab.Object{ID: fmt.Sprintf("https://other.example/n/%d", n), Type: vocab.TypeNote, DisplayName: "answer", InReplyTo: one(&vocab.Object{ID: parent})}, to...)
			w.receive(far, a)
		}
		answer(1, thing(3), everybody())
		answer(2, "https://far.example/private", w.followersOf(far))
		same(t, "jobs", len(w.jobs("fetch")), 1)
		w.start()
		until(t, "the thread is here", func() bool { return w.idle() && w.known(models.KindObject, thing(11)) })
		equal(t, "fetched", l.asked(), thing(1), thing(10), thing(11), thing(2), thing(3), thing(99))
		for child, parent := range map[string]string{"https://other.example/n/1": thing(3), thing(3): thing(2), thing(2): thing(1), thing(10): thing(1)} {
			same(t, "parent of "+child, w.object(child).ParentID, w.object(parent).ID)
		}
		same(t, "replies", w.object(thing(1)).Counts.Replies, 3)
		same(t, "author", w.actor(w.object(thing(1)).AuthorID).Doc.ID, "acct:author@far.example")
		equal(t, "ann's inbox", w.inbox(ann, models.Major), "far post answer", "far post answer")
	})
}

// However long a thread is, so much is fetched and no more.
func TestThreadsAreBounded(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		l := newLibrary()
		for i := range 50 {
			l.parents[thing(i)] = thing(i + 1)
		}
		for i := range 300 {
			l.parents[thing(1000+i)] = thing(19)
			l.replies[thing(19)] = append(l.replies[thing(19)], thing(1000+i))
		}
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{l}})
		far := w.remote("far@other.example")
		w.receive(far, act(vocab.VerbPost, &vocab.Object{ID: "https://other.example/n/1", Type: vocab.TypeNote, InReplyTo: one(&vocab.Object{ID: thing(0)})}, everybody()))
		w.start()
		until(t, "it has ended", func() bool { return len(l.asked()) == 100 && w.idle() })
		same(t, "the last one", w.known(models.KindActivity, thing(20)), false)
	})
}

// Of somebody who is newly followed the last posts are fetched.
func TestRecentPostsAreFetched(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		l := newLibrary()
		for i := range 30 {
			l.parents[thing(i)] = ""
			l.recent = append(l.recent, thing(i))
		}
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{l}})
		p := w.people("ann", "bob")
		w.start()
		w.do(p[0], act(vocab.VerbFollow, &vocab.Object{ID: "acct:author@far.example", Type: vocab.TypePerson}))
		until(t, "they are here", func() bool { return len(l.asked()) == 20 && w.idle() })
		equal(t, "ann's inbox", w.inbox(p[0], models.Major))
		w.do(p[1], act(vocab.VerbFollow, &vocab.Object{ID: "acct:author@far.example", Type: vocab.TypePerson}))
		until(t, "the jobs have ended", w.idle)
		same(t, "fetched", len(l.asked()), 20)
	})
}

// What has a name that leads nowhere is fetched from its page.
func TestFetchByThePage(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		l := newLibrary()
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{l}})
		w.start()
		w.brought("activitypub", w.remote("bob@far.example"), &vocab.Activity{Verb: vocab.VerbPost, To: one(everybody()), Object: &vocab.Object{ID: "tag:far.example,2026:2",
			Type: vocab.TypeComment, InReplyTo: one(&vocab.Object{ID: "tag:far.example,2026:1", URL: "https://far.example/notice/1"})}})
		until(t, "its page is asked for", func() bool { return len(l.asked()) > 0 })
		same(t, "asked", l.asked()[0], "https://far.example/notice/1")
	})
}
