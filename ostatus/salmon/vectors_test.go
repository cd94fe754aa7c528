package salmon_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"manifold/ostatus/salmon"
)

// vector reads a document of the folder that MANIFOLD_VECTORS names.
func vector(t *testing.T, folder, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(folder, "ostatus", name))
	if err != nil {
		t.Fatalf("MANIFOLD_VECTORS is %s: %v", folder, err)
	}
	return b
}

var keys = regexp.MustCompile(`data:application\\?/magic-public-key,[^"]*`)

// keyIn finds the key in a descriptor, without reading the rest of it.
func keyIn(t *testing.T, document []byte) string {
	t.Helper()
	found := keys.Find(document)
	if found == nil {
		t.Fatal("there is no key in the descriptor")
	}
	return string(bytes.ReplaceAll(found, []byte(`\`), nil))
}

// Envelopes that real servers have sent verify with the keys of their
// descriptors, in the form that their software uses.
func TestVectors(t *testing.T) {
	folder, ok := os.LookupEnv("MANIFOLD_VECTORS")
	if !ok {
		return
	}
	for _, tt := range []struct {
		envelope, key string
		verifier      salmon.Verifier
		status        salmon.Status
		form          salmon.Form
	}{
		{"live-gs2/accepted-follow.salmon.xml", "live-gs2/accepted-key.txt", salmon.Verifier{}, salmon.Valid, salmon.Padded},
		{"live-gs2/accepted-mention.salmon.xml", "live-gs2/accepted-key.txt", salmon.Verifier{}, salmon.Valid, salmon.Padded},
		{"live-gs2/slap-favorite.salmon.xml", "live-gs2/bob.xrd.xml", salmon.Verifier{}, salmon.Valid, salmon.Padded},
		{"live-gs2/slap-follow.salmon.xml", "live-gs2/bob.xrd.xml", salmon.Verifier{}, salmon.Valid, salmon.Padded},
		{"live-gs2/slap-mention.salmon.xml", "live-gs2/bob.jrd.json", salmon.Verifier{}, salmon.Valid, salmon.Padded},
		{"live-gs2/slap-photo.salmon.xml", "live-gs2/bob.xrd.xml", salmon.Verifier{}, salmon.Valid, salmon.Padded},
		{"live-gs2/slap-reply.salmon.xml", "live-gs2/bob.xrd.xml", salmon.Verifier{}, salmon.Valid, salmon.Padded},
		{"live-gs2/slap-unfollow.salmon.xml", "live-gs2/bob.xrd.xml", salmon.Verifier{}, salmon.Valid, salmon.Padded},
		{"live-gs2/slap-follow.salmon.xml", "live-gs2/accepted-key.txt", salmon.Verifier{}, salmon.Mismatch, 0},
		{"salmon/gs-1.2-note.salmon.xml", "discovery/gs.example.org-4040-user-1.xrd.xml", salmon.Verifier{}, salmon.Valid, salmon.Padded},
		{"salmon/heldscal-reply.salmon.xml", "discovery/heldscal-23211.xrd.xml", salmon.Verifier{}, salmon.Valid, salmon.Padded},
		{"salmon/quitter-no-mention.salmon.xml", "webfinger/hacker1.http.txt", salmon.Verifier{}, salmon.Valid, salmon.Padded},
		// Friendica of old: only the data is signed, with a key of 512 bits.
		{"salmon/friendica-legacy-base.salmon.xml", "discovery/squeet-lain.xrd.xml", salmon.Verifier{}, salmon.WeakKey, 0},
		{"salmon/friendica-legacy-base.salmon.xml", "discovery/squeet-lain.xrd.xml", salmon.Verifier{MinBits: 512}, salmon.Valid, salmon.DataOnly},
		{"salmon/identica-2011-form-decoded.salmon.xml", "live-gs2/accepted-key.txt", salmon.Verifier{}, salmon.Mismatch, 0},
	} {
		e, err := salmon.Parse(vector(t, folder, tt.envelope), salmon.MediaType)
		if err != nil {
			t.Errorf("%s: %v", tt.envelope, err)
			continue
		}
		k, err := salmon.ParsePublicKey(keyIn(t, vector(t, folder, tt.key)))
		if err != nil {
			t.Errorf("%s: %v", tt.key, err)
			continue
		}
		if r := tt.verifier.Verify(e, k); r.Status != tt.status || r.Form != tt.form {
			t.Errorf("%s with the key of %s: %s, form %s", tt.envelope, tt.key, r, r.Form)
		}
	}
}

// What GNU social has signed decodes to the entries that were noted down.
func TestVectorPayloads(t *testing.T) {
	folder, ok := os.LookupEnv("MANIFOLD_VECTORS")
	if !ok {
		return
	}
	for _, name := range []string{"favorite", "follow", "mention", "photo", "reply", "unfollow"} {
		e, err := salmon.Parse(vector(t, folder, "live-gs2/slap-"+name+".salmon.xml"), "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := e.Payload()
		want := vector(t, folder, "live-gs2/slap-"+name+".payload.xml")
		if err != nil || !bytes.Equal(bytes.TrimSpace(got), bytes.TrimSpace(want)) {
			t.Errorf("%s: %v, %d bytes, want %d", name, err, len(got), len(want))
		}
	}
	// The draft's example, in XML with its lines broken and in JSON.
	spec := map[string]string{}
	for name, media := range map[string]string{"salmon/spec-example.me.xml": salmon.MediaType, "salmon/spec-example.me.json": salmon.MediaTypeJSON} {
		e, err := salmon.Parse(vector(t, folder, name), media)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		payload, _ := e.Payload()
		spec[name] = string(payload)
		if len(e.Signatures) != 1 || len(e.Signatures[0].Value) < 80 || !bytes.Contains(payload, []byte("<uri>bob@example.com</uri>")) {
			t.Errorf("%s: %+v %s", name, e.Signatures, payload)
		}
	}
	if spec["salmon/spec-example.me.xml"] != spec["salmon/spec-example.me.json"] {
		t.Error("the two examples of the draft hold different entries")
	}
}
