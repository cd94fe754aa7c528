package ostatus

import (
	"context"

	"manifold/models"
)

// Meet finds somebody and stores them.
func (s *Server) Meet(ctx context.Context, name string) (*models.Actor, error) {
	f, err := s.find(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.meet(ctx, f)
}

// How documents are verified, and from when on what they show is news.
const (
	ByHub   = byHub
	ByOwner = byOwner
)

// Since is from when on what a feed shows is news.
var Since = since
