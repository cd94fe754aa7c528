package bridge_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

func TestQuotesAreAllowedOfWhatIsPublic(t *testing.T) {
	worldsWith(t, asking(), func(w *world) {
		ann := w.person("ann")
		far := w.present("far@far.example", "activitypub", "")
		w.follow(ann, far)
		sea := w.do(ann, act(vocab.VerbPost, note("Sea"), everybody())).Doc.Object
		secret := w.do(ann, act(vocab.VerbPost, note("Secret"), w.followersOf(ann))).Doc.Object
		asks := func(o *vocab.Object, instrument string) *vocab.Activity {
			return &vocab.Activity{Verb: vocab.VerbQuoteRequest, Object: o.Ref(), To: one(ann.Doc.Ref()),
				Extra: map[string]json.RawMessage{vocab.NSAS2 + "instrument": json.RawMessage(instrument)}}
		}
		inbox := w.inbox(ann, models.All)
		answered := func() *models.Activity {
			w.t.Helper()
			a := w.activity(w.number(fmt.Sprintf("SELECT MAX(id) FROM activities WHERE actor_id = %d", ann.ID)))
			equal(w.t, "deliveries", w.inboxesOf(a), "activitypub https://far.example/activitypub/far")
			return a
		}
		var stamp string
		for i, instrument := range []string{`"https://far.example/quote"`, `{"type":"Note","id":"https://far.example/quote"}`} {
			request := w.brought("activitypub", far, asks(sea, instrument))
			accept := answered()
			same(w.t, "answer", accept.Verb, vocab.VerbAccept)
			same(w.t, "what it answers", accept.Object.ID, request.ID)
			if i > 0 {
				same(w.t, "the authorization, asked again", accept.Doc.Result.ID, stamp)
			}
			stamp = accept.Doc.Result.ID
		}
		q, err := w.DB().QuoteAuthorization(w.t.Context(), stamp)
		if err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "ours", w.Names().Ours(stamp), true)
		same(w.t, "what is quoted", q.ObjectID, w.object(sea.ID).ID)
		same(w.t, "by what", q.Quote, "https://far.example/quote")
		same(w.t, "whose", fmt.Sprint(q.AuthorID, q.QuoterID), fmt.Sprint(ann.ID, far.ID))

		w.brought("activitypub", far, asks(secret, `"https://far.example/other"`))
		same(w.t, "answer about what is not public", answered().Verb, vocab.VerbReject)
		equal(w.t, "ann's inbox", w.inbox(ann, models.All), inbox...)
		for instrument, text := range map[string]string{
			`"https://else.example/quote"`: "Can't ask for https://else.example/quote: it is not of your server.",
			`{}`:                           "The request has no instrument: it must say what quotes " + sea.ID + ".",
		} {
			if _, err := w.brings("activitypub", far, asks(sea, instrument)); err == nil || err.Error() != text {
				w.t.Errorf("a request with %s: %v, want %s", instrument, err, text)
			}
		}

		w.do(ann, act(vocab.VerbDelete, sea.Ref()))
		if q, err = w.DB().QuoteAuthorization(w.t.Context(), stamp); err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "revoked with what is quoted", q.Revoked.IsZero(), false)
		_, err = w.brings("activitypub", far, asks(sea, `"https://far.example/third"`))
		w.isRefusal(err, bridge.Gone, "Deleted")
	})
}

func TestReportsFromElsewhere(t *testing.T) {
	worldsWith(t, asking(), func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		server := w.present("server@far.example", "activitypub", "")
		post := w.do(ann, act(vocab.VerbPost, note("Sea"), everybody()))
		w.do(ann, act(vocab.VerbBlock, server.Doc.Ref()))
		before, outbox := w.inbox(ann, models.All), w.outbox(bob, nil)
		flag := &vocab.Activity{Verb: vocab.VerbFlag, Object: &vocab.Object{ID: w.Names().Actor("ann")}, To: []*vocab.Object{everybody(), ann.Doc.Ref()},
			Extra: map[string]json.RawMessage{vocab.NSAS2 + "content": json.RawMessage(`"rude <script>x</script>words"`), vocab.NSAS2 + "object": json.RawMessage(
				fmt.Sprintf(`[%q,%q,%q,{"id":%q},"https://far.example/unknown"]`, w.Names().Actor("ann"), ann.Doc.ID, post.Doc.Object.ID, post.Doc.ID))}}
		w.brought("activitypub", server, flag)
		own := w.do(bob, act(vocab.VerbFlag, post.Doc.Object.Ref(), everybody()))
		equal(w.t, "ann's inbox", w.inbox(ann, models.All), before...)
		equal(w.t, "bob's outbox", w.outbox(bob, nil), outbox...)
		same(w.t, "who sees bob's", w.audienceOf(own, ann, bob), "bob")

		reports, err := w.DB().OpenReports(w.t.Context(), models.Page{Count: 10})
		if err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "reports", len(reports), 2)
		mine, theirs := reports[0], reports[1]
		same(w.t, "reporters", fmt.Sprint(mine.ReporterID, theirs.ReporterID), fmt.Sprint(bob.ID, server.ID))
		same(w.t, "who is reported", fmt.Sprint(theirs.Actors), fmt.Sprint([]int64{ann.ID}))
		same(w.t, "what is reported", fmt.Sprint(theirs.Objects, mine.Objects), fmt.Sprint([]int64{post.Object.ID}, []int64{post.Object.ID}))
		same(w.t, "why", theirs.Content, "rude words")
		_, err = w.ForwardReport(w.t.Context(), theirs.ID)
		w.isRefusal(err, bridge.Invalid, "Nobody whom the report is about is on a server elsewhere that takes reports.")
		_, err = w.brings("activitypub", server, act(vocab.VerbFlag, &vocab.Object{ID: "https://far.example/unknown"}))
		w.isRefusal(err, bridge.Missing, "No such 'object' with id 'https://far.example/unknown'")
	})
}

