package apub

import (
	"slices"
	"strconv"
	"strings"

	"manifold/models/vocab"
)

// thing is an object with what is told in it of the activity that made it be.
type thing struct {
	object *vocab.Object
	recipients
	// mentioned are the ids of those whom the text names.
	mentioned []string
}

// thing reads an object: whole, or by its id.
func (d *decoder) thing(v *value, where string) (*thing, error) {
	switch v.kind {
	case '"':
		return &thing{object: d.named(strings.TrimSpace(v.text))}, nil
	case '{':
	default:
		return nil, wrong(where, "must be an object or the id of one")
	}
	as2 := d.kindOf(v)
	switch {
	case as2 == "Link":
		o := d.named(addressOf(v.member("href")))
		o.URL = o.ID
		return &thing{object: o}, nil
	case isActor(v, as2):
		a, err := d.actor(v, where)
		if err != nil {
			return nil, err
		}
		return &thing{object: a.Profile}, nil
	case d.acts(v, as2):
		id, err := d.idOf(v, where)
		return &thing{object: &vocab.Object{ID: id, Type: vocab.TypeActivity}}, err
	}
	return d.members(v, as2, where)
}

// named is the thing that an id names. Ids of what is ours tell its type; actors
// and their followers have another one in the vocabulary.
func (d *decoder) named(id string) *vocab.Object {
	o := &vocab.Object{ID: id}
	if d.names == nil || !d.names.Ours(id) {
		return o
	}
	if nick := d.names.FollowersOf(id); nick != "" {
		o.ID, o.Type = d.names.Followers(nick), vocab.TypeCollection
	} else if d.names.Token(id) != "" {
		rest := strings.Split(id, "/")
		o.Type = rest[len(rest)-2]
	} else if nick := d.names.Nickname(id); nick != "" {
		o.ID, o.Type = d.names.Person(nick), vocab.TypePerson
	}
	return o
}

// members reads what an object says.
func (d *decoder) members(v *value, as2, where string) (*thing, error) {
	t := &thing{object: &vocab.Object{Type: d.typeOf(as2)}}
	o, r := t.object, d.reader(v, where)
	r.id(&o.ID)
	if own := d.named(o.ID); own.ID != o.ID {
		o.ID = own.ID
	}
	if as2 == "Tombstone" {
		r.tombstone(o)
	}
	r.title(o)
	r.content(o)
	o.Published, o.Updated = r.instant("published"), r.instant("updated")
	o.Deleted = r.instant("deleted")
	o.StartTime, o.EndTime = r.instant("startTime"), r.instant("endTime")
	o.Author = r.author()
	r.parents(o)
	o.Location = r.reference("location")
	r.pictures(o)
	r.renditions(o, as2)
	r.attachments(o)
	r.tags(t)
	r.quotes(o)
	r.poll(o, as2)
	r.duplicates(o)
	for _, name := range []string{"replies", "likes", "shares"} {
		r.feed(o, name)
	}
	if as2 == "Place" {
		r.position(o)
	}
	t.recipients = r.recipients()
	r.settle(t, as2)
	if r.err != nil {
		return nil, r.err
	}
	o.Extra = r.rest(o.Extra)
	return t, nil
}

// tombstone takes what is left of something: what it was.
func (r *reader) tombstone(o *vocab.Object) {
	o.Type = ""
	if t := r.take("formerType").first(); t != nil && t.kind == '"' {
		o.Type = r.typeOf(typeName(t.text))
	}
}

// settle decides what a thing is, once everything about it is known.
func (r *reader) settle(t *thing, as2 string) {
	o := t.object
	summary := r.text("summary")
	given := vocab.ObjectType(r.text(pumpPrefix + "objectType"))
	switch {
	case as2 == "Note" && isVote(r.v, o):
		o.Type, o.Content = vocab.TypePollResponse, ""
	case given != "" && writtenAs(given, as2):
		o.Type = given
	case len(o.InReplyTo) > 0 && (o.Type == vocab.TypeNote || o.Type == vocab.TypeArticle || o.Type == "page"):
		o.Type = vocab.TypeComment
	}
	r.warning(o, summary, as2)
	r.composed(o)
	if o.Type == vocab.TypeNote && given == "" && r.isPicture(t) {
		o.Type = vocab.TypeImage
	}
	if o.Type != vocab.TypeNote && o.Type != vocab.TypeComment {
		raise(o)
	}
}

