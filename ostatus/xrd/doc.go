// Package xrd finds out what a name stands for: from ann@example.org, or from the
// address of a profile, to the descriptor that says where the feed, the inbox and
// the key of that account are.
//
// A descriptor ([Descriptor]) is a list of links with relations, about a subject
// that may have further names (aliases). It is written in XML (XRD 1.0) or in
// JSON (JRD, RFC 7033 4.4), which say the same; old servers read only the former
// and new ones only the latter.
//
// Three generations of servers answer differently, and [Finder.Find] asks them in
// this order, always at the host that the name itself belongs to:
//
//  1. WebFinger (RFC 7033): https://host/.well-known/webfinger?resource=NAME.
//  2. LRDD (RFC 6415): /.well-known/host-meta is a descriptor of the host, whose
//     links with the relation lrdd have a template; the name, escaped, is put in
//     place of {uri} ([Expand]).
//  3. For addresses of pages: a link with the relation lrdd in the header of the
//     answer or in the head of the HTML ([ParsePage]).
//
// A descriptor counts only when it names what was asked for. Where its subject
// belongs to another host, that host is asked in turn, once, and has the last
// word: otherwise anybody could publish a descriptor with somebody else's name
// and a key of their own.
//
// Where there is no descriptor, [Finder.Page] reads the page itself: its link to
// a feed, and the hCard or h-card in it.
//
// A server that answers the questions of others uses [Descriptor.XML],
// [Descriptor.JSON] and [Negotiate], and takes care that each answer names what
// was asked for: GNU social 2 dies of one that does not.
package xrd
