package bridge

import (
	"context"
	"strings"

	"manifold/models"
	"manifold/models/vocab"
)

// typeQuoteAuthorization is the type of what allows a quote (FEP-044f).
const typeQuoteAuthorization = "https://w3id.org/fep/044f#QuoteAuthorization"

// prepareQuoteRequest is for somebody elsewhere who asks whether they may quote a
// thing of ours. No stream shows the question; the quote itself is news.
func (op *operation) prepareQuoteRequest(ctx context.Context) error {
	if op.local {
		return op.prepareOther(ctx)
	}
	if err := op.inner(ctx); err != nil {
		return err
	}
	op.quiet = true
	switch o := op.object.object; {
	case o == nil || !o.Local:
		return missing("object", op.doc.Object.ID)
	case !o.Deleted.IsZero():
		return gone(o)
	case op.quote() == "":
		return invalid("The request has no instrument: it must say what quotes %s.", op.doc.Object.ID)
	case !strings.EqualFold(hostOf(op.quote()), op.actor.Host):
		return notAllowed("Can't ask for %s: it is not of your server.", op.quote())
	}
	if err := checkName("id", op.quote()); err != nil {
		return err
	}
	op.doc.Object = op.object.object.Doc.Ref()
	return nil
}

// quote is the id of what would quote.
func (op *operation) quote() string { return idIn(op.doc.Extra[vocab.NSAS2+"instrument"]) }

// applyQuoteRequest allows the quoting of what is public, and refuses it for all
// else. The answer names what allows it.
func (op *operation) applyQuoteRequest(ctx context.Context) error {
	if op.local {
		return nil
	}
	author, err := op.tx.Actor(ctx, op.object.object.AuthorID)
	if err != nil {
		return err
	}
	answer := answerTo(vocab.VerbReject, op.row, op.actor)
	public, err := op.tx.MaySeeObject(ctx, models.Viewer{}, op.object.object.ID)
	if err != nil {
		return err
	}
	if public {
		q := &models.QuoteAuthorization{IRI: op.b.names.Thing(typeQuoteAuthorization, NewToken()), ObjectID: op.object.object.ID, AuthorID: author.ID,
			Quote: op.quote(), QuoterID: op.actor.ID, ActivityID: op.row.ID, Created: op.now}
		if err := op.tx.AuthorizeQuote(ctx, q); err != nil {
			return err
		}
		answer.Verb = vocab.VerbAccept
		answer.Result = &vocab.Object{ID: q.IRI, Type: typeQuoteAuthorization}
	}
	op.besides = append(op.besides, deed{actor: author, activity: answer})
	return nil
}
