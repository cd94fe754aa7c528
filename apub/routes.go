package apub

import (
	"net/http"

	"github.com/gorilla/mux"

	"manifold/internal/front"
	"manifold/models"
)

// Register adds everything that the network answers to a router, which must use
// encoded paths. It is called before that of any other network: what is asked for
// in another form than AS2 falls through to theirs.
func (s *Server) Register(router *mux.Router) {
	// on adds what only this network has, shared what others have at the same
	// address in another form.
	on := func(path string, need access, h handler) {
		front.Route(router, path).Handler(s.let("GET "+path, need, h)).Methods(http.MethodGet, http.MethodHead)
	}
	shared := func(path string, need access, h handler) {
		// The condition stands before the path: mux forgets that a route had the path
		// but not the method as soon as a condition of a later one fits.
		front.Route(router, path, s.asksForUs).Handler(s.let("GET "+path+" (AS2)", need, h))
	}

	on("/ns", open, getExtension)
	on("/actor", open, s.getServer)
	shared("/users/{nick}", alike, s.getPerson)
	shared("/api/group/{uuid}", personal, s.getGroup)
	for _, actor := range []string{"/actor", "/users/{nick}", "/api/group/{uuid}"} {
		on(actor+"/outbox", personal, s.of(outbox(models.All, func(a Addresses) string { return a.Outbox })))
		on(actor+"/outbox/major", personal, s.of(outbox(models.Major, func(a Addresses) string { return a.Major })))
		on(actor+"/outbox/minor", personal, s.of(outbox(models.Minor, func(a Addresses) string { return a.Minor })))
		on(actor+"/followers", personal, s.of(followers))
		on(actor+"/following", personal, s.of(following))
		on(actor+"/liked", personal, s.of(liked))
		on(actor+"/featured", personal, s.of(featured))
	}
	on("/users/{nick}/followers_synchronization", personal, s.getFollowersOf)

	front.Route(router, "/api/{type}", s.asksForCopy).Handler(s.let("GET /api/{type} (AS2)", personal, s.getCopy))
	shared("/api/activity/{uuid}", personal, s.getActivity)
	shared("/api/{type}/{uuid}", personal, s.getObject)
	shared("/api/{type}/{uuid}/replies", personal, s.about("replies", replies))
	shared("/api/{type}/{uuid}/context", personal, s.getThread)
	shared("/api/{type}/{uuid}/likes", personal, s.about("likes", likes))
	shared("/api/{type}/{uuid}/shares", personal, s.about("shares", shares))

	s.addInboxes(router)
}
