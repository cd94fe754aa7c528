package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// The original's defaults of what addresses are made of.
const (
	originalHost     = "127.0.0.1"
	originalPort     = 31337
	originalSMTPPort = 25
)

// compose makes those settings of ours that several of theirs say together, and
// those whose default was another one there.
func (o *original) compose() {
	o.composeAddresses()
	o.composeMail()
	if _, ok := o.given["enableUploads"]; !ok {
		o.set("uploads", setting{text: "off"}, "enableUploads")
	}
	if _, ok := o.given["disableRegistration"]; !ok {
		o.set("registration", setting{text: "open"}, "disableRegistration")
	}
	// Of nologger and logfile the first is the stronger.
	if none, err := o.isOn("nologger", false); none || err != nil {
		delete(o.layer.settings, "log_file")
		o.set("log_file", setting{text: devNull, reason: err}, "nologger")
	}
}

// composeAddresses makes url, listen, tls and redirect_listen. The original
// takes its public address for https when its public port is 443, and when it
// has a certificate itself.
func (o *original) composeAddresses() {
	host, hostErr := o.string("hostname", originalHost)
	port, portErr := o.port("port", originalPort)
	urlPort, urlPortErr := o.port("urlPort", port)
	prefix, prefixErr := o.string("urlPath", "")
	address, addressErr := o.string("address", host)
	_, hasKey := o.given["key"]
	_, hasCert := o.given["cert"]

	scheme := "http"
	if urlPort == 443 || hasKey || hasCert {
		scheme = "https"
	}
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix = "/" + prefix
	}
	authority := net.JoinHostPort(host, strconv.Itoa(urlPort))
	o.set("url", setting{text: scheme + "://" + authority + prefix, reason: errors.Join(hostErr, portErr, urlPortErr, prefixErr)},
		"hostname", "port", "urlPort", "urlPath")
	listen := net.JoinHostPort(address, strconv.Itoa(port))
	o.set("listen", setting{text: listen, reason: errors.Join(hostErr, addressErr, portErr)}, "address", "port", "hostname")

	for _, file := range []struct{ name, key string }{{"key", "tls_key"}, {"cert", "tls_cert"}} {
		if _, ok := o.given[file.name]; ok {
			path, err := o.string(file.name, "")
			o.set(file.key, setting{text: path, reason: err}, file.name)
			o.set("tls", setting{text: string(TLSFiles)}, "key", "cert")
		}
	}
	if bounce, err := o.isOn("bounce", false); bounce || err != nil {
		o.set("redirect_listen", setting{text: net.JoinHostPort(address, "80"), reason: errors.Join(err, addressErr)}, "bounce")
	}
}

func (o *original) composeMail() {
	if _, ok := o.given["smtpserver"]; !ok {
		return
	}
	host, hostErr := o.string("smtpserver", "")
	overTLS, overTLSErr := o.isOn("smtpusessl", false)
	startTLS, startTLSErr := o.isOn("smtpusetls", true)
	port, portErr := o.port("smtpport", originalSMTPPort)
	o.set("smtp_server", setting{text: net.JoinHostPort(host, strconv.Itoa(port)), reason: errors.Join(hostErr, portErr)}, "smtpserver", "smtpport")
	word := SMTPPlain
	switch {
	case overTLS:
		word = SMTPOverTLS
	case startTLS:
		word = SMTPStartTLS
	}
	o.set("smtp_tls", setting{text: string(word), reason: errors.Join(overTLSErr, startTLSErr)}, "smtpusessl", "smtpusetls")
}

// string returns a value that must be text.
func (o *original) string(name, otherwise string) (string, error) {
	g, ok := o.given[name]
	if !ok {
		return otherwise, nil
	}
	var text string
	if json.Unmarshal(g.raw, &text) != nil {
		return otherwise, fmt.Errorf("%s must be a string", name)
	}
	return text, nil
}

// port returns a value that must be the number of a port.
func (o *original) port(name string, otherwise int) (int, error) {
	g, ok := o.given[name]
	if !ok {
		return otherwise, nil
	}
	n, err := strconv.Atoi(strings.Trim(string(g.raw), `"`))
	if err != nil || n < 1 || n > 65535 {
		return otherwise, fmt.Errorf("%s must be a number from 1 to 65535", name)
	}
	return n, nil
}

// isOn returns a value that must be a boolean.
func (o *original) isOn(name string, otherwise bool) (bool, error) {
	g, ok := o.given[name]
	if !ok {
		return otherwise, nil
	}
	var on bool
	if json.Unmarshal(g.raw, &on) != nil {
		return otherwise, fmt.Errorf("%s must be true or false", name)
	}
	return on, nil
}

var errNotBoolean = errors.New("it must be true or false")

// scalarText writes a value as the text that a flag of ours would have.
func scalarText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case []any:
		texts := make([]string, len(v))
		for i, item := range v {
			text, ok := item.(string)
			if !ok {
				return "[...]", errors.New("the array must hold strings only")
			}
			texts[i] = text
		}
		return strings.Join(texts, ","), nil
	case nil:
		return "", errors.New("it is null")
	}
	return "{...}", errors.New("it is an object")
}

// oneOfTwo makes a switch of theirs a choice between two words of ours.
func oneOfTwo(on, off string) func(any) (string, error) {
	return func(value any) (string, error) {
		switch value {
		case true:
			return on, nil
		case false:
			return off, nil
		}
		text, _ := scalarText(value)
		return text, errNotBoolean
	}
}

// negated turns the switch that takes something away into the one that has it.
func negated(value any) (string, error) { return oneOfTwo("off", "on")(value) }

// halfYear is what true stands for: as long as most servers promise.
const halfYear = "15552000"

// hstsText reads a switch, a number of seconds, a header, or an object with
// maxAge in seconds, includeSubDomains and preload.
func hstsText(value any) (string, error) {
	switch v := value.(type) {
	case bool:
		return oneOfTwo(halfYear, "off")(v)
	case map[string]any:
		text := halfYear
		if age, ok := v["maxAge"]; ok {
			var err error
			if text, err = scalarText(age); err != nil {
				return text, err
			}
		}
		text = "max-age=" + text
		if v["includeSubDomains"] == true || v["includeSubdomains"] == true {
			text += "; includeSubDomains"
		}
		if v["preload"] == true {
			text += "; preload"
		}
		return text, nil
	}
	return scalarText(value)
}

// levels are the levels of the original's log, and their numbers there, in our
// words.
var levels = map[string]string{
	"trace": "debug", "debug": "debug", "info": "info", "warn": "warn", "error": "error", "fatal": "error",
	"10": "debug", "20": "debug", "30": "info", "40": "warn", "50": "error", "60": "error",
}

func levelText(value any) (string, error) {
	text, err := scalarText(value)
	if word, ok := levels[strings.ToLower(text)]; ok {
		return word, nil
	}
	return text, err
}
