package config

import (
	"regexp"
	"strings"

	"github.com/spf13/pflag"
)

// setting is a value before it is parsed.
type setting struct {
	text   string
	source Source
	reason error // what the layer found wrong with it, or nil
}

const (
	envPrefix = "MANIFOLD_"
	envFile   = envPrefix + "CONFIG"
	flagFile  = "config"
)

// flagValue holds the text of a flag. A type of its own lets --help show the
// placeholder of the key.
type flagValue struct {
	text        string
	placeholder string
}

func (v *flagValue) String() string     { return v.text }
func (v *flagValue) Set(s string) error { v.text = s; return nil }
func (v *flagValue) Type() string       { return v.placeholder }

// AddFlags adds the flag of every key and --config to flags. Values are checked
// by Load, so that a wrong flag reads like a wrong line of the file.
func AddFlags(flags *pflag.FlagSet) {
	flags.Var(&flagValue{placeholder: "FILE"}, flagFile, "file with settings, in TOML, or a pump.io.json")
	for _, k := range keys {
		f := flags.VarPF(&flagValue{text: k.fallback, placeholder: k.placeholder}, k.flag(), "", k.usage)
		f.NoOptDefVal = k.bare
	}
}

// flagLayer is what the flags say.
type flagLayer struct {
	file     *string // nil if --config was not given
	settings map[string]setting
}

func fromFlags(flags *pflag.FlagSet) flagLayer {
	layer := flagLayer{settings: map[string]setting{}}
	if flags == nil {
		return layer
	}
	if f := flags.Lookup(flagFile); f != nil && f.Changed {
		file := f.Value.String()
		layer.file = &file
	}
	for _, k := range keys {
		if f := flags.Lookup(k.flag()); f != nil && f.Changed {
			layer.settings[k.name] = setting{
				text:   f.Value.String(),
				source: Source{Kind: FromFlag, Name: "--" + f.Name},
			}
		}
	}
	return layer
}

// environmentLayer is what the environment says.
type environmentLayer struct {
	file     string
	settings map[string]setting
}

// fromEnvironment reads the variables with our prefix. The error joins an
// *UnknownKeyError for each that is not ours.
func fromEnvironment(environ []string) (environmentLayer, error) {
	names := make(map[string]string, len(keys))
	for _, k := range keys {
		names[k.env()] = k.name
	}
	layer := environmentLayer{settings: map[string]setting{}}
	var unknown []error
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) {
			continue
		}
		key, ours := names[name]
		switch {
		case name == envFile:
			layer.file = value
		case ours && value == "":
			delete(layer.settings, key)
		case ours:
			layer.settings[key] = setting{text: value, source: Source{Kind: FromEnvironment, Name: name}}
		case !foreign(name, value):
			unknown = append(unknown, &UnknownKeyError{
				Name: name, Source: Source{Kind: FromEnvironment, Name: name}, Nearest: nearestVariable(name),
			})
		}
	}
	return layer, join(unknown)
}

// serviceLinks are the variables that Kubernetes puts into every pod of a
// namespace with a service named "manifold".
var serviceLinks = regexp.MustCompile(`^MANIFOLD_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// foreign reports whether a variable has our prefix but is not meant for us.
func foreign(name, value string) bool {
	switch {
	case name == envPrefix+"VECTORS", name == envPrefix+"TOOLS", strings.HasPrefix(name, envPrefix+"TEST_"):
		return true // for the tests of this project
	case name == envPrefix+"PORT":
		// Written by a person this is a mistake for MANIFOLD_LISTEN; Kubernetes
		// writes a URL such as tcp://10.0.0.7:8080.
		return strings.Contains(value, "://")
	}
	return serviceLinks.MatchString(name)
}
