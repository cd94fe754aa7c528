package vocab_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"manifold/models/vocab"
)

// How an update treats each field: whether it replaces it, and whether it clears
// it when it gives the field as empty.
var merging = []struct {
	field             string
	name              string // as a document that clears it has it
	replaced, cleared bool
}{
	{"ID", "id", false, false},
	{"Type", "objectType", false, false},
	{"DisplayName", "displayName", true, true},
	{"Content", "content", true, true},
	{"Summary", "summary", true, true},
	{"URL", "url", true, true},
	{"PreferredUsername", "preferredUsername", true, false},
	{"Published", "published", false, false},
	{"Updated", "updated", false, false},
	{"Deleted", "deleted", false, false},
	{"Author", "author", false, false},
	{"InReplyTo", "inReplyTo", false, false},
	{"Location", "location", true, true},
	{"Attachments", "attachments", true, true},
	{"Tags", "tags", true, true},
	{"Image", "image", true, true},
	{"FullImage", "fullImage", true, true},
	{"Stream", "stream", true, true},
	{"FileURL", "fileUrl", true, true},
	{"MimeType", "mimeType", true, true},
	{"EmbedCode", "embedCode", true, true},
	{"StartTime", "startTime", true, true},
	{"EndTime", "endTime", true, true},
	{"ObjectTypes", "objectTypes", true, false},
	{"UpstreamDuplicates", "upstreamDuplicates", true, false},
	{"DownstreamDuplicates", "downstreamDuplicates", true, false},
	{"Links", "links", true, false},
	{"Feeds", "feeds", false, false},
	{"Extra", "extra", true, false},
	{"Cleared", "cleared", false, false},
}

func TestMergeField(t *testing.T) {
	typ := reflect.TypeFor[vocab.Object]()
	if len(merging) != typ.NumField() {
		t.Fatalf("the table has %d fields, an object %d", len(merging), typ.NumField())
	}
	field := func(o *vocab.Object, name string) any { return reflect.ValueOf(o).Elem().FieldByName(name).Interface() }
	for _, tt := range merging {
		old := filledObject()
		before := filledObject()
		patch := &vocab.Object{}
		other(reflect.ValueOf(patch).Elem().FieldByName(tt.field))
		m := old.Merge(patch)
		want := field(old, tt.field)
		if tt.replaced {
			want = field(patch, tt.field)
		}
		if got := field(m, tt.field); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: merged to %v, want %v", tt.field, got, want)
		}
		cleared := old.Merge(&vocab.Object{Cleared: []string{tt.name}})
		if got := reflect.ValueOf(cleared).Elem().FieldByName(tt.field); tt.cleared != got.IsZero() && tt.field != "Cleared" {
			t.Errorf("%s: cleared to %v", tt.field, got)
		}
		// All other fields stay, and so does the object that was merged into.
		for _, rest := range merging {
			if rest.field == tt.field {
				continue
			}
			for _, m := range []*vocab.Object{m, cleared} {
				if got, want := field(m, rest.field), field(old, rest.field); !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %s has changed to %v, from %v", tt.field, rest.field, got, want)
				}
			}
		}
		if !reflect.DeepEqual(old, before) {
			t.Errorf("%s: the object that was merged into has changed", tt.field)
		}
	}
}

// other sets a field to something that filled does not set it to.
func other(v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(at.Add(time.Hour)))
	case *vocab.Object:
		v.Set(reflect.ValueOf(&vocab.Object{ID: "other"}))
	case []*vocab.Object:
		v.Set(reflect.ValueOf([]*vocab.Object{{ID: "other"}}))
	case *vocab.Media:
		v.Set(reflect.ValueOf(&vocab.Media{URL: "other"}))
	case []string:
		v.Set(reflect.ValueOf([]string{"other"}))
	case map[string]vocab.Link:
		v.Set(reflect.ValueOf(map[string]vocab.Link{"http://them/#x": {Href: "other"}}))
	case map[string]vocab.Feed:
		v.Set(reflect.ValueOf(map[string]vocab.Feed{"http://them/#x": {URL: "other"}}))
	case map[string]json.RawMessage:
		v.Set(reflect.ValueOf(map[string]json.RawMessage{"http://them/#x": json.RawMessage(`"other"`)}))
	default:
		v.SetString("other")
	}
}

// Maps are merged member by member.
func TestMergeMembers(t *testing.T) {
	old := &vocab.Object{
		Links: map[string]vocab.Link{"a": {Href: "old"}, "b": {Href: "old"}},
		Extra: map[string]json.RawMessage{"a": json.RawMessage("1"), "b": json.RawMessage("1"), "c": json.RawMessage("1")},
	}
	m := old.Merge(&vocab.Object{
		Links:   map[string]vocab.Link{"b": {Href: "new"}, "d": {Href: "new"}},
		Extra:   map[string]json.RawMessage{"b": json.RawMessage("2"), "d": json.RawMessage("2")},
		Cleared: []string{"c", "unknown"},
	})
	if want := map[string]vocab.Link{"a": {Href: "old"}, "b": {Href: "new"}, "d": {Href: "new"}}; !reflect.DeepEqual(m.Links, want) {
		t.Errorf("links %v, want %v", m.Links, want)
	}
	if want := map[string]json.RawMessage{"a": json.RawMessage("1"), "b": json.RawMessage("2"), "d": json.RawMessage("2")}; !reflect.DeepEqual(m.Extra, want) {
		t.Errorf("other members %s, want %s", m.Extra, want)
	}
	if len(old.Extra) != 3 || len(old.Links) != 2 || old.Links["b"].Href != "old" {
		t.Errorf("the object that was merged into has changed: %+v", old)
	}
	fromNothing := (&vocab.Object{}).Merge(old)
	if !reflect.DeepEqual(fromNothing.Links, old.Links) || !reflect.DeepEqual(fromNothing.Extra, old.Extra) {
		t.Errorf("merged into nothing: %+v", fromNothing)
	}
}

// An update that gives nothing changes nothing.
func TestMergeOfNothing(t *testing.T) {
	for _, o := range []*vocab.Object{filledObject(), {}} {
		if got := o.Merge(&vocab.Object{}); !reflect.DeepEqual(got, o) {
			t.Errorf("an empty update made %+v of %+v", got, o)
		}
	}
}

func TestMergeExtra(t *testing.T) {
	one, two := json.RawMessage("1"), json.RawMessage("2")
	for _, tt := range []struct{ old, patch, want map[string]json.RawMessage }{
		{nil, nil, nil},
		{map[string]json.RawMessage{"a": one}, nil, map[string]json.RawMessage{"a": one}},
		{nil, map[string]json.RawMessage{"a": two}, map[string]json.RawMessage{"a": two}},
		{map[string]json.RawMessage{"a": one, "b": one}, map[string]json.RawMessage{"b": two}, map[string]json.RawMessage{"a": one, "b": two}},
	} {
		if got := vocab.MergeExtra(tt.old, tt.patch); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s and %s make %s, want %s", tt.old, tt.patch, got, tt.want)
		}
		if v, ok := tt.old["b"]; ok && string(v) != "1" {
			t.Errorf("the old members have changed: %s", tt.old)
		}
	}
}
