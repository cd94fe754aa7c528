package wellknown

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"manifold/models"
	"manifold/models/vocab"
)

// webfinger answers RFC 7033, with XRD to those who ask for nothing else, or are
// known to read nothing else.
func (s *Server) webfinger(w http.ResponseWriter, r *http.Request) error {
	d, err := s.describe(r)
	if err != nil {
		return err
	}
	w.Header().Set("Vary", "Accept, User-Agent")
	if wantsXRD(r) {
		return sendXRD(w, r, d)
	}
	sendJSON(w, r, http.StatusOK, "application/jrd+json", d)
	return nil
}

// lrdd answers the same question as XRD, as its own template in host-meta says.
func (s *Server) lrdd(w http.ResponseWriter, r *http.Request) error {
	d, err := s.describe(r)
	if err != nil {
		return err
	}
	if prefersJSON(r, false) {
		sendJSON(w, r, http.StatusOK, "application/jrd+json", d)
		return nil
	}
	return sendXRD(w, r, d)
}

// xrd answers it as XRD, whatever is asked for: servers of old read nothing else, and
// do not say so.
func (s *Server) xrd(w http.ResponseWriter, r *http.Request) error {
	d, err := s.describe(r)
	if err != nil {
		return err
	}
	return sendXRD(w, r, d)
}

// describe finds what the parameter resource names. Clients of old leave
// "acct:" out, and the port; some call the parameter as the first draft did. What
// was asked for is always among the names in the answer: GNU social 2 dies where
// it is not.
func (s *Server) describe(r *http.Request) (*Descriptor, error) {
	query := r.URL.Query()
	resource := query.Get("resource")
	if resource == "" {
		resource = query.Get("uri")
	}
	if resource == "" {
		return nil, refuse(http.StatusBadRequest, "No resource parameter")
	}
	d, err := s.find(r.Context(), s.ownScheme(resource))
	if err != nil {
		return nil, err
	}
	d.add(nil, []string{resource})
	return d, nil
}

// ownScheme writes an address of ours with the scheme that it has today: others keep
// those from before a server had https, or try both.
func (s *Server) ownScheme(resource string) string {
	scheme, rest, ok := strings.Cut(resource, "://")
	if own, _, _ := strings.Cut(s.names.Base, "://"); ok && (scheme == "http" || scheme == "https") && s.names.Ours(own+"://"+rest) {
		return own + "://" + rest
	}
	return resource
}

func (s *Server) find(ctx context.Context, resource string) (*Descriptor, error) {
	if nick := s.names.Nickname(resource); nick != "" {
		account, err := s.db.AccountByNickname(ctx, nick)
		if err == nil {
			return s.describeAccount(ctx, account, resource)
		}
		if !errors.Is(err, models.ErrNotFound) {
			return nil, err
		}
	}
	if d := s.describeServer(resource); d != nil {
		return d, nil
	}
	if !s.names.Ours(resource) {
		return nil, refuse(http.StatusNotFound, "Unrecognized host: %s is not of this server, which is %s", resource, s.names.Host)
	}
	return s.describeThing(ctx, resource)
}

func (s *Server) describeAccount(ctx context.Context, account *models.Account, resource string) (*Descriptor, error) {
	switch account.State {
	case models.Deleted:
		return nil, refuse(http.StatusGone, "This account is gone: %s", resource)
	case models.Suspended:
		return nil, refuse(http.StatusGone, "This account is suspended: %s", resource)
	}
	actor, err := s.db.Actor(ctx, account.ActorID)
	if err != nil {
		return nil, err
	}
	return s.describePerson(ctx, actor, s.names.PersonAliases(account.Nickname))
}

// describePerson begins with the page for people; names are all that a person
// has on any network.
func (s *Server) describePerson(ctx context.Context, a *models.Actor, names []string) (*Descriptor, error) {
	d := &Descriptor{Subject: s.names.Acct(a.Nickname), Links: []Link{{Rel: "http://webfinger.net/rel/profile-page", Type: "text/html", Href: s.names.Page(a.Nickname)}}}
	if a.Nickname == "" {
		d.Subject, d.Links[0].Href = a.Doc.ID, a.Doc.URL
		if a.Doc.PreferredUsername != "" {
			d.Subject = s.names.Acct(a.Doc.PreferredUsername)
		}
		if d.Links[0].Href == "" {
			d.Links = nil
		}
	}
	parts := make([]Part, len(s.networks))
	for i, n := range s.networks {
		var err error
		if parts[i], err = n.DescribePerson(ctx, a); err != nil {
			return nil, err
		}
	}
	d.add(parts, names)
	return d, nil
}

