package bridge

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"manifold/models"
	"manifold/models/vocab"
)

// The members in which a question has its choices: AS2 tells by the name whether
// one or several may be chosen, of those of AS1 one may.
const (
	oneOf       = vocab.NSAS2 + "oneOf"
	anyOf       = vocab.NSAS2 + "anyOf"
	options     = vocab.NSAS1 + "options"
	votersCount = "http://joinmastodon.org/ns#votersCount"
)

// vote is the choice of one of the choices of a question, counted from 0.
type vote struct {
	question *models.Object
	choice   int
	several  bool
}

// findVote tells whether what is posted is a vote: a thing with the name of a
// choice and nothing else, in reply to a question. The votes of others on our
// questions are counted and not kept; those of people here are kept and delivered
// to whoever asked. A vote is never a post.
func (op *operation) findVote(ctx context.Context) error {
	o, q := op.doc.Object, op.parent.object
	if q == nil || q.Type != vocab.TypeQuestion || o.DisplayName == "" || o.Content != "" || len(o.Attachments) > 0 {
		return nil
	}
	choices, several := choicesOf(q.Doc)
	i := slices.Index(choices, o.DisplayName)
	switch {
	case len(choices) == 0 || i < 0 && op.local:
		return nil // an answer in words
	case i < 0:
		return invalid("%q is none of the choices of %s.", o.DisplayName, q.Doc.ID)
	case !op.local && !q.Local:
		return notAllowed("Can't vote on %s here: its own server counts.", q.Doc.ID)
	case closed(q.Doc, op.now):
		return notAllowed("Can't vote on %s: it is closed.", q.Doc.ID)
	}
	op.vote = &vote{question: q, choice: i, several: several}
	if !op.local {
		return op.countOnly(ctx)
	}
	// Networks write a vote otherwise than what the client posted it as.
	o.Type = vocab.TypePollResponse
	op.quiet = true
	op.addressNobody()
	if !q.Local {
		op.doc.To = nil
		op.addressPerson(ctx, q.AuthorID)
	}
	return nil
}

// countOnly counts the vote of somebody elsewhere. There is nothing to store of
// it: it counts as known.
func (op *operation) countOnly(ctx context.Context) error {
	q := op.vote.question
	post, err := op.tx.Activity(ctx, q.ActivityID)
	if err != nil {
		return err
	}
	if _, err := op.tx.Position(ctx); err != nil {
		return err
	}
	blocked, err := op.tx.BlockedBy(ctx, op.actor.ID, q.AuthorID)
	if err == nil && blocked {
		err = notAllowed("Can't vote on %s: it is not open to you.", q.Doc.ID)
	}
	if err == nil {
		err = op.countVote(ctx)
	}
	if err == nil {
		err = op.b.queue.insert(ctx, op.tx, op.jobs)
	}
	if err != nil {
		return err
	}
	return &sameAs{post}
}

// countVote counts a vote, once.
func (op *operation) countVote(ctx context.Context) error {
	v := op.vote
	before, err := op.tx.VotesOf(ctx, v.question.ID, op.actor.ID)
	if err != nil {
		return err
	}
	switch {
	case slices.Contains(before, v.choice):
		return op.unlessRemote(exists("vote", v.question.Doc.ID))
	case len(before) > 0 && !v.several:
		return notAllowed("Can't vote on %s again: one choice only.", v.question.Doc.ID)
	}
	if err := op.tx.InsertVote(ctx, v.question.ID, op.actor.ID, v.choice, op.now); err != nil || !v.question.Local {
		return err
	}
	row, err := op.tx.Object(ctx, v.question.ID)
	if err != nil {
		return err
	}
	if !row.Deleted.IsZero() {
		return gone(row)
	}
	row.Doc = counted(row.Doc, v.choice, len(before) == 0)
	if len(op.b.networks) > 0 {
		op.addJob(tallyArgs{Question: row.ID})
	}
	return op.tx.UpdateObject(ctx, row)
}

