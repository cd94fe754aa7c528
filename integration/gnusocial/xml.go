package gnusocial

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Namespaces of a feed.
const (
	nsAtom     = "http://www.w3.org/2005/Atom"
	nsThread   = "http://purl.org/syndication/thread/1.0"
	nsActivity = "http://activitystrea.ms/spec/1.0/"
	nsGeoRSS   = "http://www.georss.org/georss"
	nsOStatus  = "http://ostatus.org/schema/1.0"
	nsPoco     = "http://portablecontacts.net/spec/1.0"
	nsMedia    = "http://purl.org/syndication/atommedia"
	nsStatus   = "http://status.net/schema/api/1/"
	nsEnvelope = "http://salmon-protocol.org/ns/magic-env"
)

// namespaces are declared on the root of each document.
var namespaces = []string{
	"xmlns", nsAtom, "xmlns:thr", nsThread, "xmlns:activity", nsActivity, "xmlns:georss", nsGeoRSS, "xmlns:ostatus", nsOStatus,
	"xmlns:poco", nsPoco, "xmlns:media", nsMedia, "xmlns:statusnet", nsStatus,
}

// node is an element to be written. Its name and those of its attributes have the
// prefixes of namespaces.
type node struct {
	name  string
	attrs []string // name, value, name, value
	text  string
	kids  []*node
}

// group is an element of elements; those that are nil are left out.
func group(name string, kids ...*node) *node {
	n := &node{name: name}
	return n.add(kids...)
}

// text is an element of text.
func text(name, value string, attrs ...string) *node {
	return &node{name: name, attrs: attrs, text: value}
}

// link is a link of Atom.
func link(rel, href string, attrs ...string) *node {
	return &node{name: "link", attrs: append([]string{"rel", rel, "href", href}, attrs...)}
}

func (n *node) add(kids ...*node) *node {
	for _, k := range kids {
		if k != nil {
			n.kids = append(n.kids, k)
		}
	}
	return n
}

// root is a copy of the element with all namespaces declared.
func (n *node) root() *node {
	r := *n
	r.attrs = append(append([]string(nil), namespaces...), n.attrs...)
	return &r
}

// document is the element as a document.
func (n *node) document() []byte {
	b := bytes.NewBufferString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	n.write(b, 0)
	return b.Bytes()
}

func (n *node) write(b *bytes.Buffer, depth int) {
	fmt.Fprintf(b, "%*s<%s", depth, "", n.name)
	for i := 0; i+1 < len(n.attrs); i += 2 {
		fmt.Fprintf(b, ` %s="`, n.attrs[i])
		_ = xml.EscapeText(b, []byte(n.attrs[i+1])) // a buffer takes everything
		b.WriteByte('"')
	}
	b.WriteByte('>')
	_ = xml.EscapeText(b, []byte(n.text))
	if len(n.kids) > 0 {
		b.WriteByte('\n')
		for _, k := range n.kids {
			k.write(b, depth+1)
		}
		fmt.Fprintf(b, "%*s", depth, "")
	}
	fmt.Fprintf(b, "</%s>\n", n.name)
}

// element is an element that was read.
type element struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Text    string     `xml:",chardata"`
	Inner   string     `xml:",innerxml"`
	Kids    []*element `xml:",any"`
}

// readXML reads a document that has to be well-formed and have nothing behind it.
func readXML(document []byte) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(document))
	var root element
	if err := d.Decode(&root); err != nil {
		return nil, fmt.Errorf("the XML cannot be read: %w", err)
	}
	for {
		switch token, err := d.Token(); {
		case errors.Is(err, io.EOF):
			return &root, nil
		case err != nil:
			return nil, fmt.Errorf("behind the document: %w", err)
		default:
			if _, begins := token.(xml.StartElement); begins {
				return nil, errors.New("the document has two roots")
			}
		}
	}
}

// is reports whether an element has that name.
func (e *element) is(space, local string) bool {
	return e.XMLName.Space == space && e.XMLName.Local == local
}

// all are the children of a name.
func (e *element) all(space, local string) []*element {
	var found []*element
	if e == nil {
		return nil
	}
	for _, k := range e.Kids {
		if k.is(space, local) {
			found = append(found, k)
		}
	}
	return found
}

// first is the first child of a name, nil where there is none.
func (e *element) first(space, local string) *element {
	if found := e.all(space, local); len(found) > 0 {
		return found[0]
	}
	return nil
}

// value is the text of the first child of a name.
func (e *element) value(space, local string) string {
	if k := e.first(space, local); k != nil {
		return strings.TrimSpace(k.Text)
	}
	return ""
}

// attr is the value of an attribute; those of no namespace have "".
func (e *element) attr(space, local string) string {
	if e == nil {
		return ""
	}
	for _, a := range e.Attrs {
		if a.Name.Space == space && a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}

// links are the links of a relation.
func (e *element) links(rel string) []*element {
	var found []*element
	for _, l := range e.all(nsAtom, "link") {
		if r := l.attr("", "rel"); r == rel || r == "" && rel == "alternate" {
			found = append(found, l)
		}
	}
	return found
}

// href is where the first link of a relation leads; kind is its type, "" for any.
func (e *element) href(rel, kind string) string {
	for _, l := range e.links(rel) {
		if t := l.attr("", "type"); kind == "" || t == kind {
			return l.attr("", "href")
		}
	}
	return ""
}
