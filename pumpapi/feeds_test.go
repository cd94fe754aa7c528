package pumpapi_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// story is a small history: bob, whom ann follows, does something of each class.
// It returns the contents of the objects in the parts of ann's inbox, newest first.
func story(ann, bob *visitor) {
	ann.follow(bob) // minor
	bob.note("major")
	first := bob.note("direct major", ann.ref())
	bob.act(doc{"verb": "post", "object": doc{"objectType": "comment", "content": "minor", "inReplyTo": first.ref()}, "cc": []doc{bob.followers()}})
	bob.act(doc{"verb": "post", "object": doc{"objectType": "comment", "content": "direct minor", "inReplyTo": first.ref()}, "to": []doc{ann.ref()}})
	bob.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": "copy major"}, "cc": []doc{ann.ref()}})
	bob.note("major of nobody", bob.ref())
	ann.note("own major")
}

// contents tells a page by what its objects say; a person is told by its id.
func contents(page doc) string {
	var list []string
	for _, item := range page.docs("items") {
		if s := item.text("object.content"); s != "" {
			list = append(list, s)
		} else {
			list = append(list, item.text("verb")+" "+item.text("object.id"))
		}
	}
	return strings.Join(list, ", ")
}

func TestPartsOfStreams(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann, bob := s.person("ann"), s.person("bob")
		story(ann, bob)
		const follow = "follow acct:bob@pump.example"
		tests := []struct {
			v                 *visitor
			path, title, want string
			total             float64
		}{
			{ann, "/api/user/ann/inbox", "Activities for ann", "own major, copy major, direct minor, minor, direct major, major, " + follow, 7},
			{ann, "/api/user/ann/inbox/major", "Major activities for ann", "own major, copy major, direct major, major", 4},
			{ann, "/api/user/ann/inbox/minor", "Minor activities for ann", "direct minor, minor, " + follow, 3},
			{ann, "/api/user/ann/inbox/direct", "Activities directly for ann", "direct minor, direct major", 2},
			{ann, "/api/user/ann/inbox/direct/major", "Major activities directly for ann", "direct major", 1},
			{ann, "/api/user/ann/inbox/direct/minor", "Minor activities directly for ann", "direct minor", 1},
			{bob, "/api/user/bob/feed", "Activities by bob", "major of nobody, copy major, direct minor, minor, direct major, major", 6},
			{bob, "/api/user/bob/feed/major", "Major activities by bob", "major of nobody, copy major, direct major, major", 4},
			{bob, "/api/user/bob/feed/minor", "Minor activities by bob", "direct minor, minor", 2},
			// Others see what they may, and are not told how much else there is.
			{ann, "/api/user/bob/feed", "Activities by bob", "copy major, direct minor, minor, direct major, major", 0},
			{ann, "/api/user/bob/feed/minor", "Minor activities by bob", "direct minor, minor", 0},
			{s.twoLegged(s.program), "/api/user/bob/feed", "Activities by bob", "", 0},
			{s.nobody(), "/api/user/bob/feed/major", "Major activities by bob", "", 0},
		}
		for _, tt := range tests {
			for _, path := range []string{tt.path, tt.path + "/", tt.path + "/?count=20"} {
				page := tt.v.get(path).ok()
				if got := contents(page); got != tt.want {
					t.Errorf("%s has\n%s, want\n%s", path, got, tt.want)
				}
				// Pumpa shows nothing unless the address is the one that it asked for.
				page.has(t, map[string]any{"displayName": tt.title, "url": home + tt.path, "totalItems": tt.total, "objectTypes.0": "activity", "objectTypes.1": nil,
					"links.self.href": home + tt.path, "links.first.href": home + tt.path, "links.next": nil,
					"author.id": "acct:" + strings.Split(tt.path, "/")[3] + "@pump.example", "author.objectType": "person"})
				var prev any
				if items := page.docs("items"); len(items) > 0 {
					prev = home + tt.path + "?since=" + url.QueryEscape(items[0].id())
				}
				page.has(t, map[string]any{"links.prev.href": prev})
			}
		}
	})
}

