package wellknown

import (
	"net/http"
	"net/url"
	"strings"

	"manifold/models/vocab"
)

// link adds to every answer at a name of a person or a group where what describes them
// is. GNU social looks there when it knows an address and nothing else, and reads the
// first such link, as XRD.
func (s *Server) link(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			if name := s.named(r.URL.EscapedPath()); name != "" {
				w.Header().Add("Link", "<"+s.names.Base+"/main/xrd?uri="+url.QueryEscape(name)+`>; rel="lrdd"; type="application/xrd+xml"`)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// named returns the name of the person or the group that has something at a path, ""
// for all other paths. Whether there are such is another question.
func (s *Server) named(path string) string {
	if nick := s.names.Nickname(s.names.Base + path); nick != "" {
		return s.names.Actor(nick)
	}
	parts := strings.Split(strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/"), "/")
	if len(parts) != 3 || parts[1] != vocab.TypeGroup {
		return ""
	}
	group := s.names.Thing(vocab.TypeGroup, parts[2])
	if parts[0] != "api" && s.names.Nickname(s.names.Base+"/"+parts[0]) == "" || s.names.Token(group) == "" {
		return ""
	}
	return group
}
