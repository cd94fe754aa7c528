package apub

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	propertyactor "github.com/go-fed/activity/streams/impl/activitystreams/property_actor"
	propertyattributedto "github.com/go-fed/activity/streams/impl/activitystreams/property_attributedto"
	propertycc "github.com/go-fed/activity/streams/impl/activitystreams/property_cc"
	propertycontent "github.com/go-fed/activity/streams/impl/activitystreams/property_content"
	propertyendtime "github.com/go-fed/activity/streams/impl/activitystreams/property_endtime"
	propertyfirst "github.com/go-fed/activity/streams/impl/activitystreams/property_first"
	propertyfollowers "github.com/go-fed/activity/streams/impl/activitystreams/property_followers"
	propertyfollowing "github.com/go-fed/activity/streams/impl/activitystreams/property_following"
	propertyinbox "github.com/go-fed/activity/streams/impl/activitystreams/property_inbox"
	propertyinreplyto "github.com/go-fed/activity/streams/impl/activitystreams/property_inreplyto"
	propertylast "github.com/go-fed/activity/streams/impl/activitystreams/property_last"
	propertyliked "github.com/go-fed/activity/streams/impl/activitystreams/property_liked"
	propertymediatype "github.com/go-fed/activity/streams/impl/activitystreams/property_mediatype"
	propertyname "github.com/go-fed/activity/streams/impl/activitystreams/property_name"
	propertynext "github.com/go-fed/activity/streams/impl/activitystreams/property_next"
	propertyobject "github.com/go-fed/activity/streams/impl/activitystreams/property_object"
	propertyoutbox "github.com/go-fed/activity/streams/impl/activitystreams/property_outbox"
	propertypartof "github.com/go-fed/activity/streams/impl/activitystreams/property_partof"
	propertypreferredusername "github.com/go-fed/activity/streams/impl/activitystreams/property_preferredusername"
	propertyprev "github.com/go-fed/activity/streams/impl/activitystreams/property_prev"
	propertypublished "github.com/go-fed/activity/streams/impl/activitystreams/property_published"
	propertyreplies "github.com/go-fed/activity/streams/impl/activitystreams/property_replies"
	propertyresult "github.com/go-fed/activity/streams/impl/activitystreams/property_result"
	propertystarttime "github.com/go-fed/activity/streams/impl/activitystreams/property_starttime"
	propertysummary "github.com/go-fed/activity/streams/impl/activitystreams/property_summary"
	propertytarget "github.com/go-fed/activity/streams/impl/activitystreams/property_target"
	propertyto "github.com/go-fed/activity/streams/impl/activitystreams/property_to"
	propertytotalitems "github.com/go-fed/activity/streams/impl/activitystreams/property_totalitems"
	propertyupdated "github.com/go-fed/activity/streams/impl/activitystreams/property_updated"
	propertyurl "github.com/go-fed/activity/streams/impl/activitystreams/property_url"
	typeactivity "github.com/go-fed/activity/streams/impl/activitystreams/type_activity"
	typecollection "github.com/go-fed/activity/streams/impl/activitystreams/type_collection"
	typecollectionpage "github.com/go-fed/activity/streams/impl/activitystreams/type_collectionpage"
	typeintransitiveactivity "github.com/go-fed/activity/streams/impl/activitystreams/type_intransitiveactivity"
	typeobject "github.com/go-fed/activity/streams/impl/activitystreams/type_object"
	typeorderedcollection "github.com/go-fed/activity/streams/impl/activitystreams/type_orderedcollection"
	typeorderedcollectionpage "github.com/go-fed/activity/streams/impl/activitystreams/type_orderedcollectionpage"
	typeperson "github.com/go-fed/activity/streams/impl/activitystreams/type_person"
	typequestion "github.com/go-fed/activity/streams/impl/activitystreams/type_question"
	propertyid "github.com/go-fed/activity/streams/impl/jsonld/property_id"
	propertytype "github.com/go-fed/activity/streams/impl/jsonld/property_type"
	as "github.com/go-fed/activity/streams/vocab"
)

