package ostatus

import (
	"context"
	"net/url"
	"strings"

	"manifold/bridge"
	"manifold/ostatus/xrd"
)

// FollowPage returns the page on which the server of a visitor, who is named as people
// write addresses, has them confirm that they follow whoever uri names. What is no
// [*bridge.Error], whose text is for the visitor, may go better later.
func (s *Server) FollowPage(ctx context.Context, visitor, uri string) (string, error) {
	r, err := xrd.ParseResource(visitor)
	if err != nil {
		return "", notValid("%s is not the address of an account.", visitor)
	}
	if s.bridge.RefuseHost(ctx, r.Host) != nil {
		return "", notAllowed("This server does not talk to %s, by a decision of its admins.", r.Host)
	}
	d, err := s.lookup(ctx, visitor)
	if lasting(err) {
		return "", &bridge.Error{Reason: bridge.Missing, Text: r.Host + " knows nobody by that address. Is it spelled right?"}
	}
	if err != nil {
		return "", err
	}
	template := strings.TrimSpace(d.Descriptor.Template(xrd.RelSubscribe))
	page := strings.ReplaceAll(template, "{uri}", url.QueryEscape(uri))
	if page == template || s.mayFetch(page) != nil {
		return "", &bridge.Error{Reason: bridge.Missing, Text: r.Host + " does not say where you can follow somebody from there. Search there for " + uri + "."}
	}
	return page, nil
}
