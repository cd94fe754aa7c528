// Package config reads the settings of the program.
//
// A setting has one name, its key, and can be given in three places. The key
// log_level is the flag --log-level, the environment variable
// MANIFOLD_LOG_LEVEL, and the line log_level = "debug" of a TOML file. The file
// is named by --config or by MANIFOLD_CONFIG; without either none is read.
//
// Load takes these steps:
//
//  1. Take the default of every key.
//  2. Lay the file over it, then the environment, then the flags, so that what
//     is written closest to the command wins.
//  3. Parse each value that won. The result is typed: a *url.URL, a number of
//     bytes, one of a few words.
//  4. Fill in the settings that follow from others: the database from data_dir,
//     the url from listen.
//  5. Refuse combinations that cannot work.
//
// Nothing is guessed in silence. A key that does not exist is an error wherever
// it is found, because a misspelt setting that is ignored is a setting that the
// operator believes in.
//
// The package knows the words that settings are made of, but not what they do.
package config

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"

	"github.com/spf13/pflag"
)

// Config is the settings in force. Every field with a key tag is one key of the
// table in keys.go; docs/configuration.md explains each.
type Config struct {
	// URL is where the world finds this server: scheme http or https, host in
	// lower case, no default port, no trailing slash, no query. Path is a prefix
	// such as "/social", or empty.
	URL *url.URL `key:"url"`
	// Listen is host:port as net.Listen takes it. An empty host is every address
	// of the machine; port 0 lets the system choose, see Config.Bound.
	Listen       string       `key:"listen"`
	Database     Database     `key:"database"`
	DataDir      string       `key:"data_dir"`
	Registration Registration `key:"registration"`
	Networks     Networks     `key:"networks"`
	Web          bool         `key:"web"`
	TLS          TLS          `key:"tls"`
	TLSCert      string       `key:"tls_cert"` // path of a PEM file, used with TLSFiles
	TLSKey       string       `key:"tls_key"`  // path of a PEM file, used with TLSFiles
	ACMEEmail    string       `key:"acme_email"`

	RedirectListen    string         `key:"redirect_listen"` // host:port, or empty for off
	HSTS              string         `key:"hsts"`            // the value of the header, or empty for none
	CanonicalRedirect bool           `key:"canonical_redirect"`
	TrustedProxies    []netip.Prefix `key:"trusted_proxies"`
	Compress          bool           `key:"compress"`

	AllowPrivateAddresses bool `key:"allow_private_addresses"`

	LogLevel      slog.Level `key:"log_level"`
	LogFormat     LogFormat  `key:"log_format"`
	LogFile       string     `key:"log_file"`       // path, or empty for standard error
	MetricsListen string     `key:"metrics_listen"` // host:port, or empty for off
	RateLimits    bool       `key:"rate_limits"`
	Bridge        Bridge     `key:"bridge"`

	AuthorizedFetch bool `key:"authorized_fetch"`

	SiteName     string `key:"site_name"`
	SiteOwner    string `key:"site_owner"`
	SiteOwnerURL string `key:"site_owner_url"` // http, https or mailto; empty for none
	Favicon      string `key:"favicon"`        // path, or empty for ours
	Realtime     bool   `key:"realtime"`

	Uploads     bool  `key:"uploads"`
	MaxUpload   int64 `key:"max_upload"`   // bytes, at least 1
	UploadQuota int64 `key:"upload_quota"` // bytes an account, 0 for no limit
	CacheSize   int64 `key:"cache_size"`   // bytes, 0 for no cache
	// ProxyWhitelist are the hosts that pictures are fetched from for clients,
	// in lower case; empty for all.
	ProxyWhitelist []string `key:"proxy_whitelist"`
	ProxyCacheSize int64    `key:"proxy_cache_size"` // bytes, 0 for none

	SMTPServer   string  `key:"smtp_server"` // host:port, or empty for no mail
	SMTPUser     string  `key:"smtp_user"`
	SMTPPassword Secret  `key:"smtp_password"`
	SMTPTLS      SMTPTLS `key:"smtp_tls"`
	MailFrom     string  `key:"mail_from"` // RFC 5322 mailbox; never empty when SMTPServer is not
	RequireEmail bool    `key:"require_email"`

	// Presets are programs and people that the file wants to exist, see
	// [Presets]. Only the configuration file of the original pump.io has them.
	Presets Presets
	// Warnings say what of the file has no effect here, one sentence each.
	Warnings []string
	// File is the path of the configuration file that was read, or empty.
	File string
	// Sources tells for every key where its value came from.
	Sources map[string]Source
}

