package pumpapi

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"manifold/models/vocab"
)

// DecodeActivity reads an activity. Everything that the vocabulary does not
// name is kept; see [vocab.Activity]. Errors are of type [*DocumentError].
func DecodeActivity(data []byte) (*vocab.Activity, error) {
	if err := checkDocument(data); err != nil {
		return nil, err
	}
	return decodeActivity(data, "")
}

// DecodeObject reads an object, as [DecodeActivity] does an activity.
func DecodeObject(data []byte) (*vocab.Object, error) {
	if err := checkDocument(data); err != nil {
		return nil, err
	}
	m, err := readMembers(data, "")
	if err != nil {
		return nil, err
	}
	return decodeMembers(m, "")
}

func decodeActivity(raw json.RawMessage, where string) (*vocab.Activity, error) {
	m, err := readMembers(raw, where)
	if err != nil {
		return nil, err
	}
	a := new(vocab.Activity)
	r := reader{m: m, where: where}
	r.text("id", &a.ID)
	r.text("verb", &a.Verb)
	a.Verb = vocab.Verb(a.Verb)
	r.object("actor", &a.Actor)
	r.acted(a)
	r.object("target", &a.Target)
	r.object("result", &a.Result)
	r.object("location", &a.Location)
	r.object("context", &a.Context)
	r.object("source", &a.Source)
	r.object("generator", &a.Generator)
	r.object("provider", &a.Provider)
	r.addressees("to", &a.To)
	r.addressees("cc", &a.CC)
	r.addressees("bto", &a.BTo)
	r.addressees("bcc", &a.BCC)
	r.markup("content", &a.Content)
	r.text("title", &a.Title)
	r.text("url", &a.URL)
	r.instant("published", &a.Published)
	r.instant("updated", &a.Updated)
	r.instant("deleted", &a.Deleted)
	r.links("links", &a.Links)
	// Said again when it is served.
	r.drop("objectType", "likes", "replies", "shares", "liked", "pump_io")
	a.Extra = m.rest()
	return a, r.err
}

// reader takes members one after the other and keeps the first error.
type reader struct {
	m       members
	where   string
	cleared []string
	err     error
}

func (r *reader) text(name string, dest *string) {
	if r.err == nil {
		*dest, r.err = r.m.text(name, r.where, &r.cleared)
	}
}

func (r *reader) markup(name string, dest *string) {
	if r.err == nil {
		*dest, r.err = r.m.markup(name, r.where, &r.cleared)
	}
}

func (r *reader) drop(names ...string) {
	for _, n := range names {
		delete(r.m, n)
	}
}

// acted takes the object of an activity, which may be an activity itself.
func (r *reader) acted(a *vocab.Activity) {
	raw, ok := r.m.take("object", nil)
	if !ok || r.err != nil {
		return
	}
	where := join(r.where, "object")
	if kind(raw) == '{' {
		// Not a struct, into which "VERB" would be read too.
		var probe members
		if json.Unmarshal(raw, &probe) == nil && kind(probe["verb"]) == '"' {
			if a.Inner, r.err = decodeActivity(raw, where); r.err == nil {
				a.Object = &vocab.Object{ID: a.Inner.ID, Type: vocab.TypeActivity}
			}
			return
		}
	}
	a.Object, r.err = decodeThing(raw, where)
}

func (r *reader) object(name string, dest **vocab.Object) {
	if r.err != nil {
		return
	}
	if raw, ok := r.m.take(name, &r.cleared); ok {
		*dest, r.err = decodeThing(raw, join(r.where, name))
	}
}

// decodeThing reads an object. Some write its id in place of it.
func decodeThing(raw json.RawMessage, where string) (*vocab.Object, error) {
	if kind(raw) == '"' {
		o := new(vocab.Object)
		err := json.Unmarshal(raw, &o.ID)
		return o, err
	}
	m, err := readMembers(raw, where)
	if err != nil {
		return nil, err
	}
	return decodeMembers(m, where)
}