// This file is the only one that knows github.com/go-fed/activity. What AS2 itself
// defines is built with its types, which let nothing be said of a type that AS2
// does not say of it. Not left to them are, because they lose or refuse it:
//
//   - @context, which they rewrite to one that no JSON-LD processor can load;
//   - lists, which become a single value when they have one (Mastodon reads some
//     members only as lists), and whose items may be documents that we have written;
//   - contentMap beside content, of which they drop one;
//   - fractions of a second in durations, widths and heights of films;
//   - everything that is no part of AS2.
//
// Those are put beside afterwards, see draft.
//
// One type of each form is imported, by itself: package streams, which has functions
// that make them, brings what reads all types of all vocabularies into the program,
// 15 MB; a type for each name of AS2 brings 4.

// node is an object of a document that is being written.
type node map[string]any

// vocabThing is what all types of AS2 have but links.
type vocabThing interface {
	as.Type
	SetActivityStreamsAttributedTo(as.ActivityStreamsAttributedToProperty)
	SetActivityStreamsTo(as.ActivityStreamsToProperty)
	SetActivityStreamsCc(as.ActivityStreamsCcProperty)
	SetActivityStreamsName(as.ActivityStreamsNameProperty)
	SetActivityStreamsSummary(as.ActivityStreamsSummaryProperty)
	SetActivityStreamsContent(as.ActivityStreamsContentProperty)
	SetActivityStreamsPublished(as.ActivityStreamsPublishedProperty)
	SetActivityStreamsUpdated(as.ActivityStreamsUpdatedProperty)
	SetActivityStreamsStartTime(as.ActivityStreamsStartTimeProperty)
	SetActivityStreamsEndTime(as.ActivityStreamsEndTimeProperty)
	SetActivityStreamsUrl(as.ActivityStreamsUrlProperty)
	SetActivityStreamsInReplyTo(as.ActivityStreamsInReplyToProperty)
	SetActivityStreamsReplies(as.ActivityStreamsRepliesProperty)
	SetActivityStreamsMediaType(as.ActivityStreamsMediaTypeProperty)
}

type vocabActivity interface {
	vocabThing
	SetActivityStreamsActor(as.ActivityStreamsActorProperty)
	SetActivityStreamsTarget(as.ActivityStreamsTargetProperty)
	SetActivityStreamsResult(as.ActivityStreamsResultProperty)
}

type vocabTransitive interface {
	vocabActivity
	SetActivityStreamsObject(as.ActivityStreamsObjectProperty)
}

type vocabActor interface {
	vocabThing
	SetActivityStreamsInbox(as.ActivityStreamsInboxProperty)
	SetActivityStreamsOutbox(as.ActivityStreamsOutboxProperty)
	SetActivityStreamsFollowers(as.ActivityStreamsFollowersProperty)
	SetActivityStreamsFollowing(as.ActivityStreamsFollowingProperty)
	SetActivityStreamsLiked(as.ActivityStreamsLikedProperty)
	SetActivityStreamsPreferredUsername(as.ActivityStreamsPreferredUsernameProperty)
}

type vocabCollection interface {
	vocabThing
	SetActivityStreamsFirst(as.ActivityStreamsFirstProperty)
	SetActivityStreamsLast(as.ActivityStreamsLastProperty)
	SetActivityStreamsTotalItems(as.ActivityStreamsTotalItemsProperty)
}

type vocabPage interface {
	vocabCollection
	SetActivityStreamsPartOf(as.ActivityStreamsPartOfProperty)
	SetActivityStreamsNext(as.ActivityStreamsNextProperty)
	SetActivityStreamsPrev(as.ActivityStreamsPrevProperty)
}

