package gnusocial

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"manifold/ostatus/salmon"
)

// TestEnvelopesAreVerifiedElsewhere has the server under test verify what a person of
// here has signed, with the key that the descriptor of the person names.
func TestEnvelopesAreVerifiedElsewhere(t *testing.T) {
	s := site(t, Options{})
	for nick, bits := range map[string]int{"short": 1024, "long": 2048} {
		p := account(t, s, nick, bits)
		slap, err := p.Seal("", []byte("<entry/>"))
		if err != nil {
			t.Fatal(err)
		}
		d, err := s.lookup(p.URI())
		if err != nil {
			t.Fatal(err)
		}
		key, err := salmon.ParsePublicKey(d.find(relKey).Href)
		if err != nil {
			t.Fatal(err)
		}
		e, err := salmon.Parse(slap.Envelope, typeEnvelope)
		if err != nil {
			t.Fatal(err)
		}
		if got := (&salmon.Verifier{}).Verify(e, key); !got.Valid() || got.Form != salmon.Padded {
			t.Errorf("the envelope with a key of %d bits is found %+v", bits, got)
		}
	}
}

// TestVectors has the site read what a GNU social has sent.
func TestVectors(t *testing.T) {
	folder, ok := os.LookupEnv("MANIFOLD_VECTORS")
	if !ok {
		return
	}
	read := func(name string) []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(folder, "ostatus", "live-gs2", name))
		if err != nil {
			t.Fatalf("MANIFOLD_VECTORS is %s: %v", folder, err)
		}
		return b
	}
	d, err := readDescriptor(&answer{status: http.StatusOK, header: http.Header{"Content-Type": {typeXRD}}, body: read("bob.xrd.xml")}, true)
	if err != nil {
		t.Fatal(err)
	}
	key, err := readKey(d.find(relKey).Href)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, verb, object string }{
		{"follow", "follow", "http://peer.test/user/carol"}, {"unfollow", "unfollow", "http://peer.test/user/carol"},
		{"favorite", "favorite", "tag:peer.test,2026:note:1795391504.744771"}, {"mention", "post", ""}, {"reply", "post", ""},
	} {
		o, err := open(read("slap-" + tt.name + ".salmon.xml"))
		if err == nil {
			err = o.verifies(key)
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		entry, err := readXML(o.payload)
		if err != nil {
			t.Fatal(err)
		}
		if verb, object := word(entry.value(nsActivity, "verb")), entry.first(nsActivity, "object").value(nsAtom, "id"); verb != tt.verb || object != tt.object {
			t.Errorf("%s is read as %s %q", tt.name, verb, object)
		}
		if by, err := readPerson(entry.first(nsAtom, "author")); err != nil || by.URI != "http://gs.test/index.php/user/2" || by.Nick != "bob" {
			t.Errorf("%s is read as by %+v (%v)", tt.name, by, err)
		}
		if n := readNotice(entry); tt.name == "reply" && (n.ReplyTo != "tag:peer.test,2026:note:1795391504.744771" || !strings.HasPrefix(n.Said, "tag:gs.test,") ||
			!slices.Equal(n.Mentions, []string{"http://peer.test/user/carol"}) || !n.Public || len(n.Tags) > 0) {
			t.Errorf("the reply is read as %+v", n)
		}
	}
	for _, name := range []string{"note-mention", "note-photo", "note-group", "share", "delete", "favorite"} {
		if why := checkPush(read("push-"+name+".atom"), "http://gs.test/api/statuses/user_timeline/2.atom"); why != "" {
			t.Errorf("the push %s is refused: %s", name, why)
		}
	}
}
