package ostatus

import (
	"strings"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/xrd"
)

// salmonRels are the relations by which others look for [Server.SalmonURL]: the last
// two are those of StatusNet before 1.0, which reads no other.
var salmonRels = []string{xrd.RelSalmon, xrd.RelSalmonReplies, xrd.RelSalmonMention}

// FeedURL is the address of the feed of somebody here.
func (s *Server) FeedURL(nick string) string { return s.names.Actor(nick) + "/feed.atom" }

// GroupFeedURL is the address of the feed of a group of ours.
func (s *Server) GroupFeedURL(group *models.Actor) string { return group.Doc.ID + "/feed.atom" }

// feedOf is the address of the feed of an actor of ours, "" for those who have none.
func (s *Server) feedOf(a *models.Actor) string {
	switch {
	case a.Type == vocab.TypeGroup:
		return s.GroupFeedURL(a)
	case a.Nickname != "":
		return s.FeedURL(a.Nickname)
	}
	return ""
}

// SalmonURL is where others tell an actor of ours what concerns it, "" for those to
// whom nothing can be told.
func (s *Server) SalmonURL(a *models.Actor) string {
	if a.Type == vocab.TypeGroup {
		token := a.Doc.ID[strings.LastIndexByte(a.Doc.ID, '/')+1:]
		return s.names.Base + "/salmon/group/" + token
	}
	if a.Nickname == "" {
		return ""
	}
	return s.names.Base + "/salmon/user/" + strings.TrimPrefix(s.names.Actor(a.Nickname), s.names.Base+"/users/")
}

// HubURL is the hub of all feeds here.
func (s *Server) HubURL() string { return s.names.Base + "/hub" }

// URI is what names an actor of ours on this network.
func (s *Server) URI(a *models.Actor) string { return ownURI(s.names, a) }

// ownURI is the same as on ActivityPub: a person has a name that pump.io does not
// use, a group has one for all networks.
func ownURI(names *bridge.Names, a *models.Actor) string {
	if a.Type != vocab.TypeGroup && a.Nickname != "" {
		return names.Actor(a.Nickname)
	}
	return a.Doc.ID
}
