package gnusocial

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Relations of descriptors.
const (
	relFeed      = "http://schemas.google.com/g/2010#updates-from"
	relPage      = "http://webfinger.net/rel/profile-page"
	relSubscribe = "http://ostatus.org/schema/1.0/subscribe"
	relKey       = "magic-public-key"
	nsXRD        = "http://docs.oasis-open.org/ns/xri/xrd-1.0"
	typeXRD      = "application/xrd+xml"
	typeJRD      = "application/jrd+json"
)

// descriptor is what a site says about a name.
type descriptor struct {
	Subject string
	Aliases []string
	Links   []descriptorLink
}

type descriptorLink struct{ Rel, Type, Href, Template string }

// find is the first link of a relation.
func (d *descriptor) find(rel string) descriptorLink {
	i := slices.IndexFunc(d.Links, func(l descriptorLink) bool { return l.Rel == rel })
	if i < 0 {
		return descriptorLink{}
	}
	return d.Links[i]
}

// readDescriptor reads a descriptor by its content type, or else by how it begins.
func readDescriptor(a *answer, onlyXML bool) (*descriptor, error) {
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d", a.address, a.status)
	}
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	asJSON := kind == typeJRD || kind == "application/json" || kind != typeXRD && strings.HasPrefix(strings.TrimSpace(string(a.body)), "{")
	d := &descriptor{}
	if asJSON {
		if onlyXML {
			return nil, fmt.Errorf("%s answers with JSON where only XML is understood", a.address)
		}
		if err := json.Unmarshal(a.body, d); err != nil {
			return nil, fmt.Errorf("%s: %w", a.address, err)
		}
		return d, nil
	}
	root, err := readXML(a.body)
	if err == nil && !root.is(nsXRD, "XRD") {
		err = fmt.Errorf("it is a %s", root.XMLName.Local)
	}
	if err != nil {
		return nil, fmt.Errorf("%s is no descriptor: %w", a.address, err)
	}
	d.Subject = root.value(nsXRD, "Subject")
	for _, e := range root.all(nsXRD, "Alias") {
		d.Aliases = append(d.Aliases, strings.TrimSpace(e.Text))
	}
	for _, e := range root.all(nsXRD, "Link") {
		d.Links = append(d.Links, descriptorLink{e.attr("", "rel"), e.attr("", "type"), e.attr("", "href"), e.attr("", "template")})
	}
	return d, nil
}

// lookup finds the descriptor of a name: acct:nick@host, nick@host or an address. A
// descriptor that does not name it ends the process of a GNU social 2.
func (s *Server) lookup(name string) (*descriptor, error) {
	asked := name
	if !strings.Contains(name, ":") || !strings.HasPrefix(name, "acct:") && strings.Contains(name, "@") && !strings.Contains(name, "/") {
		asked = "acct:" + strings.TrimPrefix(name, "acct:")
	}
	d, err := s.ask(asked)
	if err != nil {
		return nil, fmt.Errorf("nothing is found for %s: %w", asked, err)
	}
	if d.Subject != asked && !slices.Contains(d.Aliases, asked) {
		err := fmt.Errorf("the descriptor of %s names only %s and %v, and GNU social dies of it", asked, d.Subject, d.Aliases)
		s.complain("descriptor", asked, nil, err)
		return nil, err
	}
	return d, nil
}

