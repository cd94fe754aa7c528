package pumpapi

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"sync"

	"manifold/bridge/wellknown"
	"manifold/models"
)

// DescribePerson implements [wellknown.Network].
func (a *API) DescribePerson(_ context.Context, p *models.Actor) (wellknown.Part, error) {
	if p.Nickname == "" {
		return wellknown.Part{Self: &wellknown.Link{Rel: "self", Type: "application/json", Href: p.Doc.ID}}, nil
	}
	user := a.names.User(p.Nickname)
	return wellknown.Part{
		Self: &wellknown.Link{Rel: "self", Type: "application/json", Href: a.names.Profile(p.Nickname)},
		Links: []wellknown.Link{
			{Rel: "activity-inbox", Href: user + "/inbox"},
			{Rel: "activity-outbox", Href: user + "/feed"},
			{Rel: "followers", Href: user + "/followers"},
			{Rel: "following", Href: user + "/following"},
			{Rel: "favorites", Href: user + "/favorites"},
			{Rel: "lists", Href: user + "/lists/person"},
			{Rel: subscribeRel, Template: a.names.Base + interactionPath + "?uri={uri}"},
		},
	}, nil
}

// DescribeObject implements [wellknown.Network].
func (a *API) DescribeObject(o *models.Object) wellknown.Part {
	v := &view{names: a.names}
	return wellknown.Part{
		Self: &wellknown.Link{Rel: "self", Type: "application/json", Href: v.self(o)},
		Links: []wellknown.Link{
			{Rel: "replies", Type: "application/json", Href: v.feedURL(o, "replies")},
			{Rel: "likes", Type: "application/json", Href: v.feedURL(o, "likes")},
			{Rel: "shares", Type: "application/json", Href: v.feedURL(o, "shares")},
		},
	}
}

// DescribeHost implements [wellknown.Network]: it lists what other pump servers
// look for before they speak with one.
func (a *API) DescribeHost() wellknown.Host {
	base := a.names.Base
	const oauth = "http://apinamespace.org/oauth/"
	return wellknown.Host{Protocol: "pumpio", Meta: []wellknown.Link{
		{Rel: "registration_endpoint", Href: base + "/api/client/register"},
		{Rel: oauth + "request_token", Href: base + "/oauth/request_token"},
		{Rel: oauth + "authorize", Href: base + "/oauth/authorize"},
		{Rel: oauth + "access_token", Href: base + "/oauth/access_token"},
		{Rel: "http://apinamespace.org/activitypub/whoami", Href: base + "/api/whoami"},
	}}
}

// getDefaultImage is the avatar of people without one, which choqok fetches
// from this address on every host.
func (a *API) getDefaultImage(w http.ResponseWriter, r *http.Request, _ *caller) error {
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	if r.Method != http.MethodHead {
		w.Write(defaultImage())
	}
	return nil
}

// defaultImage draws a head and shoulders.
var defaultImage = sync.OnceValue(func() []byte {
	const side = 96
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.RGBA{0xd7, 0xdd, 0xdb, 0xff}, color.RGBA{0x7c, 0x8d, 0x8c, 0xff}})
	within := func(x, y, cx, cy, rx, ry int) bool {
		dx, dy := (x-cx)*ry, (y-cy)*rx
		return dx*dx+dy*dy <= rx*rx*ry*ry
	}
	for y := range side {
		for x := range side {
			if within(x, y, side/2, 36, 18, 20) || within(x, y, side/2, side, 36, 34) {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil
	}
	return b.Bytes()
})
