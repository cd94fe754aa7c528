package bridge

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"manifold/models"
	"manifold/models/vocab"
)

// maxWords is how many hashtags and how many mentions are looked for in a text.
const maxWords = 20

// A hashtag has a letter in it, so that "#1" is none; what follows a slash is part of
// an address. An account has a host with a dot or a port, so that a decorator of some
// programming language is none.
var (
	hashtagWord = regexp.MustCompile(`(?:^|[^\pL\pN_&/#])#([\pL\pN_]*\pL[\pL\pN_]*)`)
	mentionWord = regexp.MustCompile(`(?:^|[^\pL\pN_@/.])@([A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)@([A-Za-z0-9-]+(?:(?:\.[A-Za-z0-9-]+)+(?::[0-9]+)?|:[0-9]+))`)
)

// HashtagsIn are the hashtags that stand in a text as plain words, which is how most
// clients of pump.io leave them, without the sign. Those in links are none of them:
// a link says itself what it is.
func HashtagsIn(content string) []string {
	if !strings.Contains(content, "#") {
		return nil
	}
	var words []string
	for _, text := range proseOf(content) {
		for _, m := range hashtagWord.FindAllStringSubmatch(text, maxWords) {
			if !slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, m[1]) }) {
				words = append(words, m[1])
			}
		}
	}
	return words[:min(len(words), maxWords)]
}

// mentionsIn are the accounts that stand in a text as plain words (@nick@host), as
// nick@host.
func mentionsIn(content string) []string {
	if !strings.Contains(content, "@") {
		return nil
	}
	var accounts []string
	for _, text := range proseOf(content) {
		for _, m := range mentionWord.FindAllStringSubmatch(text, maxWords) {
			if account := m[1] + "@" + strings.ToLower(m[2]); !slices.Contains(accounts, account) {
				accounts = append(accounts, account)
			}
		}
	}
	return accounts[:min(len(accounts), maxWords)]
}

// proseOf is the text of a piece of HTML that is neither a link nor code.
func proseOf(content string) []string {
	var parts []string
	var inside []string
	z := html.NewTokenizer(strings.NewReader(content))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return parts
		case html.TextToken:
			if len(inside) == 0 {
				parts = append(parts, string(z.Text()))
			}
		case html.StartTagToken:
			switch name, _ := z.TagName(); string(name) {
			case "a", "code", "pre", "script", "style":
				inside = append(inside, string(name))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if i := slices.Index(inside, string(name)); i >= 0 {
				inside = slices.Delete(inside, i, i+1)
			}
		}
	}
}

// addressMentioned adds those whom the text of a public post names to its addresses:
// on other networks a name that is not among them is only text. What is not for
// everybody is not shown to more people than its author has chosen.
func (op *operation) addressMentioned(ctx context.Context) error {
	d := op.doc
	isPublic := func(o *vocab.Object) bool { return o.ID == vocab.PublicID }
	if !op.local || !op.object.new || d.Verb != vocab.VerbPost && d.Verb != vocab.VerbCreate || d.Object == nil ||
		!slices.ContainsFunc(d.To, isPublic) && !slices.ContainsFunc(d.CC, isPublic) {
		return nil
	}
	accounts := mentionsIn(d.Object.Content)
	for i, account := range accounts {
		accounts[i] = "acct:" + account
	}
	known, err := op.tx.Lookup(ctx, accounts...)
	if err != nil {
		return err
	}
	maps.Copy(op.known, known)
	for _, account := range accounts {
		o := &vocab.Object{ID: account, Type: vocab.TypePerson}
		found, err := op.find(ctx, o)
		switch {
		case err != nil:
			return err
		case found.actor == nil && (!found.empty() || !op.nameable(o)):
			continue // nobody has that name here
		case found.actor != nil && (found.actor.ID == op.actor.ID || found.actor.State != models.Active || op.addresses(found.actor)):
			continue
		}
		d.CC = append(d.CC, o)
	}
	return nil
}

// addresses reports whether somebody is among the recipients by any of their names.
func (op *operation) addresses(a *models.Actor) bool {
	return slices.ContainsFunc(op.doc.Addressees(), func(o *vocab.Object) bool {
		return o.ID == a.Doc.ID || slices.Contains(op.known[o.ID], models.Ref{Kind: models.KindActor, ID: a.ID})
	})
}
