package integration

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

// TestCommands uses every command of the operator beside a running server.
func TestCommands(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, database string) {
		s := newServer(t, database)
		s.start()
		for _, test := range []struct {
			name string
			run  func(*testing.T, *server)
		}{
			{"accounts", testAccounts}, {"passwords", testPasswords}, {"suspension", testSuspension}, {"deletion", testDeletion},
			{"post and follow", testPostAndFollow}, {"what prints data", testPrints}, {"moderation", testModeration}, {"reports", testReports}, {"deliveries", testDeliveries},
		} {
			t.Run(test.name, func(t *testing.T) {
				here := *s
				here.t = t
				test.run(t, &here)
			})
		}
		s.stop()
	})
}

// account is a line of 'manifold user list --json'.
type account struct {
	Nickname, ID, Email, State, Created string
	Admin                               bool
}

func testAccounts(t *testing.T, s *server) {
	var made account
	decode(t, s.do(password+"\n", "user", "add", "Ada", "--admin", "--email", "ada@example.org", "--password-stdin", "--json"), &made)
	if made.Nickname != "Ada" || made.Email != "ada@example.org" || !made.Admin || made.State != "active" || made.ID != s.url+"/api/user/Ada/profile" {
		t.Errorf("the new account is %+v", made)
	}
	if got := s.do(password+"\n", "user", "add", "ben", "--password-stdin"); !strings.Contains(got, "ben@"+strings.TrimPrefix(s.url, "http://")) {
		t.Errorf("the answer does not say how to log in: %s", got)
	}
	var invitation struct{ URL, Invitation string }
	decode(t, s.do("", "user", "invite", "--days", "2", "--json"), &invitation)
	if invitation.Invitation == "" || invitation.URL != s.url+"/main/register?invitation="+invitation.Invitation {
		t.Errorf("the invitation is %+v", invitation)
	}
	if r := s.run("", "user", "invite", "--days", "0"); r.status != 2 || !strings.Contains(r.errs, "--days") {
		t.Errorf("an invitation for no time: exit status %d, it says %q", r.status, r.errs)
	}
	var list []account
	decode(t, s.do("", "user", "list", "--json"), &list)
	var nicks []string
	for _, a := range list {
		nicks = append(nicks, a.Nickname)
	}
	if got := strings.Join(nicks, " "); got != "ben Ada" {
		t.Errorf("the accounts are %s, want ben and Ada", got)
	}
	if got := s.do("", "user", "list"); !strings.Contains(got, "ada@example.org") {
		t.Errorf("the list lacks Ada's address:\n%s", got)
	}
	for _, refusal := range []struct {
		name, stdin, says string
		status            int
		args              []string
	}{
		{"a nickname that is taken, in other letters", password, "ADA", 1, []string{"ADA", "--password-stdin"}},
		{"a nickname that the server needs", password, "main", 1, []string{"main", "--password-stdin"}},
		{"a nickname with a slash", password, "letters", 1, []string{"a/b", "--password-stdin"}},
		{"a simple password", "password", "easily guessed", 1, []string{"carl", "--password-stdin"}},
		{"no way to ask for a password", "", "--password-stdin", 2, []string{"carl"}},
		{"no nickname", "", "nickname", 2, nil},
		{"an unknown flag", "", "--colour", 2, []string{"carl", "--colour"}},
	} {
		if r := s.run(refusal.stdin, append([]string{"user", "add"}, refusal.args...)...); r.status != refusal.status || !strings.Contains(r.errs, refusal.says) {
			t.Errorf("%s: exit status %d, want %d; it says %q, want something with %q", refusal.name, r.status, refusal.status, r.errs, refusal.says)
		}
	}
}

// logIn has a person log in with a name and a password, on the page where a
// program asks to act for them, and tells whether they were let in.
func (s *server) logIn(nick, password string) bool {
	s.t.Helper()
	c := newConsent(s)
	c.open()
	return strings.Contains(c.submit(0, map[string]string{"username": nick, "password": password}), `id="authorize"`)
}

