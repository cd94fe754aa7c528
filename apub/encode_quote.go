package apub

import (
	"time"

	"manifold/models/vocab"
)

// QuoteAuthorization is what allows a quote, as others verify it by its id
// (FEP-044f).
type QuoteAuthorization struct {
	// ID is where it is found; Author, an id of the vocabulary, gave it.
	ID, Author string
	// Quote is what quotes, Quoted what it quotes.
	Quote, Quoted string
	Created       time.Time
}

// QuoteAuthorization writes what allows a quote.
func (e *Encoder) QuoteAuthorization(q QuoteAuthorization) ([]byte, error) {
	d := newDraft("QuoteAuthorization")
	d.id(q.ID)
	d.attributedTo(e.iri(&vocab.Object{ID: q.Author, Type: vocab.TypePerson}))
	d.published(q.Created)
	d.put("interactingObject", q.Quote)
	d.put("interactionTarget", q.Quoted)
	return e.document(d, ObjectContext)
}
