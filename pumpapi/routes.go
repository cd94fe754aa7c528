package pumpapi

import (
	"net/http"

	"github.com/gorilla/mux"

	"manifold/internal/telemetry"
)

// handler answers a request of somebody who has been let in.
type handler func(w http.ResponseWriter, r *http.Request, c *caller) error

// Register adds everything that the network answers to a router, which must use
// encoded paths. Paths that clients build by hand may end in a slash: choqok
// signs it, so that a redirect would not do.
func (a *API) Register(router *mux.Router) {
	const ofUser = "/api/user/{nick}"
	user := router.PathPrefix(ofUser).Subrouter()
	on := func(r *mux.Router, method, path string, need access, h handler) {
		methods := []string{method}
		if method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		name := method + " " + path
		if r == user {
			name = method + " " + ofUser + path
		}
		r.Handle(path+"{slash:/?}", a.let(need, name, h)).Methods(methods...)
	}

	for _, part := range inboxParts {
		on(user, "GET", "/inbox"+part.path, person, a.getInbox(part))
	}
	for _, part := range feedParts {
		on(user, "GET", "/feed"+part.path, open, a.getFeed(part))
		on(user, "POST", "/feed"+part.path, writing, a.postFeed(part))
	}
	on(user, "GET", "/followers", open, a.getFollowers)
	on(user, "GET", "/following", open, a.getFollowing)
	on(user, "POST", "/following", writing, a.postFollowing)
	on(user, "GET", "/favorites", open, a.getFavorites)
	on(user, "POST", "/favorites", writing, a.postFavorites)
	on(user, "GET", "/lists/{type}", open, a.getLists)
	on(user, "GET", "/uploads", person, a.getUploads)
	on(user, "POST", "/uploads", writing, a.postUploads)
	on(user, "GET", "/profile", open, a.getProfile)
	on(user, "PUT", "/profile", writing, a.putProfile)
	on(router, "GET", ofUser, open, a.getUser)
	on(router, "PUT", ofUser, writing, a.putUser)
	on(router, "DELETE", ofUser, writing, a.deleteUser)

	// The address that a person will have on other networks is the same person
	// here; pump servers ask for it where they find it as an alias.
	on(router, "GET", "/users/{nick}", open, a.getProfile)
	on(router, "GET", "/api/users", known, a.getUsers)
	on(router, "POST", "/api/users", program, a.postUsers)
	on(router, "GET", "/api/whoami", person, a.whoami)
	router.Handle("/api/client/register", a.let(unchecked, "POST /api/client/register", a.registerClient)).Methods(http.MethodPost)
	on(router, "GET", "/api/lrdd", unchecked, a.lrdd)

	on(router, "GET", "/api/activity/{uuid}", open, a.getActivity)
	on(router, "PUT", "/api/activity/{uuid}", writing, a.putActivity)
	on(router, "DELETE", "/api/activity/{uuid}", writing, a.deleteActivity)
	on(router, "GET", "/api/collection/{uuid}/members", open, a.getMembers)
	on(router, "POST", "/api/collection/{uuid}/members", writing, a.postMembers)
	for _, feed := range []struct {
		name string
		get  handler
	}{{"likes", a.getLikes}, {"replies", a.getReplies}, {"shares", a.getShares}} {
		on(router, "GET", "/api/{type}/{uuid}/"+feed.name, open, feed.get)
		router.Handle("/api/{type}/"+feed.name+"{slash:/?}", a.let(open, "GET /api/{type}/"+feed.name, feed.get)).
			Queries("id", "{id}").Methods(http.MethodGet, http.MethodHead)
	}
	on(router, "GET", "/api/{type}/{uuid}", open, a.getObject)
	on(router, "PUT", "/api/{type}/{uuid}", writing, a.putObject)
	on(router, "DELETE", "/api/{type}/{uuid}", writing, a.deleteObject)
	on(router, "GET", "/api/{type}", open, a.getObject)

	for _, method := range []string{"GET", "POST"} {
		// Dianara asks by GET, all others by POST.
		on(router, method, "/oauth/request_token", unchecked, a.requestToken)
		on(router, method, "/oauth/access_token", unchecked, a.accessToken)
	}
	on(router, "GET", "/oauth/authorize", unchecked, a.pages.getAuthorize)
	on(router, "POST", "/oauth/authorize", unchecked, a.pages.postAuthorize)
	on(router, "GET", "/main/style.css", unchecked, a.pages.getStyle)

	router.Handle("/uploads/{path:.+}", a.let(open, "GET /uploads/{path}", a.getFile)).Methods(http.MethodGet, http.MethodHead)
	router.Handle("/images/default.png", a.let(unchecked, "GET /images/default.png", a.getDefaultImage)).Methods(http.MethodGet, http.MethodHead)

	on(router, "GET", "/.well-known/webfinger", unchecked, a.webfinger)
	on(router, "GET", "/.well-known/host-meta", unchecked, a.hostMeta)
	on(router, "GET", "/.well-known/host-meta.json", unchecked, a.hostMetaJSON)
}

// let serves a route to those who may use it.
func (a *API) let(need access, name string, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		telemetry.SetRoute(r.Context(), name)
		header := w.Header()
		header.Set("Server", a.server)
		header.Set("X-Content-Type-Options", "nosniff")
		err := checkAddress(r.URL)
		if err == nil {
			var c *caller
			if c, err = a.authenticate(w, r, need); err == nil {
				err = h(w, r, c)
			}
		}
		if err != nil {
			a.fail(w, r, err)
		}
	})
}