func testPasswords(t *testing.T, s *server) {
	s.addUser("dora")
	if !s.logIn("dora", password) {
		t.Fatal("dora cannot log in with her password")
	}
	s.do("another passphrase 43\n", "user", "passwd", "dora", "--password-stdin")
	if s.logIn("dora", password) {
		t.Error("dora can log in with the password that she had before")
	}
	if !s.logIn("dora", "another passphrase 43") {
		t.Error("dora cannot log in with her new password")
	}
	if r := s.run("another passphrase 43\n", "user", "passwd", "nobody", "--password-stdin"); r.status != 1 || !strings.Contains(r.errs, "nobody") {
		t.Errorf("a password for nobody: exit status %d, %q", r.status, r.errs)
	}
}

func testSuspension(t *testing.T, s *server) {
	erin := s.person("erin")
	erin.post("before")
	s.do("", "user", "suspend", "erin")
	if status, answer := erin.try("GET", erin.path("inbox"), nil); status != http.StatusForbidden {
		t.Errorf("a suspended person reads her inbox: status %d: %.200s", status, answer)
	}
	if status, _ := erin.try("POST", erin.path("feed"), erin.note("while suspended")); status != http.StatusForbidden {
		t.Errorf("a suspended person posts: status %d", status)
	}
	if s.logIn("erin", password) {
		t.Error("a suspended person can log in")
	}
	if r := s.run("", "post", "erin", "from the command line"); r.status != 1 || !strings.Contains(r.errs, "suspended") {
		t.Errorf("posting for a suspended person: exit status %d, %q", r.status, r.errs)
	}
	if got := s.state("erin"); got != "suspended" {
		t.Errorf("the list says that erin is %s", got)
	}
	s.do("", "user", "suspend", "erin", "--undo")
	erin.post("after")
	if got := s.state("erin"); got != "active" {
		t.Errorf("the list says that erin is %s", got)
	}
}

// state is what the list of accounts says of one.
func (s *server) state(nick string) string {
	s.t.Helper()
	var list []account
	decode(s.t, s.do("", "user", "list", "--json"), &list)
	for _, a := range list {
		if a.Nickname == nick {
			return a.State
		}
	}
	return "not there"
}

func testDeletion(t *testing.T, s *server) {
	fred := s.person("fred")
	note := strings.TrimSpace(s.do("", "post", "fred", "not for long"))
	if r := s.run("another\n", "user", "delete", "fred"); r.status != 1 {
		t.Errorf("deleting without the nickname for confirmation: exit status %d", r.status)
	}
	for _, address := range []string{s.url + fred.path("profile"), note} {
		if err := answers(address, http.StatusOK); err != nil {
			t.Errorf("fred is gone without a confirmation: %v", err)
		}
	}
	s.do("fred\n", "user", "delete", "fred")
	if status, _ := fred.try("GET", fred.path("inbox"), nil); status == http.StatusOK {
		t.Error("the token of a deleted person is still good")
	}
	if err := answers(s.url+fred.path("profile"), http.StatusNotFound); err != nil {
		t.Errorf("the profile of a deleted person: %v", err)
	}
	if err := answers(note, http.StatusGone); err != nil {
		t.Errorf("a note of a deleted person: %v", err)
	}
	if got := s.state("fred"); got != "not there" {
		t.Errorf("the list says that fred is %s", got)
	}
	if r := s.run(password+"\n", "user", "add", "fred", "--password-stdin"); r.status != 1 {
		t.Errorf("the nickname of a deleted person is given away: exit status %d", r.status)
	}
	if r := s.run("", "user", "delete", "fred", "--yes"); r.status != 1 {
		t.Errorf("deleting somebody twice: exit status %d", r.status)
	}
}

