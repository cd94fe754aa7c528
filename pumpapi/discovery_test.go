package pumpapi_test

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// descriptor is a JRD or XRD as others read it.
type descriptor struct {
	Subject string   `json:"subject" xml:"Subject"`
	Aliases []string `json:"aliases" xml:"Alias"`
	Links   []struct {
		Rel      string `json:"rel" xml:"rel,attr"`
		Type     string `json:"type" xml:"type,attr"`
		Href     string `json:"href" xml:"href,attr"`
		Template string `json:"template" xml:"template,attr"`
	} `json:"links" xml:"Link"`
}

// href returns the address of a relation, which must stand there once.
func (d *descriptor) href(t testing.TB, rel string) string {
	t.Helper()
	var found []string
	for _, l := range d.Links {
		if l.Rel == rel {
			found = append(found, l.Href+l.Template)
		}
	}
	if len(found) != 1 {
		t.Errorf("the relation %s has %d links: %v", rel, len(found), found)
		return ""
	}
	return found[0]
}

func (a *answer) jrd(contentType string) *descriptor {
	a.t.Helper()
	if a.status != 200 || a.header.Get("Content-Type") != contentType {
		a.t.Fatalf("%s: %d %s %s", a.request, a.status, a.header.Get("Content-Type"), a.body)
	}
	if got := a.header.Get("Access-Control-Allow-Origin"); got != "*" { // RFC 7033 5
		a.t.Errorf("%s: Access-Control-Allow-Origin is %q", a.request, got)
	}
	d := new(descriptor)
	if err := json.Unmarshal(a.body, d); err != nil {
		a.t.Fatal(err)
	}
	return d
}

func (a *answer) xrd() *descriptor {
	a.t.Helper()
	if a.status != 200 || a.header.Get("Content-Type") != "application/xrd+xml; charset=utf-8" {
		a.t.Fatalf("%s: %d %s %s", a.request, a.status, a.header.Get("Content-Type"), a.body)
	}
	d := &struct {
		XMLName xml.Name `xml:"http://docs.oasis-open.org/ns/xri/xrd-1.0 XRD"`
		descriptor
	}{}
	if err := xml.Unmarshal(a.body, d); err != nil {
		a.t.Fatalf("%v: %s", err, a.body)
	}
	return &d.descriptor
}

const jrdType = "application/jrd+json"

func TestWebFingerOfPeople(t *testing.T) {
	t.Parallel()
	for _, base := range []string{home, portHome} {
		s := newSite(t, siteOptions{base: base})
		ann := s.person("Ann")
		host := strings.TrimPrefix(strings.TrimPrefix(base, "https://"), "http://")
		hostname, _, _ := strings.Cut(host, ":")
		user := base + "/api/user/Ann"
		names := []string{"acct:Ann@" + host, "Ann@" + host, "@Ann@" + host, "acct:ann@" + host, "acct:ANN@" + strings.ToUpper(host), "ACCT:Ann@" + host, "acct:Ann@" + hostname,
			user + "/profile", base + "/Ann", base + "/Ann/", base + "/users/Ann", strings.ToUpper(base[:5]) + base[5:] + "/Ann"}
		for _, name := range names {
			for _, path := range []string{"/.well-known/webfinger?resource=" + name, "/.well-known/webfinger?resource=" + url.QueryEscape(name), "/.well-known/webfinger/?resource=" + name} {
				d := s.nobody().get(path).jrd(jrdType)
				if d.Subject != "acct:Ann@"+host {
					t.Errorf("%s: the subject is %s", path, d.Subject)
				}
				for rel, want := range map[string]string{"self": user + "/profile", "activity-inbox": user + "/inbox", "activity-outbox": user + "/feed",
					"followers": user + "/followers", "following": user + "/following", "favorites": user + "/favorites", "lists": user + "/lists/person",
					"http://webfinger.net/rel/profile-page": base + "/Ann"} {
					if got := d.href(t, rel); got != want {
						t.Errorf("%s: %s is %s, want %s", path, rel, got, want)
					}
				}
				for _, l := range d.Links {
					if l.Rel == "self" && l.Type != "application/json" {
						t.Errorf("%s: self has the type %s", path, l.Type)
					}
				}
				for _, alias := range []string{base + "/Ann", base + "/users/Ann", user + "/profile"} {
					if !slices.Contains(d.Aliases, alias) {
						t.Errorf("%s: the alias %s is missing in %v", path, alias, d.Aliases)
					}
				}
			}
			// Pumpa only asks whether there is somebody.
			if head := s.nobody().send(request{method: "HEAD", path: "/.well-known/webfinger?resource=" + name}); head.status != 200 || len(head.body) > 0 {
				t.Errorf("HEAD for %s: %d %s", name, head.status, head.body)
			}
		}
		// What self leads to is the person.
		d := s.nobody().get("/.well-known/webfinger?resource=Ann@" + host).jrd(jrdType)
		s.nobody().get(d.href(t, "self")).ok().has(t, map[string]any{"id": ann.id()})
	}
}

func TestWebFingerOfThings(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	note := ann.note("hello", public)
	foreign := ann.act(doc{"verb": "post", "object": doc{"id": home + ".evil.example/x", "objectType": "note"}, "to": []doc{public}}).doc("object")
	for _, name := range []string{note.id(), note.text("url")} {
		d := s.nobody().get("/.well-known/webfinger?resource=" + name).jrd(jrdType)
		if d.Subject != note.id() || d.href(t, "self") != note.id() || d.href(t, "likes") != note.id()+"/likes" || d.href(t, "replies") != note.id()+"/replies" ||
			d.href(t, "shares") != note.id()+"/shares" {
			t.Errorf("%s: %+v", name, d)
		}
	}
	secret := ann.note("secret", ann.ref())
	gone := ann.note("gone", public)
	ann.remove(gone.id()).said("Deleted")
	for _, name := range []string{secret.id(), gone.id(), home + "/api/note/unknown", home + "/api/nonsense/x", home + "/ann/note/unknown", home} {
		s.nobody().get("/.well-known/webfinger?resource="+name).refused(404, "Unrecognized object: "+name)
	}
	s.nobody().get("/.well-known/webfinger?resource="+foreign.id()).refused(404, "Unrecognized host: "+foreign.id()+" is not of this server, which is pump.example")
}

func TestWebFingerRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	s.person("gone").remove("/api/user/gone").said("Deleted.")
	unknown := func(name string) string { return "Unrecognized user: " + name }
	elsewhere := func(name string) string {
		return "Unrecognized host: " + name + " is not of this server, which is pump.example"
	}
	for _, path := range []string{"/.well-known/webfinger", "/api/lrdd"} {
		tests := []struct {
			query   string
			status  int
			message string
		}{
			{"", 400, "No resource parameter"},
			{"?resource=", 400, "No resource parameter"},
			{"?resource=acct:nobody@pump.example", 404, unknown("acct:nobody@pump.example")},
			{"?resource=nobody@pump.example", 404, unknown("nobody@pump.example")},
			{"?resource=" + home + "/nobody", 404, unknown(home + "/nobody")},
			{"?resource=acct:ann@other.example", 404, elsewhere("acct:ann@other.example")},
			{"?resource=https://other.example/ann", 404, elsewhere("https://other.example/ann")},
			{"?resource=http://pump.example/nobody", 404, unknown(home + "/nobody")},
			{"?resource=ann", 404, elsewhere("ann")},
			{"?resource=tag:x", 404, elsewhere("tag:x")},
			{"?resource=acct:gone@pump.example", 410, "This account is gone: acct:gone@pump.example"},
		}
		for _, tt := range tests {
			s.nobody().get(path+tt.query).refused(tt.status, tt.message)
			if head := s.nobody().send(request{method: "HEAD", path: path + tt.query}); head.status != tt.status || len(head.body) > 0 {
				t.Errorf("HEAD %s%s: %d", path, tt.query, head.status)
			}
		}
	}
}

func TestHostMeta(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ask := func(path, accept string) *answer {
		r := request{method: "GET", path: path}
		if accept != "" {
			r.header = http.Header{"Accept": {accept}}
		}
		return s.nobody().send(r)
	}
	const jsonType = "application/json; charset=utf-8"
	check := func(what string, d *descriptor) {
		t.Helper()
		// Another pump server does without none of these.
		for rel, want := range map[string]string{"registration_endpoint": home + "/api/client/register",
			"http://apinamespace.org/oauth/request_token": home + "/oauth/request_token",
			"http://apinamespace.org/oauth/authorize":     home + "/oauth/authorize",
			"http://apinamespace.org/oauth/access_token":  home + "/oauth/access_token",
			"http://apinamespace.org/activitypub/whoami":  home + "/api/whoami"} {
			if got := d.href(t, rel); got != want {
				t.Errorf("%s: %s is %s", what, rel, got)
			}
		}
		templates := map[string]string{}
		for _, l := range d.Links {
			if l.Rel == "lrdd" {
				templates[l.Type] = l.Template
			}
		}
		if templates["application/xrd+xml"] != home+"/main/xrd?uri={uri}" || templates["application/json"] != home+"/.well-known/webfinger?resource={uri}" {
			t.Errorf("%s: the templates are %v", what, templates)
		}
	}
	for _, accept := range []string{"", "application/xrd+xml", "application/xml", "application/xrd+xml, application/json; q=0.5", "text/html"} {
		check("XRD for "+accept, ask("/.well-known/host-meta", accept).xrd())
	}
	for _, accept := range []string{"application/json", "*/*", "application/json, application/xrd+xml; q=0.5", "application/jrd+json"} {
		check("JSON for "+accept, ask("/.well-known/host-meta", accept).jrd(jsonType))
	}
	for _, accept := range []string{"", "application/xrd+xml", "*/*"} {
		check("host-meta.json for "+accept, ask("/.well-known/host-meta.json", accept).jrd(jsonType))
	}
}

func TestLRDD(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	note := ann.note("hello", public)
	template := home + "/api/lrdd?resource={uri}"
	for _, name := range []string{"acct:ann@pump.example", "ann@pump.example", home + "/ann", note.id()} {
		path := strings.Replace(template, "{uri}", url.QueryEscape(name), 1)
		plain := s.nobody().get(path).xrd()
		for _, accept := range []string{"application/xrd+xml", "*/*", "text/html"} {
			if d := s.nobody().send(request{method: "GET", path: path, header: http.Header{"Accept": {accept}}}).xrd(); len(d.Links) != len(plain.Links) {
				t.Errorf("%s for %s: %+v", path, accept, d)
			}
		}
		d := s.nobody().send(request{method: "GET", path: path, header: http.Header{"Accept": {"application/json"}}}).jrd(jrdType)
		if d.href(t, "self") != plain.href(t, "self") || d.Subject != plain.Subject || !slices.Equal(d.Aliases, plain.Aliases) {
			t.Errorf("%s: as JSON %+v, as XRD %+v", path, d, plain)
		}
	}
	// Some of old ask with the name of the parameter in the first draft.
	if d := s.nobody().get("/api/lrdd?uri=acct:ann@pump.example").xrd(); d.Subject != "acct:ann@pump.example" {
		t.Errorf("the subject is %s", d.Subject)
	}
}
