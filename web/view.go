package web

import (
	"encoding/json"
	"html"
	"net/url"
	"time"

	"manifold/models"
	"manifold/models/vocab"
)

// defaultAvatar is shown for people without a picture.
const defaultAvatar = "/images/default.png"

// person is somebody as pages show them.
type person struct {
	Name string
	// Address is like ann@example.org, "" for what has none, as a site.
	Address string
	// URL is where more is shown, here or elsewhere; it may be empty.
	URL, Avatar string
}

// thing is something that was posted.
type thing struct {
	Kind string
	// Level is that of the heading: 1 on its own page, 2 or 3 among others.
	Level             int
	URL, Title        string
	Author            *person
	Published, Edited time.Time
	ReplyTo           *reference
	// Notice stands instead of the thing where it cannot be shown.
	Notice string
	// Warning stands before what the author wants not to be seen unasked.
	Warning string
	Content markup
	// Cut says that Content is only the beginning, without markup.
	Cut                    bool
	Pictures               []picture
	Files                  []reference
	Place                  string
	Likes, Shares, Replies int64
}

// picture is shown small and leads to Full.
type picture struct {
	URL, Full, Alt string
	Width, Height  int
}

// reference is something named, and where it is; URL may be empty.
type reference struct{ Text, URL string }

// entry is an activity: a post, which is shown as the thing that was posted, a
// share, or any other, which is told in one sentence.
type entry struct {
	URL       string
	Published time.Time
	Actor     *person
	Shared    bool
	Thing     *thing
	Sentence  markup
}

// person returns nil for those whom nobody vouches for.
func (s *scene) person(id int64) *person {
	a := s.actors[id]
	if a == nil {
		return nil
	}
	d := a.Doc
	v := &person{Name: firstOf(d.DisplayName, d.PreferredUsername, a.Nickname, d.ID), Avatar: s.root + defaultAvatar}
	switch {
	case a.Nickname == "":
	case a.Local:
		v.Address = a.Nickname + "@" + s.names.Host
	default:
		v.Address = a.Nickname + "@" + a.Host
	}
	if a.State != models.Active {
		return v
	}
	if v.URL = firstOf(webAddress(d.URL), webAddress(d.ID)); a.Local && a.Nickname != "" {
		v.URL = s.names.Page(a.Nickname)
	}
	if d.Image != nil {
		v.Avatar = firstOf(webAddress(d.Image.URL), s.root+defaultAvatar)
	}
	return v
}

func isPost(a *models.Activity) bool { return a.Verb == vocab.VerbPost || a.Verb == vocab.VerbCreate }

func (s *scene) entry(a *models.Activity, level int) *entry {
	e := &entry{URL: webAddress(a.Doc.URL), Published: a.Published, Actor: s.person(a.ActorID)}
	o := s.objects[a.Object.ID]
	if a.Object.Kind != models.KindObject {
		o = nil
	}
	e.Shared = o != nil && a.Verb == vocab.VerbShare
	switch {
	case o != nil && (isPost(a) || e.Shared):
		e.Thing = s.thing(o, level)
	case o != nil && !o.Deleted.IsZero():
		// The stored sentence names what it is about.
		e.Sentence = markup("Something about a " + kindOf(o.Type) + " that was deleted.")
	default:
		e.Sentence = content(a.Doc.Content)
	}
	return e
}

// Heading is what the page of an activity is called.
func (e *entry) Heading() string {
	who := "Somebody"
	if e.Actor != nil {
		who = e.Actor.Name
	}
	switch {
	case e.Shared:
		return "Shared by " + who
	case e.Thing != nil:
		return e.Thing.Heading()
	}
	return "Activity of " + who
}

func (e *entry) about() string {
	if e.Thing != nil {
		return e.Thing.about()
	}
	return plainText(string(e.Sentence), 300)
}

func (s *scene) thing(o *models.Object, level int) *thing {
	t := &thing{Kind: kindOf(o.Type), Level: level, Published: o.Doc.Published}
	if t.Published.IsZero() {
		t.Published = o.Created
	}
	if !s.visible[o.ID] {
		// Nobody vouches for the copy that came with a share: it is neither shown
		// nor attributed.
		t.Notice = "This " + t.Kind + " is not public."
		if where := foreign(o); where != "" {
			t.URL, t.Notice = where, "This "+t.Kind+" is on "+hostOf(where)+"."
		}
		return t
	}
	t.Author = s.person(o.AuthorID)
	switch {
	case !o.Deleted.IsZero():
		t.Notice = "This " + t.Kind + " was deleted."
	case !s.inUse(o.AuthorID):
		t.Notice = "The account that posted this " + t.Kind + " is not in use."
	default:
		s.fill(t, o)
	}
	return t
}

// inUse reports whether what an actor posted may be shown.
func (s *scene) inUse(author int64) bool {
	a := s.actors[author]
	return a == nil || a.State == models.Active
}

// foreign is the address of a copy of something that was made elsewhere and of
// which nothing is known but the copy.
func foreign(o *models.Object) string {
	if o.Local || o.ActivityID != 0 {
		return ""
	}
	return firstOf(webAddress(o.Doc.URL), webAddress(o.Doc.ID))
}

