package pumpapi_test

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"manifold/internal/front"
	"manifold/pumpapi/oauth1"
)

// refusal is a request that is refused, and how.
type refusal struct {
	// who asks: a stranger, a program that acts for nobody, an app of OAuth 2.0, bob, ann, whose things
	// the addresses are of, or the browser of either; "closed" is a stranger at a
	// server where nobody can register, come from elsewhere or be sent mail.
	who string
	// query and path change the address that is made of the template.
	query, path string
	body        any
	// type_ is that of the body, if it is not JSON; url.Values are a form.
	type_  string
	status int
	// says is the message, of a page a part of it.
	says string
	as   shape
}

// shape is how a refusal is written.
type shape int

const (
	asError     shape = iota // {"error": says}
	asPlain                  // text, as of OAuth 1.0a
	asCode                   // {"error": says, "error_description": ...} of RFC 6749
	asPage                   // a page for people
	asUpload                 // {"success": false, "error": says}, in text
	asRecover                // {"sent": false, "error": says, ...}
	asDirection              // a redirect to the page to log in
)

const (
	notLoggedIn  = "Not logged in."
	unsigned     = "Missing required parameter"
	notAuthority = "Not authorized"
	noNobody     = "No such 'user' with id 'nobody'"
	noIdentity   = "Authentication required"
	unseenThing  = "Only the author and recipients can view this object."
	unseenDeed   = "Only the actor and recipients can view this activity."
	noDocument   = "Bad document: the document is empty; a JSON object is expected"
	noText       = "The address is not text: it has a NUL, or bytes that are not UTF-8."
	noActivity   = "Can't find an activity with id " + home + "/api/activity/none"
	oldForm      = "The form was not made for this browser"
)

// What several endpoints answer alike.
var (
	ofNobody = refusal{who: "stranger", path: "/api/user/nobody", status: 404, says: noNobody}
	// theirs is what only the person themselves reads, own what only they change.
	theirs = []refusal{{who: "stranger", status: 401, says: notLoggedIn}, {who: "program", status: 401, says: notLoggedIn}, {who: "bob", status: 401, says: notAuthority},
		{who: "bob", path: "/api/user/nobody", status: 404, says: noNobody}}
	own = []refusal{{who: "stranger", status: 400, says: unsigned, as: asPlain}, {who: "program", status: 401, says: notLoggedIn},
		{who: "ann browser", status: 400, says: unsigned, as: asPlain}, {who: "bob", status: 401, says: notAuthority}}
	// shownTo is what those may read who may see the thing that it belongs to.
	shownTo     = []refusal{{who: "stranger", status: 401, says: notLoggedIn}, {who: "program", status: 403, says: unseenThing}, {who: "bob", status: 403, says: unseenThing}}
	deedShownTo = []refusal{{who: "stranger", status: 401, says: notLoggedIn}, {who: "program", status: 403, says: unseenDeed}, {who: "bob", status: 403, says: unseenDeed}}
	// changed is what the author may change of it.
	changed = []refusal{{who: "stranger", status: 400, says: unsigned, as: asPlain}, {who: "program", status: 401, says: notLoggedIn}, {who: "bob", status: 403, says: unseenThing}}
	wrong   = refusal{who: "ann", query: "count=201", status: 400, says: "Count must be between 0 and 200"}
	byPeers = []refusal{{who: "stranger", status: 400, says: unsigned, as: asPlain}, {who: "program", status: 401, says: noIdentity}, {who: "bob", status: 401, says: noIdentity},
		{who: "ann browser", status: 400, says: unsigned, as: asPlain}}
	noForm  = refusal{who: "stranger", body: "a=%zz", type_: oauth1.FormType, status: 400, says: "The form could not be read.", as: asPage}
	noToken = []refusal{{who: "stranger", status: 400, says: unsigned, as: asPlain}}
	// noCode is what somebody has who invents the end of an address.
	noCode = refusal{who: "stranger", status: 400, says: "link", as: asPage}
	// noVisitor is somebody who wants to begin here, on a server that does not ask
	// others.
	noVisitor = refusal{who: "stranger", status: 403, says: "This server cannot look for yours.", as: asPage}
	// never is refused by what answers everybody the same.
	never = []refusal{{who: "stranger", query: "x=%00", status: 400, says: noText}}
)