func TestPagesOfAStream(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann := s.person("ann")
		ids := map[string]string{}
		for i := range 7 {
			a := ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": fmt.Sprint("n", i)}, "to": []doc{public}})
			ids[fmt.Sprint("n", i)] = a.id()
		}
		tests := []struct{ query, want, prev, next string }{
			{"", "n6, n5, n4, n3, n2, n1, n0", "n6", ""},
			{"?count=200", "n6, n5, n4, n3, n2, n1, n0", "n6", ""},
			{"?count=3", "n6, n5, n4", "n6", "n4"},
			{"?count=3&before=n4", "n3, n2, n1", "n3", "n1"},
			{"?count=3&before=n1", "n0", "n0", ""},
			{"?before=n0", "", "", ""},
			{"?count=3&offset=3", "n3, n2, n1", "n3", "n1"},
			{"?count=3&offset=4", "n2, n1, n0", "n2", ""},
			{"?count=3&offset=7", "", "", ""},
			{"?offset=100000", "", "", ""},
			// The items next to the given one, still newest first.
			{"?count=2&since=n1", "n3, n2", "n3", "n2"},
			{"?since=n3", "n6, n5, n4", "n6", "n4"},
			// Nothing new is an empty list, not an error.
			{"?since=n6", "", "", ""},
			{"?count=0", "", "", ""},
		}
		for _, feed := range []string{"/api/user/ann/feed", "/api/user/ann/inbox", "/api/user/ann/inbox/major", "/api/user/ann/feed/major"} {
			for _, tt := range tests {
				for name, escape := range map[string]func(string) string{
					// Qt leaves ':' and '/' as they are, Python does not.
					"raw": func(s string) string { return s }, "escaped": url.QueryEscape} {
					query := tt.query
					for n, id := range ids {
						query = strings.Replace(query, "="+n, "="+escape(id), 1)
					}
					page := ann.get(feed + query).ok()
					if got := contents(page); got != tt.want {
						t.Errorf("%s%s (%s) has %s, want %s", feed, tt.query, name, got, tt.want)
					}
					var prev, next any
					if tt.prev != "" {
						prev = home + feed + "?since=" + url.QueryEscape(ids[tt.prev])
					}
					if tt.next != "" {
						next = home + feed + "?before=" + url.QueryEscape(ids[tt.next])
					}
					page.has(t, map[string]any{"url": home + feed, "totalItems": 7.0, "links.prev.href": prev, "links.next.href": next, "links.self.href": home + feed})
					if items, ok := page["items"].([]any); !ok || items == nil {
						t.Errorf("%s%s has no list of items", feed, tt.query)
					}
				}
			}
		}
		// The links lead over the whole stream, each item once.
		var walked []string
		for next := "/api/user/ann/feed?count=3"; next != ""; {
			page := ann.get(next).ok()
			walked = append(walked, contents(page))
			if next = page.text("links.next.href"); next != "" {
				next += "&count=3" // as Pumpa appends it
			}
		}
		if got := strings.Join(walked, ", "); got != "n6, n5, n4, n3, n2, n1, n0" {
			t.Errorf("the links lead over %s", got)
		}
	})
}

// feedsOf are the paths of every collection that there is.
func feedsOf(ann *visitor) []string {
	note := ann.note("hello", public)
	list := ann.act(doc{"verb": "create", "object": doc{"objectType": "collection", "objectTypes": []string{"person"}, "displayName": "Pals"}}).doc("object")
	foreign := ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "id": "https://x.example/?a=1&b=2", "content": "x"}, "to": []doc{public}}).doc("object")
	feeds := []string{"/api/users", note.text("likes.url"), note.text("replies.url"), note.text("shares.url"), list.text("members.url"),
		foreign.text("likes.url"), foreign.text("replies.url"), foreign.text("shares.url")}
	group := ann.act(doc{"verb": "create", "to": []doc{public}, "object": doc{"objectType": "group", "displayName": "Guild"}}).doc("object")
	named := ann.act(doc{"verb": "create", "to": []doc{public}, "object": doc{"objectType": "group", "id": "tag:x.example,2013:guild", "displayName": "Guild"}}).doc("object")
	feeds = append(feeds, group.text("members.url"), group.text("documents.url"), group.text("links.activity-inbox.href"),
		named.text("members.url"), named.text("documents.url"), named.text("links.activity-inbox.href"),
		"/api/public/feed", "/api/public/feed/major", "/api/public/feed/minor")
	for _, part := range []string{"/inbox", "/inbox/major", "/inbox/minor", "/inbox/direct", "/inbox/direct/major", "/inbox/direct/minor",
		"/feed", "/feed/major", "/feed/minor", "/followers", "/following", "/favorites", "/lists/person", "/uploads"} {
		feeds = append(feeds, ann.user(part))
	}
	return feeds
}

