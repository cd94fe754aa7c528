package salmon

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strings"

	"manifold/internal/xmltree"
)

const (
	// MediaType is what envelopes are sent as.
	MediaType = "application/magic-envelope+xml"
	// MediaTypeJSON is that of envelopes in JSON. Nobody was seen to send them.
	MediaTypeJSON = "application/magic-envelope+json"
	// PayloadType is what envelopes of Salmon hold: an Atom entry.
	PayloadType = "application/atom+xml"
	// Encoding and Algorithm are the only ones there are.
	Encoding  = "base64url"
	Algorithm = "RSA-SHA256"

	// NS is the namespace of envelopes.
	NS = "http://salmon-protocol.org/ns/magic-env"

	formType = "application/x-www-form-urlencoded"
)

// Limits on envelopes. An entry with everything that GNU social knows to say
// takes 10 KB.
const (
	// MaxEnvelope is how many bytes an envelope may have.
	MaxEnvelope = 1 << 20
	// maxSignatures is how many signatures are looked at: each costs several
	// operations with the key.
	maxSignatures = 4
)

// Envelope is a magic envelope (3.1). Its members are what was sent, without the
// white space that lines were broken with.
type Envelope struct {
	// Data is the payload in base64url, as it was sent: the signature is over the
	// text and not over what it stands for.
	Data string
	// DataType is the media type of the payload.
	DataType string
	// Encoding and Algorithm are those named, see [Result] for those allowed.
	Encoding, Algorithm string
	Signatures          []Signature
}

// Signature is one signature of an envelope.
type Signature struct {
	// Value is in base64url.
	Value string
	// KeyID names a key of the signer, see [KeyID]. It may be anything, and is
	// mostly empty.
	KeyID string
}

// MalformedError means that something is not an envelope, or none that can be
// read.
type MalformedError struct {
	// Part is "envelope", "data" or "signature".
	Part, Reason string
}

func (e *MalformedError) Error() string { return "salmon: the " + e.Part + " " + e.Reason }

// ErrTooLarge means that an envelope has more than [MaxEnvelope] bytes.
var ErrTooLarge = fmt.Errorf("salmon: the envelope has more than %d bytes", MaxEnvelope)

// Parse reads an envelope as it came: in XML, in JSON, or in XML in the field
// "xml" of a form, which is how Diaspora and Friendica wrap it. Where the content
// type says nothing of use, the first character does. It returns
// [*MalformedError] or [ErrTooLarge].
func Parse(body []byte, contentType string) (*Envelope, error) {
	if len(body) > MaxEnvelope {
		return nil, ErrTooLarge
	}
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	media, _, _ := mime.ParseMediaType(contentType)
	switch {
	case media == formType || bytes.HasPrefix(body, []byte("xml=")):
		return parseForm(body)
	case media == MediaTypeJSON || media == "application/json" || bytes.HasPrefix(body, []byte("{")):
		return parseJSON(body)
	}
	return parseXML(body)
}

func parseForm(body []byte) (*Envelope, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, &MalformedError{"envelope", "is not a form"}
	}
	inner := strings.TrimSpace(form.Get("xml"))
	if strings.HasPrefix(inner, "%3C") || strings.HasPrefix(inner, "%3c") {
		// Diaspora escaped it twice.
		if again, err := url.QueryUnescape(inner); err == nil {
			inner = again
		}
	}
	if inner == "" {
		return nil, &MalformedError{"envelope", `is a form without a field "xml"`}
	}
	return parseXML([]byte(inner))
}

func parseXML(body []byte) (*Envelope, error) {
	root, err := xmltree.Parse(body, xmltree.Limits{Size: MaxEnvelope, Depth: 8, Nodes: 200})
	if err != nil {
		return nil, &MalformedError{"envelope", "cannot be read: " + err.Error()}
	}
	if !root.Is(NS, "env") {
		return nil, &MalformedError{"envelope", "is no " + `"env" of the namespace ` + NS}
	}
	e := &Envelope{}
	for _, c := range root.Elements() {
		if c.Name.Space != NS {
			continue
		}
		switch c.Name.Local {
		case "data":
			if e.Data != "" {
				return nil, &MalformedError{"data", "is there twice"}
			}
			e.Data, e.DataType = unspaced(c.Text()), strings.TrimSpace(c.Attr("", "type"))
		case "encoding":
			e.Encoding = c.Trimmed()
		case "alg":
			e.Algorithm = c.Trimmed()
		case "sig":
			e.Signatures = append(e.Signatures, Signature{Value: unspaced(c.Text()), KeyID: strings.TrimSpace(c.Attr("", "key_id"))})
		}
	}
	return e.checked()
}

