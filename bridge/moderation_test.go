package bridge_test

import (
	"errors"
	"slices"
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// note is a public post of somebody elsewhere.
func noteFrom(a *models.Actor, id string) *vocab.Activity {
	return &vocab.Activity{ID: id, Verb: vocab.VerbPost, Object: &vocab.Object{ID: id + "/note", Type: vocab.TypeNote, Content: "hello"},
		To: []*vocab.Object{{ID: vocab.PublicID, Type: vocab.TypeCollection}}}
}

// Property 58: a domain block covers all networks, subdomains and redirect targets.
func TestHostBlock(t *testing.T) {
	worlds(t, func(w *world) {
		ctx := t.Context()
		ann, bob := w.person("ann"), w.person("bob")
		eve, sue, far := w.remote("eve@bad.example"), w.remote("sue@deep.bad.example:8443"), w.remote("far@good.example")
		w.follow(eve, ann, bob)
		w.follow(far, ann)
		for _, follower := range []*models.Actor{eve, sue, far} {
			w.receive(follower, &vocab.Activity{ID: "https://" + follower.Host + "/follow", Verb: vocab.VerbFollow, Object: ann.Doc.Ref()})
		}
		if err := w.SetHostPolicies(ctx, models.HostPolicy{Domain: " Bad.Example. ", Severity: models.SeverityBlock}); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			host    string
			blocked bool
		}{
			{"bad.example", true}, {"BAD.example:443", true}, {"deep.bad.example", true}, {"bad.example.", true},
			{"good.example", false}, {"notbad.example", false}, {"example", false}, {"bad.example.org", false},
		} {
			if err := w.RefuseHost(ctx, tt.host); errors.Is(err, bridge.ErrHostBlocked) != tt.blocked {
				t.Errorf("%s: refused with %v, want blocked %t", tt.host, err, tt.blocked)
			}
		}
		for _, sender := range []*models.Actor{eve, sue} {
			_, err := w.arrive(sender, ann, noteFrom(sender, "https://"+sender.Host+"/1"))
			w.isRefusal(err, bridge.NotAllowed, sender.Host+" is blocked here.")
		}
		post := w.receive(far, noteFrom(far, "https://good.example/1"))
		if !w.has(ann, models.Inbox, models.All, post) {
			t.Error("what comes from another host does not reach a follower any more")
		}
		if got := w.number("SELECT COUNT(*) FROM edges WHERE kind = 1"); got != 2 {
			t.Errorf("%d follows are left, want the 2 between ann and far", got)
		}
		if a := w.actor(ann.ID); a.Counts.Followers != 1 || a.Counts.Following != 1 {
			t.Errorf("ann has %d followers and follows %d, want 1 and 1", a.Counts.Followers, a.Counts.Following)
		}
		if b := w.actor(bob.ID); b.Counts.Following != 0 {
			t.Errorf("bob follows %d, want 0", b.Counts.Following)
		}
		if err := w.LiftHostPolicy(ctx, "bad.example"); err != nil {
			t.Fatal(err)
		}
		w.receive(eve, noteFrom(eve, "https://bad.example/2"))
		w.isRefusal(w.LiftHostPolicy(ctx, "bad.example"), bridge.Missing, "No such 'host policy' with id 'bad.example'")
	})
}

