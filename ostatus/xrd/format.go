package xrd

import (
	"bytes"
	"encoding/json"
	"mime"
	"strconv"
	"strings"
	"time"

	"manifold/internal/xmltree"
)

const nsSchemaInstance = "http://www.w3.org/2001/XMLSchema-instance"

func parseXRD(body []byte) (*Descriptor, error) {
	root, err := xmltree.Parse(body, xmltree.Limits{Size: MaxDocument, Depth: 16, Nodes: 10_000})
	if err != nil {
		return nil, &MalformedError{"XRD", err.Error()}
	}
	if !root.Is(NS, "XRD") {
		return nil, &MalformedError{"XRD", "the root is not the element XRD of " + NS}
	}
	d := &Descriptor{}
	for _, e := range root.Elements() {
		if e.Name.Space != NS {
			continue // such as the hm:Host of host-meta
		}
		switch e.Name.Local {
		case "Subject":
			d.Subject = e.Trimmed()
		case "Alias":
			d.Aliases = append(d.Aliases, e.Trimmed())
		case "Expires":
			d.Expires, _ = time.Parse(time.RFC3339, e.Trimmed()) // what is no date says nothing
		case "Property":
			d.Properties = append(d.Properties, propertyOf(e))
		case "Link":
			d.Links = append(d.Links, linkOf(e))
		}
	}
	return d, nil
}

func propertyOf(e *xmltree.Element) Property {
	null := e.Attr(nsSchemaInstance, "nil")
	return Property{Type: e.Attr("", "type"), Value: e.Trimmed(), Nil: null == "true" || null == "1"}
}

func linkOf(e *xmltree.Element) Link {
	l := Link{Rel: e.Attr("", "rel"), Type: e.Attr("", "type"), Href: strings.TrimSpace(e.Attr("", "href")), Template: strings.TrimSpace(e.Attr("", "template"))}
	for _, c := range e.Elements() {
		switch {
		case c.Is(NS, "Title"):
			l.Titles = append(l.Titles, Title{Lang: c.Attr(xmltree.NSXML, "lang"), Text: c.Trimmed()})
		case c.Is(NS, "Property"):
			l.Properties = append(l.Properties, propertyOf(c))
		}
	}
	return l
}

// XML returns the descriptor as XRD 1.0.
func (d *Descriptor) XML() []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<XRD xmlns="` + NS + `">` + "\n")
	if !d.Expires.IsZero() {
		element(&b, "Expires", d.Expires.UTC().Format(time.RFC3339))
	}
	if d.Subject != "" {
		element(&b, "Subject", d.Subject)
	}
	for _, a := range d.Aliases {
		element(&b, "Alias", a)
	}
	writeProperties(&b, d.Properties)
	for _, l := range d.Links {
		start(&b, "Link", "rel", l.Rel, "type", l.Type, "href", l.Href, "template", l.Template)
		for _, t := range l.Titles {
			start(&b, "Title", "xml:lang", t.Lang)
			xmltree.Escape(&b, t.Text)
			b.WriteString("</Title>")
		}
		writeProperties(&b, l.Properties)
		b.WriteString("</Link>\n")
	}
	b.WriteString("</XRD>\n")
	return b.Bytes()
}

func writeProperties(b *bytes.Buffer, list []Property) {
	for _, p := range list {
		if p.Nil {
			start(b, "Property", "type", p.Type, "xmlns:xsi", nsSchemaInstance, "xsi:nil", "true")
		} else {
			start(b, "Property", "type", p.Type)
			xmltree.Escape(b, p.Value)
		}
		b.WriteString("</Property>\n")
	}
}

func element(b *bytes.Buffer, name, text string) {
	start(b, name)
	xmltree.Escape(b, text)
	b.WriteString("</" + name + ">\n")
}

// start writes a start tag; of the attributes, names and values in turn, empty
// ones are left out.
func start(b *bytes.Buffer, name string, attributes ...string) {
	b.WriteString("<" + name)
	for i := 0; i+1 < len(attributes); i += 2 {
		if attributes[i+1] != "" {
			b.WriteString(" " + attributes[i] + `="`)
			xmltree.Escape(b, attributes[i+1])
			b.WriteByte('"')
		}
	}
	b.WriteByte('>')
}

// jrd is the form of RFC 7033 4.4 and RFC 6415 A. What is a map there comes as an
// empty list from PHP, so that each member is read on its own.
type jrd struct {
	Expires    string             `json:"expires,omitempty"`
	Subject    string             `json:"subject,omitempty"`
	Aliases    []string           `json:"aliases,omitempty"`
	Properties map[string]*string `json:"properties,omitempty"`
	Links      []jrdLink          `json:"links,omitempty"`
}

type jrdLink struct {
	Rel        string             `json:"rel,omitempty"`
	Type       string             `json:"type,omitempty"`
	Href       string             `json:"href,omitempty"`
	Template   string             `json:"template,omitempty"`
	Titles     map[string]string  `json:"titles,omitempty"`
	Properties map[string]*string `json:"properties,omitempty"`
}

