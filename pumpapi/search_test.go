package pumpapi_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// work has the jobs of a site done until the test ends.
func (s *site) work() {
	s.t.Helper()
	if err := s.bridge.Start(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.bridge.Stop(ctx); err != nil {
			s.t.Error(err)
		}
	})
}

// indexed waits until everything that was posted is found.
func (s *site) indexed() {
	s.t.Helper()
	until(s.t, "everything is in the index of search", func() bool {
		var n int
		if err := s.db.SQL().QueryRowContext(s.t.Context(), "SELECT COUNT(*) FROM search_queue").Scan(&n); err != nil {
			s.t.Fatal(err)
		}
		return n == 0
	})
}

func TestSearch(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		s.work()
		ann, bob, eve := s.person("ann"), s.person("bob"), s.person("eve")
		bob.follow(ann)
		boat := ann.note("a red <b>boat</b>", public)
		ann.note("a blue boat")
		ann.note("a secret boat", ann.ref())
		ann.act(doc{"verb": "post", "object": doc{"objectType": "comment", "content": "what a boat!", "inReplyTo": boat.ref()}, "to": []doc{public}})
		eve.note("a boat of eve")
		bob.post(bob.user("/favorites"), boat.ref()).ok()
		bob.post(bob.user("/favorites"), ann.note("liked", public).ref()).ok()
		s.indexed()
		const red, blue, comment = "a red <b>boat</b>", "a blue boat", "what a boat!"
		for _, tt := range []struct {
			v          *visitor
			path, want string
		}{
			{bob, "/api/user/bob/inbox?q=boat", comment + ", " + blue + ", " + red},
			{bob, "/api/user/bob/inbox?q=Boat+RED", red},
			{bob, "/api/user/bob/inbox/?q=boat", comment + ", " + blue + ", " + red},
			{bob, "/api/user/bob/inbox/major?q=boat", blue + ", " + red},
			{bob, "/api/user/bob/inbox/minor?q=boat", comment},
			{bob, "/api/user/bob/inbox/direct?q=boat", ""},
			{bob, "/api/user/bob/inbox?q=ann+boat", comment + ", " + blue + ", " + red},
			{bob, "/api/user/bob/inbox?q=boats", ""},
			{bob, "/api/user/bob/inbox?q=bo*", comment + ", " + blue + ", " + red},
			{bob, "/api/user/bob/inbox?q=%22%27%3A%2A%29", ""},
			{bob, "/api/user/bob/inbox?q=secret", ""},
			{ann, "/api/user/ann/inbox?q=secret", "a secret boat"},
			{ann, "/api/user/ann/feed?q=boat", comment + ", a secret boat, " + blue + ", " + red},
			{bob, "/api/user/ann/feed?q=boat", comment + ", " + blue + ", " + red},
			{eve, "/api/user/ann/feed?q=boat", comment + ", " + red},
			{s.nobody(), "/api/user/ann/feed/major?q=boat", red},
			{s.nobody(), "/api/public/feed?q=boat", comment + ", " + red},
			{bob, "/api/user/bob/inbox?q=", ""},
		} {
			page := tt.v.get(tt.path).ok()
			if strings.HasSuffix(tt.path, "q=") {
				if n := len(page.docs("items")); n < 4 {
					t.Errorf("%s has %d items: an empty text is no text", tt.path, n)
				}
				continue
			}
			if got := contents(page); got != tt.want {
				t.Errorf("%s finds %q, want %q", tt.path, got, tt.want)
			}
			address, query, _ := strings.Cut(tt.path, "?q=")
			word, _ := url.QueryUnescape(query)
			page.has(t, map[string]any{"totalItems": nil, "url": home + strings.TrimSuffix(address, "/"),
				"links.self.href": home + strings.TrimSuffix(address, "/") + "?q=" + url.QueryEscape(word), "links.next": nil})
		}
		if got := objectContents(bob.get("/api/user/bob/favorites?q=boat").ok()); got != red {
			t.Errorf("among the favorites %q is found", got)
		}
		bob.get("/api/user/bob/inbox?q="+strings.Repeat("x", 501)).refused(400, "q must have at most 500 bytes")
		bob.get("/api/user/ann/inbox?q=boat").refused(401, "Not authorized")
		eve.get("/api/user/bob/inbox?q=boat").refused(401, "Not authorized")
	})
}

// objectContents tells a page of things by what they say.
func objectContents(page doc) string {
	var list []string
	for _, item := range page.docs("items") {
		list = append(list, item.text("content"))
	}
	return strings.Join(list, ", ")
}

// The links of what was found lead over all of it, each item once.
func TestPagesOfASearch(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.work()
	ann := s.person("ann")
	for i := range 5 {
		ann.note(fmt.Sprint("word ", i), public)
		ann.note(fmt.Sprint("other ", i), public)
	}
	s.indexed()
	var walked []string
	for next := "/api/user/ann/feed?count=2&q=word"; next != ""; {
		page := ann.get(next).ok()
		walked = append(walked, contents(page))
		if next = page.text("links.next.href"); next != "" {
			next += "&count=2"
		}
	}
	if got := strings.Join(walked, ", "); got != "word 4, word 3, word 2, word 1, word 0" {
		t.Errorf("the links lead over %s", got)
	}
	page := ann.get("/api/user/ann/inbox?q=word&count=2&offset=2").ok()
	if got := contents(page); got != "word 2, word 1" {
		t.Errorf("with an offset %s is found", got)
	}
	newer := ann.get(page.text("links.prev.href")).ok()
	if got := contents(newer); got != "word 4, word 3" {
		t.Errorf("what is newer is %s", got)
	}
}
