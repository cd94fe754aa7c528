package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// The original pump.io is configured by one JSON object, usually
// /etc/pump.io.json. So that its administrator can start this program in its
// place, such a file is taken as it is: each of its keys is translated to ours,
// or is told to have no effect, and our own keys may stand in it beside its own.
// What the file leaves out has the default that the original had wherever people
// or clients would notice another one.

// Limits of such a file. It may preset many accounts, so it is larger than ours.
const (
	maxOriginalBytes = 1 << 20
	maxOriginalDepth = 32
)

// originalKey is a key of the original's file.
type originalKey struct {
	name string
	// key is ours for the same, "" where several of theirs make one of ours, or
	// where there is none.
	key string
	// text turns the value into the text of ours; nil is for values that are
	// written alike.
	text func(value any) (string, error)
	// idle says why the key has no effect here.
	idle string
}

var originalKeys = []originalKey{
	// What these mean together, addresses and compose in compose.go tell.
	{name: "hostname"}, {name: "address"}, {name: "port"}, {name: "urlPort"}, {name: "urlPath"}, {name: "key"}, {name: "cert"},
	{name: "bounce"}, {name: "nologger"}, {name: "smtpserver"}, {name: "smtpport"}, {name: "smtpusetls"}, {name: "smtpusessl"},
	{name: "clients"}, {name: "users"},

	{name: "site", key: "site_name"},
	{name: "owner", key: "site_owner"},
	{name: "ownerURL", key: "site_owner_url"},
	{name: "noweb", key: "web", text: negated},
	{name: "datadir", key: "data_dir"},
	{name: "enableUploads", key: "uploads"},
	{name: "disableRegistration", key: "registration", text: oneOfTwo("closed", "open")},
	{name: "requireEmail", key: "require_email"},
	{name: "hsts", key: "hsts", text: hstsText},
	{name: "compress", key: "compress"},
	{name: "sockjs", key: "realtime"},
	{name: "favicon", key: "favicon"},
	{name: "proxyWhitelist", key: "proxy_whitelist"},
	{name: "redirectToCanonical", key: "canonical_redirect"},
	{name: "logfile", key: "log_file"},
	{name: "logLevel", key: "log_level", text: levelText},
	{name: "smtpuser", key: "smtp_user"},
	{name: "smtppass", key: "smtp_password"},
	{name: "smtpfrom", key: "mail_from"},

	{name: "driver", idle: "the store is another one, which the key database names (without it, manifold.db in datadir)"},
	{name: "params", idle: "they belong to driver; here the key database names the store"},
	{name: "secret", idle: "the program makes the keys that it needs"},
	{name: "serverUser", idle: "start the program as that user, for example with User= in its systemd unit"},
	{name: "mainImage", idle: "the first page has no picture"},
	{name: "appendFooter", idle: "pages end as they are"},
	{name: "debugClient", idle: "there is no client in the pages to debug"},
	{name: "noCDN", idle: "nothing is ever loaded from elsewhere"},
	{name: "firehose", idle: "public posts are sent to no other service"},
	{name: "spamhost", idle: "posts are sent to no other service to be judged"},
	{name: "spamclientid", idle: "posts are sent to no other service to be judged"},
	{name: "spamclientsecret", idle: "posts are sent to no other service to be judged"},
	{name: "children", idle: "one process uses all CPUs"},
	{name: "plugins", idle: "there are no plugins"},
	{name: "scripts", idle: "pages run no scripts"},
	{name: "redirectAddressToCanonical", idle: "requests to the bound address itself are always answered"},
	{name: "cleanupSession", idle: "old sessions are always removed"},
	{name: "cleanupNonce", idle: "old nonces are always removed"},
	{name: "controlSocket", idle: "signals do it: SIGTERM ends the program, SIGHUP has it reopen log_file"},
	{name: "smtptimeout", idle: "mail is sent by jobs, which have a time limit and are repeated"},
}

func originalNames() []string {
	names := make([]string, len(originalKeys))
	for i, k := range originalKeys {
		names[i] = k.name
	}
	return names
}

// isOriginal reports whether a file is one of the original's: TOML cannot begin
// with a brace.
func isOriginal(path string, data []byte) bool {
	return strings.HasSuffix(strings.ToLower(path), ".json") || bytes.HasPrefix(bytes.TrimSpace(data), []byte("{"))
}

// original is such a file while it is read.
type original struct {
	path   string
	layer  fileLayer
	given  map[string]given // by their name; without those that are null
	wrongs []error
}

// given is a value as it stands in the file.
type given struct {
	raw  json.RawMessage
	line int
}