func testPostAndFollow(t *testing.T, s *server) {
	gwen, hal := s.person("gwen"), s.person("hal")
	var followed struct{ ID, Verb, Object string }
	decode(t, s.do("", "follow", "hal", "gwen", "--json"), &followed)
	if followed.Verb != "follow" || followed.Object != s.url+"/api/user/gwen/profile" {
		t.Errorf("the follow is %+v", followed)
	}
	var posted struct{ ID, Verb, Object, URL string }
	decode(t, s.do("", "post", "gwen", "1 < 2\n\nand so on", "--json"), &posted)
	for _, look := range []struct {
		at   *person
		what string
	}{{gwen, "feed"}, {hal, "inbox"}} {
		top := look.at.all(look.what)[0]
		if top.ID != posted.ID || top.Object.ID != posted.Object || top.Object.Content != "<p>1 &lt; 2</p><p>and so on</p>" {
			t.Errorf("the newest in the %s of %s is %+v, want %+v", look.what, look.at.nick, top, posted)
		}
	}
	if err := answers(posted.Object, http.StatusOK); err != nil {
		t.Errorf("what 'manifold post' posted is not public: %v", err)
	}
	id := strings.TrimSpace(s.do("piped\n", "post", "gwen", "--to", "followers"))
	if top := hal.all("inbox")[0]; top.Object.ID != id {
		t.Errorf("the newest in the inbox of hal is %+v, want %s", top, id)
	}
	if err := answers(id, http.StatusOK); err == nil {
		t.Error("strangers see what was posted to followers")
	}
	s.do("", "follow", "hal", "gwen", "--undo")
	s.do("", "post", "gwen", "unheard")
	if top := hal.all("inbox")[0]; top.Object.Content == "<p>unheard</p>" {
		t.Error("hal gets what gwen posts after he stopped following")
	}
	for _, refusal := range []struct {
		name   string
		status int
		args   []string
	}{
		{"nobody posts", 1, []string{"post", "nobody", "text"}},
		{"an empty note", 2, []string{"post", "gwen", " "}},
		{"to nobody known", 2, []string{"post", "gwen", "text", "--to", "world"}},
		{"nobody to follow", 1, []string{"follow", "gwen", "nobody"}},
		{"whom to follow is missing", 2, []string{"follow", "gwen"}},
		{"a token for nobody", 1, []string{"token", "nobody"}},
	} {
		if r := s.run("", refusal.args...); r.status != refusal.status || !strings.HasPrefix(r.errs, "manifold: ") {
			t.Errorf("%s: exit status %d, want %d: %q", refusal.name, r.status, refusal.status, r.errs)
		}
	}
}

func testPrints(t *testing.T, s *server) {
	var settings map[string]struct{ Value, Source any }
	decode(t, s.do("", "config", "--json"), &settings)
	if got := settings["url"]; got.Value != s.url || got.Source != "env" {
		t.Errorf("the setting url is %v", got)
	}
	if got := s.do("", "config", "--listen", ":1"); !strings.Contains(got, `listen = ":1"`) || strings.Contains(got, "postgres:postgres") {
		t.Errorf("the settings are:\n%s", got)
	}
	var steps []struct {
		Version int
		Name    string
		Applied bool
	}
	decode(t, s.do("", "migrate", "--status", "--json"), &steps)
	if len(steps) == 0 || !steps[0].Applied || steps[0].Name != "foundation" {
		t.Errorf("the migrations are %+v", steps)
	}
	if got := s.do("", "migrate"); !strings.Contains(got, "0001 foundation: done") {
		t.Errorf("migrate says %q", got)
	}
	var findings []struct {
		Check, Text string
		OK          bool
	}
	decode(t, s.do("", "doctor", "--json"), &findings)
	for _, f := range findings {
		if !f.OK {
			t.Errorf("the doctor finds fault with %s: %s", f.Check, f.Text)
		}
	}
	if got := s.do("", "doctor"); strings.Count(got, "ok   ") != len(findings) {
		t.Errorf("the doctor says:\n%s", got)
	}
	var v struct{ Version, Go, Platform string }
	decode(t, s.do("", "version", "--json"), &v)
	if v.Version == "" || !strings.HasPrefix(v.Go, "go1.") || !strings.Contains(v.Platform, "/") {
		t.Errorf("the version is %+v", v)
	}
	for _, command := range []string{"", "serve", "user", "user add", "user list", "user passwd", "user suspend", "user delete", "token", "post",
		"follow", "migrate", "config", "doctor", "version"} {
		if got := s.do("", append(strings.Fields(command), "--help")...); !strings.Contains(got, "Usage:") {
			t.Errorf("manifold %s --help says %q", command, got)
		}
	}
	if r := s.run("", "serv"); r.status != 2 || !strings.Contains(r.errs, "serv") {
		t.Errorf("an unknown command: exit status %d, %q", r.status, r.errs)
	}
}

