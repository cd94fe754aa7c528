// Package xmltree reads XML documents of strangers into a tree, and writes
// trees and parts of them again.
//
// Documents are small here (a feed, a descriptor, an envelope), their elements
// come in any order and in namespaces that nobody foresaw, and nothing of them
// should get lost. So they are read whole, within limits:
//
//   - There are no document types, and so neither entities of somebody's making
//     nor anything to fetch: a document with a DOCTYPE is refused ([ErrDTD]).
//   - Size, depth, and the number of elements and attributes are bounded
//     ([*LimitError]).
//   - What is not well-formed, or has something after its end, is refused with
//     the place ([*SyntaxError]).
//
// Comments and processing instructions are left out. Namespaces are resolved:
// names carry their IRI, and prefixes are of no meaning.
package xmltree

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/html/charset"
)

// NSXML is the namespace of xml:lang and xml:base.
const NSXML = "http://www.w3.org/XML/1998/namespace"

// Limits bound a document. What is 0 has the default.
type Limits struct {
	// Size is in bytes, by default 1 MiB.
	Size int
	// Depth is how deep elements may be nested, by default 64.
	Depth int
	// Nodes is how many elements, attributes and pieces of text there may be, by
	// default 50,000.
	Nodes int
}

func (l Limits) orDefaults() Limits {
	if l.Size == 0 {
		l.Size = 1 << 20
	}
	if l.Depth == 0 {
		l.Depth = 64
	}
	if l.Nodes == 0 {
		l.Nodes = 50_000
	}
	return l
}

// ErrDTD means that a document has a document type. Nothing that is read here
// needs one, and what one can do (entities that grow, files that are fetched) is
// harm.
var ErrDTD = errors.New("xml: documents with a document type (DOCTYPE) are not read")

// LimitError means that a document is larger than it may be.
type LimitError struct {
	// What is "bytes", "levels" or "nodes".
	What  string
	Limit int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("xml: the document has more than %d %s", e.Limit, e.What)
}

// SyntaxError means that a document is not well-formed.
type SyntaxError struct {
	// Offset is where it was noticed, in bytes.
	Offset int64
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("xml: not well-formed at byte %d: %s", e.Offset, e.Reason)
}

// Element is an element with everything in it.
type Element struct {
	// Name has the IRI of the namespace as its Space. Where a prefix is not
	// declared, that is the prefix.
	Name xml.Name
	// Attrs are without the declarations of namespaces.
	Attrs []xml.Attr
	Nodes []Node
}

// Node is an element or a piece of text.
type Node struct {
	// Element is nil for text.
	Element *Element
	Text    string
}

// Is reports whether the element has this name.
func (e *Element) Is(space, local string) bool {
	return e.Name.Space == space && e.Name.Local == local
}

// Attr returns an attribute, "" when there is none.
func (e *Element) Attr(space, local string) string {
	v, _ := e.LookupAttr(space, local)
	return v
}

// LookupAttr returns an attribute, and whether there is one.
func (e *Element) LookupAttr(space, local string) (string, bool) {
	for _, a := range e.Attrs {
		if a.Name.Space == space && a.Name.Local == local {
			return a.Value, true
		}
	}
	return "", false
}

// Elements returns the elements on the first level.
func (e *Element) Elements() []*Element {
	var list []*Element
	for _, n := range e.Nodes {
		if n.Element != nil {
			list = append(list, n.Element)
		}
	}
	return list
}

// First returns the first element of this name on the first level, or nil.
func (e *Element) First(space, local string) *Element {
	for _, n := range e.Nodes {
		if n.Element != nil && n.Element.Is(space, local) {
			return n.Element
		}
	}
	return nil
}

// Text returns all text in the element, at whatever depth.
func (e *Element) Text() string {
	if len(e.Nodes) == 1 && e.Nodes[0].Element == nil {
		return e.Nodes[0].Text
	}
	var b strings.Builder
	e.appendText(&b)
	return b.String()
}

func (e *Element) appendText(b *strings.Builder) {
	for _, n := range e.Nodes {
		if n.Element != nil {
			n.Element.appendText(b)
		} else {
			b.WriteString(n.Text)
		}
	}
}

// Trimmed returns all text in the element, without the white space around it.
func (e *Element) Trimmed() string { return strings.TrimSpace(e.Text()) }

