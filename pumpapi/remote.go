package pumpapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"manifold/bridge"
	"manifold/internal/outbound"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/pumpapi/oauth1"
)

// Somebody with an account on another server of the network can log in here with
// it, to read what they may read. This server is then a program there: it sends
// the browser to the other server, which asks the person, and is told who it is.
// What such a person does, they do at home: the session here reads.

const (
	// remoteAge is how long somebody may take to log in elsewhere.
	remoteAge = 10 * time.Minute
	// remoteTime bounds what we wait for another server while a person waits.
	remoteTime = 25 * time.Second
)

// getRemote shows the form to enter an address on another server in.
func (p *pages) getRemote(w http.ResponseWriter, r *http.Request, _ *caller) error {
	if p.a.outbound == nil {
		return p.problem(w, http.StatusForbidden, "This does not work", "This server lets nobody log in from elsewhere.")
	}
	q := r.URL.Query()
	return p.showRemote(w, r, http.StatusOK, page{Address: q.Get("webfinger"), Continue: localPath(cmp.Or(q.Get("continueTo"), q.Get("continue")))})
}

func (p *pages) showRemote(w http.ResponseWriter, r *http.Request, status int, v page) error {
	v.Title, v.Form = "Log in from another server", p.form(w, r)
	return p.showLeadingTo(w, status, remotePage, v, p.anywhere())
}

// postRemote sends somebody to their own server to log in there.
func (p *pages) postRemote(w http.ResponseWriter, r *http.Request, _ *caller) error {
	form, err := p.readForm(w, r)
	if form == nil {
		return err
	}
	if p.a.outbound == nil {
		return p.getRemote(w, r, nil)
	}
	v := page{Address: strings.TrimSpace(form.Get("webfinger")), Continue: localPath(form.Get("continueTo"))}
	if !p.checkForm(r, form.Get("form")) {
		v.Problem = foreignForm
		return p.showRemote(w, r, http.StatusForbidden, v)
	}
	host, problem := p.a.hostOfPerson(v.Address)
	if problem != "" {
		v.Problem = problem
		return p.showRemote(w, r, http.StatusBadRequest, v)
	}
	// Each makes us knock at an address of a stranger's choice.
	if _, wait := p.a.attempts.begin("", p.a.addressOf(r)); wait > 0 {
		_, v.Problem, _ = problemOf(tooMany(w, wait))
		return p.showRemote(w, r, http.StatusTooManyRequests, v)
	}
	ctx, cancel := context.WithTimeout(r.Context(), remoteTime)
	defer cancel()
	to, err := p.a.beginRemote(ctx, host, browserDigest(r), v.Continue)
	if err != nil {
		p.a.log.InfoContext(ctx, "remote login failed", "host", host, "error", err)
		v.Problem = host + " could not be reached, or is no server of the pump.io network."
		return p.showRemote(w, r, http.StatusBadGateway, v)
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// hostOfPerson returns the host of an address like ann@example.org, or what is
// wrong with it.
func (a *API) hostOfPerson(address string) (host, problem string) {
	nick, host, ok := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(address, "acct:"), "@"), "@")
	host = strings.ToLower(host)
	u, err := url.Parse("https://" + host)
	if !ok || nick == "" || err != nil || !plainHost(host) || u.Host != host || u.Hostname() == "" || len(host) > 255 {
		return "", "An address looks like ann@example.org."
	}
	if a.names.Ours("acct:" + nick + "@" + host) {
		return "", "This is an account of this server: log in with its name and password."
	}
	return strings.TrimSuffix(host, ":443"), ""
}

// browserDigest is of the cookie that ties forms to a browser, nil where it has
// none.
func browserDigest(r *http.Request) []byte {
	c, err := r.Cookie(formCookie)
	if err != nil || c.Value == "" {
		return nil
	}
	return digest("remote " + c.Value)
}

// beginRemote gets a temporary credential from somebody's server and returns
// where there they decide.
func (a *API) beginRemote(ctx context.Context, host string, browser []byte, returnTo string) (string, error) {
	p, err := a.findPeer(ctx, host)
	if err != nil {
		return "", err
	}
	var reply oauth1.TokenReply
	for _, anew := range []bool{false, true} {
		client, err := a.clientAt(ctx, p, anew)
		if err != nil {
			return "", err
		}
		reply, err = a.askForToken(ctx, p, p.requestToken, signerAt(client, oauth1.TokenReply{}, a.now), oauth1.Call{Callback: a.returnAddress(host)})
		if errors.Is(err, errRefused) && !anew {
			continue // it has forgotten our registration
		}
		if err != nil {
			return "", err
		}
		break
	}
	err = a.db.Write(ctx, func(tx *models.Tx) error {
		return tx.InsertRemoteRequest(ctx, &models.RemoteRequest{Host: host, Token: reply.Token, Secret: reply.Secret, Browser: browser,
			ReturnTo: returnTo, Created: a.now()})
	})
	if err != nil {
		return "", err
	}
	to, err := url.Parse(p.authorize)
	if err != nil {
		return "", err
	}
	q := to.Query()
	q.Set("oauth_token", reply.Token)
	to.RawQuery = q.Encode()
	return to.String(), nil
}

