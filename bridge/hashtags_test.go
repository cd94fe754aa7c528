package bridge_test

import (
	"strings"
	"testing"

	"manifold/bridge"
)

func TestHashtag(t *testing.T) {
	for tag, want := range map[string]string{
		"Boats": "boats", "#Boats": "boats", " #BOATS ": "boats", "straße": "strasse", "Ｂoats": "boats", "日本": "日本", "a.b": "a.b", "2026": "2026",
		"": "", "#": "", "two words": "", "a/b": "", "a#b": "", "a?b": "", "a\x00b": "", ".": "", "..": "", strings.Repeat("x", 200): strings.Repeat("x", 200), strings.Repeat("x", 201): "",
	} {
		if got := bridge.Hashtag(tag); got != want {
			t.Errorf("%q is %q, want %q", tag, got, want)
		}
	}
}
