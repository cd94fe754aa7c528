package gnusocial

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// getHostMeta tells the template by which names are looked up here.
func (s *Server) getHostMeta(w http.ResponseWriter, r *http.Request) {
	template := s.Base + "/.well-known/webfinger?resource={uri}"
	d := &descriptor{Links: []descriptorLink{
		{Rel: "lrdd", Type: typeJRD, Template: template}, {Rel: "lrdd", Type: "application/json", Template: template}, {Rel: "lrdd", Type: typeXRD, Template: template},
	}}
	writeDescriptor(w, d, strings.HasSuffix(r.URL.Path, ".json"))
}

// getWebFinger answers in JSON unless XML is preferred, and StatusNet in XML always.
func (s *Server) getWebFinger(w http.ResponseWriter, r *http.Request) {
	resource := r.URL.Query().Get("resource")
	s.mu.Lock()
	d := s.describe(resource)
	s.mu.Unlock()
	if d == nil {
		http.Error(w, "<p>No such user.</p>", http.StatusNotFound)
		return
	}
	old := strings.HasPrefix(r.UserAgent(), "StatusNet/")
	accept := r.Header.Get("Accept")
	xml, asJSON := strings.Index(accept, typeXRD), strings.Index(accept, "json")
	writeDescriptor(w, d, !old && (xml < 0 || asJSON >= 0 && asJSON < xml))
}

// describe is what is said about a name of here.
func (s *Server) describe(name string) *descriptor {
	account := strings.TrimPrefix(name, "acct:")
	for _, p := range s.profiles {
		if !p.local {
			continue
		}
		d := &descriptor{Subject: "acct:" + p.Nick + "@" + s.Host, Aliases: append([]string{p.URI, p.Page}, s.otherNames(p)...)}
		endpoint := p.Salmon
		if p.Group {
			d.Subject, d.Aliases = p.URI, slices.DeleteFunc(d.Aliases, func(a string) bool { return a == p.URI })
			// The number of the profile, where the endpoint goes by that of the group: GNU
			// social 2 has it so, and only the feed has the right one.
			endpoint = fmt.Sprintf("%s/main/salmon/group/%d", s.Base, p.number)
		}
		if name != d.Subject && !slices.Contains(d.Aliases, name) && (p.Group || account != strings.TrimPrefix(d.Subject, "acct:")) {
			continue
		}
		d.Links = []descriptorLink{
			{Rel: relPage, Type: typeHTML, Href: p.Page}, {Rel: "http://gmpg.org/xfn/11", Type: typeHTML, Href: p.Page},
			{Rel: relSubscribe, Template: s.Base + "/main/remotefollowsub?profile={uri}"},
			{Rel: relFeed, Type: typeAtom, Href: p.Feed},
		}
		if person := s.people[p.Nick]; !p.Group && person != nil {
			d.Links = append(d.Links, descriptorLink{Rel: relKey, Href: "data:application/magic-public-key," + writeKey(&person.key.PublicKey)})
			if s.actorOf != nil {
				d.Links = append(d.Links, descriptorLink{Rel: "self", Type: "application/activity+json", Href: s.actorOf(p.Nick)})
			}
		}
		for _, rel := range []string{"salmon", relReplies, relMentions} {
			d.Links = append(d.Links, descriptorLink{Rel: rel, Href: endpoint})
		}
		return d
	}
	return nil
}

// SpeakActivityPub has the site speak ActivityPub as well: descriptors name the actors
// of people, and a handler answers what is below /users/ and posted to /inbox.
func (s *Server) SpeakActivityPub(actorOf func(nick string) string, h http.Handler) {
	s.mux.Handle("/users/", h)
	s.mux.Handle("POST /inbox", h)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.actorOf = actorOf
}

// otherNames are the addresses that somebody has with and without index.php.
func (s *Server) otherNames(p *profile) []string {
	if p.Group {
		return []string{strings.Replace(p.URI, s.Base, s.Base+"/index.php", 1)}
	}
	return slices.DeleteFunc([]string{fmt.Sprintf("%s/index.php/user/%d", s.Base, p.number), fmt.Sprintf("%s/user/%d", s.Base, p.number)},
		func(a string) bool { return a == p.URI })
}

