// Package linkheader reads and writes the Link header of HTTP (RFC 8288), by
// which a document that has no room for links of its own, or whose reader does
// not want to open it, says where its hub, its descriptor or its other forms
// are.
package linkheader

import (
	"strings"
)

// Link is one link of a header.
type Link struct {
	// Target is the address as it is written: it may be relative to that of the
	// answer.
	Target string
	// Rels are the relations, in lower case where they are words.
	Rels []string
	// Params are the other parameters, by their names in lower case. Of several of
	// the same name the first counts (RFC 8288 3.4).
	Params map[string]string
}

// Is reports whether a link has a relation.
func (l Link) Is(rel string) bool {
	for _, r := range l.Rels {
		if r == rel {
			return true
		}
	}
	return false
}

// Limits on what a stranger's answer may make of us: more is not read.
const (
	maxLength = 32 << 10
	maxLinks  = 100
)

// Parse reads the values of all Link headers of an answer. What it cannot read
// it leaves out: a header that one program garbles still has to serve others.
// Links about something else than the document (an anchor, RFC 8288 3.2) are
// left out as well.
func Parse(values []string) []Link {
	var links []Link
	left := maxLength
	for _, value := range values {
		if left -= len(value); left < 0 {
			break
		}
		for rest := value; rest != "" && len(links) < maxLinks; {
			var l Link
			var ok bool
			if l, rest, ok = parseOne(rest); ok && l.Params["anchor"] == "" {
				delete(l.Params, "anchor")
				links = append(links, l)
			}
		}
	}
	return links
}

// parseOne reads a link up to the comma that ends it.
func parseOne(s string) (l Link, rest string, ok bool) {
	open := strings.IndexByte(s, '<')
	if open < 0 || strings.Trim(s[:open], " \t,") != "" {
		_, rest, _ = strings.Cut(s, ",")
		return l, rest, false
	}
	l.Target, rest, ok = strings.Cut(s[open+1:], ">")
	if !ok {
		return l, "", false
	}
	l.Target, l.Params = strings.TrimSpace(l.Target), map[string]string{}
	for {
		rest = strings.TrimLeft(rest, " \t")
		if !strings.HasPrefix(rest, ";") {
			break
		}
		var name, value string
		name, value, rest = parameter(rest[1:])
		if _, said := l.Params[name]; name != "" && !said {
			l.Params[name] = value
		}
	}
	for _, rel := range strings.Fields(l.Params["rel"]) {
		if !strings.Contains(rel, ":") {
			rel = strings.ToLower(rel) // RFC 8288 2.1.1
		}
		l.Rels = append(l.Rels, rel)
	}
	delete(l.Params, "rel")
	if i := strings.IndexByte(rest, ','); i >= 0 {
		return l, rest[i+1:], true
	}
	return l, "", true
}

// parameter reads one parameter, whose value may be quoted, up to what ends it.
func parameter(s string) (name, value, rest string) {
	end := strings.IndexAny(s, "=;,")
	if end < 0 {
		return strings.ToLower(strings.TrimSpace(s)), "", ""
	}
	name = strings.ToLower(strings.TrimSpace(s[:end]))
	if s[end] != '=' {
		return name, "", s[end:]
	}
	s = strings.TrimLeft(s[end+1:], " \t")
	if !strings.HasPrefix(s, `"`) {
		end = strings.IndexAny(s, ";,")
		if end < 0 {
			return name, strings.TrimSpace(s), ""
		}
		return name, strings.TrimSpace(s[:end]), s[end:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return name, b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return name, b.String(), ""
}

// Format writes links as the value of one header. Addresses in which a character
// would end the link are written with it escaped.
func Format(links ...Link) string {
	var b strings.Builder
	for i, l := range links {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("<" + address.Replace(l.Target) + `>; rel="` + quoted.Replace(strings.Join(l.Rels, " ")) + `"`)
		if t := l.Params["type"]; t != "" {
			b.WriteString(`; type="` + quoted.Replace(t) + `"`)
		}
	}
	return b.String()
}

var (
	address = strings.NewReplacer(">", "%3E", "<", "%3C", `"`, "%22", " ", "%20", "\r", "%0D", "\n", "%0A")
	quoted  = strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\r", " ", "\n", " ")
)
