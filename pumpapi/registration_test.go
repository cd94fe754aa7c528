package pumpapi_test

import (
	"net/url"
	"strings"
	"testing"

	"manifold/pumpapi/oauth1"
)

const register = "/api/client/register"

func TestRegisterProgram(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	tests := []struct {
		name string
		r    request
	}{
		{"the least", request{body: doc{"type": "client_associate"}}},
		{"Pumpa", request{body: doc{"type": "client_associate", "application_name": "Pumpa", "application_type": "native", "logo_uri": "https://pumpa.example/logo.png"}}},
		{"Dianara", request{body: doc{"type": "client_associate", "application_name": "Dianara", "application_type": "native",
			"client_uri": "https://dianara.example", "logo_uri": "https://dianara.example/logo.png"}}},
		{"PyPump", request{body: doc{"type": "client_associate", "application_name": "Shell", "application_type": "native", "contacts": "a@b.example c@d.example",
			"redirect_uri": []string{"https://x.example"}, "logo_url": "http://x.example/l.png"}}},
		{"web", request{body: doc{"type": "client_associate", "application_type": "web", "redirect_uris": "https://x.example/a http://y.example/b"}}},
		{"as a form", request{contentType: oauth1.FormType + "; charset=utf-8", body: url.Values{"type": {"client_associate"}, "application_name": {"Form & Co"}}.Encode()}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.r.method, tt.r.path = "POST", register
			a := s.nobody().in(t).send(tt.r)
			d := a.ok()
			if len(d) != 3 || len(d.text("client_id")) != 22 || len(d.text("client_secret")) != 43 || d["expires_at"] != 0.0 {
				t.Errorf("the answer is %s", d)
			}
			if a.header.Get("Cache-Control") != "no-store" {
				t.Error("the answer may be cached")
			}
			program, err := s.db.Client(t.Context(), d.text("client_id"))
			if err != nil {
				t.Fatal(err)
			}
			s.twoLegged(program).in(t).get("/api/users").ok()
		})
	}
}

func TestRegisterProgramRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	add := func(name string, value any) doc { return doc{"type": "client_associate", name: value} }
	const badURLs = "redirect_uris must be space-separated URLs."
	const badContacts = "contacts must be space-separate email addresses."
	tests := []struct {
		body    any
		status  int
		message string
	}{
		{doc{"application_name": "x"}, 400, "No registration type provided"},
		{doc{"type": ""}, 400, "No registration type provided"},
		{doc{"type": "client_dissociate"}, 400, "Invalid registration type"},
		{add("client_id", "x"), 400, "Only set client_id for update."},
		{add("client_secret", "x"), 400, "Only set client_secret for update."},
		{add("access_token", "x"), 400, "access_token not needed for registration."},
		{add("contacts", []string{"a@b.example"}), 400, "contacts must be a string of space-separated email addresses."},
		{add("contacts", "a@b.example, c@d.example"), 400, badContacts},
		{add("contacts", "nobody"), 400, badContacts},
		{add("contacts", "Ann <ann@b.example>"), 400, badContacts},
		{add("application_type", "desktop"), 400, "Unknown application_type."},
		{add("application_name", strings.Repeat("x", 257)), 400, "application_name must be at most 256 bytes."},
		{add("application_name", 5), 400, "application_name must be a string."},
		{add("logo_url", "logo.png"), 400, "Invalid logo_url."},
		{add("logo_url", "javascript:alert(1)"), 400, "Invalid logo_url."},
		{add("logo_uri", "ftp://x.example/l.png"), 400, "Invalid logo_url."},
		{add("redirect_uris", "myapp://done"), 400, badURLs},
		{add("redirect_uris", "https://a.example/https://b.example/"), 400, badURLs},
		{add("redirect_uris", "https://a.example/,https://b.example/"), 400, badURLs},
		{doc{"type": "client_update"}, 403, "Unauthorized"},
		{doc{"type": "client_update", "client_id": "nobody", "client_secret": "x"}, 403, "Unauthorized"},
		{doc{"type": "client_update", "client_id": s.program.ClientID, "client_secret": "x"}, 403, "Unauthorized"},
		{doc{"type": "client_update", "client_id": s.program.ClientID}, 403, "Unauthorized"},
		{`["type"]`, 400, `Bad document: an object with the member "type" is expected`},
		{``, 400, "Bad document: the document is empty; a JSON object is expected"},
		{`{"type":"client_associate","type":"client_update"}`, 400, "Bad document: type: the member stands twice in the same object"},
		{`"` + strings.Repeat("x", 70<<10) + `"`, 413, "The body is too large."},
	}
	before := s.state()
	for _, tt := range tests {
		s.nobody().post(register, tt.body).refused(tt.status, tt.message)
	}
	if s.state() != before {
		t.Error("a refused registration changed something")
	}
}

func TestUpdateProgram(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	d := s.nobody().post(register, doc{"type": "client_update", "client_id": s.program.ClientID, "client_secret": s.program.Secret,
		"application_name": "Renamed", "application_type": "web", "logo_url": "https://x.example/l.png"}).ok()
	if d.text("client_id") != s.program.ClientID || d.text("client_secret") != s.program.Secret {
		t.Errorf("the answer is %s", d)
	}
	generator := ann.act(aNote).doc("generator")
	generator.has(t, map[string]any{"displayName": "Renamed", "objectType": "service", "image.url": "https://x.example/l.png"})
	if !strings.HasPrefix(generator.id(), "urn:uuid:") || generator.id() != ann.act(aNote).text("generator.id") {
		t.Errorf("the program has the id %q", generator.id())
	}
	// What an update leaves out stays.
	s.nobody().post(register, doc{"type": "client_update", "client_id": s.program.ClientID, "client_secret": s.program.Secret, "contacts": "a@b.example"}).ok()
	ann.act(aNote).doc("generator").has(t, map[string]any{"displayName": "Renamed", "objectType": "service"})
}
