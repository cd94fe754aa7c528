package vocab

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// An Object is a thing: what was posted, who posted it, where, in reply to
// what. Its zero value is an object of which nothing is known.
//
// DisplayName is plain text, Content and Summary are HTML. Times are UTC; the
// zero time means unknown. An Object that says no more than which thing it is, is
// a reference: see [Object.IsReference].
type Object struct {
	ID   string `json:"id,omitempty"`
	Type string `json:"type,omitempty"`

	DisplayName       string `json:"displayName,omitempty"`
	Content           string `json:"content,omitempty"`
	Summary           string `json:"summary,omitempty"`
	URL               string `json:"url,omitempty"`
	PreferredUsername string `json:"preferredUsername,omitempty"`

	Published time.Time `json:"published,omitzero"`
	Updated   time.Time `json:"updated,omitzero"`
	// Deleted is when the thing ceased to be; what is left is a tombstone.
	Deleted time.Time `json:"deleted,omitzero"`

	Author *Object `json:"author,omitempty"`
	// InReplyTo is the parent; some networks allow several, the first counts.
	InReplyTo   []*Object `json:"inReplyTo,omitempty"`
	Location    *Object   `json:"location,omitempty"`
	Attachments []*Object `json:"attachments,omitempty"`
	Tags        []*Object `json:"tags,omitempty"`

	// Image is the small picture that is shown, FullImage the original.
	Image     *Media `json:"image,omitempty"`
	FullImage *Media `json:"fullImage,omitempty"`
	Stream    *Media `json:"stream,omitempty"`
	FileURL   string `json:"fileUrl,omitempty"`
	MimeType  string `json:"mimeType,omitempty"`
	EmbedCode string `json:"embedCode,omitempty"`

	StartTime time.Time `json:"startTime,omitzero"`
	EndTime   time.Time `json:"endTime,omitzero"`

	// ObjectTypes are the types of the members of a collection.
	ObjectTypes []string `json:"objectTypes,omitempty"`

	// UpstreamDuplicates and DownstreamDuplicates are other ids of this thing.
	UpstreamDuplicates   []string `json:"upstreamDuplicates,omitempty"`
	DownstreamDuplicates []string `json:"downstreamDuplicates,omitempty"`

	// Links are addresses by relation ("self", "activity-inbox").
	Links map[string]Link `json:"links,omitempty"`
	// Feeds are collections that hang off the thing by member name ("likes",
	// "replies", "followers"). Only those of remote things are kept; those of
	// our own are made when they are served.
	Feeds map[string]Feed `json:"feeds,omitempty"`

	// Extra holds every other member under its full IRI, as raw JSON.
	Extra map[string]json.RawMessage `json:"extra,omitempty"`

	// Cleared names the fields (by their JSON name here) that a document gave as
	// empty or null. It matters while an update is merged and is never stored.
	Cleared []string `json:"-"`
}

// Media is one rendition of a picture, sound or film. Width and Height are
// pixels, Duration is seconds; zero means unknown.
type Media struct {
	URL       string                     `json:"url,omitempty"`
	MediaType string                     `json:"mediaType,omitempty"`
	Width     int                        `json:"width,omitempty"`
	Height    int                        `json:"height,omitempty"`
	Duration  float64                    `json:"duration,omitempty"`
	Extra     map[string]json.RawMessage `json:"extra,omitempty"`
}

// Link is an address with what is known about it.
type Link struct {
	Href  string                     `json:"href"`
	Type  string                     `json:"type,omitempty"`
	Extra map[string]json.RawMessage `json:"extra,omitempty"`
}

// Feed is a collection known by its address.
type Feed struct {
	URL        string `json:"url"`
	TotalItems int    `json:"totalItems,omitempty"`
}

// Ref returns a reference to o: its id and type, nothing else.
func (o *Object) Ref() *Object {
	if o == nil {
		return nil
	}
	return &Object{ID: o.ID, Type: o.Type}
}

// IsReference reports whether o says nothing beyond which thing it is and where
// it is found.
func (o *Object) IsReference() bool {
	if o == nil {
		return true
	}
	return o.DisplayName == "" && o.Content == "" && o.Summary == "" && o.URL == "" &&
		o.PreferredUsername == "" && o.Published.IsZero() && o.Updated.IsZero() && o.Deleted.IsZero() &&
		o.Author == nil && len(o.InReplyTo) == 0 && o.Location == nil && len(o.Attachments) == 0 &&
		len(o.Tags) == 0 && o.Image == nil && o.FullImage == nil && o.Stream == nil && o.FileURL == "" &&
		o.MimeType == "" && o.EmbedCode == "" && o.StartTime.IsZero() && o.EndTime.IsZero() &&
		len(o.ObjectTypes) == 0 && len(o.Extra) == 0
}

// Parent returns the first thing that o replies to, or nil.
func (o *Object) Parent() *Object {
	if o == nil || len(o.InReplyTo) == 0 {
		return nil
	}
	return o.InReplyTo[0]
}

// Clone returns a copy of o whose maps and slices are its own. The objects
// that hang off it are shared.
func (o *Object) Clone() *Object {
	if o == nil {
		return nil
	}
	c := *o
	c.InReplyTo = slices.Clone(o.InReplyTo)
	c.Attachments = slices.Clone(o.Attachments)
	c.Tags = slices.Clone(o.Tags)
	c.ObjectTypes = slices.Clone(o.ObjectTypes)
	c.UpstreamDuplicates = slices.Clone(o.UpstreamDuplicates)
	c.DownstreamDuplicates = slices.Clone(o.DownstreamDuplicates)
	c.Cleared = slices.Clone(o.Cleared)
	c.Links = maps.Clone(o.Links)
	c.Feeds = maps.Clone(o.Feeds)
	c.Extra = maps.Clone(o.Extra)
	return &c
}

// Tombstone returns what stays of o after its deletion: which thing it was,
// whose, in reply to what, and when it began and ended.
func (o *Object) Tombstone(at time.Time) *Object {
	return &Object{
		ID: o.ID, Type: o.Type, Author: o.Author.Ref(), InReplyTo: refs(o.InReplyTo),
		Published: o.Published, Updated: at, Deleted: at,
	}
}

func refs(list []*Object) []*Object {
	if len(list) == 0 {
		return nil
	}
	r := make([]*Object, len(list))
	for i, o := range list {
		r[i] = o.Ref()
	}
	return r
}
