package bridge

import (
	"context"
	"encoding/json"
	"slices"

	"manifold/models"
	"manifold/models/vocab"
)

// maxReported is how many things a report may be about.
const maxReported = 100

// prepareFlag finds what is reported, as far as it is known here. A report is
// between whoever makes it and the admin: it is addressed to nobody, and no stream
// shows it.
func (op *operation) prepareFlag(ctx context.Context) error {
	if op.because {
		op.quiet = true
		return nil // told elsewhere, see [Bridge.ForwardReport]
	}
	op.about = &models.Report{ReporterID: op.actor.ID, ActivityID: op.row.ID, Created: op.now, Content: op.reported()}
	op.quiet = true
	op.addressNobody()
	things := []thing{op.object}
	for _, id := range op.furtherObjects() {
		found, err := op.tx.Lookup(ctx, id)
		if err != nil {
			return err
		}
		if len(found[id]) == 0 {
			continue
		}
		t, err := op.load(ctx, pick(found[id], &vocab.Object{ID: id}))
		if err != nil {
			return err
		}
		things = append(things, t)
	}
	for _, t := range things {
		op.report(t)
	}
	if len(op.about.Actors)+len(op.about.Objects) == 0 {
		return missing(firstOf(op.doc.Object.Type, "object"), op.doc.Object.ID)
	}
	return nil
}

// report adds a thing to what is reported, once under whatever names it is told; for
// an activity it is what that is about.
func (op *operation) report(t thing) {
	r := t.ref()
	if t.activity != nil {
		if r = t.activity.Object; r.Kind == models.KindNone {
			r = models.Ref{Kind: models.KindActor, ID: t.activity.ActorID}
		}
	}
	switch r.Kind {
	case models.KindActor:
		if !slices.Contains(op.about.Actors, r.ID) {
			op.about.Actors = append(op.about.Actors, r.ID)
		}
	case models.KindObject:
		if !slices.Contains(op.about.Objects, r.ID) {
			op.about.Objects = append(op.about.Objects, r.ID)
		}
	}
}

// reported is what the report says, in the words of whoever makes it.
func (op *operation) reported() string {
	var content string
	if raw, ok := op.doc.Extra[vocab.NSAS2+"content"]; !ok || json.Unmarshal(raw, &content) != nil {
		content = op.doc.Content
	}
	return Sanitize(content)
}

// furtherObjects are the ids of what a Flag of Activity Streams 2.0 names besides
// its first object: the posts of the person.
func (op *operation) furtherObjects() []string {
	var list []json.RawMessage
	if json.Unmarshal(op.doc.Extra[vocab.NSAS2+"object"], &list) != nil {
		return nil
	}
	var ids []string
	for _, raw := range list[:min(len(list), maxReported)] {
		if id := idIn(raw); id != "" && id != op.doc.Object.ID {
			ids = append(ids, id)
		}
	}
	return unique(ids)
}

// idIn is the id in a member of a JSON document that is an id or an object.
func idIn(raw json.RawMessage) string {
	var id string
	if json.Unmarshal(raw, &id) == nil {
		return id
	}
	var o struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(raw, &o) != nil {
		return ""
	}
	return o.ID
}

func (op *operation) applyFlag(ctx context.Context) error {
	if op.about == nil {
		return nil
	}
	return op.tx.InsertReport(ctx, op.about)
}
