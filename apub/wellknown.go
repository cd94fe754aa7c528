package apub

import (
	"context"

	"manifold/bridge/wellknown"
	"manifold/models"
)

// DescribePerson implements [wellknown.Network].
func (s *Server) DescribePerson(_ context.Context, a *models.Actor) (wellknown.Part, error) {
	return wellknown.Part{Self: &wellknown.Link{Rel: "self", Type: activityType, Href: actorIRI(s.names, a)}}, nil
}

// DescribeObject implements [wellknown.Network].
func (s *Server) DescribeObject(o *models.Object) wellknown.Part {
	return wellknown.Part{Self: &wellknown.Link{Rel: "self", Type: activityType, Href: o.Doc.ID}}
}

// DescribeHost implements [wellknown.Network]. Whoever wants to know what acts for
// the server finds it by the address of the site (FEP-d556) and through NodeInfo
// (FEP-2677).
func (s *Server) DescribeHost() wellknown.Host {
	actor := s.names.Server()
	return wellknown.Host{
		Protocol: Network, ActorID: actor,
		Actor:    wellknown.Part{Self: &wellknown.Link{Rel: "self", Type: activityType, Href: actor}},
		Site:     []wellknown.Link{{Rel: "https://www.w3.org/ns/activitystreams#Service", Type: activityType, Href: actor}},
		NodeInfo: []wellknown.Link{{Rel: "https://www.w3.org/ns/activitystreams#Application", Type: activityType, Href: actor}},
	}
}
