package bridge_test

import (
	"slices"
	"testing"

	"manifold/bridge"
	"manifold/models/vocab"
)

func TestHashtagsInText(t *testing.T) {
	t.Parallel()
	for content, want := range map[string][]string{
		"#walking and #Walking in <b>#Bern</b>, (#2026ist #x_y)!":                                                                 {"walking", "Bern", "2026ist", "x_y"},
		"#1 a#b &amp;#x ## # https://a.example/#d <a href=\"/\" rel=\"tag\">#linked</a> <code>#define</code> <pre>#include</pre>": nil,
		"<p>#größe</p><p>#日本</p>": {"größe", "日本"},
		"no sign":                 nil,
	} {
		equal(t, content, bridge.HashtagsIn(content), want...)
	}
}

// Whom a public post names in its text gets it, by whatever name they are known; who
// is named in something that is not public, in a link or in code does not.
func TestMentionsInText(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := newNetwork("pump")
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		ann, ben := w.person("ann"), w.person("ben")
		far := w.present("far@far.example", "pump", "")
		followers := &vocab.Object{ID: w.Names().Followers("ann"), Type: vocab.TypeCollection}
		home := w.Names().Acct("ben")[len("acct:ben@"):]
		everybody := everybody()
		for _, tt := range []struct {
			content string
			to, cc  []*vocab.Object
			want    []string // of cc
		}{
			{"hello @far@FAR.example, and <b>@new@new.example:8443</b>.", []*vocab.Object{everybody}, nil, []string{far.Doc.ID, "acct:new@new.example:8443"}},
			{"hello @ben@" + home, []*vocab.Object{followers}, []*vocab.Object{everybody}, []string{vocab.PublicID, ben.Doc.ID}},
			{"hello @nobody@" + home + " @ann@" + home + " far@far.example @far @far@example x@y@far.example", []*vocab.Object{everybody}, nil, nil},
			{`<a href="https://far.example/far">@far@far.example</a> <code>@far@far.example</code>`, []*vocab.Object{everybody}, nil, nil},
			{"twice @far@far.example", []*vocab.Object{everybody, far.Doc.Ref()}, nil, nil},
			{"behind your back, @far@far.example", []*vocab.Object{followers}, nil, nil},
			{"hello @far@far.example", nil, nil, []string{followers.ID}}, // pump.io's default
		} {
			a := w.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note(tt.content), To: tt.to, CC: tt.cc})
			var got []string
			for _, o := range a.Doc.CC {
				got = append(got, o.ID)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s: in cc are %q, want %q", tt.content, got, tt.want)
			}
		}
	})
}
