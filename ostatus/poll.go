package ostatus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"manifold/bridge"
	"manifold/internal/outbound"
	"manifold/models"
	"manifold/ostatus/atom"
	"manifold/ostatus/websub"
)

// How what comes from a feed was verified, as it is stored.
const (
	byHub   = "websub"
	byOwner = "feed"
)

// reading is what reading a feed has brought.
type reading struct {
	// same says that it is as it was.
	same           bool
	doc            *atom.Document
	body           []byte
	etag, modified string
	// topic and hub are what it says of itself, hub "" where it has none.
	topic, hub string
}

// poll reads a feed, finds out where its hub is, and has what is new dealt with. A feed
// that cannot be read is tried again, each time later.
func (s *Server) poll(ctx context.Context, token string) error {
	row, err := s.db.Subscription(ctx, token)
	if errors.Is(err, models.ErrNotFound) || err == nil && over(row) {
		return nil
	}
	if err != nil {
		return err
	}
	wanted, err := s.db.WantedFeeds(ctx, s.wantedFeeds(), row.ActorID)
	if err != nil {
		return err
	}
	if !wanted[row.ActorID] {
		return s.settleSubscription(ctx, row.ActorID)
	}
	r, failed := s.readAgain(ctx, row)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if failed == nil && !r.same {
		if failed, err = s.admitFeed(ctx, row, r); err != nil {
			return err
		}
	}
	if failed != nil {
		return s.pollFailed(ctx, row, failed)
	}
	asks, err := s.polled(ctx, row, r)
	if err != nil || !asks {
		return err
	}
	return s.ask(ctx, row)
}

// readAgain reads a feed unless it is as it was. Where it is not known, or was not
// found for a while, its owner is asked where it is.
func (s *Server) readAgain(ctx context.Context, row *models.Subscription) (*reading, error) {
	if row.Feed == "" || row.Failures > 0 && row.Failures%3 == 0 {
		presences, err := s.db.Presences(ctx, Network, row.ActorID)
		if err != nil {
			return nil, err
		}
		f, err := s.find(ctx, presences[row.ActorID].IRI)
		switch {
		case err != nil:
			return nil, err
		case f.feed == "":
			return nil, notHad(f.account.IRI, "it has no feed")
		case f.feed != row.Feed:
			row.Feed, row.ETag, row.Modified = f.feed, "", ""
		}
		if _, err := s.meet(ctx, f); err != nil && bridge.ReasonOf(err) == 0 {
			return nil, err
		}
	}
	return s.readIfChanged(ctx, row)
}

func (s *Server) readIfChanged(ctx context.Context, row *models.Subscription) (*reading, error) {
	if err := s.mayFetch(row.Feed); err != nil {
		return nil, err
	}
	header := http.Header{"Accept": {acceptFeed}}
	if row.ETag != "" {
		header.Set("If-None-Match", row.ETag)
	}
	if row.Modified != "" {
		header.Set("If-Modified-Since", row.Modified)
	}
	a, err := s.outbound.Do(ctx, outbound.Request{URL: row.Feed, Header: header, MaxBody: atom.MaxDocument})
	if err != nil {
		return nil, unreachable(row.Feed, err)
	}
	switch {
	case a.Status == http.StatusNotModified && (row.ETag != "" || row.Modified != ""):
		return &reading{same: true, topic: row.Topic, hub: row.Hub, etag: row.ETag, modified: row.Modified}, nil
	case a.Status != http.StatusOK:
		return nil, notServed(row.Feed, a.Status)
	}
	if err := s.mayFetch(a.URL); err != nil {
		return nil, err
	}
	r := &reading{body: a.Body, topic: row.Feed, etag: shortHeader(a.Header, "Etag"), modified: shortHeader(a.Header, "Last-Modified")}
	if r.doc, err = atom.Decode(a.Body, atom.DecodeOptions{Address: a.URL}); err != nil {
		return nil, notHad(row.Feed, "%v", err)
	}
	if r.doc.Feed == nil {
		return nil, notHad(row.Feed, "it is not a feed, but a single entry")
	}
	links := make([]websub.Link, len(r.doc.Feed.Links))
	for i, l := range r.doc.Feed.Links {
		links[i] = websub.Link{Rel: l.Rel, Href: l.Href}
	}
	d, err := websub.Discover(a.URL, a.Header, links)
	elsewhere := (*websub.ElsewhereError)(nil)
	switch {
	case errors.Is(err, websub.ErrNoHub), errors.As(err, &elsewhere): // the hub of a copy has no say
	case err != nil:
		return nil, notHad(row.Feed, "%v", err)
	case s.mayFetch(d.Hubs[0]) == nil && len(d.Topic) <= models.MaxIRI:
		r.topic, r.hub = d.Topic, d.Hubs[0]
	}
	return r, nil
}

