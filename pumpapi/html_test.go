package pumpapi_test

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// webPage is a page as a browser has it.
type webPage struct {
	t      testing.TB
	status int
	root   *html.Node
}

// page checks that an answer is a page as all pages here are to be, and parses
// it.
func (a *answer) page(status int) *webPage {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s answers %d, want %d: %.500s", a.request, a.status, status, a.body)
	}
	for name, want := range map[string]string{"Content-Type": "text/html; charset=utf-8", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"} {
		if got := a.header.Get(name); got != want {
			a.t.Errorf("%s: the page has %s: %q, want %q", a.request, name, got, want)
		}
	}
	policy := a.header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, part) {
			a.t.Errorf("%s: the policy %q lacks %s", a.request, policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
		a.t.Errorf("%s: the policy %q lets scripts run", a.request, policy)
	}
	checkTags(a.t, a.body)
	root, err := html.Parse(bytes.NewReader(a.body))
	if err != nil {
		a.t.Fatal(err)
	}
	p := &webPage{a.t, a.status, root}
	p.check()
	return p
}

// void are the elements without an end (HTML 13.1.2).
var void = []string{"meta", "link", "input", "br", "hr", "img"}

// checkTags makes sure that every element is closed where it was opened.
func checkTags(t testing.TB, page []byte) {
	t.Helper()
	z := html.NewTokenizer(bytes.NewReader(page))
	var open []string
	for {
		switch z.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Errorf("the page ends within %v", open)
			}
			return
		case html.StartTagToken:
			name, _ := z.TagName()
			if !slices.Contains(void, string(name)) {
				open = append(open, string(name))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if n := len(open); n == 0 || open[n-1] != string(name) {
				t.Fatalf("</%s> within %v", name, open)
			}
			open = open[:len(open)-1]
		}
	}
}

// check looks for what a validator and a screen reader would complain about.
func (p *webPage) check() {
	p.t.Helper()
	ids, labelled := map[string]bool{}, map[string]bool{}
	count := map[string]int{}
	for n := range p.root.Descendants() {
		if n.Type == html.DoctypeNode && n.Data == "html" {
			count["doctype"]++
		}
		if n.Type != html.ElementNode {
			continue
		}
		count[n.Data]++
		names := map[string]bool{}
		for _, a := range n.Attr {
			if names[a.Key] {
				p.t.Errorf("<%s> has %s twice", n.Data, a.Key)
			}
			names[a.Key] = true
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.HasPrefix(strings.ToLower(a.Val), "javascript:") {
				p.t.Errorf("<%s %s=%q> does not belong on a page without scripts", n.Data, a.Key, a.Val)
			}
		}
		if id := attribute(n, "id"); id != "" {
			if ids[id] {
				p.t.Errorf("the id %q stands twice", id)
			}
			ids[id] = true
		}
		if n.Data == "label" {
			labelled[attribute(n, "for")] = true
		}
	}
	for n := range p.root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "input" && attribute(n, "type") != "hidden" && !labelled[attribute(n, "id")] {
			p.t.Errorf("the input %q has no label", attribute(n, "name"))
		}
		if target := attribute(n, "for") + attribute(n, "aria-describedby"); target != "" && !ids[target] {
			p.t.Errorf("<%s> refers to the id %q, which there is not", n.Data, target)
		}
		if n.Data == "button" && strings.TrimSpace(textOf(n)) == "" {
			p.t.Error("a button says nothing")
		}
	}
	for name, want := range map[string]int{"doctype": 1, "title": 1, "h1": 1, "main": 1, "script": 0, "iframe": 0, "style": 0} {
		if count[name] != want {
			p.t.Errorf("the page has %d of %s, want %d", count[name], name, want)
		}
	}
	if lang := attribute(p.element("html"), "lang"); lang != "en" {
		p.t.Errorf("the page is in the language %q", lang)
	}
}

func attribute(n *html.Node, name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

func (p *webPage) find(match func(*html.Node) bool) *html.Node {
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode && match(n) {
			return n
		}
	}
	return nil
}

func (p *webPage) element(name string) *html.Node {
	return p.find(func(n *html.Node) bool { return n.Data == name })
}

// byID returns the element with an id, nil if there is none.
func (p *webPage) byID(id string) *html.Node {
	return p.find(func(n *html.Node) bool { return attribute(n, "id") == id })
}

// must returns the element with an id, which must be there.
func (p *webPage) must(id string) *html.Node {
	p.t.Helper()
	n := p.byID(id)
	if n == nil {
		p.t.Fatalf("the page has no element #%s", id)
	}
	return n
}

// form returns what the browser sends when a button is pressed, and where.
func (p *webPage) form(button *html.Node) (action string, values url.Values) {
	p.t.Helper()
	form := button
	for form != nil && form.Data != "form" {
		form = form.Parent
	}
	if form == nil || attribute(form, "method") != "post" {
		p.t.Fatal("the button is in no form that posts")
	}
	values = url.Values{}
	for n := range form.Descendants() {
		if name := attribute(n, "name"); n.Data == "input" && name != "" {
			values.Set(name, attribute(n, "value"))
		}
	}
	if name := attribute(button, "name"); name != "" {
		values.Set(name, attribute(button, "value"))
	}
	return attribute(form, "action"), values
}

// byName returns the button with a name.
func (p *webPage) button(name string) *html.Node {
	p.t.Helper()
	n := p.find(func(n *html.Node) bool { return n.Data == "button" && attribute(n, "name") == name })
	if n == nil {
		p.t.Fatalf("the page has no button %q", name)
	}
	return n
}

// press sends the form of a button with some fields filled in.
func (v *visitor) press(p *webPage, button *html.Node, fill ...string) *answer {
	v.t.Helper()
	action, values := p.form(button)
	for i := 0; i < len(fill); i += 2 {
		values.Set(fill[i], fill[i+1])
	}
	return v.send(request{method: "POST", path: action, body: values.Encode(), contentType: "application/x-www-form-urlencoded"})
}