// refusals has of every endpoint at least one refusal, by the method and the
// template of its path.
var refusals = map[string][]refusal{
	"GET /api/user/{nick}/inbox":              theirs,
	"GET /api/user/{nick}/inbox/major":        theirs,
	"GET /api/user/{nick}/inbox/minor":        theirs,
	"GET /api/user/{nick}/inbox/direct":       theirs,
	"GET /api/user/{nick}/inbox/direct/major": theirs,
	"GET /api/user/{nick}/inbox/direct/minor": theirs,
	"POST /api/user/{nick}/inbox":             byPeers,
	"GET /api/user/{nick}/feed":               {ofNobody, wrong},
	"GET /api/user/{nick}/feed/major":         {ofNobody, wrong},
	"GET /api/user/{nick}/feed/minor":         {ofNobody, wrong},
	"POST /api/user/{nick}/feed":              and(own, refusal{who: "ann", status: 400, says: noDocument}),
	"POST /api/user/{nick}/feed/major": and(own, refusal{who: "ann", body: doc{"verb": "follow", "object": doc{"id": "acct:bob@pump.example", "objectType": "person"}}, status: 400,
		says: "Only major activities to this feed."}),
	"POST /api/user/{nick}/feed/minor": and(own, refusal{who: "ann", body: aNote, status: 400, says: "Only minor activities to this feed."}),
	"GET /api/user/{nick}/followers":   {ofNobody, wrong},
	"GET /api/user/{nick}/following":   {ofNobody, wrong},
	"POST /api/user/{nick}/following":  and(own, refusal{who: "ann", status: 400, says: noDocument}),
	"GET /api/user/{nick}/blocks":      theirs,
	"POST /api/user/{nick}/blocks":     and(own, refusal{who: "ann", status: 400, says: noDocument}),
	"GET /api/user/{nick}/favorites":   {ofNobody, wrong},
	"POST /api/user/{nick}/favorites":  and(own, refusal{who: "ann", status: 400, says: noDocument}),
	"GET /api/user/{nick}/lists/{type}": {ofNobody, wrong,
		{who: "ann", path: "/api/user/ann/lists/\x20nonsense", status: 404, says: "Unknown type:  nonsense"}},
	"GET /api/user/{nick}/uploads": and(theirs, wrong),
	"POST /api/user/{nick}/uploads": and(own, refusal{who: "ann", body: doc{"data": "eA=="}, status: 400, says: "No mime type"},
		refusal{who: "ann", body: doc{"mimeType": "image/png"}, status: 400, says: "No data"}),
	"GET /api/user/{nick}/profile": {ofNobody},
	"PUT /api/user/{nick}/profile": and(own, refusal{who: "ann", status: 400, says: noDocument}),
	"GET /api/user/{nick}":         {ofNobody},
	"PUT /api/user/{nick}":         and(own, refusal{who: "ann", status: 400, says: noDocument}),
	"DELETE /api/user/{nick}":      own,
	"GET /users/{nick}":            {{who: "stranger", path: "/users/nobody", status: 404, says: noNobody}},
	"GET /api/users":               {{who: "stranger", status: 401, says: notLoggedIn}, wrong},
	"POST /api/users": {{who: "stranger", status: 400, says: unsigned, as: asPlain}, {who: "program", body: doc{"nickname": "a b", "password": password}, status: 400, says: "Bad nickname: 'a b'"},
		{who: "program", body: doc{"nickname": "carl", "password": "x"}, status: 400, says: "Bad password"},
		{who: "program", body: doc{"nickname": "ann", "password": password}, status: 409, says: "Already have a(n) 'user' with id 'ann'"},
		{who: "closed program", body: doc{"nickname": "carl", "password": password}, status: 403, says: "No registration allowed."}},
	"GET /api/whoami":       {{who: "stranger", status: 401, says: notLoggedIn}, {who: "program", status: 401, says: notLoggedIn}},
	"GET /api/proxy/{uuid}": {{who: "stranger", status: 401, says: notLoggedIn}, {who: "ann", status: 404, says: "No such proxy"}},
	"POST /api/client/register": {{who: "stranger", body: doc{}, status: 400, says: "No registration type provided"},
		{who: "stranger", body: doc{"type": "client_update", "client_id": "x", "client_secret": "x"}, status: 403, says: "Unauthorized"}},

	"GET /api/activity/{uuid}":    and(deedShownTo, refusal{who: "ann", path: "/api/activity/none", status: 404, says: noActivity}),
	"PUT /api/activity/{uuid}":    {own[0], own[1], {who: "bob", body: doc{"title": "x"}, status: 403, says: "Only the actor can modify this object."}},
	"DELETE /api/activity/{uuid}": {own[0], own[1], {who: "bob", status: 403, says: "Only the actor can modify this object."}},
	"GET /api/activity":           and(deedShownTo, refusal{who: "ann", path: "/api/activity", status: 400, says: "'id' required"}),
	"PUT /api/activity":           {own[0], own[1], {who: "bob", body: doc{"title": "x"}, status: 403, says: "Only the actor can modify this object."}},
	"DELETE /api/activity":        {own[0], own[1], {who: "bob", status: 403, says: "Only the actor can modify this object."}},
	"GET /api/activity/{uuid}/deliveries": {{who: "stranger", status: 401, says: notLoggedIn}, {who: "bob", status: 403, says: "Only the actor can view the deliveries of an activity."},
		{who: "ann", path: "/api/activity/none/deliveries", status: 404, says: noActivity}},

	"GET /api/collection/{uuid}/members":  and(shownTo, wrong),
	"POST /api/collection/{uuid}/members": and(changed, refusal{who: "ann", status: 400, says: noDocument}),
	"GET /api/collection/members":         and(shownTo, refusal{who: "ann", path: "/api/collection/members", status: 400, says: "'id' required"}),
	"POST /api/collection/members":        and(changed, refusal{who: "ann", path: "/api/collection/members", status: 400, says: "'id' required"}),
	"GET /api/group/{uuid}/members":       and(shownTo, wrong),
	"GET /api/group/{uuid}/inbox":         and(shownTo, wrong),
	"POST /api/group/{uuid}/inbox":        byPeers,
	"GET /api/group/{uuid}/documents":     and(shownTo, wrong),
	"GET /api/group/members":              and(shownTo, refusal{who: "ann", path: "/api/group/members", status: 400, says: "'id' required"}),
	"GET /api/group/inbox":                and(shownTo, refusal{who: "ann", path: "/api/group/inbox", status: 400, says: "'id' required"}),
	"POST /api/group/inbox":               byPeers,
	"GET /api/group/documents":            and(shownTo, refusal{who: "ann", path: "/api/group/documents", status: 400, says: "'id' required"}),
	"GET /api/public/feed":                {wrong},
	"GET /api/public/feed/major":          {wrong},
	"GET /api/public/feed/minor":          {wrong},

	"GET /api/{type}/{uuid}/likes":   shownTo,
	"GET /api/{type}/{uuid}/replies": shownTo,
	"GET /api/{type}/{uuid}/shares":  shownTo,
	"GET /api/{type}/likes":          shownTo,
	"GET /api/{type}/replies":        shownTo,
	"GET /api/{type}/shares":         shownTo,
	"GET /api/{type}/{uuid}": and(shownTo, refusal{who: "ann", path: "/api/note/none", status: 404, says: "Can't find a note with ID = " + home + "/api/note/none"},
		refusal{who: "ann", path: "/api/nonsense%20/none", status: 404, says: "Unknown type: nonsense "}, refusal{who: "ann", path: "{gone}", status: 410, says: "Deleted"}),
	"PUT /api/{type}/{uuid}": and(changed, refusal{who: "bob", path: "{open}", body: doc{"content": "x"}, status: 403, says: "Only the author can modify this object."}),
	"DELETE /api/{type}/{uuid}": and(changed, refusal{who: "bob", path: "{open}", status: 403, says: "Only the author can modify this object."},
		refusal{who: "ann", path: "{gone}", status: 410, says: "Deleted"}),
	"GET /api/{type}":    and(shownTo, refusal{who: "ann", path: "/api/note", status: 400, says: "'id' required"}),
	"PUT /api/{type}":    and(changed, refusal{who: "ann", path: "/api/note", body: doc{}, status: 400, says: "'id' required"}),
	"DELETE /api/{type}": and(changed, refusal{who: "ann", path: "/api/note", status: 400, says: "'id' required"}),

	"GET /oauth/request_token":        noToken,
	"POST /oauth/request_token":       noToken,
	"GET /oauth/access_token":         noToken,
	"POST /oauth/access_token":        and(noToken, refusal{who: "program", status: 400, says: unsigned, as: asPlain}),
	"GET /oauth/authorize":            {{who: "stranger", status: 400, says: "oauth_token", as: asPage}, {who: "stranger", query: "oauth_token=x", status: 400, says: "unknown", as: asPage}},
	"POST /oauth/authorize":           {noForm, {who: "stranger", body: url.Values{"oauth_token": {"x"}, "verifier": {"x"}}, status: 400, says: "unknown", as: asPage}},
	"GET /oauth2/authz":               {{who: "stranger", status: 400, says: "client_id", as: asPage}, {who: "stranger", query: "client_id=x", status: 400, says: "not registered", as: asPage}},
	"POST /oauth2/authz":              {noForm, {who: "stranger", body: url.Values{"client_id": {"x"}}, status: 400, says: "not registered", as: asPage}},
	"GET /oauth2/authc":               {{who: "stranger", status: 400, says: "client_id", as: asPage}},
	"POST /oauth2/authc":              {noForm, {who: "stranger", body: url.Values{}, status: 400, says: "client_id", as: asPage}},
	"POST /oauth2/token":              {{who: "stranger", body: url.Values{"client_id": {"x"}, "client_secret": {"x"}}, status: 401, says: "invalid_client", as: asCode}, {who: "app", body: url.Values{"grant_type": {"password"}}, status: 400, says: "unsupported_grant_type", as: asCode}},
	"POST /oauth2/revoke":             {{who: "stranger", body: url.Values{"token": {"x"}}, status: 401, says: "invalid_client", as: asCode}},
	"POST /main/login":                {noForm, {who: "program", body: doc{"nickname": "ann", "password": "wrong"}, status: 401, says: incorrect}},
	"POST /main/renew":                {own[0], own[1], own[2]},
	"POST /main/logout":               {noForm},
	"GET /main/register":              {{who: "closed", status: 403, says: "No registration allowed.", as: asPage}},
	"POST /main/register":             {noForm, {who: "closed program", body: doc{"nickname": "carl", "password": password}, status: 403, says: "No registration allowed."}},
	"POST /main/remote":               {noForm, {who: "stranger", body: url.Values{"webfinger": {"x@y.example"}}, status: 403, says: oldForm, as: asPage}},
	"GET /main/remote":                {{who: "closed", status: 403, says: "from elsewhere", as: asPage}},
	"GET /main/authorized/{hostname}": {{who: "stranger", status: 400, says: "Please begin again.", as: asPage}},
	"POST /main/proxy": {{who: "stranger", body: aNote, status: 401, says: notLoggedIn},
		{who: "ann browser", body: aNote, status: 403, says: "This is for people who have logged in from elsewhere."}},
	"POST /main/upload":        {{who: "stranger", status: 401, says: notLoggedIn, as: asUpload}},
	"POST /main/upload-avatar": {{who: "stranger", status: 401, says: notLoggedIn, as: asUpload}},

	"GET /main/account":                      {{who: "stranger", status: 303, says: "/main/login?continue=%2Fmain%2Faccount", as: asDirection}},
	"POST /main/account/password":            {noForm, {who: "ann browser", body: url.Values{"current": {password}}, status: 403, says: oldForm, as: asPage}},
	"POST /main/account/email":               {noForm, {who: "ann browser", body: url.Values{"current": {password}}, status: 403, says: oldForm, as: asPage}},
	"POST /main/account/revoke":              {noForm, {who: "ann browser", body: url.Values{}, status: 403, says: oldForm, as: asPage}},
	"POST /main/account/sessions":            {noForm, {who: "ann browser", body: url.Values{}, status: 403, says: oldForm, as: asPage}},
	"POST /main/account/delete":              {noForm, {who: "ann browser", body: url.Values{"current": {password}}, status: 403, says: oldForm, as: asPage}},
	"GET /main/recover":                      {{who: "closed", status: 404, says: "sends no mail", as: asPage}},
	"POST /main/recover":                     {noForm, {who: "stranger", body: doc{"nickname": "nobody"}, status: 400, says: noNobody, as: asRecover}},
	"GET /main/recover/{code}":               {noCode},
	"POST /main/recover/{code}":              {noForm},
	"POST /main/redeem-code":                 {{who: "stranger", status: 400, says: unsigned, as: asPlain}, {who: "program", body: doc{"code": "x"}, status: 400, says: "This link is unknown, was used, or is too old."}},
	"GET /main/confirm":                      {{who: "closed", status: 404, says: "sends no mail", as: asPage}},
	"POST /main/confirm":                     {noForm},
	"GET /main/confirm/{code}":               {noCode},
	"GET /main/unsubscribe/{token}":          {noCode},
	"POST /main/unsubscribe/{token}":         {noCode},
	"GET /authorize_interaction":             {{who: "stranger", status: 400, says: "whom to follow", as: asPage}},
	"POST /authorize_interaction":            {noForm, {who: "ann browser", body: url.Values{"uri": {"bob@pump.example"}}, status: 403, says: oldForm, as: asPage}},
	"GET /main/ostatussub":                   {{who: "stranger", status: 303, says: "/main/login?continue=%2Fmain%2Fostatussub", as: asDirection}, {who: "ann browser", query: "profile=x", status: 400, says: "An address looks like", as: asPage}},
	"GET /main/ostatusgroup":                 {{who: "stranger", status: 303, says: "/main/login?continue=%2Fmain%2Fostatusgroup", as: asDirection}},
	"GET /main/ostatus":                      {noVisitor},
	"GET /main/ostatusnostr":                 {noVisitor},
	"GET /main/remotefollowsub":              {noVisitor, {who: "stranger", query: "profile=x", status: 303, says: "/main/login?continue=%2Fmain%2Fremotefollowsub%3Fprofile%3Dx", as: asDirection}},
	"GET /main/ostatus/nickname/{nick}":      {noVisitor},
	"GET /main/ostatus/group/{group}":        {noVisitor},
	"GET /main/remotefollow/nickname/{nick}": {noVisitor},
	"POST /main/ostatus":                     {noForm, noVisitor},
	"GET /uploads/{path:.+}":                 {{who: "stranger", path: "/uploads/ann/none.png", status: 404, says: "No such file."}, {who: "bob", path: "{upload}", status: 403, says: "Not allowed"}},

	"GET /.well-known/oauth-authorization-server": never,
	"GET /main/login":         never,
	"GET /main/settings":      never,
	"GET /main/messages":      never,
	"GET /main/recover-sent":  never,
	"GET /main/style.css":     never,
	"GET /images/default.png": never,
}