// Load reads the settings from flags, from environ in the form of os.Environ,
// and from the file that one of them names: one in TOML with our keys, or the
// configuration file of the original pump.io, see original.go.
//
// flags must have been prepared by AddFlags and parsed; nil stands for no flags.
// An empty environment variable counts as not set, so that a compose file may
// pass variables through. The error joins everything that is wrong, not only
// the first: FileError, SyntaxError, UnknownKeyError, ValueError and
// CombinationError, each to be found with errors.As.
func Load(flags *pflag.FlagSet, environ []string) (*Config, error) {
	env, envErr := fromEnvironment(environ)
	given := fromFlags(flags)

	file := env.file
	if given.file != nil {
		file = *given.file
	}
	var inFile fileLayer
	var fileErr error
	if file != "" {
		inFile, fileErr = fromFile(file)
	}
	if inFile.original {
		inFile.warnings = append(inFile.warnings, originalVariables(environ)...)
	}

	c := &Config{File: file, Presets: inFile.presets, Warnings: inFile.warnings, Sources: make(map[string]Source, len(keys))}
	var wrong []error
	for _, k := range keys {
		s := setting{text: k.fallback, source: Source{Kind: FromDefault}}
		for _, layer := range []map[string]setting{inFile.settings, env.settings, given.settings} {
			if over, ok := layer[k.name]; ok {
				s = over
			}
		}
		c.Sources[k.name] = s.source
		if err := k.apply(c, s); err != nil {
			wrong = append(wrong, err)
		}
	}
	// Only settings that are right by themselves can be judged together.
	if len(wrong) == 0 {
		c.derive()
		wrong = c.combinations()
	}
	if err := errors.Join(append([]error{fileErr, envErr}, wrong...)...); err != nil {
		return nil, err
	}
	return c, nil
}

// derive fills in what follows from other settings.
func (c *Config) derive() {
	if c.Sources["database"].Kind == FromDefault && c.Sources["data_dir"].Kind != FromDefault {
		c.Database = Database{dsn: filepath.Join(c.DataDir, filepath.Base(c.Database.dsn))}
		c.Sources["database"] = Source{Kind: Derived, Name: "data_dir"}
	}
	c.deriveURL()
	if c.SMTPServer != "" && c.MailFrom == "" {
		c.MailFrom = "no-reply@" + c.URL.Hostname()
		c.Sources["mail_from"] = Source{Kind: Derived, Name: "url"}
	}
}

func (c *Config) deriveURL() {
	if c.Sources["url"].Kind != FromDefault {
		return
	}
	if c.TLS != TLSOff {
		c.URL.Scheme = "https"
		c.Sources["url"] = Source{Kind: Derived, Name: "tls"}
	}
	_, port, _ := net.SplitHostPort(c.Listen)
	if port != c.URL.Port() {
		c.Sources["url"] = Source{Kind: Derived, Name: "listen"}
	}
	c.setLocalPort(port)
}

// setLocalPort points a URL that nobody gave at a port of this machine.
func (c *Config) setLocalPort(port string) {
	u := *c.URL
	u.Host = "localhost"
	if port != defaultPorts[u.Scheme] {
		u.Host = net.JoinHostPort(u.Host, port)
	}
	c.URL = &u
}

// Bound tells the settings which address the main listener was given. With
// listen on port 0 and no url the port of URL is 0 until then; afterwards it is
// the real one. A url that somebody gave stays as it is.
func (c *Config) Bound(address net.Addr) {
	tcp, ok := address.(*net.TCPAddr)
	if !ok || c.explicit("url") {
		return
	}
	c.setLocalPort(strconv.Itoa(tcp.Port))
}

// ACMEDomains returns the names that certificates are asked for: the host of the
// URL.
func (c *Config) ACMEDomains() []string { return []string{c.URL.Hostname()} }

// explicit reports whether somebody gave the key.
func (c *Config) explicit(key string) bool {
	kind := c.Sources[key].Kind
	return kind != FromDefault && kind != Derived
}

// combinations returns what cannot work together although each part is right.
func (c *Config) combinations() []error {
	var wrong []error
	refuse := func(reason string, keys ...string) {
		wrong = append(wrong, &CombinationError{Keys: keys, Reason: reason})
	}
	_, port, _ := net.SplitHostPort(c.Listen)
	if port == "0" && c.explicit("url") {
		refuse("port 0 lets the system choose a port, which a given url cannot know; "+
			"give listen a port, or leave url out", "listen", "url")
	}
	if c.MetricsListen != "" && c.MetricsListen == c.Listen && port != "0" {
		refuse("both want "+c.Listen+"; give metrics_listen a port of its own", "metrics_listen", "listen")
	}
	if c.RedirectListen != "" && (c.RedirectListen == c.Listen || c.RedirectListen == c.MetricsListen) {
		refuse("both want "+c.RedirectListen+"; give redirect_listen a port of its own, usually 80", "redirect_listen", "listen")
	}
	if c.URL.Scheme != "https" {
		if c.RedirectListen != "" {
			refuse("it redirects to https, which the url has not; give url the scheme https", "redirect_listen", "url")
		}
		if c.HSTS != "" {
			refuse("browsers heed it over https only; give url the scheme https", "hsts", "url") // RFC 6797 8.1
		}
	}
	if c.RequireEmail && c.SMTPServer == "" {
		refuse("nobody could confirm an address without mail; set smtp_server", "require_email", "smtp_server")
	}
	switch c.TLS {
	case TLSFiles:
		if c.TLSCert == "" || c.TLSKey == "" {
			refuse("tls = files needs tls_cert and tls_key, the PEM files of the certificate and of its key",
				"tls", "tls_cert", "tls_key")
		}
		if c.URL.Scheme != "https" {
			refuse("tls = files answers https only; give url the scheme https", "tls", "url")
		}
	case TLSACME:
		// An authority certifies public names only, and nobody has told us one
		// when the url is a derived one.
		if host := c.URL.Hostname(); c.URL.Scheme != "https" || isLocal(host) || net.ParseIP(host) != nil {
			refuse("tls = acme needs a url with the scheme https and a public host name, "+
				"such as https://social.example", "tls", "url")
		}
	}
	return wrong
}
