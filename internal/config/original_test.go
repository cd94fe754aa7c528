package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// loadOriginal runs Load with a pump.io.json.
func loadOriginal(t *testing.T, file string, environ ...string) (*Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pump.io.json")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := pflag.NewFlagSet("manifold", pflag.ContinueOnError)
	AddFlags(flags)
	if err := flags.Parse([]string{"--config", path}); err != nil {
		t.Fatal(err)
	}
	return Load(flags, environ)
}

// fullOriginal has every key that the original knows.
const fullOriginal = `{
  "driver": "mongodb",
  "params": {"host": "localhost", "dbname": "pumpio"},
  "hostname": "social.example",
  "address": "0.0.0.0",
  "port": 8443,
  "urlPort": 443,
  "urlPath": "pump",
  "bounce": true,
  "secret": "hunter2-secret",
  "noweb": true,
  "site": "Our corner",
  "owner": "Ann",
  "ownerURL": "https://ann.example/",
  "mainImage": "images/somefriends.jpg",
  "appendFooter": "<hr>",
  "nologger": false,
  "logfile": "/var/log/pump.io/pump.io.log",
  "logLevel": "trace",
  "serverUser": "pumpio",
  "key": "/etc/pump.io/key.pem",
  "cert": "/etc/pump.io/cert.pem",
  "hsts": {"maxAge": 31536000, "includeSubDomains": true},
  "datadir": "/var/lib/pump.io",
  "enableUploads": true,
  "debugClient": false,
  "firehose": "ofirehose.com",
  "spamhost": "https://spamicity.info",
  "spamclientid": "x",
  "spamclientsecret": "hunter2-spam",
  "disableRegistration": true,
  "noCDN": true,
  "requireEmail": true,
  "smtpserver": "mail.example",
  "smtpport": 587,
  "smtpuser": "pump",
  "smtppass": "hunter2-mail",
  "smtpusetls": true,
  "smtpusessl": false,
  "smtptimeout": 30000,
  "smtpfrom": "pump@social.example",
  "compress": false,
  "children": 3,
  "clients": [{"client_id": "CID", "client_secret": "hunter2-client", "title": "Script", "host": "h.example"}],
  "users": [{"nickname": "robot", "password": "hunter2-user", "tokens": [
    {"token": "hunter2-token", "token_secret": "hunter2-ts", "client_id": "CID"},
    {"token": "hunter2-bearer", "scope": "read", "client_id": "CID"}]}],
  "sockjs": false,
  "plugins": ["p"],
  "scripts": [],
  "proxyWhitelist": ["a.example", "b.example"],
  "redirectToCanonical": false,
  "redirectAddressToCanonical": true,
  "cleanupSession": 1200000,
  "cleanupNonce": 1200000,
  "favicon": "/etc/pump.io/favicon.ico",
  "controlSocket": "/var/run/pump.socket"
}`

func TestOriginalFile(t *testing.T) {
	c, err := loadOriginal(t, fullOriginal)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ key, want, source string }{
		{"url", `"https://social.example/pump"`, ":4 (hostname, port, urlPort, urlPath)"},
		{"listen", `"0.0.0.0:8443"`, ":4 (address, port, hostname)"},
		{"tls", `"files"`, ":21 (key, cert)"},
		{"tls_key", `"/etc/pump.io/key.pem"`, ":21 (key)"},
		{"tls_cert", `"/etc/pump.io/cert.pem"`, ":22 (cert)"},
		{"redirect_listen", `"0.0.0.0:80"`, ":9 (bounce)"},
		{"hsts", `"max-age=31536000; includeSubDomains"`, ":23 (hsts)"},
		{"canonical_redirect", `"off"`, ":52 (redirectToCanonical)"},
		{"web", `"off"`, ":11 (noweb)"},
		{"site_name", `"Our corner"`, ":12 (site)"},
		{"site_owner", `"Ann"`, ":13 (owner)"},
		{"site_owner_url", `"https://ann.example/"`, ":14 (ownerURL)"},
		{"log_file", `"/var/log/pump.io/pump.io.log"`, ":18 (logfile)"},
		{"log_level", `"debug"`, ":19 (logLevel)"},
		{"data_dir", `"/var/lib/pump.io"`, ":24 (datadir)"},
		{"uploads", `"on"`, ":25 (enableUploads)"},
		{"registration", `"closed"`, ":31 (disableRegistration)"},
		{"require_email", `"on"`, ":33 (requireEmail)"},
		{"smtp_server", `"mail.example:587"`, ":34 (smtpserver, smtpport)"},
		{"smtp_user", `"pump"`, ":36 (smtpuser)"},
		{"smtp_password", `"[masked]"`, ":37 (smtppass)"},
		{"smtp_tls", `"starttls"`, ":38 (smtpusessl, smtpusetls)"},
		{"mail_from", `"pump@social.example"`, ":41 (smtpfrom)"},
		{"compress", `"off"`, ":42 (compress)"},
		{"realtime", `"off"`, ":48 (sockjs)"},
		{"proxy_whitelist", `["a.example", "b.example"]`, ":51 (proxyWhitelist)"},
		{"favicon", `"/etc/pump.io/favicon.ico"`, ":56 (favicon)"},
	} {
		k, _ := lookup(tt.key)
		if got := k.literal(c); got != tt.want {
			t.Errorf("%s is %s, want %s", tt.key, got, tt.want)
		}
		if got := strings.TrimPrefix(c.Sources[tt.key].String(), c.File); got != tt.source {
			t.Errorf("%s comes from %q, want %q", tt.key, got, tt.source)
		}
	}
	if got := c.Database.DSN(); got != "/var/lib/pump.io/manifold.db" {
		t.Errorf("the database is %s", got)
	}
	if got := c.SMTPPassword.Reveal(); got != "hunter2-mail" {
		t.Errorf("the password for mail is %q", got)
	}
}

