package apub

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"manifold/bridge"
	"manifold/models/vocab"
)

// Decode reads a document of this network, whatever it is. What the vocabulary
// does not name is kept, see [vocab.Object]. Errors are of type [*DocumentError].
func Decode(data []byte, o DecodeOptions) (*Document, error) {
	v, err := parse(data)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"@graph", "@included", "@reverse"} {
		if v.members[name] != nil {
			return nil, wrong(name, "is not read: write one object, compacted with the context of Activity Streams 2.0")
		}
	}
	d := &decoder{names: o.Names, definitions: readContext(v.members["@context"])}
	doc := &Document{Types: typesOf(v)}
	if doc.ID, err = d.idOf(v, ""); err != nil {
		return nil, err
	}
	return doc, d.document(doc, v)
}

// document reads what a document is.
func (d *decoder) document(doc *Document, v *value) (err error) {
	as2 := d.kindOf(v)
	switch {
	case isActor(v, as2):
		doc.Actor, err = d.actor(v, "")
	case collections[as2]:
		doc.Collection, err = d.collection(v, "")
	case v.member("publicKeyPem") != nil || as2 == "Multikey":
		var key PublicKey
		if key, err = d.publicKey(v, ""); err == nil {
			doc.Key = &key
		}
	case d.acts(v, as2):
		if doc.Activity, err = d.activity(v, ""); err != nil {
			return err
		}
		switch doc.Activity.Verb {
		case vocab.VerbUpdate:
			doc.Actor, err = d.updatedActor(v)
		case vocab.VerbPost:
			doc.Votes, err = d.moreVotes(v, doc.Activity.Object)
		}
	case as2 == "":
		return wrong("type", "is missing: it says what the document is, such as \"Note\"")
	default:
		var t *thing
		if t, err = d.thing(v, ""); err == nil {
			doc.Object = t.object
			if as2 != "Tombstone" {
				doc.Posting = posting(t)
			}
		}
	}
	return err
}

// decoder reads the values of one document.
type decoder struct {
	names *bridge.Names
	definitions
}

// typesOf are the types of an object. Some have several, one of which AS2 knows.
func typesOf(v *value) []string {
	var types []string
	for _, t := range v.member("type").items() {
		if t.kind == '"' && t.text != "" {
			types = append(types, typeName(t.text))
		}
	}
	return types
}

// kindOf is the type that counts: the first that we know, else the first.
func (d *decoder) kindOf(v *value) string {
	types := typesOf(v)
	for _, t := range types {
		if things[t] != "" || verbs[t] != "" || actors[t] != "" || collections[t] || t == "Tombstone" || t == "Link" {
			return t
		}
	}
	if len(types) > 0 {
		return types[0]
	}
	return ""
}

// acts reports whether an object is an activity. One of a type that we do not
// know is when it says who did it to what.
func (d *decoder) acts(v *value, as2 string) bool {
	return isActivity(as2) || as2 != "" && things[as2] == "" && v.member("actor") != nil && (v.member("object") != nil || v.member("target") != nil)
}

// idOf is the id of an object. Akkoma gives emoji the id null.
func (d *decoder) idOf(v *value, where string) (string, error) {
	id := v.member("id")
	if id == nil {
		return "", nil
	}
	if id.kind != '"' {
		return "", wrong(join(where, "id"), "must be a string: the address of the object")
	}
	return strings.TrimSpace(id.text), nil
}

// reader takes the members of an object one after the other and keeps the first
// error.
type reader struct {
	*decoder
	v     *value
	where string
	used  map[string]bool
	err   error
}

func (d *decoder) reader(v *value, where string) *reader {
	return &reader{decoder: d, v: v, where: where, used: map[string]bool{"@context": true, "id": true, "type": true, "signature": true, "proof": true}}
}

// take is the value of a member, nil where it is missing or null.
func (r *reader) take(name string) *value {
	r.used[name] = true
	return r.v.member(name)
}

func (r *reader) drop(names ...string) {
	for _, n := range names {
		r.used[n] = true
	}
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) id(dest *string) {
	id, err := r.idOf(r.v, r.where)
	if err != nil {
		r.fail(err)
	}
	*dest = id
}

// text takes a string. Of several the first counts.
func (r *reader) text(name string) string {
	v := r.take(name).first()
	if v == nil {
		return ""
	}
	s, ok := v.string()
	if !ok {
		r.fail(wrong(join(r.where, name), "must be a string"))
	}
	return s
}

