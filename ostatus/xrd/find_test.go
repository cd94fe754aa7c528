package xrd_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"manifold/ostatus/xrd"
)

// web is a web of documents by their addresses; where is where a redirect leads.
type web map[string]document

type document struct {
	body, kind, where string
	link              string
	status            int
	err               error
}

// asked notes the addresses that were fetched.
func (w web) fetch(asked *[]string) xrd.Fetch {
	return func(_ context.Context, address, _ string, limit int) (*xrd.Answer, error) {
		*asked = append(*asked, address)
		d := w[address]
		if d.where != "" {
			address = d.where
			d = w[address]
		}
		switch {
		case d.err != nil:
			return nil, d.err
		case d.status == 0 && d.body == "" && d.link == "":
			d.status = http.StatusNotFound
		case d.status == 0:
			d.status = http.StatusOK
		}
		h := http.Header{"Content-Type": {d.kind}}
		if d.link != "" {
			h.Set("Link", d.link)
		}
		return &xrd.Answer{Address: address, Status: d.status, Header: h, Body: []byte(d.body)[:min(limit, len(d.body))]}, nil
	}
}

func jrd(subject string, aliases ...string) document {
	d := &xrd.Descriptor{Subject: subject, Aliases: aliases, Links: []xrd.Link{{Rel: xrd.RelSalmon, Href: "https://salmon.example/" + subject}}}
	return document{body: string(d.JSON()), kind: xrd.MediaTypeJRD}
}

func xml(d *xrd.Descriptor) document { return document{body: string(d.XML()), kind: xrd.MediaTypeXRD} }

func lrdd(templates ...string) document {
	d := &xrd.Descriptor{}
	for i := 0; i < len(templates); i += 2 {
		d.Links = append(d.Links, xrd.Link{Rel: xrd.RelLRDD, Type: templates[i], Template: templates[i+1]})
	}
	return xml(d)
}

const (
	finger   = "/.well-known/webfinger?resource="
	hostMeta = "/.well-known/host-meta"
	ann      = "acct%3Aann%40us.example"
)

