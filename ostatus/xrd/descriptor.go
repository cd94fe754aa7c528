package xrd

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// NS is the namespace of XRD 1.0.
const NS = "http://docs.oasis-open.org/ns/xri/xrd-1.0"

// The media types of descriptors.
const (
	MediaTypeJRD = "application/jrd+json"
	MediaTypeXRD = "application/xrd+xml"
)

// Relations that OStatus servers use. RelSubscribe and [RelLRDD] have a template.
const (
	RelLRDD      = "lrdd"
	RelProfile   = "http://webfinger.net/rel/profile-page"
	RelAvatar    = "http://webfinger.net/rel/avatar"
	RelUpdates   = "http://schemas.google.com/g/2010#updates-from"
	RelSubscribe = "http://ostatus.org/schema/1.0/subscribe"
	RelKey       = "magic-public-key"
	RelSalmon    = "salmon"
	// StatusNet reads these two in place of RelSalmon.
	RelSalmonReplies = "http://salmon-protocol.org/ns/salmon-replies"
	RelSalmonMention = "http://salmon-protocol.org/ns/salmon-mention"
	RelHCard         = "http://microformats.org/profile/hcard"
)

// Limits on descriptors. The longest that were seen have 4 KB and 20 links.
const (
	// MaxDocument is how many bytes one may have.
	MaxDocument = 256 << 10
	maxLinks    = 256
	maxAliases  = 256
)

// Descriptor says what a name stands for.
type Descriptor struct {
	// Expires is when it has to be asked for again; zero for unknown.
	Expires time.Time
	// Subject is the name that the descriptor is about, mostly an acct: URI. That of
	// a host (host-meta) has none.
	Subject string
	// Aliases are further names of the subject.
	Aliases    []string
	Properties []Property
	Links      []Link
}

// Link leads to something that belongs to the subject.
type Link struct {
	Rel, Type, Href string
	// Template is an address with {uri} in it, where there is no Href.
	Template   string
	Titles     []Title
	Properties []Property
}

// Title is what a link is called, in a language; Lang is "" for any.
type Title struct{ Lang, Text string }

// Property is something said about the subject, or about a link. Type is an IRI.
type Property struct {
	Type, Value string
	// Nil tells a property without a value from one with an empty value.
	Nil bool
}

// MalformedError means that something is no descriptor.
type MalformedError struct {
	// Format is "XRD", "JRD", "HTML" or "descriptor".
	Format, Reason string
}

func (e *MalformedError) Error() string { return "xrd: not a readable " + e.Format + ": " + e.Reason }

// TooLargeError means that a document has more of something than is read.
type TooLargeError struct {
	// What is "bytes", "links" or "aliases".
	What  string
	Limit int
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("xrd: the document has more than %d %s", e.Limit, e.What)
}

// Parse reads a descriptor, which is XRD or JRD by how it begins: content types
// are wrong too often. It returns [*MalformedError] or [*TooLargeError].
func Parse(body []byte) (*Descriptor, error) {
	if len(body) > MaxDocument {
		return nil, &TooLargeError{"bytes", MaxDocument}
	}
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	var d *Descriptor
	var err error
	switch {
	case bytes.HasPrefix(body, []byte("<")):
		d, err = parseXRD(body)
	case bytes.HasPrefix(body, []byte("{")):
		d, err = parseJRD(body)
	default:
		err = &MalformedError{"descriptor", "it begins neither like XML nor like JSON"}
	}
	switch {
	case err != nil:
		return nil, err
	case len(d.Links) > maxLinks:
		return nil, &TooLargeError{"links", maxLinks}
	case len(d.Aliases) > maxAliases:
		return nil, &TooLargeError{"aliases", maxAliases}
	}
	return d, nil
}

// Link returns the first link with a relation that leads somewhere, of one of
// the types if there are any; nil when there is none.
func (d *Descriptor) Link(rel string, types ...string) *Link {
	for i := range d.Links {
		l := &d.Links[i]
		if l.Rel == rel && l.Href != "" && (len(types) == 0 || slices.Contains(types, l.Type)) {
			return l
		}
	}
	return nil
}

// Href returns where the first link with a relation leads, "" when there is none.
func (d *Descriptor) Href(rel string, types ...string) string {
	if l := d.Link(rel, types...); l != nil {
		return l.Href
	}
	return ""
}

// Template returns the template of the first link with a relation that has one.
func (d *Descriptor) Template(rel string) string {
	for _, l := range d.Links {
		if l.Rel == rel && l.Template != "" {
			return l.Template
		}
	}
	return ""
}