// ask tries the ways to a descriptor: WebFinger by https only, the templates of
// host-meta, then the links of the page that the name is the address of. The well-known
// documents of an address are looked for on the default port of its host, whatever
// port it has itself; those of an account keep the port.
func (s *Server) ask(name string) (*descriptor, error) {
	var tried []error
	account, isAccount := strings.CutPrefix(name, "acct:")
	var roots []string
	if isAccount {
		host := account[strings.LastIndexByte(account, '@')+1:]
		roots = []string{"https://" + host, "http://" + host}
	} else {
		u, err := url.Parse(name)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("%q is no name", name)
		}
		if u.Port() == "" {
			roots = []string{u.Scheme + "://" + u.Host}
		}
	}
	if len(roots) > 0 && !s.options.Old && (isAccount || strings.HasPrefix(roots[0], "https:")) {
		d, err := s.descriptor(roots[0]+"/.well-known/webfinger?resource="+url.QueryEscape(name), typeJRD+", "+typeXRD+";q=0.9")
		if err == nil {
			return d, nil
		}
		tried = append(tried, err)
	}
	for _, root := range roots {
		d, err := s.hostMeta(root, name)
		if err == nil {
			return d, nil
		}
		tried = append(tried, err)
	}
	if !isAccount {
		d, err := s.linked(name)
		if err == nil {
			return d, nil
		}
		tried = append(tried, err)
	}
	return nil, errors.Join(tried...)
}

func (s *Server) descriptor(address, accept string) (*descriptor, error) {
	a, err := s.get(http.MethodGet, address, accept)
	if err != nil {
		return nil, err
	}
	return readDescriptor(a, s.options.Old)
}

// hostMeta follows the first template of a site that it can read the type of.
func (s *Server) hostMeta(root, name string) (*descriptor, error) {
	host, err := s.descriptor(root+"/.well-known/host-meta", typeXRD)
	if err != nil {
		return nil, err
	}
	types := []string{typeJRD, "application/json", typeXRD}
	if s.options.Old {
		types = []string{typeXRD}
	}
	for _, l := range host.Links {
		if l.Rel == "lrdd" && slices.Contains(types, l.Type) && strings.Contains(l.Template, "{uri}") {
			return s.descriptor(strings.ReplaceAll(l.Template, "{uri}", url.QueryEscape(name)), l.Type)
		}
	}
	return nil, fmt.Errorf("%s has no template in its host-meta", root)
}

var (
	headerLink = regexp.MustCompile(`<([^>]*)>\s*((?:;\s*[a-z*]+="?[^",;]*"?\s*)*)`)
	htmlLink   = regexp.MustCompile(`(?is)<link\s[^>]*>`)
	htmlAttr   = regexp.MustCompile(`(?is)([a-z:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')`)
)

// linked follows the link of an address with the relation lrdd, the first in the
// headers or else in the HTML. What is there has to be XML.
func (s *Server) linked(address string) (*descriptor, error) {
	head, err := s.get(http.MethodHead, address, "text/html, application/xhtml+xml")
	if err != nil {
		return nil, err
	}
	for _, h := range head.header.Values("Link") {
		for _, m := range headerLink.FindAllStringSubmatch(h, -1) {
			if regexp.MustCompile(`rel="?([^";]*\s)?lrdd[";\s]?`).MatchString(m[2]) {
				return s.onlyXRD(head.address, m[1])
			}
		}
	}
	page, err := s.get(http.MethodGet, address, "text/html, application/xhtml+xml")
	if err != nil {
		return nil, err
	}
	for _, l := range pageLinks(page.body) {
		if l.Rel == "lrdd" {
			return s.onlyXRD(page.address, l.Href)
		}
	}
	return nil, fmt.Errorf("%s leads to no descriptor", address)
}

func (s *Server) onlyXRD(base, reference string) (*descriptor, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	if u, err = u.Parse(reference); err != nil {
		return nil, err
	}
	a, err := s.get(http.MethodGet, u.String(), typeXRD)
	if err != nil {
		return nil, err
	}
	return readDescriptor(a, true)
}

// pageLinks are the links in the head of a page.
func pageLinks(page []byte) []descriptorLink {
	var links []descriptorLink
	for _, tag := range htmlLink.FindAllString(string(page), -1) {
		var l descriptorLink
		for _, m := range htmlAttr.FindAllStringSubmatch(tag, -1) {
			value := strings.NewReplacer("&amp;", "&", "&#38;", "&", "&quot;", `"`, "&#34;", `"`).Replace(m[2] + m[3])
			switch strings.ToLower(m[1]) {
			case "rel":
				l.Rel = value
			case "type":
				l.Type = value
			case "href":
				l.Href = value
			}
		}
		links = append(links, l)
	}
	return links
}