func TestArgumentsOfFeeds(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	long := strings.Repeat("x", 501)
	const (
		count  = "Count must be between 0 and 200"
		offset = "Offset must be an integer greater than or equal to zero"
	)
	tests := []struct{ query, message string }{
		{"count=201", count}, {"count=-1", count}, {"count=x", count}, {"count=", count}, {"count=1e2", count}, {"count=99999999999999999999", count},
		{"offset=-1", offset}, {"offset=x", offset}, {"offset=", offset}, {"offset=1.5", offset},
		{"offset=100001", "Offset must be at most 100000; page with 'before' instead"},
		{"before=", "before is null"}, {"since=", "since is null"},
		{"before=a&since=b", "Can't have both 'before' and 'since' parameters"},
		{"before=a&offset=0", "Can't have both 'before' and 'offset' parameters"},
		{"since=a&offset=0", "Can't have both 'since' and 'offset' parameters"},
		{"q=" + long, "q must have at most 500 bytes"},
	}
	for _, feed := range feedsOf(ann) {
		feed = strings.TrimPrefix(feed, home)
		separator := "?"
		if strings.Contains(feed, "?") {
			separator = "&"
		}
		for _, tt := range tests {
			ann.get(feed+separator+tt.query).refused(400, tt.message)
		}
		// Unknown parameters are no harm: clients have their own.
		ann.get(feed + separator + "count=0&type=person&q=&x").ok()
		if got := ann.get(feed + separator + "count=0").ok().text("url"); got != home+feed {
			t.Errorf("%s calls itself %s", feed, got)
		}
	}
}