// Salmon returns where salmon slaps for the subject are sent. For groups of GNU
// social 2 the link in their feed has to be preferred: that of the descriptor
// carries a wrong number.
func (d *Descriptor) Salmon() string {
	for _, rel := range []string{RelSalmon, RelSalmonReplies, RelSalmonMention} {
		if href := d.Href(rel); href != "" {
			return href
		}
	}
	return ""
}

// Property returns the value of the first property of a type.
func (d *Descriptor) Property(kind string) (string, bool) {
	for _, p := range d.Properties {
		if p.Type == kind && !p.Nil {
			return p.Value, true
		}
	}
	return "", false
}

// Names are the subject and the aliases.
func (d *Descriptor) Names() []string {
	if d.Subject == "" {
		return d.Aliases
	}
	return append([]string{d.Subject}, d.Aliases...)
}

// Is reports whether the descriptor is about something of this name.
func (d *Descriptor) Is(name string) bool {
	return slices.ContainsFunc(d.Names(), func(n string) bool { return Same(n, name) })
}

// Same reports whether two names are spellings of one: the acct: may be missing,
// as in Friendica's subjects, and the case of hosts and the ports that go without
// saying are of no meaning (RFC 3986 6.2.2.1 and 6.2.3). All else is.
func Same(a, b string) bool {
	return a == b || a != "" && b != "" && canonical(a) == canonical(b)
}

func canonical(name string) string {
	r, err := ParseResource(name)
	if err != nil {
		return name
	}
	if r.Account {
		return r.URI
	}
	u, err := url.Parse(r.URI)
	if err != nil {
		return r.URI
	}
	u.Host = r.Host
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String()
}

// Resource is a name that can be asked for.
type Resource struct {
	// URI is the name as it is asked for: acct:nick@host or a web address.
	URI string
	// Host answers for it: the host in lower case, with the port where it is not the
	// default one.
	Host string
	// Account tells accounts from addresses.
	Account bool
}

// ResourceError means that a name is of no form that can be asked for.
type ResourceError struct{ Name, Reason string }

func (e *ResourceError) Error() string {
	return fmt.Sprintf("xrd: %q is neither an account nor a web address: %s", e.Name, e.Reason)
}

// ParseResource reads acct:nick@host, nick@host, @nick@host and web addresses.
func ParseResource(name string) (Resource, error) {
	fail := func(reason string) (Resource, error) { return Resource{}, &ResourceError{name, reason} }
	if len(name) > 2000 {
		return Resource{}, &ResourceError{name[:100] + "...", "it is too long"}
	}
	scheme, rest, ok := strings.Cut(name, ":")
	switch strings.ToLower(scheme) {
	case "http", "https":
		u, err := url.Parse(name)
		if err != nil || u.Hostname() == "" || u.User != nil {
			return fail("the address is not complete")
		}
		return Resource{URI: name, Host: hostOf(u)}, nil
	case "acct":
		name = rest
	default:
		if ok && !strings.Contains(scheme, "@") { // what stands before a port has one
			return fail("the scheme is neither acct nor http nor https")
		}
		name = strings.TrimPrefix(name, "@")
	}
	at := strings.LastIndexByte(name, '@')
	if at <= 0 {
		return fail("there is no nick before a host")
	}
	nick, host := name[:at], strings.ToLower(name[at+1:])
	// The host has to be nothing but a host once it stands in an address.
	u, err := url.Parse("https://" + host)
	if err != nil || u.Hostname() == "" || u.Host != host || strings.ContainsAny(host, "/?#@\\ ") {
		return fail("what follows the @ is no host")
	}
	return Resource{URI: "acct:" + nick + "@" + host, Host: strings.TrimSuffix(host, ":443"), Account: true}, nil
}

// hostOf returns the host of a web address in lower case, with the port where it
// is not the default one.
func hostOf(u *url.URL) string {
	usual := map[string]string{"http": ":80", "https": ":443"}[strings.ToLower(u.Scheme)]
	return strings.TrimSuffix(strings.ToLower(u.Host), usual)
}

// Expand puts a name into a template in place of {uri}, with all that is not
// unreserved escaped (RFC 6415 3.1.1.1). It reports false for what is no template.
func Expand(template, name string) (string, bool) {
	if !strings.Contains(template, "{uri}") {
		return "", false
	}
	return strings.ReplaceAll(template, "{uri}", escape(name)), true
}

func escape(name string) string { return strings.ReplaceAll(url.QueryEscape(name), "+", "%20") }
