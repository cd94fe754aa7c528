package ostatus

import (
	"context"

	"manifold/bridge/wellknown"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/salmon"
	"manifold/ostatus/xrd"
)

// DescribePerson implements [wellknown.Network]. GNU social takes the first feed that
// it finds, and the key for ever; groups sign nothing.
func (s *Server) DescribePerson(ctx context.Context, a *models.Actor) (wellknown.Part, error) {
	feed := s.feedOf(a)
	if feed == "" {
		return wellknown.Part{}, nil
	}
	p := wellknown.Part{Links: []wellknown.Link{{Rel: xrd.RelUpdates, Type: feedType, Href: feed}}, Aliases: []string{s.URI(a)}}
	if a.Type != vocab.TypeGroup {
		key, err := s.salmonKey(ctx, a)
		if err != nil {
			return wellknown.Part{}, err
		}
		p.Links = append(p.Links, wellknown.Link{Rel: xrd.RelKey, Href: salmon.PublicKeyURL(&key.PublicKey)})
	}
	for _, rel := range salmonRels {
		p.Links = append(p.Links, wellknown.Link{Rel: rel, Href: s.SalmonURL(a)})
	}
	if picture := pictureOf(a); picture != "" {
		p.Links = append(p.Links, wellknown.Link{Rel: xrd.RelAvatar, Type: typeOf(a.Doc.Image, picture), Href: picture})
	}
	return p, nil
}

// DescribeObject implements [wellknown.Network].
func (s *Server) DescribeObject(*models.Object) wellknown.Part { return wellknown.Part{} }

// DescribeHost implements [wellknown.Network].
func (s *Server) DescribeHost() wellknown.Host {
	return wellknown.Host{Protocol: "ostatus", Outbound: []string{"atom1.0"}}
}
