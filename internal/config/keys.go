package config

import "strings"

// form is what the value of a key looks like in a TOML file. A string that holds
// the text of the value is always right.
type form int

const (
	formText    form = iota // a string only
	formSwitch              // also true and false
	formWords               // one of some words; if "off" is among them, also false
	formSize                // also an integer, in bytes
	formSeconds             // also an integer, in seconds, and false
	formList                // also an array of strings, and false for none
)

// key describes one setting. Everything that depends on which settings there
// are (flags, environment, file, printing, the test of the documentation) goes
// through the table below.
type key struct {
	name        string // as in a TOML file
	fallback    string // the default, written as an operator would write it
	allowed     string // what a value may be, for errors and --help
	placeholder string // stands for the value in --help
	usage       string // what it is for, in half a line
	form        form
	bare        string // the value of the flag written without one; "" if it needs one

	// mask hides the password that a value may hold; nil where none does.
	mask func(text string) string

	// set parses text into the field. Its error says what is wrong with the
	// text without repeating it.
	set func(c *Config, text string) error
	// get returns the field in the form it has in print: a string, a bool, an
	// int64 of bytes, or a []string.
	get func(c *Config) any
}

// env returns the environment variable of the key: MANIFOLD_DATA_DIR.
func (k key) env() string { return envPrefix + strings.ToUpper(k.name) }

// flag returns the name of the flag of the key, without dashes before it: data-dir.
func (k key) flag() string { return strings.ReplaceAll(k.name, "_", "-") }

// lookup finds a key by name.
func lookup(name string) (key, bool) {
	for _, k := range keys {
		if k.name == name {
			return k, true
		}
	}
	return key{}, false
}

// apply parses a setting into c. The error is a *ValueError.
func (k key) apply(c *Config, s setting) error {
	reason := s.reason
	if reason == nil {
		reason = plain(s.text)
	}
	if reason == nil {
		reason = k.set(c, s.text)
	}
	if reason == nil {
		return nil
	}
	shown := s.text
	if k.mask != nil {
		shown = k.mask(shown)
	}
	return &ValueError{Key: k.name, Value: shorten(shown), Source: s.source, Reason: reason, Allowed: k.allowed}
}