func TestUnknownPlaceInAFeed(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	elsewhere := bob.act(aNote).id()
	for path, name := range map[string]string{
		"/inbox": "user:ann:inbox", "/inbox/major": "user:ann:inbox:major", "/inbox/minor": "user:ann:inbox:minor", "/inbox/direct": "user:ann:inbox:direct",
		"/inbox/direct/major": "user:ann:inbox:direct:major", "/inbox/direct/minor": "user:ann:inbox:direct:minor",
		"/feed": "user:ann:outbox", "/feed/major": "user:ann:outbox:major", "/feed/minor": "user:ann:outbox:minor",
	} {
		for _, id := range []string{home + "/api/activity/unknown", elsewhere, ann.id(), "x"} {
			for _, argument := range []string{"before", "since"} {
				ann.get("/api/user/ann"+path+"?"+argument+"="+id).refused(400, "id '"+id+"' not found in stream '"+name+"'")
			}
		}
	}
	bob.follow(ann)
	note := ann.note("hello", public)
	bob.act(doc{"verb": "like", "object": note.ref()})
	bob.act(doc{"verb": "share", "object": note.ref()})
	other := bob.act(doc{"verb": "post", "object": doc{"objectType": "comment", "content": "x", "inReplyTo": ann.note("another", public).ref()}}).doc("object")
	list := ann.act(doc{"verb": "create", "object": doc{"objectType": "collection", "objectTypes": []string{"person"}, "displayName": "Pals"}}).doc("object")
	group := ann.act(doc{"verb": "create", "to": []doc{public}, "object": doc{"objectType": "group", "displayName": "Guild"}}).doc("object")
	inside := func(d doc) string { return strings.ReplaceAll(strings.TrimPrefix(d.id(), home+"/api/"), "/", ":") }
	for path, name := range map[string]string{
		"/api/user/ann/followers": "user:ann:followers", "/api/user/ann/lists/person": "user:ann:lists:person", "/api/user/ann/uploads": "user:ann:uploads",
		note.text("likes.url"): inside(note) + ":likes", note.text("replies.url"): inside(note) + ":replies", note.text("shares.url"): inside(note) + ":shares",
		list.text("members.url"): inside(list) + ":members", group.text("members.url"): inside(group) + ":members",
		group.text("documents.url"): inside(group) + ":documents", group.id() + "/inbox": inside(group) + ":inbox", "/api/users": "users",
		"/api/public/feed": "public", "/api/public/feed/major": "public:major",
	} {
		for _, id := range []string{"acct:carl@pump.example", "x", elsewhere, other.id(), list.id()} {
			if path == "/api/user/ann/lists/person" && id == list.id() || strings.HasPrefix(path, "/api/public/feed") && id == elsewhere {
				continue // that is where it stands
			}
			for _, argument := range []string{"before", "since"} {
				ann.get(path+"?"+argument+"="+id).refused(400, "id '"+id+"' not found in stream '"+name+"'")
			}
		}
	}
	// choqok asks since the last one that it knows, who may have left the list
	// meanwhile. pump.io fails there; here it gets the first page.
	for path, want := range map[string]string{"/api/user/bob/following": ann.id(), "/api/user/bob/favorites": note.id()} {
		for _, query := range []string{"?since=acct:carl@pump.example", "?before=acct:nobody@x.example", "?since=" + elsewhere, "?before=x"} {
			page := ann.get(path + query).ok()
			if got := column(page.docs("items"), "id"); !slices.Equal(got, []string{want}) {
				t.Errorf("%s%s has %v", path, query, got)
			}
		}
	}
}

// TestPeopleFeeds: followers, following and likes.
func TestPeopleFeeds(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		people := s.people("ann", "bob", "carl", "dave", "eve")
		ann, others := people[0], people[1:]
		note := ann.note("hello", public)
		named := ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "displayName": "A title", "content": "x"}, "to": []doc{public}}).doc("object")
		for _, v := range others {
			v.follow(ann)
			ann.follow(v)
			v.act(doc{"verb": "favorite", "object": note.ref()})
			v.act(doc{"verb": "share", "object": note.ref()})
		}
		others[0].act(doc{"verb": "like", "object": named.ref()})
		if got := ann.get(named.text("likes.url")).ok().text("displayName"); got != "People who like A title" {
			t.Errorf("likes are called %q", got)
		}
		for path, title := range map[string]string{"/api/user/ann/followers": "Followers for ann", "/api/user/ann/following": "Following for ann",
			note.text("likes.url"): "People who like a note", note.text("shares.url"): "Shares of a note"} {
			path = strings.TrimPrefix(path, home)
			tests := []struct{ query, want, next, self string }{
				{"", "eve dave carl bob", "", "?offset=0&count=20"},
				{"?count=200&offset=0", "eve dave carl bob", "", "?offset=0&count=200"}, // as Dianara asks
				{"?count=3", "eve dave carl", "carl", "?offset=0&count=3"},
				{"?count=3&before=acct:carl@pump.example", "bob", "", "?before=acct%3Acarl%40pump.example&count=3"},
				{"?count=1&since=acct:bob@pump.example", "carl", "carl", "?since=acct%3Abob%40pump.example&count=1"},
				{"?since=acct:eve@pump.example", "", "", "?since=acct%3Aeve%40pump.example&count=20"},
				{"?count=2&offset=1", "dave carl", "carl", "?offset=1&count=2"},
				// People are named in many ways.
				{"?before=" + home + "/api/user/carl/profile", "bob", "", "?before=" + url.QueryEscape(home+"/api/user/carl/profile") + "&count=20"},
				{"?before=acct:CARL@pump.example", "bob", "", "?before=acct%3ACARL%40pump.example&count=20"},
			}
			for _, tt := range tests {
				page := ann.get(path + tt.query).ok()
				if got := strings.Join(column(page.docs("items"), "preferredUsername"), " "); got != tt.want {
					t.Errorf("%s%s has %q, want %q", path, tt.query, got, tt.want)
				}
				var next any
				if tt.next != "" {
					next = home + path + "?before=" + url.QueryEscape("acct:"+tt.next+"@pump.example")
				}
				page.has(t, map[string]any{"displayName": title, "url": home + path, "totalItems": 4.0, "objectTypes.0": "person", "links.next.href": next})
				if path == strings.TrimPrefix(note.text("shares.url"), home) { // which is a feed of things
					page.has(t, map[string]any{"links.first.href": home + path, "links.self.href": home + path, "links.current": nil})
				} else {
					page.has(t, map[string]any{"links.current.href": home + path, "links.self.href": home + path + tt.self})
				}
			}
			first := ann.get(path).ok()
			first.has(t, map[string]any{"items.0.id": "acct:eve@pump.example", "items.0.objectType": "person", "items.0.pump_io.followed": true,
				"items.0.links.activity-outbox.href": home + "/api/user/eve/feed", "items.0.followers.url": home + "/api/user/eve/followers",
				"links.prev.href": home + path + "?since=" + url.QueryEscape("acct:eve@pump.example")})
			s.nobody().get(path).ok().has(t, map[string]any{"items.0.id": "acct:eve@pump.example", "items.0.pump_io": nil})
		}
	})
}

