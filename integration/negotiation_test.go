package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// finger is what WebFinger says of somebody.
type finger struct {
	Subject string
	Aliases []string
	Links   []struct{ Rel, Type, Href, Template string }
}

func (s *server) finger(t *testing.T, name string) *finger {
	t.Helper()
	f := new(finger)
	decode(t, s.wire("GET", "/.well-known/webfinger?resource="+url.QueryEscape(name), nil).is(t, "webfinger of "+name, 200).body, f)
	return f
}

func (f *finger) all(rel string) []string {
	var list []string
	for _, l := range f.Links {
		if l.Rel == rel {
			list = append(list, l.Type+" "+l.Href+l.Template)
		}
	}
	return list
}

const asAS2 = "Accept: application/activity+json"

// TestProperty1OneAnswerForAllNames: somebody answers WebFinger for every name that
// any network has for them with the same subject and the links of all, and the name
// that was asked for is among those in the answer.
func TestProperty1OneAnswerForAllNames(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, database string) {
		s := newServer(t, database)
		s.start()
		s.addUser("Ann")
		host := strings.TrimPrefix(s.url, "http://")
		names := []string{"acct:Ann@" + host, "Ann@" + host, "acct:ann@localhost", s.url + "/users/Ann", s.url + "/api/user/Ann/profile", s.url + "/Ann"}
		first := s.finger(t, names[0])
		if first.Subject != "acct:Ann@"+host {
			t.Errorf("the subject is %s", first.Subject)
		}
		for rel, want := range map[string]string{
			"self": "application/activity+json " + s.url + "/users/Ann", "http://webfinger.net/rel/profile-page": "text/html " + s.url + "/Ann",
			"activity-inbox": " " + s.url + "/api/user/Ann/inbox", "activity-outbox": " " + s.url + "/api/user/Ann/feed",
			"http://schemas.google.com/g/2010#updates-from": "application/atom+xml " + s.url + "/users/Ann/feed.atom",
			"http://ostatus.org/schema/1.0/subscribe":       " " + s.url + "/authorize_interaction?uri={uri}",
		} {
			if got := first.all(rel); !slices.Equal(got, []string{want}) {
				t.Errorf("%s is %v, want %s", rel, got, want)
			}
		}
		for _, name := range names {
			got := s.finger(t, name)
			if !slices.Contains(append(got.Aliases, got.Subject), name) {
				t.Errorf("%s is not among the names of %v", name, got)
			}
			if got.Subject != first.Subject || fmt.Sprint(got.Links) != fmt.Sprint(first.Links) {
				t.Errorf("%s is answered %v, and %s %v", name, got, names[0], first)
			}
		}
		for _, name := range []string{s.url + "/actor", "acct:localhost@" + host} {
			if got := s.finger(t, name).all("self"); !slices.Equal(got, []string{"application/activity+json " + s.url + "/actor"}) {
				t.Errorf("%s is %v", name, got)
			}
		}
	})
}

// TestProperty2OnePersonInEveryForm: the id of somebody gives the same person
// whatever form is asked for, with ids that do not change.
func TestProperty2OnePersonInEveryForm(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, database string) {
		s := newServer(t, database)
		s.start()
		ann := s.person("Ann")
		note := ann.post("hello")
		ask := func(target, accept string) reply {
			t.Helper()
			if accept == "" {
				return s.wire("GET", target, nil)
			}
			return s.wire("GET", target, nil, "Accept: "+accept)
		}
		var as2 struct {
			ID, Type, PreferredUsername, Outbox string
			PublicKey                           struct{ Owner string }
		}
		decode(t, ask("/users/Ann", "application/activity+json").is(t, "the actor", 200).body, &as2)
		if as2.ID != s.url+"/users/Ann" || as2.Type != "Person" || as2.PreferredUsername != "Ann" || as2.Outbox != as2.ID+"/outbox" {
			t.Errorf("the actor is %+v", as2)
		}
		for _, accept := range []string{"", "*/*", "application/json"} {
			for range 2 {
				var as1 struct{ ID, ObjectType, PreferredUsername string }
				decode(t, ask("/users/Ann", accept).is(t, "the person for "+accept, 200).body, &as1)
				if as1.ID != s.url+"/api/user/Ann/profile" || as1.ObjectType != "person" || as1.PreferredUsername != "Ann" {
					t.Errorf("for %q the person is %+v", accept, as1)
				}
			}
		}
		const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
		if got := ask("/users/Ann", browser).is(t, "the page", http.StatusSeeOther).header.Get("Location"); got != s.url+"/Ann" {
			t.Errorf("a browser is led to %s", got)
		}
		// A thing that is not public is no more there in one form than in another.
		path := strings.TrimPrefix(note.Object.ID, s.url)
		for accept, want := range map[string]int{"application/activity+json": 404, "application/json": 401, browser: 404} {
			ask(path, accept).is(t, "a private note for "+accept, want)
		}
		var public activity
		ann.ask("POST", ann.path("feed"), forAll("for all"), &public)
		path = strings.TrimPrefix(public.Object.ID, s.url)
		var inAS2 map[string]any
		decode(t, ask(path, "application/activity+json").is(t, "the note", 200).body, &inAS2)
		if inAS2["id"] != public.Object.ID || inAS2["attributedTo"] != s.url+"/users/Ann" || inAS2["content"] != "for all" {
			t.Errorf("the note is %v", inAS2)
		}
		var inAS1 thing
		decode(t, ask(path, "application/json").is(t, "the note in AS1", 200).body, &inAS1)
		if inAS1.ID != public.Object.ID || inAS1.Content != "for all" {
			t.Errorf("in AS1 it is %+v", inAS1)
		}
		page := ask(path, browser).is(t, "the note for a browser", http.StatusSeeOther).header.Get("Location")
		if r := ask(strings.TrimPrefix(page, s.url), browser).is(t, "its page", 200); !strings.Contains(r.body, "for all") {
			t.Errorf("the page %s says %.300s", page, r.body)
		}
		// A program with credentials is one, whatever it accepts.
		if status, answer := ann.try("GET", strings.TrimPrefix(note.Object.ID, s.url), nil); status != 200 || !json.Valid([]byte(answer)) {
			t.Errorf("%d %.300s", status, answer)
		}
	})
}