func parseJRD(body []byte) (*Descriptor, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, &MalformedError{"JRD", err.Error()}
	}
	d := &Descriptor{Subject: text(members["subject"]), Properties: properties(members["properties"])}
	d.Expires, _ = time.Parse(time.RFC3339, text(members["expires"]))
	for _, a := range list(members["aliases"]) {
		if s := text(a); s != "" {
			d.Aliases = append(d.Aliases, s)
		}
	}
	for _, raw := range list(members["links"]) {
		var m map[string]json.RawMessage
		if json.Unmarshal(raw, &m) != nil {
			continue // what is no link is none
		}
		l := Link{Rel: text(m["rel"]), Type: text(m["type"]), Href: strings.TrimSpace(text(m["href"])), Template: strings.TrimSpace(text(m["template"])),
			Properties: properties(m["properties"])}
		for _, t := range properties(m["titles"]) {
			if t.Type == "und" || t.Type == "default" { // RFC 7033 4.4.4.4, RFC 6415 A
				t.Type = ""
			}
			l.Titles = append(l.Titles, Title{Lang: t.Type, Text: t.Value})
		}
		d.Links = append(d.Links, l)
	}
	return d, nil
}

// text returns a string, "" for anything else.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// list returns the elements of a list; what is alone counts as a list of one.
func list(raw json.RawMessage) []json.RawMessage {
	var all []json.RawMessage
	if json.Unmarshal(raw, &all) == nil {
		return all
	}
	if len(raw) > 0 {
		return []json.RawMessage{raw}
	}
	return nil
}

// properties returns the members of an object that are strings or null, in the
// order of the document.
func properties(raw json.RawMessage) []Property {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var all []Property
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return all
		}
		p := Property{Type: name.(string), Nil: string(value) == "null"} // the names of members are strings
		if p.Nil || json.Unmarshal(value, &p.Value) == nil {
			all = append(all, p)
		}
	}
	return all
}

// JSON returns the descriptor as JRD. Of several properties of one type it holds
// the first.
func (d *Descriptor) JSON() []byte {
	out := jrd{Subject: d.Subject, Aliases: d.Aliases, Properties: asMap(d.Properties)}
	if !d.Expires.IsZero() {
		out.Expires = d.Expires.UTC().Format(time.RFC3339)
	}
	for _, l := range d.Links {
		j := jrdLink{Rel: l.Rel, Type: l.Type, Href: l.Href, Template: l.Template, Properties: asMap(l.Properties)}
		for _, t := range l.Titles {
			if j.Titles == nil {
				j.Titles = map[string]string{}
			}
			if t.Lang == "" {
				t.Lang = "und"
			}
			if _, said := j.Titles[t.Lang]; !said {
				j.Titles[t.Lang] = t.Text
			}
		}
		out.Links = append(out.Links, j)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(out) // strings can be encoded
	return b.Bytes()
}

func asMap(list []Property) map[string]*string {
	var m map[string]*string
	for _, p := range list {
		if m == nil {
			m = map[string]*string{}
		}
		if _, said := m[p.Type]; said {
			continue
		}
		m[p.Type] = nil
		if !p.Nil {
			m[p.Type] = &p.Value
		}
	}
	return m
}

// Format is one of the two spellings of a descriptor.
type Format int

const (
	JRD Format = iota
	XRD
)

// MediaType returns what the format is sent as.
func (f Format) MediaType() string {
	if f == XRD {
		return MediaTypeXRD
	}
	return MediaTypeJRD
}

// Write returns a descriptor in the format.
func (f Format) Write(d *Descriptor) []byte {
	if f == XRD {
		return d.XML()
	}
	return d.JSON()
}

// Negotiate chooses the format for an answer by the Accept and User-Agent headers
// of the question. otherwise is for those who have no preference: JRD at
// WebFinger, XRD at host-meta. StatusNet up to 1.1.0 says nothing and reads only
// XRD.
func Negotiate(accept []string, userAgent string, otherwise Format) Format {
	jrd, xrd, any := -1.0, -1.0, false
	for _, one := range strings.Split(strings.Join(accept, ","), ",") {
		media, params, err := mime.ParseMediaType(strings.TrimSpace(one))
		if err != nil {
			continue
		}
		q := 1.0
		if v, err := strconv.ParseFloat(params["q"], 64); err == nil {
			q = v
		}
		switch media {
		case MediaTypeJRD, "application/json":
			jrd, any = max(jrd, q), true
		case MediaTypeXRD, "application/xml", "text/xml":
			xrd, any = max(xrd, q), true
		}
	}
	switch {
	case any && (jrd > xrd || xrd <= 0):
		return JRD
	case any && xrd > jrd:
		return XRD
	case !any && isOldStatusNet(userAgent):
		return XRD
	}
	return otherwise
}

// isOldStatusNet recognises StatusNet/1.1.0 and older.
func isOldStatusNet(userAgent string) bool {
	version, ok := strings.CutPrefix(userAgent, "StatusNet/")
	if !ok {
		return false
	}
	limits := []int{1, 1, 0}
	for i, part := range strings.SplitN(version, ".", len(limits)) {
		if end := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
			part = part[:end] // as in 1.1.0-release
		}
		if n, err := strconv.Atoi(part); err != nil || n != limits[i] {
			return err == nil && n < limits[i]
		}
	}
	return true
}
