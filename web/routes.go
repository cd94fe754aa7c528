package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gorilla/mux"

	"manifold/bridge"
	"manifold/internal/telemetry"
)

// handler answers a request, or returns why not: a *problem, or anything else
// for what went wrong here.
type handler func(w http.ResponseWriter, r *http.Request) error

// Register adds the pages to a router, which must use encoded paths, and sets
// what it answers for paths and methods that nobody has registered. It is called
// last: a path that belongs to somebody else never leads to a person.
func (p *Pages) Register(router *mux.Router) {
	on := func(route *mux.Route, path string, h handler) {
		route.Path(path).Handler(p.let("GET "+path, h))
	}
	on(router.NewRoute(), "/", p.getHome)
	on(router.NewRoute(), "/static/web.css", static("static/web.css", "text/css; charset=utf-8"))
	on(router.NewRoute(), "/favicon.svg", static("static/favicon.svg", "image/svg+xml"))
	on(router.NewRoute(), "/favicon.ico", p.getFavicon)
	on(router.NewRoute(), "/robots.txt", static("static/robots.txt", "text/plain; charset=utf-8"))
	// The condition stands before the path: mux forgets that the route of somebody
	// else had the path but not the method as soon as that of a later one fits.
	personal := func() *mux.Route { return router.MatcherFunc(isPersonal) }
	on(personal(), "/{nick}{slash:/?}", p.getPerson)
	on(personal(), "/{nick}/activity/{uuid}{slash:/?}", p.getActivity)
	on(personal(), "/{nick}/group/{uuid}{slash:/?}", p.getGroup)
	on(personal(), "/{nick}/{type}/{uuid}{slash:/?}", p.getThing)

	// Somebody who looks at an address that nobody has is as likely a program.
	forms := []string{textForm, htmlForm, as1Form, as2Form, ldForm}
	p.rest(router, forms...)
}

// RegisterNone adds what is left when there are no pages: a line for whoever
// asks what this is.
func (p *Pages) RegisterNone(router *mux.Router) {
	router.Path("/").Handler(p.let("GET /", func(w http.ResponseWriter, r *http.Request) error {
		send(w, r, "text/plain; charset=utf-8", cacheStatic, fmt.Appendf(nil, "%s. There are no pages here; the API is at %s/api/\n", p.software, p.names.Base))
		return nil
	}))
	p.rest(router)
}

// rest sets what is answered where nothing is registered.
func (p *Pages) rest(router *mux.Router, forms ...string) {
	// mux tells a wrong method from a wrong path only outside of subrouters: within
	// one, the prefix of the next route makes it forget what it knew.
	none := p.protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		methods := allowed(router, r)
		if methods == "" {
			p.fail(w, r, errNotFound, forms...)
			return
		}
		w.Header().Set("Allow", methods) // RFC 9110 15.5.6
		p.fail(w, r, errMethod, forms...)
	}))
	router.NotFoundHandler, router.MethodNotAllowedHandler = none, none
}

// allowed lists the methods that some route has for the path of a request.
func allowed(router *mux.Router, r *http.Request) string {
	var methods []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := r.WithContext(r.Context()) // a copy
		probe.Method = method
		var match mux.RouteMatch
		if router.Match(probe, &match) && match.MatchErr == nil {
			methods = append(methods, method)
		}
	}
	return strings.Join(methods, ", ")
}

// isPersonal reports whether the first part of a path can be a nickname.
func isPersonal(r *http.Request, _ *mux.RouteMatch) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	nick, err := url.PathUnescape(first)
	return err == nil && nick != "" && !bridge.Reserved(nick)
}

// let serves a page under the name of its route to those who only look. The
// method is no condition of the route, or a later one that fits in part would
// turn 405 into 404.
func (p *Pages) let(name string, h handler) http.Handler {
	return p.protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		telemetry.SetRoute(r.Context(), name)
		var err error = errMethod
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			err = h(w, r)
		} else {
			w.Header().Set("Allow", "GET, HEAD")
		}
		if err != nil {
			p.fail(w, r, err, htmlForm, as1Form, as2Form, ldForm)
		}
	}))
}

// protect sets the fields that every answer has.
func (p *Pages) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", p.policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY") // for browsers that know no frame-ancestors
		h.Set("Referrer-Policy", "no-referrer")
		h.Add("Vary", "Accept") // beside what stands there already
		next.ServeHTTP(w, r)
	})
}

// static serves a file that is part of the program.
func static(name, contentType string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		body, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		send(w, r, contentType, cacheStatic, body)
		return nil
	}
}

// getFavicon is for those who ask for the icon where it was in 1999.
func (p *Pages) getFavicon(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", cacheStatic)
	http.Redirect(w, r, p.root+"/favicon.svg", http.StatusMovedPermanently)
	return nil
}

func (p *Pages) getHome(w http.ResponseWriter, r *http.Request) error {
	return p.show(w, r, page{
		Canonical: p.names.Base + "/", Feed: p.feed(p.names.Base + "/public.atom"),
		Description: p.site + " is a home for people who share words and pictures with friends and family.",
	}, homePage(p.site, p.names.Host))
}

// pathValue is a variable of the path, decoded.
func pathValue(r *http.Request, name string) string {
	value, err := url.PathUnescape(mux.Vars(r)[name])
	if err != nil {
		return ""
	}
	return value
}
