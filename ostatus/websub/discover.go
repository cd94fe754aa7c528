package websub

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"manifold/internal/linkheader"
)

// Link is a link of a feed, with a complete address.
type Link struct{ Rel, Href string }

// Discovered is how to subscribe to a feed.
type Discovered struct {
	// Topic is what to ask the hub for, letter by letter.
	Topic string
	// Hubs are those that deliver it, any of them.
	Hubs []string
}

// ErrNoHub means that a feed names no hub: it can only be read again from time to
// time.
var ErrNoHub = errors.New("websub: the feed names no hub")

// ElsewhereError means that a document says it is a copy of a feed on another
// host. Its hub has no say in that: look at the feed itself.
type ElsewhereError struct{ Topic string }

func (e *ElsewhereError) Error() string {
	return "websub: the feed is a copy of one on another host: " + e.Topic
}

// Discover finds topic and hubs of a feed that was found at an address, in the
// headers of the answer and then in the links of the feed (4). It returns
// [ErrNoHub] or an [*ElsewhereError].
func Discover(address string, header http.Header, links []Link) (*Discovered, error) {
	base, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	d := &Discovered{}
	var all []Link
	for _, l := range linkheader.Parse(header.Values("Link")) {
		for _, rel := range l.Rels {
			all = append(all, Link{Rel: rel, Href: l.Target})
		}
	}
	for _, l := range append(all, links...) {
		u, err := base.Parse(strings.TrimSpace(l.Href))
		if err != nil || l.Href == "" || !isAddress(u) {
			continue
		}
		switch {
		case l.Rel == "hub" && !slices.Contains(d.Hubs, u.String()) && len(d.Hubs) < 4:
			d.Hubs = append(d.Hubs, u.String())
		case l.Rel == "self" && d.Topic == "":
			d.Topic = u.String()
			if strings.TrimSpace(l.Href) == l.Href && strings.Contains(l.Href, "://") {
				d.Topic = l.Href // not in another spelling
			}
			if !strings.EqualFold(u.Host, base.Host) {
				return nil, &ElsewhereError{d.Topic}
			}
		}
	}
	if d.Topic == "" {
		d.Topic = address
	}
	if len(d.Hubs) == 0 {
		return nil, ErrNoHub
	}
	return d, nil
}

// isAddress reports whether a request can be made to a reference that was resolved.
// Not everything that can be resolved can be read again as a whole.
func isAddress(u *url.URL) bool {
	whole, err := url.Parse(u.String())
	return err == nil && whole.Host != "" && (whole.Scheme == "http" || whole.Scheme == "https")
}