// shortHeader is a header that is kept, "" for one that is longer than there is room
// for.
func shortHeader(h http.Header, name string) string {
	if v := h.Get(name); len(v) <= 500 {
		return v
	}
	return ""
}

// admitFeed has what is new in a feed dealt with. failed says why the feed is not
// good.
func (s *Server) admitFeed(ctx context.Context, row *models.Subscription, r *reading) (failed, err error) {
	news, err := s.news(ctx, r.doc, since(byOwner, row))
	if err != nil || len(news) == 0 {
		return nil, err
	}
	err = s.bridge.Admit(ctx, bridge.Arrived{Network: Network, SenderID: row.ActorID, Verified: byOwner, ContentType: atom.TypeFeed, Bytes: r.body, Received: s.now()})
	if full, ok := errors.AsType[*bridge.BacklogError](err); ok {
		return full, nil
	}
	return nil, err
}

// polled notes what reading a feed has brought. It reports whether the hub is to be
// asked.
func (s *Server) polled(ctx context.Context, old *models.Subscription, r *reading) (asks bool, err error) {
	err = s.db.Write(ctx, func(tx *models.Tx) error {
		row, err := tx.Subscription(ctx, old.Token)
		if errors.Is(err, models.ErrNotFound) || err == nil && over(row) {
			return nil
		}
		if err != nil {
			return err
		}
		now := s.now()
		moved := row.Hub != r.hub || row.Topic != r.topic
		row.Feed, row.ETag, row.Modified, row.Failures, row.Polled = old.Feed, r.etag, r.modified, 0, now
		if moved {
			// What the hub of before has promised is of no use.
			row.Hub, row.Topic, row.State, row.Renew, row.Reason = r.hub, r.topic, "", time.Time{}, ""
		}
		asks = row.Hub != "" && row.State == ""
		row.NextPoll = now.Add(pollUntold)
		if s.told(row) {
			row.NextPoll = now.Add(pollTold)
		}
		return tx.SetSubscription(ctx, row)
	})
	return asks, err
}

// pollFailed notes that a feed could not be read.
func (s *Server) pollFailed(ctx context.Context, old *models.Subscription, failed error) error {
	s.log.Info("a feed could not be read", "feed", old.Feed, "failures", old.Failures+1, "error", failed)
	return s.db.Write(ctx, func(tx *models.Tx) error {
		row, err := tx.Subscription(ctx, old.Token)
		if errors.Is(err, models.ErrNotFound) || err == nil && over(row) {
			return nil
		}
		if err != nil {
			return err
		}
		row.Feed, row.Failures = old.Feed, row.Failures+1
		row.NextPoll = s.now().Add(min(time.Minute<<min(2*row.Failures-2, 20), pollLongest))
		if row.State == "" {
			row.Reason = fmt.Sprintf("%.300v", failed)
			row.Reason = string(bytes.ToValidUTF8([]byte(row.Reason), nil))
		}
		return tx.SetSubscription(ctx, row)
	})
}