func and(list []refusal, more ...refusal) []refusal { return append(slices.Clip(list), more...) }

// TestEveryEndpointRefuses: there is no endpoint without a refusal in the table,
// and each is as the table says. Nothing that was refused changes anything.
func TestEveryEndpointRefuses(t *testing.T) {
	t.Parallel()
	w := newRefusing(t)
	templates := w.templates()
	for name := range refusals {
		if templates[name] == "" {
			t.Errorf("there is no endpoint %s", name)
		}
	}
	before, closed := w.open.state(), w.closed.state()
	for _, name := range slices.Sorted(maps.Keys(templates)) {
		t.Run(name, func(t *testing.T) {
			if len(refusals[name]) == 0 {
				t.Fatal("no refusal of this endpoint is in the table")
			}
			for _, r := range refusals[name] {
				w.try(t, name, templates[name], r)
			}
		})
	}
	if w.open.state() != before || w.closed.state() != closed {
		t.Error("a refused request changed something")
	}
}

// refusing is two servers with something in them to be refused.
type refusing struct {
	t            *testing.T
	open, closed *site
	visitors     map[string]*visitor
	places       *strings.Replacer
	ids          map[string]string // by the beginning of paths that a parameter id completes
}

func newRefusing(t *testing.T) *refusing {
	t.Helper()
	w := &refusing{t: t, open: newSite(t, siteOptions{mail: make(mailbox, 10), adjust: withProxy}), closed: newSite(t, siteOptions{closed: true})}
	ann, bob := w.open.person("ann"), w.open.person("bob")
	w.visitors = map[string]*visitor{"stranger": w.open.nobody(), "program": w.open.twoLegged(w.open.program), "ann": ann, "bob": bob, "ann browser": w.open.browser(),
		"closed": w.closed.nobody(), "closed program": w.closed.twoLegged(w.closed.program)}
	w.visitors["ann browser"].enter("ann", password)
	app := w.open.nobody()
	app.header = http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(w.open.program.ClientID+":"+w.open.program.Secret))}}
	w.visitors["app"] = app
	note, activity := ann.note("to followers").id(), ann.act(aNote).id()
	make_ := func(thing doc) string { return ann.act(doc{"verb": "create", "object": thing}).doc("object").id() }
	list := make_(doc{"objectType": "collection", "objectTypes": []string{"person"}, "displayName": "Pals"})
	group := make_(doc{"objectType": "group", "displayName": "Cabal"})
	gone := ann.note("gone", public).id()
	ann.remove(gone).said("Deleted")
	upload := ann.send(request{method: "POST", path: "/api/user/ann/uploads", body: picture(t, 8, 8, "png"), contentType: "image/png"}).ok().text("image.url")
	path := func(id string) string { return strings.TrimPrefix(id, home) }
	w.places = strings.NewReplacer("/api/activity/{uuid}", path(activity), "/api/collection/{uuid}", path(list), "/api/group/{uuid}", path(group),
		"/api/{type}/{uuid}", path(note), "/api/{type}", "/api/note", "/lists/{type}", "/lists/person", "{nick}", "ann", "{uuid}", "none", "{hostname}", "far.example", "{group}", "walkers",
		"{code}", "none", "{token}", "none", "{gone}", path(gone), "{open}", path(ann.note("to all", public).id()), "{upload}", path(upload))
	w.ids = map[string]string{"/api/activity": activity, "/api/collection/members": list, "/api/group/members": group, "/api/group/inbox": group,
		"/api/group/documents": group, "/api/{type}": note, "/api/{type}/likes": note, "/api/{type}/replies": note, "/api/{type}/shares": note}
	return w
}

