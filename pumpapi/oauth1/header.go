package oauth1

import "strings"

const headerPart = "authorization header"

// oauthScheme returns what follows the scheme if the header is an OAuth one. The
// scheme is case-insensitive (RFC 5849 3.5.1).
func oauthScheme(authorization string) (params string, ok bool) {
	const scheme = "OAuth"
	s := strings.Trim(authorization, " \t")
	if len(s) < len(scheme) || !strings.EqualFold(s[:len(scheme)], scheme) {
		return "", false
	}
	params = s[len(scheme):]
	if params != "" && params[0] != ' ' && params[0] != '\t' {
		return "", false // another scheme, e.g. "OAuth2"
	}
	return params, true
}

// addHeader adds the parameters of `name="value", name="value"`. Names and values
// are percent-encoded, so a "+" is a plus. The separating comma may have blanks on
// either side, or none, as Qt sends it. realm is not signed (RFC 5849 3.4.1.3.1).
func (l *paramList) addHeader(s string) error {
	for {
		s = strings.TrimLeft(s, " \t,")
		if s == "" {
			return nil
		}
		name, rest, found := strings.Cut(s, `="`)
		if !found || name == "" || strings.ContainsAny(name, " \t,\"") {
			return &MalformedError{Where: headerPart, Reason: `is not a list of name="value"`}
		}
		isRealm := strings.EqualFold(name, "realm")
		value, rest, found := cutQuoted(rest, isRealm)
		if !found {
			return &MalformedError{Where: headerPart, Reason: "has a value without closing quote"}
		}
		s = strings.TrimLeft(rest, " \t")
		if s != "" && s[0] != ',' {
			return &MalformedError{Where: headerPart, Reason: "has no comma between two parameters"}
		}
		if isRealm {
			continue
		}
		if err := l.add(headerPart, name, value, false); err != nil {
			return err
		}
	}
}

// cutQuoted splits s at the closing quote. Only the realm is a quoted-string of
// HTTP, where a backslash takes the meaning from the next byte; the other values
// are percent-encoded and have no use for one.
func cutQuoted(s string, backslash bool) (value, rest string, found bool) {
	if !backslash {
		return strings.Cut(s, `"`)
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[:i], s[i+1:], true
		}
	}
	return "", "", false
}
