package vocab_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"manifold/models/vocab"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 890_123_456, time.UTC)

// raw has everything in it that an encoder could be tempted to change.
var raw = json.RawMessage(`{"a":"<b>&\u00e9é\/","n":[1.0,1e5,12345678901234567890,-0],"e":[],"o":{},"z":null}`)

// filled returns a value of a type in which every field is set, those of the
// objects that hang off it down to a depth.
func filled(typ reflect.Type, depth int) reflect.Value {
	v := reflect.New(typ).Elem()
	switch {
	case typ == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(at))
	case typ == reflect.TypeFor[json.RawMessage]():
		v.Set(reflect.ValueOf(raw))
	case typ.Kind() == reflect.Struct:
		for i := range typ.NumField() {
			if f := typ.Field(i); f.Tag.Get("json") != "-" {
				v.Field(i).Set(filled(f.Type, depth))
			}
		}
	case typ.Kind() == reflect.Pointer:
		if depth > 0 {
			v.Set(reflect.New(typ.Elem()))
			v.Elem().Set(filled(typ.Elem(), depth-1))
		}
	case typ.Kind() == reflect.Slice:
		if e := filled(typ.Elem(), depth); e.Kind() != reflect.Pointer || !e.IsNil() {
			v = reflect.Append(v, e)
		}
	case typ.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(typ))
		v.SetMapIndex(reflect.ValueOf("http://them/#x"), filled(typ.Elem(), depth))
	case typ.Kind() == reflect.String:
		v.SetString("<ü> & \"🙂\"")
	case typ.Kind() == reflect.Int:
		v.SetInt(640)
	case typ.Kind() == reflect.Float64:
		v.SetFloat(1.25)
	}
	return v
}

func filledObject() *vocab.Object {
	o := filled(reflect.TypeFor[vocab.Object](), 1).Interface().(vocab.Object)
	return &o
}

// Whatever is in the tree is in it after it was written and read again; members
// that no field names are the same to the byte.
func TestRoundTrip(t *testing.T) {
	full := filled(reflect.TypeFor[vocab.Activity](), 2).Interface().(vocab.Activity)
	if full.Object == nil || full.Inner == nil || full.Object.Author == nil || len(full.BCC) != 1 || full.Object.Image == nil || full.Object.Image.Extra == nil {
		t.Fatalf("the activity is not filled: %+v", full)
	}
	for name, a := range map[string]vocab.Activity{"full": full, "empty": {}} {
		var text bytes.Buffer
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false) // as the store does
		if err := e.Encode(&a); err != nil {
			t.Fatal(err)
		}
		if name == "empty" && text.String() != "{}\n" {
			t.Errorf("an empty activity is %s", &text)
		}
		var got vocab.Activity
		if err := json.Unmarshal(text.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, a) {
			t.Errorf("%s: read %+v\nwrote %+v", name, got, a)
		}
	}
}

// Only what says which thing it is may be set in a reference.
func TestIsReference(t *testing.T) {
	identifies := map[string]bool{"ID": true, "Type": true, "Links": true, "Feeds": true, "UpstreamDuplicates": true, "DownstreamDuplicates": true, "Cleared": true}
	typ := reflect.TypeFor[vocab.Object]()
	for i := range typ.NumField() {
		f := typ.Field(i)
		o := &vocab.Object{ID: "x", Type: vocab.TypeNote}
		reflect.ValueOf(o).Elem().Field(i).Set(filled(f.Type, 1))
		if got := o.IsReference(); got != identifies[f.Name] {
			t.Errorf("with %s it is a reference: %v", f.Name, got)
		}
	}
	for _, o := range []*vocab.Object{nil, {}, {ID: "x"}, filledObject().Ref()} {
		if !o.IsReference() {
			t.Errorf("%+v is no reference", o)
		}
	}
}

func TestRef(t *testing.T) {
	if got := filledObject().Ref(); !reflect.DeepEqual(got, &vocab.Object{ID: filledObject().ID, Type: filledObject().Type}) {
		t.Errorf("the reference is %+v", got)
	}
	if got := (*vocab.Object)(nil).Ref(); got != nil {
		t.Errorf("the reference to nothing is %+v", got)
	}
}

