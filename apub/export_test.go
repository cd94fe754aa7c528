package apub

import (
	"context"

	"manifold/apub/httpsig"
	"manifold/bridge"
	"manifold/models"
)

// DeliverDocument sends a document of somebody here to the inboxes of a delivery.
func (s *Server) DeliverDocument(ctx context.Context, actor *models.Actor, document []byte, d *bridge.Delivery) ([]string, error) {
	id, err := s.identity(ctx, actor)
	if err != nil {
		return nil, err
	}
	return s.deliverAll(ctx, &parcel{sender: id, document: document, contentType: activityType, digest: httpsig.NewDigest(document)}, d)
}

// RetryAfter reads the header of that name.
var RetryAfter = retryAfter
