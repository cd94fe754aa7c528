package ostatus

import (
	"encoding/json"
	"html"
	"strconv"
	"strings"
	"time"

	"manifold/bridge"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
	"manifold/ostatus/salmon"
)

// EntryError means that an entry says nothing that could be carried out.
type EntryError struct {
	// ID is that of the entry, "" for none.
	ID, Reason string
}

func (e *EntryError) Error() string { return "the entry " + strconv.Quote(e.ID) + " " + e.Reason }

// nsOStatus is what the thread of a note is kept under: the same as comes by
// ActivityPub.
const nsOStatus = "http://ostatus.org#"

const nsToot = "http://joinmastodon.org/ns#"

// Decoder translates entries into the vocabulary. It proves nothing: that the
// author is who sent the entry is for the caller to see.
type Decoder struct {
	// Names recognises what is ours.
	Names *bridge.Names
}

// Entry returns what an entry tells as an activity. feed is the one that it stands
// in, nil for none; it says whose the entry is where the entry does not. Errors
// are of type [*EntryError].
//
// What only some may see ([atom.Entry.Visibility]) is addressed to those whom it
// mentions and to nobody else.
func (d *Decoder) Entry(e *atom.Entry, feed *atom.Feed) (*vocab.Activity, error) {
	by := e.By(feed)
	if by == nil || by.Identity() == "" {
		return nil, &EntryError{e.ID, "does not say who its author is"}
	}
	a := &vocab.Activity{ID: e.ID, Verb: verbOf(e), Actor: d.Person(by), Published: published(e), URL: pageOf(e)}
	if e.Updated.After(a.Published) {
		a.Updated = e.Updated
	}
	if n := e.Notice; n != nil && n.Source != "" && n.Source != "unknown" {
		a.Generator = &vocab.Object{Type: vocab.TypeApplication, DisplayName: n.Source, URL: webAddress(n.SourceLink)}
	}
	if err := d.done(a, e); err != nil {
		return nil, err
	}
	d.address(a, e)
	if a.ID == "" && !reusable[a.Verb] {
		return nil, &EntryError{e.ID, "has no id"}
	}
	if reusable[a.Verb] {
		a.ID = e.ID + "#" + salmon.Fingerprint(a.Actor.ID, a.Verb, objectID(a), a.Published)
		if e.ID == "" {
			a.ID = "urn:ostatus:" + a.ID[1:]
		}
	}
	return a, nil
}

func objectID(a *vocab.Activity) string {
	if a.Object == nil {
		return ""
	}
	return a.Object.ID
}

// done sets what an activity is about, by its verb.
func (d *Decoder) done(a *vocab.Activity, e *atom.Entry) error {
	if e.Target != nil && a.Verb != vocab.VerbDelete {
		a.Target = d.thing(e.Target)
	}
	if a.Verb == vocab.VerbPost {
		a.Object = d.thing(e)
		a.Object.Author = a.Actor.Ref()
		if o := e.Object; o != nil && e.ObjectType == "" {
			// Activity Streams as they were meant: the post has the thing inside, and it may
			// be named only by its page (Cliqset).
			a.Object = d.thing(o)
			a.Object.ID = firstOf(a.Object.ID, a.Object.URL, e.ID)
			a.Object.Author = a.Actor.Ref()
			a.Content, a.Title = e.Content, e.Title
		}
		if a.Object.ID == "" {
			return &EntryError{e.ID, "has no id"}
		}
		return nil
	}
	// The sentence that tells it, for people.
	a.Content, a.Title = e.Content, e.Title
	switch {
	case a.Verb == vocab.VerbShare && e.Object != nil:
		a.Object = d.shared(e.Object)
	case e.Object != nil:
		a.Object = d.thing(e.Object)
	case a.Verb == vocab.VerbDelete && e.ID != "":
		// Mastodon names what is deleted by the id of the entry alone.
		a.Object = d.named(e.ID)
	case (a.Verb == vocab.VerbFavorite || a.Verb == vocab.VerbUnfavorite) && e.InReplyTo != nil:
		a.Object = d.named(e.InReplyTo.Ref)
	case a.Verb == vocab.VerbUpdate && e.Does() == "update-profile":
		a.Object = a.Actor
	}
	return d.settle(a, e)
}

// settle refuses what is about nothing, and tells people from groups.
func (d *Decoder) settle(a *vocab.Activity, e *atom.Entry) error {
	switch {
	case a.Object == nil || a.Object.ID == "":
		return &EntryError{e.ID, "does not say what was done something to"}
	case a.Object.ID == e.ID && a.Verb != vocab.VerbDelete:
		// GNU social 2 shows follows that have ended so.
		return &EntryError{e.ID, "is about itself"}
	}
	if verb := groupVerbs[a.Verb]; verb != "" && a.Object.Type == vocab.TypeGroup {
		a.Verb = verb
	}
	if a.Verb == vocab.VerbStopFollowing {
		if undone, ok := strings.CutPrefix(e.ID, "undo:"); ok { // GNU social 1.2, in feeds
			a.Undoes = undone
		}
	}
	if a.Verb == vocab.VerbDelete {
		a.Object = a.Object.Ref() // what GNU social says of it is no more
	}
	return nil
}