// makers make an empty thing of each form that AS2 has. What AS2 calls a type mostly
// says what something means: a Create says nothing in another way than a Follow, and
// both have the members of an Activity.
var makers = map[string]func() vocabThing{
	"Object": func() vocabThing { return typeobject.NewActivityStreamsObject() }, "Question": func() vocabThing { return typequestion.NewActivityStreamsQuestion() },
	"Person": func() vocabThing { return typeperson.NewActivityStreamsPerson() }, "Activity": func() vocabThing { return typeactivity.NewActivityStreamsActivity() },
	"IntransitiveActivity": func() vocabThing { return typeintransitiveactivity.NewActivityStreamsIntransitiveActivity() },
	"Collection":           func() vocabThing { return typecollection.NewActivityStreamsCollection() }, "OrderedCollection": func() vocabThing { return typeorderedcollection.NewActivityStreamsOrderedCollection() },
	"CollectionPage": func() vocabThing { return typecollectionpage.NewActivityStreamsCollectionPage() }, "OrderedCollectionPage": func() vocabThing { return typeorderedcollectionpage.NewActivityStreamsOrderedCollectionPage() },
}

// formOf is the type that a type has the form of.
func formOf(typ string) string {
	switch {
	case makers[typ] != nil:
		return typ
	case typ == "Arrive" || typ == "Travel":
		return "IntransitiveActivity"
	case actors[typ] != "":
		return "Person"
	case isActivity(typ):
		return "Activity"
	}
	return "Object"
}

// Each form has to be told how its member "type" is made, which package streams
// does where it is linked in: in the tests, so that only the whole program shows
// when one is missing.
func init() {
	typeProperty := func() as.JSONLDTypeProperty { return propertytype.NewJSONLDTypeProperty() }
	for _, set := range []func(func() as.JSONLDTypeProperty){
		typeactivity.SetTypePropertyConstructor, typecollection.SetTypePropertyConstructor, typecollectionpage.SetTypePropertyConstructor,
		typeintransitiveactivity.SetTypePropertyConstructor, typeobject.SetTypePropertyConstructor, typeorderedcollection.SetTypePropertyConstructor,
		typeorderedcollectionpage.SetTypePropertyConstructor, typeperson.SetTypePropertyConstructor, typequestion.SetTypePropertyConstructor,
	} {
		set(typeProperty)
	}
}

// draft is an object that is being built.
type draft struct {
	typ   string
	built vocabThing
	// beside is what go-fed does not write.
	beside node
}

// newDraft begins an object. It is built as the form that its type has, and renamed
// where that has another name: so are types that go-fed does not have (QuoteRequest,
// EmojiReact, which have the form of an Offer and a Like).
func newDraft(typ string) *draft {
	form := formOf(typ)
	d := &draft{typ: typ, built: makers[form](), beside: node{}}
	if form != typ {
		d.beside["type"] = typ
	}
	return d
}

// iri is an address as go-fed wants it, which writes it again to the byte: a
// parsed one would come out with other escapes, and be the id of something else.
func iri(s string) *url.URL {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || rest == "" {
		return &url.URL{Path: s}
	}
	return &url.URL{Scheme: scheme, Opaque: rest}
}

func (d *draft) id(id string) {
	if id == "" {
		return
	}
	p := propertyid.NewJSONLDIdProperty()
	p.SetIRI(iri(id))
	d.built.SetJSONLDId(p)
}

// appender is any property that may have several values.
type appender interface{ AppendIRI(*url.URL) }

func appendAll[P appender](set func(P), p P, iris []string) {
	n := 0
	for _, s := range iris {
		if s != "" {
			p.AppendIRI(iri(s))
			n++
		}
	}
	if n > 0 {
		set(p)
	}
}

// setter is any property with one value.
type setter interface{ SetIRI(*url.URL) }

func setOne[P setter](set func(P), p P, s string) {
	if s != "" {
		p.SetIRI(iri(s))
		set(p)
	}
}

func (d *draft) attributedTo(iris ...string) {
	appendAll(d.built.SetActivityStreamsAttributedTo, as.ActivityStreamsAttributedToProperty(propertyattributedto.NewActivityStreamsAttributedToProperty()), iris)
}

