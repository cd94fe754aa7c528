package bridge

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"manifold/models"
	"manifold/models/vocab"
)

// thing is something that an activity is about: an actor, an object or another
// activity. At most one of the three is set.
type thing struct {
	actor    *models.Actor
	object   *models.Object
	activity *models.Activity
	// new says that the row is to be stored with this activity.
	new bool
	// extraNames are given to a new thing besides the id of its document.
	extraNames []string
}

func (t thing) ref() models.Ref {
	switch {
	case t.actor != nil:
		return models.Ref{Kind: models.KindActor, ID: t.actor.ID}
	case t.object != nil:
		return models.Ref{Kind: models.KindObject, ID: t.object.ID}
	case t.activity != nil:
		return models.Ref{Kind: models.KindActivity, ID: t.activity.ID}
	}
	return models.Ref{}
}

// doc is the thing in normal form; nil for activities and for nothing.
func (t thing) doc() *vocab.Object {
	switch {
	case t.actor != nil:
		return t.actor.Doc
	case t.object != nil:
		return t.object.Doc
	}
	return nil
}

func (t thing) names() []models.Identifier {
	kind := t.ref().Kind
	var names []models.Identifier
	for _, n := range unique(append([]string{t.doc().ID}, t.extraNames...)) {
		names = append(names, models.Identifier{Kind: kind, IRI: n, Ref: t.ref().ID})
	}
	return names
}

func (t thing) empty() bool { return t.ref().Kind == models.KindNone }

// resolve looks up everything that the activity names, at once.
func (op *operation) resolve(ctx context.Context) error {
	var iris []string
	add := func(o *vocab.Object) {
		if o == nil || o.ID == "" || o.ID == vocab.PublicID {
			return
		}
		if o.ID == op.followersID() {
			return
		}
		iris = append(iris, o.ID)
		if name, ok := acct(o.ID); ok {
			iris = append(iris, name)
		}
	}
	d := op.doc
	add(d.Object)
	add(d.Object.Parent())
	iris = append(iris, op.twins(d.Object)...)
	if parent := d.Object.Parent(); parent != nil && !op.local {
		iris = append(iris, parent.UpstreamDuplicates...)
	}
	add(d.Target)
	if d.Object != nil && !op.local {
		add(d.Object.Author)
	}
	for _, o := range d.Addressees() {
		add(o)
	}
	if d.Inner != nil {
		add(d.Inner.Actor)
		add(d.Inner.Object)
	}
	if d.Undoes != "" {
		iris = append(iris, d.Undoes)
	}
	var err error
	op.known, err = op.tx.Lookup(ctx, unique(iris)...)
	if err != nil {
		return err
	}
	for _, r := range op.known[d.Undoes] {
		if r.Kind == models.KindActivity {
			op.undone = r.ID
		}
	}
	if op.object, err = op.find(ctx, d.Object); err != nil {
		return err
	}
	if op.target, err = op.find(ctx, d.Target); err != nil {
		return err
	}
	op.parent, err = op.find(ctx, d.Object.Parent())
	return err
}

// acct returns the one spelling under which the address of an account is
// stored.
func acct(name string) (string, bool) {
	nick, host, ok := account(name)
	return "acct:" + nick + "@" + host, ok
}

// find returns the thing that o names, or nothing.
func (op *operation) find(ctx context.Context, o *vocab.Object) (thing, error) {
	if o == nil || o.ID == "" {
		return thing{}, nil
	}
	refs := op.known[o.ID]
	if name, ok := acct(o.ID); ok && len(refs) == 0 {
		refs = op.known[name]
	}
	if len(refs) == 0 {
		// Our own people answer to their names in any case of the letters.
		if nick := op.b.names.Nickname(o.ID); nick != "" {
			account, err := op.tx.AccountByNickname(ctx, nick)
			if err == nil {
				refs = []models.Ref{{Kind: models.KindActor, ID: account.ActorID}}
			} else if !errors.Is(err, models.ErrNotFound) {
				return thing{}, err
			}
		}
	}
	if len(refs) == 0 {
		refs = op.twinRefs(o)
	}
	if len(refs) == 0 {
		return thing{}, nil
	}
	return op.load(ctx, pick(refs, o))
}

// pick chooses among the things that share a name. In OStatus a post and its
// object do; unless the activity is asked for, the object is meant.
func pick(refs []models.Ref, o *vocab.Object) models.Ref {
	best := refs[0]
	for _, r := range refs {
		if o.Type == vocab.TypeActivity && r.Kind == models.KindActivity || o.Type != vocab.TypeActivity && r.Kind < best.Kind {
			best = r
		}
	}
	return best
}

