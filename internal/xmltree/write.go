package xmltree

import (
	"bytes"
	"encoding/xml"
	"strconv"
	"strings"
)

// Escape appends text so that a parser reads the same, whatever it holds; what
// XML 1.0 cannot hold (2.2) becomes U+FFFD.
func Escape(b *bytes.Buffer, text string) {
	_ = xml.EscapeText(b, []byte(text)) // writing to memory does not fail
}

// AppendXML appends the element where the default namespace is inherited. What
// it needs beyond that it declares itself, so that it means the same anywhere.
func (e *Element) AppendXML(b *bytes.Buffer, inherited string) {
	b.WriteByte('<')
	b.WriteString(e.Name.Local)
	if e.Name.Space != inherited {
		attribute(b, "xmlns", e.Name.Space)
	}
	declared := 0
	for _, a := range e.Attrs {
		switch a.Name.Space {
		case "":
			attribute(b, a.Name.Local, a.Value)
		case NSXML:
			attribute(b, "xml:"+a.Name.Local, a.Value)
		default:
			declared++
			prefix := "ns" + strconv.Itoa(declared)
			attribute(b, "xmlns:"+prefix, a.Name.Space)
			attribute(b, prefix+":"+a.Name.Local, a.Value)
		}
	}
	if len(e.Nodes) == 0 {
		b.WriteString("/>")
		return
	}
	b.WriteByte('>')
	for _, n := range e.Nodes {
		if n.Element != nil {
			n.Element.AppendXML(b, e.Name.Space)
		} else {
			Escape(b, n.Text)
		}
	}
	b.WriteString("</")
	b.WriteString(e.Name.Local)
	b.WriteByte('>')
}

// XML returns the element as a document, without a declaration.
func (e *Element) XML() string {
	var b bytes.Buffer
	e.AppendXML(&b, "")
	return b.String()
}

func attribute(b *bytes.Buffer, name, value string) {
	b.WriteByte(' ')
	b.WriteString(name)
	b.WriteString(`="`)
	Escape(b, value)
	b.WriteByte('"')
}

// NSXHTML is the namespace of HTML in XML.
const NSXHTML = "http://www.w3.org/1999/xhtml"

// nsXLink is the one namespace of attributes that HTML knows.
const nsXLink = "http://www.w3.org/1999/xlink"

// void elements have neither content nor an end tag in HTML (HTML 13.1.2).
var void = map[string]bool{
	"area": true, "base": true, "br": true, "col": true, "embed": true, "hr": true, "img": true, "input": true,
	"link": true, "meta": true, "source": true, "track": true, "wbr": true,
}

// AppendHTML appends what is in the element as HTML. Elements of XHTML lose their
// namespace and get an end tag where HTML wants one; those of other vocabularies
// (SVG, MathML) name theirs. What HTML has no spelling for is left out: the tags
// of an element whose name is none there, while what is in it stays, and such
// attributes.
//
// The outcome means what the element meant, harm included: to whom it is shown
// without being cleaned, anything may happen.
func (e *Element) AppendHTML(b *bytes.Buffer) {
	for _, n := range e.Nodes {
		if n.Element != nil {
			n.Element.appendTag(b, e.Name.Space)
		} else {
			Escape(b, n.Text)
		}
	}
}

func (e *Element) appendTag(b *bytes.Buffer, inherited string) {
	name := e.Name.Local
	if !isHTMLName(name) {
		e.AppendHTML(b)
		return
	}
	b.WriteByte('<')
	b.WriteString(name)
	if e.Name.Space != inherited && e.Name.Space != NSXHTML && e.Name.Space != "" {
		attribute(b, "xmlns", e.Name.Space)
	}
	for _, a := range e.Attrs {
		prefix, known := map[string]string{"": "", NSXML: "xml:", nsXLink: "xlink:"}[a.Name.Space]
		if known && isHTMLName(a.Name.Local) {
			attribute(b, prefix+a.Name.Local, a.Value)
		}
	}
	b.WriteByte('>')
	e.AppendHTML(b)
	if void[name] && (e.Name.Space == NSXHTML || e.Name.Space == "") {
		return
	}
	b.WriteString("</")
	b.WriteString(name)
	b.WriteByte('>')
}

// isHTMLName reports whether HTML reads a name as it is written.
func isHTMLName(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789-_", r)) {
			return false
		}
	}
	return s != ""
}