func (d *draft) to(iris []string) {
	appendAll(d.built.SetActivityStreamsTo, as.ActivityStreamsToProperty(propertyto.NewActivityStreamsToProperty()), iris)
}

func (d *draft) cc(iris []string) {
	appendAll(d.built.SetActivityStreamsCc, as.ActivityStreamsCcProperty(propertycc.NewActivityStreamsCcProperty()), iris)
}

func (d *draft) inReplyTo(iris []string) {
	appendAll(d.built.SetActivityStreamsInReplyTo, as.ActivityStreamsInReplyToProperty(propertyinreplyto.NewActivityStreamsInReplyToProperty()), iris)
}

func (d *draft) url(s string) {
	appendAll(d.built.SetActivityStreamsUrl, as.ActivityStreamsUrlProperty(propertyurl.NewActivityStreamsUrlProperty()), []string{s})
}

func (d *draft) replies(s string) {
	setOne(d.built.SetActivityStreamsReplies, as.ActivityStreamsRepliesProperty(propertyreplies.NewActivityStreamsRepliesProperty()), s)
}

func (d *draft) name(s string) {
	if s != "" {
		p := propertyname.NewActivityStreamsNameProperty()
		p.AppendXMLSchemaString(s)
		d.built.SetActivityStreamsName(p)
	}
}

func (d *draft) summary(s string) {
	if s != "" {
		p := propertysummary.NewActivityStreamsSummaryProperty()
		p.AppendXMLSchemaString(s)
		d.built.SetActivityStreamsSummary(p)
	}
}

func (d *draft) content(s string) {
	if s != "" {
		p := propertycontent.NewActivityStreamsContentProperty()
		p.AppendXMLSchemaString(s)
		d.built.SetActivityStreamsContent(p)
	}
}

func (d *draft) mediaType(s string) {
	if s != "" {
		p := propertymediatype.NewActivityStreamsMediaTypeProperty()
		p.Set(s)
		d.built.SetActivityStreamsMediaType(p)
	}
}

func (d *draft) published(t time.Time) {
	if !t.IsZero() {
		p := propertypublished.NewActivityStreamsPublishedProperty()
		p.Set(t.UTC())
		d.built.SetActivityStreamsPublished(p)
	}
}

func (d *draft) updated(t time.Time) {
	if !t.IsZero() {
		p := propertyupdated.NewActivityStreamsUpdatedProperty()
		p.Set(t.UTC())
		d.built.SetActivityStreamsUpdated(p)
	}
}

func (d *draft) times(start, end time.Time) {
	if !start.IsZero() {
		p := propertystarttime.NewActivityStreamsStartTimeProperty()
		p.Set(start.UTC())
		d.built.SetActivityStreamsStartTime(p)
	}
	if !end.IsZero() {
		p := propertyendtime.NewActivityStreamsEndTimeProperty()
		p.Set(end.UTC())
		d.built.SetActivityStreamsEndTime(p)
	}
}

// done sets who did it, to what, and where to; the last two only as far as they
// are ids.
func (d *draft) done(actor, object, target, result string) {
	a, ok := d.built.(vocabActivity)
	if !ok {
		return
	}
	appendAll(a.SetActivityStreamsActor, as.ActivityStreamsActorProperty(propertyactor.NewActivityStreamsActorProperty()), []string{actor})
	appendAll(a.SetActivityStreamsTarget, as.ActivityStreamsTargetProperty(propertytarget.NewActivityStreamsTargetProperty()), []string{target})
	appendAll(a.SetActivityStreamsResult, as.ActivityStreamsResultProperty(propertyresult.NewActivityStreamsResultProperty()), []string{result})
	if t, ok := d.built.(vocabTransitive); ok {
		appendAll(t.SetActivityStreamsObject, as.ActivityStreamsObjectProperty(propertyobject.NewActivityStreamsObjectProperty()), []string{object})
	}
}