// Parse reads a document.
func Parse(data []byte, limits Limits) (*Element, error) {
	limits = limits.orDefaults()
	if len(data) > limits.Size {
		return nil, &LimitError{"bytes", limits.Size}
	}
	p := &parser{Decoder: xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff")))), limits: limits, spare: limits.Nodes}
	p.CharsetReader = charset.NewReaderLabel
	root, err := p.root()
	if err != nil {
		return nil, err
	}
	return root, nil
}

type parser struct {
	*xml.Decoder
	limits Limits
	// spare is how many nodes there may still be.
	spare int
}

// root reads from the start of the document to its end.
func (p *parser) root() (*Element, error) {
	var root *Element
	var open []*Element
	for {
		token, err := p.Token()
		if err == io.EOF && root != nil {
			return root, nil // the decoder sees to it that all is closed
		}
		if err != nil {
			return nil, p.syntax(err)
		}
		switch t := token.(type) {
		case xml.Directive:
			// By XML 1.0 a directive outside of a document type is nothing but one.
			return nil, ErrDTD
		case xml.StartElement:
			if len(open) == 0 && root != nil {
				return nil, p.syntax(errors.New("there is a second root element"))
			}
			if len(open) == p.limits.Depth {
				return nil, &LimitError{"levels", p.limits.Depth}
			}
			if p.spare -= 1 + len(t.Attr); p.spare < 0 {
				return nil, &LimitError{"nodes", p.limits.Nodes}
			}
			e := &Element{Name: t.Name}
			if e.Attrs, err = attributes(t); err != nil {
				return nil, p.syntax(err)
			}
			if len(open) == 0 {
				root = e
			} else {
				top := open[len(open)-1]
				top.Nodes = append(top.Nodes, Node{Element: e})
			}
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) == 0 {
				if len(bytes.TrimSpace(t)) > 0 {
					return nil, p.syntax(errors.New("there is text outside of the root element"))
				}
				continue
			}
			if err := p.text(open[len(open)-1], t); err != nil {
				return nil, err
			}
		}
	}
}

// text adds to what an element holds; a piece of text may come in several
// tokens, with CDATA sections and comments between them.
func (p *parser) text(e *Element, t []byte) error {
	if last := len(e.Nodes) - 1; last >= 0 && e.Nodes[last].Element == nil {
		e.Nodes[last].Text += string(t)
	} else {
		e.Nodes = append(e.Nodes, Node{Text: string(t)})
	}
	// Each token counts, so that text in many small pieces costs no more than its
	// share.
	if p.spare--; p.spare < 0 {
		return &LimitError{"nodes", p.limits.Nodes}
	}
	return nil
}

// attributes returns those of an element that declare no namespace. It sees to
// what the decoder of the standard library lets pass: names with two colons or a
// digit behind the one (Namespaces in XML 4) and the same attribute twice (XML 1.0 3.1).
func attributes(t xml.StartElement) ([]xml.Attr, error) {
	if !isName(t.Name) {
		return nil, errors.New("the name of an element is none: " + t.Name.Local)
	}
	seen := make(map[xml.Name]bool, len(t.Attr))
	var kept []xml.Attr
	for _, a := range t.Attr {
		switch {
		case a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns":
			continue
		case !isName(a.Name):
			return nil, errors.New("the name of an attribute is none: " + a.Name.Local)
		case seen[a.Name]:
			return nil, errors.New("an element has twice the attribute " + a.Name.Local)
		}
		seen[a.Name] = true
		kept = append(kept, a)
	}
	return kept, nil
}

func isName(n xml.Name) bool {
	return n.Local != "" && n.Space != "xmlns" && !strings.Contains(n.Local, ":") && begins(n.Local)
}

// begins reports whether what stands behind a prefix could stand alone. The decoder
// looks at the name as a whole, of which that is not the beginning.
func begins(local string) bool {
	c := local[0] | 0x20
	if c >= 'a' && c <= 'z' || local[0] == '_' {
		return true
	}
	_, err := xml.NewDecoder(strings.NewReader("<" + local + "/>")).Token()
	return err == nil
}

func (p *parser) syntax(err error) error {
	reason := err.Error()
	switch e, ok := errors.AsType[*xml.SyntaxError](err); {
	case ok:
		reason = e.Msg
	case err == io.EOF:
		reason = "there is no element"
	}
	return &SyntaxError{Offset: p.InputOffset(), Reason: reason}
}
