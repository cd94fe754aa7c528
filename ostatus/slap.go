package ostatus

import (
	"context"
	"errors"

	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
)

// errPrivate means that something new is not for everybody, and is not sent.
var errPrivate = errors.New("OStatus carries only what is for everybody")

// slap writes what somebody here did, as it is sent to those whom it concerns. It
// returns errPrivate for what the author has to be told of that it is not sent, and
// [ErrNotExpressible] for what nobody misses.
func (s *Server) slap(ctx context.Context, a *models.Activity, author *models.Actor) (*atom.Entry, error) {
	if author.Type == vocab.TypeGroup || s.SalmonURL(author) == "" {
		return nil, ErrNotExpressible // groups do not sign; what they pass on stands in their feeds
	}
	everybody := a.Visibility != models.Limited && a.ObjectPost == 0
	thing := a.Object.Kind == models.KindObject
	switch a.Verb {
	case vocab.VerbPost, vocab.VerbCreate, vocab.VerbShare:
		switch {
		case !thing:
			return nil, ErrNotExpressible
		case !everybody:
			return nil, errPrivate
		}
		return s.posted(ctx, a, author)
	case vocab.VerbUpdate:
		switch {
		case thing && everybody:
			return s.edited(ctx, a, author)
		case thing || a.Object != models.Ref{Kind: models.KindActor, ID: author.ID}:
			return nil, ErrNotExpressible
		}
	case vocab.VerbUnshare:
		if a.Doc.Undoes != "" {
			return s.unshared(ctx, a, author)
		}
	case vocab.VerbFavorite, vocab.VerbLike, vocab.VerbUnfavorite, vocab.VerbUnlike:
		if !thing || a.ObjectPost != 0 {
			return nil, ErrNotExpressible
		}
	case vocab.VerbDelete, vocab.VerbAdd, vocab.VerbRemove:
		// Nobody has got what is deleted, and lists are for those to whom they are shown.
		if !everybody {
			return nil, ErrNotExpressible
		}
	}
	return s.said(ctx, a, author)
}

// posted is something that was posted or shared for everybody, as it stands in feeds.
func (s *Server) posted(ctx context.Context, a *models.Activity, author *models.Actor) (*atom.Entry, error) {
	p := &page{names: s.names, entries: []*models.Activity{a}}
	var err error
	if p.objects, err = s.db.Objects(ctx, a.Object.ID); err != nil {
		return nil, err
	}
	o := p.objects[a.Object.ID]
	if !isEntry(a, o) {
		return nil, ErrNotExpressible
	}
	if err := s.complete(ctx, p, author.ID); err != nil {
		return nil, err
	}
	if !p.visible[o.ID] {
		return nil, ErrNotExpressible
	}
	e := p.entry(a)
	e.Author = p.person(author)
	return e, nil
}

// edited is a post as it is now. OStatus has no word for that something was changed:
// feeds have the entry anew, with a later time.
func (s *Server) edited(ctx context.Context, a *models.Activity, author *models.Actor) (*atom.Entry, error) {
	o, err := s.db.Object(ctx, a.Object.ID)
	if err != nil || o.ActivityID == 0 || o.AuthorID != author.ID {
		return nil, orNotExpressible(err)
	}
	post, err := s.db.Activity(ctx, o.ActivityID)
	if err != nil || post.Visibility == models.Limited {
		return nil, orNotExpressible(err)
	}
	return s.posted(ctx, post, author)
}

// orNotExpressible is an error, or [ErrNotExpressible] where there is nothing any
// more.
func orNotExpressible(err error) error {
	if err == nil || errors.Is(err, models.ErrNotFound) {
		return ErrNotExpressible
	}
	return err
}

// unshared takes back a share that was for everybody.
func (s *Server) unshared(ctx context.Context, a *models.Activity, author *models.Actor) (*atom.Entry, error) {
	share, err := s.db.ActivityByIRI(ctx, a.Doc.Undoes)
	if err != nil || share.Visibility == models.Limited || share.ObjectPost != 0 {
		return nil, orNotExpressible(err)
	}
	return s.said(ctx, a, author)
}

// said is anything else that was done, to somebody or to something.
func (s *Server) said(ctx context.Context, a *models.Activity, author *models.Actor) (*atom.Entry, error) {
	doc := *a.Doc
	uris := map[string]string{author.Doc.ID: s.URI(author)}
	switch a.Object.Kind {
	case models.KindActor:
		object, err := s.db.Actor(ctx, a.Object.ID)
		if err != nil {
			return nil, orNotExpressible(err)
		}
		if uris[object.Doc.ID], err = s.uriOf(ctx, object); err != nil {
			return nil, err
		}
		doc.Object = object.Doc
		if object.Type == vocab.TypeGroup {
			if err := s.asMembership(ctx, &doc, author, object); err != nil {
				return nil, err
			}
		}
	case models.KindObject:
		object, err := s.db.Object(ctx, a.Object.ID)
		if err != nil {
			return nil, orNotExpressible(err)
		}
		doc.Object = object.Doc
	}
	if a.Target.Kind == models.KindObject {
		target, err := s.db.Object(ctx, a.Target.ID)
		if err != nil {
			return nil, orNotExpressible(err)
		}
		doc.Target = target.Doc
	}
	e := &Encoder{Names: s.names, URI: func(id string) string { return uris[id] }}
	return e.Entry(&doc, author.Doc, "")
}

// uriOf is how somebody is named on this network, "" for those who are not on it.
func (s *Server) uriOf(ctx context.Context, a *models.Actor) (string, error) {
	if a.Local {
		return s.URI(a), nil
	}
	presences, err := s.db.Presences(ctx, Network, a.ID)
	return presences[a.ID].IRI, err
}

// asMembership has somebody who follows a group join it, as that is one there. Who
// is still a member does not leave by not following any more.
func (s *Server) asMembership(ctx context.Context, doc *vocab.Activity, author, group *models.Actor) error {
	verb := groupVerbs[doc.Verb]
	if verb == "" {
		return nil
	}
	_, err := s.db.Edge(ctx, models.MemberOf, author.ID, group.ID)
	switch {
	case err == nil:
		return ErrNotExpressible // they have joined, or have not left
	case !errors.Is(err, models.ErrNotFound):
		return err
	}
	doc.Verb = verb
	return nil
}