// isVote reports whether a note is a choice in a poll: it has a name, which notes
// have not, and says nothing.
func isVote(v *value, o *vocab.Object) bool {
	return o.DisplayName != "" && o.Content == "" && len(o.InReplyTo) > 0 && len(o.Attachments) == 0 &&
		v.member("content") == nil && v.member("contentMap") == nil && v.member(pumpPrefix+"objectType") == nil
}

// moreVotes reads the objects of a Create after the first one. GoToSocial writes
// that the votes of somebody for several choices of a poll come in one activity,
// though version 0.20 sends one for each; nobody is known to create several things
// of another kind at once.
func (d *decoder) moreVotes(v *value, first *vocab.Object) ([]*vocab.Object, error) {
	objects := v.member("object").items()
	if first == nil || first.Type != vocab.TypePollResponse || len(objects) < 2 {
		return nil, nil
	}
	var votes []*vocab.Object
	for i, o := range objects[1:] {
		t, err := d.thing(o, "object["+strconv.Itoa(i+1)+"]")
		if err != nil {
			return nil, err
		}
		if t.object.Type == vocab.TypePollResponse {
			votes = append(votes, t.object)
		}
	}
	return votes, nil
}

// author takes who made a thing. PeerTube names an account and a channel: the
// person counts, and everybody is kept.
func (r *reader) author() *vocab.Object {
	all := r.references("attributedTo")
	if len(all) == 0 {
		if of := r.v.member("actor"); of != nil && of.kind == '"' {
			r.drop("actor") // some early servers
			return r.named(of.text)
		}
		return nil
	}
	if len(all) > 1 {
		r.used["attributedTo"] = false
	}
	if i := slices.IndexFunc(all, func(o *vocab.Object) bool { return o.Type == vocab.TypePerson }); i > 0 {
		return all[i]
	}
	return all[0]
}

// parents takes what a thing replies to. Servers that came from OStatus name it
// by its id there too, and a copy of it may be known here by that one only.
func (r *reader) parents(o *vocab.Object) {
	for _, p := range r.references("inReplyTo") {
		if p.ID == "" && p.URL != "" {
			p.ID = p.URL
		}
		if p.ID != "" {
			o.InReplyTo = append(o.InReplyTo, &vocab.Object{ID: p.ID, Type: p.Type})
		}
	}
	atom := r.text("inReplyToAtomUri")
	switch {
	case atom == "":
	case len(o.InReplyTo) == 0:
		o.InReplyTo = []*vocab.Object{{ID: atom}}
	case o.InReplyTo[0].ID != atom && r.named(o.InReplyTo[0].ID).Type == "":
		o.InReplyTo[0].UpstreamDuplicates = []string{atom}
	}
}

// duplicates takes the other ids of a thing: the one that it has on OStatus, and
// the one that it was copied from (FEP-fffd). Mastodon's atomUri is mostly the id
// again.
func (r *reader) duplicates(o *vocab.Object) {
	add := func(id string) {
		if id != "" && id != o.ID && !slices.Contains(o.UpstreamDuplicates, id) {
			o.UpstreamDuplicates = append(o.UpstreamDuplicates, id)
		}
	}
	add(r.text("atomUri"))
	for _, l := range r.v.member("url").items() {
		for _, rel := range l.member("rel").items() {
			if s, _ := rel.string(); l.kind == '{' && s == "canonical" {
				add(addressOf(l))
			}
		}
	}
	for _, name := range []string{"upstreamDuplicates", pumpPrefix + "upstreamDuplicates"} {
		for _, id := range r.take(name).items() {
			s, _ := id.string()
			add(s)
		}
	}
	for _, id := range r.take(pumpPrefix + "downstreamDuplicates").items() {
		if s, ok := id.string(); ok && s != "" {
			o.DownstreamDuplicates = append(o.DownstreamDuplicates, s)
		}
	}
}

// feed takes a collection that hangs off a thing: where it is, and how long its
// server says that it is. Mastodon embeds the first page.
func (r *reader) feed(o *vocab.Object, name string) {
	v := r.take(name).first()
	f := vocab.Feed{URL: addressOf(v)}
	if v != nil && v.kind == '{' {
		f.TotalItems = int(max(number(v.member("totalItems")), 0))
		if f.URL == "" {
			f.URL = addressOf(v.member("first").member("partOf"))
		}
	}
	if f.URL == "" {
		return
	}
	if o.Feeds == nil {
		o.Feeds = map[string]vocab.Feed{}
	}
	o.Feeds[name] = f
}

