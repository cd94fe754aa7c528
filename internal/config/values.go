package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/mail"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Registration says who may make an account.
type Registration string

const (
	RegistrationOpen   Registration = "open"   // everybody
	RegistrationInvite Registration = "invite" // whoever has an invitation
	RegistrationClosed Registration = "closed" // only the operator, for others
)

// TLS says where the certificate of the main listener comes from.
type TLS string

const (
	TLSOff   TLS = "off"   // plain HTTP; a proxy in front may speak TLS
	TLSACME  TLS = "acme"  // asked for at an authority, for ACMEDomains
	TLSFiles TLS = "files" // read from TLSCert and TLSKey
)

// LogFormat is the form of the log.
type LogFormat string

const (
	LogText LogFormat = "text" // key=value lines
	LogJSON LogFormat = "json" // one JSON object a line
)

// Bridge says when a person of one network is shown on another.
type Bridge string

const (
	BridgeThreads Bridge = "threads" // inside threads of local people
	BridgeOpen    Bridge = "open"    // also to whoever asks
	BridgeOff     Bridge = "off"     // never
)

// Network is the name of a network.
type Network string

const (
	Pump        Network = "pump"
	ActivityPub Network = "activitypub"
	OStatus     Network = "ostatus"
)

// allNetworks is the order that a Networks keeps.
var allNetworks = Networks{Pump, ActivityPub, OStatus}

// Networks is a set of networks: no duplicates, always in the order pump,
// activitypub, ostatus.
type Networks []Network

// Has reports whether the set holds n.
func (ns Networks) Has(n Network) bool { return slices.Contains(ns, n) }

// String returns the names with commas between them.
func (ns Networks) String() string { return strings.Join(ns.names(), ",") }

func (ns Networks) names() []string {
	names := make([]string, len(ns))
	for i, n := range ns {
		names[i] = string(n)
	}
	return names
}

func parseNetworks(text string) (Networks, error) {
	var given Networks
	for name := range strings.SplitSeq(text, ",") {
		n := Network(strings.ToLower(strings.TrimSpace(name)))
		switch {
		case n == "":
			return nil, errors.New("a name is missing")
		case !allNetworks.Has(n):
			return nil, fmt.Errorf("there is no network %q", shorten(string(n)))
		}
		given = append(given, n)
	}
	return slices.DeleteFunc(slices.Clone(allNetworks), func(n Network) bool { return !given.Has(n) }), nil
}

// defaultPorts are the ports that a URL does not write.
var defaultPorts = map[string]string{"http": "80", "https": "443"}

// hostNames holds what can stand in a URL that other servers compare byte by
// byte: letters of ASCII only, no dot at the end. Names in other scripts are
// written as xn--.
var hostNames = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$`)

var pathPrefixes = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*$`)

func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("this is no URL")
	}
	defaultPort, ok := defaultPorts[u.Scheme]
	switch {
	case !ok:
		return nil, errors.New("the scheme must be http or https")
	case u.User != nil:
		return nil, errors.New("a user name has no place in it")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("a query or fragment has no place in it")
	}
	host := strings.ToLower(u.Hostname())
	if !hostNames.MatchString(host) && net.ParseIP(host) == nil {
		return nil, errors.New("the host must be a name in ASCII (in other scripts: xn--...) or an IP address")
	}
	port := defaultPort
	if u.Port() != "" {
		n, err := parsePort(u.Port())
		if err != nil || n == 0 {
			return nil, errors.New("the port must be a number from 1 to 65535")
		}
		port = strconv.Itoa(int(n))
	}
	if port != defaultPort {
		host = net.JoinHostPort(host, port)
	} else if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	prefix := strings.TrimRight(u.EscapedPath(), "/")
	if !pathPrefixes.MatchString(prefix) || prefix != "" && path.Clean(prefix) != prefix {
		return nil, errors.New("the path prefix may hold letters, digits, and . _ ~ - only")
	}
	return &url.URL{Scheme: u.Scheme, Host: host, Path: prefix}, nil
}

