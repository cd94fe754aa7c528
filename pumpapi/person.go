package pumpapi

import (
	"net/url"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// person writes an actor. expanded tells how long its collections are. doc is
// shown where the actor is not known.
func (v *view) person(w *writer, id int64, doc *vocab.Object, expanded bool) {
	a := v.actors[id]
	if a == nil {
		if doc == nil {
			doc = &vocab.Object{}
		}
		v.embedded(w, doc)
		return
	}
	// The same few people stand in a page over and over.
	key := shownPerson{id, expanded}
	if shown, ok := v.shown[key]; ok {
		w.separate()
		w.b = append(w.b, shown...)
		return
	}
	w.separate()
	start, misses := len(w.b), v.proxies.misses()
	v.writePerson(w, a, expanded, false)
	if v.proxies.misses() > misses {
		return // it will be written again
	}
	if v.shown == nil {
		v.shown = map[shownPerson][]byte{}
	}
	v.shown[key] = append([]byte(nil), w.b[start:]...)
}

// writePerson writes an actor; alone says that the whole answer is this one.
func (v *view) writePerson(w *writer, a *models.Actor, expanded, alone bool) {
	w.proxies = v.proxies
	if v.secret[a.ID] {
		plain(w, a.Doc.Ref())
		return
	}
	w.open('{')
	doc := a.Doc
	if !a.Local && !expanded && !servesItself(doc) {
		// What other networks say of people besides is long, and told by the profile.
		short := *doc
		short.Extra = nil
		doc = &short
	}
	properties(w, doc)
	switch {
	case a.State == models.Deleted:
		v.authorRef(w, a)
	case a.Type == vocab.TypeGroup && a.Local:
		v.groupFeeds(w, a, alone)
	case a.Local && a.Nickname != "":
		v.personFeeds(w, a, expanded)
	case !a.Local && !servesItself(a.Doc):
		v.knownFeeds(w, a, expanded)
	default:
		v.foreignFeeds(w, a)
	}
	related, self := v.related.seen[a.ID], ""
	if !a.Local && a.State != models.Deleted {
		self = w.proxies.address(a.Doc.Links["self"].Href)
	}
	if a.Doc.FullImage != nil || related || self != "" {
		w.key("pump_io")
		w.open('{')
		rendition(w, "fullImage", a.Doc.FullImage)
		if related {
			w.flag("followed", v.relations.Has(models.Follows, a.ID))
		}
		w.text("proxyURL", self)
		w.close('}')
	}
	w.close('}')
}

func (v *view) personFeeds(w *writer, a *models.Actor, expanded bool) {
	user := v.names.User(a.Nickname)
	w.key("links")
	w.open('{')
	link(w, "self", vocab.Link{Href: user + "/profile"})
	link(w, "activity-inbox", vocab.Link{Href: user + "/inbox"})
	link(w, "activity-outbox", vocab.Link{Href: user + "/feed"})
	for _, rel := range sortedKeys(a.Doc.Links) {
		switch rel {
		case "self", "activity-inbox", "activity-outbox":
		default:
			link(w, rel, a.Doc.Links[rel])
		}
	}
	w.close('}')
	feed := func(name, address string, total int64) {
		w.key(name)
		w.open('{')
		w.text("url", address)
		if expanded {
			w.number("totalItems", total)
		}
		w.close('}')
	}
	feed("followers", user+"/followers", a.Counts.Followers)
	feed("following", user+"/following", a.Counts.Following)
	feed("favorites", user+"/favorites", a.Counts.Favorites)
	feed("lists", user+"/lists/person", a.Counts.Lists)
}

// foreignFeeds writes the addresses that somebody elsewhere has there.
func (v *view) foreignFeeds(w *writer, a *models.Actor) {
	if len(a.Doc.Links) > 0 {
		w.key("links")
		w.open('{')
		for _, rel := range sortedKeys(a.Doc.Links) {
			link(w, rel, a.Doc.Links[rel])
		}
		w.close('}')
	}
	for _, name := range sortedKeys(a.Doc.Feeds) {
		w.key(name)
		w.open('{')
		w.text("url", a.Doc.Feeds[name].URL)
		proxiedFeed(w, name, a.Doc.Feeds[name].URL)
		w.close('}')
	}
}

// typeInPath is the type under which things of this type are addressed.
func typeInPath(t string) string {
	if bridge.KnownType(t) {
		return t
	}
	return "other"
}

// queryID reads the parameter id.
func queryID(u *url.URL) string { return u.Query().Get("id") }
