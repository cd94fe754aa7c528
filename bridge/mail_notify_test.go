package bridge_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"

	"manifold/bridge"
	"manifold/internal/mail"
	"manifold/models"
	"manifold/models/vocab"
)

// heard are whose mail has come, in the order of their names.
func (o *office) heard(n int) map[string]mail.Message {
	o.t.Helper()
	got := map[string]mail.Message{}
	for range n {
		m := next(o.t, "a notification", o.mail.sent)
		same(o.t, "subject", m.Subject, "Activity notification")
		if _, twice := got[m.To]; twice {
			o.t.Errorf("two mails to %s", m.To)
		}
		got[m.To] = m
	}
	o.quiet("beside the notifications")
	return got
}

func TestNotifications(t *testing.T) {
	offices(t, func(o *office) {
		ctx := o.t.Context()
		ann, bob, cid, dee, eve, sus := o.member("ann"), o.member("bob"), o.member("cid"), o.member("dee"), o.member("eve"), o.member("sus")
		plain := o.person("plain") // has no address
		late := o.account(bridge.Registration{Nickname: "late", Password: password, Email: "late@mail.example"})
		o.next("late@mail.example")
		// dee wants none, sus is suspended, eve blocks ann.
		if err := o.UpdateAccount(ctx, "dee", nil, func(a *models.Account) error {
			a.Settings = json.RawMessage(`{"mail":{"notifications":false}}`)
			return nil
		}); err != nil {
			o.t.Fatal(err)
		}
		if err := o.Suspend(ctx, "sus", true); err != nil {
			o.t.Fatal(err)
		}
		o.do(eve, act(vocab.VerbBlock, ann.Doc.Ref()))
		o.quiet("of a block")

		everyone := []*vocab.Object{everybody(), ann.Doc.Ref(), bob.Doc.Ref(), dee.Doc.Ref(), sus.Doc.Ref(), plain.Doc.Ref(), late.Doc.Ref(), eve.Doc.Ref()}
		post := o.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: &vocab.Object{Type: vocab.TypeNote, DisplayName: "The <sea>",
			Content: "<p>Blue &amp; <b>wide</b></p><script>alert(1)</script><p>and <img src=\"https://spy.example/x.png\" alt=\"a ship\"> far</p>"},
			To: everyone, CC: []*vocab.Object{cid.Doc.Ref()}})
		got := o.heard(1)
		m := got["bob@mail.example"]
		thing := o.object(post.Doc.Object.ID)
		for _, part := range []string{"ann (ann@localhost:8080) posted “The <sea>”.", "> Blue & wide\n> and [a ship] far\n", thing.Doc.URL} {
			if !strings.Contains(m.Text, part) {
				o.t.Errorf("the text lacks %q:\n%s", part, m.Text)
			}
		}
		for _, part := range []string{"posted “The &lt;sea&gt;”.", "<p>Blue &amp; wide</p>", `<a href="` + thing.Doc.URL + `">`} {
			if !strings.Contains(m.HTML, part) {
				o.t.Errorf("the HTML lacks %q:\n%s", part, m.HTML)
			}
		}
		if strings.Contains(m.HTML+m.Text, "spy.example") || strings.Contains(m.HTML, "<script") || strings.Contains(m.HTML, "<img") {
			o.t.Errorf("the mail fetches or runs something:\n%s", m.HTML)
		}
		same(o.t, "id", m.ID, fmt.Sprintf("notify.%d.%d", post.ID, bob.ID))
		same(o.t, "jobs", len(o.jobs("notify")), 1)

		// In bto too, from elsewhere too, and told as what it is to the reader.
		o.do(bob, &vocab.Activity{Verb: vocab.VerbPost, Object: note("secret"), BTo: one(ann.Doc.Ref())})
		o.heard(1)
		far := o.remote("far@far.example")
		o.receive(far, act(vocab.VerbFollow, ann.Doc.Ref(), ann.Doc.Ref()))
		if text := o.heard(1)["ann@mail.example"].Text; !strings.Contains(text, "far (far@far.example) followed you.") {
			o.t.Errorf("of a follow: %s", text)
		}
		o.do(bob, act(vocab.VerbLike, thing.Doc.Ref(), ann.Doc.Ref()))
		o.heard(1)
		// Not what one does oneself, nor what only followers or a list get.
		o.do(ann, act(vocab.VerbPost, note("to myself"), ann.Doc.Ref()))
		o.do(ann, act(vocab.VerbPost, note("to followers"), o.followersOf(ann)))
		o.quiet("of one's own")
	})
}

