package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/riverqueue/river"

	"manifold/internal/mail"
	"manifold/models"
	"manifold/models/vocab"
)

const (
	// notifyChunk is how many people a job mails to.
	notifyChunk = 50
	// quoted is how much of a thing is shown in a mail about it, in characters.
	quoted = 1500
)

// notifyArgs is an activity of which some people learn by mail. The ids are
// written as strings, since the queue passes numbers through floating point on
// PostgreSQL.
type notifyArgs struct {
	Activity int64    `json:"activity,string"`
	People   []string `json:"people"`
}

// Kind implements river.JobArgs.
func (notifyArgs) Kind() string { return "notify" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (notifyArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: mailQueue} }

// notifications queues mail to everybody here whom the activity names as a main
// recipient and who wants it. The store is asked only when it names somebody. The
// site itself welcomes people, who are here at that moment.
func (op *operation) notifications(ctx context.Context) error {
	if op.b.mail == nil || op.quiet || op.unseen || op.local && op.actor.Type == vocab.TypeService {
		return nil
	}
	var named []int64
	for _, a := range op.audience {
		if a.Kind == models.AudienceActor && (a.Field == models.To || a.Field == models.BTo) && a.ID != op.actor.ID && op.b.names.Ours(a.doc.ID) {
			named = append(named, a.ID)
		}
	}
	if len(named) == 0 {
		return nil
	}
	accounts, err := op.tx.NotifiedOf(ctx, named, op.row)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(accounts, notifyChunk) {
		args := notifyArgs{Activity: op.row.ID}
		for _, a := range chunk {
			args.People = append(args.People, strconv.FormatInt(a.ActorID, 10))
		}
		op.addJob(args)
	}
	return nil
}

type notifyWorker struct {
	river.WorkerDefaults[notifyArgs]
	b *Bridge
}

// Work mails to everybody of the job who still is to get it. Those whose mail was
// not taken become another job, so that the others do not get it again.
func (w *notifyWorker) Work(ctx context.Context, job *river.Job[notifyArgs]) error {
	b := w.b
	activity, err := b.db.Activity(ctx, job.Args.Activity)
	if errors.Is(err, models.ErrNotFound) || err == nil && !activity.Deleted.IsZero() {
		return nil
	}
	if err != nil {
		return err
	}
	var ids []int64
	for _, p := range job.Args.People {
		id, err := strconv.ParseInt(p, 10, 64)
		if err != nil {
			return river.JobCancel(fmt.Errorf("the job names nobody: %w", err))
		}
		ids = append(ids, id)
	}
	people, err := b.db.NotifiedOf(ctx, ids, activity)
	if err != nil || len(people) == 0 {
		return err
	}
	n, err := b.newNotice(ctx, activity)
	if err != nil || n == nil {
		return err
	}
	left, err := b.notify(ctx, n, people)
	if len(left) == 0 || len(left) == len(people) {
		return err // which has all of them tried again
	}
	again := []river.InsertManyParams{{Args: notifyArgs{Activity: job.Args.Activity, People: left},
		InsertOpts: &river.InsertOpts{Queue: mailQueue, ScheduledAt: retryPolicy{}.NextRetry(job.JobRow)}}}
	return b.db.Write(ctx, func(tx *models.Tx) error { return b.queue.insert(ctx, tx, again) })
}

// notify mails to people about an activity, and returns those for whom it should
// be tried again, with the reason of the last one.
func (b *Bridge) notify(ctx context.Context, n *notice, people []*models.Account) (left []string, err error) {
	sending, cancel := context.WithTimeout(ctx, mailBudget)
	defer cancel()
	var reason error
	for i, p := range people {
		m, err := n.to(p)
		if err != nil {
			return nil, river.JobCancel(err)
		}
		err = b.mail.Send(sending, m)
		switch {
		case err == nil:
		case mail.Unreached(err):
			// Nobody else's would be taken either.
			for _, p := range people[i:] {
				left = append(left, strconv.FormatInt(p.ActorID, 10))
			}
			return left, err
		case mail.Permanent(err):
			_ = b.undelivered(err, m.Subject, p.Nickname)
		default:
			reason, left = err, append(left, strconv.FormatInt(p.ActorID, 10))
		}
	}
	return left, reason
}

