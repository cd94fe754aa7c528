package pumpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// feedPart is a part of a stream, as it is addressed and titled.
type feedPart struct {
	path  string
	part  models.Part
	title string
}

var inboxParts = []feedPart{
	{"/direct/major", models.DirectMajor, "Major activities directly for "},
	{"/direct/minor", models.DirectMinor, "Minor activities directly for "},
	{"/direct", models.Direct, "Activities directly for "},
	{"/major", models.Major, "Major activities for "},
	{"/minor", models.Minor, "Minor activities for "},
	{"", models.All, "Activities for "},
}

var feedParts = []feedPart{
	{"/major", models.Major, "Major activities by "},
	{"/minor", models.Minor, "Minor activities by "},
	{"", models.All, "Activities by "},
}

// account returns the person that a path names.
func (a *API) account(r *http.Request) (*models.Actor, error) {
	nick := pathValue(r, "nick")
	account, err := a.db.AccountByNickname(r.Context(), nick)
	if errors.Is(err, models.ErrNotFound) || err == nil && account.State == models.Deleted {
		return nil, refuse(http.StatusNotFound, "No such 'user' with id '%s'", nick)
	}
	if err != nil {
		return nil, err
	}
	return a.db.Actor(r.Context(), account.ActorID)
}

// isOwn refuses a caller who is not the person that a path names.
func (a *API) isOwn(r *http.Request, c *caller) error {
	if nick := pathValue(r, "nick"); nick == c.nick || models.Fold(nick) == models.Fold(c.nick) {
		return nil
	}
	if _, err := a.account(r); err != nil {
		return err
	}
	return refuse(http.StatusUnauthorized, "Not authorized")
}

// own returns the caller as the person that a path names, or refuses.
func (a *API) own(r *http.Request, c *caller) (*models.Actor, error) {
	if err := a.isOwn(r, c); err != nil {
		return nil, err
	}
	return a.db.Actor(r.Context(), c.actorID)
}

// pathValue is a part of the path, decoded: the router matches encoded paths.
func pathValue(r *http.Request, name string) string {
	v := mux.Vars(r)[name]
	if s, err := pathUnescape(v); err == nil {
		return s
	}
	return v
}

// address is the URL that was asked for, without query and without a slash at
// its end: Pumpa and Dianara know a collection by it.
func (a *API) address(r *http.Request) string {
	return a.names.Base + strings.TrimRight(r.URL.EscapedPath(), "/")
}

func (a *API) getInbox(part feedPart) handler {
	return func(w http.ResponseWriter, r *http.Request, c *caller) error {
		if err := a.isOwn(r, c); err != nil {
			return err
		}
		return a.serveStream(w, r, c, c.actorID, models.Inbox, part)
	}
}

func (a *API) getFeed(part feedPart) handler {
	return func(w http.ResponseWriter, r *http.Request, c *caller) error {
		owner, err := a.account(r)
		if err != nil {
			return err
		}
		return a.serveStream(w, r, c, owner.ID, models.Outbox, part)
	}
}

func (a *API) serveStream(w http.ResponseWriter, r *http.Request, c *caller, ownerID int64, s models.Stream, part feedPart) error {
	args, err := readArguments(r.URL)
	if err != nil {
		return err
	}
	ctx := r.Context()
	page, err := args.page(ctx, func(ctx context.Context, id string) (int64, error) {
		activity, err := a.db.LookupKind(ctx, models.KindActivity, id)
		if err != nil {
			return 0, err
		}
		return a.db.PositionOf(ctx, ownerID, s, activity)
	})
	if errors.Is(err, models.ErrNotFound) {
		return refuse(http.StatusBadRequest, "id '%s' not found in stream '%s'", args.before+args.since, streamName(pathValue(r, "nick"), s, part))
	}
	if err != nil {
		return err
	}
	items, total, err := a.db.StreamPage(ctx, ownerID, s, part.part, c.viewer(), page)
	if err != nil {
		return err
	}
	v := a.newView(c.viewer())
	activities := make([]*models.Activity, len(items))
	for i, item := range items {
		activities[i] = item.Activity
		if item.Object != nil {
			v.objects[item.Object.ID] = item.Object
		}
		if ref := item.Activity.Object; ref.Kind != models.KindNone && c.actorID != 0 {
			v.relate(ref.ID, item.Relations)
		}
	}
	v.mentioned.add(ownerID)
	if err := v.load(ctx, activities, nil, nil); err != nil {
		return err
	}
	owner := v.actors[ownerID]
	if owner == nil {
		return refuse(http.StatusNotFound, "No such 'user' with id '%s'", pathValue(r, "nick"))
	}
	address := a.address(r)
	answer(w, r, func(out *writer) {
		out.open('{')
		out.text("displayName", part.title+nameOf(owner))
		out.raw("objectTypes", []byte(`["activity"]`))
		out.text("url", address)
		out.number("totalItems", int64(total))
		out.key("links")
		out.open('{')
		link(out, "first", vocab.Link{Href: address})
		link(out, "self", vocab.Link{Href: address})
		if n := len(activities); n > 0 {
			pageLinks(out, address, activities[0].Doc.ID, activities[n-1].Doc.ID, args.more(n, total))
		}
		out.close('}')
		out.key("items")
		out.open('[')
		for _, activity := range activities {
			v.activity(out, activity)
		}
		out.close(']')
		out.key("author")
		v.person(out, owner.ID, owner.Doc, false)
		out.close('}')
	})
	return nil
}

