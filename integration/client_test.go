package integration

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"manifold/pumpapi/oauth1"
)

// A person uses a server through a program that signs its requests.
type person struct {
	t      *testing.T
	server *server
	nick   string
	signer *oauth1.Signer
}

// credentials are what 'manifold token --json' prints.
type credentials struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Token        string `json:"token"`
	TokenSecret  string `json:"token_secret"`
}

// person makes an account and a token for it, by the command line.
func (s *server) person(nick string) *person {
	s.t.Helper()
	s.addUser(nick)
	var c credentials
	decode(s.t, s.do("", "token", nick, "--json"), &c)
	return &person{s.t, s, nick, &oauth1.Signer{ConsumerKey: c.ClientID, Token: c.Token, Secrets: oauth1.Secrets{Consumer: c.ClientSecret, Token: c.TokenSecret}}}
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(into); err != nil {
		t.Fatalf("not the JSON that was expected: %v\n%.500s", err, text)
	}
	if d.More() {
		t.Fatalf("more than one JSON value: %.500s", text)
	}
}

// at is the same person, asking another server on the same database.
func (p *person) at(s *server) *person {
	other := *p
	other.server = s
	return &other
}

// browser is not patient: tests that wait do so themselves.
var browser = &http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// request is a signed request, ready to be sent; to send it again is a replay.
type request struct {
	method, path, authorization string
	body                        []byte
	contentType                 string // of the body, "" for JSON
}

// sign makes a signed request for a path below the server's address. body is
// sent as JSON, unless it is nil.
func (p *person) sign(method, path string, body any) (*request, error) {
	r := &request{method: method, path: path}
	if body != nil {
		var err error
		if r.body, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	u, err := url.Parse(p.server.url + path)
	if err == nil {
		r.authorization, err = p.signer.AuthorizationHeader(oauth1.Call{Method: method, URL: u})
	}
	return r, err
}

// send sends a request to a server and reads the answer.
func (r *request) send(s *server) (status int, answer string, err error) {
	hr, err := http.NewRequest(r.method, "http://"+s.address+r.path, bytes.NewReader(r.body))
	if err != nil {
		return 0, "", err
	}
	_, hr.Host, _ = strings.Cut(s.url, "://")
	hr.Header.Set("Authorization", r.authorization)
	if r.body != nil {
		hr.Header.Set("Content-Type", cmp.Or(r.contentType, "application/json"))
	}
	response, err := browser.Do(hr)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return response.StatusCode, string(b), err
}

// try makes a signed request and returns what came of it.
func (p *person) try(method, path string, body any) (status int, answer string) {
	p.t.Helper()
	r, err := p.sign(method, path, body)
	if err == nil {
		status, answer, err = r.send(p.server)
	}
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	return status, answer
}

// ask makes a signed request that has to succeed, and decodes the answer.
func (p *person) ask(method, path string, body, into any) {
	p.t.Helper()
	status, answer := p.try(method, path, body)
	if status != http.StatusOK {
		p.t.Fatalf("%s %s: status %d: %.300s", method, path, status, answer)
	}
	decode(p.t, answer, into)
}

// thing is as much of an object as the tests look at.
type thing struct {
	ID, ObjectType, Content, PreferredUsername string
}

// activity is as much of an activity as the tests look at.
type activity struct {
	ID, Verb, Published string
	Actor, Object       thing
	Generator           struct{ DisplayName string }
}

// path is the address of something that is this person's, below the server.
func (p *person) path(what string) string { return "/api/user/" + p.nick + "/" + what }

// post posts a note to those who follow.
func (p *person) post(content string) activity {
	p.t.Helper()
	var a activity
	p.ask("POST", p.path("feed"), p.note(content), &a)
	return a
}

func (p *person) note(content string) map[string]any {
	return map[string]any{
		"verb": "post", "object": map[string]any{"objectType": "note", "content": content},
		"cc": []any{map[string]any{"objectType": "collection", "id": p.server.url + p.path("followers")}},
	}
}

func (p *person) follow(whom *person) {
	p.t.Helper()
	var a activity
	p.ask("POST", p.path("feed"), map[string]any{"verb": "follow",
		"object": map[string]any{"objectType": "person", "id": p.server.url + whom.path("profile")}}, &a)
}

// stream is a page of an inbox or outbox.
type stream struct {
	TotalItems int
	Items      []activity
}

// all pages through a stream from the newest item to the oldest, and checks that
// it has as many items as it says.
func (p *person) all(what string) []activity {
	p.t.Helper()
	var items []activity
	query, total := "?count=200", 0
	for {
		var page stream
		p.ask("GET", p.path(what)+query, nil, &page)
		if len(items) == 0 {
			total = page.TotalItems
		}
		if len(page.Items) == 0 {
			break
		}
		items = append(items, page.Items...)
		query = "?count=200&before=" + url.QueryEscape(page.Items[len(page.Items)-1].ID)
	}
	if len(items) != total {
		p.t.Errorf("the %s of %s says that it has %d items, and has %d", what, p.nick, total, len(items))
	}
	return items
}