// A limited server's people, and silenced people, reach their followers only.
func TestHostLimit(t *testing.T) {
	worlds(t, func(w *world) {
		ctx := t.Context()
		ann, bob, loud := w.person("ann"), w.person("bob"), w.person("loud")
		eve, sue := w.remote("eve@meh.example"), w.remote("sue@good.example")
		for _, author := range []*models.Actor{eve, sue, loud} {
			w.follow(author, ann)
		}
		if err := w.SetHostPolicies(ctx, models.HostPolicy{Domain: "meh.example", Severity: models.SeverityLimit}); err != nil {
			t.Fatal(err)
		}
		for _, a := range []*models.Actor{sue, loud} {
			if err := w.Silence(ctx, a.ID, true); err != nil {
				t.Fatal(err)
			}
		}
		for _, author := range []*models.Actor{eve, sue} {
			a := noteFrom(author, "https://"+author.Host+"/1")
			a.To = append(a.To, bob.Doc.Ref())
			post := w.receive(author, a)
			if !w.has(ann, models.Inbox, models.All, post) || w.has(bob, models.Inbox, models.All, post) {
				t.Errorf("%s: in the inbox of the follower %t, of somebody who is only named %t", author.Doc.ID,
					w.has(ann, models.Inbox, models.All, post), w.has(bob, models.Inbox, models.All, post))
			}
		}
		post := w.do(loud, &vocab.Activity{Verb: vocab.VerbPost, Object: &vocab.Object{Type: vocab.TypeNote, Content: "hey"},
			To: []*vocab.Object{{ID: vocab.PublicID}, bob.Doc.Ref()}})
		items, _, err := w.DB().StreamPage(ctx, 0, models.PublicStream, models.All, models.Viewer{}, models.Page{Count: 20})
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(items, func(i models.Item) bool { return i.Activity.ID == post.ID }) || w.has(bob, models.Inbox, models.All, post) || !w.has(ann, models.Inbox, models.All, post) {
			t.Error("a silenced person of this server reaches others than followers, or not those")
		}
		// The server of somebody who follows waits for the answer, so that is told.
		w.receive(eve, &vocab.Activity{ID: "https://meh.example/follow", Verb: vocab.VerbFollow, Object: bob.Doc.Ref()})
		if got := w.actor(bob.ID).Counts.Followers; got != 1 {
			t.Errorf("bob has %d followers, want the one from the limited server", got)
		}
	})
}

// A decision that another process makes is in force here soon.
func TestHostPolicyOfAnotherProcess(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		here, there := newWorld(t, address, bridge.Options{}), newWorld(t, address, bridge.Options{})
		if refused, err := here.MediaRefused(t.Context(), "pics.example"); err != nil || refused {
			t.Fatalf("refused %t, %v before anything was decided", refused, err)
		}
		if err := there.SetHostPolicies(t.Context(), models.HostPolicy{Domain: "pics.example", RejectMedia: true}); err != nil {
			t.Fatal(err)
		}
		until(t, "the decision", func() bool {
			refused, err := here.MediaRefused(t.Context(), "cdn.pics.example")
			return err == nil && refused
		})
		if err := here.RefuseHost(t.Context(), "pics.example"); err != nil {
			t.Errorf("a host without media is refused as a whole: %v", err)
		}
	})
}

func TestHostPolicyRefusals(t *testing.T) {
	worlds(t, func(w *world) {
		for name, text := range map[string]string{
			"":                   `"" is no name of a server: write it like example.org, without https:// and without a path.`,
			"https://a.example/": `"https://a.example/" is no name of a server: write it like example.org, without https:// and without a path.`,
			"localhost":          "localhost is this server itself.",
		} {
			w.isRefusal(w.SetHostPolicies(t.Context(), models.HostPolicy{Domain: name}), bridge.Invalid, text)
		}
	})
}

func TestSuspendRemote(t *testing.T) {
	worlds(t, func(w *world) {
		ann, eve := w.person("ann"), w.remote("eve@far.example")
		w.follow(eve, ann)
		if err := w.SuspendRemote(t.Context(), eve.ID, true); err != nil {
			t.Fatal(err)
		}
		_, err := w.arrive(eve, ann, noteFrom(eve, "https://far.example/1"))
		w.isRefusal(err, bridge.NotAllowed, "This account is suspended.")
		if err := w.SuspendRemote(t.Context(), eve.ID, false); err != nil {
			t.Fatal(err)
		}
		w.receive(eve, noteFrom(eve, "https://far.example/2"))
		w.isRefusal(w.SuspendRemote(t.Context(), ann.ID, true), bridge.Invalid, ann.Doc.ID+" is of this server: suspend the account.")
	})
}
