package pumpapi

import (
	"encoding/json"
	"net/url"
	"sort"
	"strings"

	"manifold/models"
	"manifold/models/vocab"
)

// activity writes an activity as the viewer may see it.
func (v *view) activity(w *writer, a *models.Activity) {
	w.proxies = v.proxies
	d := a.Doc
	w.open('{')
	forAll := sameForAll(a)
	v.fragments.write(w, a.ID, a.Version, func() {
		v.aboutActivity(w, a)
		if forAll {
			v.addressees(w, a)
		}
	})
	w.key("actor")
	v.person(w, a.ActorID, d.Actor, false)
	if d.Object != nil || d.Inner != nil {
		w.key("object")
		v.acted(w, a)
	}
	if d.Target != nil {
		w.key("target")
		v.thing(w, a.Target, d.Target)
	}
	if !forAll {
		v.addressees(w, a)
	}
	w.close('}')
}

// sameForAll reports whether everybody who sees an activity is shown the same
// addressees: nobody is named, whose profile may change, and nobody is hidden.
func sameForAll(a *models.Activity) bool {
	for _, to := range a.Audience {
		if to.Field == models.BTo || to.Field == models.BCC || to.Kind == models.AudienceActor || to.Kind == models.AudienceGroup {
			return false
		}
	}
	return true
}

// aboutActivity writes what an activity says by itself.
func (v *view) aboutActivity(w *writer, a *models.Activity) {
	d := a.Doc
	w.text("id", d.ID)
	// PyPump takes things without it for something else when it has them cached.
	w.text("objectType", vocab.TypeActivity)
	if a.Deleted.IsZero() {
		w.text("verb", d.Verb)
	}
	for _, part := range []struct {
		name string
		o    *vocab.Object
	}{{"result", d.Result}, {"location", d.Location}, {"context", d.Context}, {"source", d.Source}, {"generator", d.Generator}, {"provider", d.Provider}} {
		if part.o != nil {
			w.key(part.name)
			v.embedded(w, part.o)
		}
	}
	w.text("title", d.Title)
	w.text("content", d.Content)
	w.text("url", d.URL)
	w.instant("published", d.Published)
	w.instant("updated", d.Updated)
	w.instant("deleted", a.Deleted)
	w.key("links")
	w.open('{')
	for _, rel := range sortedKeys(d.Links) {
		if rel != "self" {
			link(w, rel, d.Links[rel])
		}
	}
	if self, ok := d.Links["self"]; ok && !a.Local {
		link(w, "self", self)
	} else {
		link(w, "self", vocab.Link{Href: d.ID})
	}
	w.close('}')
	extra(w, d.Extra)
}

// acted writes the object of an activity. The author of a thing that is posted
// is left out: it is the actor.
func (v *view) acted(w *writer, a *models.Activity) {
	switch {
	case a.Object.Kind == models.KindActivity && v.activities[a.Object.ID] != nil:
		inner := v.activities[a.Object.ID]
		v.innerActivity(w, inner)
	case a.Object.Kind == models.KindObject && v.objects[a.Object.ID] != nil:
		v.object(w, v.objects[a.Object.ID], a.Verb == vocab.VerbPost)
	case a.Object.Kind == models.KindActor:
		v.person(w, a.Object.ID, a.Doc.Object, true)
	case a.Doc.Inner != nil:
		inner := *a.Doc.Inner
		if inner.ID == "" {
			inner.ID = objectOf(a)
		}
		v.embeddedActivity(w, &inner)
	default:
		o := *a.Doc.Object
		if o.ID == "" {
			o.ID = objectOf(a)
		}
		v.embedded(w, &o)
	}
}

// objectOf names the object of an activity that came without an id: Pumpa ends
// at once when it meets one.
func objectOf(a *models.Activity) string { return a.Doc.ID + "#object" }

// innerActivity writes an activity that another one is about, without what only
// its own recipients may know.
func (v *view) innerActivity(w *writer, a *models.Activity) {
	w.open('{')
	w.text("id", a.Doc.ID)
	w.text("objectType", vocab.TypeActivity)
	w.text("verb", a.Doc.Verb)
	w.key("actor")
	v.person(w, a.ActorID, a.Doc.Actor, false)
	if a.Visibility != models.Limited {
		w.text("content", a.Doc.Content)
		if a.Doc.Object != nil {
			w.key("object")
			v.embedded(w, a.Doc.Object.Ref())
		}
	}
	w.text("url", a.Doc.URL)
	w.instant("published", a.Doc.Published)
	w.instant("updated", a.Doc.Updated)
	w.close('}')
}