// TestDoctorFindsFault has the doctor look at a server that is not running.
func TestDoctorFindsFault(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, database string) {
		s := newServer(t, database)
		s.do("", "migrate")
		r := s.run("", "doctor")
		if r.status != 1 || !strings.Contains(r.out, "BAD  server") || !strings.Contains(r.out, "is 'manifold serve' running") {
			t.Errorf("exit status %d:\n%s%s", r.status, r.out, r.errs)
		}
	})
}

func testModeration(t *testing.T, s *server) {
	s.do("", "host", "block", "Bad.Example", "--public-comment", "spam", "--comment", "seen twice", "--reject-reports")
	s.do("", "host", "limit", "meh.example")
	s.do("", "host", "media", "pics.example")
	s.do("", "host", "limit", "tmp.example")
	s.do("", "host", "allow", "tmp.example")
	const list = `#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate
bad.example,suspend,false,true,spam,false
meh.example,silence,false,false,,false
pics.example,noop,true,false,,false
`
	if got := s.do("", "host", "export"); got != list {
		t.Errorf("exported:\n%s\nwant:\n%s", got, list)
	}
	if got := s.do("worse.example,suspend,true\n", "host", "import", "-"); got != "1 servers\n" {
		t.Errorf("the import says %q", got)
	}
	var policies []struct {
		Domain, Severity string
		RejectMedia      bool   `json:"reject_media"`
		PrivateComment   string `json:"private_comment"`
	}
	decode(t, s.do("", "host", "list", "--json"), &policies)
	if len(policies) != 4 || policies[0].PrivateComment != "seen twice" || policies[3].Domain != "worse.example" || policies[3].Severity != "block" || !policies[3].RejectMedia {
		t.Errorf("the policies are %+v", policies)
	}
	if got := s.do("", "host", "list"); !strings.Contains(got, "bad.example") || !strings.Contains(got, "seen twice") {
		t.Errorf("the list is\n%s", got)
	}
	s.do(password+"\n", "user", "add", "mod", "--password-stdin")
	for _, args := range [][]string{{"silence", "mod"}, {"unsilence", "@mod"}, {"suspend", s.url + "/users/mod"}, {"unsuspend", "mod@" + strings.TrimPrefix(s.url, "http://")}} {
		s.do("", append([]string{"actor"}, args...)...)
	}
	for _, refusal := range []struct {
		says   string
		status int
		args   []string
	}{
		{"is no name of a server", 1, []string{"host", "block", "https://bad.example"}},
		{"this server itself", 1, []string{"host", "block", "localhost"}},
		{"No such 'host policy'", 1, []string{"host", "allow", "unknown.example"}},
		{"the name of a server", 2, []string{"host", "limit"}},
		{"nobody here knows", 1, []string{"actor", "silence", "nobody@far.example"}},
	} {
		if r := s.run("", refusal.args...); r.status != refusal.status || !strings.Contains(r.errs, refusal.says) {
			t.Errorf("%v: exit status %d, it says %q", refusal.args, r.status, r.errs)
		}
	}
}

