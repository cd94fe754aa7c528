package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// load runs Load as the program does: command line, environment, and a file
// with the given text unless that is empty.
func load(t *testing.T, args, environ []string, file string) (*Config, error) {
	t.Helper()
	if file != "" {
		path := filepath.Join(t.TempDir(), "manifold.toml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"--config", path}, args...)
	}
	flags := pflag.NewFlagSet("manifold", pflag.ContinueOnError)
	AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return Load(flags, environ)
}

func mustLoad(t *testing.T, args, environ []string, file string) *Config {
	t.Helper()
	c, err := load(t, args, environ, file)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	c, err := Load(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{
		"url": c.URL.String(), "listen": c.Listen, "database": c.Database.DSN(), "driver": c.Database.Driver(),
		"data_dir": c.DataDir, "registration": c.Registration, "networks": c.Networks.String(), "web": c.Web,
		"tls": c.TLS, "tls_cert": c.TLSCert, "tls_key": c.TLSKey, "acme_email": c.ACMEEmail,
		"allow_private_addresses": c.AllowPrivateAddresses, "log_level": c.LogLevel, "log_format": c.LogFormat,
		"metrics_listen": c.MetricsListen, "rate_limits": c.RateLimits, "bridge": c.Bridge, "authorized_fetch": c.AuthorizedFetch,
		"site_name": c.SiteName, "max_upload": c.MaxUpload, "cache_size": c.CacheSize, "file": c.File,
		"redirect_listen": c.RedirectListen, "hsts": c.HSTS, "canonical_redirect": c.CanonicalRedirect, "compress": c.Compress,
		"trusted_proxies": strings.Join(prefixTexts(c.TrustedProxies), " "), "log_file": c.LogFile, "site_owner": c.SiteOwner,
		"site_owner_url": c.SiteOwnerURL, "favicon": c.Favicon, "realtime": c.Realtime, "uploads": c.Uploads, "upload_quota": c.UploadQuota,
		"proxy_whitelist": len(c.ProxyWhitelist), "smtp_server": c.SMTPServer, "smtp_user": c.SMTPUser, "smtp_password": c.SMTPPassword,
		"smtp_tls": c.SMTPTLS, "mail_from": c.MailFrom, "require_email": c.RequireEmail, "proxy_cache_size": c.ProxyCacheSize,
	}
	want := map[string]any{
		"url": "http://localhost:8080", "listen": "127.0.0.1:8080", "database": "data/manifold.db", "driver": SQLite,
		"data_dir": "data", "registration": RegistrationClosed, "networks": "pump,activitypub,ostatus", "web": true,
		"tls": TLSOff, "tls_cert": "", "tls_key": "", "acme_email": "",
		"allow_private_addresses": false, "log_level": slog.LevelInfo, "log_format": LogText,
		"metrics_listen": "", "rate_limits": true, "bridge": BridgeThreads, "authorized_fetch": false,
		"site_name": "Manifold", "max_upload": int64(20_000_000), "cache_size": int64(32_000_000), "file": "",
		"redirect_listen": "", "hsts": "", "canonical_redirect": true, "compress": true,
		"trusted_proxies": "127.0.0.0/8 ::1/128", "log_file": "", "site_owner": "",
		"site_owner_url": "", "favicon": "", "realtime": true, "uploads": true, "upload_quota": int64(1_000_000_000),
		"proxy_whitelist": 0, "smtp_server": "", "smtp_user": "", "smtp_password": Secret{},
		"smtp_tls": SMTPStartTLS, "mail_from": "", "require_email": false, "proxy_cache_size": int64(256_000_000),
	}
	for name, w := range want {
		if got[name] != w {
			t.Errorf("%s is %v, want %v", name, got[name], w)
		}
	}
	for name, source := range c.Sources {
		if source != (Source{Kind: FromDefault}) {
			t.Errorf("%s comes from %s", name, source)
		}
	}
}

// samples has for every key a value that is not the default, as text, and as it
// is printed.
var samples = map[string][2]string{
	"url":                     {"HTTPS://Social.Example:443/", `"https://social.example"`},
	"listen":                  {":9000", `":9000"`},
	"database":                {"postgres://m:pw@db/m", `"postgres://m:[masked]@db/m"`},
	"data_dir":                {"/var/lib/manifold", `"/var/lib/manifold"`},
	"registration":            {"Open", `"open"`},
	"networks":                {"ostatus, pump", `["pump", "ostatus"]`},
	"web":                     {"off", `"off"`},
	"tls":                     {"acme", `"acme"`},
	"tls_cert":                {"/etc/cert.pem", `"/etc/cert.pem"`},
	"tls_key":                 {"/etc/key.pem", `"/etc/key.pem"`},
	"acme_email":              {"admin@social.example", `"admin@social.example"`},
	"allow_private_addresses": {"true", `true`},
	"log_level":               {"debug", `"debug"`},
	"log_format":              {"json", `"json"`},
	"metrics_listen":          {"127.0.0.1:9090", `"127.0.0.1:9090"`},
	"rate_limits":             {"off", `"off"`},
	"bridge":                  {"open", `"open"`},
	"authorized_fetch":        {"on", `"on"`},
	"proxy_cache_size":        {"1GiB", `"1GiB"`},
	"site_name":               {"Our corner", `"Our corner"`},
	"max_upload":              {"40 mb", `"40MB"`},
	"cache_size":              {"67108864", `"64MiB"`},
	"redirect_listen":         {":80", `":80"`},
	"hsts":                    {"Max-Age=60;includeSubDomains", `"max-age=60; includeSubDomains"`},
	"canonical_redirect":      {"off", `"off"`},
	"compress":                {"off", `"off"`},
	"trusted_proxies":         {"10.1.2.3/8, ::1", `["10.0.0.0/8", "::1/128"]`},
	"log_file":                {"/var/log/manifold.log", `"/var/log/manifold.log"`},
	"site_owner":              {" Ann ", `"Ann"`},
	"site_owner_url":          {"mailto:ann@social.example", `"mailto:ann@social.example"`},
	"favicon":                 {"/etc/icon.png", `"/etc/icon.png"`},
	"realtime":                {"off", `"off"`},
	"uploads":                 {"off", `"off"`},
	"upload_quota":            {"5GB", `"5GB"`},
	"proxy_whitelist":         {"a.example, B.example:8080", `["a.example", "b.example:8080"]`},
	"smtp_server":             {"Smtp.Example:587", `"smtp.example:587"`},
	"smtp_user":               {"ann", `"ann"`},
	"smtp_password":           {"hunter2", `"[masked]"`},
	"smtp_tls":                {"TLS", `"tls"`},
	"mail_from":               {"Our corner <post@social.example>", `"Our corner <post@social.example>"`},
	"require_email":           {"on", `"on"`},
}

// TestTableAndStructAgree holds the table to the struct: each key writes the
// field with its tag and no other, and prints what it wrote.
func TestTableAndStructAgree(t *testing.T) {
	fields := map[string]string{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		name, tagged := f.Tag.Lookup("key")
		if besides := []string{"File", "Sources", "Presets", "Warnings"}; !tagged && !slices.Contains(besides, f.Name) {
			t.Errorf("field %s has no key", f.Name)
		}
		if tagged {
			fields[name] = f.Name
		}
	}
	if len(fields) != len(keys) {
		t.Errorf("%d fields have a key, the table has %d", len(fields), len(keys))
	}
	for _, k := range keys {
		t.Run(k.name, func(t *testing.T) {
			sample, ok := samples[k.name]
			if !ok || fields[k.name] == "" {
				t.Fatal("no sample or no field")
			}
			var c Config
			if err := k.set(&c, sample[0]); err != nil {
				t.Fatal(err)
			}
			for name, field := range fields {
				written := !reflect.ValueOf(c).FieldByName(field).IsZero()
				// The sample of a switch that is on by default is its zero value.
				if off := sample[0] == "off"; written != (name == k.name && !off) {
					t.Errorf("field %s written: %v", field, written)
				}
			}
			if got := k.literal(&c); got != sample[1] {
				t.Errorf("printed %s, want %s", got, sample[1])
			}
			if k.allowed == "" || k.usage == "" || k.placeholder == "" {
				t.Error("allowed, usage or placeholder is missing")
			}
		})
	}
}

// TestEveryPlace gives each key in each place, with all the weaker places
// holding the default.
func TestEveryPlace(t *testing.T) {
	for _, k := range keys {
		sample := samples[k.name]
		var companions []string
		switch k.name {
		case "tls", "redirect_listen", "hsts":
			companions = []string{"--url=https://social.example"}
		case "require_email":
			companions = []string{"--smtp-server=smtp.example:25"}
		}
		inFile := func(text string) string { return fmt.Sprintf("\n%s = %q\n", k.name, text) }
		for _, place := range []struct {
			name          string
			args, environ []string
			file          string
			want          Source
		}{
			{"flag", []string{"--" + k.flag() + "=" + sample[0]}, []string{k.env() + "=" + k.fallback}, inFile(k.fallback),
				Source{Kind: FromFlag, Name: "--" + k.flag()}},
			{"env", nil, []string{k.env() + "=" + sample[0]}, inFile(k.fallback),
				Source{Kind: FromEnvironment, Name: k.env()}},
			{"file", nil, []string{k.env() + "="}, inFile(sample[0]),
				Source{Kind: FromFile, Line: 2}},
		} {
			t.Run(k.name+"/"+place.name, func(t *testing.T) {
				c := mustLoad(t, append(companions, place.args...), place.environ, place.file)
				if place.want.Kind == FromFile {
					place.want.Name = c.File
				}
				if got := c.Sources[k.name]; got != place.want {
					t.Errorf("came from %v, want %v", got, place.want)
				}
				if got := k.literal(c); got != sample[1] {
					t.Errorf("is %s, want %s", got, sample[1])
				}
			})
		}
	}
}

func TestFileIsNamedByFlagOrEnvironment(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.toml": `site_name = "A"`, "b.toml": `site_name = "B"`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	environ := []string{"MANIFOLD_CONFIG=" + filepath.Join(dir, "a.toml")}
	if c := mustLoad(t, nil, environ, ""); c.SiteName != "A" {
		t.Errorf("by environment: %q", c.SiteName)
	}
	c := mustLoad(t, []string{"--config", filepath.Join(dir, "b.toml")}, environ, "")
	if c.SiteName != "B" || c.File != filepath.Join(dir, "b.toml") {
		t.Errorf("by flag: %q from %s", c.SiteName, c.File)
	}
	var missing *FileError
	if _, err := load(t, []string{"--config", filepath.Join(dir, "c.toml")}, environ, ""); !errors.As(err, &missing) ||
		!errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file gives %v", err)
	}
}

func TestSwitchFlagAlone(t *testing.T) {
	if c := mustLoad(t, []string{"--allow-private-addresses"}, nil, ""); !c.AllowPrivateAddresses {
		t.Error("--allow-private-addresses alone is not true")
	}
	if c := mustLoad(t, []string{"--web", "off"}, nil, ""); c.Web {
		t.Error("--web off leaves it on")
	}
}

func TestDerived(t *testing.T) {
	for _, tt := range []struct {
		name          string
		args          []string
		url, database string
		urlFrom       string
	}{
		{"nothing", nil, "http://localhost:8080", "data/manifold.db", "default"},
		{"another port", []string{"--listen=127.0.0.1:9000"}, "http://localhost:9000", "data/manifold.db", "derived from listen"},
		{"port 80", []string{"--listen=:80"}, "http://localhost", "data/manifold.db", "derived from listen"},
		{"same port", []string{"--listen=0.0.0.0:8080"}, "http://localhost:8080", "data/manifold.db", "default"},
		{"given url", []string{"--listen=:9000", "--url=https://social.example"}, "https://social.example", "data/manifold.db", "flag --url"},
		{"given default url", []string{"--listen=:9000", "--url=http://localhost:8080"}, "http://localhost:8080", "data/manifold.db", "flag --url"},
		{"tls", []string{"--tls=files", "--tls-cert=c", "--tls-key=k"}, "https://localhost:8080", "data/manifold.db", "derived from tls"},
		{"tls and port", []string{"--tls=files", "--tls-cert=c", "--tls-key=k", "--listen=:443"}, "https://localhost", "data/manifold.db", "derived from listen"},
		{"data_dir", []string{"--data-dir=/srv/m"}, "http://localhost:8080", "/srv/m/manifold.db", "default"},
		{"data_dir and database", []string{"--data-dir=/srv/m", "--database=x.db"}, "http://localhost:8080", "x.db", "default"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := mustLoad(t, tt.args, nil, "")
			if got := c.URL.String(); got != tt.url {
				t.Errorf("url is %s, want %s", got, tt.url)
			}
			if got := c.Sources["url"].String(); got != tt.urlFrom {
				t.Errorf("url comes from %q, want %q", got, tt.urlFrom)
			}
			if got := c.Database.DSN(); got != tt.database {
				t.Errorf("database is %s, want %s", got, tt.database)
			}
		})
	}
}