func streamName(nick string, s models.Stream, part feedPart) string {
	name := "inbox"
	if s == models.Outbox {
		name = "outbox"
	}
	return "user:" + nick + ":" + name + strings.ReplaceAll(part.path, "/", ":")
}

func nameOf(a *models.Actor) string {
	if a.Doc.DisplayName != "" {
		return a.Doc.DisplayName
	}
	return a.Nickname
}

// postFeed takes an activity from a client: the way in for everything.
func (a *API) postFeed(part feedPart) handler {
	return func(w http.ResponseWriter, r *http.Request, c *caller) error {
		if err := a.isOwn(r, c); err != nil {
			return err
		}
		data, err := body(w, r)
		if err != nil {
			return err
		}
		activity, err := DecodeActivity(data)
		if err != nil {
			return err
		}
		s := a.submission(c, activity, r.Header.Get("Content-Type"), data)
		switch part.part {
		case models.Major:
			s.OnlyIf = func(major bool) error { return onlyClass(major, "Only major activities to this feed.") }
		case models.Minor:
			s.OnlyIf = func(major bool) error { return onlyClass(!major, "Only minor activities to this feed.") }
		}
		result, err := a.bridge.Post(r.Context(), s)
		if err != nil {
			return err
		}
		return a.answerResult(w, r, c, result)
	}
}

func onlyClass(ok bool, text string) error {
	if ok {
		return nil
	}
	return refuse(http.StatusBadRequest, "%s", text)
}

// submission is an activity as the bridge takes it from this network.
func (a *API) submission(c *caller, activity *vocab.Activity, contentType string, data []byte) bridge.Submission {
	return bridge.Submission{
		ActorID: c.actorID, Activity: activity, Network: Network, Verified: "oauth1", ContentType: contentType, Original: data,
		Generator: generator(c.client), Within: a.rememberWrite(c),
	}
}

// Network is the name of the pump.io network in the store.
const Network = "pump"

// generator describes a program, as every activity made with it shows it.
func generator(client *models.Client) *vocab.Object {
	if client == nil {
		return nil
	}
	g := &vocab.Object{ID: "urn:uuid:" + nameUUID(client.ClientID), Type: vocab.TypeApplication, DisplayName: client.ApplicationName}
	if client.ApplicationType == "web" {
		g.Type = vocab.TypeService
	}
	if client.LogoURL != "" {
		g.Image = &vocab.Media{URL: client.LogoURL}
	}
	return g
}

// answerResult answers an activity that was just posted. What is new need not be
// read again.
func (a *API) answerResult(w http.ResponseWriter, r *http.Request, c *caller, result *bridge.Result) error {
	v := a.newView(c.viewer())
	if result.Object != nil {
		v.objects[result.Object.ID] = result.Object
		v.relate(result.Object.ID, 0)
		v.actors[result.Actor.ID] = result.Actor
	}
	if err := v.load(r.Context(), []*models.Activity{result.Activity}, nil, nil); err != nil {
		return err
	}
	answer(w, r, func(out *writer) { v.activity(out, result.Activity) })
	return nil
}

func (a *API) answerActivity(w http.ResponseWriter, r *http.Request, c *caller, activity *models.Activity) error {
	v := a.newView(c.viewer())
	if err := v.load(r.Context(), []*models.Activity{activity}, nil, nil); err != nil {
		return err
	}
	answer(w, r, func(out *writer) { v.activity(out, activity) })
	return nil
}
