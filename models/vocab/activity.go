package vocab

import (
	"encoding/json"
	"time"
)

// An Activity is something that an actor did. Verb and Actor are always set in
// a stored one; everything else may be missing.
type Activity struct {
	ID   string `json:"id,omitempty"`
	Verb string `json:"verb,omitempty"`

	Actor  *Object `json:"actor,omitempty"`
	Object *Object `json:"object,omitempty"`
	// Inner is the object where that is an activity itself: a share of a share,
	// the undoing of a like. Object is then a reference to it.
	Inner *Activity `json:"inner,omitempty"`
	// Undoes is the id of the activity that this one takes back, where it is known:
	// the end of an old follow must not end a newer one.
	Undoes   string  `json:"undoes,omitempty"`
	Target   *Object `json:"target,omitempty"`
	Result   *Object `json:"result,omitempty"`
	Location *Object `json:"location,omitempty"`
	Context  *Object `json:"context,omitempty"`
	Source   *Object `json:"source,omitempty"`

	// Generator is the program that made it, Provider the site it came through.
	Generator *Object `json:"generator,omitempty"`
	Provider  *Object `json:"provider,omitempty"`

	To  []*Object `json:"to,omitempty"`
	CC  []*Object `json:"cc,omitempty"`
	BTo []*Object `json:"bto,omitempty"`
	BCC []*Object `json:"bcc,omitempty"`

	// Content is one sentence of HTML that tells the activity.
	Content string `json:"content,omitempty"`
	Title   string `json:"title,omitempty"`
	URL     string `json:"url,omitempty"`

	Published time.Time `json:"published,omitzero"`
	Updated   time.Time `json:"updated,omitzero"`
	Deleted   time.Time `json:"deleted,omitzero"`

	Links map[string]Link            `json:"links,omitempty"`
	Extra map[string]json.RawMessage `json:"extra,omitempty"`
}

// Addressees returns everything that the activity is addressed to, in the order
// to, cc, bto, bcc.
func (a *Activity) Addressees() []*Object {
	all := make([]*Object, 0, len(a.To)+len(a.CC)+len(a.BTo)+len(a.BCC))
	all = append(all, a.To...)
	all = append(all, a.CC...)
	all = append(all, a.BTo...)
	return append(all, a.BCC...)
}

// Addressed reports whether any of the four address fields names somebody.
func (a *Activity) Addressed() bool {
	return len(a.To) > 0 || len(a.CC) > 0 || len(a.BTo) > 0 || len(a.BCC) > 0
}

// Tombstone returns what stays of a after its deletion.
func (a *Activity) Tombstone(at time.Time) *Activity {
	return &Activity{
		ID: a.ID, Actor: a.Actor.Ref(), Object: a.Object.Ref(),
		Published: a.Published, Updated: at, Deleted: at,
	}
}