func TestFind(t *testing.T) {
	for _, tt := range []struct {
		name      string
		web       web
		ask       string
		http      bool
		resource  string // "" for not found
		address   string
		askedLast string
	}{
		{name: "WebFinger", ask: "ann@us.example", resource: "acct:ann@us.example", address: "https://us.example" + finger + ann,
			web: web{"https://us.example" + finger + ann: jrd("acct:ann@us.example")}},
		{name: "WebFinger in XML", ask: "ann@us.example", resource: "acct:ann@us.example", address: "https://us.example" + finger + ann,
			web: web{"https://us.example" + finger + ann: xml(&xrd.Descriptor{Subject: "ann@us.example"})}},
		{name: "an address among the aliases", ask: "https://us.example/user/1", resource: "https://us.example/user/1",
			web: web{"https://us.example" + finger + "https%3A%2F%2Fus.example%2Fuser%2F1": jrd("acct:ann@us.example", "https://us.example/user/1")}},
		{name: "on a port", ask: "ann@us.example:8080", resource: "acct:ann@us.example:8080",
			web: web{"https://us.example:8080" + finger + "acct%3Aann%40us.example%3A8080": jrd("acct:ann@us.example:8080")}},
		{name: "host-meta, the template for JSON first", ask: "ann@us.example", resource: "acct:ann@us.example", address: "https://us.example/j?" + ann,
			web: web{"https://us.example" + hostMeta: lrdd(xrd.MediaTypeXRD, "https://us.example/x?{uri}", xrd.MediaTypeJRD, "https://us.example/j?{uri}"),
				"https://us.example/x?" + ann: jrd("acct:ann@us.example"), "https://us.example/j?" + ann: jrd("acct:ann@us.example")}},
		{name: "host-meta of old, without a type, on another host", ask: "ann@us.example", resource: "acct:ann@us.example", address: "https://other.example/x?" + ann,
			web: web{"https://us.example" + hostMeta: lrdd("", "https://other.example/x?{uri}"), "https://other.example/x?" + ann: jrd("acct:ann@us.example")}},
		{name: "one template is broken", ask: "ann@us.example", resource: "acct:ann@us.example", address: "https://us.example/x?" + ann,
			web: web{"https://us.example" + hostMeta: lrdd(xrd.MediaTypeJRD, "https://us.example/none", xrd.MediaTypeJRD, "https://us.example/j?{uri}", xrd.MediaTypeXRD, "https://us.example/x?{uri}"),
				"https://us.example/j?" + ann: {body: "<html>oops", kind: "text/html"}, "https://us.example/x?" + ann: jrd("acct:ann@us.example")}},
		{name: "redirected host-meta", ask: "ann@us.example", resource: "acct:ann@us.example",
			web: web{"https://us.example" + hostMeta: {where: "https://www.us.example/hm"}, "https://www.us.example/hm": lrdd("", "https://us.example/x?{uri}"),
				"https://us.example/x?" + ann: jrd("acct:ann@us.example")}},
		{name: "Link header of the page", ask: "https://us.example/ann", resource: "https://us.example/ann",
			web: web{"https://us.example/ann": {body: "<html>", kind: "text/html", link: `</d>; rel="lrdd"; type="application/xrd+xml"`}, "https://us.example/d": jrd("", "https://us.example/ann")}},
		{name: "link in the page", ask: "https://us.example/ann", resource: "https://us.example/ann",
			web: web{"https://us.example/ann": {body: `<link rel="LRDD" href="d">`, kind: "text/html; charset=utf-8"}, "https://us.example/d": jrd("", "https://us.example/ann")}},

		{name: "http where it is allowed", ask: "ann@us.example", http: true, resource: "acct:ann@us.example",
			web: web{"http://us.example" + finger + ann: jrd("acct:ann@us.example")}},
		{name: "http where it is not", ask: "ann@us.example", web: web{"http://us.example" + finger + ann: jrd("acct:ann@us.example")}},
		{name: "a template on http", ask: "ann@us.example", web: web{"https://us.example" + hostMeta: lrdd("", "http://us.example/x?{uri}"), "http://us.example/x?" + ann: jrd("acct:ann@us.example")}},
		{name: "a redirect to http", ask: "ann@us.example", web: web{"https://us.example" + finger + ann: {where: "http://us.example/x"}, "http://us.example/x": jrd("acct:ann@us.example")}},
		{name: "https first", ask: "ann@us.example", http: true, resource: "acct:ann@us.example", address: "https://us.example" + finger + ann,
			web: web{"https://us.example" + finger + ann: jrd("acct:ann@us.example"), "http://us.example" + finger + ann: jrd("acct:ann@us.example", "http")}},

		{name: "another spelling of the nick", ask: "Ann@us.example", resource: "acct:ann@us.example",
			web: web{"https://us.example" + finger + "acct%3AAnn%40us.example": jrd("acct:ann@us.example"), "https://us.example" + finger + ann: jrd("acct:ann@us.example")}},
		{name: "the web host of an account host", ask: "https://www.us.example/ann", resource: "acct:ann@us.example",
			web: web{"https://www.us.example" + finger + "https%3A%2F%2Fwww.us.example%2Fann": jrd("acct:ann@us.example", "https://www.us.example/ann"),
				"https://us.example" + hostMeta: lrdd("", "https://www.us.example/d?{uri}"), "https://www.us.example/d?" + ann: jrd("acct:ann@us.example", "https://www.us.example/ann")}},
		{name: "the subject is an address, the account has lost its port", ask: "ann@us.example:8080", resource: "https://us.example:8080/user/1",
			web: web{"https://us.example:8080" + finger + "acct%3Aann%40us.example%3A8080": jrd("https://us.example:8080/user/1", "acct:ann@us.example"),
				"https://us.example:8080" + finger + "https%3A%2F%2Fus.example%3A8080%2Fuser%2F1": jrd("https://us.example:8080/user/1", "acct:ann@us.example")}},
	} {
		var asked []string
		f := &xrd.Finder{Fetch: tt.web.fetch(&asked), AllowHTTP: tt.http}
		found, err := f.Find(t.Context(), tt.ask)
		if tt.resource == "" {
			if e, ok := errors.AsType[*xrd.NotFoundError](err); !ok || len(e.Tries) == 0 {
				t.Errorf("%s: found %+v, %v", tt.name, found, err)
			}
			for _, a := range asked {
				if strings.HasPrefix(a, "http:") {
					t.Errorf("%s: %s was asked", tt.name, a)
				}
			}
			continue
		}
		if err != nil || found.Resource.URI != tt.resource || !found.Descriptor.Is(tt.resource) || tt.address != "" && found.Address != tt.address {
			t.Errorf("%s: %+v %v after %q", tt.name, found, err, asked)
		}
	}
}

