package integration

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"golang.org/x/net/html"

	"manifold/pumpapi/oauth1"
)

// A consent is what a person sees in the browser when a program asks to act for
// them. The program is the test, too.
type consent struct {
	s       *server
	signer  *oauth1.Signer
	browser *http.Client
	forms   []form // of the page that is shown
}

// form is a form of a page: where it goes and what it sends by itself.
type form struct {
	action string
	fields url.Values
}

func newConsent(s *server) *consent {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &consent{s: s, browser: &http.Client{Jar: jar, Timeout: patience}}
}

// open registers the program, asks for a request token and opens the page that
// asks the person.
func (c *consent) open() {
	t := c.s.t
	t.Helper()
	r, err := c.browser.Post(c.s.url+"/api/client/register", "application/json",
		strings.NewReader(`{"type": "client_associate", "application_type": "native", "application_name": "consent test"}`))
	var client struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
	}
	decode(t, c.read(r, err), &client)
	c.signer = &oauth1.Signer{ConsumerKey: client.ClientID, Secrets: oauth1.Secrets{Consumer: client.ClientSecret}}
	token := c.token("/oauth/request_token", oauth1.Call{Callback: oauth1.OutOfBand})
	r, err = c.browser.Get(c.s.url + "/oauth/authorize?oauth_token=" + url.QueryEscape(token.Token))
	c.show(r, err)
}

// token asks for a token.
func (c *consent) token(path string, call oauth1.Call) oauth1.TokenReply {
	t := c.s.t
	t.Helper()
	var err error
	if call.URL, err = url.Parse(c.s.url + path); err != nil {
		t.Fatal(err)
	}
	call.Method = http.MethodPost
	authorization, err := c.signer.AuthorizationHeader(call)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(call.Method, call.URL.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", authorization)
	r, err := c.browser.Do(request)
	reply, err := oauth1.ParseTokenReply([]byte(c.read(r, err)))
	if err != nil {
		t.Fatal(err)
	}
	c.signer.Token, c.signer.Secrets.Token = reply.Token, reply.Secret
	return reply
}

// submit fills in a form of the page and sends it, and returns the next page.
func (c *consent) submit(number int, filled map[string]string) string {
	t := c.s.t
	t.Helper()
	if number >= len(c.forms) {
		t.Fatalf("the page has %d forms", len(c.forms))
	}
	f := c.forms[number]
	for name, value := range filled {
		f.fields.Set(name, value)
	}
	r, err := c.browser.PostForm(c.s.url+f.action, f.fields)
	return c.show(r, err)
}

// show takes an answer for the page that is now shown.
func (c *consent) show(r *http.Response, err error) string {
	t := c.s.t
	t.Helper()
	page := c.read(r, err)
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	c.forms = nil
	for n := range root.Descendants() {
		switch n.Data {
		case "form":
			c.forms = append(c.forms, form{attribute(n, "action"), url.Values{}})
		case "input":
			if len(c.forms) > 0 {
				c.forms[len(c.forms)-1].fields.Set(attribute(n, "name"), attribute(n, "value"))
			}
		}
	}
	return page
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// read reads an answer, whatever its status.
func (c *consent) read(r *http.Response, err error) string {
	t := c.s.t
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