// addressees takes one of the four address fields.
func (r *reader) addressees(name string, dest *[]*vocab.Object) {
	raw, ok := r.m.take(name, nil)
	if !ok || r.err != nil {
		return
	}
	where := join(r.where, name)
	if kind(raw) != '[' {
		r.err = wrong(where, "must be a list of objects, each with an \"id\" and an \"objectType\"")
		return
	}
	*dest, r.err = decodeList(raw, where)
	for _, o := range *dest {
		if o.ID == "" && r.err == nil {
			r.err = wrong(where, "an addressee has no \"id\"")
		}
		switch o.ID {
		case "@public", "https://www.w3.org/ns/activitystreams#Public", "as:Public":
			o.ID, o.Type = vocab.PublicID, vocab.TypeCollection
		}
	}
}

func decodeList(raw json.RawMessage, where string) ([]*vocab.Object, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, wrong(where, "cannot be read: %v", err)
	}
	var list []*vocab.Object
	for i, item := range items {
		if kind(item) == 'n' {
			continue
		}
		o, err := decodeThing(item, where+"["+strconv.Itoa(i)+"]")
		if err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	return list, nil
}

// objects takes a list of objects; a single one stands for a list of one.
func (r *reader) objects(name string, strict bool, dest *[]*vocab.Object) {
	raw, ok := r.m.take(name, &r.cleared)
	if !ok || r.err != nil {
		return
	}
	where := join(r.where, name)
	switch kind(raw) {
	case '[':
		*dest, r.err = decodeList(raw, where)
		if len(*dest) == 0 {
			r.cleared = append(r.cleared, name)
		}
	default:
		if strict {
			r.err = wrong(where, "must be a list of objects")
			return
		}
		var o *vocab.Object
		if o, r.err = decodeThing(raw, where); r.err == nil {
			*dest = []*vocab.Object{o}
		}
	}
}

func decodeMembers(m members, where string) (*vocab.Object, error) {
	o := new(vocab.Object)
	r := reader{m: m, where: where}
	r.text("id", &o.ID)
	r.text("objectType", &o.Type)
	o.Type = vocab.ObjectType(o.Type)
	r.text("displayName", &o.DisplayName)
	r.markup("content", &o.Content)
	o.Content = withoutAppendix(o.Content)
	r.markup("summary", &o.Summary)
	r.text("url", &o.URL)
	r.text("preferredUsername", &o.PreferredUsername)
	r.instant("published", &o.Published)
	r.instant("updated", &o.Updated)
	r.instant("deleted", &o.Deleted)
	r.object("author", &o.Author)
	r.objects("inReplyTo", false, &o.InReplyTo)
	r.object("location", &o.Location)
	r.objects("attachments", true, &o.Attachments)
	r.objects("tags", false, &o.Tags)
	r.media("image", &o.Image)
	r.media("fullImage", &o.FullImage)
	r.media("stream", &o.Stream)
	r.text("fileUrl", &o.FileURL)
	r.text("mimeType", &o.MimeType)
	r.markup("embedCode", &o.EmbedCode)
	r.instant("startTime", &o.StartTime)
	r.instant("endTime", &o.EndTime)
	r.texts("objectTypes", &o.ObjectTypes)
	r.texts("upstreamDuplicates", &o.UpstreamDuplicates)
	r.texts("downstreamDuplicates", &o.DownstreamDuplicates)
	r.links("links", &o.Links)
	for _, name := range []string{"likes", "replies", "shares", "followers", "following", "favorites", "lists", "members", "documents"} {
		r.feed(name, o)
	}
	r.viewerState(o)
	o.Extra = m.rest()
	o.Cleared = r.cleared
	return o, r.err
}

func (r *reader) instant(name string, dest *time.Time) {
	if r.err == nil {
		*dest, r.err = r.m.instant(name, r.where)
	}
}

func (r *reader) texts(name string, dest *[]string) {
	if r.err == nil {
		*dest, r.err = r.m.texts(name, r.where)
	}
}

// feed takes a collection that hangs off the object: its address is kept, what
// somebody saw in it is not.
func (r *reader) feed(name string, o *vocab.Object) {
	raw, ok := r.m[name]
	if !ok || r.err != nil {
		return
	}
	var feed struct {
		URL        json.RawMessage `json:"url"`
		TotalItems json.RawMessage `json:"totalItems"`
	}
	delete(r.m, name)
	if kind(raw) != '{' || json.Unmarshal(raw, &feed) != nil || kind(feed.URL) != '"' {
		return
	}
	f := vocab.Feed{}
	if json.Unmarshal(feed.URL, &f.URL) == nil && f.URL != "" {
		_ = json.Unmarshal(feed.TotalItems, &f.TotalItems)
		if o.Feeds == nil {
			o.Feeds = map[string]vocab.Feed{}
		}
		o.Feeds[name] = f
	}
}

