package web

import (
	"context"
	"sync"

	"manifold/models"
)

// What the tests call directly.
var (
	Negotiate = negotiate
	PlainText = plainText
)

// Content is HTML from people as pages show it.
func Content(s string) string { return string(content(s)) }

// Reads counts the reads of pages, and makes them fail.
type Reads struct {
	store
	mu   sync.Mutex
	n    int
	fail error
}

// Watch stands between pages and their store from now on.
func Watch(p *Pages) *Reads {
	r := &Reads{store: p.store}
	p.store = r
	return r
}

// Take returns how many reads there were since the last call.
func (r *Reads) Take() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.n
	r.n = 0
	return n
}

// Fail has every read fail; nil ends that.
func (r *Reads) Fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}

func (r *Reads) count() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	return r.fail
}

func counted[T any](r *Reads, read func() (T, error)) (v T, err error) {
	if err := r.count(); err != nil {
		return v, err
	}
	return read()
}

func (r *Reads) AccountByNickname(ctx context.Context, nickname string) (*models.Account, error) {
	return counted(r, func() (*models.Account, error) { return r.store.AccountByNickname(ctx, nickname) })
}

func (r *Reads) LookupKind(ctx context.Context, kind models.Kind, iri string) (int64, error) {
	return counted(r, func() (int64, error) { return r.store.LookupKind(ctx, kind, iri) })
}

func (r *Reads) PositionOf(ctx context.Context, owner int64, s models.Stream, activity int64) (int64, error) {
	return counted(r, func() (int64, error) { return r.store.PositionOf(ctx, owner, s, activity) })
}

func (r *Reads) StreamPage(ctx context.Context, owner int64, s models.Stream, part models.Part, viewer models.Viewer, p models.Page) (items []models.Item, total int, err error) {
	if err := r.count(); err != nil {
		return nil, 0, err
	}
	return r.store.StreamPage(ctx, owner, s, part, viewer, p)
}

func (r *Reads) GroupPage(ctx context.Context, group int64, part models.Part, viewer models.Viewer, p models.Page) (items []models.Item, total int, err error) {
	if err := r.count(); err != nil {
		return nil, 0, err
	}
	return r.store.GroupPage(ctx, group, part, viewer, p)
}

func (r *Reads) ActorByIRI(ctx context.Context, iri string) (*models.Actor, error) {
	return counted(r, func() (*models.Actor, error) { return r.store.ActorByIRI(ctx, iri) })
}

func (r *Reads) MaySeeGroup(ctx context.Context, viewer models.Viewer, group int64) (bool, error) {
	return counted(r, func() (bool, error) { return r.store.MaySeeGroup(ctx, viewer, group) })
}

func (r *Reads) ActivityByIRI(ctx context.Context, iri string) (*models.Activity, error) {
	return counted(r, func() (*models.Activity, error) { return r.store.ActivityByIRI(ctx, iri) })
}

func (r *Reads) MaySeeActivity(ctx context.Context, viewer models.Viewer, id int64) (bool, error) {
	return counted(r, func() (bool, error) { return r.store.MaySeeActivity(ctx, viewer, id) })
}

func (r *Reads) ObjectByIRI(ctx context.Context, iri string) (*models.Object, error) {
	return counted(r, func() (*models.Object, error) { return r.store.ObjectByIRI(ctx, iri) })
}

func (r *Reads) Objects(ctx context.Context, ids ...int64) (map[int64]*models.Object, error) {
	return counted(r, func() (map[int64]*models.Object, error) { return r.store.Objects(ctx, ids...) })
}

func (r *Reads) VisibleObjects(ctx context.Context, viewer models.Viewer, ids ...int64) (map[int64]bool, error) {
	return counted(r, func() (map[int64]bool, error) { return r.store.VisibleObjects(ctx, viewer, ids...) })
}

func (r *Reads) Replies(ctx context.Context, parent int64, viewer models.Viewer, p models.Page) ([]*models.Object, error) {
	return counted(r, func() ([]*models.Object, error) { return r.store.Replies(ctx, parent, viewer, p) })
}

func (r *Reads) Actors(ctx context.Context, ids ...int64) (map[int64]*models.Actor, error) {
	return counted(r, func() (map[int64]*models.Actor, error) { return r.store.Actors(ctx, ids...) })
}

// PageAt is a page whose addresses are all the same, and were not looked at on their
// way there.
func PageAt(address string) (string, error) {
	who := &person{Name: "ann", Address: "ann@example.org", URL: address, Avatar: address}
	t := &thing{
		Kind: "note", Level: 3, URL: address, Author: who, ReplyTo: &reference{"a note", address},
		Pictures: []picture{{URL: address, Full: address}}, Files: []reference{{"a file", address}},
	}
	v := &profile{Person: who, FromElsewhere: address, First: address, Entries: []*entry{{URL: address, Actor: who, Thing: t}, {URL: address, Actor: who, Thing: t, Shared: true}}}
	b, err := (&Pages{site: "Site", owner: "bob", ownerURL: address}).print(page{Title: "ann", Canonical: address, Feed: address, JSON: address, Next: address}, profilePage(v, address))
	return string(b), err
}