func TestDerivedDatabaseSaysFromWhat(t *testing.T) {
	c := mustLoad(t, nil, []string{"MANIFOLD_DATA_DIR=/srv/m"}, "")
	if got := c.Sources["database"].String(); got != "derived from data_dir" {
		t.Errorf("database comes from %q", got)
	}
}

func TestDerivedSender(t *testing.T) {
	for _, tt := range []struct{ args, from, source string }{
		{"--url=https://social.example:8443", "", "default"},
		{"--url=https://social.example:8443 --smtp-server=localhost:25", "no-reply@social.example", "derived from url"},
		{"--smtp-server=localhost:25 --mail-from=ann@a.example", "ann@a.example", "flag --mail-from"},
	} {
		c := mustLoad(t, strings.Fields(tt.args), nil, "")
		if got := c.Sources["mail_from"].String(); c.MailFrom != tt.from || got != tt.source {
			t.Errorf("%s: mail comes from %q (%s), want %q (%s)", tt.args, c.MailFrom, got, tt.from, tt.source)
		}
	}
}

func TestBound(t *testing.T) {
	address := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40123}
	c := mustLoad(t, []string{"--listen=127.0.0.1:0"}, nil, "")
	before := c.URL
	c.Bound(address)
	if got := c.URL.String(); got != "http://localhost:40123" {
		t.Errorf("url is %s after binding", got)
	}
	if got := before.String(); got != "http://localhost:0" {
		t.Errorf("a URL handed out before changed to %s", got)
	}
	c = mustLoad(t, []string{"--url=https://social.example"}, nil, "")
	c.Bound(address)
	if got := c.URL.String(); got != "https://social.example" {
		t.Errorf("a given url became %s", got)
	}
}

