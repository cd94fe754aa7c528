package gnusocial

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// feedLength is how many entries a feed shows.
const feedLength = 20

func (s *Server) getUserFeed(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.people {
		if strconv.Itoa(p.profile.number)+".atom" == r.PathValue("file") {
			w.Header().Set("Content-Type", typeAtom+"; charset=utf-8")
			_, _ = w.Write(s.feed(p.profile, p.entries[:min(len(p.entries), feedLength)]...))
			return
		}
	}
	http.NotFound(w, r)
}

func (s *Server) getGroupFeed(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.groups {
		if strconv.Itoa(g.number)+".atom" == r.PathValue("file") {
			w.Header().Set("Content-Type", typeAtom+"; charset=utf-8")
			_, _ = w.Write(s.feed(g.profile, g.entries[:min(len(g.entries), feedLength)]...))
			return
		}
	}
	http.NotFound(w, r)
}

// feed is a feed of somebody with some entries, as it is shown and pushed.
func (s *Server) feed(p *profile, entries ...*node) []byte {
	n := group("feed",
		&node{name: "generator", attrs: []string{"uri", "https://gnusocial.rocks/", "version", "2.0.1-beta0"}, text: "GNU social"},
		text("id", p.Feed), text("title", p.Nick+" timeline"), text("subtitle", "Updates from "+p.Nick+"!"), text("updated", stamp(time.Now())),
		s.author(p),
		link("alternate", p.Page, "type", typeHTML), link("http://api.friendfeed.com/2008/03#sup", s.Base+"/main/sup", "type", "application/json"),
		link("hub", s.Base+"/main/push/hub"), link("salmon", p.Salmon), link(relReplies, p.Salmon), link(relMentions, p.Salmon),
		link("self", p.Feed, "type", typeAtom))
	if p.Group {
		n.add(text("statusnet:group_info", "", "member_count", strconv.Itoa(len(s.members[p.URI]))))
	}
	n.attrs = []string{"xml:lang", "en-US"}
	return n.add(entries...).root().document()
}

// moment is the present, and later than all moments before by a second at least: what
// people do by hand is never within one second, which is all that feeds tell.
func (s *Server) moment() time.Time {
	s.clock.Lock()
	defer s.clock.Unlock()
	now := time.Now().UTC().Truncate(time.Second)
	if !now.After(s.latest) {
		now = s.latest.Add(time.Second)
	}
	s.latest = now
	return now
}

// stamp is a time as feeds have it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05+00:00") }

// tag is an id of here. The port is in it, though a tag: cannot have one.
func (s *Server) tag(what string, args ...any) string {
	return fmt.Sprintf("tag:%s,%s:%s", s.Host, time.Now().UTC().Format("2006-01-02"), fmt.Sprintf(what, args...))
}

// entry is a notice as an entry. In the feed of its author it has none of its own.
func (s *Server) entry(n *Notice, withAuthor bool) *node {
	e := group("entry")
	if n.Verb == "share" {
		e.add(text("id", n.ID), text("title", n.Title), text("content", n.Content, "type", "html"), link("alternate", n.URL, "type", typeHTML))
	} else {
		e.add(s.note(n)...)
	}
	e.add(text("activity:verb", schema+n.Verb), text("published", stamp(n.Published)), text("updated", stamp(n.Published)))
	if withAuthor {
		e.add(s.author(s.profiles[n.Author]))
	}
	if n.Verb == "share" {
		e.add(s.repeated(n))
	}
	return e.add(s.context(n)...)
}

// note is what a notice is, besides who has done what with it.
func (s *Server) note(n *Notice) []*node {
	return []*node{
		text("activity:object-type", schema+n.Type), text("id", n.ID), text("title", n.Title), text("content", n.Content, "type", "html"),
		link("alternate", n.URL, "type", typeHTML), text("statusnet:notice_id", strconv.Itoa(n.number)),
	}
}

// context is where a notice belongs and whom it is for.
func (s *Server) context(n *Notice) []*node {
	var list []*node
	if n.ReplyTo != "" {
		reply := text("thr:in-reply-to", "", "ref", n.ReplyTo)
		if parent := s.notices[n.ReplyTo]; parent != nil {
			reply.attrs = append(reply.attrs, "href", parent.URL)
			list = append(list, link("related", parent.URL))
		}
		list = append(list, reply)
	}
	page := s.Base + "/conversation/" + strconv.Itoa(n.number)
	list = append(list, link("ostatus:conversation", page),
		text("ostatus:conversation", n.Conversation, "href", page, "local_id", strconv.Itoa(n.number), "ref", n.Conversation))
	for _, uri := range n.Mentions {
		kind := "person"
		if p := s.profiles[uri]; p != nil {
			kind = p.kind()
		}
		list = append(list, mentionLink(uri, kind))
	}
	if n.Public {
		list = append(list, mentionLink(everybody, "collection"))
	}
	if len(n.Tags) == 0 {
		list = append(list, text("category", "", "term", ""))
	}
	for _, t := range n.Tags {
		list = append(list, text("category", "", "term", t))
	}
	for _, f := range n.Enclosures {
		href := f.URL
		if n.lost {
			href = ""
		}
		list = append(list, link("enclosure", href, "type", f.Type, "length", strconv.Itoa(f.Length)))
	}
	if n.Point != "" {
		list = append(list, text("georss:point", n.Point))
	}
	self := fmt.Sprintf("%s/api/statuses/show/%d.atom", s.Base, n.number)
	list = append(list, link("self", self, "type", typeAtom), link("edit", self, "type", typeAtom))
	info := text("statusnet:notice_info", "", "local_id", strconv.Itoa(n.number), "source", "api")
	if original := s.notices[n.Repeats]; original != nil {
		info.attrs = append(info.attrs, "repeat_of", strconv.Itoa(original.number))
	}
	return append(list, info)
}

// repeated is what a repeat repeats: the posting of the note, which has the note
// inside, both by the id of the note.
func (s *Server) repeated(n *Notice) *node {
	original := s.notices[n.Repeats]
	if original == nil {
		return nil
	}
	note := group("activity:object", s.note(original)...)
	return group("activity:object", text("activity:object-type", schema+"activity"), text("id", original.ID), text("title", ""),
		text("content", original.Content, "type", "html"), link("alternate", original.URL, "type", typeHTML),
		text("activity:verb", schema+"post"), text("published", stamp(original.Published)), text("updated", stamp(original.Published)),
		s.author(s.profiles[original.Author]), note)
}

// isFeed reports whether a topic is the address of a feed of here.
func (s *Server) isFeed(topic string) bool {
	for _, p := range s.profiles {
		if p.local && p.Feed == topic {
			return true
		}
	}
	return false
}