// position takes where a place is. Activity Streams 1.0 writes it as ISO 6709.
func (r *reader) position(o *vocab.Object) {
	if r.v.member(pumpPrefix+"position") != nil {
		r.drop("latitude", "longitude", "altitude") // it says the same, as it was given
		return
	}
	latitude, longitude := r.v.member("latitude"), r.v.member("longitude")
	if latitude == nil || longitude == nil {
		return
	}
	s := signed(number(latitude)) + signed(number(longitude))
	if altitude := r.v.member("altitude"); altitude != nil {
		s += signed(number(altitude))
	}
	o.Extra = keep(o.Extra, vocab.NSAS1+"position", jsonString(s+"/"))
}

func signed(n float64) string {
	s := strconv.FormatFloat(n, 'f', -1, 64)
	if n >= 0 {
		s = "+" + s
	}
	return s
}

// page takes where people see a thing: of several addresses the one of a page, or
// the first. All are kept when there are several.
func (r *reader) page(name string) string {
	items := r.take(name).items()
	if len(items) > 1 {
		r.used[name] = false
	}
	first := ""
	for _, v := range items {
		address := addressOf(v)
		if address == "" || v.kind == '{' && isCanonical(v) {
			continue
		}
		switch mediaType := mediaTypeOf(v); {
		case mediaType == "text/html":
			return address
		case first == "" && (mediaType == "" || !isMedia(mediaType)):
			first = address
		}
	}
	return first
}

func isCanonical(v *value) bool {
	s, _ := v.member("rel").first().string()
	return s == "canonical"
}

// missingFrom names the fields that an update leaves empty. On this network an
// update is the whole thing, so that what it lacks is gone.
func missingFrom(o *vocab.Object) []string {
	var gone []string
	for name, missing := range map[string]bool{
		"displayName": o.DisplayName == "", "content": o.Content == "", "summary": o.Summary == "", "url": o.URL == "",
		"location": o.Location == nil, "image": o.Image == nil, "fullImage": o.FullImage == nil, "stream": o.Stream == nil,
		"fileUrl": o.FileURL == "", "mimeType": o.MimeType == "", "embedCode": o.EmbedCode == "", "startTime": o.StartTime.IsZero(),
		"endTime": o.EndTime.IsZero(), "attachments": len(o.Attachments) == 0, "tags": len(o.Tags) == 0,
	} {
		if missing {
			gone = append(gone, name)
		}
	}
	for _, iri := range updatable {
		if _, ok := o.Extra[iri]; !ok {
			gone = append(gone, iri)
		}
	}
	slices.Sort(gone)
	return gone
}

// updatable are the members without a field that an update takes away when it
// does not have them.
var updatable = []string{
	vocab.NSAS2 + "sensitive", vocab.NSAS2 + "summary", vocab.NSAS2 + "contentMap", vocab.NSAS2 + "nameMap", vocab.NSAS2 + "summaryMap",
	vocab.NSAS2 + "source", vocab.NSAS2 + "mediaType", vocab.NSAS2 + "closed", vocab.NSAS2 + "oneOf", vocab.NSAS2 + "anyOf", nsToot + "votersCount",
	vocab.NSAS2 + "attachment", vocab.NSAS2 + "image", vocab.NSAS2 + "alsoKnownAs", vocab.NSAS2 + "movedTo", nsQuote + "quote", nsQuote + "quoteAuthorization",
}

// writtenAs reports whether a type of the vocabulary is one that we write as a
// type of AS2. What another type says of itself is not believed: a note that
// claims to be a person would be a note for all others.
func writtenAs(objectType, as2 string) bool {
	if vocab.IsActorType(objectType) || objectType == vocab.TypeActivity || objectType == vocab.TypeCollection {
		return false
	}
	if t, ok := as2Types[objectType]; ok {
		return t == as2
	}
	return as2 == "Note" || as2 == "Object" || as2 == as2Of(objectType)
}

// as2Of is the type of AS2 with the name of a type of the vocabulary.
func as2Of(objectType string) string {
	for as2, t := range things {
		if t == objectType {
			return as2
		}
	}
	return ""
}
