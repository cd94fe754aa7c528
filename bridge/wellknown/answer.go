package wellknown

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Descriptor tells who or what an identifier names, as JRD (RFC 7033 4.4) or XRD
// (http://docs.oasis-open.org/xri/xrd/v1.0/xrd-1.0.html).
type Descriptor struct {
	XMLName xml.Name `json:"-" xml:"http://docs.oasis-open.org/ns/xri/xrd-1.0 XRD"`
	Subject string   `json:"subject,omitempty" xml:"Subject,omitempty"`
	Aliases []string `json:"aliases,omitempty" xml:"Alias"`
	Links   []Link   `json:"links" xml:"Link"`
}

// Link is an address, or how one is made, and what it is to the subject.
type Link struct {
	Rel      string `json:"rel" xml:"rel,attr"`
	Type     string `json:"type,omitempty" xml:"type,attr,omitempty"`
	Href     string `json:"href,omitempty" xml:"href,attr,omitempty"`
	Template string `json:"template,omitempty" xml:"template,attr,omitempty"`
}

// refusal is an answer that is not a success.
type refusal struct {
	status int
	text   string
}

func (e *refusal) Error() string { return e.text }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// prefersJSON reports whether a request asks for JSON rather than XML. either is
// the answer where it does not say.
func prefersJSON(r *http.Request, either bool) bool {
	accept := r.Header.Get("Accept")
	switch {
	case strings.Contains(accept, "xml"):
		x, j := strings.Index(accept, "xml"), strings.Index(accept, "json")
		return j >= 0 && j < x
	case strings.Contains(accept, "json"):
		return true
	}
	return either && strings.Contains(accept, "*/*")
}

// oldStatusNet are the beginnings of StatusNet's User-Agent up to 1.1.0, which reads
// only XRD and sends nothing that says so.
var oldStatusNet = []string{"StatusNet/0.", "StatusNet/1.0", "StatusNet/1.1.0"}

// wantsXRD reports whether a request to WebFinger, which answers in JSON, is for XRD.
func wantsXRD(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	if accept == "" || accept == "*/*" {
		return slices.ContainsFunc(oldStatusNet, func(beginning string) bool { return strings.HasPrefix(r.UserAgent(), beginning) })
	}
	return strings.Contains(accept, "xrd+xml") && !prefersJSON(r, false)
}

func sendJSON(w http.ResponseWriter, r *http.Request, status int, contentType string, v any) {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // plain structs of strings and numbers: it cannot fail
	send(w, r, status, contentType, bytes.TrimSuffix(body.Bytes(), []byte("\n")))
}

func sendXRD(w http.ResponseWriter, r *http.Request, d *Descriptor) error {
	b, err := xml.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	send(w, r, http.StatusOK, "application/xrd+xml; charset=utf-8", append([]byte(xml.Header), b...))
	return nil
}

func send(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}
