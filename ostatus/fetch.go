package ostatus

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"slices"

	"manifold/bridge"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
	"manifold/ostatus/xrd"
)

// maxDocuments is how many of the documents that a page links to are read for one
// entry.
const maxDocuments = 3

// Fetch implements [bridge.Network]. A thing is asked for as an entry, or else looked
// for in what its page links to. A tag: names a thing, and leads nowhere.
func (s *Server) Fetch(ctx context.Context, iri string) (*bridge.Found, error) {
	found, err := s.fetch(ctx, iri)
	if lasting(err) {
		return nil, fmt.Errorf("%w: %w", bridge.ErrNoThing, err)
	}
	return found, err
}

func (s *Server) fetch(ctx context.Context, iri string) (*bridge.Found, error) {
	if hostOf(iri) == "" {
		return nil, notHad(iri, "it names a thing and is no address of the web")
	}
	a, err := s.get(ctx, iri, acceptFeed+", text/html;q=0.5", atom.MaxDocument+1)
	if err != nil {
		return nil, err
	}
	if a.Status != http.StatusOK {
		return nil, notServed(iri, a.Status)
	}
	if !sameHost(a.Address, iri) {
		return nil, notHad(iri, "it leads to %s, which does not speak for it", hostOf(a.Address))
	}
	media, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if media != atom.TypeHTML && media != "application/xhtml+xml" {
		return s.inDocument(ctx, a, iri)
	}
	page, err := xrd.ParsePage(a.Body, a.Header, a.Address)
	if err != nil {
		return nil, notHad(iri, "%v", err)
	}
	return s.linked(ctx, page, iri)
}

// linked looks for the entry of a thing in the documents that its page links to.
func (s *Server) linked(ctx context.Context, page *xrd.Page, iri string) (*bridge.Found, error) {
	if s.activityPub && activityPubOf(page.Links) != "" {
		return nil, notHad(iri, "its page says that it is on ActivityPub")
	}
	var asked []string
	failed := notHad(iri, "its page leads to no entry")
	for _, l := range page.Links {
		if l.Rel != atom.RelAlternate || l.Type != atom.TypeFeed || slices.Contains(asked, l.Href) || len(asked) == maxDocuments || !sameHost(l.Href, iri) {
			continue
		}
		asked = append(asked, l.Href)
		a, err := s.get(ctx, l.Href, acceptFeed, atom.MaxDocument+1)
		if err == nil && a.Status != http.StatusOK {
			err = notServed(l.Href, a.Status)
		}
		if err == nil && !sameHost(a.Address, iri) {
			err = notHad(iri, "it leads to another server")
		}
		var found *bridge.Found
		if err == nil {
			found, err = s.inDocument(ctx, a, iri, page.Address)
		}
		if err == nil || !lasting(err) {
			return found, err
		}
		failed = err
	}
	return nil, failed
}

// inDocument takes the entry of a thing from a document that its own server gave: the
// only one, or the one with this id or page.
func (s *Server) inDocument(ctx context.Context, a *xrd.Answer, names ...string) (*bridge.Found, error) {
	iri := names[0]
	doc, err := atom.Decode(a.Body, atom.DecodeOptions{Address: a.Address})
	if err != nil {
		return nil, notHad(iri, "%v", err)
	}
	i := slices.IndexFunc(doc.Entries(), func(e *atom.Entry) bool { return slices.Contains(names, e.ID) || slices.Contains(names, pageOf(e)) })
	if i < 0 && doc.Entry == nil {
		return nil, notHad(iri, "the document does not have it")
	}
	e := doc.Entries()[max(i, 0)]
	activity, err := (&Decoder{Names: s.names}).Entry(e, doc.Feed)
	if err != nil {
		return nil, notHad(iri, "%v", err)
	}
	author := e.By(doc.Feed).Identity()
	switch {
	case !sameHost(author, iri):
		return nil, notHad(iri, "it is by %s, for whom this server does not speak", author)
	case hostOf(e.ID) != "" && !sameHost(e.ID, iri):
		return nil, notHad(iri, "it has the id %s, of another server", e.ID)
	case activity.Verb != vocab.VerbPost && activity.Verb != vocab.VerbShare:
		return nil, notHad(iri, "it is no post, but %s", activity.Verb)
	}
	f, err := s.find(ctx, author)
	switch {
	case err != nil:
		return nil, err
	case f.account.IRI != author:
		return nil, notHad(iri, "it is by %s, who is %s", author, f.account.IRI)
	}
	found := &bridge.Found{Activity: activity, Author: f.account, ContentType: atom.TypeFeed, Original: a.Body}
	if doc.Feed != nil {
		// Of a feed only the one entry is kept, with its author.
		e.Author = e.By(doc.Feed)
		if found.Original, err = e.Encode(); err != nil {
			return nil, notHad(iri, "%v", err)
		}
	}
	return found, nil
}