// isLocal reports whether a host name always means this machine (RFC 6761 6.3).
func isLocal(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func parsePort(text string) (uint16, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	return uint16(n), err
}

func parseListen(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", errors.New("a host and a port with a colon between them are needed (an IPv6 address in brackets)")
	}
	n, err := parsePort(port)
	if err != nil {
		return "", errors.New("the port must be a number from 0 to 65535")
	}
	host = strings.ToLower(host)
	if host != "" && !hostNames.MatchString(host) && net.ParseIP(strings.SplitN(host, "%", 2)[0]) == nil {
		return "", errors.New("the host must be an IP address or a name of this machine")
	}
	return net.JoinHostPort(host, strconv.Itoa(int(n))), nil
}

func parseOptionalListen(text string) (string, error) {
	if strings.EqualFold(text, "off") {
		return "", nil
	}
	return parseListen(text)
}

func orOff(text string) string {
	if text == "" {
		return "off"
	}
	return text
}

func parseEmail(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	address, err := mail.ParseAddress(text)
	if err != nil || address.Address != text {
		return "", errors.New("this is no email address")
	}
	return text, nil
}

func parseName(text string) (string, error) {
	text = strings.TrimSpace(text)
	switch n := utf8.RuneCountInString(text); {
	case n == 0:
		return "", errors.New("it is empty")
	case n > 100:
		return "", fmt.Errorf("it has %d characters", n)
	}
	return text, nil
}

func parseLevel(text string) (slog.Level, error) {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if strings.EqualFold(text, level.String()) {
			return level, nil
		}
	}
	return 0, errors.New("there is no such level")
}

// units are the suffixes of sizes: powers of 1000 as SI has them, powers of 1024
// as IEC 80000-13 has them. The larger ones come first, for print.
var units = []struct {
	suffix string
	bytes  int64
}{
	{"TiB", 1 << 40}, {"TB", 1e12},
	{"GiB", 1 << 30}, {"GB", 1e9},
	{"MiB", 1 << 20}, {"MB", 1e6},
	{"KiB", 1 << 10}, {"KB", 1e3},
	{"B", 1},
}

// maxSize is the largest size that a setting may have. It leaves room for sums.
const maxSize = 1e12

func parseSize(text string, least int64) (int64, error) {
	digits := strings.TrimRightFunc(text, func(r rune) bool { return !unicode.IsDigit(r) })
	suffix := strings.TrimSpace(text[len(digits):])
	unit := int64(1)
	if suffix != "" {
		unit = 0
		for _, u := range units {
			if strings.EqualFold(suffix, u.suffix) {
				unit = u.bytes
			}
		}
	}
	if unit == 0 {
		return 0, errors.New("the unit must be one of B, KB, MB, GB, TB, KiB, MiB, GiB, TiB")
	}
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	switch {
	case err == nil && n < least:
		return 0, errors.New("it is too small")
	case errors.Is(err, strconv.ErrRange) || err == nil && n > math.MaxInt64/unit || n*unit > maxSize:
		return 0, errors.New("it is too large")
	case err != nil:
		return 0, errors.New("a whole number is needed")
	}
	return n * unit, nil
}

// formatSize writes a size with the largest unit that divides it.
func formatSize(n int64) string {
	for _, u := range units {
		if u.bytes > 1 && n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10)
}

// oneOf makes the parser of a field that is one of some words.
func oneOf[T ~string](field func(*Config) *T, words ...T) func(*Config, string) error {
	return func(c *Config, text string) error {
		for _, word := range words {
			if strings.EqualFold(text, string(word)) {
				*field(c) = word
				return nil
			}
		}
		return errors.New("there is no such choice")
	}
}

// onOff makes the parser of a switch.
func onOff(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, text string) error {
		switch strings.ToLower(text) {
		case "on", "true", "1":
			*field(c) = true
		case "off", "false", "0":
			*field(c) = false
		default:
			return errors.New("there is no such choice")
		}
		return nil
	}
}

// required makes the parser of a text that may not be empty.
func required(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, text string) error {
		if text == "" {
			return errors.New("it is empty")
		}
		*field(c) = text
		return nil
	}
}

// plain refuses what no setting holds: a line break or another control character
// is a mistake of quoting, and would be printed into terminals and logs.
func plain(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("it is not UTF-8")
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return errors.New("it holds a line break or another control character")
	}
	return nil
}

// shorten cuts a value for an error.
func shorten(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}