// A thing that may not be seen is not mailed about, nor one that is gone.
func TestNotificationsOfWhatIsNotToBeSeen(t *testing.T) {
	offices(t, func(o *office) {
		ann, bob, cid := o.member("ann"), o.member("bob"), o.member("cid")
		secret := o.do(ann, act(vocab.VerbPost, note("secret"), bob.Doc.Ref()))
		o.heard(1)
		o.do(bob, act(vocab.VerbShare, secret.Doc.Object, cid.Doc.Ref(), everybody()))
		o.quiet("a share of what cid may not see")
	})
}

func TestLongContentIsCut(t *testing.T) {
	offices(t, func(o *office) {
		ann := o.member("ann")
		bob := o.person("bob")
		o.do(bob, act(vocab.VerbPost, &vocab.Object{Type: vocab.TypeNote, Content: "<p>" + strings.Repeat("ü ", 100_000) + "</p><p>end</p>"}, ann.Doc.Ref()))
		m := o.heard(1)["ann@mail.example"]
		if n := len(m.Text) + len(m.HTML); n > 10_000 || !strings.Contains(m.Text, "[…]") || strings.Contains(m.Text, "> end") {
			o.t.Errorf("the mail has %d bytes: %.200s", n, m.Text)
		}
		if !strings.Contains(m.Text, "posted a note.") {
			o.t.Errorf("the mail says %.200s", m.Text)
		}
	})
}

func TestUnsubscribe(t *testing.T) {
	offices(t, func(o *office) {
		ctx := o.t.Context()
		ann, bob := o.member("ann"), o.person("bob")
		if err := o.UpdateAccount(ctx, "ann", nil, func(a *models.Account) error {
			a.Settings = json.RawMessage(`{"theme":"dark","mail":{"digest":12345678901234567890}}`)
			return nil
		}); err != nil {
			o.t.Fatal(err)
		}
		o.do(bob, act(vocab.VerbPost, note("one"), ann.Doc.Ref()))
		m := o.heard(1)["ann@mail.example"]
		token := o.link(m, "unsubscribe")
		same(o.t, "the link in the head", m.Unsubscribe, home+"/main/unsubscribe/"+token)
		for _, wrong := range []string{"", "x", token + "A", token[:len(token)-1], strings.ToUpper(token), "A" + token[1:]} {
			if wrong == token {
				continue
			}
			_, err := o.Unsubscribe(ctx, wrong)
			o.is("the token "+wrong, err, bridge.ErrBadCode)
		}
		if account, err := o.Unsubscriber(ctx, token); err != nil || account.ActorID != ann.ID {
			o.t.Fatalf("the token is for %+v, %v", account, err)
		}
		for range 2 {
			if _, err := o.Unsubscribe(ctx, token); err != nil {
				o.t.Fatal(err)
			}
		}
		var settings struct {
			Theme string
			Mail  map[string]json.RawMessage
		}
		if err := json.Unmarshal(o.accountOf("ann").Settings, &settings); err != nil {
			o.t.Fatal(err)
		}
		same(o.t, "another setting", settings.Theme, "dark")
		same(o.t, "a setting beside it", string(settings.Mail["digest"]), "12345678901234567890")
		same(o.t, "the setting", string(settings.Mail["notifications"]), "false")
		o.do(bob, act(vocab.VerbPost, note("two"), ann.Doc.Ref()))
		o.quiet("after the end of notifications")

		// The link is good on every process, and after a restart.
		other := newWorld(o.t, o.address, bridge.Options{Mail: newFakeMail()})
		if _, err := other.Unsubscribe(ctx, token); err != nil {
			o.t.Errorf("by another process: %v", err)
		}
		if err := o.DeleteAccount(ctx, "ann", nil); err != nil {
			o.t.Fatal(err)
		}
		_, err := o.Unsubscribe(ctx, token)
		o.is("of an account that is gone", err, bridge.ErrBadCode)
	})
}

// refusal is what a mail server answers, or 0 where it does not.
func refusal(code int, text string) error {
	return &mail.Error{Code: code, Permanent: code >= 500, Text: text}
}