// signerAt signs as this server, with a token or without.
func signerAt(c *models.RemoteClient, t oauth1.TokenReply, now func() time.Time) *oauth1.Signer {
	return &oauth1.Signer{ConsumerKey: c.ClientID, Token: t.Token, Secrets: oauth1.Secrets{Consumer: c.Secret, Token: t.Secret}, Now: now}
}

// getAuthorized takes back somebody who has been to their own server.
func (p *pages) getAuthorized(w http.ResponseWriter, r *http.Request, _ *caller) error {
	host, q, ctx := strings.ToLower(pathValue(r, "hostname")), r.URL.Query(), r.Context()
	again := func(text string) error {
		return p.problem(w, http.StatusBadRequest, "You are not logged in", text)
	}
	left, err := p.a.db.RemoteRequest(ctx, host, q.Get("oauth_token"))
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	switch {
	case err != nil || p.a.outbound == nil || p.a.now().Sub(left.Created) > remoteAge:
		return again("This login is unknown, used up or older than ten minutes. Please begin again.")
	case string(left.Browser) != string(browserDigest(r)):
		return again("This login was begun in another browser. Please begin again in this one.")
	case q.Get("oauth_verifier") == "":
		return again(host + " does not say that you have allowed it.")
	}
	// A login is tried once.
	err = p.a.db.Write(ctx, func(tx *models.Tx) error { return tx.RemoveRemoteRequest(ctx, left.Host, left.Token) })
	if errors.Is(err, models.ErrNotFound) {
		return again("This login was used up in the meantime. Please begin again.")
	}
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, remoteTime)
	defer cancel()
	person, token, err := p.a.endRemote(waiting, left, q.Get("oauth_verifier"))
	if err != nil {
		p.a.log.InfoContext(ctx, "remote login failed", "host", host, "error", err)
		return p.problem(w, http.StatusBadGateway, "You are not logged in", host+" does not say who you are. Please begin again.")
	}
	actor, err := p.a.bridge.Introduce(ctx, person, func(ctx context.Context, tx *models.Tx, actor *models.Actor) error {
		token.ActorID, token.Updated = actor.ID, p.a.now()
		return tx.SetRemoteToken(ctx, token)
	})
	if e, ok := errors.AsType[*bridge.Error](err); ok {
		return p.problem(w, http.StatusForbidden, "You are not logged in", e.Text)
	}
	if err != nil {
		return err
	}
	if err := p.beginSessionWith(w, r, actor.ID, nil); err != nil {
		return err
	}
	return p.goOn(w, r, left.ReturnTo, "/main/account")
}

// endRemote exchanges the credential of somebody who has come back, and finds
// out who it is.
func (a *API) endRemote(ctx context.Context, left *models.RemoteRequest, verifier string) (*bridge.Account, *models.RemoteToken, error) {
	p, err := a.findPeer(ctx, left.Host)
	if err != nil {
		return nil, nil, err
	}
	client, err := a.db.RemoteClient(ctx, left.Host)
	if err != nil {
		return nil, nil, err
	}
	held := signerAt(client, oauth1.TokenReply{Token: left.Token, Secret: left.Secret}, a.now)
	reply, err := a.askForToken(ctx, p, p.accessToken, held, oauth1.Call{Verifier: verifier})
	if err != nil {
		return nil, nil, err
	}
	profile, err := a.askWho(ctx, p, signerAt(client, reply, a.now))
	if err != nil {
		return nil, nil, err
	}
	person, err := personOf(left.Host, profile)
	if err != nil {
		return nil, nil, err
	}
	return person, &models.RemoteToken{Host: left.Host, ClientID: client.ClientID, Token: reply.Token, Secret: reply.Secret}, nil
}

