package apub

import (
	"errors"
	"net/http"

	"manifold/apub/httpsig"
	"manifold/models"
)

// visitor is whoever asks for something, as far as they have shown who they are.
type visitor struct {
	// Viewer is who signed the request; the zero value is a stranger.
	models.Viewer
	// host is the server of the viewer, with the port where there is one.
	host string
}

// visitor returns who makes a request. One whose signature cannot be verified is a
// stranger, who is shown what everybody is, and so is one whose key we do not know,
// unless fetch has it fetched: what is public is asked for by many servers at once,
// none of which needs to be known for that.
func (s *Server) visitor(r *http.Request, fetch bool) (visitor, error) {
	signer, err := s.signerOf(r, fetch || s.authorizedFetch)
	refused, ok := errors.AsType[*refusal](err)
	if errors.Is(err, models.ErrNotFound) || ok && !s.authorizedFetch && refused.status != http.StatusForbidden {
		return visitor{}, nil
	}
	switch {
	case err != nil:
		return visitor{}, err
	case signer == nil && s.authorizedFetch:
		return visitor{}, errUnsigned
	case signer == nil:
		return visitor{}, nil
	}
	return visitor{Viewer: models.Viewer{ActorID: signer.actorID}, host: hostOf(signer.actorIRI)}, nil
}

// serveVisitor answers a visitor. One who is not shown something because we do not
// know their key is asked for it, and answered anew.
func (s *Server) serveVisitor(w http.ResponseWriter, r *http.Request, h handler) error {
	who, err := s.visitor(r, false)
	if err != nil {
		return err
	}
	err = h(w, r, who)
	if who.ActorID != 0 || !httpsig.Signed(r) || !errors.Is(err, errNothing) && !errors.Is(err, errUnsigned) {
		return err
	}
	again, failed := s.visitor(r, true)
	switch {
	case failed != nil:
		return failed
	case again.ActorID == 0:
		return err
	}
	return h(w, r, again)
}
