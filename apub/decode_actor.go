package apub

import (
	"strconv"

	"manifold/models/vocab"
)

// isActor reports whether an object is an actor: by its type, or because it has
// an inbox and a name, whatever it calls itself.
func isActor(v *value, as2 string) bool {
	return actors[as2] != "" || v.member("inbox") != nil && v.member("outbox") != nil && v.member("preferredUsername") != nil && things[as2] == ""
}

// actor reads an actor.
func (d *decoder) actor(v *value, where string) (*ActorDocument, error) {
	r := d.reader(v, where)
	o := &vocab.Object{}
	if o.Type = actors[d.kindOf(v)]; o.Type == "" {
		o.Type = vocab.TypeService // others would not take it for an actor
	}
	a := &ActorDocument{Profile: o}
	r.id(&a.IRI)
	o.ID = d.named(a.IRI).ID
	r.title(o)
	o.Summary = r.text("summary")
	o.PreferredUsername = r.text("preferredUsername")
	for _, page := range v.member("url").items() {
		if address := addressOf(page); address != "" && mediaTypeOf(page) != "application/activity+json" {
			a.Pages = append(a.Pages, address)
		}
	}
	o.URL = r.page("url")
	o.Published, o.Updated = r.instant("published"), r.instant("updated")
	o.Location = r.place()
	r.avatar(o)
	r.boxes(a)
	r.keys(a)
	for _, other := range v.member("alsoKnownAs").items() {
		if address := addressOf(other); address != "" {
			a.AlsoKnownAs = append(a.AlsoKnownAs, address)
		}
	}
	a.MovedTo = addressOf(v.member("movedTo"))
	a.WebFinger = r.text("webfinger")
	a.Suspended = isTrue(v.member("suspended"))
	r.drop("to", "cc", "bto", "bcc", "audience") // nobody is told of an actor
	if r.err != nil {
		return nil, r.err
	}
	o.Extra = r.rest(o.Extra)
	return a, nil
}

// place takes where an actor is. Some write no more than its name.
func (r *reader) place() *vocab.Object {
	v := r.v.member("location").first()
	if v != nil && v.kind == '"' {
		r.drop("location")
		return &vocab.Object{Type: vocab.TypePlace, DisplayName: plain(v.text)}
	}
	return r.reference("location")
}

// avatar takes the picture of an actor. pump.io shows a small one beside the
// original; here there is mostly one, which may come in several sizes. The banner
// has no field.
func (r *reader) avatar(o *vocab.Object) {
	o.Image = r.largest(r.take("icon"))
	if o.Image == nil && r.v.member("image") != nil && o.Type != vocab.TypePerson {
		o.Image = r.largest(r.v.member("image"))
	}
	if small := r.media(r.take(pumpPrefix + "image")); small != nil && o.Image != nil {
		o.Image, o.FullImage = small, o.Image
	}
}

// boxes takes the addresses that belong to an actor. They are no part of the
// profile, save those of collections, which are known by them.
func (r *reader) boxes(a *ActorDocument) {
	a.Inbox, a.Outbox = r.address("inbox"), r.address("outbox")
	a.Followers, a.Following, a.Liked, a.Featured = r.address("followers"), r.address("following"), r.address("liked"), r.address("featured")
	// Misskey has it beside endpoints too, which may be the address of a document.
	a.SharedInbox = r.address("sharedInbox")
	if shared := addressOf(r.take("endpoints").first().member("sharedInbox")); shared != "" {
		a.SharedInbox = shared
	}
	feeds := map[string]vocab.Feed{}
	for name, address := range map[string]string{"followers": a.Followers, "following": a.Following, "likes": a.Liked, "featured": a.Featured, "outbox": a.Outbox} {
		if address != "" {
			feeds[name] = vocab.Feed{URL: address}
		}
	}
	if len(feeds) > 0 {
		a.Profile.Feeds = feeds
	}
}

// keys takes the keys of an actor: one, or several, or their addresses.
func (r *reader) keys(a *ActorDocument) {
	for _, name := range []string{"publicKey", "assertionMethod"} {
		for i, v := range r.take(name).items() {
			if v.kind != '{' {
				continue // to be fetched by whoever needs it
			}
			key, err := r.publicKey(v, join(r.where, name)+"["+strconv.Itoa(i)+"]")
			if err != nil {
				r.fail(err)
				return
			}
			if key.Owner == "" {
				key.Owner = a.IRI
			}
			if key.PEM != "" || key.Multibase != "" {
				a.PublicKeys = append(a.PublicKeys, key)
			}
		}
	}
}

func (d *decoder) publicKey(v *value, where string) (PublicKey, error) {
	id, err := d.idOf(v, where)
	if err != nil {
		return PublicKey{}, err
	}
	r := d.reader(v, where)
	key := PublicKey{ID: id, PEM: r.text("publicKeyPem"), Multibase: r.text("publicKeyMultibase")}
	if key.Owner = r.address("owner"); key.Owner == "" {
		key.Owner = r.address("controller")
	}
	return key, r.err
}

// updatedActor reads the object of an Update, where that is an actor.
func (d *decoder) updatedActor(v *value) (*ActorDocument, error) {
	object := v.member("object").first()
	if object == nil || object.kind != '{' || !isActor(object, d.kindOf(object)) {
		return nil, nil
	}
	return d.actor(object, "object")
}

// maxItems bounds how many members of a collection are read from one document.
const maxItems = 1000

// collection reads a collection or a page of one.
func (d *decoder) collection(v *value, where string) (*Collection, error) {
	r := d.reader(v, where)
	c := &Collection{Type: d.kindOf(v), TotalItems: -1}
	r.id(&c.ID)
	if total := v.member("totalItems"); total != nil && total.first() != nil && total.first().kind != '{' {
		c.TotalItems = int64(max(number(total), 0))
	}
	if first := v.member("first").first(); first != nil && first.kind == '{' && collections[d.kindOf(first)] {
		var err error
		if c.Page, err = d.collection(first, join(where, "first")); err != nil {
			return nil, err
		}
	}
	c.First, c.Next, c.Prev, c.PartOf = r.address("first"), r.address("next"), r.address("prev"), r.address("partOf")
	for _, name := range []string{"items", "orderedItems"} {
		for _, item := range v.member(name).items() {
			if len(c.Items) >= maxItems {
				break
			}
			switch item.kind {
			case '"':
				c.Items = append(c.Items, Item{ID: item.text})
			case '{':
				id, err := d.idOf(item, join(where, name))
				if err != nil {
					return nil, err
				}
				c.Items = append(c.Items, Item{ID: id, Type: d.kindOf(item), Raw: item.raw})
			}
		}
	}
	return c, r.err
}
