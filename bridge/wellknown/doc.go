// Package wellknown answers what other servers ask of a host before they know
// anything else of it, once for all networks.
//
// There are three questions. Who is ann@example.org? WebFinger (RFC 7033) answers
// with links to where somebody is found; LRDD is the same in XML. How is this host
// asked? Host-meta (RFC 6415) answers with the templates of these addresses. What
// kind of server is this? NodeInfo (http://nodeinfo.diaspora.software) answers with
// the software and some numbers.
//
// Every [Network] adds what it knows to each answer, and the first of them has the
// say where there can be one link only:
//
//	/.well-known/webfinger       as JSON
//	/api/lrdd                    the same, as XML unless JSON is asked for
//	/.well-known/host-meta       as XML unless JSON is asked for
//	/.well-known/host-meta.json  as JSON
//	/.well-known/nodeinfo        the addresses of the two that follow
//	/nodeinfo/2.0, /nodeinfo/2.1
package wellknown