// templates are the endpoints of the pump API, with the templates of their paths.
func (w *refusing) templates() map[string]string {
	w.t.Helper()
	router, found := mux.NewRouter().UseEncodedPath().SkipClean(true), map[string]string{}
	w.open.api.Register(router)
	err := router.Walk(func(r *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		template, err := front.RoutePath(r)
		if err != nil {
			return err
		}
		methods, err := r.GetMethods()
		if err != nil { // the root of a subrouter, and SockJS, which has tests of its own
			return nil
		}
		template = strings.TrimSuffix(template, "/?")
		for _, m := range methods {
			if m != http.MethodHead {
				found[m+" "+template] = template
			}
		}
		return nil
	})
	if err != nil || len(found) < 100 {
		w.t.Fatalf("the walk found %d endpoints: %v", len(found), err)
	}
	return found
}

// try makes a request that is to be refused.
func (w *refusing) try(t *testing.T, name, template string, r refusal) {
	t.Helper()
	method, _, _ := strings.Cut(name, " ")
	path := w.places.Replace(template)
	switch id := w.ids[template]; {
	case r.path == "/api/user/nobody":
		path = strings.Replace(path, "/api/user/ann", r.path, 1)
	case r.path != "":
		path = w.places.Replace(r.path)
	case id != "":
		path += "?id=" + url.QueryEscape(id)
	}
	if r.query != "" {
		path += map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + r.query
	}
	req := request{method: method, path: path, body: r.body, contentType: r.type_}
	if form, ok := r.body.(url.Values); ok {
		req.body, req.contentType = form.Encode(), oauth1.FormType
	}
	w.visitors[r.who].in(t).send(req).refusedAs(r)
}