// TestOriginalWarnings: what has no counterpart is named once each, and nothing
// else.
func TestOriginalWarnings(t *testing.T) {
	c, err := loadOriginal(t, fullOriginal, "PUMPIO_PORT=80", "PUMPIO_SECRET=", "PUMPIO_SMTPPASS=hunter2-env", "OTHER=1")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"driver", "params", "secret", "serverUser", "mainImage", "appendFooter", "debugClient", "noCDN", "firehose", "spamhost", "spamclientid",
		"spamclientsecret", "children", "plugins", "scripts", "redirectAddressToCanonical", "cleanupSession", "cleanupNonce", "controlSocket", "smtptimeout",
		"host of clients[0]", "PUMPIO_PORT", "PUMPIO_SMTPPASS",
	}
	for _, name := range want {
		n := 0
		for _, w := range c.Warnings {
			if strings.Contains(w, ": "+name+" has no effect: ") {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s is named in %d warnings", name, n)
		}
	}
	if len(c.Warnings) != len(want) {
		t.Errorf("%d warnings, want %d:\n%s", len(c.Warnings), len(want), strings.Join(c.Warnings, "\n"))
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%+v %#v %v", *c, *c, c.Warnings)
	if err := c.Print(&out, true); err != nil {
		t.Fatal(err)
	}
	if i := strings.Index(out.String(), "hunter2"); i >= 0 {
		t.Errorf("a secret leaks: %.80s", out.String()[i:])
	}
	if c := mustLoad(t, nil, []string{"PUMPIO_PORT=80"}, "web = true"); len(c.Warnings) > 0 {
		t.Errorf("without such a file there are warnings: %q", c.Warnings)
	}
}

func TestOriginalPresets(t *testing.T) {
	c, err := loadOriginal(t, fullOriginal)
	if err != nil {
		t.Fatal(err)
	}
	p := c.Presets
	if len(p.Clients) != 1 || len(p.Users) != 1 || len(p.Users[0].Tokens) != 2 {
		t.Fatalf("presets are %+v", p)
	}
	client, user := p.Clients[0], p.Users[0]
	if client.ID != "CID" || client.Secret.Reveal() != "hunter2-client" || client.Title != "Script" {
		t.Errorf("the client is %+v", client)
	}
	if user.Nickname != "robot" || user.Password.Reveal() != "hunter2-user" {
		t.Errorf("the user is %+v", user)
	}
	if got := user.Tokens[0]; got.Token.Reveal() != "hunter2-token" || got.TokenSecret.Reveal() != "hunter2-ts" || got.ClientID != "CID" || got.Scope != "" {
		t.Errorf("the first token is %+v", got)
	}
	if got := user.Tokens[1]; got.Token.Reveal() != "hunter2-bearer" || got.TokenSecret.Reveal() != "" || got.Scope != "read" {
		t.Errorf("the second token is %+v", got)
	}
}

// TestOriginalDefaults: what a file leaves out is as it was there.
func TestOriginalDefaults(t *testing.T) {
	for _, tt := range []struct{ file, key, want, source string }{
		{`{}`, "url", `"http://127.0.0.1:31337"`, " (without hostname, port, urlPort, urlPath)"},
		{`{}`, "listen", `"127.0.0.1:31337"`, " (without address, port, hostname)"},
		{`{}`, "registration", `"open"`, " (without disableRegistration)"},
		{`{}`, "uploads", `"off"`, " (without enableUploads)"},
		{`{}`, "tls", `"off"`, "default"},
		{`{}`, "smtp_server", `"off"`, "default"},
		{`{}`, "hsts", `"off"`, "default"},
		{`{"disableRegistration": null}`, "registration", `"open"`, " (without disableRegistration)"},
		{`{"disableRegistration": false}`, "registration", `"open"`, ":1 (disableRegistration)"},
		{`{"hostname": "a.example"}`, "listen", `"a.example:31337"`, ":1 (hostname)"},
		{`{"hostname": "a.example", "port": 80}`, "url", `"http://a.example"`, ":1 (hostname, port)"},
		{`{"hostname": "a.example", "port": "443"}`, "url", `"https://a.example"`, ":1 (hostname, port)"},
		{`{"hostname": "a.example", "port": 8000, "urlPort": 80}`, "url", `"http://a.example"`, ":1 (hostname, port, urlPort)"},
		{`{"hostname": "a.example", "port": 8443, "key": "k", "cert": "c"}`, "url", `"https://a.example:8443"`, ":1 (hostname, port)"},
		{`{"hostname": "::1", "port": 8000}`, "url", `"http://[::1]:8000"`, ":1 (hostname, port)"},
		{`{"urlPath": "/a/b/"}`, "url", `"http://127.0.0.1:31337/a/b"`, ":1 (urlPath)"},
		{`{"bounce": false}`, "redirect_listen", `"off"`, "default"},
		{`{"smtpserver": "m.example"}`, "smtp_server", `"m.example:25"`, ":1 (smtpserver)"},
		{`{"smtpserver": "m.example"}`, "smtp_tls", `"starttls"`, " (without smtpusessl, smtpusetls)"},
		{`{"smtpserver": "m.example", "smtpusetls": false}`, "smtp_tls", `"off"`, ":1 (smtpusetls)"},
		{`{"smtpserver": "m.example", "smtpusessl": true}`, "smtp_tls", `"tls"`, ":1 (smtpusessl)"},
		{`{"hostname": "a.example", "urlPort": 443, "hsts": true}`, "hsts", `"max-age=15552000"`, ":1 (hsts)"},
		{`{"hostname": "a.example", "urlPort": 443, "hsts": 60}`, "hsts", `"max-age=60"`, ":1 (hsts)"},
		{`{"hsts": false}`, "hsts", `"off"`, ":1 (hsts)"},
		{`{"nologger": true, "logfile": "x"}`, "log_file", `"` + devNull + `"`, ":1 (nologger)"},
		{`{"logLevel": 50}`, "log_level", `"error"`, ":1 (logLevel)"},
		// Our own keys are stronger than what follows from theirs.
		{`{"url": "https://b.example", "hostname": "a.example"}`, "url", `"https://b.example"`, ":1"},
		{`{"database": "postgres://db/m", "driver": "disk"}`, "database", `"postgres://db/m"`, ":1"},
		{`{"networks": ["pump"], "rate_limits": false}`, "networks", `["pump"]`, ":1"},
		{"\ufeff{\n\"site\": \"A\"}", "site_name", `"A"`, ":2 (site)"},
	} {
		c, err := loadOriginal(t, tt.file)
		if err != nil {
			t.Errorf("%s: %v", tt.file, err)
			continue
		}
		k, _ := lookup(tt.key)
		if got := k.literal(c); got != tt.want {
			t.Errorf("%s: %s is %s, want %s", tt.file, tt.key, got, tt.want)
		}
		if got := strings.TrimPrefix(c.Sources[tt.key].String(), c.File); got != tt.source {
			t.Errorf("%s: %s comes from %q, want %q", tt.file, tt.key, got, tt.source)
		}
	}
	c, err := loadOriginal(t, `{"hostname": "a.example"}`, "MANIFOLD_LISTEN=:9000")
	if err != nil || c.Listen != ":9000" || c.URL.String() != "http://a.example:31337" {
		t.Errorf("the environment is not stronger than the file: %+v, %v", c, err)
	}
}

func TestOriginalErrors(t *testing.T) {
	var (
		unreadable *FileError
		syntax     *SyntaxError
		unknown    *UnknownKeyError
		wrong      *ValueError
	)
	for _, tt := range []struct {
		name, file string
		as         any
		says       string
	}{
		{"an unknown key", "{\n\"hostnam\": \"x\"}", &unknown, `pump.io.json:2: there is no key "hostnam"; did you mean hostname?`},
		{"a key in other letters", `{"urlport": 443}`, &unknown, `did you mean urlPort?`},
		{"a key like no other", `{"zzzzzzzzzzz": 1}`, &unknown, `there are hostname, address, port`},
		{"uploaddir", `{"uploaddir": "/x"}`, &unknown, `did you mean datadir, with enableUploads?`},
		{"no JSON", "{\n\"site\": 'x'}", &syntax, "pump.io.json:2: this is not JSON"},
		{"an end too early", `{"site": "x"`, &syntax, "this is not JSON"},
		{"an array", `["site"]`, &syntax, "an object is expected"},
		{"nothing", ``, &syntax, "this is not JSON"},
		{"a key twice", "{\"site\": \"a\",\n\"site\": \"b\"}", &syntax, `:2: the key "site" stands here a second time`},
		{"a port that is none", `{"port": 70000}`, &wrong, "port must be a number from 1 to 65535"},
		{"a port that is text", `{"urlPort": "https"}`, &wrong, "urlPort must be a number"},
		{"a host name that is none", `{"hostname": 1}`, &wrong, "hostname must be a string"},
		{"a host name in the wrong letters", `{"hostname": "bücher.example"}`, &wrong, "xn--"},
		{"a switch that is text", `{"disableRegistration": "maybe"}`, &wrong, "registration = \"maybe\""},
		{"a switch that is a number", `{"bounce": 1}`, &wrong, "bounce must be true or false"},
		{"a level that is none", `{"logLevel": "loud"}`, &wrong, "(logLevel)"},
		{"a list of numbers", `{"proxyWhitelist": [1]}`, &wrong, "must hold strings only"},
		{"clients that are none", `{"clients": {"a": 1}}`, &wrong, "it must be an array of objects"},
		{"a client without a secret", `{"clients": [{"client_id": "x"}]}`, &wrong, `clients = "clients[0]"`},
		{"a user without a name", `{"users": [{"password": "x"}]}`, &wrong, "nickname: it is missing"},
		{"a token of no kind", `{"users": [{"nickname": "a", "password": "x", "tokens": [{"token": "t", "client_id": "c"}]}]}`, &wrong, "users[0].tokens[0]"},
		{"tokens that are none", `{"users": [{"nickname": "a", "password": "x", "tokens": 1}]}`, &wrong, "tokens: it must be an array"},
		{"a secret that is a number", `{"clients": [{"client_id": "x", "client_secret": 1234567}]}`, &wrong, "client_secret: it must be a string"},
		{"too deep", `{"params": ` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, &unreadable, "deeper than 32 levels"},
		{"too large", `{"site": "` + strings.Repeat("x", maxOriginalBytes) + `"}`, &unreadable, "larger than 1024 KB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := loadOriginal(t, tt.file)
			if err == nil || !errors.As(err, tt.as) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error is %v, want one that says %q", err, tt.says)
			}
			if err != nil && strings.Contains(err.Error(), "1234567") {
				t.Errorf("a secret is in %v", err)
			}
		})
	}
}