// TestThingFeeds: replies, favorites, lists and uploads.
func TestThingFeeds(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann, bob := s.person("ann"), s.person("bob")
		note := ann.note("hello", public)
		var replies, favorites, lists, uploads []string
		for i := range 4 {
			reply := bob.act(doc{"verb": "post", "object": doc{"objectType": "comment", "content": fmt.Sprint("r", i), "inReplyTo": note.ref()}}).doc("object")
			replies = append(replies, reply.id())
			ann.act(doc{"verb": "favorite", "object": reply.ref()})
			favorites = append(favorites, reply.id())
			list := ann.act(doc{"verb": "create", "to": []doc{public}, "object": doc{"objectType": "collection", "objectTypes": []string{"person"}, "displayName": fmt.Sprint("l", i)}})
			lists = append(lists, list.text("object.id"))
			upload := ann.send(request{method: "POST", path: "/api/user/ann/uploads", body: picture(t, 5+i, 5, "png"), contentType: "image/png"}).ok()
			uploads = append(uploads, upload.id())
		}
		for _, feed := range []struct {
			path, title string
			ids         []string
			author      any
		}{
			{strings.TrimPrefix(note.text("replies.url"), home), "Replies to a note", replies, nil},
			{"/api/user/ann/favorites", "Things that ann has favorited", favorites, ann.id()},
			{"/api/user/ann/lists/person", "Collections of persons for ann", lists, ann.id()},
			{"/api/user/ann/uploads", "Uploads by ann", uploads, ann.id()},
		} {
			newest := slices.Clone(feed.ids)
			slices.Reverse(newest)
			link := func(argument string, id string) string {
				return home + feed.path + "?" + argument + "=" + url.QueryEscape(id)
			}
			tests := []struct {
				query string
				want  []string
				next  any
			}{
				{"", newest, nil},
				{"?count=2", newest[:2], link("before", newest[1])},
				{"?count=2&before=" + newest[1], newest[2:], link("before", newest[3])},
				{"?count=3&before=" + newest[1], newest[2:], nil},
				{"?count=2&offset=1", newest[1:3], link("before", newest[2])},
				{"?count=1&since=" + newest[3], newest[2:3], link("before", newest[2])},
				{"?since=" + newest[0], nil, nil},
			}
			for _, tt := range tests {
				page := ann.get(feed.path + tt.query).ok()
				if got := column(page.docs("items"), "id"); !slices.Equal(got, tt.want) && len(got)+len(tt.want) > 0 {
					t.Errorf("%s%s has %v, want %v", feed.path, tt.query, got, tt.want)
				}
				page.has(t, map[string]any{"displayName": feed.title, "url": home + feed.path, "totalItems": 4.0, "author.id": feed.author,
					"links.first.href": home + feed.path, "links.self.href": home + feed.path, "links.next.href": tt.next})
			}
		}
		ann.get(note.text("replies.url")).ok().has(t, map[string]any{"items.0.content": "r3", "items.0.author.id": bob.id(), "items.0.liked": true,
			"items.0.inReplyTo": nil, "items.0.likes.totalItems": 1.0, "items.0.replies.url": replies[3] + "/replies"})
		bob.get("/api/user/ann/lists/person").ok().has(t, map[string]any{"objectTypes.0": "collection", "items.0.displayName": "l3",
			"items.0.members.url": lists[3] + "/members", "items.0.members.totalItems": 0.0})
		ann.get("/api/user/ann/lists/nonsense").refused(404, "Unknown type: nonsense")
		ann.get("/api/user/ann/lists/image").ok().has(t, map[string]any{"totalItems": 0.0, "items.0": nil, "displayName": "Collections of images for ann"})
		// Nothing of an object that is there already, such as "_slug" or its row, is told.
		for name := range ann.get("/api/user/ann/uploads").ok().docs("items")[0] {
			if strings.HasPrefix(name, "_") {
				t.Errorf("an upload shows the private member %s", name)
			}
		}
	})
}

