package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"manifold/models"
)

// pageSize is how many posts, or answers, a page shows.
const pageSize = 20

// profile is what the page of a person or a group shows.
type profile struct {
	Person               *person
	Group                bool
	Summary              markup
	Place                string
	Followers, Following int64
	Members              int64
	// FromElsewhere is the page for visitors with an account on another server, ""
	// where there is none.
	FromElsewhere string
	Entries       []*entry
	// First is the address of the newest posts, where the page shows older ones.
	First string
}

// at says what the place is to them.
func (v *profile) at() string {
	if v.Group {
		return "At"
	}
	return "Lives in"
}

// join is what visitors can do.
func (v *profile) join() string {
	if v.Group {
		return "Join"
	}
	return "Follow"
}

// account returns whose page is asked for.
func (p *Pages) account(r *http.Request) (*models.Account, error) {
	account, err := p.store.AccountByNickname(r.Context(), pathValue(r, "nick"))
	switch {
	case errors.Is(err, models.ErrNotFound):
		return nil, errNotFound
	case err != nil:
		return nil, err
	case account.State == models.Deleted:
		return nil, errDeleted
	case account.State != models.Active:
		return nil, errSuspended
	}
	return account, nil
}

// moved redirects to the one address of a page from other spellings of it, and
// reports whether it did.
func moved(w http.ResponseWriter, r *http.Request, nick, canonical string) bool {
	if pathValue(r, "nick") == nick && pathValue(r, "slash") == "" {
		return false
	}
	if r.URL.RawQuery != "" {
		canonical += "?" + r.URL.RawQuery
	}
	w.Header().Set("Cache-Control", cachePage)
	http.Redirect(w, r, canonical, http.StatusMovedPermanently)
	return true
}

// elsewhere redirects programs to where they read what a page shows to people,
// and reports whether it did. as1 is the address in the API of pump.io, as2 the
// id in ActivityPub.
func elsewhere(w http.ResponseWriter, r *http.Request, as1, as2 string) bool {
	to := as2
	switch negotiate(r.Header.Values("Accept"), htmlForm, as1Form, as2Form, ldForm) {
	case htmlForm:
		return false
	case as1Form:
		to = as1
	}
	w.Header().Set("Cache-Control", cachePage)
	http.Redirect(w, r, to, http.StatusSeeOther)
	return true
}

// getPerson shows a person and what they posted for everybody.
func (p *Pages) getPerson(w http.ResponseWriter, r *http.Request) error {
	account, err := p.account(r)
	if err != nil {
		return err
	}
	nick := account.Nickname
	address := p.names.Page(nick)
	if moved(w, r, nick, address) || elsewhere(w, r, p.names.Profile(nick), p.names.Actor(nick)) {
		return nil
	}
	before := r.URL.Query().Get("before")
	position, err := p.position(r, account.ActorID, models.Outbox, before)
	if err != nil {
		return err
	}
	ctx := r.Context()
	// One more than is shown tells whether there are more.
	items, _, err := p.store.StreamPage(ctx, account.ActorID, models.Outbox, models.Major, models.Viewer{}, models.Page{Count: pageSize + 1, Before: position})
	if err != nil {
		return err
	}
	activities, next := shownOf(items, address)
	s, err := p.load(ctx, scope{activities: activities, actor: account.ActorID})
	if err != nil {
		return err
	}
	actor := s.actors[account.ActorID]
	if actor == nil {
		return fmt.Errorf("the account %s has no actor", nick)
	}
	view := &profile{
		Person: s.person(actor.ID), Summary: content(actor.Doc.Summary), Place: place(actor.Doc),
		Followers: actor.Counts.Followers, Following: actor.Counts.Following,
	}
	for _, a := range activities {
		view.Entries = append(view.Entries, s.entry(a, 3))
	}
	if p.visitors {
		view.FromElsewhere = p.root + "/main/ostatus/nickname/" + url.PathEscape(nick)
	}
	title := view.Person.Name + " (" + view.Person.Address + ")"
	if before != "" {
		view.First, title = address, "Older posts by "+title
	}
	return p.show(w, r, page{
		Title: title, Description: describeProfile(view), Canonical: address, JSON: p.names.Profile(nick), Feed: p.feed(p.names.Actor(nick) + "/feed.atom"),
		Next: next,
	}, profilePage(view, next))
}

// feed is the address of an Atom feed, "" where there are none. It stands before
// all other forms of a page: servers of OStatus take the first.
func (p *Pages) feed(address string) string {
	if !p.feeds {
		return ""
	}
	return address
}

// position returns where a page of a stream begins, 0 for the newest. before is the
// id of an activity in it.
func (p *Pages) position(r *http.Request, owner int64, of models.Stream, before string) (int64, error) {
	if before == "" {
		return 0, nil
	}
	activity, err := p.store.LookupKind(r.Context(), models.KindActivity, before)
	if err == nil {
		var position int64
		if position, err = p.store.PositionOf(r.Context(), owner, of, activity); err == nil {
			return position, nil
		}
	}
	if errors.Is(err, models.ErrNotFound) {
		return 0, errNotFound
	}
	return 0, err
}

func describeProfile(view *profile) string {
	if s := plainText(string(view.Summary), 300); s != "" {
		return s
	}
	return "What " + view.Person.Name + " posts for everybody."
}