// timeLayouts are the forms of times that servers write: RFC 3339, without
// seconds, without a zone (which is UTC then), with a blank for the T.
var timeLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05",
	"2006-01-02 15:04", "2006-01-02T15:04:05.999999999Z0700", "2006-01-02",
}

func parseTime(s string) time.Time {
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, strings.TrimSpace(s)); err == nil && t.UTC().Year() > 0 && t.UTC().Year() < 10000 {
			return t.UTC()
		}
	}
	return time.Time{}
}

// instant takes a time. What is not one is dropped, as pump.io does.
func (r *reader) instant(name string) time.Time {
	s, _ := r.take(name).first().string()
	return parseTime(s)
}

// maxNumber bounds sizes and durations, so that they fit an integer everywhere.
const maxNumber = 1 << 31

// number is a number or a string with one (Pixelfed writes sizes so); what is
// none is 0.
func number(v *value) float64 {
	if v = v.first(); v == nil || v.kind != 0 && v.kind != '"' {
		return 0
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(v.text), 64)
	if err != nil || math.IsNaN(n) || math.Abs(n) > maxNumber {
		return 0
	}
	return n
}

// truth takes a boolean.
func (r *reader) truth(name string) bool { v := r.take(name); return v != nil && v.kind == 't' }

// address takes the address of something that is found there: a string, a Link,
// or an object, whose id it is.
func (r *reader) address(name string) string { return addressOf(r.take(name)) }

func addressOf(v *value) string {
	if v = v.first(); v == nil {
		return ""
	}
	if v.kind == '{' {
		for _, name := range []string{"href", "id", "url"} {
			if m := v.member(name); m != nil {
				return addressOf(m)
			}
		}
		return ""
	}
	s, _ := v.string()
	return strings.TrimSpace(s)
}

// reference takes one thing that stands in a member: whole, or by its id.
func (r *reader) reference(name string) *vocab.Object {
	v := r.take(name).first()
	if v == nil || r.err != nil {
		return nil
	}
	o, err := r.object(v, join(r.where, name))
	if err != nil {
		r.fail(err)
		return nil
	}
	return o
}

// references takes several things.
func (r *reader) references(name string) []*vocab.Object {
	var list []*vocab.Object
	for i, v := range r.take(name).items() {
		o, err := r.object(v, join(r.where, name)+"["+strconv.Itoa(i)+"]")
		if err != nil {
			r.fail(err)
			return nil
		}
		list = append(list, o)
	}
	return list
}

// object reads a thing of which nothing but itself matters.
func (d *decoder) object(v *value, where string) (*vocab.Object, error) {
	t, err := d.thing(v, where)
	if err != nil {
		return nil, err
	}
	return t.object, nil
}

// ownWords are the members that fields of the vocabulary or parts of the pump.io
// API are written as. Under their names nothing else is kept: it would stand
// beside them when the thing is shown there.
var ownWords = func() map[string]bool {
	m := map[string]bool{}
	for _, name := range strings.Fields(`id objectType displayName content summary url preferredUsername published updated deleted author inReplyTo
		location attachments tags image fullImage stream fileUrl mimeType embedCode startTime endTime objectTypes upstreamDuplicates downstreamDuplicates
		links likes replies shares followers following favorites lists members documents liked pump_io verb actor object target result context source
		generator provider to cc bto bcc title width height duration mediaType`) {
		m[vocab.NSAS1+name] = true
	}
	return m
}()

// rest adds what nothing has taken to extra, under full names. Where two members
// have the same full name, that of the plainer name counts.
func (r *reader) rest(extra map[string]json.RawMessage) map[string]json.RawMessage {
	for _, name := range sortedKeys(r.v.members) {
		v := r.v.members[name]
		if r.used[name] || v.kind == 'n' {
			continue
		}
		iri := r.fullName(name)
		bare, isAS1 := strings.CutPrefix(iri, vocab.NSAS1)
		if isAS1 && (ownWords[iri] || bare == "" || strings.HasPrefix(bare, "_") || strings.Contains(bare, ":")) {
			continue
		}
		if _, ok := extra[iri]; !ok {
			extra = keep(extra, iri, v.compact())
		}
	}
	return extra
}

func keep(extra map[string]json.RawMessage, iri string, raw json.RawMessage) map[string]json.RawMessage {
	if extra == nil {
		extra = map[string]json.RawMessage{}
	}
	extra[iri] = raw
	return extra
}

// jsonString is a string as JSON, in which <, > and & stand for themselves.
func jsonString(s string) json.RawMessage {
	raw, err := marshal(s)
	if err != nil {
		return json.RawMessage(`""`) // never: every string can be written
	}
	return raw
}