func TestParent(t *testing.T) {
	first, second := &vocab.Object{ID: "1"}, &vocab.Object{ID: "2"}
	for _, tt := range []struct{ o, want *vocab.Object }{{nil, nil}, {&vocab.Object{}, nil}, {&vocab.Object{InReplyTo: []*vocab.Object{first, second}}, first}} {
		if got := tt.o.Parent(); got != tt.want {
			t.Errorf("the parent of %+v is %+v, want %+v", tt.o, got, tt.want)
		}
	}
}

// Nothing that is done to a copy shows in the original.
func TestClone(t *testing.T) {
	o := filledObject()
	o.Cleared = []string{"content"}
	c := o.Clone()
	if !reflect.DeepEqual(c, o) {
		t.Fatalf("the copy %+v differs from %+v", c, o)
	}
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Slice:
			f.Index(0).SetZero()
		case reflect.Map:
			f.Clear()
		default:
			f.SetZero()
		}
	}
	want := filledObject()
	want.Cleared = []string{"content"}
	if !reflect.DeepEqual(o, want) {
		t.Errorf("changes of the copy show in the original: %+v", o)
	}
	if got := (*vocab.Object)(nil).Clone(); got != nil {
		t.Errorf("the copy of nothing is %+v", got)
	}
	if got := (&vocab.Object{}).Clone(); !reflect.DeepEqual(got, &vocab.Object{}) {
		t.Errorf("the copy of an empty object is %+v", got)
	}
}

// A tombstone says which thing it was, whose, and when, and nothing of what it
// said.
func TestTombstone(t *testing.T) {
	end := at.Add(time.Hour)
	o := filledObject()
	want := &vocab.Object{ID: o.ID, Type: o.Type, Author: o.Author.Ref(), InReplyTo: []*vocab.Object{o.InReplyTo[0].Ref()}, Published: at, Updated: end, Deleted: end}
	if got := o.Tombstone(end); !reflect.DeepEqual(got, want) {
		t.Errorf("of an object: %+v, want %+v", got, want)
	}
	if got, want := (&vocab.Object{ID: "x"}).Tombstone(end), (&vocab.Object{ID: "x", Updated: end, Deleted: end}); !reflect.DeepEqual(got, want) {
		t.Errorf("of a bare object: %+v, want %+v", got, want)
	}
	a := filled(reflect.TypeFor[vocab.Activity](), 2).Interface().(vocab.Activity)
	stone := &vocab.Activity{ID: a.ID, Actor: a.Actor.Ref(), Object: a.Object.Ref(), Published: at, Updated: end, Deleted: end}
	if got := a.Tombstone(end); !reflect.DeepEqual(got, stone) {
		t.Errorf("of an activity: %+v, want %+v", got, stone)
	}
	if got, want := (&vocab.Activity{ID: "x"}).Tombstone(end), (&vocab.Activity{ID: "x", Updated: end, Deleted: end}); !reflect.DeepEqual(got, want) {
		t.Errorf("of a bare activity: %+v, want %+v", got, want)
	}
}

func TestAddressees(t *testing.T) {
	o := func(id string) *vocab.Object { return &vocab.Object{ID: id} }
	for _, tt := range []struct {
		activity vocab.Activity
		want     string
	}{
		{vocab.Activity{}, ""},
		{vocab.Activity{To: []*vocab.Object{o("a"), o("b")}, CC: []*vocab.Object{o("c")}, BTo: []*vocab.Object{o("d")}, BCC: []*vocab.Object{o("e")}}, "abcde"},
		{vocab.Activity{To: []*vocab.Object{o("a")}}, "a"},
		{vocab.Activity{CC: []*vocab.Object{o("a")}}, "a"},
		{vocab.Activity{BTo: []*vocab.Object{o("a")}}, "a"},
		{vocab.Activity{BCC: []*vocab.Object{o("a")}}, "a"},
	} {
		got := ""
		for _, o := range tt.activity.Addressees() {
			got += o.ID
		}
		if got != tt.want || tt.activity.Addressed() != (tt.want != "") {
			t.Errorf("addressed %v to %q, want %q", tt.activity.Addressed(), got, tt.want)
		}
	}
}