func TestACMEDomains(t *testing.T) {
	c := mustLoad(t, []string{"--url=https://social.example/x", "--tls=acme"}, nil, "")
	if got := strings.Join(c.ACMEDomains(), " "); got != "social.example" {
		t.Errorf("domains are %q", got)
	}
}

func TestCombinations(t *testing.T) {
	for _, tt := range []struct {
		name string
		args string
		keys string // of the error, "" for none
	}{
		{"https behind a proxy", "--url=https://social.example", ""},
		{"files complete", "--url=https://a.example --tls=files --tls-cert=c --tls-key=k", ""},
		{"files without key", "--url=https://a.example --tls=files --tls-cert=c", "tls,tls_cert,tls_key"},
		{"files without cert", "--url=https://a.example --tls=files --tls-key=k", "tls,tls_cert,tls_key"},
		{"files with http", "--url=http://a.example --tls=files --tls-cert=c --tls-key=k", "tls,url"},
		{"acme", "--url=https://a.example --tls=acme", ""},
		{"acme with http", "--url=http://a.example --tls=acme", "tls,url"},
		{"acme without url", "--tls=acme", "tls,url"},
		{"acme for an address", "--url=https://192.0.2.1 --tls=acme", "tls,url"},
		{"port 0", "--listen=127.0.0.1:0", ""},
		{"port 0 with url", "--listen=127.0.0.1:0 --url=http://localhost:8080", "listen,url"},
		{"one port twice", "--listen=:9000 --metrics-listen=:9000", "metrics_listen,listen"},
		{"redirects", "--url=https://a.example --redirect-listen=:80 --hsts=60", ""},
		{"redirects from http to http", "--url=http://a.example --redirect-listen=:80", "redirect_listen,url"},
		{"redirects on the port of the server", "--url=https://a.example --listen=:80 --redirect-listen=:80", "redirect_listen,listen"},
		{"redirects on the port of the metrics", "--url=https://a.example --metrics-listen=:80 --redirect-listen=:80", "redirect_listen,listen"},
		{"a promise of https over http", "--url=http://a.example --hsts=60", "hsts,url"},
		{"confirmation with mail", "--require-email=on --smtp-server=localhost:25", ""},
		{"confirmation without mail", "--require-email=on", "require_email,smtp_server"},
		{"two free ports", "--listen=:0 --metrics-listen=:0", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(t, strings.Fields(tt.args), nil, "")
			if tt.keys == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var refused *CombinationError
			if !errors.As(err, &refused) || strings.Join(refused.Keys, ",") != tt.keys {
				t.Errorf("error is %v, want one about %s", err, tt.keys)
			}
		})
	}
}