func (op *operation) load(ctx context.Context, r models.Ref) (t thing, err error) {
	switch r.Kind {
	case models.KindActor:
		if r.ID == op.actor.ID {
			return thing{actor: op.actor}, nil
		}
		t.actor, err = op.tx.Actor(ctx, r.ID)
	case models.KindObject:
		t.object, err = op.tx.Object(ctx, r.ID)
	case models.KindActivity:
		t.activity, err = op.tx.Activity(ctx, r.ID)
	}
	return t, err
}

// inner replaces an activity that is the object by what it is about, where that
// is what is meant: people share and like posts, not the posting of them.
func (op *operation) inner(ctx context.Context) error {
	a := op.object.activity
	if a == nil || a.Object.Kind == models.KindNone {
		return nil
	}
	switch a.Verb {
	case vocab.VerbPost, vocab.VerbCreate, vocab.VerbShare:
		t, err := op.load(ctx, a.Object)
		if err != nil {
			return err
		}
		op.object = t
	}
	return nil
}

// ensureObject makes a row for an object that the activity shows but that is
// not known: a copy of what somebody else made, or, where it has no id, a thing
// of the actor's own.
func (op *operation) ensureObject(ctx context.Context) error {
	if !op.object.empty() {
		return nil
	}
	o := op.doc.Object
	if op.doc.Inner != nil || o == nil {
		// An activity that nobody told us about is shown as it was embedded.
		return nil
	}
	if _, ok := acct(o.ID); ok || vocab.IsActorType(o.Type) {
		t, err := op.stubActor(ctx, o)
		op.object = t
		return err
	}
	if o.ID == "" && !op.local {
		return nil // nothing can name it: it is shown as it came
	}
	if o.ID == "" {
		return op.newObject(ctx)
	}
	if op.b.names.Ours(o.ID) {
		return missing("object", o.ID)
	}
	op.object = op.stubObject(o)
	return nil
}

// stubObject makes a row for somebody else's thing that is known from a copy
// only. Nobody vouches for the copy, so it has no author.
func (op *operation) stubObject(o *vocab.Object) thing {
	doc := o.Clone()
	doc.Author, doc.InReplyTo = o.Author.Ref(), nil
	row := &models.Object{ID: op.tx.NewID(), Type: o.Type, Doc: doc, Created: op.now, Updated: op.now}
	return thing{object: row, new: true}
}

// stubActor makes a row for somebody elsewhere of whom nothing more is known
// than what the activity says.
func (op *operation) stubActor(ctx context.Context, o *vocab.Object) (thing, error) {
	if o.ID == "" {
		return thing{}, invalid("A %s without an id cannot be found: give its \"id\", for example acct:ann@example.org.", o.Type)
	}
	if op.b.names.Ours(o.ID) {
		return thing{}, missing("user", o.ID)
	}
	doc := o.Clone()
	if name, ok := acct(doc.ID); ok {
		doc.ID = name
	}
	if doc.Type == "" {
		doc.Type = vocab.TypePerson
	}
	nick, host := accountOf(doc)
	if host == "" || len(nick) > maxNickname || len(host) > maxHost {
		return thing{}, invalid("%q names no account: an account is like acct:ann@example.org or https://example.org/ann.", o.ID)
	}
	if doc.PreferredUsername == "" {
		doc.PreferredUsername = nick
	}
	if doc.DisplayName == "" {
		doc.DisplayName = nick
	}
	doc.Author, doc.InReplyTo = nil, nil
	row := &models.Actor{ID: op.tx.NewID(), Type: doc.Type, Nickname: nick, Host: host, Doc: doc, Created: op.now, Updated: op.now}
	if err := op.tx.CreateActor(ctx, row, doc.ID); err != nil {
		return thing{}, err
	}
	op.known[doc.ID] = []models.Ref{{Kind: models.KindActor, ID: row.ID}}
	return thing{actor: row}, nil
}

// What the index takes in which people are found by their address. Folding may
// make a nickname eleven times as long.
const (
	maxNickname = 200
	maxHost     = 255
)

// accountOf returns the nickname and host that an actor's id tells.
func accountOf(o *vocab.Object) (nick, host string) {
	if nick, host, ok := account(o.ID); ok {
		return nick, host
	}
	u, err := url.Parse(o.ID)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", ""
	}
	if nick = o.PreferredUsername; nick == "" {
		path := strings.Split(strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/profile"), "/")
		nick = strings.TrimPrefix(path[len(path)-1], "@")
	}
	return nick, strings.ToLower(u.Host)
}
