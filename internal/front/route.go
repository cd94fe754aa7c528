package front

import (
	"net/http"
	"strings"

	"github.com/gorilla/mux"
)

// Route adds a route for a path in which {name} stands for one whole part, and whose
// end "/?" for a slash that may be there or not. Conditions are looked at before the
// path. The parts are what [mux.Vars] gives, encoded as they came.
//
// It is what [mux.Router.Path] does, without the regular expressions that mux makes
// of each path and each variable. All endpoints together had a megabyte of them, a
// third of what an idle server keeps; and a request that is compared with the text
// of a hundred paths is answered sooner.
func Route(router *mux.Router, path string, conditions ...mux.MatcherFunc) *mux.Route {
	route := router.NewRoute().Name(path)
	for _, c := range conditions {
		route.MatcherFunc(c)
	}
	return route.MatcherFunc(newPattern(path).matches)
}

// RoutePath is the path that a route was added for, to those who walk a router.
func RoutePath(route *mux.Route) (string, error) {
	if name := route.GetName(); name != "" {
		return name, nil
	}
	return route.GetPathTemplate()
}

// pattern is a path with variables: a text, a variable, a text, and so on, at last a
// text, which may be empty.
type pattern struct {
	texts, names []string
	slash        bool // one more may follow
}

func newPattern(path string) pattern {
	var p pattern
	path, p.slash = strings.CutSuffix(path, "/?")
	for {
		text, rest, ok := strings.Cut(path, "{")
		p.texts = append(p.texts, text)
		if !ok {
			return p
		}
		name, rest, ok := strings.Cut(rest, "}")
		if !ok || strings.Contains(name, ":") || !strings.HasSuffix(text, "/") || rest != "" && rest[0] != '/' {
			panic("a variable is one whole part of a path, not so in " + path)
		}
		p.names, path = append(p.names, name), rest
	}
}

// matches is the condition that a path is like the pattern.
func (p pattern) matches(r *http.Request, match *mux.RouteMatch) bool {
	// Most patterns are of other paths, which the decoded one tells as well.
	if !strings.HasPrefix(r.URL.Path, p.texts[0]) {
		return false
	}
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), p.texts[0])
	if !ok {
		return false
	}
	values := make([]string, 0, 4)
	for _, text := range p.texts[1:] {
		end := strings.IndexByte(path, '/')
		if end < 0 {
			end = len(path)
		}
		values = append(values, path[:end])
		if path, ok = strings.CutPrefix(path[end:], text); !ok || end == 0 {
			return false
		}
	}
	if path != "" && (!p.slash || path != "/") {
		return false
	}
	// In place of what a path had that was like this one, but not for this method.
	match.Vars = make(map[string]string, len(values))
	for i, name := range p.names {
		match.Vars[name] = values[i]
	}
	return true
}