// refusedAs checks status, shape and message of a refusal.
func (a *answer) refusedAs(r refusal) {
	a.t.Helper()
	switch r.as {
	case asError:
		a.refused(r.status, r.says)
	case asPlain:
		a.refusedPlain(r.status, r.says)
	case asCode:
		a.refused2(r.status, r.says)
	case asPage:
		if said := textOf(a.page(r.status).element("main")); !strings.Contains(said, r.says) {
			a.t.Errorf("%s refuses with %q, want %q", a.request, said, r.says)
		}
	case asDirection:
		a.leads(r.says)
	case asUpload:
		if a.status != r.status || string(a.body) != `{"success":false,"error":"`+r.says+`"}` || a.header.Get("Content-Type") != "text/plain; charset=utf-8" {
			a.t.Errorf("%s answers %d %s, want %d and the error %q", a.request, a.status, a.body, r.status, r.says)
		}
	case asRecover:
		var d doc
		a.json(r.status, &d)
		d.has(a.t, map[string]any{"sent": false, "error": r.says})
	}
}

// TestConsentThatCannotBeKept: where the store fails after somebody has said yes, the
// program is told so (RFC 6749 4.1.2.1), and has nothing to redeem.
func TestConsentThatCannotBeKept(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		s.person("ann")
		app, browser := s.newApp("web", "App", "https://app.example/done"), s.browser()
		browser.enter("ann", password)
		page := browser.get("/oauth2/authz?" + app.query().Encode()).page(200)
		rename := func(from, to string) {
			t.Helper()
			if _, err := s.db.SQL().ExecContext(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to); err != nil {
				t.Fatal(err)
			}
		}
		rename("authorization_codes", "broken")
		back := app.sentBack(t, browser.press(page, page.must("authorize")))
		if back.Get("error") != "server_error" || back.Has("code") || len(back) != 3 {
			t.Errorf("the browser brings %v", back)
		}
		rename("broken", "authorization_codes")
		if n := s.count("authorization_codes", "1 = 1"); n != 0 {
			t.Errorf("%d codes are stored", n)
		}
		if code := app.sentBack(t, browser.press(page, page.must("authorize"))).Get("code"); len(code) != 43 {
			t.Errorf("afterwards the code is %q", code)
		}
	})
}
