package bridge

import (
	"context"
	"fmt"
	"html"
	"strings"

	"manifold/models"
	"manifold/models/vocab"
)

// pastTense holds the verbs whose past does not follow from their spelling.
var pastTense = map[string]string{
	"at": "was at", "build": "built", "checkin": "checked into", "find": "found", "give": "gave", "leave": "left", "lose": "lost",
	"make-friend": "made a friend of", "play": "played", "read": "read", "remove-friend": "removed as a friend", "rsvp-maybe": "may attend",
	"rsvp-no": "will not attend", "rsvp-yes": "will attend", "sell": "sold", "send": "sent", "stop-following": "stopped following",
	"submit": "submitted", "tag": "tagged", "flag": "flagged", "flag-as-inappropriate": "flagged as inappropriate", "win": "won",
	"quote-request": "asked to quote", "question": "asked", "travel": "travelled", "undo": "took back", "emoji-react": "reacted to",
	"tentative-accept": "tentatively accepted", "tentative-reject": "tentatively rejected", "activity": "did something with",
	"intransitive-activity": "did something with", "stop": "stopped", "open": "opened", "begin": "began", "take": "took",
	"write": "wrote", "buy": "bought", "eat": "ate", "drink": "drank", "run": "ran",
}

// past returns the past tense of a verb, in the way that pump.io clients show
// activities of all kinds.
func past(verb string) string {
	if p, ok := pastTense[verb]; ok {
		return p
	}
	if strings.Contains(verb, "/") {
		word := wordOf(verb)
		if word == "" {
			return "did " + verb + " to"
		}
		return past(word)
	}
	first, rest, hyphen := strings.Cut(verb, "-")
	switch {
	case strings.HasSuffix(first, "e"):
		first += "d"
	case strings.HasSuffix(first, "y") && len(first) > 1 && !strings.ContainsRune("aeiou", rune(first[len(first)-2])):
		first = first[:len(first)-1] + "ied"
	default:
		first += "ed"
	}
	if hyphen {
		return first + " " + strings.ReplaceAll(rest, "-", " ")
	}
	return first
}

// wordOf is the word that the full name of a verb ends in, spelled as verbs of
// Activity Streams 1.0 are (TentativeAccept is tentative-accept); "" where it ends
// in none.
func wordOf(verb string) string {
	name := verb[strings.LastIndexAny(verb, "/#")+1:]
	var word strings.Builder
	for i, r := range name {
		switch {
		case r >= 'A' && r <= 'Z':
			if i > 0 {
				word.WriteByte('-')
			}
			word.WriteRune(r - 'A' + 'a')
		case r >= 'a' && r <= 'z', r == '-' && i > 0:
			word.WriteRune(r)
		default:
			return ""
		}
	}
	return word.String()
}

// sentence tells the activity in one sentence of HTML. Minor streams of pump.io
// clients show nothing else.
func (op *operation) sentence(ctx context.Context) (string, error) {
	shown := op.shown()
	if isGroup(op.object) && !op.object.new && op.doc.Verb != vocab.VerbUpdate && op.doc.Verb != vocab.VerbDelete {
		var err error
		if shown, err = op.nameless(ctx, op.object); err != nil {
			return "", err
		}
	}
	s := link(op.actor.Doc.URL, nameOf(op.actor.Doc)) + " " + html.EscapeString(past(op.doc.Verb))
	if shown == nil {
		s = strings.TrimSuffix(strings.TrimSuffix(s, " to"), " with")
	} else {
		s += " " + describe(shown)
	}
	parent, err := op.nameless(ctx, op.parent)
	if err != nil {
		return "", err
	}
	if parent != nil {
		s += " in reply to " + describe(parent)
	}
	target, err := op.nameless(ctx, op.target)
	if err != nil {
		return "", err
	}
	if target != nil {
		to := " to "
		if op.doc.Verb == vocab.VerbRemove {
			to = " from "
		}
		s += to + describe(target)
	}
	return s, nil
}

// nameless is the document of a thing, without its name where that is somebody
// else's or a group's and not for everybody: those who read the sentence may not
// be those whom the thing was addressed to.
func (op *operation) nameless(ctx context.Context, t thing) (*vocab.Object, error) {
	doc, posted := t.doc(), int64(0)
	switch o := t.object; {
	case isGroup(t):
		posted = t.actor.ActivityID
	case o != nil && o.AuthorID != op.actor.ID:
		posted = o.ActivityID
	}
	if posted == 0 || doc.DisplayName == "" {
		return doc, nil
	}
	post, err := op.tx.Activity(ctx, posted)
	if err != nil {
		return nil, fmt.Errorf("reading the post of an object: %w", err)
	}
	if post.Visibility == models.Limited {
		return &vocab.Object{Type: doc.Type, URL: doc.URL}, nil
	}
	return doc, nil
}

// shown is the object as far as it is known.
func (op *operation) shown() *vocab.Object {
	if op.asked != nil {
		return &vocab.Object{Type: "request to follow"}
	}
	if doc := op.object.doc(); doc != nil {
		return doc
	}
	return op.doc.Object
}

func nameOf(o *vocab.Object) string {
	return firstOf(o.DisplayName, o.PreferredUsername, o.ID)
}

func describe(o *vocab.Object) string {
	name := firstOf(o.DisplayName, o.PreferredUsername)
	if name == "" {
		t := firstOf(o.Type, "thing")
		article := "a "
		if strings.ContainsRune("aeiou", rune(t[0])) {
			article = "an "
		}
		name = article + t
	}
	return link(o.URL, name)
}

func link(href, text string) string {
	if !strings.HasPrefix(href, "http://") && !strings.HasPrefix(href, "https://") {
		return html.EscapeString(text)
	}
	return "<a href='" + html.EscapeString(href) + "'>" + html.EscapeString(text) + "</a>"
}