// A mail server that is down delays mail and nothing else; what it refuses for
// ever is given up.
func TestMailServerThatRefuses(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		o := newOffice()
		outcomes := make(chan error, 100)
		o.mail.fail = func(m mail.Message) error {
			if strings.HasPrefix(m.To, "ann@") {
				return <-outcomes
			}
			return nil
		}
		o.world = newWorld(t, address, o.options())
		o.start()
		ann, bob := o.member("ann"), o.person("bob")

		outcomes <- refusal(0, "connection refused")
		o.do(bob, act(vocab.VerbPost, note("one"), ann.Doc.Ref()))
		job := o.job("notify", rivertype.JobStateRetryable)
		if wait := time.Until(job.ScheduledAt); wait < time.Second || wait > 30*time.Second {
			t.Errorf("the next attempt is in %v", wait)
		}
		outcomes <- nil
		if err := o.RunNow(t.Context(), job.ID); err != nil {
			t.Fatal(err)
		}
		o.heard(1)
		o.job("notify", rivertype.JobStateCompleted)

		// Of two whose mail goes out together, the one that was taken is not sent again.
		cid := o.member("cid")
		outcomes <- refusal(451, "come again")
		o.do(bob, act(vocab.VerbPost, note("two"), ann.Doc.Ref(), cid.Doc.Ref()))
		o.next("cid@mail.example")
		again := o.job("notify", rivertype.JobStateScheduled)
		outcomes <- nil
		if err := o.RunNow(t.Context(), again.ID); err != nil {
			t.Fatal(err)
		}
		o.next("ann@mail.example")
		o.quiet("after all were sent")

		outcomes <- refusal(550, "550 5.1.1 <a…@mail.example>: no such person")
		if err := o.Recover(t.Context(), "ann", false); err != nil {
			t.Fatal(err)
		}
		given := o.job("mail-code", rivertype.JobStateCancelled)
		until(t, "it is logged", func() bool { return strings.Contains(o.log.String(), "mail given up") })
		for _, text := range []string{o.log.String(), fmt.Sprint(given.Errors)} {
			if strings.Contains(text, "ann@mail.example") || !strings.Contains(text, "550") {
				t.Errorf("what is kept of it says %s", text)
			}
		}
		if !strings.Contains(o.log.String(), "user=ann") {
			t.Errorf("the log does not say whose mail it was: %s", o.log)
		}
		outcomes <- refusal(554, "refused for ever")
		o.do(bob, act(vocab.VerbPost, note("three"), ann.Doc.Ref(), cid.Doc.Ref()))
		o.next("cid@mail.example")
		o.quiet("of what is given up")
	})
}

// A link that was mailed twice, because the first attempt seemed to fail, works in
// both mails.
func TestRepeatedMail(t *testing.T) {
	offices(t, func(o *office) {
		failed := make(chan mail.Message, 1)
		o.mail.fail = func(m mail.Message) error {
			select {
			case failed <- m:
				return refusal(0, "the connection broke")
			default:
				return nil
			}
		}
		o.member("ann")
		if err := o.Recover(o.t.Context(), "ann", false); err != nil {
			o.t.Fatal(err)
		}
		first := next(o.t, "the first attempt", failed)
		failed <- first // the next one succeeds
		job := o.job("mail-code", rivertype.JobStateRetryable)
		if err := o.RunNow(o.t.Context(), job.ID); err != nil {
			o.t.Fatal(err)
		}
		second := o.next("ann@mail.example")
		same(o.t, "the id of the second", second.ID, first.ID)
		for _, m := range []mail.Message{first, second} {
			if _, err := o.RecoveringAccount(o.t.Context(), o.link(m, "recover")); err != nil {
				o.t.Error(err)
			}
		}
		if _, err := o.RecoverPassword(o.t.Context(), o.link(first, "recover"), "another horse 2"); err != nil {
			o.t.Fatal(err)
		}
		_, err := o.RecoverPassword(o.t.Context(), o.link(second, "recover"), "third horse 3")
		o.is("the second, after the first", err, bridge.ErrBadCode)
	})
}

// A post that names nobody here costs what it costs without mail: who wants mail
// is not asked.
func TestPostsToNobodyAskNothing(t *testing.T) {
	offices(t, func(o *office) {
		ann, bob, far := o.member("ann"), o.member("bob"), o.remote("far@far.example")
		o.exec("ALTER TABLE accounts RENAME COLUMN notified TO gone")
		o.do(ann, act(vocab.VerbPost, note("to all"), everybody(), o.followersOf(ann), far.Doc.Ref(), ann.Doc.Ref()))
		if _, err := o.try(ann, act(vocab.VerbPost, note("to bob"), bob.Doc.Ref())); err == nil {
			o.t.Error("a post to bob does not ask whether he wants mail: this test would see nothing")
		}
	})
}
