package bridge

import (
	"context"
	"slices"
	"strings"

	"manifold/models"
	"manifold/models/vocab"
)

// maxTwins is how many other ids of a thing are looked at.
const maxTwins = 8

// twins are the ids that a thing of the actor has on other networks, as its own server
// says: those of that server. What it says of the things of others is not believed.
func (op *operation) twins(o *vocab.Object) []string {
	if o == nil || op.local {
		return nil
	}
	var list []string
	for _, id := range o.UpstreamDuplicates[:min(len(o.UpstreamDuplicates), maxTwins)] {
		if id != o.ID && op.isOfServer(id) && checkName("id", id) == nil && !op.b.names.Ours(id) {
			list = append(list, id)
		}
	}
	return unique(list)
}

// isOfServer reports whether an id is one that the server of the actor makes: an
// address there, or a tag: with its name, in which GNU social writes the port.
func (op *operation) isOfServer(id string) bool {
	host := hostOf(id)
	if tag, ok := strings.CutPrefix(id, "tag:"); ok {
		host, _, _ = strings.Cut(tag, ",")
		host = strings.ToLower(host)
	}
	name := func(host string) string {
		name, _, _ := strings.Cut(host, ":")
		return name
	}
	return host != "" && (host == op.actor.Host || name(host) == name(op.actor.Host))
}

// twinRefs are the things that one of the other ids of o names. Of what somebody
// answers any of them will do, as nothing is named by it.
func (op *operation) twinRefs(o *vocab.Object) []models.Ref {
	ids := op.twins(o)
	if o == op.doc.Object.Parent() && !op.local {
		ids = o.UpstreamDuplicates
	}
	for _, id := range ids {
		if i := slices.IndexFunc(op.known[id], func(r models.Ref) bool { return r.Kind == models.KindObject }); i >= 0 {
			return op.known[id][i : i+1]
		}
	}
	return nil
}

// newTwins are the names of a thing of the actor that it does not have here yet.
func (op *operation) newTwins(o *vocab.Object, object int64) []models.Identifier {
	ids := op.twins(o)
	if o != nil && op.isOfServer(o.ID) {
		ids = append(ids, o.ID)
	}
	var names []models.Identifier
	for _, id := range unique(ids) {
		if !slices.ContainsFunc(op.known[id], func(r models.Ref) bool { return r.Kind == models.KindObject }) {
			names = append(names, models.Identifier{Kind: models.KindObject, IRI: id, Ref: object})
		}
	}
	return names
}

// nameTwins gives what was posted by known the names under which its author posts it
// now by another network.
func (op *operation) nameTwins(ctx context.Context, known *models.Activity) error {
	if op.local || known.Object.Kind != models.KindObject || op.doc.Verb != vocab.VerbPost && op.doc.Verb != vocab.VerbCreate {
		return nil
	}
	return op.tx.Identify(ctx, op.newTwins(op.doc.Object, known.Object.ID)...)
}
