package bridge_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"manifold/bridge"
)

func TestParagraphs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		markup string
		most   int
		want   []string
		cut    bool
	}{
		{"", 100, nil, false},
		{"plain", 100, []string{"plain"}, false},
		{"<p>one</p>\n<p>two<br>three</p>", 100, []string{"one", "two", "three"}, false},
		{"a &lt;b&gt; &amp; <b>c</b>d", 100, []string{"a <b> & cd"}, false},
		{"<ul><li>one</li><li>two</li></ul>", 100, []string{"one", "two"}, false},
		{`see <a href="https://x.example/">this</a>`, 100, []string{"see this"}, false},
		{`<img src="https://x.example/a.png"><img alt=" a  ship ">`, 100, []string{"[picture] [a ship]"}, false},
		{"<p>one</p><p>two</p>", 4, []string{"one", "t"}, true},
		{"<p>one</p><p>two</p>", 3, []string{"one"}, true},
		{"<p>one</p><p>two</p>", 6, []string{"one", "two"}, false},
		{"ends with…", 100, []string{"ends with…"}, false},
		{"a\u202eb\u200bc\x00d\u2028e", 100, []string{"abcd e"}, false},
		{"👩\u200d🚀", 100, []string{"👩\u200d🚀"}, false},
		{"<p>not closed <b", 100, []string{"not closed"}, false},
	} {
		got, cut := bridge.Paragraphs(tt.markup, tt.most)
		if !slices.Equal(got, tt.want) || cut != tt.cut {
			t.Errorf("%q to %d: %q, cut %v; want %q, %v", tt.markup, tt.most, got, cut, tt.want, tt.cut)
		}
	}
}

// FuzzParagraphs: whatever people write, a mail about it quotes lines of text, not
// too many.
func FuzzParagraphs(f *testing.F) {
	for _, seed := range []string{"<p>a</p>", "<img alt=x>", "\xff<", "&#10;&#x202e;", "<![CDATA[x]]><!-- -->", strings.Repeat("<p>", 50) + "a"} {
		f.Add(seed, 10)
	}
	f.Fuzz(func(t *testing.T, markup string, most int) {
		most = max(1, min(most, 1000))
		lines, _ := bridge.Paragraphs(markup, most)
		total := 0
		for _, l := range lines {
			total += utf8.RuneCountInString(l)
			if l == "" || !utf8.ValidString(l) || strings.ContainsFunc(l, unicode.IsControl) {
				t.Errorf("a line is %q", l)
			}
		}
		if total > most {
			t.Errorf("%d characters, at most %d are wanted", total, most)
		}
	})
}

// FuzzUnsubscription: no token but one that was made is taken.
func FuzzUnsubscription(f *testing.F) {
	key := []byte("0123456789abcdef0123456789abcdef")
	good := bridge.NewUnsubscription(key, 42)
	for _, seed := range []string{good, "", "x", good + "=", good[:10]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		actor, ok := bridge.OpenUnsubscription(key, token)
		if ok != (token == good) || ok && actor != 42 {
			t.Errorf("the token %q is taken: %v, for %d", token, ok, actor)
		}
	})
}