// embeddedActivity writes an activity that is known only as part of another.
func (v *view) embeddedActivity(w *writer, a *vocab.Activity) {
	w.open('{')
	w.text("id", a.ID)
	w.text("objectType", vocab.TypeActivity)
	w.text("verb", a.Verb)
	for _, part := range []struct {
		name string
		o    *vocab.Object
	}{{"actor", a.Actor}, {"object", a.Object}, {"target", a.Target}} {
		if part.o != nil {
			w.key(part.name)
			v.embedded(w, part.o)
		}
	}
	w.text("title", a.Title)
	w.text("content", a.Content)
	w.text("url", a.URL)
	w.instant("published", a.Published)
	w.instant("updated", a.Updated)
	extra(w, a.Extra)
	w.close('}')
}

// thing writes whatever row ref names; doc is what the activity says of it.
func (v *view) thing(w *writer, ref models.Ref, doc *vocab.Object) {
	switch {
	case ref.Kind == models.KindObject && v.objects[ref.ID] != nil && !v.hidden[ref.ID]:
		v.object(w, v.objects[ref.ID], false)
	case ref.Kind == models.KindActor:
		v.person(w, ref.ID, doc, false)
	default:
		v.embedded(w, doc)
	}
}

// addressees writes the address fields; bto and bcc for the actor only.
func (v *view) addressees(w *writer, a *models.Activity) {
	i := 0
	for field, list := range [][]*vocab.Object{a.Doc.To, a.Doc.CC, a.Doc.BTo, a.Doc.BCC} {
		f := models.Field(field)
		hidden := (f == models.BTo || f == models.BCC) && a.ActorID != v.viewer.ActorID
		if len(list) > 0 && !hidden {
			w.key([]string{"to", "cc", "bto", "bcc"}[field])
			w.open('[')
		}
		for _, o := range list {
			var to models.Addressee
			if i < len(a.Audience) {
				to = a.Audience[i]
			}
			i++
			if !hidden {
				v.addressee(w, to, o)
			}
		}
		if len(list) > 0 && !hidden {
			w.close(']')
		}
	}
}

func (v *view) addressee(w *writer, to models.Addressee, o *vocab.Object) {
	switch to.Kind {
	case models.AudienceActor, models.AudienceGroup:
		v.person(w, to.ID, o, false)
		return
	}
	w.open('{')
	w.text("id", o.ID)
	w.text("objectType", o.Type)
	if to.Kind == models.AudienceFollowers {
		w.text("displayName", "Followers")
		w.text("url", o.ID)
	}
	w.close('}')
}

// object writes a thing with its feeds and what the viewer did to it.
func (v *view) object(w *writer, o *models.Object, withoutAuthor bool) {
	v.openObject(w, o, withoutAuthor)
	if !o.Deleted.IsZero() {
		w.close('}')
		return
	}
	if parent := o.Doc.Parent(); parent != nil {
		w.key("inReplyTo")
		if p := v.objects[o.ParentID]; p != nil && !v.hidden[o.ParentID] {
			v.nested(w, p)
		} else {
			v.embedded(w, parent)
		}
	}
	v.feeds(w, o, true)
	w.close('}')
}

// nested writes a thing inside another one: without the first items of its
// feeds and without what it replies to.
func (v *view) nested(w *writer, o *models.Object) {
	v.openObject(w, o, false)
	if o.Deleted.IsZero() {
		v.feeds(w, o, false)
	}
	w.close('}')
}

// reply writes a comment among the replies to a thing.
func (v *view) reply(w *writer, o *models.Object) { v.nested(w, o) }

func (v *view) openObject(w *writer, o *models.Object, withoutAuthor bool) {
	w.proxies = v.proxies
	w.open('{')
	v.fragments.write(w, o.ID, o.Version, func() { v.aboutObject(w, o) })
	if o.AuthorID != 0 && !withoutAuthor {
		w.key("author")
		v.person(w, o.AuthorID, o.Doc.Author, false)
	} else if o.Doc.Author != nil && !withoutAuthor {
		w.key("author")
		v.embedded(w, o.Doc.Author)
	}
}