// How many bytes of HTML are shown of one thing, alone and among others. To clean
// a megabyte of markup made for the purpose takes a second.
const (
	longestAlone  = 256 << 10
	longestOfMany = 16 << 10
)

// sensitive is how ActivityPub says that the summary is a warning.
const sensitive = vocab.NSAS2 + "sensitive"

func (s *scene) fill(t *thing, o *models.Object) {
	d := o.Doc
	t.URL, t.Title, t.ReplyTo = s.page(o), d.DisplayName, s.parent(o)
	if d.Updated.After(t.Published) {
		t.Edited = d.Updated
	}
	t.Place = place(d)
	body := firstOf(d.Content, d.Summary)
	var warned bool
	if json.Unmarshal(d.Extra[sensitive], &warned) == nil && warned {
		t.Warning = firstOf(d.DisplayName, plainText(d.Summary, 200), "Not everybody wants to see this.")
		t.Title, body = "", d.Content
	}
	longest, beginning := longestOfMany, 1000
	if t.Level == 1 {
		longest, beginning = longestAlone, maxPlain
	}
	if t.Cut = len(body) > longest; t.Cut {
		t.Content = markup(html.EscapeString(plainText(body, beginning)))
	} else {
		t.Content = content(body)
	}
	t.Likes, t.Shares, t.Replies = o.Counts.Likes, o.Counts.Shares, o.Counts.Replies
	t.attach(d, firstOf(d.DisplayName, plainText(d.Content, 120)))
	for _, a := range d.Attachments[:min(len(d.Attachments), maxAttachments)] {
		t.attach(a, firstOf(a.DisplayName, plainText(firstOf(a.Content, a.Summary), 120)))
	}
}

// maxAttachments is how many attachments of a thing are shown.
const maxAttachments = 20

// attach adds the picture or the file that an object is; name is what it is
// called, "" where nobody said.
func (t *thing) attach(d *vocab.Object, name string) {
	small, full := d.Image, d.FullImage
	if small == nil {
		small = full
	}
	if small == nil && d.Type == vocab.TypeImage {
		small = &vocab.Media{URL: firstOf(d.FileURL, d.URL)}
	}
	if small != nil && webAddress(small.URL) != "" {
		p := picture{URL: small.URL, Full: small.URL, Alt: firstOf(name, "A picture without a description"), Width: small.Width, Height: small.Height}
		if full != nil {
			p.Full = firstOf(webAddress(full.URL), p.Full)
		}
		t.Pictures = append(t.Pictures, p)
	}
	address := webAddress(d.FileURL)
	if d.Stream != nil {
		address = firstOf(webAddress(d.Stream.URL), address)
	}
	if address != "" && d.Type != vocab.TypeImage {
		t.Files = append(t.Files, reference{firstOf(name, "A "+kindOf(d.Type)), address})
	}
}

// Heading is what the page of a thing is called.
func (t *thing) Heading() string {
	if t.Title != "" {
		return t.Title
	}
	return "A " + t.Kind + " by " + t.by()
}

func (t *thing) by() string {
	if t.Author == nil {
		return "somebody"
	}
	return t.Author.Name
}

// about is what a thing says in short.
func (t *thing) about() string {
	if s := firstOf(t.Notice, t.Warning, plainText(string(t.Content), 300)); s != "" {
		return s
	}
	return t.Heading()
}

// page is where people see a thing.
func (s *scene) page(o *models.Object) string {
	author, token := s.actors[o.AuthorID], s.names.Token(o.Doc.ID)
	if o.Local && author != nil && author.Nickname != "" && token != "" {
		return s.names.ThingPage(author.Nickname, o.Type, token)
	}
	return firstOf(webAddress(o.Doc.URL), webAddress(o.Doc.ID))
}

// parent names what a thing replies to, as far as that is public.
func (s *scene) parent(o *models.Object) *reference {
	named := o.Doc.Parent()
	if named == nil {
		return nil
	}
	p := s.objects[o.ParentID]
	switch {
	case p == nil && s.names.Ours(named.ID):
		return &reference{Text: "something here"}
	case p == nil:
		return &reference{"something elsewhere", webAddress(named.ID)}
	case !s.visible[p.ID]:
		if where := foreign(p); where != "" {
			return &reference{"a " + kindOf(p.Type) + " on " + hostOf(where), where}
		}
		return &reference{Text: "something that is not public"}
	case !p.Deleted.IsZero() || !s.inUse(p.AuthorID):
		return &reference{Text: "a " + kindOf(p.Type) + " that is gone"}
	}
	title, author := p.Doc.DisplayName, s.person(p.AuthorID)
	if title == "" {
		title = "a " + kindOf(p.Type)
	}
	if author != nil {
		title += " by " + author.Name
	}
	return &reference{title, s.page(p)}
}

// kindOf is the word for things of a type. Types are an open set.
func kindOf(objectType string) string {
	switch objectType {
	case vocab.TypeNote, vocab.TypeComment, vocab.TypeVideo, vocab.TypeFile, "review", "question", "bookmark":
		return objectType
	case vocab.TypeImage:
		return "picture"
	case vocab.TypeAudio:
		return "recording"
	}
	return "post"
}

func place(d *vocab.Object) string {
	if d.Location == nil {
		return ""
	}
	return d.Location.DisplayName
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