// meet finds out who somebody is, by an account or an address, and remembers it.
func (s *Server) meet(name string) (*profile, error) {
	s.mu.Lock()
	known := s.profiles[name]
	s.mu.Unlock()
	if known != nil && (known.local || known.Feed != "") {
		return known, nil
	}
	feed, salmon, key, page := "", "", "", ""
	d, err := s.lookup(name)
	if err == nil {
		feed, salmon, key, page = d.find(relFeed).Href, d.find("salmon").Href, d.find(relKey).Href, d.find(relPage).Href
		if salmon == "" || s.options.Old {
			salmon = d.find(relReplies).Href
		}
		if feed == "" && page != "" {
			feed, err = s.feedOf(page)
		}
	} else if !strings.HasPrefix(name, "acct:") && strings.Contains(name, "/") {
		feed, err = s.feedOf(name)
	}
	if err != nil {
		return nil, err
	}
	return s.enter(feed, salmon, key)
}

// feedOf is the first feed that a page links to.
func (s *Server) feedOf(page string) (string, error) {
	a, err := s.get(http.MethodGet, page, "text/html, application/xhtml+xml")
	if err != nil {
		return "", err
	}
	for _, l := range pageLinks(a.body) {
		if strings.EqualFold(l.Rel, "alternate") && l.Type == typeAtom {
			u, err := url.Parse(a.address)
			if err == nil {
				u, err = u.Parse(l.Href)
			}
			if err != nil {
				return "", err
			}
			return u.String(), nil
		}
	}
	return "", fmt.Errorf("%s links to no feed", page)
}

// feedTypes are those that a feed may have.
var feedTypes = []string{"text/xml", "application/xml", typeAtom, "application/rss+xml"}

// enter reads a feed and remembers whose it is.
func (s *Server) enter(feed, salmon, key string) (*profile, error) {
	if feed == "" {
		return nil, errors.New("there is no feed")
	}
	root, err := s.readFeed(feed)
	if err != nil {
		s.complain("feed", feed, nil, err)
		return nil, err
	}
	said, err := readPerson(ownerOf(root))
	if err == nil {
		said.Feed, said.Salmon, said.hub = feed, salmon, root.href("hub", "")
		if said.Salmon == "" || said.Group { // the descriptors of groups have a wrong one
			said.Salmon = root.href("salmon", "")
		}
		err = tooLong(said.Feed, said.Salmon)
	}
	if err == nil && said.hub == "" {
		err = errors.New("it names no hub")
	}
	if err != nil {
		err = fmt.Errorf("the feed %s: %w", feed, err)
		s.complain("feed", feed, nil, err)
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.profiles[said.URI]
	if p == nil {
		p = said
		p.number = s.number()
		s.profiles[p.URI] = p
	} else {
		p.update(said)
		p.Feed, p.Salmon, p.hub, p.Group = said.Feed, said.Salmon, said.hub, said.Group
	}
	if p.key == nil && key != "" {
		if p.key, err = readKey(key); err != nil {
			return nil, fmt.Errorf("the key of %s: %w", p.URI, err)
		}
	}
	return p, nil
}

func (s *Server) readFeed(feed string) (*element, error) {
	a, err := s.get(http.MethodGet, feed, typeAtom+", application/xml;q=0.9, text/xml;q=0.8")
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d", feed, a.status)
	}
	if kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); !slices.Contains(feedTypes, kind) {
		return nil, fmt.Errorf("%s is a %s and no feed", feed, kind)
	}
	root, err := readXML(a.body)
	if err == nil && !root.is(nsAtom, "feed") {
		err = fmt.Errorf("%s is a %s and no feed", feed, root.XMLName.Local)
	}
	return root, err
}