// TestOriginalByContent: the file need not be named after what it is.
func TestOriginalByContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pump.conf")
	if err := os.WriteFile(path, []byte("\n  {\"site\": \"A\"}"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := mustLoad(t, nil, []string{"MANIFOLD_CONFIG=" + path}, "")
	if c.SiteName != "A" || c.Sources["site_name"].Line != 2 {
		t.Errorf("the site is %q from %s", c.SiteName, c.Sources["site_name"])
	}
}

// FuzzOriginal loads any bytes as a pump.io.json: it ends, and errors are typed.
func FuzzOriginal(f *testing.F) {
	f.Add([]byte(fullOriginal))
	for _, seed := range []string{"{}", `{"port": 1e3}`, `{"clients": [null], "users": [{}]}`, `{"hsts": {"maxAge": []}}`, "\ufeff{}", `{"a": "\ud800"}`, "[[[["} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		layer, err := parseOriginal("fuzz.json", data)
		var (
			unreadable *FileError
			syntax     *SyntaxError
			unknown    *UnknownKeyError
			wrong      *ValueError
		)
		if err != nil && !errors.As(err, &unreadable) && !errors.As(err, &syntax) && !errors.As(err, &unknown) && !errors.As(err, &wrong) {
			t.Fatalf("untyped error %v", err)
		}
		for name, s := range layer.settings {
			k, ok := lookup(name)
			if !ok || s.source.Name != "fuzz.json" {
				t.Fatalf("%q from %s", name, s.source)
			}
			_ = k.apply(new(Config), s)
		}
	})
}