// TestFeedOfForeignID: a collection that is asked for by id has no room for a
// second parameter in its links.
func TestFeedOfForeignID(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob, carl := s.person("ann"), s.person("bob"), s.person("carl")
	foreign := ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "id": "https://x.example/?a=1&b=2", "content": "x"}, "to": []doc{public}}).doc("object")
	for _, v := range []*visitor{bob, carl} {
		v.act(doc{"verb": "like", "object": foreign.ref()})
		v.act(doc{"verb": "post", "object": doc{"objectType": "comment", "content": "c", "inReplyTo": foreign.ref()}})
	}
	for _, feed := range []string{"likes", "replies"} {
		page := ann.get(foreign.text(feed+".url") + "&count=1").ok()
		if links := fmt.Sprint(page["links"]); strings.Count(links, "since") > 0 || strings.Count(links, "before") > 0 {
			t.Errorf("the links of %s are %s", feed, links)
		}
		if got := len(ann.get(foreign.text(feed+".url") + "&offset=1").ok().docs("items")); got != 1 {
			t.Errorf("the second page of %s has %d items", feed, got)
		}
	}
}

func TestPostToHalfOfAFeed(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	note := ann.note("hello", public)
	comment := doc{"verb": "post", "object": doc{"objectType": "comment", "content": "x", "inReplyTo": note.ref()}}
	ann.post("/api/user/ann/feed/major", aNote).ok()
	ann.post("/api/user/ann/feed/major", doc{"verb": "share", "object": note.ref()}).ok()
	ann.post("/api/user/ann/feed/major", doc{"verb": "checkin", "object": doc{"objectType": "place", "displayName": "Here"}}).ok()
	ann.post("/api/user/ann/feed/minor", comment).ok()
	ann.post("/api/user/ann/feed/minor", doc{"verb": "favorite", "object": note.ref()}).ok()
	before := s.state()
	ann.post("/api/user/ann/feed/minor", aNote).refused(400, "Only minor activities to this feed.")
	ann.post("/api/user/ann/feed/major", comment).refused(400, "Only major activities to this feed.")
	ann.post("/api/user/ann/feed/major", doc{"verb": "unfavorite", "object": note.ref()}).refused(400, "Only major activities to this feed.")
	ann.post("/api/user/ann/feed/major", doc{"verb": "create", "object": doc{"objectType": "collection", "displayName": "x", "objectTypes": []string{"person"}}}).
		refused(400, "Only major activities to this feed.")
	if s.state() != before {
		t.Error("a refused activity changed something")
	}
}
