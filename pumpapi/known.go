package pumpapi

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"manifold/models"
	"manifold/models/vocab"
)

// servesItself reports whether somebody or something elsewhere is to be read at
// its own server, by the API of pump.io. What comes from other networks is not:
// clients are given addresses here, under which they find what this server knows.
func servesItself(d *vocab.Object) bool {
	return d.Links["self"].Href != "" || d.Links["activity-outbox"].Href != ""
}

// plainAccount is the address of an account that every client writes alike.
var plainAccount = regexp.MustCompile(`^[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+(:[0-9]+)?$`)

// known is what the addresses begin with under which this server shows what it
// knows of somebody elsewhere. They are those of people here, with the account for
// a nickname, or the number of the row where there is none to be written in an
// address.
func (v *view) known(a *models.Actor) string {
	name, ok := strings.CutPrefix(a.Doc.ID, "acct:")
	if !ok || !plainAccount.MatchString(name) {
		name = "~" + strconv.FormatInt(a.ID, 36)
	}
	return v.names.Base + "/api/user/" + name
}

// owner returns whose feeds a path names: somebody here, or somebody elsewhere, of
// whom only the people here are told. They can be asked for by any of their names.
func (a *API) owner(r *http.Request, c *caller) (*models.Actor, error) {
	name := pathValue(r, "nick")
	if !strings.ContainsAny(name, "@~:") {
		return a.account(r)
	}
	if c.actorID == 0 {
		return nil, refuse(http.StatusUnauthorized, "Not logged in.")
	}
	actor, err := a.knownActor(r.Context(), name)
	if errors.Is(err, models.ErrNotFound) || err == nil && actor.State != models.Active {
		return nil, refuse(http.StatusNotFound, "No such 'user' with id '%s'", name)
	}
	return actor, err
}

func (a *API) knownActor(ctx context.Context, name string) (*models.Actor, error) {
	if number, ok := strings.CutPrefix(name, "~"); ok {
		id, err := strconv.ParseInt(number, 36, 64)
		if err != nil {
			return nil, models.ErrNotFound
		}
		return a.db.Actor(ctx, id)
	}
	if i := strings.LastIndexByte(name, '@'); i > 0 && !strings.Contains(name, "/") {
		name = "acct:" + strings.TrimPrefix(name[:i], "acct:") + strings.ToLower(name[i:])
	}
	id, err := a.actorID(ctx, name)
	if err != nil {
		return nil, err
	}
	return a.db.Actor(ctx, id)
}

// serveKnown serves what somebody elsewhere did, as far as it is known here.
func (a *API) serveKnown(w http.ResponseWriter, r *http.Request, c *caller, owner *models.Actor, part feedPart) error {
	args, err := readArguments(r.URL)
	if err != nil {
		return err
	}
	args.q = ""
	ctx := r.Context()
	page, err := args.page(ctx, func(ctx context.Context, id string) (int64, error) {
		activity, err := a.db.ActivityByIRI(ctx, id)
		if err != nil {
			return 0, err
		}
		if activity.ActorID != owner.ID {
			return 0, models.ErrNotFound
		}
		return activity.ID, nil
	})
	if errors.Is(err, models.ErrNotFound) {
		return args.unplaced(r)
	}
	if err != nil {
		return err
	}
	activities, err := a.db.KnownPage(ctx, owner.ID, part.part, c.viewer(), page)
	if err != nil {
		return err
	}
	v := a.newView(c.viewer())
	v.mentioned.add(owner.ID)
	if err := v.load(ctx, activities, nil, nil); err != nil {
		return err
	}
	// How much there is only its own server knows; there is one more at least where
	// the page is full.
	total := max(args.offset+len(activities), owner.Doc.Feeds["outbox"].TotalItems)
	if len(activities) == args.count {
		total = max(total, args.offset+len(activities)+1)
	}
	feed := streamFeed{owner: owner.ID, stream: models.Outbox, title: part.title}
	answer(w, r, func(out *writer) { v.stream(out, feed, owner, a.address(r), activities, total, args) })
	return nil
}

// knownFeeds writes where this server shows what it knows of somebody elsewhere.
// How long the collections are is what their own server says, where it does: we
// know no more than a part of them.
func (v *view) knownFeeds(w *writer, a *models.Actor, expanded bool) {
	user := v.known(a)
	w.key("links")
	w.open('{')
	link(w, "self", vocab.Link{Href: user + "/profile"})
	link(w, "activity-outbox", vocab.Link{Href: user + "/feed"})
	for _, rel := range sortedKeys(a.Doc.Links) {
		link(w, rel, a.Doc.Links[rel])
	}
	w.close('}')
	feed := func(name string, known int64, told ...string) {
		w.key(name)
		w.open('{')
		w.text("url", user+"/"+name)
		if expanded {
			for _, t := range told {
				known = max(known, int64(a.Doc.Feeds[t].TotalItems))
			}
			w.number("totalItems", known)
		}
		w.close('}')
	}
	feed("followers", a.Counts.Followers, "followers")
	feed("following", a.Counts.Following, "following")
	feed("favorites", a.Counts.Favorites, "likes", "favorites")
}
