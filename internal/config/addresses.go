package config

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// SMTPTLS says how the connection to the mail server is secured.
type SMTPTLS string

const (
	SMTPStartTLS SMTPTLS = "starttls" // begun in the clear and secured before anything is said (RFC 3207)
	SMTPOverTLS  SMTPTLS = "tls"      // secured from the first byte (RFC 8314)
	SMTPPlain    SMTPTLS = "off"      // in the clear, for a server on this machine
)

// hstsDirectives are what the header may hold after max-age (RFC 6797 6.1, and
// the list that browsers come with).
var hstsDirectives = []string{"includesubdomains", "preload"}

// parseHSTS returns the value of the header Strict-Transport-Security, "" for
// off. A bare number is that of the seconds.
func parseHSTS(text string) (string, error) {
	if strings.EqualFold(text, "off") || strings.EqualFold(text, "false") {
		return "", nil
	}
	if _, err := strconv.Atoi(text); err == nil {
		text = "max-age=" + text
	}
	parts := strings.Split(text, ";")
	for i, part := range parts {
		parts[i] = strings.TrimSpace(part)
	}
	name, seconds, _ := strings.Cut(parts[0], "=")
	n, err := strconv.ParseUint(strings.TrimSpace(seconds), 10, 31)
	if !strings.EqualFold(strings.TrimSpace(name), "max-age") || err != nil {
		return "", errors.New("a number of seconds is needed, or max-age with one")
	}
	parts[0] = "max-age=" + strconv.FormatUint(n, 10)
	for _, part := range parts[1:] {
		if !slices.Contains(hstsDirectives, strings.ToLower(part)) {
			return "", fmt.Errorf("there is no directive %q", shorten(part))
		}
	}
	return strings.Join(parts, "; "), nil
}

// parsePrefixes reads a list of networks; an address is a network of one.
func parsePrefixes(text string) ([]netip.Prefix, error) {
	if text == "" || strings.EqualFold(text, "off") {
		return nil, nil
	}
	var prefixes []netip.Prefix
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		prefix, err := netip.ParsePrefix(item)
		if address, addressErr := netip.ParseAddr(item); addressErr == nil && address.Zone() == "" {
			prefix, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network", shorten(item))
		}
		if prefix = prefix.Masked(); !slices.Contains(prefixes, prefix) {
			prefixes = append(prefixes, prefix)
		}
	}
	return prefixes, nil
}

func prefixTexts(prefixes []netip.Prefix) []string {
	texts := make([]string, len(prefixes))
	for i, p := range prefixes {
		texts[i] = p.String()
	}
	return texts
}

// parseServer reads host:port of a server elsewhere, "" for off.
func parseServer(text string) (string, error) {
	if strings.EqualFold(text, "off") {
		return "", nil
	}
	address, err := parseListen(text)
	if err != nil {
		return "", err
	}
	if host, port, _ := net.SplitHostPort(address); host == "" || port == "0" {
		return "", errors.New("a host and a port with a colon between them are needed")
	}
	return address, nil
}

// parseSender reads an email address that may have a name before it.
func parseSender(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if _, err := mail.ParseAddress(text); err != nil {
		return "", errors.New("this is no email address")
	}
	return text, nil
}

// parseHosts reads a list of host names, where wanted with a port.
func parseHosts(text string) ([]string, error) {
	if text == "" || strings.EqualFold(text, "off") {
		return nil, nil
	}
	var hosts []string
	for item := range strings.SplitSeq(text, ",") {
		item = strings.ToLower(strings.TrimSpace(item))
		name := item
		if host, port, err := net.SplitHostPort(item); err == nil {
			if _, err := parsePort(port); err != nil {
				return nil, fmt.Errorf("%q has no valid port", shorten(item))
			}
			name = host
		}
		if !hostNames.MatchString(name) && net.ParseIP(name) == nil {
			return nil, fmt.Errorf("%q is no host name", shorten(item))
		}
		if !slices.Contains(hosts, item) {
			hosts = append(hosts, item)
		}
	}
	return hosts, nil
}

// webAddresses are the schemes that a link on a page may have here.
var webAddresses = regexp.MustCompile(`^(https?://[^/]|mailto:.)`)

func parseWebAddress(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if _, err := url.Parse(text); err != nil || !webAddresses.MatchString(text) || strings.ContainsAny(text, " \"<>") {
		return "", errors.New("this is no address of a page")
	}
	return text, nil
}

func parseOptionalName(text string) (string, error) {
	text = strings.TrimSpace(text)
	if n := utf8.RuneCountInString(text); n > 100 {
		return "", fmt.Errorf("it has %d characters", n)
	}
	return text, nil
}
