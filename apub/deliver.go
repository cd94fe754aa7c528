package apub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"manifold/apub/httpsig"
	"manifold/apub/proof"
	"manifold/bridge"
	"manifold/internal/outbound"
)

// failedDelivery is why an inbox did not take an activity.
type failedDelivery struct {
	reason string
	// again says that it makes sense to try once more, after some time where the
	// server asks for that.
	again bool
	after time.Duration
	// unsent says that the server has not been asked, gone that it says that there is
	// no such inbox any more.
	unsent, gone bool
}

func (e *failedDelivery) Error() string { return e.reason }

// parcel is a document on its way to some inboxes.
type parcel struct {
	// sender is who signs it, which for one that is passed on is not its actor.
	sender      *identity
	document    []byte
	contentType string
	digest      *httpsig.Digest
	// followers are set where it is for those of the sender alone.
	followers *digests
}

// Deliver implements [bridge.Network]. The document is written and sealed once, and
// signed for each inbox. What cannot be said on this network reaches nobody.
func (s *Server) Deliver(ctx context.Context, d *bridge.Delivery) ([]string, error) {
	p, err := s.pack(ctx, d)
	if err != nil {
		return d.Inboxes, err
	}
	if p == nil {
		d.Unsent(d.Inboxes...)
		return nil, nil
	}
	return s.deliverAll(ctx, p, d)
}

// pack makes what is delivered, nil where that cannot be said on this network. What
// is passed on stays as it came, since what it is signed with is inside.
func (s *Server) pack(ctx context.Context, d *bridge.Delivery) (*parcel, error) {
	sender := d.As
	var err error
	if sender == nil {
		if sender, err = s.db.Actor(ctx, d.Activity.ActorID); err != nil {
			return nil, err
		}
	}
	p := &parcel{document: d.Original, contentType: d.ContentType}
	if p.document == nil {
		docs, err := s.encodeActivities(ctx, false, d.Activity)
		if err != nil || docs[0] == nil {
			return nil, err
		}
		p.document, p.contentType = docs[0], activityType
	}
	if p.sender, err = s.identity(ctx, sender); err != nil {
		return nil, err
	}
	if d.Original == nil {
		if p.document, err = p.sender.sealed(p.document, s.now()); err != nil {
			return nil, err
		}
		if p.followers, err = s.synchronizes(ctx, d.Activity); err != nil {
			return nil, err
		}
	}
	p.digest = httpsig.NewDigest(p.document)
	return p, nil
}

// sealed returns a document with a proof of its actor inside (FEP-8b32), by which
// those can tell whose it is to whom others pass it on. The proof has words of a
// context that is named only here: nobody else has to load it.
func (id *identity) sealed(document []byte, now time.Time) ([]byte, error) {
	const as2, suite = `"@context":["https://www.w3.org/ns/activitystreams",`, `"https://w3id.org/security/data-integrity/v1",`
	document = bytes.Replace(document, []byte(as2), []byte(as2+suite), 1)
	return proof.Make(document, id.seal, id.addresses.ProofKey, now)
}

// deliverAll sends a parcel to the inboxes of a delivery, all at the same time: each
// takes as long as its server does, and none waits for another. How many are sent
// to one host at once is for the client to bound. It returns those to be tried
// again.
func (s *Server) deliverAll(ctx context.Context, p *parcel, d *bridge.Delivery) ([]string, error) {
	hosts := make([]string, len(d.Inboxes))
	for i, inbox := range d.Inboxes {
		hosts[i] = hostOf(inbox)
	}
	if err := s.recallSpecs(ctx, hosts...); err != nil {
		return d.Inboxes, err
	}
	again, gone := make([]bool, len(d.Inboxes)), make([]bool, len(d.Inboxes))
	var group sync.WaitGroup
	for i, inbox := range d.Inboxes {
		group.Go(func() {
			defer d.DealtWith(inbox)
			failed := s.deliverOne(ctx, p, inbox, hosts[i])
			if failed == nil {
				return
			}
			again[i], gone[i] = failed.again, failed.gone
			d.Fail(inbox, failed)
			if failed.unsent {
				d.Unsent(inbox)
			}
			if failed.after > 0 {
				d.RetryAfter(inbox, s.now().Add(failed.after))
			}
		})
	}
	group.Wait()
	var retry, over []string
	for i, inbox := range d.Inboxes {
		if again[i] {
			retry = append(retry, inbox)
		}
		if gone[i] {
			over = append(over, inbox)
		}
	}
	if err := s.inboxesGone(ctx, over); err != nil {
		// The next delivery finds out the same.
		s.log.Error("those could not be looked for whose inboxes are gone", "inboxes", over, "error", err)
	}
	return retry, nil
}

// deliverOne sends a parcel to one inbox.
func (s *Server) deliverOne(ctx context.Context, p *parcel, inbox, host string) *failedDelivery {
	header := http.Header{"Content-Type": {p.contentType}, "Accept": {accepted}}
	var covered []string
	if field := p.followers.field(p.sender.addresses, host); field != "" {
		header.Set(SynchronizationField, field)
		covered = []string{SynchronizationField}
	}
	answer, err := s.exchange(ctx, p.sender, outbound.Request{Method: http.MethodPost, URL: inbox, Body: p.document, MaxBody: 1 << 40, Header: header},
		p.digest, covered...)
	if err != nil {
		e, _ := errors.AsType[*FetchError](unreachable(inbox, err))
		return &failedDelivery{reason: err.Error(), again: !e.Lasting, unsent: unsent(err)}
	}
	return verdict(answer, s.now())
}

// verdict says what an answer to a delivery means.
func verdict(answer *outbound.Response, now time.Time) *failedDelivery {
	failed := &failedDelivery{reason: fmt.Sprintf("status %d %s", answer.Status, http.StatusText(answer.Status))}
	if len(answer.Body) > 0 {
		failed.reason += ": " + string(answer.Body)
	}
	switch s := answer.Status; {
	case s >= 200 && s < 300:
		return nil
	case slices.Contains([]int{http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests}, s), s >= 500 && s != http.StatusNotImplemented:
		failed.again, failed.after = true, retryAfter(answer.Header, now)
	case s == http.StatusUnauthorized:
		// Both ways to sign were tried. A server that could not fetch the key of the
		// actor at the moment says this, as Mastodon does.
		failed.again = true
	case s == http.StatusGone:
		failed.gone = true
	}
	return failed
}

// retryAfter reads the header of that name (RFC 9110 10.2.3), 0 where there is none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
