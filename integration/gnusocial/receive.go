package gnusocial

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Ways by which a notice came.
const (
	WayHere   = "here"
	WaySalmon = "salmon"
	WayPush   = "push"
	WayFeed   = "feed" // the feed was read
)

// Notice is what somebody has posted or repeated.
type Notice struct {
	ID, URL, Author string
	Verb, Type      string // the last parts: post, note
	Title, Content  string
	ReplyTo         string
	Conversation    string
	// Said is the conversation that its author names, which is not that of here where
	// what it answers is known.
	Said string
	// Mentions are people and groups, without everybody.
	Mentions   []string
	Public     bool
	Tags       []string
	Enclosures []Enclosure
	// Repeats is the id of what is repeated.
	Repeats   string
	Point     string
	Published time.Time
	// Way is how it came, and Entry what came.
	Way   string
	Entry string
	// Groups are those that it is shown in.
	Groups []string

	number int
	lost   bool // enclosures have lost their address
}

// Enclosure is a file of a notice.
type Enclosure struct {
	URL, Type string
	Length    int
}

// receive does what somebody did: the author of an entry that came to or from
// somebody. What has an unknown verb is ignored with success.
func (s *Server) receive(entry, author *element, of *profile, way string) error {
	said, err := readPerson(author)
	if err != nil {
		return err
	}
	actor, err := s.meet(said.URI)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if !actor.local {
		actor.update(said)
	}
	s.mu.Unlock()
	object := entry.first(nsActivity, "object")
	verb := word(entry.value(nsActivity, "verb"))
	switch verb {
	case "post", "":
		return s.receiveNotice(entry, actor, of, way)
	case "share":
		return s.receiveRepeat(entry, object, actor, way)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	target := object.value(nsAtom, "id")
	bySalmon := way == WaySalmon
	switch verb {
	case "follow", "make-friend", "join", "unfollow", "leave":
		if bySalmon { // a feed has follows that have ended long since
			return s.relate(verb, actor, of, target)
		}
	case "favorite", "like", "unfavorite", "unlike":
		return s.favour(verb, actor, target)
	case "delete":
		id := target
		if id == "" {
			id = entry.value(nsAtom, "id")
		}
		return s.erase(id, actor)
	case "tag", "untag":
		return s.list(verb, entry, target)
	}
	return nil
}

// relate has somebody follow or leave somebody of here. Of a group it means to join
// and leave.
func (s *Server) relate(verb string, actor, to *profile, target string) error {
	if target != to.URI {
		return fmt.Errorf("%s %s was sent to %s", verb, target, to.URI)
	}
	set := s.follows[actor.URI]
	if to.Group {
		set = s.members[to.URI]
	}
	switch {
	case verb == "unfollow" || verb == "leave":
		if to.Group {
			delete(set, actor.URI)
		} else {
			delete(set, to.URI)
		}
	case to.Group:
		remember(s.members, to.URI, actor.URI)
	default:
		remember(s.follows, actor.URI, to.URI)
	}
	return nil
}

// favour has somebody like a notice, or no longer.
func (s *Server) favour(verb string, actor *profile, id string) error {
	if s.notices[id] == nil {
		return fmt.Errorf("%s of %q, which is not known", verb, id)
	}
	if strings.HasPrefix(verb, "un") {
		delete(s.faves[id], actor.URI)
		return nil
	}
	remember(s.faves, id, actor.URI)
	return nil
}

// erase deletes a notice by its author; that it is gone already is no error.
func (s *Server) erase(id string, actor *profile) error {
	n := s.notices[id]
	if n == nil {
		return nil
	}
	if n.Author != actor.URI {
		return fmt.Errorf("%s is not of %s", id, actor.URI)
	}
	delete(s.notices, id)
	s.order = slices.DeleteFunc(s.order, func(other string) bool { return other == id })
	return nil
}

// list puts somebody on a list of somebody else's, or takes them off.
func (s *Server) list(verb string, entry *element, target string) error {
	list := entry.first(nsActivity, "target")
	id := list.value(nsAtom, "id")
	if id == "" || word(list.value(nsActivity, "object-type")) != "list" {
		return errors.New("it does not say which list")
	}
	if verb == "untag" {
		delete(s.lists[id], target)
		return nil
	}
	remember(s.lists, id, target)
	return nil
}

// readNotice reads a note, from an entry or from what is inside of one.
func readNotice(e *element) *Notice {
	n := &Notice{
		ID: e.value(nsAtom, "id"), Title: e.value(nsAtom, "title"), Content: contentOf(e), URL: e.href("alternate", typeHTML),
		Verb: "post", Type: word(e.value(nsActivity, "object-type")), Point: e.value(nsGeoRSS, "point"),
	}
	if n.Type == "" {
		n.Type = "note"
	}
	n.ReplyTo = e.first(nsThread, "in-reply-to").attr("", "ref")
	c := e.first(nsOStatus, "conversation")
	if n.Said = c.attr("", "ref"); n.Said == "" {
		n.Said = e.value(nsOStatus, "conversation")
	}
	if n.Said == "" {
		n.Said = e.href("ostatus:conversation", "")
	}
	for _, l := range e.links("mentioned") {
		switch href := l.attr("", "href"); href {
		case "":
		case everybody:
			n.Public = true
		default:
			if !slices.Contains(n.Mentions, href) {
				n.Mentions = append(n.Mentions, href)
			}
		}
	}
	for _, c := range e.all(nsAtom, "category") {
		if term := c.attr("", "term"); term != "" {
			n.Tags = append(n.Tags, term)
		}
	}
	for _, l := range e.links("enclosure") {
		length, _ := strconv.Atoi(l.attr("", "length"))
		n.Enclosures = append(n.Enclosures, Enclosure{l.attr("", "href"), l.attr("", "type"), length})
	}
	n.Published, _ = time.Parse(time.RFC3339, e.value(nsAtom, "published"))
	return n
}

// contentOf is the content of an entry as HTML.
func contentOf(e *element) string {
	c := e.first(nsAtom, "content")
	if c == nil {
		return ""
	}
	if c.attr("", "type") == "xhtml" {
		return c.Inner
	}
	return strings.TrimSpace(c.Text)
}

// receiveNotice keeps what somebody has posted, once.
func (s *Server) receiveNotice(entry *element, actor, of *profile, way string) error {
	n := readNotice(entry)
	n.Author, n.Way, n.Entry = actor.URI, way, "<entry>"+entry.Inner+"</entry>"
	switch {
	case n.ID == "":
		return errors.New("a notice without an id")
	case n.Content == "":
		return fmt.Errorf("the notice %s has no content", n.ID)
	case n.URL == "":
		return fmt.Errorf("the notice %s has no page", n.ID)
	case n.Published.IsZero():
		return fmt.Errorf("the notice %s does not say when it was published", n.ID)
	}
	if err := tooLong(n.ID, n.URL); err != nil {
		return err
	}
	s.mu.Lock()
	announce := s.keep(n, actor, of)
	s.mu.Unlock()
	if announce != nil {
		s.later(announce)
	}
	return nil
}

// keep stores a notice that is not known yet. It returns what is to be done for the
// groups that it is shown in.
func (s *Server) keep(n *Notice, actor, of *profile) (announce func()) {
	if known := s.notices[n.ID]; known != nil {
		// A group may show what came from its author before.
		if of != nil && of.Group && !of.local && slices.Contains(n.Mentions, of.URI) && !slices.Contains(known.Groups, of.URI) {
			known.Groups = append(known.Groups, of.URI)
		}
		return nil
	}
	n.number = s.number()
	n.Conversation = n.Said
	if parent := s.notices[n.ReplyTo]; parent != nil {
		n.Conversation = parent.Conversation
	}
	s.notices[n.ID] = n
	s.order = append(s.order, n.ID)
	var told []*Group
	for _, uri := range n.Mentions {
		p := s.profiles[uri]
		switch {
		case p == nil || !p.Group:
		case !p.local:
			// A group elsewhere has shown it by its feed, which it is in then.
			if p == of {
				n.Groups = append(n.Groups, uri)
			}
		case s.members[uri][actor.URI]:
			// Whoever is no member has said it to nobody but themselves.
			n.Groups = append(n.Groups, uri)
			told = append(told, s.groupOf(uri))
		}
	}
	if len(told) == 0 {
		return nil
	}
	return func() {
		for _, g := range told {
			s.mu.Lock()
			entry := s.entry(n, true)
			g.entries = append([]*node{entry}, g.entries...)
			s.mu.Unlock()
			s.publish(g.profile, entry)
		}
	}
}

func (s *Server) groupOf(uri string) *Group {
	for _, g := range s.groups {
		if g.profile.URI == uri {
			return g
		}
	}
	return nil
}

// receiveRepeat keeps a repeat, and what it repeats where that is not known.
func (s *Server) receiveRepeat(entry, object *element, actor *profile, way string) error {
	if object == nil {
		return errors.New("a repeat of nothing")
	}
	inner := object
	if word(object.value(nsActivity, "object-type")) == "activity" {
		if inner = object.first(nsActivity, "object"); inner == nil {
			return errors.New("a repeat of an activity without an object")
		}
	}
	original := readNotice(inner)
	if original.Published.IsZero() {
		original.Published, _ = time.Parse(time.RFC3339, object.value(nsAtom, "published"))
	}
	s.mu.Lock()
	known := s.notices[original.ID] != nil
	s.mu.Unlock()
	if !known {
		author := actorOf(object)
		if author == nil {
			author = actorOf(inner)
		}
		said, err := readPerson(author)
		if err != nil {
			return fmt.Errorf("a repeat without the author of what it repeats: %w", err)
		}
		by, err := s.meet(said.URI)
		if err != nil {
			return err
		}
		original.Author, original.Way, original.Entry = by.URI, way, "<object>"+object.Inner+"</object>"
		s.mu.Lock()
		s.keep(original, by, nil)
		s.mu.Unlock()
	}
	n := readNotice(entry)
	n.Verb, n.Repeats, n.Author, n.Way, n.Entry = "share", original.ID, actor.URI, way, "<entry>"+entry.Inner+"</entry>"
	if n.ID == "" || n.ID == original.ID || n.URL == "" {
		return fmt.Errorf("the repeat of %s has no id or page of its own", original.ID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(n, actor, nil)
	return nil
}