func (d *draft) boxes(a Addresses) {
	t, ok := d.built.(vocabActor)
	if !ok {
		return
	}
	setOne(t.SetActivityStreamsInbox, as.ActivityStreamsInboxProperty(propertyinbox.NewActivityStreamsInboxProperty()), a.Inbox)
	setOne(t.SetActivityStreamsOutbox, as.ActivityStreamsOutboxProperty(propertyoutbox.NewActivityStreamsOutboxProperty()), a.Outbox)
	setOne(t.SetActivityStreamsFollowers, as.ActivityStreamsFollowersProperty(propertyfollowers.NewActivityStreamsFollowersProperty()), a.Followers)
	setOne(t.SetActivityStreamsFollowing, as.ActivityStreamsFollowingProperty(propertyfollowing.NewActivityStreamsFollowingProperty()), a.Following)
	setOne(t.SetActivityStreamsLiked, as.ActivityStreamsLikedProperty(propertyliked.NewActivityStreamsLikedProperty()), a.Liked)
}

func (d *draft) preferredUsername(nick string) {
	if t, ok := d.built.(vocabActor); ok && nick != "" {
		p := propertypreferredusername.NewActivityStreamsPreferredUsernameProperty()
		p.SetXMLSchemaString(nick)
		t.SetActivityStreamsPreferredUsername(p)
	}
}

func (d *draft) paging(l Listing) {
	if c, ok := d.built.(vocabCollection); ok {
		setOne(c.SetActivityStreamsFirst, as.ActivityStreamsFirstProperty(propertyfirst.NewActivityStreamsFirstProperty()), l.First)
		setOne(c.SetActivityStreamsLast, as.ActivityStreamsLastProperty(propertylast.NewActivityStreamsLastProperty()), l.Last)
		if l.TotalItems >= 0 {
			p := propertytotalitems.NewActivityStreamsTotalItemsProperty()
			p.Set(int(l.TotalItems))
			c.SetActivityStreamsTotalItems(p)
		}
	}
	if c, ok := d.built.(vocabPage); ok {
		setOne(c.SetActivityStreamsPartOf, as.ActivityStreamsPartOfProperty(propertypartof.NewActivityStreamsPartOfProperty()), l.PartOf)
		setOne(c.SetActivityStreamsNext, as.ActivityStreamsNextProperty(propertynext.NewActivityStreamsNextProperty()), l.Next)
		setOne(c.SetActivityStreamsPrev, as.ActivityStreamsPrevProperty(propertyprev.NewActivityStreamsPrevProperty()), l.Prev)
	}
}

// put sets a member that go-fed does not write. Empty values are left out.
func (d *draft) put(name string, v any) {
	switch v := v.(type) {
	case nil:
		return
	case string:
		if v == "" {
			return
		}
	case []any:
		if len(v) == 0 {
			return
		}
	case node:
		if v == nil {
			return
		}
	}
	d.beside[name] = v
}

// lists are the members that are lists, however few they have.
var lists = [...]string{"to", "cc", "audience", "tag", "attachment", "oneOf", "anyOf", "items", "orderedItems", "alsoKnownAs"}

// node is what was built.
func (d *draft) node() (node, error) {
	m, err := d.built.Serialize()
	if err != nil {
		return nil, fmt.Errorf("writing a %s: %w", d.typ, err)
	}
	for name, v := range d.beside {
		m[name] = v
	}
	for _, name := range lists {
		if v, ok := m[name]; ok && !isList(v) {
			m[name] = []any{v}
		}
	}
	// Where one of them stands GNU social 2 wants both: it refuses a post without cc.
	// Mastodon, too, always writes the two.
	for name, other := range map[string]string{"to": "cc", "cc": "to"} {
		if m[name] != nil && m[other] == nil {
			m[other] = []any{}
		}
	}
	return m, nil
}

func isList(v any) bool {
	switch v := v.(type) {
	case []any:
		return true
	case json.RawMessage:
		return len(v) > 0 && v[0] == '['
	}
	return false
}