// shared is what somebody passes on: the thing, or on GNU social the activity of
// posting it, which has the thing inside.
func (d *Decoder) shared(o *atom.Entry) *vocab.Object {
	author := o.By(nil)
	inner := o
	for inner.Object != nil && (inner.Kind() == vocab.TypeActivity || inner.Does() == vocab.VerbShare) {
		inner = inner.Object
		if by := inner.By(nil); by != nil {
			author = by
		}
	}
	t := d.thing(inner)
	if inner != o && o.Does() == vocab.VerbPost {
		// The activity says more of the thing than the thing itself.
		outer := d.thing(o)
		outer.Type = t.Type
		outer.DisplayName = t.DisplayName
		outer.ID = firstOf(t.ID, outer.ID)
		outer.Content = firstOf(t.Content, outer.Content)
		t = outer
	}
	if author != nil && author.Identity() != "" {
		t.Author = d.Person(author)
	}
	return t
}

// named is the thing that an id names. Ids of what is ours tell its type, and
// people have another one in the vocabulary.
func (d *Decoder) named(id string) *vocab.Object {
	o := &vocab.Object{ID: id}
	if d.Names == nil || !d.Names.Ours(id) {
		return o
	}
	if d.Names.Token(id) != "" {
		rest := strings.Split(id, "/")
		o.Type = rest[len(rest)-2]
	} else if nick := d.Names.Nickname(id); nick != "" {
		o.ID, o.Type = d.Names.Person(nick), vocab.TypePerson
	}
	return o
}

// thing reads what an entry is as an object.
func (d *Decoder) thing(e *atom.Entry) *vocab.Object {
	o := d.named(e.ID)
	if e.Profile != nil {
		p := d.Person(e.Profile)
		if p.ID == "" {
			p.ID = o.ID
		}
		return p
	}
	if o.Type == "" || e.ObjectType != "" {
		o.Type = typeOfEntry(e)
	}
	o.Published, o.URL = published(e), pageOf(e)
	if e.Updated.After(o.Published) {
		o.Updated = e.Updated
	}
	o.Content = e.Content
	if o.Type != vocab.TypeNote && o.Type != vocab.TypeComment && o.Type != vocab.TypeActivity {
		// Titles of notes are made up, in the language of the site: "New note by ann".
		o.DisplayName = e.Title
	}
	if by := e.By(nil); by != nil && by.Identity() != "" {
		o.Author = d.Person(by)
	}
	if r := e.InReplyTo; r != nil && (r.Ref != "" || r.Href != "") {
		parent := d.named(firstOf(r.Ref, r.Href))
		if r.Href != parent.ID {
			parent.URL = webAddress(r.Href)
		}
		o.InReplyTo = []*vocab.Object{parent}
	}
	d.warn(o, e)
	d.tag(o, e)
	d.place(o, e)
	files(o, e)
	if key := e.Conversation.Key(); key != "" {
		keep(o, nsOStatus+"conversation", key)
	}
	if other := atom.Href(e.Links, atom.RelAlternate, atom.TypeActivityPub); other != "" && other != o.ID {
		o.UpstreamDuplicates = append(o.UpstreamDuplicates, other)
	}
	return o
}

func published(e *atom.Entry) time.Time {
	if e.Published.IsZero() {
		return e.Updated
	}
	return e.Published
}

// pageOf is where people see an entry.
func pageOf(e *atom.Entry) string {
	return webAddress(firstOf(atom.Href(e.Links, atom.RelAlternate, atom.TypeHTML), atom.Href(e.Links, atom.RelAlternate, "")))
}

// keep puts a text where members are kept that have no field.
func keep(o *vocab.Object, iri string, value any) {
	raw, err := json.Marshal(value)
	if err != nil {
		return
	}
	if o.Extra == nil {
		o.Extra = map[string]json.RawMessage{}
	}
	o.Extra[iri] = raw
}

// warn takes the summary. Mastodon and its kin mean a warning by it; StatusNet
// repeats the text of the notice there.
func (d *Decoder) warn(o *vocab.Object, e *atom.Entry) {
	sensitive := false
	for _, c := range e.Categories {
		sensitive = sensitive || strings.EqualFold(c.Term, "nsfw")
	}
	text := bridge.Text(e.Summary)
	switch {
	case text == "" || text == bridge.Text(html.EscapeString(e.Title)) || text == bridge.Text(e.Content):
	case o.Type == vocab.TypeNote || o.Type == vocab.TypeComment:
		sensitive = true
		o.DisplayName, o.Summary = text, html.EscapeString(text)
		keep(o, vocab.NSAS2+"summary", text)
	default:
		o.Summary = e.Summary
	}
	if sensitive {
		keep(o, vocab.NSAS2+"sensitive", true)
	}
}

