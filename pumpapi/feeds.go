package pumpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
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

// feedAddress is [API.address] with the id of what the collection belongs to,
// where that has no path of its own.
func (a *API) feedAddress(r *http.Request) string {
	address := a.address(r)
	if id := queryID(r.URL); id != "" && pathValue(r, "uuid") == "" && pathValue(r, "nick") == "" {
		address += "?id=" + url.QueryEscape(id)
	}
	return address
}

func (a *API) getInbox(part feedPart) handler {
	return func(w http.ResponseWriter, r *http.Request, c *caller) error {
		if err := a.isOwn(r, c); err != nil {
			return err
		}
		return a.serveStream(w, r, c, a.streamOf(c.actorID, models.Inbox, part))
	}
}

func (a *API) getFeed(part feedPart) handler {
	return func(w http.ResponseWriter, r *http.Request, c *caller) error {
		owner, err := a.owner(r, c)
		if err != nil {
			return err
		}
		if !owner.Local {
			return a.serveKnown(w, r, c, owner, part)
		}
		return a.serveStream(w, r, c, a.streamOf(owner.ID, models.Outbox, part))
	}
}

// streamFeed is a stream on its way to a client.
type streamFeed struct {
	// owner is whose it is, 0 where it is nobody's.
	owner  int64
	stream models.Stream
	part   models.Part
	// title is followed by the name of the owner, if there is one.
	title string
	read  func(context.Context, models.Viewer, models.Page) ([]models.Item, int, error)
	// search reads those items in which what is looked for occurs; nil where
	// nothing can be looked for.
	search func(context.Context, models.Viewer, models.Search, models.Page) ([]models.Item, error)
}

func (a *API) streamOf(owner int64, s models.Stream, part feedPart) streamFeed {
	return streamFeed{owner: owner, stream: s, part: part.part, title: part.title,
		read: func(ctx context.Context, viewer models.Viewer, p models.Page) ([]models.Item, int, error) {
			return a.db.StreamPage(ctx, owner, s, part.part, viewer, p)
		},
		search: func(ctx context.Context, viewer models.Viewer, search models.Search, p models.Page) ([]models.Item, error) {
			return a.db.SearchStream(ctx, owner, s, part.part, viewer, search, p)
		}}
}

func (a *API) serveStream(w http.ResponseWriter, r *http.Request, c *caller, s streamFeed) error {
	if a.live && wantsEvents(r) {
		return a.serveEvents(w, r, c, s)
	}
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
		return a.db.PositionOf(ctx, s.owner, s.stream, activity)
	})
	if errors.Is(err, models.ErrNotFound) {
		return args.unplaced(r)
	}
	if err != nil {
		return err
	}
	if s.search == nil {
		args.q = ""
	}
	items, total, err := s.page(ctx, c.viewer(), args, page)
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
	v.mentioned.add(s.owner)
	if err := v.load(ctx, activities, nil, nil); err != nil {
		return err
	}
	owner := v.actors[s.owner]
	if owner == nil && s.owner != 0 {
		return refuse(http.StatusNotFound, "No such 'user' with id '%s'", pathValue(r, "nick"))
	}
	address := a.address(r)
	if s.stream == models.Inbox {
		address = a.feedAddress(r)
	}
	answer(w, r, func(out *writer) { v.stream(out, s, owner, address, activities, total, args) })
	return nil
}

// stream writes a page of a stream.
func (v *view) stream(out *writer, s streamFeed, owner *models.Actor, address string, activities []*models.Activity, total int, args arguments) {
	title := s.title
	if owner != nil {
		title += nameOf(owner)
	}
	out.open('{')
	out.text("displayName", title)
	out.raw("objectTypes", []byte(`["activity"]`))
	out.text("url", address)
	if args.q == "" {
		out.number("totalItems", int64(total))
	}
	out.key("links")
	out.open('{')
	link(out, "first", vocab.Link{Href: address + args.onlyQuery()})
	link(out, "self", vocab.Link{Href: address + args.onlyQuery()})
	if n := len(activities); n > 0 {
		searchLinks(out, address, args.andQuery(), activities[0].Doc.ID, activities[n-1].Doc.ID, args.more(n, total))
	}
	out.close('}')
	out.key("items")
	out.open('[')
	for _, activity := range activities {
		v.activity(out, activity)
	}
	out.close(']')
	if owner != nil {
		out.key("author")
		v.person(out, owner.ID, owner.Doc, false)
	}
	out.close('}')
}

func nameOf(a *models.Actor) string {
	switch {
	case a.Doc.DisplayName != "":
		return a.Doc.DisplayName
	case a.Nickname == "" && a.Type == vocab.TypeGroup:
		return "a group"
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
		if err := a.useAvatar(r.Context(), c, activity); err != nil {
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
		ActorID: c.actorID, Activity: activity, Network: Network, Verified: c.verified(), ContentType: contentType, Original: data,
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