// viewerState drops what a server told one of its users about the object
// (liked, pump_io.shared, pump_io.proxyURL), and takes the original picture of a
// person, which pump.io keeps beside it.
func (r *reader) viewerState(o *vocab.Object) {
	delete(r.m, "liked")
	raw, ok := r.m.take("pump_io", nil)
	if !ok || r.err != nil || kind(raw) != '{' {
		return
	}
	m, err := readMembers(raw, join(r.where, "pump_io"))
	if err != nil {
		return
	}
	inner := reader{m: m, where: join(r.where, "pump_io")}
	if o.FullImage == nil {
		inner.media("fullImage", &o.FullImage)
	}
	r.err = inner.err
}

// media takes a picture or a stream: an object with an address.
func (r *reader) media(name string, dest **vocab.Media) {
	raw, ok := r.m.take(name, &r.cleared)
	if !ok || r.err != nil {
		return
	}
	where := join(r.where, name)
	v := new(vocab.Media)
	if kind(raw) == '"' {
		if err := json.Unmarshal(raw, &v.URL); err != nil {
			r.err = wrong(where, "cannot be read: %v", err)
		}
		if v.URL == "" {
			r.cleared = append(r.cleared, name)
			return
		}
		*dest = v
		return
	}
	m, err := readMembers(raw, where)
	if err != nil {
		r.err = err
		return
	}
	inner := reader{m: m, where: where}
	inner.text("url", &v.URL)
	inner.text("mediaType", &v.MediaType)
	var width, height float64
	inner.number("width", &width)
	inner.number("height", &height)
	inner.number("duration", &v.Duration)
	v.Width, v.Height = int(width), int(height)
	delete(m, "pump_io")
	v.Extra = m.rest()
	r.err = inner.err
	if v.URL != "" || len(v.Extra) > 0 {
		*dest = v
	}
}

// maxNumber bounds sizes and durations, so that they fit an integer everywhere.
const maxNumber = 1 << 31

func (r *reader) number(name string, dest *float64) {
	raw, ok := r.m.take(name, nil)
	if !ok || r.err != nil {
		return
	}
	// Some write numbers as strings.
	text := strings.Trim(string(raw), `" `)
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || math.Abs(n) > maxNumber {
		r.err = wrong(join(r.where, name), "must be a number")
		return
	}
	*dest = n
}

// links takes addresses by relation. Old servers wrote them as a list of
// objects with a member "rel".
func (r *reader) links(name string, dest *map[string]vocab.Link) {
	raw, ok := r.m.take(name, nil)
	if !ok || r.err != nil {
		return
	}
	where := join(r.where, name)
	byRel := map[string]json.RawMessage{}
	switch kind(raw) {
	case '{':
		if err := json.Unmarshal(raw, &byRel); err != nil {
			r.err = wrong(where, "cannot be read: %v", err)
			return
		}
	case '[':
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			r.err = wrong(where, "cannot be read: %v", err)
			return
		}
		for _, item := range list {
			var rel struct{ Rel string }
			if json.Unmarshal(item, &rel) == nil && rel.Rel != "" {
				byRel[rel.Rel] = item
			}
		}
	default:
		r.err = wrong(where, "must be an object with a member for each relation")
		return
	}
	for rel, item := range byRel {
		l, ok := decodeLink(item)
		if !ok {
			continue
		}
		if *dest == nil {
			*dest = map[string]vocab.Link{}
		}
		(*dest)[rel] = l
	}
}

func decodeLink(raw json.RawMessage) (vocab.Link, bool) {
	var l vocab.Link
	if kind(raw) == '"' {
		err := json.Unmarshal(raw, &l.Href)
		return l, err == nil && l.Href != ""
	}
	m, err := readMembers(raw, "")
	if err != nil {
		return l, false
	}
	inner := reader{m: m}
	inner.text("href", &l.Href)
	inner.text("type", &l.Type)
	delete(m, "rel")
	delete(m, "pump_io")
	l.Extra = m.rest()
	return l, inner.err == nil && l.Href != ""
}
