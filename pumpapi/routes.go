package pumpapi

import (
	"net/http"

	"github.com/gorilla/mux"

	"manifold/internal/front"
	"manifold/internal/telemetry"
)

// handler answers a request of somebody who has been let in.
type handler func(w http.ResponseWriter, r *http.Request, c *caller) error

// Register adds everything that the network answers to a router, which must use
// encoded paths. Paths that clients build by hand may end in a slash: choqok
// signs it, so that a redirect would not do.
func (a *API) Register(router *mux.Router) {
	on := a.adder(router)
	a.addUser(func(method, path string, need access, h handler) { on(method, ofUser+path, need, h) })
	a.addAccounts(on)
	a.addThings(on, router)
	a.addOAuth(on)
	a.addPages(on)
	if a.live {
		router.PathPrefix(sockjsPath).Handler(a.let(unchecked, "realtime", a.serveSockJS))
	}

	router.Handle("/uploads/{path:.+}", a.let(open, "GET /uploads/{path}", a.getFile)).Methods(http.MethodGet, http.MethodHead)
	router.Handle("/images/default.png", a.let(unchecked, "GET /images/default.png", a.getDefaultImage)).Methods(http.MethodGet, http.MethodHead)
}

const ofUser = "/api/user/{nick}"

// adder returns a function that adds a route.
func (a *API) adder(router *mux.Router) adder {
	return func(method, path string, need access, h handler) {
		methods := []string{method}
		if method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		front.Route(router, path+"/?").Handler(a.let(need, method+" "+path, h)).Methods(methods...)
	}
}

type adder func(method, path string, need access, h handler)

// addUser adds what is said and done below the address of a person.
func (a *API) addUser(on adder) {
	for _, part := range inboxParts {
		on("GET", "/inbox"+part.path, person, a.getInbox(part))
	}
	on("POST", "/inbox", program, a.postInbox)
	for _, part := range feedParts {
		on("GET", "/feed"+part.path, open, a.getFeed(part))
		on("POST", "/feed"+part.path, writing, a.postFeed(part))
	}
	on("GET", "/followers", open, a.getFollowers)
	on("GET", "/following", open, a.getFollowing)
	on("POST", "/following", writing, a.postFollowing)
	on("GET", "/blocks", person, a.getBlocks)
	on("POST", "/blocks", writing, a.postBlocks)
	on("GET", "/favorites", open, a.getFavorites)
	on("POST", "/favorites", writing, a.postFavorites)
	on("GET", "/lists/{type}", open, a.getLists)
	on("GET", "/uploads", person, a.getUploads)
	on("POST", "/uploads", writing, a.postUploads)
	on("GET", "/profile", open, a.getProfile)
	on("PUT", "/profile", owning, a.putProfile)
}

func (a *API) addAccounts(on adder) {
	on("GET", ofUser, open, a.getUser)
	on("PUT", ofUser, owning, a.putUser)
	on("DELETE", ofUser, owning, a.deleteUser)
	// The address that a person will have on other networks is the same person
	// here; pump servers ask for it where they find it as an alias.
	on("GET", "/users/{nick}", open, a.getProfile)
	on("GET", "/api/users", known, a.getUsers)
	on("POST", "/api/users", program, a.postUsers)
	on("GET", "/api/whoami", person, a.whoami)
	on("GET", "/api/proxy/{uuid}", person, a.getProxy)
	on("POST", "/api/client/register", unchecked, a.registerClient)
}

// addThings adds activities, objects and their collections. The paths of all
// types come last.
func (a *API) addThings(on adder, router *mux.Router) {
	for _, path := range []string{"/api/activity/{uuid}", "/api/activity"} {
		on("GET", path, open, a.getActivity)
		on("PUT", path, writing, a.putActivity)
		on("DELETE", path, writing, a.deleteActivity)
	}
	on("GET", "/api/activity/{uuid}/deliveries", person, a.getDeliveries)
	for _, path := range []string{"/api/collection/{uuid}/members", "/api/collection/members"} {
		on("GET", path, open, a.getMembers)
		on("POST", path, writing, a.postMembers)
	}
	// A group, like everything, is named by the path or by the parameter id.
	for _, group := range []string{"/api/group/{uuid}", "/api/group"} {
		on("GET", group+"/members", open, a.getGroupMembers)
		on("GET", group+"/inbox", open, a.getGroupInbox)
		on("POST", group+"/inbox", program, a.postInbox)
		on("GET", group+"/documents", open, a.getGroupDocuments)
	}
	for _, part := range publicParts {
		on("GET", "/api/public/feed"+part.path, open, a.getPublic(part))
	}
	for _, feed := range []struct {
		name string
		get  handler
	}{{"likes", a.getLikes}, {"replies", a.getReplies}, {"shares", a.getShares}} {
		on("GET", "/api/{type}/{uuid}/"+feed.name, open, feed.get)
		front.Route(router, "/api/{type}/"+feed.name+"/?").Handler(a.let(open, "GET /api/{type}/"+feed.name, feed.get)).
			Queries("id", "{id}").Methods(http.MethodGet, http.MethodHead)
	}
	on("GET", "/api/{type}/{uuid}", open, a.getObject)
	on("PUT", "/api/{type}/{uuid}", writing, a.putObject)
	on("DELETE", "/api/{type}/{uuid}", writing, a.deleteObject)
	on("GET", "/api/{type}", open, a.getObject)
	on("PUT", "/api/{type}", writing, a.putObject)
	on("DELETE", "/api/{type}", writing, a.deleteObject)
}