// Nobody can publish a descriptor of somebody elsewhere: the host of whom it is
// about is asked.
func TestFindUnmasks(t *testing.T) {
	genuine := jrd("acct:bob@bobs.example", "https://bobs.example/bob")
	forged := &xrd.Descriptor{Subject: "acct:bob@bobs.example", Aliases: []string{"https://evil.example/x"}, Links: []xrd.Link{{Rel: xrd.RelKey, Href: "data:evil"}}}
	const bob, x = "acct%3Abob%40bobs.example", "acct%3Ax%40evil.example"
	var asked []string
	f := &xrd.Finder{Fetch: web{"https://evil.example" + finger + x: xml(forged), "https://bobs.example" + finger + bob: genuine}.fetch(&asked)}
	found, err := f.Find(t.Context(), "x@evil.example")
	if err != nil || found.Resource.URI != "acct:bob@bobs.example" || found.Descriptor.Link(xrd.RelKey) != nil {
		t.Errorf("%+v %v", found, err)
	}

	// The address is among the aliases, the subject elsewhere: the same.
	f.Fetch = web{"https://evil.example" + finger + "https%3A%2F%2Fevil.example%2Fx": xml(forged), "https://bobs.example" + finger + bob: genuine}.fetch(&asked)
	found, err = f.Find(t.Context(), "https://evil.example/x")
	if err != nil || found.Resource.URI != "acct:bob@bobs.example" || found.Descriptor.Is("https://evil.example/x") {
		t.Errorf("%+v %v", found, err)
	}

	// Bob's server knows nothing of it, or answers with somebody else.
	f.Fetch = web{"https://evil.example" + finger + x: xml(forged)}.fetch(&asked)
	if found, err = f.Find(t.Context(), "x@evil.example"); err == nil {
		t.Errorf("found %+v", found)
	}
	f.Fetch = web{"https://evil.example" + finger + x: xml(forged), "https://bobs.example" + finger + bob: jrd("acct:carol@bobs.example")}.fetch(&asked)
	if _, err = f.Find(t.Context(), "x@evil.example"); !isUnconfirmed(err) {
		t.Errorf("%v", err)
	}
	// Two that point at each other are asked once each.
	asked = nil
	f.Fetch = web{"https://evil.example" + finger + x: jrd("acct:bob@bobs.example"), "https://bobs.example" + finger + bob: jrd("acct:x@evil.example")}.fetch(&asked)
	if _, err = f.Find(t.Context(), "x@evil.example"); !isUnconfirmed(err) || len(asked) != 2 {
		t.Errorf("%v after %q", err, asked)
	}
	// A subject that cannot be asked.
	f.Fetch = web{"https://evil.example" + finger + x: jrd("bob")}.fetch(&asked)
	if _, err = f.Find(t.Context(), "x@evil.example"); !isUnconfirmed(err) || err.Error() != `xrd: the descriptor of x@evil.example is about "bob"` {
		t.Errorf("%v", err)
	}
}

func isUnconfirmed(err error) bool {
	_, ok := errors.AsType[*xrd.UnconfirmedError](err)
	return ok
}

// What was not found says where it was looked for, and whether to try again.
func TestNotFound(t *testing.T) {
	for _, tt := range []struct {
		name      string
		web       web
		temporary bool
	}{
		{"nothing there", web{}, false},
		{"an address that nobody asks", web{"https://us.example" + finger + ann: {err: &xrd.RefusedError{Err: errors.New("of our own")}}}, false},
		{"an error page", web{"https://us.example" + hostMeta: {body: "<!DOCTYPE html><p>no</p>", kind: "text/html"}}, false},
		{"a descriptor of nothing", web{"https://us.example" + finger + ann: jrd("")}, false},
		{"a fault there", web{"https://us.example" + hostMeta: {status: 503}}, true},
		{"too many questions", web{"https://us.example" + hostMeta: {status: 429}}, true},
		{"no connection", web{"https://us.example" + finger + ann: {err: errors.New("connection refused")}}, true},
	} {
		var asked []string
		_, err := (&xrd.Finder{Fetch: tt.web.fetch(&asked)}).Find(t.Context(), "ann@us.example")
		e, ok := errors.AsType[*xrd.NotFoundError](err)
		if !ok || e.Temporary != tt.temporary || len(e.Tries) != 2 || !strings.Contains(err.Error(), e.Tries[1].Address+": "+e.Tries[1].Reason) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	// Where plain http is allowed there may be nobody who speaks TLS. That one of two
	// documents cannot be asked for on either says nothing.
	silence := document{err: errors.New("connection refused")}
	closed := web{"https://us.example" + finger + ann: silence, "https://us.example" + hostMeta: silence}
	var asked []string
	_, err := (&xrd.Finder{Fetch: closed.fetch(&asked), AllowHTTP: true}).Find(t.Context(), "ann@us.example")
	if e, ok := errors.AsType[*xrd.NotFoundError](err); !ok || e.Temporary {
		t.Errorf("without TLS: %v", err)
	}
	closed["http://us.example"+hostMeta] = silence
	_, err = (&xrd.Finder{Fetch: closed.fetch(&asked), AllowHTTP: true}).Find(t.Context(), "ann@us.example")
	if e, ok := errors.AsType[*xrd.NotFoundError](err); !ok || !e.Temporary {
		t.Errorf("half without TLS: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	asked = nil
	if _, err := (&xrd.Finder{Fetch: web{}.fetch(&asked)}).Find(ctx, "ann@us.example"); !errors.Is(err, context.Canceled) || len(asked) > 1 {
		t.Errorf("after its end: %v, asked %q", err, asked)
	}
	if _, err := (&xrd.Finder{}).Find(t.Context(), "nobody"); err == nil {
		t.Error("asked for a name that is none")
	}
}