// envelopeJSON is the form of 3.4. The example of the draft names the key by
// "key_id", its text by "keyhash".
type envelopeJSON struct {
	Data       string          `json:"data"`
	DataType   string          `json:"data_type"`
	Encoding   string          `json:"encoding"`
	Algorithm  string          `json:"alg"`
	Signatures []signatureJSON `json:"sigs"`
}

type signatureJSON struct {
	Value   string `json:"value"`
	KeyID   string `json:"key_id,omitempty"`
	KeyHash string `json:"keyhash,omitempty"`
}

func parseJSON(body []byte) (*Envelope, error) {
	var in envelopeJSON
	// The decoder bounds the depth itself, and keeps nothing that is not named
	// above.
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &MalformedError{"envelope", "is not JSON as it should be: " + err.Error()}
	}
	e := &Envelope{Data: unspaced(in.Data), DataType: strings.TrimSpace(in.DataType), Encoding: strings.TrimSpace(in.Encoding), Algorithm: strings.TrimSpace(in.Algorithm)}
	for _, s := range in.Signatures {
		id := s.KeyID
		if id == "" {
			id = s.KeyHash
		}
		e.Signatures = append(e.Signatures, Signature{Value: unspaced(s.Value), KeyID: id})
	}
	return e.checked()
}

// checked returns the envelope if it has what every envelope needs.
func (e *Envelope) checked() (*Envelope, error) {
	if e.Data == "" {
		return nil, &MalformedError{"data", "is missing"}
	}
	if _, err := decode(e.Data); err != nil {
		return nil, &MalformedError{"data", "is not base64url"}
	}
	if len(e.Signatures) > maxSignatures {
		return nil, &MalformedError{"envelope", fmt.Sprintf("has %d signatures; at most %d are looked at", len(e.Signatures), maxSignatures)}
	}
	return e, nil
}

// Payload returns what the envelope holds.
func (e *Envelope) Payload() ([]byte, error) {
	payload, err := decode(e.Data)
	if err != nil {
		return nil, &MalformedError{"data", "is not base64url"}
	}
	return payload, nil
}

// XML returns the envelope as a document in XML.
func (e *Envelope) XML() []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<me:env xmlns:me="` + NS + `"><me:data type="`)
	xmltree.Escape(&b, e.DataType)
	b.WriteString(`">`)
	xmltree.Escape(&b, e.Data)
	b.WriteString("</me:data><me:encoding>")
	xmltree.Escape(&b, e.Encoding)
	b.WriteString("</me:encoding><me:alg>")
	xmltree.Escape(&b, e.Algorithm)
	b.WriteString("</me:alg>")
	for _, s := range e.Signatures {
		b.WriteString("<me:sig")
		if s.KeyID != "" {
			b.WriteString(` key_id="`)
			xmltree.Escape(&b, s.KeyID)
			b.WriteByte('"')
		}
		b.WriteByte('>')
		xmltree.Escape(&b, s.Value)
		b.WriteString("</me:sig>")
	}
	b.WriteString("</me:env>")
	return b.Bytes()
}

// JSON returns the envelope as a document in JSON.
func (e *Envelope) JSON() []byte {
	out := envelopeJSON{Data: e.Data, DataType: e.DataType, Encoding: e.Encoding, Algorithm: e.Algorithm, Signatures: []signatureJSON{}}
	for _, s := range e.Signatures {
		out.Signatures = append(out.Signatures, signatureJSON{Value: s.Value, KeyID: s.KeyID})
	}
	doc, _ := json.Marshal(out) // strings can be marshalled
	return doc
}

// encode is base64url with padding, as everybody but Friendica writes it.
func encode(b []byte) string { return base64.URLEncoding.EncodeToString(b) }

var errNotBase64 = errors.New("not base64url")

// decode reads base64url with and without padding. Old StatusNet wrote the
// alphabet of plain base64.
func decode(s string) ([]byte, error) {
	s = strings.TrimRight(s, "=")
	if strings.ContainsAny(s, "+/") {
		s = strings.NewReplacer("+", "-", "/", "_").Replace(s)
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil, errNotBase64
	}
	return b, nil
}

// unspaced returns text without the white space in it. Lines may be broken
// anywhere in what is base64.
func unspaced(s string) string {
	if !strings.ContainsAny(s, " \t\r\n") {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\r', '\n':
			return -1
		}
		return r
	}, s)
}