// personOf makes sure that a profile is of the host that showed it, and finds its
// other names: a host speaks for all names on it, and for no others.
func personOf(host string, profile *vocab.Object) (*bridge.Account, error) {
	if profile.Type != vocab.TypePerson || !onHost(profile.ID, host) {
		return nil, errors.New("the profile is not of a person of this host")
	}
	a := &bridge.Account{Profile: profile, Inbox: profile.Links["activity-inbox"].Href}
	names := []string{profile.URL, profile.Links["self"].Href}
	if nick := profile.PreferredUsername; nick != "" {
		names = append(names, "acct:"+nick+"@"+host)
	}
	for _, name := range names {
		if name != profile.ID && onHost(name, host) {
			a.Aliases = append(a.Aliases, name)
		}
	}
	return a, nil
}

// onHost reports whether an id or address is of a host.
func onHost(id, host string) bool {
	if account, ok := strings.CutPrefix(id, "acct:"); ok {
		nick, of, ok := strings.Cut(account, "@")
		return ok && nick != "" && strings.EqualFold(of, host)
	}
	u, err := url.Parse(id)
	return err == nil && u.User == nil && u.Host != "" && hostOf(u) == host
}

// postProxy passes an activity of somebody who has logged in from elsewhere on to
// their own server.
func (a *API) postProxy(w http.ResponseWriter, r *http.Request, _ *caller) error {
	actor, err := a.sessionActor(r)
	if errors.Is(err, models.ErrNotFound) {
		return refuse(http.StatusUnauthorized, "Not logged in.")
	}
	if err != nil {
		return err
	}
	// The session alone does not tell whose page the browser sends this from.
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") || !a.fromOurPages(r) {
		return refuse(http.StatusForbidden, "This is for JSON from pages of this server.")
	}
	ctx, cancel := context.WithTimeout(r.Context(), remoteTime)
	defer cancel()
	token, err := a.db.RemoteToken(ctx, actor)
	if errors.Is(err, models.ErrNotFound) {
		return refuse(http.StatusForbidden, "This is for people who have logged in from elsewhere.")
	}
	if err != nil {
		return err
	}
	data, err := body(w, r)
	if err != nil {
		return err
	}
	if _, err := DecodeActivity(data); err != nil {
		return err
	}
	return a.relay(ctx, w, r, token, data)
}

// fromOurPages reports whether a browser sends a request from a page of this
// server, as far as it says.
func (a *API) fromOurPages(r *http.Request) bool {
	base, err := url.Parse(a.names.Base)
	if err != nil {
		return false
	}
	protection := http.NewCrossOriginProtection()
	// Behind a proxy the host of the request may be another.
	return protection.AddTrustedOrigin(base.Scheme+"://"+base.Host) == nil && protection.Check(r) == nil
}

// relay posts an activity to the outbox of somebody elsewhere, and answers what
// their server does.
func (a *API) relay(ctx context.Context, w http.ResponseWriter, r *http.Request, token *models.RemoteToken, data []byte) error {
	person, err := a.db.Actor(ctx, token.ActorID)
	if err != nil {
		return err
	}
	const again = "Your server does not accept this login any more. Log in again."
	client, err := a.db.RemoteClient(ctx, token.Host)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	if err != nil || client.ClientID != token.ClientID {
		return refuse(http.StatusUnauthorized, again)
	}
	outbox := person.Doc.Links["activity-outbox"].Href
	if a.outbound == nil || !onHost(outbox, token.Host) {
		return refuse(http.StatusBadGateway, "Your server does not say where to post.")
	}
	signer := signerAt(client, oauth1.TokenReply{Token: token.Token, Secret: token.Secret}, a.now)
	theirs, err := a.ask(ctx, token.Host, signer, oauth1.Call{}, outbound.Request{Method: http.MethodPost, URL: outbox, Body: data, MaxBody: MaxDocument,
		Header: http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}})
	switch {
	case theirs == nil:
		a.log.InfoContext(ctx, "posting for somebody elsewhere failed", "host", token.Host, "error", err)
		return refuse(http.StatusBadGateway, "Your server could not be reached.")
	case theirs.Status == http.StatusUnauthorized, theirs.Status == http.StatusBadRequest && checkDocument(theirs.Body) != nil:
		// A refusal of OAuth, which is text; pump.io says 400 of a token that it does
		// not know.
		return refuse(http.StatusUnauthorized, again)
	case theirs.Status >= 500 || checkDocument(theirs.Body) != nil:
		return refuse(http.StatusBadGateway, "Your server answers with status %d.", theirs.Status)
	case theirs.Status != http.StatusOK:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(theirs.Status)
		_, err = w.Write(theirs.Body)
		return err
	}
	answer(w, r, func(out *writer) { out.b = append(out.b, theirs.Body...) })
	return nil
}