// What somebody here reports is read and resolved by the admin.
func testReports(t *testing.T, s *server) {
	ivy, jim := s.person("ivy"), s.person("jim")
	id := func(p *person) string { return s.url + p.path("profile") }
	var flagged activity
	ivy.ask("POST", ivy.path("feed"), map[string]any{"verb": "flag-as-inappropriate", "content": "advertises",
		"object": map[string]any{"id": id(jim), "objectType": "person"}}, &flagged)
	var reports []struct {
		ID, Reporter, Content string
		Actors, Objects       []string
	}
	decode(t, s.do("", "report", "list", "--json"), &reports)
	if len(reports) != 1 || reports[0].Reporter != id(ivy) || len(reports[0].Actors) != 1 || reports[0].Actors[0] != id(jim) {
		t.Fatalf("the reports are %+v", reports)
	}
	if got := s.do("", "report", "list"); !strings.Contains(got, id(jim)) || !strings.Contains(got, reports[0].ID) {
		t.Errorf("the list is\n%s", got)
	}
	if r := s.run("", "report", "forward", reports[0].ID); r.status != 1 || !strings.Contains(r.errs, "Nobody whom the report is about is on a server elsewhere") {
		t.Errorf("a report of somebody here is forwarded: %+v", r)
	}
	if r := s.run("", "report", "forward", "x"); r.status != 2 || !strings.Contains(r.errs, "is no id of a report") {
		t.Errorf("what is no report is forwarded: %+v", r)
	}
	s.do("", "report", "resolve", reports[0].ID)
	if got := s.do("", "report", "list", "--json"); strings.TrimSpace(got) != "[]" {
		t.Errorf("after it was resolved the reports are %s", got)
	}
	for says, refusal := range map[string]struct {
		status int
		id     string
	}{"no open report": {1, reports[0].ID}, "is no id of a report": {2, "x"}} {
		if r := s.run("", "report", "resolve", refusal.id); r.status != refusal.status || !strings.Contains(r.errs, says) {
			t.Errorf("resolving %s: exit status %d, it says %q", refusal.id, r.status, r.errs)
		}
	}
}

// A post to somebody on a server that is not there is seen, and is sent again when
// the admin says so.
func testDeliveries(t *testing.T, s *server) {
	kim := s.person("kim")
	var posted activity
	kim.ask("POST", kim.path("feed"), map[string]any{"verb": "post", "object": map[string]any{"objectType": "note", "content": "hello?"},
		"to": []any{map[string]any{"objectType": "person", "id": "acct:nobody@localhost:1"}}}, &posted)
	var failed []struct {
		Activity, Inbox, State, Reason string
		Attempts                       int
	}
	eventually(t, "the failure is listed", func() error {
		failed = nil
		decode(t, s.do("", "delivery", "list", "--json"), &failed)
		if len(failed) == 0 {
			return errors.New("nothing has failed")
		}
		return nil
	})
	if f := failed[0]; f.Activity != posted.ID || f.Inbox != "acct:nobody@localhost:1" || f.Attempts < 1 || f.Reason == "" {
		t.Errorf("the failure is %+v", f)
	}
	if got := s.do("", "delivery", "list"); !strings.Contains(got, posted.ID) {
		t.Errorf("the list is\n%s", got)
	}
	for _, args := range [][]string{{"--all"}, {"--activity", posted.ID}, {"--host", "localhost:1"}} {
		if got := s.do("", append([]string{"delivery", "retry"}, args...)...); !strings.HasSuffix(got, " deliveries\n") {
			t.Errorf("retry %v says %q", args, got)
		}
	}
	for says, refusal := range map[string]struct {
		status int
		args   []string
	}{"there is no activity": {1, []string{"--activity", s.url + "/api/activity/none"}}, "say what to send again": {2, nil}} {
		if r := s.run("", append([]string{"delivery", "retry"}, refusal.args...)...); r.status != refusal.status || !strings.Contains(r.errs, says) {
			t.Errorf("retry %v: exit status %d, it says %q", refusal.args, r.status, r.errs)
		}
	}
}