// notice is what is mailed about an activity, but for whom it is to.
type notice struct {
	key      []byte
	activity *models.Activity
	names    *Names
	actor    *models.Actor
	object   *vocab.Object
	quote    []string
}

// newNotice reads what there is to be told about an activity, nil for one about
// a thing that has been deleted since.
func (b *Bridge) newNotice(ctx context.Context, a *models.Activity) (*notice, error) {
	key, err := b.signingKey(ctx)
	if err != nil {
		return nil, err
	}
	n := &notice{key: key, activity: a, names: b.names, object: a.Doc.Object}
	if n.actor, err = b.db.Actor(ctx, a.ActorID); err != nil {
		return nil, err
	}
	switch a.Object.Kind {
	case models.KindActor:
		actor, err := b.db.Actor(ctx, a.Object.ID)
		if err != nil {
			return nil, err
		}
		n.object = actor.Doc
	case models.KindObject:
		object, err := b.db.Object(ctx, a.Object.ID)
		if err != nil {
			return nil, err
		}
		if !object.Deleted.IsZero() && a.Verb != vocab.VerbDelete {
			return nil, nil
		}
		n.object = object.Doc
		lines, cut := paragraphs(object.Doc.Content, quoted)
		if cut {
			lines = append(lines, "[…]")
		}
		n.quote = lines
	}
	return n, nil
}

// to is the notice as one person gets it. It has the same id each time.
func (n *notice) to(p *models.Account) (mail.Message, error) {
	what := "something"
	if n.object != nil {
		what = plainly(n.object)
	}
	if n.activity.Object.Kind == models.KindActor && n.activity.Object.ID == p.ActorID {
		what = "you"
	}
	l := &letter{
		Subject: "Activity notification",
		Before:  []string{n.who() + " " + oneLine(past(n.activity.Verb), 60) + " " + what + "."},
		Quote:   n.quote, LinkText: "See it",
		Unsubscribe: n.names.Unsubscription(newUnsubscription(n.key, p.ActorID)),
	}
	for _, address := range []string{urlOf(n.object), n.activity.Doc.URL, n.actor.Doc.URL} {
		if l.Link == "" && isLink(address) {
			l.Link = address
		}
	}
	m, err := l.message(p.Email)
	m.ID = fmt.Sprintf("notify.%d.%d", n.activity.ID, p.ActorID)
	return m, err
}

// who is the name of the actor, and the address that nobody else can have.
func (n *notice) who() string {
	name, address := oneLine(nameOf(n.actor.Doc), 80), ""
	switch nick := oneLine(n.actor.Nickname, 80); {
	case nick == "":
		return name
	case n.actor.Local:
		address = n.names.address(nick)
	default:
		address = nick + "@" + oneLine(n.actor.Host, 255)
	}
	if name == address {
		return name
	}
	return name + " (" + address + ")"
}

// plainly tells a thing as [describe] does, without markup.
func plainly(o *vocab.Object) string {
	if name := oneLine(firstOf(o.DisplayName, o.PreferredUsername), 120); name != "" {
		if vocab.IsActorType(o.Type) {
			return name
		}
		return "“" + name + "”"
	}
	t := firstOf(oneLine(o.Type, 60), "thing")
	if strings.ContainsAny(t[:1], "aeiou") {
		return "an " + t
	}
	return "a " + t
}

// isLink reports whether an address can stand in a mail as it is.
func isLink(address string) bool {
	return (strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://")) && len(address) <= models.MaxIRI &&
		!strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' })
}

func urlOf(o *vocab.Object) string {
	if o == nil {
		return ""
	}
	return o.URL
}
