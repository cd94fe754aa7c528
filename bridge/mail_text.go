package bridge

import (
	"math"
	"strings"
	"unicode"

	"golang.org/x/net/html"
)

// oneLine makes a line of text that is short enough: what it is given comes from
// people, and may stand between words of ours.
func oneLine(s string, most int) string {
	s = strings.Join(strings.Fields(strings.Map(visible, strings.ToValidUTF8(s, ""))), " ")
	if runes := []rune(s); len(runes) > most {
		return strings.TrimSpace(string(runes[:most])) + "…"
	}
	return s
}

// visible drops what is not seen and may change how all the rest is, such as the
// signs that turn the direction of writing.
func visible(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return r
	case r == '\u200c' || r == '\u200d': // join letters, and parts of emoji
		return r
	case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
		return -1
	}
	return r
}

// breaks are the elements that stand on lines of their own.
var breaks = map[string]bool{
	"p": true, "br": true, "hr": true, "div": true, "blockquote": true, "pre": true, "ul": true, "ol": true, "li": true, "dl": true, "dt": true, "dd": true,
	"h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true, "table": true, "tr": true, "figure": true, "figcaption": true,
}

// paragraphs returns what HTML says, as lines of text, at most as many characters
// in all; cut is set when there would have been more. Pictures are told by what
// they show: a mail that fetched them would tell their server when it is read.
func paragraphs(markup string, most int) (lines []string, cut bool) {
	var line strings.Builder
	left := most
	end := func() {
		s := []rune(oneLine(line.String(), math.MaxInt))
		if len(s) > left {
			s, cut = s[:left], true
		}
		if len(s) > 0 {
			lines = append(lines, string(s))
			left -= len(s)
		}
		line.Reset()
	}
	for z := html.NewTokenizer(strings.NewReader(markup)); !cut; {
		kind := z.Next()
		if kind == html.ErrorToken {
			end()
			return lines, cut
		}
		token := z.Token()
		switch kind {
		case html.TextToken:
			line.WriteString(token.Data)
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			if breaks[token.Data] {
				end()
			} else if token.Data == "img" {
				line.WriteString(alternative(token))
			}
		}
	}
	return lines, true
}

// alternative is what stands for a picture.
func alternative(img html.Token) string {
	for _, a := range img.Attr {
		if a.Key == "alt" && strings.TrimSpace(a.Val) != "" {
			return " [" + strings.TrimSpace(a.Val) + "] "
		}
	}
	return " [picture] "
}
