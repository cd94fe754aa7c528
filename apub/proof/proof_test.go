package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"manifold/apub/proof"
)

var (
	key    = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	public = key.Public().(ed25519.PublicKey)
	made   = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
)

const method = "https://them.example/users/bob#ed25519-key"

const like = `{"@context":["https://www.w3.org/ns/activitystreams","https://w3id.org/security/data-integrity/v1"],
	"id":"https://them.example/likes/1","type":"Like","actor":"https://them.example/users/bob","object":"https://us.example/notes/1","weight":1.50,"text":"<é>"}`

func verify(document []byte, key ed25519.PublicKey, now time.Time) error {
	p, err := proof.Read(document)
	if err != nil {
		return err
	}
	return p.Verify(key, now)
}

func newProof(t testing.TB, document string) []byte {
	t.Helper()
	signed, err := proof.Make([]byte(document), key, method, made)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestWhatIsMadeVerifies(t *testing.T) {
	for _, document := range []string{
		like,
		`{}`,
		`{"type":"Like"}` + "\n",
		`{"@context":"https://www.w3.org/ns/activitystreams","type":"Like","x":[1e21,-0,0.000001,{"b":1,"a":"\u20ac\ud83d\ude00"}]}`,
	} {
		signed := newProof(t, document)
		p, err := proof.Read(signed)
		if err == nil {
			err = p.Verify(public, made)
		}
		if err != nil {
			t.Errorf("%s: %v", signed, err)
			continue
		}
		if p.Method != method || !p.Created.Equal(made) {
			t.Errorf("%s: by %s at %s", signed, p.Method, p.Created)
		}
		if !bytes.HasPrefix(signed, []byte(strings.TrimSuffix(strings.TrimSpace(document), "}"))) {
			t.Errorf("%s: the document is not as it was", signed)
		}
	}
}

// The order of members and white space do not matter, everything else does.
func TestTampering(t *testing.T) {
	for _, tt := range []struct {
		name string
		from string
		to   string
		want proof.Status
	}{
		{"nothing", "", "", proof.Verified},
		{"white space", `"type":"Like"`, "\n\t\"type\" : \"Like\"", proof.Verified},
		{"another spelling of a number", "1.50", "15e-1", proof.Verified},
		{"another spelling of a letter", "é", `\u00e9`, proof.Verified},
		{"the order", `"type":"Like","actor":"https://them.example/users/bob"`, `"actor":"https://them.example/users/bob","type":"Like"`, proof.Verified},
		{"the actor", "users/bob\",", "users/eve\",", proof.BadProof},
		{"a number", "1.50", "1.51", proof.BadProof},
		{"a new member", `"type":"Like"`, `"type":"Like","to":"as:Public"`, proof.BadProof},
		{"the time of the proof", "2026-03-04", "2026-03-05", proof.BadProof},
		{"the key of the proof", "#ed25519-key", "#other-key", proof.BadProof},
		{"the end of the context", `data-integrity/v1"],` + "\n", `data-integrity/v1",{"actor":"x:y"}],` + "\n", proof.Verified},
		{"the beginning of the context", `["https://www.w3.org/ns/activitystreams","https://w3id.org/security/data-integrity/v1"],` + "\n",
			`["https://evil.example/","https://www.w3.org/ns/activitystreams","https://w3id.org/security/data-integrity/v1"],` + "\n", proof.WrongContext},
		{"a name twice", `"type":"Like"`, `"type":"Block","type":"Like"`, proof.Malformed},
		{"the suite", "eddsa-jcs-2022", "eddsa-rdfc-2022", proof.Unsupported},
		{"the purpose", "assertionMethod", "authentication", proof.Unsupported},
		{"the value", `"proofValue":"z`, `"proofValue":"u`, proof.Malformed},
		{"the length of the value", `"proofValue":"z`, `"proofValue":"z2222222`, proof.Malformed},
		{"the kind of the time", `"2026-03-04T05:06:07Z"`, `5`, proof.Malformed},
	} {
		signed := string(newProof(t, like))
		changed := strings.Replace(signed, tt.from, tt.to, 1)
		if tt.from != "" && changed == signed {
			t.Fatalf("%s: nothing was changed in %s", tt.name, signed)
		}
		if err := verify([]byte(changed), public, made); proof.StatusOf(err) != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	for _, k := range []ed25519.PublicKey{other, nil} {
		if err := verify(newProof(t, like), k, made); proof.StatusOf(err) != proof.BadProof {
			t.Errorf("by another key: %v", err)
		}
	}
}

// signAs makes a proof whose options are given, in which created and context are
// as a sender has them.
func signAs(t *testing.T, document string, hidden map[string]any) []byte {
	t.Helper()
	// Make signs what it sends; here something is signed that is taken out again.
	var doc map[string]any
	if err := json.Unmarshal([]byte(document), &doc); err != nil {
		t.Fatal(err)
	}
	signed := newProof(t, document)
	if err := json.Unmarshal(signed, &doc); err != nil {
		t.Fatal(err)
	}
	for name := range hidden {
		delete(doc["proof"].(map[string]any), name)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Fedify signs the context with the proof and does not send it inside of it.
func TestContextThatIsNotSent(t *testing.T) {
	signed := signAs(t, like, map[string]any{"@context": nil})
	if err := verify(signed, public, made); err != nil {
		t.Errorf("%v\n%s", err, signed)
	}
	longer := strings.Replace(string(signed), `data-integrity/v1"]`, `data-integrity/v1","https://evil.example/"]`, 1)
	if longer == string(signed) {
		t.Fatal("nothing was changed")
	}
	if err := verify([]byte(longer), public, made); proof.StatusOf(err) != proof.BadProof {
		t.Errorf("with more in the context: %v", err)
	}
}

// A Linked Data signature is added after the proof.
func TestSignatureBesideTheProof(t *testing.T) {
	signed := newProof(t, like)
	both := append(bytes.TrimSuffix(signed, []byte("}")), `,"signature":{"type":"RsaSignature2017"}}`...)
	if err := verify(both, public, made); err != nil {
		t.Error(err)
	}
}

func TestOneOfSeveralProofs(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal(newProof(t, like), &doc); err != nil {
		t.Fatal(err)
	}
	good := doc["proof"]
	doc["proof"] = []any{map[string]any{"type": "DataIntegrityProof", "cryptosuite": "mine"}, good}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(text, public, made); err != nil {
		t.Error(err)
	}
	doc["proof"] = []any{good, good, good, good, good, good, good, good, good}
	if text, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	if err := verify(text, public, made); proof.StatusOf(err) != proof.Malformed {
		t.Errorf("nine proofs: %v", err)
	}
}

func TestExpiry(t *testing.T) {
	signed := string(newProof(t, like))
	with := strings.Replace(signed, `"created":`, `"expires":"2026-03-04T06:00:00Z","created":`, 1)
	for now, want := range map[time.Time]proof.Status{made: proof.BadProof, made.Add(time.Hour): proof.Expired} {
		if err := verify([]byte(with), public, now); proof.StatusOf(err) != want {
			t.Errorf("at %s: %v, want %q", now, err, want)
		}
	}
}

func TestDocumentsWithoutAProof(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	for document, want := range map[string]proof.Status{
		like: proof.Missing, `{"proof":null}`: proof.Missing, `{"proof":5}`: proof.Malformed, `{"proof":[5]}`: proof.Malformed, `{"proof":[]}`: proof.Unsupported,
		`[]`: proof.Malformed, `null`: proof.Malformed, ``: proof.Malformed, `{`: proof.Malformed, deep: proof.Malformed,
		`{"x":1e999}`: proof.Malformed, `"` + strings.Repeat("x", proof.MaxDocument) + `"`: proof.Malformed,
	} {
		if _, err := proof.Read([]byte(document)); proof.StatusOf(err) != want {
			t.Errorf("%.60s: %v, want %q", document, err, want)
		}
		if _, err := proof.Make([]byte(document), key, method, made); err == nil && want != proof.Missing {
			t.Errorf("%.60s: a proof was made of it", document)
		}
	}
	if _, err := proof.Make(newProof(t, like), key, method, made); err == nil {
		t.Error("a second proof was made")
	}
}

// The document, key and signature of the scenario in FEP-8b32, whose proof was made
// without a context of its own.
func TestVectorOfTheFEP(t *testing.T) {
	secret := proof.DecodeBase58(t, "3u2en7t5LR2WtQH5PfFqMqwVHBeXouLzo6haApm8XHqvjxq")
	if len(secret) != 34 {
		t.Fatalf("the key of the FEP has %d bytes", len(secret))
	}
	signer := ed25519.NewKeyFromSeed(secret[2:])
	document := `{"@context":["https://www.w3.org/ns/activitystreams","https://w3id.org/security/data-integrity/v1"],"type":"Create",
		"actor":"https://server.example/users/alice","object":{"type":"Note","content":"Hello world"},
		"proof":{"type":"DataIntegrityProof","cryptosuite":"eddsa-jcs-2022","verificationMethod":"https://server.example/users/alice#ed25519-key",
		"proofPurpose":"assertionMethod","created":"2023-02-24T23:36:38Z",
		"proofValue":"z3sXaxjKs4M3BRicwWA9peyNPJvJqxtGsDmpt1jjoHCjgeUf71TRFz56osPSfDErszyLp5Ks1EhYSgpDaNM977Rg2"}}`
	p, err := proof.Read([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Verify(signer.Public().(ed25519.PublicKey), time.Now()); err != nil {
		t.Error(err)
	}
	// What we make of it verifies with the context inside too.
	if p.Method != "https://server.example/users/alice#ed25519-key" {
		t.Errorf("the key is %s", p.Method)
	}
}

func TestMultikeys(t *testing.T) {
	text := proof.EncodeMultikey(public)
	got, err := proof.ParseMultikey(text)
	if err != nil || !public.Equal(got) {
		t.Errorf("%s was read as %v, error %v", text, got, err)
	}
	if !strings.HasPrefix(text, "z6Mk") { // as every Multikey of Ed25519
		t.Errorf("written as %s", text)
	}
	// That of the RSA key that FEP-521a allows beside it; it begins as all of them do.
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text = proof.EncodeMultibase(append([]byte{0x85, 0x24}, x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey)...))
	if got, err = proof.ParseMultikey(text); err != nil || !rsaKey.PublicKey.Equal(got) || !strings.HasPrefix(text, "z4MX") {
		t.Errorf("%s was read as %v, error %v", text, got, err)
	}
	text = proof.EncodeMultikey(public)
	for _, bad := range []string{"", "z", "6Mk", "m" + text[1:], text[:len(text)-2], text + "1", "z0OIl", "z" + strings.Repeat("1", 5000), "z1111"} {
		if k, err := proof.ParseMultikey(bad); !errors.Is(err, proof.ErrKey) {
			t.Errorf("%.40s was read as %v, error %v", bad, k, err)
		}
	}
}

// The examples of draft-msporny-base58.
func TestBase58(t *testing.T) {
	for text, want := range map[string]string{
		"2NEpo7TZRRrLZSi2U": "Hello World!",
		"USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z": "The quick brown fox jumps over the lazy dog.",
		"11233QC4": "\x00\x00\x28\x7f\xb4\xcd",
		"":         "",
	} {
		if got := proof.DecodeBase58(t, text); string(got) != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
		if got := proof.EncodeBase58([]byte(want)); got != text {
			t.Errorf("%q is %s, want %s", want, got, text)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(newProof(f, like))
	f.Add([]byte(`{"proof":[{"type":"DataIntegrityProof","cryptosuite":"eddsa-jcs-2022","@context":[1]}],"@context":"x","signature":1}`))
	other := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	f.Fuzz(func(t *testing.T, document []byte) {
		err := verify(document, other, made)
		if s := proof.StatusOf(err); s == proof.Verified || s == "" {
			t.Errorf("status %q, error %v", s, err)
		}
		if signed, err := proof.Make(document, key, method, made); err == nil {
			if err := verify(signed, public, made); err != nil {
				t.Errorf("made %s, and then: %v", signed, err)
			}
		}
	})
}

func FuzzMultikey(f *testing.F) {
	f.Add(proof.EncodeMultikey(public))
	f.Add("z6Mk")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := proof.ParseMultikey(text)
		if ed, ok := k.(ed25519.PublicKey); err == nil && ok && proof.EncodeMultikey(ed) != text {
			t.Errorf("%s was read and is written as %s", text, proof.EncodeMultikey(ed))
		}
	})
}
