package apub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"manifold/models"
)

// This file keeps the followers that two servers believe in the same (FEP-8fcf).
// What is delivered to followers alone carries a digest of those at the server that
// it is delivered to; one that has others asks for the list.

// SynchronizationField is the field that tells the digest.
const SynchronizationField = "Collection-Synchronization"

// digest is the exclusive or of the SHA-256 sums of ids, so that order does not
// matter.
type digest [sha256.Size]byte

func (d *digest) add(iri string) {
	sum := sha256.Sum256([]byte(iri))
	for i := range d {
		d[i] ^= sum[i]
	}
}

// digests are those of the followers of one actor, by their host.
type digests struct {
	count, newest int64
	byHost        map[string]digest
}

// synchronizer remembers digests. There is one entry for each of our own people who
// post for their followers only.
type synchronizer struct {
	mu    sync.Mutex
	known map[int64]*digests
	// compared is when the followers here of people elsewhere were compared last.
	compared map[int64]time.Time
}

// maxSynchronized is for how many people digests are remembered.
const maxSynchronized = 1000

// synchronizes returns the digests that an activity is delivered with, nil for one
// that is not meant for the followers of its actor alone.
func (s *Server) synchronizes(ctx context.Context, a *models.Activity) (*digests, error) {
	if a == nil || a.Visibility != models.Limited || !slices.ContainsFunc(a.Audience, func(to models.Addressee) bool {
		return to.Kind == models.AudienceFollowers && to.ID == a.ActorID
	}) {
		return nil, nil
	}
	return s.digestsOf(ctx, a.ActorID)
}

// field is the value of [SynchronizationField] for what is delivered to a host, with
// the port where there is one; "" where nobody at that host follows. at is whose
// followers they are.
func (d *digests) field(at Addresses, host string) string {
	if d == nil {
		return ""
	}
	sum, ok := d.byHost[strings.ToLower(host)]
	if !ok {
		return ""
	}
	return `collectionId="` + at.Followers + `", url="` + at.Actor + `/followers_synchronization", digest="` + hex.EncodeToString(sum[:]) + `"`
}

// digestsOf returns the digests of the followers of an actor, which are made anew
// when somebody has come or gone.
func (s *Server) digestsOf(ctx context.Context, actor int64) (*digests, error) {
	count, newest, err := s.db.FollowersVersion(ctx, actor)
	if err != nil {
		return nil, err
	}
	s.synchronizer.mu.Lock()
	known := s.synchronizer.known[actor]
	s.synchronizer.mu.Unlock()
	if known != nil && known.count == count && known.newest == newest {
		return known, nil
	}
	made := &digests{count: count, newest: newest, byHost: map[string]digest{}}
	err = s.db.FollowerIRIs(ctx, actor, Network, func(iri string) {
		if u, err := url.Parse(iri); err == nil && u.Host != "" {
			host := strings.ToLower(u.Host)
			d := made.byHost[host]
			d.add(iri)
			made.byHost[host] = d
		}
	})
	if err != nil {
		return nil, err
	}
	s.synchronizer.mu.Lock()
	defer s.synchronizer.mu.Unlock()
	if s.synchronizer.known == nil || len(s.synchronizer.known) >= maxSynchronized {
		s.synchronizer.known = map[int64]*digests{}
	}
	s.synchronizer.known[actor] = made
	return made, nil
}

// getFollowersOf serves those followers of a person who are at the server of
// whoever asks, whole.
func (s *Server) getFollowersOf(w http.ResponseWriter, r *http.Request, who visitor) error {
	if who.ActorID == 0 {
		return errUnsigned
	}
	a, err := s.owner(r, who)
	if err != nil {
		return err
	}
	l := Listing{ID: AddressesOf(s.names, a).Actor + "/followers_synchronization", TotalItems: -1, Items: []any{}}
	err = s.db.FollowerIRIs(r.Context(), a.ID, Network, func(iri string) {
		if below(iri, who.host) {
			l.Items = append(l.Items, iri)
		}
	})
	if err != nil {
		return err
	}
	doc, err := s.encoder(nil).Collection(l)
	if err != nil {
		return err
	}
	s.send(w, r, who, http.StatusOK, doc)
	return nil
}

// compareEvery is how often the followers of one actor are compared at most.
const compareEvery = time.Hour

// maxCompared is how many followers here somebody may have for them to be compared.
const maxCompared = 5000

// claim is what a server says of the followers that one of its people has here.
type claim struct {
	collection, list string
	digest           digest
}

// readClaim reads the field of a delivery, which has the form of the parameters of a
// signature: name="value", divided by commas.
func readClaim(field string) (c claim, ok bool) {
	for part := range strings.SplitSeq(field, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		value = strings.Trim(value, `"`)
		switch name {
		case "collectionId":
			c.collection = value
		case "url":
			c.list = value
		case "digest":
			sum, err := hex.DecodeString(value)
			ok = err == nil && copy(c.digest[:], sum) == len(c.digest) && len(sum) == len(c.digest)
		}
	}
	return c, ok && c.collection != "" && len(c.list) <= models.MaxIRI
}

// compareFollowers has a list of followers fetched where what a verified delivery says
// of them is not what we know. Only the collection of the sender counts, and a list on
// the same server.
func (s *Server) compareFollowers(ctx context.Context, field string, sender *holder) error {
	c, ok := readClaim(field)
	if !ok || !sameHost(c.list, sender.actorIRI) {
		return nil
	}
	actor, err := s.db.Actor(ctx, sender.actorID)
	if err != nil || actor.Doc.Feeds["followers"].URL != c.collection || !s.synchronizer.due(actor.ID, s.now()) {
		return err
	}
	ids, err := s.db.LocalFollowers(ctx, actor.ID, maxCompared+1)
	if err != nil || len(ids) > maxCompared {
		return err
	}
	iris, err := s.iris(ctx, ids...)
	if err != nil {
		return err
	}
	var ours digest
	for _, iri := range iris {
		ours.add(iri)
	}
	if ours == c.digest {
		return nil
	}
	return s.bridge.Synchronize(ctx, Network, actor.ID, c.list)
}

// due reports whether the followers of an actor may be compared now, and notes that
// they are.
func (s *synchronizer) due(actor int64, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.compared[actor]; ok && now.Sub(last) < compareEvery {
		return false
	}
	if s.compared == nil || len(s.compared) >= maxSynchronized {
		s.compared = map[int64]time.Time{}
	}
	s.compared[actor] = now
	return true
}

// FollowersHere implements [bridge.Synchronizer].
func (s *Server) FollowersHere(ctx context.Context, _ *models.Actor, list string) ([]string, error) {
	f, err := s.fetchOnce(ctx, list)
	if err != nil {
		return nil, err
	}
	if f.doc.Collection == nil {
		return nil, errCollection
	}
	var ids []string
	for _, item := range f.doc.Collection.Items {
		ids = append(ids, item.ID)
	}
	return ids, nil
}
