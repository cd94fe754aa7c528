package pumpapi

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strings"
	"sync"

	"manifold/models"
)

// descriptor is an answer to the question who or what an identifier names, as
// JRD (RFC 7033 4.4) or XRD (http://docs.oasis-open.org/xri/xrd/v1.0/xrd-1.0.html).
type descriptor struct {
	XMLName xml.Name         `xml:"http://docs.oasis-open.org/ns/xri/xrd-1.0 XRD"`
	Subject string           `xml:"Subject,omitempty"`
	Aliases []string         `xml:"Alias"`
	Links   []descriptorLink `xml:"Link"`
}

type descriptorLink struct {
	Rel      string `xml:"rel,attr"`
	Type     string `xml:"type,attr,omitempty"`
	Href     string `xml:"href,attr,omitempty"`
	Template string `xml:"template,attr,omitempty"`
}

// webfinger answers RFC 7033.
func (a *API) webfinger(w http.ResponseWriter, r *http.Request, _ *caller) error {
	d, err := a.describe(r)
	if err != nil {
		return err
	}
	a.answerJRD(w, r, d, "application/jrd+json")
	return nil
}

// lrdd answers the same question as XRD, as its own template in host-meta says.
func (a *API) lrdd(w http.ResponseWriter, r *http.Request, _ *caller) error {
	d, err := a.describe(r)
	if err != nil {
		return err
	}
	if prefersJSON(r, false) {
		a.answerJRD(w, r, d, "application/jrd+json")
		return nil
	}
	return answerXRD(w, r, d)
}

// describe finds what the parameter resource names. Clients of old leave
// "acct:" out, and the port.
func (a *API) describe(r *http.Request) (*descriptor, error) {
	w := r.URL.Query()
	resource := w.Get("resource")
	if resource == "" {
		resource = w.Get("uri")
	}
	if resource == "" {
		return nil, refuse(http.StatusBadRequest, "No resource parameter")
	}
	if nick := a.names.Nickname(resource); nick != "" {
		account, err := a.db.AccountByNickname(r.Context(), nick)
		switch {
		case errors.Is(err, models.ErrNotFound):
			return nil, refuse(http.StatusNotFound, "Unrecognized user: %s", resource)
		case err != nil:
			return nil, err
		case account.State == models.Deleted:
			return nil, refuse(http.StatusGone, "This account is gone: %s", resource)
		}
		return a.describePerson(account.Nickname), nil
	}
	if !a.names.Ours(resource) {
		return nil, refuse(http.StatusNotFound, "Unrecognized host: %s is not of this server, which is %s", resource, a.names.Host)
	}
	o, err := a.db.ObjectByIRI(r.Context(), resource)
	if err == nil {
		var visible bool
		if visible, err = a.db.MaySeeObject(r.Context(), models.Viewer{}, o.ID); err == nil && visible && o.Deleted.IsZero() {
			return a.describeObject(o), nil
		}
	}
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return nil, err
	}
	return nil, refuse(http.StatusNotFound, "Unrecognized object: %s", resource)
}

// describePerson has exactly one link with the relation self: a pump server
// takes the first it finds, whatever its type, and Misskey does so too.
func (a *API) describePerson(nick string) *descriptor {
	n := a.names
	user := n.User(nick)
	acct := n.Acct(nick)
	d := &descriptor{Subject: acct, Links: []descriptorLink{
		{Rel: "http://webfinger.net/rel/profile-page", Type: "text/html", Href: n.Page(nick)},
		{Rel: "self", Type: "application/json", Href: n.Profile(nick)},
		{Rel: "activity-inbox", Href: user + "/inbox"},
		{Rel: "activity-outbox", Href: user + "/feed"},
		{Rel: "followers", Href: user + "/followers"},
		{Rel: "following", Href: user + "/following"},
		{Rel: "favorites", Href: user + "/favorites"},
		{Rel: "lists", Href: user + "/lists/person"},
	}}
	for _, alias := range n.PersonAliases(nick) {
		if alias != acct {
			d.Aliases = append(d.Aliases, alias)
		}
	}
	return d
}

func (a *API) describeObject(o *models.Object) *descriptor {
	v := &view{names: a.names}
	return &descriptor{Subject: o.Doc.ID, Links: []descriptorLink{
		{Rel: "self", Type: "application/json", Href: v.self(o)},
		{Rel: "replies", Type: "application/json", Href: v.feedURL(o, "replies")},
		{Rel: "likes", Type: "application/json", Href: v.feedURL(o, "likes")},
		{Rel: "shares", Type: "application/json", Href: v.feedURL(o, "shares")},
	}}
}

// hostMeta answers RFC 6415.
func (a *API) hostMeta(w http.ResponseWriter, r *http.Request, c *caller) error {
	if prefersJSON(r, true) {
		return a.hostMetaJSON(w, r, c)
	}
	return answerXRD(w, r, a.describeHost())
}

func (a *API) hostMetaJSON(w http.ResponseWriter, r *http.Request, _ *caller) error {
	a.answerJRD(w, r, a.describeHost(), "application/json; charset=utf-8")
	return nil
}

// describeHost lists what other pump servers look for before they speak with
// one.
func (a *API) describeHost() *descriptor {
	base := a.names.Base
	const oauth = "http://apinamespace.org/oauth/"
	return &descriptor{Links: []descriptorLink{
		{Rel: "lrdd", Type: "application/xrd+xml", Template: base + "/api/lrdd?resource={uri}"},
		{Rel: "lrdd", Type: "application/json", Template: base + "/.well-known/webfinger?resource={uri}"},
		{Rel: "registration_endpoint", Href: base + "/api/client/register"},
		{Rel: oauth + "request_token", Href: base + "/oauth/request_token"},
		{Rel: oauth + "authorize", Href: base + "/oauth/authorize"},
		{Rel: oauth + "access_token", Href: base + "/oauth/access_token"},
		{Rel: "http://apinamespace.org/activitypub/whoami", Href: base + "/api/whoami"},
	}}
}

// prefersJSON reports whether a request asks for JSON rather than XML. either is
// the answer where it does not say.
func prefersJSON(r *http.Request, either bool) bool {
	accept := r.Header.Get("Accept")
	switch {
	case strings.Contains(accept, "xml"):
		x, j := strings.Index(accept, "xml"), strings.Index(accept, "json")
		return j >= 0 && j < x
	case strings.Contains(accept, "json"):
		return true
	}
	return either && strings.Contains(accept, "*/*")
}

func (a *API) answerJRD(w http.ResponseWriter, r *http.Request, d *descriptor, contentType string) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*") // RFC 7033 5
	out := &writer{}
	out.open('{')
	out.text("subject", d.Subject)
	texts(out, "aliases", d.Aliases)
	out.key("links")
	out.open('[')
	for _, l := range d.Links {
		out.open('{')
		out.text("rel", l.Rel)
		out.text("type", l.Type)
		out.text("href", l.Href)
		out.text("template", l.Template)
		out.close('}')
	}
	out.close(']')
	out.close('}')
	h.Set("Content-Type", contentType)
	if r.Method != http.MethodHead {
		w.Write(out.b)
	}
}

func answerXRD(w http.ResponseWriter, r *http.Request, d *descriptor) error {
	b, err := xml.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Content-Type", "application/xrd+xml; charset=utf-8")
	if r.Method != http.MethodHead {
		w.Write(append([]byte(xml.Header), b...))
	}
	return nil
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