// tallyAfter is how long other servers wait to be told what was counted, so that
// many votes are told at once.
const tallyAfter = time.Minute

// tallyArgs is a question of which other servers are to be told what was counted.
// The id is written as a string, since the queue passes numbers through floating
// point on PostgreSQL.
type tallyArgs struct {
	Question int64 `json:"question,string"`
}

// Kind implements river.JobArgs.
func (tallyArgs) Kind() string { return "tally" }

// InsertOpts implements river.JobArgsWithInsertOpts: one job waits for a question,
// however many votes come meanwhile.
func (tallyArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{ScheduledAt: time.Now().Add(tallyAfter), UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled}}}
}

type tallyWorker struct {
	river.WorkerDefaults[tallyArgs]
	b *Bridge
}

// Work has whoever asks a question tell what was counted, by an update that no
// stream shows and that is none of what they wrote.
func (w *tallyWorker) Work(ctx context.Context, job *river.Job[tallyArgs]) error {
	return w.b.db.Write(ctx, func(tx *models.Tx) error {
		q, err := tx.Object(ctx, job.Args.Question)
		if err != nil || !q.Deleted.IsZero() {
			return err
		}
		author, err := tx.Actor(ctx, q.AuthorID)
		if err != nil || author.State != models.Active {
			return err
		}
		op := newOperation(w.b, tx, author, &vocab.Activity{Verb: vocab.VerbUpdate, Object: q.Doc.Ref()})
		op.quiet, op.because, op.recount = true, true, true
		return op.run(ctx)
	})
}

// choicesOf are the choices of a question, and whether several may be chosen.
func choicesOf(q *vocab.Object) (names []string, several bool) {
	for _, member := range []string{oneOf, anyOf, options} {
		for _, c := range listIn(q, member) {
			names = append(names, firstOf(textIn(c["name"]), textIn(c["displayName"])))
		}
		if len(names) > 0 {
			return names, member == anyOf
		}
	}
	return nil, false
}

func listIn(q *vocab.Object, name string) []map[string]json.RawMessage {
	var list []map[string]json.RawMessage
	if json.Unmarshal(q.Extra[name], &list) != nil {
		return nil
	}
	return list
}

func textIn(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

func numberIn(raw json.RawMessage) int64 {
	var n int64
	if json.Unmarshal(raw, &n) != nil {
		return 0
	}
	return n
}

// closed reports whether nobody can vote any more.
func closed(q *vocab.Object, now time.Time) bool {
	raw := q.Extra[vocab.NSAS2+"closed"]
	if at, err := time.Parse(time.RFC3339, textIn(raw)); err == nil {
		return !at.After(now)
	}
	return string(raw) == "true" || !q.EndTime.IsZero() && !q.EndTime.After(now)
}

// counted returns the question with one vote more for a choice, by somebody who
// had voted before or not.
func counted(q *vocab.Object, choice int, newVoter bool) *vocab.Object {
	doc := q.Clone()
	for _, member := range []string{oneOf, anyOf, options} {
		list := listIn(q, member)
		if choice >= len(list) {
			continue
		}
		replies := map[string]json.RawMessage{}
		if raw := list[choice]["replies"]; json.Unmarshal(raw, &replies) != nil || len(replies) == 0 {
			replies = map[string]json.RawMessage{}
			if member != options {
				replies["type"] = json.RawMessage(`"Collection"`)
			}
		}
		replies["totalItems"] = jsonOf(numberIn(replies["totalItems"]) + 1)
		list[choice]["replies"] = jsonOf(replies)
		doc.Extra[member] = jsonOf(list)
	}
	if newVoter {
		doc.Extra[votersCount] = jsonOf(numberIn(doc.Extra[votersCount]) + 1)
	}
	return doc
}

// jsonOf is the JSON of what consists of numbers and of JSON, which always has
// one.
func jsonOf(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return raw
}
