package gnusocial

import (
	"errors"
	"fmt"
	"html"
	"maps"
	"slices"
	"time"
)

// Post is what a person says.
type Post struct {
	// Content is HTML; mentions and groups are put before it.
	Content string
	// ReplyTo is the id of a notice that is known here.
	ReplyTo string
	// Mention are the names of people, Groups those of groups.
	Mention, Groups []string
	Tags            []string
	// Photo is a picture in PNG. With LostPhoto its enclosure has no address, as it
	// has in GNU social 2, and only the HTML leads to it.
	Photo     []byte
	LostPhoto bool
	// Point is a place, as latitude and longitude.
	Point string
	// Private has it stay here: OStatus knows no private notices, and GNU social sends
	// none.
	Private bool
}

// Post posts a notice.
func (p *Person) Post(post Post) (*Notice, error) {
	s := p.server
	to := make([]*profile, 0, len(post.Mention)+len(post.Groups))
	for _, name := range slices.Concat(post.Mention, post.Groups) {
		who, err := s.meet(name)
		if err != nil {
			return nil, err
		}
		to = append(to, who)
	}
	s.mu.Lock()
	n, attention, err := p.write(post, to)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	announce := s.keep(n, p.profile, p.profile)
	entry, known := s.entry(n, false), *n
	s.mu.Unlock()
	if post.Private {
		return &known, nil
	}
	p.shows(entry)
	if announce != nil {
		announce()
	}
	signed := p.signed(entry)
	var errs []error
	for _, who := range attention {
		errs = append(errs, p.slap(who, signed))
	}
	return &known, errors.Join(errs...)
}

// write makes a notice, and says who is told of it by a slap: those who are
// mentioned, the groups, who is answered, and whom that had mentioned.
func (p *Person) write(post Post, to []*profile) (*Notice, []*profile, error) {
	s := p.server
	n := &Notice{Author: p.profile.URI, Verb: "post", Type: "note", Public: !post.Private, Tags: post.Tags, Way: WayHere, Published: time.Now(),
		Point: post.Point, lost: post.LostPhoto, Said: s.tag("objectType=thread:nonce=%s", random(8))}
	attention := slices.Clone(to)
	if post.ReplyTo != "" {
		parent := s.notices[post.ReplyTo]
		if parent == nil {
			return nil, nil, fmt.Errorf("%s is not known here", post.ReplyTo)
		}
		n.ReplyTo, n.Type, n.Said = parent.ID, "comment", parent.Conversation
		author := s.profiles[parent.Author]
		if author != p.profile && !slices.Contains(to, author) {
			to = append([]*profile{author}, to...)
			attention = append(attention, author)
		}
		for _, uri := range parent.Mentions {
			if who := s.profiles[uri]; who != nil && who != p.profile && !slices.Contains(attention, who) {
				attention = append(attention, who)
			}
		}
	}
	for _, who := range to {
		sign, class := "@", "mention"
		if who.Group {
			sign, class = "!", "group"
		}
		n.Mentions = append(n.Mentions, who.URI)
		n.Content += fmt.Sprintf(`%s<a href="%s" class="h-card u-url p-nickname %s" title="%s">%s</a> `,
			sign, html.EscapeString(who.URI), class, html.EscapeString(who.shown()), html.EscapeString(who.Nick))
	}
	number := s.last + 1 // that which keep gives it
	n.ID = s.tag("noticeId=%d:objectType=%s", number, n.Type)
	n.URL = fmt.Sprintf("%s/notice/%d", s.Base, number)
	n.Title = fmt.Sprintf("New %s by %s", n.Type, p.profile.Nick)
	n.Content += post.Content
	if post.Photo != nil {
		name := random(16) + ".png"
		s.files[name] = file{"image/png", post.Photo}
		address := s.Base + "/file/" + name
		n.Enclosures = []Enclosure{{address, "image/png", len(post.Photo)}}
		n.Content += fmt.Sprintf(` <a href="%s" class="attachment" rel="nofollow external"><img src="%s" alt=""></a>`, address, address)
	}
	return n, attention, nil
}

// Repeat repeats a notice. Its author is not told unless the feed is followed.
func (p *Person) Repeat(id string) (*Notice, error) {
	s := p.server
	s.mu.Lock()
	original := s.notices[id]
	if original == nil {
		s.mu.Unlock()
		return nil, fmt.Errorf("%s is not known here", id)
	}
	author := s.profiles[original.Author]
	number := s.last + 1
	n := &Notice{
		ID: s.tag("noticeId=%d:objectType=note", number), URL: fmt.Sprintf("%s/notice/%d", s.Base, number), Author: p.profile.URI,
		Verb: "share", Type: "activity", Title: p.profile.Nick + " repeated a notice by " + author.Nick, Public: true, Way: WayHere, Published: time.Now(),
		Content: fmt.Sprintf(`RT @<a href="%s" class="h-card u-url p-nickname mention">%s</a> %s`, html.EscapeString(author.URI), html.EscapeString(author.Nick), original.Content),
		Repeats: original.ID, Said: original.Conversation,
	}
	s.keep(n, p.profile, nil)
	entry, known := s.entry(n, false), *n
	s.mu.Unlock()
	p.shows(entry)
	return &known, nil
}

// Timeline is what a person sees, in the order in which it came: notices and repeats
// of those whom they follow and of their groups, and what mentions them.
func (p *Person) Timeline() []Notice {
	s := p.server
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.choose(func(n *Notice) bool {
		return s.follows[p.profile.URI][n.Author] && n.Way != WaySalmon || slices.Contains(n.Mentions, p.profile.URI) ||
			slices.ContainsFunc(n.Groups, func(g string) bool { return s.members[g][p.profile.URI] })
	})
}

// Notices are what the person has posted and repeated.
func (p *Person) Notices() []Notice { return p.server.NoticesBy(p.profile.URI) }

// NoticesBy are what is known here of somebody, in the order in which it came.
func (s *Server) NoticesBy(uri string) []Notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.choose(func(n *Notice) bool { return n.Author == uri })
}

func (s *Server) choose(match func(*Notice) bool) []Notice {
	var found []Notice
	for _, id := range s.order {
		if n := s.notices[id]; match(n) {
			found = append(found, *n)
		}
	}
	return found
}

// Notice is a notice by its id, nil where it is not known or deleted.
func (s *Server) Notice(id string) *Notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.notices[id]; n != nil {
		known := *n
		return &known
	}
	return nil
}

// Favourites are the names of those who like a notice.
func (s *Server) Favourites(id string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.faves[id]))
}

// Repeats are those of a notice.
func (s *Server) Repeats(id string) []Notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.choose(func(n *Notice) bool { return n.Repeats == id })
}