// aboutObject writes what a thing says by itself.
func (v *view) aboutObject(w *writer, o *models.Object) {
	doc := o.Doc
	if !o.Local {
		if doc = withAppendix(doc); doc.Published.IsZero() && o.AuthorID != 0 {
			// Dianara shows what has no time as broken; that it came is known.
			dated := *doc
			dated.Published = o.Created
			doc = &dated
		}
	}
	properties(w, doc)
	if !o.Deleted.IsZero() {
		if p := o.Doc.Parent(); p != nil {
			w.key("inReplyTo")
			v.embedded(w, p.Ref())
		}
		return
	}
	w.key("links")
	w.open('{')
	for _, rel := range sortedKeys(o.Doc.Links) {
		if rel != "self" || !o.Local {
			link(w, rel, o.Doc.Links[rel])
		}
	}
	if _, ok := o.Doc.Links["self"]; !ok || o.Local {
		link(w, "self", vocab.Link{Href: v.self(o)})
	}
	w.close('}')
}

// self is where an object is read. Things with ids that were made elsewhere are
// asked for by id.
func (v *view) self(o *models.Object) string { return v.addressOf(o.Doc.ID, o.Type) }

func (v *view) addressOf(id, objectType string) string {
	if v.names.Token(id) != "" {
		return id
	}
	return v.names.Base + "/api/" + typeInPath(objectType) + "?id=" + url.QueryEscape(id)
}

// feedURL is the address of one of the feeds of an object.
func (v *view) feedURL(o *models.Object, feed string) string {
	if f, ok := o.Doc.Feeds[feed]; ok && !o.Local && o.AuthorID != 0 && servesItself(o.Doc) && v.names.Token(o.Doc.ID) == "" {
		return f.URL
	}
	return v.feedOf(o.Doc.ID, o.Type, feed)
}

// feedOf is the address of one of the feeds that we serve of a thing.
func (v *view) feedOf(id, objectType, feed string) string {
	if v.names.Token(id) != "" {
		return id + "/" + feed
	}
	return v.names.Base + "/api/" + typeInPath(objectType) + "/" + feed + "?id=" + url.QueryEscape(id)
}

// feeds writes likes, replies, shares and, for collections, members.
func (v *view) feeds(w *writer, o *models.Object, items bool) {
	feed := func(name string, total int64, write func()) {
		w.key(name)
		w.open('{')
		// No displayName: Pumpa takes a collection that has one for complete.
		address := v.feedURL(o, name)
		w.text("url", address)
		if !o.Local && o.AuthorID != 0 {
			// Its own server knows of more than we do.
			total = max(total, int64(o.Doc.Feeds[name].TotalItems))
		}
		w.number("totalItems", total)
		proxiedFeed(w, name, address)
		if items && write != nil {
			w.key("items")
			w.open('[')
			write()
			w.close(']')
		}
		w.close('}')
	}
	people := func(ids []int64) func() {
		if len(ids) == 0 {
			return nil
		}
		return func() {
			for _, id := range ids {
				v.person(w, id, nil, false)
			}
		}
	}
	feed("likes", o.Counts.Likes, people(v.likers[o.ID]))
	var replies func()
	if list := v.replies[o.ID]; len(list) > 0 {
		replies = func() {
			for _, r := range list {
				v.reply(w, r)
			}
		}
	}
	feed("replies", o.Counts.Replies, replies)
	feed("shares", o.Counts.Shares, people(v.sharers[o.ID]))
	if o.Type == vocab.TypeCollection {
		feed("members", o.Counts.Members, people(v.members[o.ID]))
	}
	if v.viewer.ActorID != 0 {
		w.flag("liked", v.relations.Has(models.Likes, o.ID))
		w.key("pump_io")
		w.open('{')
		w.flag("shared", v.relations.Has(models.Shared, o.ID))
		if !o.Local {
			w.text("proxyURL", w.proxies.address(o.Doc.Links["self"].Href))
		}
		w.close('}')
	}
}