func writeDescriptor(w http.ResponseWriter, d *descriptor, asJSON bool) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if asJSON {
		links := []map[string]string{}
		for _, l := range d.Links {
			m := map[string]string{"rel": l.Rel}
			for name, value := range map[string]string{"type": l.Type, "href": l.Href, "template": l.Template} {
				if value != "" {
					m[name] = value
				}
			}
			links = append(links, m)
		}
		w.Header().Set("Content-Type", typeJRD)
		_ = json.NewEncoder(w).Encode(map[string]any{"subject": d.Subject, "aliases": d.Aliases, "links": links}) // whoever asked may be gone
		return
	}
	n := &node{name: "XRD", attrs: []string{"xmlns", nsXRD}}
	if d.Subject != "" {
		n.add(text("Subject", d.Subject))
	}
	for _, a := range d.Aliases {
		n.add(text("Alias", a))
	}
	for _, l := range d.Links {
		e := &node{name: "Link", attrs: []string{"rel", l.Rel}}
		for _, attr := range [][2]string{{"type", l.Type}, {"href", l.Href}, {"template", l.Template}} {
			if attr[1] != "" {
				e.attrs = append(e.attrs, attr[0], attr[1])
			}
		}
		n.add(e)
	}
	w.Header().Set("Content-Type", typeXRD)
	_, _ = w.Write(n.document())
}

// getProfilePage is what a browser sees of somebody. Its head leads to the feed.
func (s *Server) getProfilePage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	person := s.people[r.PathValue("nick")]
	if person == nil {
		http.NotFound(w, r)
		return
	}
	s.page(w, person.profile)
}

func (s *Server) getUser(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, person := range s.people {
		if strconv.Itoa(person.profile.number) == r.PathValue("number") {
			http.Redirect(w, r, person.profile.Page, http.StatusFound)
			return
		}
	}
	http.NotFound(w, r)
}

func (s *Server) getGroupPage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for nick, g := range s.groups {
		if name := r.PathValue("name"); name == nick || name == strconv.Itoa(g.number) {
			s.page(w, g.profile)
			return
		}
	}
	http.NotFound(w, r)
}

func (s *Server) page(w http.ResponseWriter, p *profile) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Link", fmt.Sprintf(`<%s/.well-known/webfinger?resource=%s>; rel="lrdd"; type="%s"`, s.Base, url.QueryEscape(p.URI), typeXRD))
	fmt.Fprintf(w, `<!DOCTYPE html><html><head><title>%s</title><link rel="alternate" type="%s" href="%s" title="Atom"></head>
<body><div class="h-card"><a class="u-url p-nickname" href="%s">%s</a> <span class="p-name">%s</span></div></body></html>`,
		html.EscapeString(p.shown()), typeAtom, html.EscapeString(p.Feed), html.EscapeString(p.Page), html.EscapeString(p.Nick), html.EscapeString(p.shown()))
}

// getNoticePage is what a browser sees of a notice.
func (s *Server) getNoticePage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.numbered(r.PathValue("number"))
	if n == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, `<!DOCTYPE html><html><head><title>%s</title></head><body><div class="e-content">%s</div></body></html>`, html.EscapeString(n.Title), n.Content)
}

// numbered is a notice of here by its number.
func (s *Server) numbered(number string) *Notice {
	for _, n := range s.notices {
		if strconv.Itoa(n.number) == number && n.Way == WayHere {
			return n
		}
	}
	return nil
}

// getNotice serves a notice as a document of its own.
func (s *Server) getNotice(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.numbered(strings.TrimSuffix(r.PathValue("file"), ".atom"))
	if n == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", typeAtom)
	_, _ = w.Write(s.entry(n, true).root().document())
}

func (s *Server) getFile(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	f, ok := s.files[r.PathValue("name")]
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", f.contentType)
	_, _ = w.Write(f.content)
}

// getRemoteFollow is where somebody who was sent here from elsewhere is asked whether
// to follow them.
func (s *Server) getRemoteFollow(w http.ResponseWriter, r *http.Request) {
	p, err := s.meet(r.URL.Query().Get("profile"))
	if err != nil {
		http.Error(w, html.EscapeString(err.Error()), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "Follow %s?", p.URI)
}

// RemoteFollow is the form on the page of somebody here, where a visitor says who he is
// elsewhere: it returns where the browser is sent to.
func (s *Server) RemoteFollow(nick, visitor string) (string, error) {
	d, err := s.lookup(visitor)
	if err != nil {
		return "", err
	}
	template := d.find(relSubscribe).Template
	if !strings.Contains(template, "{uri}") {
		return "", fmt.Errorf("the descriptor of %s has no template for subscribers", visitor)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ReplaceAll(template, "{uri}", url.QueryEscape(s.people[nick].profile.URI)), nil
}
