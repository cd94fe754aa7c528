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
	// end picks the end of an edge that the collection consists of.
	end func(models.Edge) int64
	// edge returns the edge that an actor stands for, for before and since.
	edge  func(ctx context.Context, actor int64) (*models.Edge, error)
	total int64
	owner *models.Actor
}

func (a *API) getFollowers(w http.ResponseWriter, r *http.Request, c *caller) error {
	owner, err := a.account(r)
	if err != nil {
		return err
	}
	return a.servePeople(w, r, c, people{
		title: "Followers for " + nameOf(owner), total: owner.Counts.Followers, owner: owner,
		edges: func(p models.Page) ([]models.Edge, error) {
			return a.db.EdgesTo(r.Context(), models.Follows, owner.ID, p)
		},
		end: func(e models.Edge) int64 { return e.ActorID },
		edge: func(ctx context.Context, id int64) (*models.Edge, error) {
			return a.db.Edge(ctx, models.Follows, id, owner.ID)
		},
	})
}

func (a *API) getFollowing(w http.ResponseWriter, r *http.Request, c *caller) error {
	owner, err := a.account(r)
	if err != nil {
		return err
	}
	return a.servePeople(w, r, c, people{
		title: "Following for " + nameOf(owner), total: owner.Counts.Following, owner: owner,
		edges: func(p models.Page) ([]models.Edge, error) {
			return a.db.EdgesFrom(r.Context(), models.Follows, owner.ID, p)
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
	if errors.Is(err, models.ErrNotFound) {
		// choqok asks since the last person that it knows of, who may have left
		// the list: it gets the first page.
		page, args.before, args.since = models.Page{Count: args.count}, "", ""
	} else if err != nil {
		return err
	}
	edges, err := list.edges(page)
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
	address := a.address(r)
	if id := queryID(r.URL); id != "" {
		address += "?id=" + url.QueryEscape(id)
	}
	answer(w, r, func(out *writer) {
		out.open('{')
		out.text("displayName", list.title)
		out.text("url", address)
		out.raw("objectTypes", []byte(`["person"]`))
		out.number("totalItems", list.total)
		out.key("links")
		out.open('{')
		link(out, "self", vocab.Link{Href: address})
		link(out, "current", vocab.Link{Href: address})
		if n := len(ids); n > 0 {
			first, last := v.actors[ids[0]], v.actors[ids[n-1]]
			if first != nil && last != nil {
				pageLinks(out, address, first.Doc.ID, last.Doc.ID, args.more(n, int(list.total)))
			}
		}
		out.close('}')
		out.key("items")
		out.open('[')
		for _, id := range ids {
			v.person(out, id, nil, false)
		}
		out.close(']')
		if list.owner != nil {
			out.key("author")
			v.person(out, list.owner.ID, list.owner.Doc, false)
		}
		out.close('}')
	})
	return nil
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
		return refuse(http.StatusBadRequest, "id '%s' not found in stream 'users'", args.before+args.since)
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