// keys is the table of all settings, in the order of the documentation.
var keys = []key{
	{
		name: "url", fallback: "http://localhost:8080", placeholder: "URL",
		usage:   "public base URL of the server",
		allowed: "http:// or https://, a host, and where needed a port and a path prefix, such as https://social.example",
		set:     func(c *Config, text string) (err error) { c.URL, err = parseURL(text); return err },
		get:     func(c *Config) any { return c.URL.String() },
	},
	{
		name: "listen", fallback: "127.0.0.1:8080", placeholder: "HOST:PORT",
		usage:   "address to answer requests on",
		allowed: "HOST:PORT, such as 127.0.0.1:8080, or :8080 for every address of the machine",
		set:     func(c *Config, text string) (err error) { c.Listen, err = parseListen(text); return err },
		get:     func(c *Config) any { return c.Listen },
	},
	{
		name: "database", fallback: "data/manifold.db", placeholder: "PATH|DSN", mask: maskDSN,
		usage:   "SQLite file, or PostgreSQL as postgres://...",
		allowed: "the path of an SQLite file, or postgres://USER:PASSWORD@HOST/NAME",
		set:     func(c *Config, text string) (err error) { c.Database, err = ParseDatabase(text); return err },
		get:     func(c *Config) any { return c.Database.String() },
	},
	{
		name: "data_dir", fallback: "data", placeholder: "DIR",
		usage:   "directory for uploads and keys",
		allowed: "the path of a directory",
		set:     required(func(c *Config) *string { return &c.DataDir }),
		get:     func(c *Config) any { return c.DataDir },
	},
	{
		name: "registration", fallback: "closed", placeholder: "WORD", form: formWords,
		usage:   "who may make an account",
		allowed: "open, invite or closed",
		set:     oneOf(func(c *Config) *Registration { return &c.Registration }, RegistrationOpen, RegistrationInvite, RegistrationClosed),
		get:     func(c *Config) any { return string(c.Registration) },
	},
	{
		name: "networks", fallback: "pump,activitypub,ostatus", placeholder: "LIST", form: formList,
		usage:   "networks to take part in",
		allowed: "one or more of pump, activitypub and ostatus, with commas between them",
		set:     func(c *Config, text string) (err error) { c.Networks, err = parseNetworks(text); return err },
		get:     func(c *Config) any { return c.Networks.names() },
	},
	{
		name: "web", fallback: "on", placeholder: "on|off", form: formSwitch,
		usage:   "serve pages for people",
		allowed: "on or off",
		set:     onOff(func(c *Config) *bool { return &c.Web }),
		get:     func(c *Config) any { return c.Web },
	},
	{
		name: "tls", fallback: "off", placeholder: "WORD", form: formWords,
		usage:   "where certificates come from",
		allowed: "off, acme or files",
		set:     oneOf(func(c *Config) *TLS { return &c.TLS }, TLSOff, TLSACME, TLSFiles),
		get:     func(c *Config) any { return string(c.TLS) },
	},
	{
		name: "tls_cert", placeholder: "FILE",
		usage:   "certificate chain for tls = files",
		allowed: "the path of a PEM file",
		set:     func(c *Config, text string) error { c.TLSCert = text; return nil },
		get:     func(c *Config) any { return c.TLSCert },
	},
	{
		name: "tls_key", placeholder: "FILE",
		usage:   "private key for tls = files",
		allowed: "the path of a PEM file",
		set:     func(c *Config, text string) error { c.TLSKey = text; return nil },
		get:     func(c *Config) any { return c.TLSKey },
	},
	{
		name: "acme_email", placeholder: "EMAIL",
		usage:   "where the authority writes about certificates, for tls = acme",
		allowed: "one email address, or nothing",
		set:     func(c *Config, text string) (err error) { c.ACMEEmail, err = parseEmail(text); return err },
		get:     func(c *Config) any { return c.ACMEEmail },
	},
	{
		name: "redirect_listen", fallback: "off", placeholder: "HOST:PORT", form: formWords,
		usage:   "address that redirects http to https",
		allowed: "off, or HOST:PORT such as :80",
		set: func(c *Config, text string) (err error) {
			c.RedirectListen, err = parseOptionalListen(text)
			return err
		},
		get: func(c *Config) any { return orOff(c.RedirectListen) },
	},
	{
		name: "hsts", fallback: "off", placeholder: "SECONDS", form: formSeconds,
		usage:   "how long browsers shall insist on https",
		allowed: "off, a number of seconds, or a value such as max-age=31536000; includeSubDomains",
		set:     func(c *Config, text string) (err error) { c.HSTS, err = parseHSTS(text); return err },
		get:     func(c *Config) any { return orOff(c.HSTS) },
	},
	{
		name: "canonical_redirect", fallback: "on", placeholder: "on|off", form: formSwitch,
		usage:   "send who comes by another host name to the url",
		allowed: "on or off",
		set:     onOff(func(c *Config) *bool { return &c.CanonicalRedirect }),
		get:     func(c *Config) any { return c.CanonicalRedirect },
	},
	{
		name: "trusted_proxies", fallback: "127.0.0.0/8,::1/128", placeholder: "LIST", form: formList,
		usage:   "proxies whose X-Forwarded-For is believed",
		allowed: "off, or addresses and networks such as 10.0.0.0/8, with commas between them",
		set:     func(c *Config, text string) (err error) { c.TrustedProxies, err = parsePrefixes(text); return err },
		get:     func(c *Config) any { return prefixTexts(c.TrustedProxies) },
	},
	{
		name: "compress", fallback: "on", placeholder: "on|off", form: formSwitch,
		usage:   "compress answers",
		allowed: "on or off",
		set:     onOff(func(c *Config) *bool { return &c.Compress }),
		get:     func(c *Config) any { return c.Compress },
	},
	{
		name: "allow_private_addresses", fallback: "false", placeholder: "true|false", form: formSwitch, bare: "true",
		usage:   "let requests of ours go to loopback and private addresses",
		allowed: "true or false",
		set:     onOff(func(c *Config) *bool { return &c.AllowPrivateAddresses }),
		get:     func(c *Config) any { return c.AllowPrivateAddresses },
	},
	{
		name: "log_level", fallback: "info", placeholder: "WORD", form: formWords,
		usage:   "least important messages to log",
		allowed: "debug, info, warn or error",
		set:     func(c *Config, text string) (err error) { c.LogLevel, err = parseLevel(text); return err },
		get:     func(c *Config) any { return strings.ToLower(c.LogLevel.String()) },
	},
	{
		name: "log_format", fallback: "text", placeholder: "WORD", form: formWords,
		usage:   "form of the log lines",
		allowed: "text or json",
		set:     oneOf(func(c *Config) *LogFormat { return &c.LogFormat }, LogText, LogJSON),
		get:     func(c *Config) any { return string(c.LogFormat) },
	},
	{
		name: "log_file", placeholder: "FILE",
		usage:   "file for the log instead of standard error",
		allowed: "the path of a file",
		set:     func(c *Config, text string) error { c.LogFile = text; return nil },
		get:     func(c *Config) any { return c.LogFile },
	},
	{
		name: "metrics_listen", fallback: "off", placeholder: "HOST:PORT", form: formWords,
		usage:   "address for metrics, health and profiles",
		allowed: "off, or HOST:PORT such as 127.0.0.1:9090",
		set:     func(c *Config, text string) (err error) { c.MetricsListen, err = parseOptionalListen(text); return err },
		get:     func(c *Config) any { return orOff(c.MetricsListen) },
	},
	{
		name: "rate_limits", fallback: "on", placeholder: "on|off", form: formSwitch,
		usage:   "limit requests by address, account and host",
		allowed: "on or off",
		set:     onOff(func(c *Config) *bool { return &c.RateLimits }),
		get:     func(c *Config) any { return c.RateLimits },
	},
	{
		name: "bridge", fallback: "threads", placeholder: "WORD", form: formWords,
		usage:   "when people of one network are shown on another",
		allowed: "threads, open or off",
		set:     oneOf(func(c *Config) *Bridge { return &c.Bridge }, BridgeThreads, BridgeOpen, BridgeOff),
		get:     func(c *Config) any { return string(c.Bridge) },
	},
	{
		name: "authorized_fetch", fallback: "off", placeholder: "on|off", form: formSwitch,
		usage:   "show nothing on ActivityPub to servers that do not sign",
		allowed: "on or off",
		set:     onOff(func(c *Config) *bool { return &c.AuthorizedFetch }),
		get:     func(c *Config) any { return c.AuthorizedFetch },
	},
	{
		name: "site_name", fallback: "Manifold", placeholder: "NAME",
		usage:   "name of the server, as people see it",
		allowed: "1 to 100 characters",
		set:     func(c *Config, text string) (err error) { c.SiteName, err = parseName(text); return err },
		get:     func(c *Config) any { return c.SiteName },
	},
	{
		name: "site_owner", placeholder: "NAME",
		usage:   "who runs the server, as people see it",
		allowed: "up to 100 characters",
		set:     func(c *Config, text string) (err error) { c.SiteOwner, err = parseOptionalName(text); return err },
		get:     func(c *Config) any { return c.SiteOwner },
	},
	{
		name: "site_owner_url", placeholder: "URL",
		usage:   "where to learn more about who runs the server",
		allowed: "an address that begins with http://, https:// or mailto:",
		set:     func(c *Config, text string) (err error) { c.SiteOwnerURL, err = parseWebAddress(text); return err },
		get:     func(c *Config) any { return c.SiteOwnerURL },
	},
	{
		name: "favicon", placeholder: "FILE",
		usage:   "icon of the site",
		allowed: "the path of an ICO, PNG, GIF or SVG file",
		set:     func(c *Config, text string) error { c.Favicon = text; return nil },
		get:     func(c *Config) any { return c.Favicon },
	},
	{
		name: "realtime", fallback: "on", placeholder: "on|off", form: formSwitch,
		usage:   "tell clients at once what is new",
		allowed: "on or off",
		set:     onOff(func(c *Config) *bool { return &c.Realtime }),
		get:     func(c *Config) any { return c.Realtime },
	},
	{
		name: "uploads", fallback: "on", placeholder: "on|off", form: formSwitch,
		usage:   "take pictures and files",
		allowed: "on or off",
		set:     onOff(func(c *Config) *bool { return &c.Uploads }),
		get:     func(c *Config) any { return c.Uploads },
	},
	{
		name: "max_upload", fallback: "20MB", placeholder: "SIZE", form: formSize,
		usage:   "largest file that may be uploaded",
		allowed: "a number of bytes from 1 to 1TB, such as 20MB (20 million) or 20MiB (20 x 1024 x 1024)",
		set:     func(c *Config, text string) (err error) { c.MaxUpload, err = parseSize(text, 1); return err },
		get:     func(c *Config) any { return c.MaxUpload },
	},
	{
		name: "cache_size", fallback: "32MB", placeholder: "SIZE", form: formSize,
		usage:   "memory for the cache of documents",
		allowed: "a number of bytes from 0 to 1TB, such as 32MB (32 million) or 32MiB (32 x 1024 x 1024); 0 is no cache",
		set:     func(c *Config, text string) (err error) { c.CacheSize, err = parseSize(text, 0); return err },
		get:     func(c *Config) any { return c.CacheSize },
	},
	{
		name: "upload_quota", fallback: "1GB", placeholder: "SIZE", form: formSize,
		usage:   "what one account may upload in all",
		allowed: "a number of bytes from 0 to 1TB, such as 1GB or 500MB; 0 is no limit",
		set:     func(c *Config, text string) (err error) { c.UploadQuota, err = parseSize(text, 0); return err },
		get:     func(c *Config) any { return c.UploadQuota },
	},
	{
		name: "proxy_whitelist", placeholder: "LIST", form: formList,
		usage:   "hosts that clients fetch from directly, not through this server",
		allowed: "host names with commas between them",
		set:     func(c *Config, text string) (err error) { c.ProxyWhitelist, err = parseHosts(text); return err },
		get:     func(c *Config) any { return append([]string{}, c.ProxyWhitelist...) },
	},
	{
		name: "proxy_cache_size", fallback: "256MB", placeholder: "SIZE", form: formSize,
		usage:   "disk space for copies of pictures of other servers",
		allowed: "a number of bytes from 0 to 1TB, such as 256MB (256 million) or 256MiB; 0 keeps none",
		set:     func(c *Config, text string) (err error) { c.ProxyCacheSize, err = parseSize(text, 0); return err },
		get:     func(c *Config) any { return c.ProxyCacheSize },
	},
	{
		name: "smtp_server", fallback: "off", placeholder: "HOST:PORT", form: formWords,
		usage:   "server that takes our mail",
		allowed: "off, or HOST:PORT such as smtp.example.org:587",
		set:     func(c *Config, text string) (err error) { c.SMTPServer, err = parseServer(text); return err },
		get:     func(c *Config) any { return orOff(c.SMTPServer) },
	},
	{
		name: "smtp_user", placeholder: "NAME",
		usage:   "user name at the mail server",
		allowed: "text",
		set:     func(c *Config, text string) error { c.SMTPUser = text; return nil },
		get:     func(c *Config) any { return c.SMTPUser },
	},
	{
		name: "smtp_password", placeholder: "TEXT", mask: maskAll,
		usage:   "password at the mail server",
		allowed: "text",
		set:     func(c *Config, text string) error { c.SMTPPassword = NewSecret(text); return nil },
		get:     func(c *Config) any { return c.SMTPPassword.String() },
	},
	{
		name: "smtp_tls", fallback: "starttls", placeholder: "WORD", form: formWords,
		usage:   "how the connection to the mail server is secured",
		allowed: "starttls, tls or off",
		set:     oneOf(func(c *Config) *SMTPTLS { return &c.SMTPTLS }, SMTPStartTLS, SMTPOverTLS, SMTPPlain),
		get:     func(c *Config) any { return string(c.SMTPTLS) },
	},
	{
		name: "mail_from", placeholder: "EMAIL",
		usage:   "address that our mail comes from",
		allowed: "an email address, with a name before it if wanted, such as Our corner <post@social.example>",
		set:     func(c *Config, text string) (err error) { c.MailFrom, err = parseSender(text); return err },
		get:     func(c *Config) any { return c.MailFrom },
	},
	{
		name: "require_email", fallback: "off", placeholder: "on|off", form: formSwitch,
		usage:   "let people act only once their email address is confirmed",
		allowed: "on or off",
		set:     onOff(func(c *Config) *bool { return &c.RequireEmail }),
		get:     func(c *Config) any { return c.RequireEmail },
	},
}
