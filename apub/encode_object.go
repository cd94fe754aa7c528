package apub

import (
	"encoding/json"
	"html"
	"strconv"
	"strings"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// Object writes a thing; post is the activity that posted it, which says to whom
// it is addressed, nil where it was never posted.
func (e *Encoder) Object(o *models.Object, post *models.Activity) ([]byte, error) {
	if !o.Deleted.IsZero() {
		return e.Tombstone(o.Doc.ID, o.Type, o.Deleted)
	}
	var to audience
	if post != nil {
		to = e.audience(post.Doc, e.iri(post.Doc.Actor))
	}
	return e.document(e.thing(o, to), ObjectContext)
}

// edited reports whether a thing was changed after it was published. pump.io sets
// the time of the last change always, and Mastodon shows what has one as edited.
func edited(o *models.Object) bool {
	return o.Doc.Updated.Unix() > o.Doc.Published.Unix()
}

// thing builds an object that has a row.
func (e *Encoder) thing(o *models.Object, to audience) *draft {
	doc := o.Doc
	if o.Local && to.limited && e.Files != nil {
		doc = e.opened(doc, e.nickname(doc.Author))
	}
	d := e.described(doc, doc.Type)
	d.to(to.to)
	d.cc(to.cc)
	d.put("audience", to.groups)
	d.attributedTo(e.iri(doc.Author))
	if edited(o) {
		d.updated(doc.Updated)
	}
	d.put("tag", e.tags(d, doc, to))
	if !o.Local {
		return d
	}
	if e.Names.Token(doc.ID) != "" {
		d.replies(doc.ID + "/replies")
		d.put("likes", count(doc.ID+"/likes", o.Counts.Likes))
		d.put("shares", count(doc.ID+"/shares", o.Counts.Shares))
	}
	e.conversation(d, doc)
	policy := e.iri(doc.Author)
	if to.public {
		policy = asPublic
	}
	if !castsVote(doc) && (d.typ == "Note" || d.typ == "Article" || d.typ == "Question") {
		// Without it Mastodon lets nobody quote it (FEP-044f).
		d.put("interactionPolicy", node{"canQuote": node{"automaticApproval": []any{policy}}})
	}
	return d
}

// count is a collection of which no more is told than where it is and how long.
func count(id string, n int64) node {
	return node{"type": "OrderedCollection", "id": id, "totalItems": n}
}

// conversation names the thread. Replies have that of what they reply to, as far
// as it is known; a thread that begins here is a collection of ours (FEP-7888).
func (e *Encoder) conversation(d *draft, doc *vocab.Object) {
	_, known := doc.Extra[nsOStatus+"conversation"]
	if known || len(doc.InReplyTo) > 0 || e.Names.Token(doc.ID) == "" {
		return
	}
	d.put("conversation", e.Names.Thread(doc.ID))
	if _, known := doc.Extra[vocab.NSAS2+"context"]; !known {
		d.put("context", e.Names.Thread(doc.ID))
	}
}

// plain builds an object without a row, with all that it says. It returns nil for
// nothing.
func (e *Encoder) plain(o *vocab.Object) node {
	if o == nil {
		return nil
	}
	d := e.described(o, o.Type)
	if id := e.iri(&vocab.Object{ID: o.ID, Type: o.Type}); id != "" {
		d.id(id)
	}
	d.attributedTo(e.iri(o.Author))
	d.updated(o.Updated)
	d.put("tag", e.tags(d, o, audience{}))
	n, err := d.node()
	if err != nil {
		return nil
	}
	return n
}

// described builds what a thing says by itself.
func (e *Encoder) described(o *vocab.Object, objectType string) *draft {
	d := newDraft(as2TypeOf(objectType, o.Content != ""))
	if isWeb(o.ID) || strings.Contains(o.ID, ":") && !strings.HasPrefix(o.ID, "acct:") {
		d.id(o.ID)
	}
	d.published(o.Published)
	d.times(o.StartTime, o.EndTime)
	if isWeb(o.URL) && o.URL != o.ID {
		d.url(o.URL)
	}
	var parents []string
	for _, p := range o.InReplyTo {
		parents = append(parents, e.iri(p))
	}
	d.inReplyTo(parents)
	if len(parents) > 0 && len(o.InReplyTo[0].UpstreamDuplicates) > 0 {
		d.put("inReplyToAtomUri", o.InReplyTo[0].UpstreamDuplicates[0])
	}
	media := e.attachments(o)
	e.texts(d, o)
	e.rest(d, o)
	d.put("attachment", media)
	if objectType != "" && !castsVote(o) && (len(media) > 0 || defaultType(d.typ, len(o.InReplyTo) > 0) != objectType) {
		d.put(pumpPrefix+"objectType", objectType)
	}
	if objectType == vocab.TypePlace {
		place(d, o)
	}
	d.extras(o.Extra)
	return d
}

// castsVote reports whether a thing is a choice in a poll, which is written as all
// write it: a Note with a name and no content, that says nothing else of itself.
// GoToSocial and Mastodon know it by that.
func castsVote(o *vocab.Object) bool { return o.Type == vocab.TypePollResponse }

// defaultType is what a reader takes a type of AS2 for; see settle.
func defaultType(as2 string, reply bool) string {
	t := definitions(nil).typeOf(as2)
	if reply && (t == vocab.TypeNote || t == vocab.TypeArticle || t == "page") {
		return vocab.TypeComment
	}
	return t
}

// rest writes what stands in members of its own.
func (e *Encoder) rest(d *draft, o *vocab.Object) {
	if o.Location != nil {
		d.put("location", e.plain(o.Location))
	}
	if d.typ != "Note" && o.Image != nil {
		d.put("image", picture(largerOf(o)))
	}
	if o.EmbedCode != "" {
		d.put(pumpPrefix+"embedCode", o.EmbedCode)
	}
	for name, list := range map[string][]string{"upstreamDuplicates": o.UpstreamDuplicates, "downstreamDuplicates": o.DownstreamDuplicates, "objectTypes": o.ObjectTypes} {
		if len(list) > 0 {
			d.beside[pumpPrefix+name] = list
		}
	}
	if !o.Deleted.IsZero() {
		d.put("deleted", o.Deleted.UTC().Format("2006-01-02T15:04:05Z"))
	}
	e.poll(d, o)
}

// texts writes name, summary and content. On a note a summary is a content
// warning, and the name is shown by nobody: there the title goes before the text,
// and what is no warning beside it.
func (e *Encoder) texts(d *draft, o *vocab.Object) {
	title := o.DisplayName
	content := o.Content
	if castsVote(o) {
		d.name(title)
		return
	}
	if d.typ != "Note" && d.typ != "Question" {
		d.name(title)
		d.summary(o.Summary)
		e.body(d, o, content)
		return
	}
	warning := warningOf(o)
	if warning != "" {
		d.summary(warning)
		d.put("sensitive", true)
		if title == plain(warning) {
			title = ""
		}
	} else {
		d.put(pumpPrefix+"summary", o.Summary)
	}
	if title != "" {
		content = titleParagraph(title) + content
		d.put(pumpPrefix+"title", title)
	}
	if target := textExtra(o, vocab.NSAS1+"targetUrl"); isWeb(target) && !strings.Contains(o.Content, html.EscapeString(target)) {
		content += linkParagraph(target)
	}
	if quoted := quotedBy(o); quoted != nil {
		content += e.quote(d, quoted)
	}
	e.body(d, o, content)
}

// warningOf is the content warning of a note: its summary, where it is marked as
// sensitive. What came by this network is written as it came.
func warningOf(o *vocab.Object) string {
	if string(o.Extra[vocab.NSAS2+"sensitive"]) != "true" || o.Summary == "" {
		return ""
	}
	text := textOf(o.Summary)
	if original := textExtra(o, vocab.NSAS2+"summary"); original != "" && plain(original) == text {
		return original
	}
	return text
}

func textExtra(o *vocab.Object, iri string) string {
	var s string
	if raw, ok := o.Extra[iri]; ok && json.Unmarshal(raw, &s) == nil {
		return s
	}
	return ""
}

// body writes the text, and again for each language that it is known in. Once it
// was changed the others would be translations of something else: a single one is
// the language of the new text, several are left out.
func (e *Encoder) body(d *draft, o *vocab.Object, content string) {
	d.content(content)
	var languages map[string]string
	if raw, ok := o.Extra[vocab.NSAS2+"contentMap"]; !ok || json.Unmarshal(raw, &languages) != nil {
		return
	}
	matches := len(languages) == 1
	for language, text := range languages {
		text = bridge.Sanitize(text)
		if len(languages) == 1 || text == o.Content {
			// Mastodon looks for the language whose text is the content.
			matches, text = true, content
		}
		languages[language] = text
	}
	if matches && content != "" {
		d.put("contentMap", languages)
	}
}

// quotedBy is what a note quotes: the first note among its attachments.
func quotedBy(o *vocab.Object) *vocab.Object {
	for _, a := range o.Attachments {
		if isQuote(a) {
			return a
		}
	}
	return nil
}

func isQuote(a *vocab.Object) bool {
	switch a.Type {
	case vocab.TypeNote, vocab.TypeComment, vocab.TypeArticle:
		return isWeb(a.ID)
	}
	return false
}

// quote writes what is quoted in each of the ways that servers know, and returns
// the line that tells it to the others.
func (e *Encoder) quote(d *draft, quoted *vocab.Object) string {
	id := e.iri(quoted)
	d.put("quote", id)
	d.put("quoteUrl", id)
	d.put("_misskey_quote", id)
	page := id
	if isWeb(quoted.URL) {
		page = quoted.URL
	}
	a := html.EscapeString(page)
	return `<p class="quote-inline">RE: <a href="` + a + `">` + a + `</a></p>`
}

// tags are the tags of the document and those that follow from its addresses and
// its text, each once.
func (e *Encoder) tags(d *draft, o *vocab.Object, to audience) []any {
	var out []any
	seen := map[string]bool{}
	add := func(key string, n node) {
		if !seen[key] {
			seen[key] = true
			out = append(out, n)
		}
	}
	for _, p := range to.people {
		add("@"+p.iri, node{"type": "Mention", "href": p.iri, "name": p.name})
	}
	for _, t := range o.Tags {
		switch t.Type {
		case vocab.TypeMention:
			href, name := e.iri(&vocab.Object{ID: t.ID, Type: vocab.TypePerson}), t.DisplayName
			if p, ok := e.person(t.ID); ok && p.Handle != "" {
				name = "@" + p.Handle
			}
			if href != "" && name != "" {
				add("@"+href, node{"type": "Mention", "href": href, "name": name})
			}
		case vocab.TypeHashtag, "http://activityschema.org/object/hashtag":
			name := strings.TrimPrefix(t.DisplayName, "#")
			if name != "" {
				add("#"+strings.ToLower(name), e.hashtag(name, t.URL))
			}
		default:
			if n := e.plain(t); n != nil {
				add(t.Type+" "+t.ID+" "+t.DisplayName+" "+t.URL, n)
			}
		}
	}
	for _, h := range hashtags(o.Content) {
		add("#"+strings.ToLower(h.name), e.hashtag(h.name, h.href))
	}
	if e.Names.Token(o.ID) != "" {
		for _, word := range bridge.HashtagsIn(o.Content) {
			add("#"+strings.ToLower(word), e.hashtag(word, ""))
		}
	}
	if quoted := quotedBy(o); quoted != nil && d.typ == "Note" {
		id := e.iri(quoted)
		out = append(out, node{"type": "Link", "mediaType": `application/ld+json; profile="https://www.w3.org/ns/activitystreams"`,
			"href": id, "name": "RE: " + id, "rel": quoteRel})
	}
	return out
}

func (e *Encoder) hashtag(name, href string) node {
	if !isWeb(href) {
		href = e.Names.Base + "/tags/" + strings.ToLower(name)
	}
	return node{"type": "Hashtag", "href": href, "name": "#" + name}
}

// place writes where a place is. What Activity Streams 1.0 said of it stands
// beside, in its own form.
func place(d *draft, o *vocab.Object) {
	latitude, longitude, altitude, ok := positionOf(o)
	if !ok {
		return
	}
	d.beside["latitude"], d.beside["longitude"] = json.Number(latitude), json.Number(longitude)
	if altitude != "" {
		d.beside["altitude"] = json.Number(altitude)
	}
}

// positionOf reads the position of a place: an object with numbers, or ISO 6709
// ("+45.5-073.6/").
func positionOf(o *vocab.Object) (latitude, longitude, altitude string, ok bool) {
	raw := o.Extra[vocab.NSAS1+"position"]
	var object struct{ Latitude, Longitude, Altitude json.Number }
	var text string
	switch {
	case json.Unmarshal(raw, &object) == nil && object.Latitude != "" && object.Longitude != "":
		return object.Latitude.String(), object.Longitude.String(), object.Altitude.String(), true
	case json.Unmarshal(raw, &text) != nil:
		return "", "", "", false
	}
	var parts []string
	for _, c := range strings.TrimSuffix(strings.TrimSpace(text), "/") {
		switch {
		case c == '+' || c == '-':
			parts = append(parts, string(c))
		case len(parts) > 0:
			parts[len(parts)-1] += string(c)
		}
	}
	for i, p := range parts {
		n, err := strconv.ParseFloat(p, 64)
		if err != nil {
			return "", "", "", false
		}
		parts[i] = strconv.FormatFloat(n, 'f', -1, 64)
	}
	switch len(parts) {
	case 2:
		return parts[0], parts[1], "", true
	case 3:
		return parts[0], parts[1], parts[2], true
	}
	return "", "", "", false
}

// poll writes the choices of a question: as they came, or from the options of
// Activity Streams 1.0, of which one may be chosen.
func (e *Encoder) poll(d *draft, o *vocab.Object) {
	if d.typ != "Question" {
		return
	}
	for _, name := range []string{"oneOf", "anyOf"} {
		if raw, ok := o.Extra[vocab.NSAS2+name]; ok {
			d.put(name, raw)
			return
		}
	}
	var options []struct {
		DisplayName string
		Replies     struct{ TotalItems int64 }
	}
	if json.Unmarshal(o.Extra[vocab.NSAS1+"options"], &options) != nil {
		return
	}
	var choices []any
	for _, c := range options {
		choices = append(choices, node{"type": "Note", "name": c.DisplayName, "replies": node{"type": "Collection", "totalItems": c.Replies.TotalItems}})
	}
	d.put("oneOf", choices)
}