func (a *API) addOAuth(on adder) {
	for _, method := range []string{"GET", "POST"} {
		// Dianara asks by GET, all others by POST.
		on(method, "/oauth/request_token", unchecked, a.requestToken)
		on(method, "/oauth/access_token", unchecked, a.accessToken)
	}
	on("GET", "/oauth/authorize", unchecked, a.pages.getAuthorize)
	on("POST", "/oauth/authorize", unchecked, a.pages.postAuthorize)
	on("GET", "/oauth2/authz", unchecked, a.pages.getAuthz)
	on("POST", "/oauth2/authz", unchecked, a.pages.postAuthz)
	on("GET", "/oauth2/authc", unchecked, a.pages.getAuthc)
	on("POST", "/oauth2/authc", unchecked, a.pages.postAuthc)
	on("POST", "/oauth2/token", unchecked, a.postToken)
	on("POST", "/oauth2/revoke", unchecked, a.postRevoke)
	on("GET", "/.well-known/oauth-authorization-server", unchecked, a.describeOAuth2)
}

// addPages adds the pages for people, and what programs say at the same
// addresses.
func (a *API) addPages(on adder) {
	on("GET", "/main/login", unchecked, a.pages.getLogin)
	on("POST", "/main/login", unchecked, a.postLogin)
	on("POST", "/main/logout", unchecked, a.postLogout)
	on("POST", "/main/renew", owning, a.postRenew)
	on("GET", "/main/register", unchecked, a.pages.getRegister)
	on("POST", "/main/register", unchecked, a.postRegister)
	on("GET", "/main/account", unchecked, a.pages.getAccount)
	on("POST", "/main/account/password", unchecked, a.pages.withPassword(a.pages.changePassword))
	on("POST", "/main/account/email", unchecked, a.pages.withPassword(a.pages.changeEmail))
	on("POST", "/main/account/revoke", unchecked, a.pages.change(a.pages.revokeProgram))
	on("POST", "/main/account/sessions", unchecked, a.pages.change(a.pages.endSessions))
	on("POST", "/main/account/delete", unchecked, a.pages.withPassword(a.pages.deleteAccount))
	on("GET", "/main/settings", unchecked, a.pages.onlyWithin("/main/settings", "/main/account"))
	on("GET", "/main/messages", unchecked, a.pages.onlyWithin("/main/messages", "/"))
	on("GET", "/main/remote", unchecked, a.pages.getRemote)
	on("POST", "/main/remote", unchecked, a.pages.postRemote)
	on("GET", "/main/authorized/{hostname}", unchecked, a.pages.getAuthorized)
	on("POST", "/main/proxy", unchecked, a.postProxy)
	on("POST", "/main/upload", open, a.postPageUpload(thumbnail))
	on("POST", "/main/upload-avatar", open, a.postPageUpload(avatar))
	on("GET", "/main/recover", unchecked, a.pages.getRecover)
	on("POST", "/main/recover", unchecked, a.postRecover)
	on("GET", "/main/recover-sent", unchecked, a.pages.getRecoverSent)
	on("GET", "/main/recover/{code}", unchecked, a.pages.getNewPassword)
	on("POST", "/main/recover/{code}", unchecked, a.pages.postNewPassword)
	on("POST", "/main/redeem-code", program, a.redeemCode)
	on("GET", "/main/confirm", unchecked, a.pages.getConfirm)
	on("POST", "/main/confirm", unchecked, a.pages.postConfirm)
	on("GET", "/main/confirm/{code}", unchecked, a.pages.confirmEmail)
	on("GET", "/main/unsubscribe/{token}", unchecked, a.pages.getUnsubscribe)
	on("POST", "/main/unsubscribe/{token}", unchecked, a.pages.postUnsubscribe)
	on("GET", interactionPath, unchecked, a.pages.getInteraction)
	on("POST", interactionPath, unchecked, a.pages.postInteraction)
	for _, path := range []string{"/main/ostatussub", "/main/ostatusgroup"} {
		on("GET", path, unchecked, a.pages.getSubscription)
	}
	for _, path := range []string{"/main/ostatus", "/main/ostatus/nickname/{nick}", "/main/ostatus/group/{group}", "/main/ostatusnostr",
		"/main/remotefollow/nickname/{nick}", "/main/remotefollowsub"} {
		on("GET", path, unchecked, a.pages.getVisit)
	}
	on("POST", "/main/ostatus", unchecked, a.pages.postVisit)
	on("GET", "/main/style.css", unchecked, a.pages.getStyle)
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
				err = a.count(w, r, c)
			}
			if err == nil {
				err = h(w, r, c)
			}
		}
		if err != nil {
			a.fail(w, r, err)
		}
	})
}