// TestActivityPubAlone: the network needs no other.
func TestActivityPubAlone(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, database string) {
		s := newServer(t, database, "MANIFOLD_NETWORKS=activitypub", "MANIFOLD_AUTHORIZED_FETCH=on")
		s.start()
		s.addUser("ann")
		f := s.finger(t, "acct:ann@"+strings.TrimPrefix(s.url, "http://"))
		if got := f.all("self"); !slices.Equal(got, []string{"application/activity+json " + s.url + "/users/ann"}) || len(f.all("activity-inbox")) > 0 {
			t.Errorf("%+v", f)
		}
		var server map[string]any
		decode(t, s.wire("GET", "/actor", nil, asAS2).is(t, "the server", 200).body, &server)
		if server["type"] != "Application" {
			t.Errorf("the server is %v", server)
		}
		for _, path := range []string{"/users/ann", "/users/ann/outbox"} {
			s.wire("GET", path, nil, asAS2).is(t, path+" without a signature", 401)
			s.wire("GET", path, nil).is(t, path+" without a signature, in any form", 401)
		}
		var info struct{ Protocols []string }
		decode(t, s.wire("GET", "/nodeinfo/2.1", nil).is(t, "NodeInfo", 200).body, &info)
		if !slices.Equal(info.Protocols, []string{"activitypub"}) {
			t.Errorf("the networks are %v", info.Protocols)
		}
		if got := s.wire("GET", "/users/ann", nil, "Accept: text/html").is(t, "a browser", http.StatusSeeOther).header.Get("Location"); got != s.url+"/ann" {
			t.Errorf("a browser is led to %s", got)
		}
		s.wire("GET", "/api/user/ann/feed", nil).is(t, "the API of pump.io", 404)
	})
}

// TestIDsLeadToDescriptors: whoever asks an id or the page of somebody, or the id of a
// group, in whatever form, is led by the header to the descriptor, and by that to
// the feed.
func TestIDsLeadToDescriptors(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, database string) {
		s := newServer(t, database)
		s.start()
		ann := s.person("ann")
		var made activity
		ann.ask("POST", ann.path("feed"), map[string]any{"verb": "create", "object": map[string]any{"objectType": "group", "displayName": "Walkers"},
			"to": []any{map[string]any{"objectType": "collection", "id": "http://activityschema.org/collection/public"}}}, &made)
		for address, feed := range map[string]string{s.url + "/ann": "/users/ann/feed.atom", s.url + "/users/ann": "/users/ann/feed.atom",
			s.url + ann.path("profile"): "/users/ann/feed.atom", made.Object.ID: strings.TrimPrefix(made.Object.ID, s.url) + "/feed.atom"} {
			for _, accept := range []string{"application/activity+json", "application/json", "text/html"} {
				links := s.wire("HEAD", strings.TrimPrefix(address, s.url), nil, "Accept: "+accept).header.Values("Link")
				i := slices.IndexFunc(links, func(l string) bool { return strings.HasSuffix(l, `>; rel="lrdd"; type="application/xrd+xml"`) })
				if i < 0 {
					t.Errorf("%s as %s has the links %q", address, accept, links)
					continue
				}
				target, _, _ := strings.Cut(strings.TrimPrefix(links[i], "<"), ">")
				if d := s.wire("GET", strings.TrimPrefix(target, s.url), nil).is(t, target, 200); !strings.Contains(d.body, `href="`+s.url+feed+`"`) {
					t.Errorf("%s leads to %s, which says %s", address, target, d.body)
				}
			}
		}
	})
}
