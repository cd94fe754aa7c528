package pumpapi

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"

	"manifold/models"
	"manifold/models/vocab"
)

func pathUnescape(s string) (string, error) { return url.PathUnescape(s) }

// nameUUID makes a UUID of a name (RFC 4122 4.3, version 5), in the namespace
// of URLs.
func nameUUID(name string) string {
	namespace, _ := hex.DecodeString("6ba7b8119dad11d180b400c04fd430c8")
	h := sha1.Sum(append(namespace, name...))
	h[6], h[8] = h[6]&0x0f|0x50, h[8]&0x3f|0x80
	x := hex.EncodeToString(h[:16])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}

// people is a collection of actors on its way to a client.
type people struct {
	title string
	edges func(models.Page) ([]models.Edge, error)
	// named reads those edges that lead to somebody in whose names a text stands;
	// nil where nobody is looked for.
	named func(text string, p models.Page) ([]models.Edge, error)
	// end picks the end of an edge that the collection consists of.
	end func(models.Edge) int64
	// edge returns the edge that an actor stands for, for before and since.
	edge  func(ctx context.Context, actor int64) (*models.Edge, error)
	total int64
	owner *models.Actor
	// lenient answers an id that is not in the collection with its first page.
	lenient bool
	// things has the links of a feed of things: pump.io serves shares as such.
	things bool
}

func (a *API) getFollowers(w http.ResponseWriter, r *http.Request, c *caller) error {
	owner, err := a.owner(r, c)
	if err != nil {
		return err
	}
	return a.servePeople(w, r, c, people{
		title: "Followers for " + nameOf(owner), total: owner.Counts.Followers, owner: owner,
		edges: func(p models.Page) ([]models.Edge, error) {
			return a.db.EdgesTo(r.Context(), models.Follows, owner.ID, p)
		},
		named: func(text string, p models.Page) ([]models.Edge, error) {
			return a.db.NamedEdgesTo(r.Context(), models.Follows, owner.ID, text, p)
		},
		end: func(e models.Edge) int64 { return e.ActorID },
		edge: func(ctx context.Context, id int64) (*models.Edge, error) {
			return a.db.Edge(ctx, models.Follows, id, owner.ID)
		},
	})
}

func (a *API) getFollowing(w http.ResponseWriter, r *http.Request, c *caller) error {
	owner, err := a.owner(r, c)
	if err != nil {
		return err
	}
	return a.servePeople(w, r, c, people{
		// choqok asks since the last person that it knows of, who may have left the
		// list.
		title: "Following for " + nameOf(owner), total: owner.Counts.Following, owner: owner, lenient: true,
		edges: func(p models.Page) ([]models.Edge, error) {
			return a.db.EdgesFrom(r.Context(), models.Follows, owner.ID, p)
		},
		named: func(text string, p models.Page) ([]models.Edge, error) {
			return a.db.NamedEdgesFrom(r.Context(), models.Follows, owner.ID, text, p)
		},
		end: func(e models.Edge) int64 { return e.TargetID },
		edge: func(ctx context.Context, id int64) (*models.Edge, error) {
			return a.db.Edge(ctx, models.Follows, owner.ID, id)
		},
	})
}

// postFollowing follows whoever the body names.
func (a *API) postFollowing(w http.ResponseWriter, r *http.Request, c *caller) error {
	activity, err := a.postVerb(w, r, c, vocab.VerbFollow)
	if err != nil {
		return err
	}
	v := a.newView(c.viewer())
	if err := v.load(r.Context(), nil, nil, []int64{activity.Object.ID}); err != nil {
		return err
	}
	answer(w, r, func(out *writer) { v.person(out, activity.Object.ID, activity.Doc.Object, true) })
	return nil
}

// postFavorites likes the thing that the body names.
func (a *API) postFavorites(w http.ResponseWriter, r *http.Request, c *caller) error {
	activity, err := a.postVerb(w, r, c, vocab.VerbFavorite)
	if err != nil {
		return err
	}
	object, err := a.db.Object(r.Context(), activity.Object.ID)
	if err != nil {
		return err
	}
	return a.answerObject(w, r, c, object)
}

// postVerb does something to the object that the body is.
func (a *API) postVerb(w http.ResponseWriter, r *http.Request, c *caller, verb string) (*models.Activity, error) {
	if err := a.isOwn(r, c); err != nil {
		return nil, err
	}
	data, err := body(w, r)
	if err != nil {
		return nil, err
	}
	object, err := DecodeObject(data)
	if err != nil {
		return nil, err
	}
	result, err := a.bridge.Post(r.Context(), a.submission(c, &vocab.Activity{Verb: verb, Object: object}, r.Header.Get("Content-Type"), data))
	if err != nil {
		return nil, err
	}
	return result.Activity, nil
}