func TestPinsOfSomebodyElsewhere(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		far, near := w.remote("far@far.example"), w.remote("near@near.example")
		w.follow(far, ann)
		featured := &vocab.Object{ID: "https://far.example/users/far/featured", Type: vocab.TypeCollection}
		w.receive(far, act(vocab.VerbUpdate, &vocab.Object{ID: far.Doc.ID, Type: vocab.TypePerson, Feeds: map[string]vocab.Feed{"featured": {URL: featured.ID}}}))
		thing := func(n int) *vocab.Object {
			return &vocab.Object{ID: fmt.Sprint("https://far.example/", n), Type: vocab.TypeNote, DisplayName: fmt.Sprint(n)}
		}
		for n := range 3 {
			w.receive(far, act(vocab.VerbPost, thing(n), everybody()))
		}
		w.receive(near, act(vocab.VerbPost, &vocab.Object{ID: "https://near.example/1", Type: vocab.TypeNote}, everybody()))
		inbox := w.inbox(ann, models.All)
		change := func(verb string, o *vocab.Object) error {
			_, err := w.arrive(far, nil, &vocab.Activity{Verb: verb, Object: o, Target: featured.Ref()})
			return err
		}
		pinned := func() (titles []string) {
			w.t.Helper()
			list, err := w.DB().PinnedObjects(w.t.Context(), far.ID, models.Viewer{}, models.Page{Count: 10})
			if err != nil {
				w.t.Fatal(err)
			}
			for _, o := range list {
				titles = append(titles, o.Doc.DisplayName)
			}
			return titles
		}
		for _, n := range []int{0, 2, 0} {
			if err := change(vocab.VerbAdd, thing(n).Ref()); err != nil {
				w.t.Error(err)
			}
		}
		equal(w.t, "pinned", pinned(), "2", "0")
		err := change(vocab.VerbAdd, &vocab.Object{ID: "https://far.example/unknown"})
		same(w.t, "what is to be fetched", bridge.ToFetch(err), "https://far.example/unknown")
		w.isRefusal(change(vocab.VerbAdd, &vocab.Object{ID: "https://near.example/1"}), bridge.NotAllowed, "Can't show https://near.example/1 first: not author.")
		_, err = w.arrive(near, nil, &vocab.Activity{Verb: vocab.VerbAdd, Object: thing(1).Ref(), Target: featured.Ref()})
		w.isRefusal(err, bridge.NotAllowed, "Can't add to "+featured.ID+": it is of "+far.Doc.ID+".")
		for range 2 {
			if err := change(vocab.VerbRemove, thing(0).Ref()); err != nil {
				w.t.Error(err)
			}
		}
		equal(w.t, "pinned", pinned(), "2")
		equal(w.t, "ann's inbox", w.inbox(ann, models.All), inbox...)
		w.receive(far, act(vocab.VerbDelete, thing(2).Ref()))
		equal(w.t, "pinned", pinned())
	})
}

func TestPinsOfSomebodyHere(t *testing.T) {
	worldsWith(t, asking(), func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		far := w.present("far@far.example", "activitypub", "")
		w.brought("activitypub", far, act(vocab.VerbFollow, ann.Doc.Ref()))
		featured := &vocab.Object{ID: w.Names().Featured("ann"), Type: vocab.TypeCollection}
		pin := func(by *models.Actor, o *vocab.Object) (*bridge.Result, error) {
			return w.try(by, &vocab.Activity{Verb: vocab.VerbAdd, Object: o.Ref(), Target: featured.Ref()})
		}
		post := w.do(ann, act(vocab.VerbPost, note("Sea"), everybody()))
		added, err := pin(ann, post.Doc.Object)
		if err != nil {
			w.t.Fatal(err)
		}
		equal(w.t, "who is told", w.inboxesOf(added.Activity), "activitypub https://far.example/activitypub/far")
		theirs := w.do(bob, act(vocab.VerbPost, note("Hill"), everybody()))
		_, err = pin(ann, theirs.Doc.Object)
		w.isRefusal(err, bridge.NotAllowed, "Can't show "+theirs.Doc.Object.ID+" first: not author.")
		_, err = pin(bob, theirs.Doc.Object)
		w.isRefusal(err, bridge.Missing, "No such 'collection' with id '"+featured.ID+"'")
		for range 19 {
			if _, err := pin(ann, w.do(ann, act(vocab.VerbPost, note("More"), everybody())).Doc.Object); err != nil {
				w.t.Fatal(err)
			}
		}
		if _, err := pin(ann, post.Doc.Object); err != nil {
			w.t.Errorf("what is shown already: %v", err)
		}
		last := w.do(ann, act(vocab.VerbPost, note("Too many"), everybody()))
		_, err = pin(ann, last.Doc.Object)
		w.isRefusal(err, bridge.Invalid, "Can't show "+last.Doc.Object.ID+" first: 20 things are shown first already. Remove one of them.")
	})
}
