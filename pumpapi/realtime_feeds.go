package pumpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// feed is a part of a stream, with its address.
type feed struct {
	bridge.StreamID
	part models.Part
	url  string
}

// has reports whether an item of this class stands in the feed.
func (f *feed) has(class models.Class) bool {
	major, direct := class&models.ClassMajor != 0, class&models.ClassDirect != 0
	switch f.part {
	case models.Major:
		return major
	case models.Minor:
		return !major
	case models.Direct:
		return direct
	case models.DirectMajor:
		return direct && major
	case models.DirectMinor:
		return direct && !major
	}
	return true
}

var errNoFeed = refuse(http.StatusNotFound, "There is no such feed.")

// feedAt returns the feed at an address, if the viewer may read it.
func (a *API) feedAt(ctx context.Context, address string, viewer int64) (*feed, error) {
	rest, ok := strings.CutPrefix(address, a.names.Base+"/api/")
	if !ok || len(address) > models.MaxIRI || !readable(address) {
		return nil, errNoFeed
	}
	parts := strings.SplitN(strings.TrimRight(rest, "/"), "/", 4)
	if len(parts) < 3 && parts[0] != "public" || len(parts) < 2 {
		return nil, errNoFeed
	}
	f := &feed{url: address}
	name, err := pathUnescape(parts[1])
	if err != nil {
		return nil, errNoFeed
	}
	part := "/" + strings.Join(parts[min(3, len(parts)):], "/")
	switch {
	case parts[0] == "public" && parts[1] == "feed":
		f.Stream = models.PublicStream
		return f, f.choose(publicParts, "/"+strings.Join(parts[2:], "/"))
	case parts[0] == "user" && parts[2] == "feed":
		f.Stream = models.Outbox
		if f.Owner, err = a.ownerOf(ctx, name); err != nil {
			return nil, err
		}
		return f, f.choose(feedParts, part)
	case parts[0] == "user" && parts[2] == "inbox":
		f.Stream = models.Inbox
		if f.Owner, err = a.ownerOf(ctx, name); err != nil {
			return nil, err
		}
		if f.Owner != viewer {
			return nil, refuse(http.StatusUnauthorized, "Not authorized")
		}
		return f, f.choose(inboxParts, part)
	case parts[0] == "group" && parts[2] == "inbox" && len(parts) == 3:
		f.Stream = models.Inbox
		group, err := a.actorByIRI(ctx, &caller{actorID: viewer}, vocab.TypeGroup, a.names.Thing(vocab.TypeGroup, name))
		if err != nil {
			return nil, err
		}
		f.Owner = group.ID
		return f, nil
	}
	return nil, errNoFeed
}

// ownerOf returns whose feeds are addressed by a nickname.
func (a *API) ownerOf(ctx context.Context, nick string) (int64, error) {
	account, err := a.db.AccountByNickname(ctx, nick)
	if errors.Is(err, models.ErrNotFound) || err == nil && account.State != models.Active {
		return 0, errNoFeed
	}
	if err != nil {
		return 0, err
	}
	return account.ActorID, nil
}

// choose takes the part of the stream that an address ends in.
func (f *feed) choose(parts []feedPart, path string) error {
	for _, p := range parts {
		if p.path == strings.TrimSuffix(path, "/") {
			f.part = p.part
			return nil
		}
	}
	return errNoFeed
}