// describeThing describes a group by any of its names, or an object, as far as
// strangers may see it.
func (s *Server) describeThing(ctx context.Context, resource string) (*Descriptor, error) {
	nick, name := s.names.Nickname(resource), resource
	if nick != "" {
		name = s.names.Acct(models.Fold(nick)) // as groups are named
	}
	known, err := s.db.Lookup(ctx, resource, name)
	if err != nil {
		return nil, err
	}
	for _, ref := range append(known[resource], known[name]...) {
		var d *Descriptor
		switch ref.Kind {
		case models.KindActor:
			d, err = s.describeGroup(ctx, ref.ID)
		case models.KindObject:
			d, err = s.describeObject(ctx, ref.ID)
		}
		if d != nil || err != nil {
			return d, err
		}
	}
	if nick != "" {
		return nil, refuse(http.StatusNotFound, "Unrecognized user: %s", resource)
	}
	return nil, refuse(http.StatusNotFound, "Unrecognized object: %s", resource)
}

func (s *Server) describeGroup(ctx context.Context, id int64) (*Descriptor, error) {
	g, err := s.db.Actor(ctx, id)
	if err != nil || g.Type != vocab.TypeGroup || !g.Local {
		return nil, err
	}
	switch visible, err := s.db.MaySeeGroup(ctx, models.Viewer{}, g.ID); {
	case err != nil || !visible:
		return nil, err
	case g.State != models.Active:
		return nil, refuse(http.StatusGone, "This group is gone: %s", g.Doc.ID)
	}
	return s.describePerson(ctx, g, []string{g.Doc.ID, g.Doc.URL})
}

func (s *Server) describeObject(ctx context.Context, id int64) (*Descriptor, error) {
	o, err := s.db.Object(ctx, id)
	if err != nil || !o.Deleted.IsZero() || !s.names.Ours(o.Doc.ID) {
		return nil, err
	}
	if visible, err := s.db.MaySeeObject(ctx, models.Viewer{}, o.ID); err != nil || !visible {
		return nil, err
	}
	d := &Descriptor{Subject: o.Doc.ID}
	parts := make([]Part, len(s.networks))
	for i, n := range s.networks {
		parts[i] = n.DescribeObject(o)
	}
	d.add(parts, nil)
	return d, nil
}

// describeServer describes the server itself, by its address (FEP-d556), or by
// the account of its actor, which is called like the host.
func (s *Server) describeServer(resource string) *Descriptor {
	base := s.names.Base
	server := s.names.ServerAcct()
	for _, n := range s.networks {
		h := n.DescribeHost()
		switch {
		case resource == base || resource == base+"/":
			if len(h.Site) > 0 {
				return &Descriptor{Subject: base + "/", Links: h.Site}
			}
		case h.Actor.Self != nil && (resource == h.ActorID || s.names.IsServerAcct(resource)):
			d := &Descriptor{Subject: server}
			d.add([]Part{h.Actor}, []string{h.ActorID})
			return d
		}
	}
	return nil
}

// add adds what the networks tell.
func (d *Descriptor) add(parts []Part, names []string) {
	alias := func(name string) {
		if name != "" && name != d.Subject && !slices.Contains(d.Aliases, name) {
			d.Aliases = append(d.Aliases, name)
		}
	}
	for _, name := range names {
		alias(name)
	}
	for _, p := range parts {
		if p.Self != nil && !slices.ContainsFunc(d.Links, func(l Link) bool { return l.Rel == "self" }) {
			d.Links = append(d.Links, *p.Self)
		}
		for _, name := range p.Aliases {
			alias(name)
		}
	}
	for _, p := range parts {
		d.Links = append(d.Links, p.Links...)
	}
}

// hostMeta answers RFC 6415.
func (s *Server) hostMeta(w http.ResponseWriter, r *http.Request) error {
	if prefersJSON(r, true) {
		return s.hostMetaJSON(w, r)
	}
	return sendXRD(w, r, s.describeHost())
}

func (s *Server) hostMetaJSON(w http.ResponseWriter, r *http.Request) error {
	sendJSON(w, r, http.StatusOK, "application/json; charset=utf-8", s.describeHost())
	return nil
}

// describeHost lists where people are asked for, and what the networks want to
// be found here.
func (s *Server) describeHost() *Descriptor {
	base := s.names.Base
	// pump.io reads the first two, others look for the type that they know.
	d := &Descriptor{Links: []Link{
		{Rel: "lrdd", Type: "application/xrd+xml", Template: base + "/main/xrd?uri={uri}"},
		{Rel: "lrdd", Type: "application/json", Template: base + "/.well-known/webfinger?resource={uri}"},
		{Rel: "lrdd", Type: "application/jrd+json", Template: base + "/.well-known/webfinger?resource={uri}"},
	}}
	for _, n := range s.networks {
		d.Links = append(d.Links, n.DescribeHost().Meta...)
	}
	return d
}
