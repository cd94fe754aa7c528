package apub

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"manifold/models/vocab"
)

// tags takes what the text names: people, hashtags, emoji.
func (r *reader) tags(t *thing) {
	for i, v := range r.take("tag").items() {
		if v.kind != '{' || isQuoteTag(r.kindOf(v), v) {
			continue // see quotes
		}
		tag, err := r.tag(v, join(r.where, "tag")+"["+strconv.Itoa(i)+"]")
		if err != nil {
			r.fail(err)
			return
		}
		if tag.Type == vocab.TypeMention {
			if tag.ID == "" {
				continue // nobody
			}
			t.mentioned = append(t.mentioned, tag.ID)
		}
		t.object.Tags = append(t.object.Tags, tag)
	}
}

func (d *decoder) tag(v *value, where string) (*vocab.Object, error) {
	name, _ := v.member("name").first().string()
	switch as2 := d.kindOf(v); as2 {
	case "Mention":
		// The href is the id of the actor, or a page of theirs where a server knows no
		// better; which actor that is is for the bridge to find out.
		o := d.named(addressOf(v.member("href")))
		o.Type, o.DisplayName = vocab.TypeMention, plain(name)
		return o, nil
	case "Hashtag", "Tag": // Tag is what granary writes
		return &vocab.Object{Type: vocab.TypeHashtag, DisplayName: strings.TrimPrefix(plain(name), "#"), URL: addressOf(v.member("href"))}, nil
	case "Emoji":
		id, _ := v.member("id").string() // null in Akkoma
		return &vocab.Object{ID: id, Type: terms["Emoji"], DisplayName: plain(name), Image: d.largest(v.member("icon")), Updated: timeOf(v.member("updated"))}, nil
	case "Link", "":
		if href := addressOf(v.member("href")); href != "" {
			return &vocab.Object{Type: "bookmark", DisplayName: plain(name), URL: href}, nil
		}
	}
	return d.object(v, where)
}

// quoteRel marks a tag as a quote (FEP-e232); so does a media type of AS2.
const quoteRel = nsMisskey + "_misskey_quote"

func isQuoteTag(as2 string, v *value) bool {
	if as2 != "Link" {
		return false
	}
	for _, rel := range v.member("rel").items() {
		if s, _ := rel.string(); s == quoteRel {
			return true
		}
	}
	mediaType := mediaTypeOf(v)
	return mediaType == "application/activity+json" || strings.HasPrefix(mediaType, "application/ld+json") && strings.Contains(mediaType, "activitystreams")
}

// quotes takes what a note quotes. There are five ways to say it, and servers use
// several at once; the one that needs the consent of whoever is quoted (FEP-044f)
// is the most exact. The text names it again for those who know none of them.
func (r *reader) quotes(o *vocab.Object) {
	var ids []string
	add := func(id string) {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	quote := r.take("quote").first()
	if quote == nil || quote.kind != '{' || r.kindOf(quote) != "Tombstone" { // Mastodon: it was revoked
		add(addressOf(quote))
	}
	for _, v := range r.v.member("tag").items() {
		if v.kind == '{' && isQuoteTag(r.kindOf(v), v) {
			add(addressOf(v.member("href")))
		}
	}
	add(r.address("_misskey_quote"))
	add(r.address("quoteUrl"))
	add(r.address("quoteUri"))
	if len(ids) == 0 {
		return
	}
	quoted := r.named(ids[0])
	if quoted.Type == "" {
		quoted.Type = vocab.TypeNote
	}
	if len(ids) > 1 {
		quoted.URL = ids[1]
	}
	o.Attachments = append(o.Attachments, quoted)
	o.Content = withoutQuote(o.Content, ids)
}

// withoutQuote takes the line away that names a quoted note for servers that do
// not know quotes: RE: and its address, in an element of the class quote-inline or
// as the last words.
func withoutQuote(content string, ids []string) string {
	for _, element := range []string{"p", "span"} {
		start := strings.LastIndex(content, "<"+element+` class="quote-inline">`)
		if start < 0 {
			continue
		}
		if end := strings.Index(content[start:], "</"+element+">"); end >= 0 {
			end += start + len("</"+element+">")
			before := strings.TrimSuffix(strings.TrimSuffix(content[:start], "<br>"), "<br>")
			return before + content[end:]
		}
	}
	for _, id := range ids {
		for _, line := range []string{"RE: " + id, `RE: <a href="` + id + `">` + id + "</a>"} {
			if i := strings.LastIndex(content, line); i >= 0 && strings.TrimSpace(textOf(content[i+len(line):])) == "" {
				rest := content[i+len(line):]
				before := strings.TrimRight(content[:i], " ")
				for strings.HasSuffix(before, "<br>") || strings.HasSuffix(before, "<br/>") || strings.HasSuffix(before, "<br />") {
					before = before[:strings.LastIndex(before, "<br")]
				}
				if cut, ok := strings.CutSuffix(before, "<p>"); ok {
					before, rest = cut, strings.TrimPrefix(rest, "</p>")
				}
				return before + rest
			}
		}
	}
	return content
}

// poll takes the choices of a question. They are kept as they are, since only
// they tell whether one or several may be chosen; for pump.io they are the options
// of Activity Streams 1.0 too.
func (r *reader) poll(o *vocab.Object, as2 string) {
	if as2 != "Question" {
		return
	}
	type votes struct {
		TotalItems int64 `json:"totalItems"`
	}
	type option struct {
		ObjectType  string `json:"objectType"`
		DisplayName string `json:"displayName"`
		Replies     votes  `json:"replies"`
	}
	var options []option
	for _, name := range []string{"oneOf", "anyOf"} {
		choices := r.take(name).items()
		if len(choices) == 0 {
			continue
		}
		raws := make([]json.RawMessage, 0, len(choices))
		for _, c := range choices {
			raws = append(raws, c.compact())
			text, _ := c.member("name").first().string()
			if text == "" {
				text = firstOfMap(c.member("nameMap"))
			}
			options = append(options, option{"option", plain(text), votes{int64(max(number(c.member("replies").first().member("totalItems")), 0))}})
		}
		if raw, err := marshal(raws); err == nil {
			o.Extra = keep(o.Extra, vocab.NSAS2+name, raw)
		}
		break // both at once have no meaning
	}
	if raw, err := marshal(options); err == nil && len(options) > 0 {
		r.drop(pumpPrefix + "options")
		o.Extra = keep(o.Extra, vocab.NSAS1+"options", raw)
	}
	closed := r.v.member("closed").first()
	if o.EndTime.IsZero() && closed != nil && closed.kind == '"' {
		o.EndTime = parseTime(closed.text)
	}
}

func timeOf(v *value) time.Time {
	s, _ := v.first().string()
	return parseTime(s)
}