// tag takes hashtags, people and emoji that a text names.
func (d *Decoder) tag(o *vocab.Object, e *atom.Entry) {
	seen := map[string]bool{}
	for _, c := range e.Categories {
		if folded := strings.ToLower(c.Term); !seen[folded] && c.Scheme == "" {
			seen[folded] = true
			o.Tags = append(o.Tags, &vocab.Object{Type: vocab.TypeHashtag, DisplayName: strings.TrimPrefix(c.Term, "#")})
		}
	}
	for _, m := range e.Mentions() {
		if m.Kind != vocab.TypeCollection {
			o.Tags = append(o.Tags, &vocab.Object{ID: d.named(m.URI).ID, Type: vocab.TypeMention})
		}
	}
	for _, l := range e.Links {
		if l.Rel == "emoji" && l.Name != "" && webAddress(l.Href) != "" {
			o.Tags = append(o.Tags, &vocab.Object{Type: nsToot + "Emoji", DisplayName: ":" + strings.Trim(l.Name, ":") + ":", Image: &vocab.Media{URL: l.Href, MediaType: l.Type}})
		}
	}
}

func (d *Decoder) place(o *vocab.Object, e *atom.Entry) {
	if e.Point != nil || e.Place != "" {
		o.Location = place(e.Place, e.Point)
	}
}

// place is a place with its position as Activity Streams 1.0 has it (ISO 6709).
func place(name string, p *atom.Point) *vocab.Object {
	o := &vocab.Object{Type: vocab.TypePlace, DisplayName: name}
	if p != nil {
		keep(o, vocab.NSAS1+"position", signed(p.Latitude)+signed(p.Longitude)+"/")
	}
	return o
}

func signed(n float64) string {
	s := strconv.FormatFloat(n, 'f', -1, 64)
	if n >= 0 {
		s = "+" + s
	}
	return s
}

// Person returns somebody as a profile. The id is what the person says; for those
// who are ours it is the one of the vocabulary.
func (d *Decoder) Person(p *atom.Person) *vocab.Object {
	o := &vocab.Object{ID: d.named(p.Identity()).ID, Type: atom.Word(p.ObjectType), PreferredUsername: firstOf(p.PreferredUsername, p.Name), DisplayName: p.Shown(),
		URL: webAddress(atom.Href(p.Links, atom.RelAlternate, atom.TypeHTML, ""))}
	if !vocab.IsActorType(o.Type) {
		o.Type = vocab.TypePerson
	}
	if o.Summary = p.Summary; o.Summary == "" || p.Note != "" && !strings.Contains(o.Summary, "<") {
		o.Summary = strings.ReplaceAll(html.EscapeString(p.Note), "\n", "<br>\n")
	}
	if small := p.Avatar(); small != nil {
		o.Image = mediaOf(small)
		for _, l := range p.Links {
			if l.Rel == atom.RelAvatar && l.Href != "" && l.Width > max(96, small.Width) && (o.FullImage == nil || l.Width > o.FullImage.Width) {
				o.FullImage = mediaOf(&l)
			}
		}
	}
	if p.Location != "" || p.Point != nil {
		o.Location = place(p.Location, p.Point)
	}
	if fields := fieldsOf(p.URLs); fields != nil {
		keep(o, vocab.NSAS2+"attachment", fields)
	}
	return o
}

// fieldsOf are the addresses of a profile in the form of ActivityPub's fields.
func fieldsOf(urls []atom.Contact) []any {
	var fields []any
	for _, c := range urls {
		if address := html.EscapeString(webAddress(c.Value)); address != "" {
			fields = append(fields, map[string]string{"type": "PropertyValue", "name": firstOf(c.Type, "homepage"), "value": `<a href="` + address + `" rel="me nofollow noopener">` + address + `</a>`})
		}
	}
	return fields
}

func mediaOf(l *atom.Link) *vocab.Media {
	return &vocab.Media{URL: l.Href, MediaType: l.Type, Width: l.Width, Height: l.Height}
}

// address sets whom an activity is for. Feeds and slaps are for everybody unless
// they say otherwise.
func (d *Decoder) address(a *vocab.Activity, e *atom.Entry) {
	for _, m := range e.Mentions() {
		to := d.named(m.URI)
		if to.Type == "" {
			if to.Type = m.Kind; to.Type == "" {
				to.Type = vocab.TypePerson
			}
		}
		a.To = append(a.To, &vocab.Object{ID: to.ID, Type: to.Type})
	}
	everybody := &vocab.Object{ID: vocab.PublicID, Type: vocab.TypeCollection}
	switch e.Visibility() {
	case atom.VisiblePublic:
		a.To = append(a.To, everybody)
	case atom.VisibleUnlisted:
		a.CC = append(a.CC, everybody)
	}
}