// parseOriginal reads the settings in data; path is for messages.
func parseOriginal(path string, data []byte) (fileLayer, error) {
	o := &original{path: path, given: map[string]given{}, layer: fileLayer{settings: map[string]setting{}, original: true}}
	if err := o.read(bytes.TrimPrefix(data, []byte("\ufeff"))); err != nil {
		return o.layer, err
	}
	for _, k := range originalKeys {
		g, ok := o.given[k.name]
		switch {
		case !ok:
		case k.idle != "":
			o.layer.warnings = append(o.layer.warnings, fmt.Sprintf("%s:%d: %s has no effect: %s", path, g.line, k.name, k.idle))
		case k.key != "":
			o.set(k.key, o.text(k, g), k.name)
		}
	}
	o.compose()
	o.readPresets()
	return o.layer, errors.Join(o.wrongs...)
}

// read takes the members of the object apart. The error is a *FileError or a
// *SyntaxError; keys that do not exist are put with the other mistakes.
func (o *original) read(data []byte) error {
	if len(data) > maxOriginalBytes {
		return &FileError{Path: o.path, Err: fmt.Errorf("the file is larger than %d KB", maxOriginalBytes>>10)}
	}
	if line := tooDeep(data); line > 0 {
		return &FileError{Path: o.path, Err: fmt.Errorf("line %d is deeper than %d levels", line, maxOriginalDepth)}
	}
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		line := 1 + bytes.Count(data, []byte("\n"))
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			line = lineAt(data, e.Offset)
		}
		return &SyntaxError{Path: o.path, Line: line, Reason: "this is not JSON: " + err.Error()}
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return &SyntaxError{Path: o.path, Line: 1, Reason: "an object is expected"}
	}
	line, counted := 1, int64(0)
	for d.More() {
		// Neither call fails: the document is known to be JSON.
		t, _ := d.Token()
		name, _ := t.(string)
		line += bytes.Count(data[counted:d.InputOffset()], []byte("\n"))
		counted = d.InputOffset()
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return &SyntaxError{Path: o.path, Line: line, Reason: err.Error()}
		}
		if _, twice := o.given[name]; twice {
			return &SyntaxError{Path: o.path, Line: line, Reason: fmt.Sprintf("the key %q stands here a second time", shorten(name))}
		}
		o.member(name, given{value, line})
	}
	return nil
}

// member takes one key of the file.
func (o *original) member(name string, g given) {
	theirs := slices.ContainsFunc(originalKeys, func(k originalKey) bool { return k.name == name })
	ours, isOurs := lookup(name)
	switch {
	case theirs && string(g.raw) != "null":
		o.given[name] = g
	case theirs: // as if it were not there
	case isOurs:
		s := o.text(originalKey{}, g)
		s.source = Source{Kind: FromFile, Name: o.path, Line: g.line}
		o.layer.settings[ours.name] = s
	default:
		o.wrongs = append(o.wrongs, &UnknownKeyError{
			Name: name, Source: Source{Kind: FromFile, Name: o.path, Line: g.line}, Nearest: nearestOriginal(name), Known: originalNames(),
		})
	}
}

func nearestOriginal(name string) string {
	if name == "uploaddir" {
		return "datadir, with enableUploads" // an error since pump.io 3.0, too
	}
	names := originalNames()
	for i, n := range names {
		names[i] = strings.ToLower(n)
	}
	if i := slices.Index(names, nearest(strings.ToLower(name), names)); i >= 0 {
		return originalKeys[i].name
	}
	return ""
}

// text turns a value into that of our key.
func (o *original) text(k originalKey, g given) setting {
	var value any
	if err := json.Unmarshal(g.raw, &value); err != nil {
		return setting{reason: err}
	}
	if k.text == nil {
		k.text = scalarText
	}
	text, reason := k.text(value)
	return setting{text: text, reason: reason}
}

// set gives our key a value that follows from theirs, unless it stands in the
// file itself. Those of from that are not in the file count with their default.
func (o *original) set(key string, s setting, from ...string) {
	if _, ok := o.layer.settings[key]; ok {
		return
	}
	s.source = Source{Kind: FromFile, Name: o.path}
	var named []string
	for _, name := range from {
		if g, ok := o.given[name]; ok {
			named = append(named, name)
			if s.source.Line == 0 || g.line < s.source.Line {
				s.source.Line = g.line
			}
		}
	}
	s.source.As = strings.Join(named, ", ")
	if len(named) == 0 {
		s.source.As = "without " + strings.Join(from, ", ")
	}
	o.layer.settings[key] = s
}

// tooDeep returns the line at which brackets are nested too deep, or 0.
func tooDeep(data []byte) int {
	depth, line, quoted := 0, 1, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '\n':
			line++
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxOriginalDepth {
				return line
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return 0
}

func lineAt(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:max(0, min(offset-1, int64(len(data))))], []byte("\n"))
}

// originalVariables warns of variables of the original. They are not read: which
// key each means depends on how the original took its name apart.
func originalVariables(environ []string) []string {
	var warnings []string
	for _, entry := range environ {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "PUMPIO_") && value != "" {
			warnings = append(warnings, fmt.Sprintf("environment: %s has no effect: put it into the file, or use the variable %s... of this program", name, envPrefix))
		}
	}
	slices.Sort(warnings)
	return warnings
}

// devNull is where the log goes when nobody wants it.
const devNull = os.DevNull