// properties writes what a document says about itself.
func properties(w *writer, d *vocab.Object) {
	w.text("id", d.ID)
	w.text("objectType", d.Type)
	w.text("preferredUsername", d.PreferredUsername)
	w.text("displayName", d.DisplayName)
	w.text("content", d.Content)
	w.text("summary", d.Summary)
	w.text("url", d.URL)
	w.instant("published", d.Published)
	w.instant("updated", d.Updated)
	w.instant("deleted", d.Deleted)
	if d.Location != nil {
		w.key("location")
		plain(w, d.Location)
	}
	rendition(w, "image", d.Image)
	if !vocab.IsActorType(d.Type) {
		rendition(w, "fullImage", d.FullImage)
	}
	rendition(w, "stream", d.Stream)
	w.text("fileUrl", d.FileURL)
	w.text("mimeType", d.MimeType)
	w.text("embedCode", d.EmbedCode)
	w.instant("startTime", d.StartTime)
	w.instant("endTime", d.EndTime)
	plainList(w, "attachments", d.Attachments)
	plainList(w, "tags", d.Tags)
	texts(w, "objectTypes", d.ObjectTypes)
	texts(w, "upstreamDuplicates", d.UpstreamDuplicates)
	texts(w, "downstreamDuplicates", d.DownstreamDuplicates)
	extra(w, d.Extra)
}

// embedded writes an object that has no row: as it was given.
func (v *view) embedded(w *writer, o *vocab.Object) {
	w.proxies = v.proxies
	plain(w, o)
}

// plain writes a document and everything that hangs off it.
func plain(w *writer, d *vocab.Object) {
	w.open('{')
	properties(w, d)
	if d.Author != nil {
		w.key("author")
		plain(w, d.Author)
	}
	if len(d.InReplyTo) == 1 {
		w.key("inReplyTo")
		plain(w, d.InReplyTo[0])
	} else {
		plainList(w, "inReplyTo", d.InReplyTo)
	}
	if len(d.Links) > 0 {
		w.key("links")
		w.open('{')
		for _, rel := range sortedKeys(d.Links) {
			link(w, rel, d.Links[rel])
		}
		w.close('}')
	}
	for _, name := range sortedKeys(d.Feeds) {
		w.key(name)
		w.open('{')
		w.text("url", d.Feeds[name].URL)
		if n := d.Feeds[name].TotalItems; n > 0 {
			w.number("totalItems", int64(n))
		}
		proxiedFeed(w, name, d.Feeds[name].URL)
		w.close('}')
	}
	self := w.proxies.address(d.Links["self"].Href)
	if original := vocab.IsActorType(d.Type) && d.FullImage != nil; original || self != "" {
		w.key("pump_io")
		w.open('{')
		if original {
			rendition(w, "fullImage", d.FullImage)
		}
		w.text("proxyURL", self)
		w.close('}')
	}
	w.close('}')
}

func plainList(w *writer, name string, list []*vocab.Object) {
	if len(list) == 0 {
		return
	}
	w.key(name)
	w.open('[')
	for _, o := range list {
		plain(w, o)
	}
	w.close(']')
}

func texts(w *writer, name string, list []string) {
	if len(list) == 0 {
		return
	}
	w.key(name)
	w.open('[')
	for _, s := range list {
		w.value(s)
	}
	w.close(']')
}

func rendition(w *writer, name string, m *vocab.Media) {
	if m == nil {
		return
	}
	w.key(name)
	w.open('{')
	w.text("url", m.URL)
	w.text("mediaType", m.MediaType)
	if m.Width != 0 {
		w.number("width", int64(m.Width))
	}
	if m.Height != 0 {
		w.number("height", int64(m.Height))
	}
	if m.Duration != 0 {
		raw, _ := json.Marshal(m.Duration)
		w.raw("duration", raw)
	}
	extra(w, m.Extra)
	proxied(w, m.URL)
	w.close('}')
}

func link(w *writer, rel string, l vocab.Link) {
	w.key(rel)
	w.open('{')
	w.text("href", l.Href)
	w.text("type", l.Type)
	extra(w, l.Extra)
	w.close('}')
}

// extra writes the members that no field names. They are in the order of their
// names, so that the same thing is always the same bytes. Those of ActivityPub
// stand together in a member of their own.
func extra(w *writer, m map[string]json.RawMessage) {
	var twin []string
	for _, iri := range sortedKeys(m) {
		if strings.HasPrefix(iri, vocab.NSAS2) {
			twin = append(twin, iri)
		}
	}
	for _, iri := range sortedKeys(m) {
		name := bareName(iri)
		if strings.HasPrefix(iri, vocab.NSAS2) || len(twin) > 0 && name == twinMember {
			continue
		}
		w.raw(name, m[iri])
	}
	if len(twin) == 0 {
		return
	}
	w.key(twinMember)
	w.open('{')
	for _, iri := range twin {
		w.raw(twinName(iri), m[iri])
	}
	w.close('}')
}

func sortedKeys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