func TestEnvironmentNames(t *testing.T) {
	for _, tt := range []struct{ entry, nearest string }{
		{"MANIFOLD_LISTN=:1", "MANIFOLD_LISTEN"},
		{"MANIFOLD_DATABASE_URL=x", "MANIFOLD_DATABASE"},
		{"MANIFOLD_EMAIL=x", "MANIFOLD_ACME_EMAIL"},
		{"MANIFOLD_PORT=8080", ""},
		{"MANIFOLD_QQQQQQQQQ=", ""},
	} {
		name, _, _ := strings.Cut(tt.entry, "=")
		_, err := Load(nil, []string{tt.entry})
		var unknown *UnknownKeyError
		if !errors.As(err, &unknown) || unknown.Name != name || unknown.Nearest != tt.nearest {
			t.Errorf("%s gives %v", tt.entry, err)
		}
	}
	ours := []string{
		"PATH=/bin", "MANIFOLDER=1", "MANIFOLD_VECTORS=/v", "MANIFOLD_TOOLS=/t", "MANIFOLD_TEST_POSTGRES=x",
		"MANIFOLD_SERVICE_HOST=10.0.0.7", "MANIFOLD_SERVICE_PORT=80", "MANIFOLD_SERVICE_PORT_HTTP=80",
		"MANIFOLD_PORT=tcp://10.0.0.7:80", "MANIFOLD_PORT_80_TCP=tcp://10.0.0.7:80", "MANIFOLD_PORT_80_TCP_ADDR=10.0.0.7",
		"MANIFOLD_LISTEN=", "MANIFOLD_CONFIG=", "MANIFOLD_SITE_NAME=a=b",
	}
	c, err := Load(nil, ours)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:8080" || c.SiteName != "a=b" {
		t.Errorf("listen %q, site_name %q", c.Listen, c.SiteName)
	}
}

// TestAllMistakesAtOnce has one mistake of each kind in each place.
func TestAllMistakesAtOnce(t *testing.T) {
	_, err := load(t, []string{"--web=maybe"}, []string{"MANIFOLD_TLS=ssl", "MANIFOLD_BRIGDE=off"},
		"listn = \":1\"\nmax_upload = \"much\"\n")
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`web = "maybe" (flag --web): there is no such choice; allowed: on or off`,
		`tls = "ssl" (environment MANIFOLD_TLS): there is no such choice; allowed: off, acme or files`,
		`MANIFOLD_BRIGDE (environment); did you mean MANIFOLD_BRIDGE?`,
		`manifold.toml:1: there is no key "listn"; did you mean listen?`,
		`manifold.toml:2): the unit must be one of`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
}

func TestHelpShowsDefaults(t *testing.T) {
	flags := pflag.NewFlagSet("manifold", pflag.ContinueOnError)
	AddFlags(flags)
	help := flags.FlagUsages()
	for _, want := range []string{"--config FILE", "--data-dir DIR", "(default data)", "--web on|off", "(default on)"} {
		if !strings.Contains(help, want) {
			t.Errorf("%q is not in:\n%s", want, help)
		}
	}
}
