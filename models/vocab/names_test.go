package vocab_test

import (
	"testing"

	"manifold/models/vocab"
)

func TestVerb(t *testing.T) {
	for given, want := range map[string]string{
		"":         vocab.VerbPost,
		" \n":      vocab.VerbPost,
		"post":     vocab.VerbPost,
		" follow ": vocab.VerbFollow,
		"http://activitystrea.ms/schema/1.0/follow":      vocab.VerbFollow,
		"http://activitystrea.ms/schema/1.0/":            vocab.VerbPost,
		"http://activitystrea.ms/schema/1.0/dance":       "dance",
		"http://ostatus.org/schema/1.0/unfollow":         "http://ostatus.org/schema/1.0/unfollow",
		"https://www.w3.org/ns/activitystreams#Announce": "https://www.w3.org/ns/activitystreams#Announce",
		"Follow": "Follow", // a word that somebody made up
	} {
		if got := vocab.Verb(given); got != want {
			t.Errorf("%q is %q, want %q", given, got, want)
		}
	}
}

func TestObjectType(t *testing.T) {
	for given, want := range map[string]string{
		"":     "",
		"note": vocab.TypeNote,
		"\thttp://activitystrea.ms/schema/1.0/person": vocab.TypePerson,
		"http://activitystrea.ms/schema/1.0/":         "",
		"http://them/schema/dance":                    "http://them/schema/dance",
	} {
		if got := vocab.ObjectType(given); got != want {
			t.Errorf("%q is %q, want %q", given, got, want)
		}
	}
}

func TestIsActorType(t *testing.T) {
	for typ, want := range map[string]bool{
		"person": true, "group": true, "service": true, "application": true, "organization": true,
		"": false, "note": false, "collection": false, "Person": false, "http://them/person": false,
	} {
		if got := vocab.IsActorType(typ); got != want {
			t.Errorf("%q acts: %v, want %v", typ, got, want)
		}
	}
}

// pump.io: lib/model/activity.js, isMajor.
func TestMajor(t *testing.T) {
	for _, tt := range []struct {
		verb, object string
		want         bool
	}{
		{"post", "note", true}, {"post", "image", true}, {"post", "", true}, {"post", "http://them/dance", true}, {"post", "none at all", true},
		{"post", "comment", false}, {"post", "collection", false},
		{"create", "note", true}, {"create", "comment", false}, {"create", "collection", false},
		{"share", "note", true}, {"share", "comment", true}, {"share", "collection", true},
		{"checkin", "place", true},
		{"update", "note", false}, {"delete", "note", false}, {"follow", "person", false}, {"favorite", "note", false},
		{"add", "person", false}, {"http://them/dance", "note", false}, {"", "note", false},
	} {
		var object *vocab.Object
		if tt.object != "none at all" {
			object = &vocab.Object{Type: tt.object}
		}
		if got := vocab.Major(tt.verb, object); got != tt.want {
			t.Errorf("to %s a %q is major: %v, want %v", tt.verb, tt.object, got, tt.want)
		}
	}
}