func (a *API) servePeople(w http.ResponseWriter, r *http.Request, c *caller, list people) error {
	args, err := readArguments(r.URL)
	if err != nil {
		return err
	}
	ctx := r.Context()
	page, err := args.page(ctx, func(ctx context.Context, id string) (int64, error) {
		actor, err := a.actorID(ctx, id)
		if err != nil {
			return 0, err
		}
		e, err := list.edge(ctx, actor)
		if err != nil {
			return 0, err
		}
		return e.Position, nil
	})
	switch {
	case errors.Is(err, models.ErrNotFound) && list.lenient:
		page, args.before, args.since = models.Page{Count: args.count}, "", ""
	case errors.Is(err, models.ErrNotFound):
		return args.unplaced(r)
	case err != nil:
		return err
	}
	if list.named == nil {
		args.q = ""
	}
	read := list.edges
	if args.q != "" {
		read = func(p models.Page) ([]models.Edge, error) { return list.named(args.q, p) }
	}
	edges, err := read(page)
	if err != nil {
		return err
	}
	ids := make([]int64, len(edges))
	for i, e := range edges {
		ids[i] = list.end(e)
	}
	v := a.newView(c.viewer())
	shown := ids
	if list.owner != nil {
		shown = append([]int64{list.owner.ID}, ids...)
	}
	if err := v.load(ctx, nil, nil, shown); err != nil {
		return err
	}
	f := frame{title: list.title, types: []string{vocab.TypePerson}, total: list.total, owner: list.owner, people: !list.things, args: args, count: len(ids)}
	if n := len(ids); n > 0 {
		f.first, f.last = v.idOf(ids[0]), v.idOf(ids[n-1])
	}
	answer(w, r, func(out *writer) {
		v.frame(out, a.feedAddress(r), f, func() {
			for _, id := range ids {
				v.person(out, id, nil, false)
			}
		})
	})
	return nil
}

// idOf is the id of somebody who was read, "" if that was in vain.
func (v *view) idOf(id int64) string {
	if a := v.actors[id]; a != nil {
		return a.Doc.ID
	}
	return ""
}

// frame is what stands around the items of a page of people or things.
type frame struct {
	title string
	types []string
	total int64
	owner *models.Actor
	// people has the links of a feed of people: self is the page, current the
	// collection. Feeds of things call it first.
	people bool
	args   arguments
	// first and last are the ids of the items at the ends of the page, and count
	// is how many it has.
	first, last string
	count       int
}

func (v *view) frame(out *writer, address string, f frame, items func()) {
	out.open('{')
	out.text("displayName", f.title)
	out.text("url", address)
	texts(out, "objectTypes", f.types)
	out.number("totalItems", f.total)
	out.key("links")
	out.open('{')
	if f.people {
		link(out, "self", vocab.Link{Href: f.args.spelledOut(address)})
		link(out, "current", vocab.Link{Href: address})
	} else {
		link(out, "first", vocab.Link{Href: address})
		link(out, "self", vocab.Link{Href: address})
	}
	if f.first != "" && f.last != "" {
		more := f.args.more(f.count, int(f.total))
		searchLinks(out, address, f.args.andQuery(), f.first, f.last, more)
	}
	out.close('}')
	out.key("items")
	out.open('[')
	items()
	out.close(']')
	if f.owner != nil {
		out.key("author")
		v.person(out, f.owner.ID, f.owner.Doc, false)
	}
	out.close('}')
}

// actorID returns the actor that an id names, in any of the ways in which
// people are named.
func (a *API) actorID(ctx context.Context, id string) (int64, error) {
	if nick := a.names.Nickname(id); nick != "" {
		account, err := a.db.AccountByNickname(ctx, nick)
		if err != nil {
			return 0, err
		}
		return account.ActorID, nil
	}
	return a.db.LookupKind(ctx, models.KindActor, id)
}

// getUsers lists everybody who has an account here.
func (a *API) getUsers(w http.ResponseWriter, r *http.Request, c *caller) error {
	args, err := readArguments(r.URL)
	if err != nil {
		return err
	}
	ctx := r.Context()
	page, err := args.page(ctx, func(ctx context.Context, nick string) (int64, error) {
		account, err := a.db.AccountByNickname(ctx, nick)
		if err != nil {
			return 0, err
		}
		return account.ActorID, nil
	})
	if errors.Is(err, models.ErrNotFound) {
		return args.unplaced(r)
	}
	if err != nil {
		return err
	}
	accounts, total, err := a.db.Accounts(ctx, page)
	if err != nil {
		return err
	}
	address := a.address(r)
	answer(w, r, func(out *writer) {
		out.open('{')
		out.text("displayName", "Users of this service")
		out.text("id", address)
		out.text("url", address)
		out.raw("objectTypes", []byte(`["user"]`))
		out.key("links")
		out.open('{')
		link(out, "first", vocab.Link{Href: address})
		link(out, "self", vocab.Link{Href: address})
		if n := len(accounts); n > 0 {
			pageLinks(out, address, accounts[0].Nickname, accounts[n-1].Nickname, args.more(n, total))
		}
		out.close('}')
		out.number("totalItems", int64(total))
		out.key("items")
		out.open('[')
		for _, account := range accounts {
			out.open('{')
			out.text("nickname", account.Nickname)
			out.instant("published", account.Created)
			out.instant("updated", account.Updated)
			out.key("profile")
			plain(out, &vocab.Object{ID: a.names.Person(account.Nickname), Type: vocab.TypePerson})
			out.close('}')
		}
		out.close(']')
		out.close('}')
	})
	return nil
}
