package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// Limits of a configuration file. The parser has none of its own and needs more
// than a minute for 64 KB of a.a.a.a, so depth is bounded before it runs: each
// level takes a dot or an opening bracket. Comments may hold any number of both;
// strings of several lines are refused, because in one a line that looks like a
// comment is none.
const (
	maxFileBytes = 64 << 10
	maxLineBytes = 1 << 10
	maxLineDots  = 32
	maxBrackets  = 16
)

// fileLayer is what the file says.
type fileLayer struct {
	settings map[string]setting
	presets  Presets
	warnings []string
	original bool // the file is one of the original pump.io
}

// fromFile reads the settings in a file. The error is a *FileError, a
// *SyntaxError, or joins an *UnknownKeyError or *ValueError for each key that is
// wrong.
func fromFile(path string) (fileLayer, error) {
	f, err := os.Open(path)
	if err != nil {
		return fileLayer{}, &FileError{Path: path, Err: withoutPath(err)}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxOriginalBytes+1))
	if err != nil {
		return fileLayer{}, &FileError{Path: path, Err: withoutPath(err)}
	}
	if isOriginal(path, data) {
		return parseOriginal(path, data)
	}
	settings, err := parseFile(path, data)
	return fileLayer{settings: settings}, err
}

// withoutPath drops the path that errors of package os carry, because FileError
// has it already.
func withoutPath(err error) error {
	if p := (*os.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// parseFile reads the settings in data; path is for messages.
func parseFile(path string, data []byte) (map[string]setting, error) {
	if err := withinLimits(data); err != nil {
		return nil, &FileError{Path: path, Err: err}
	}
	var document map[string]toml.Primitive
	meta, err := toml.NewDecoder(bytes.NewReader(data)).Decode(&document)
	if err != nil {
		return nil, syntaxError(path, err)
	}
	settings := make(map[string]setting, len(document))
	var unknown []*UnknownKeyError
	for name, value := range document {
		source := Source{Kind: FromFile, Name: path, Line: lineOf(&meta, value)}
		k, ok := lookup(name)
		if !ok {
			unknown = append(unknown, &UnknownKeyError{Name: name, Source: source, Nearest: nearestKey(name)})
			continue
		}
		var v any
		if err := meta.PrimitiveDecode(value, &v); err != nil {
			return nil, syntaxError(path, err)
		}
		text, reason := k.form.text(v)
		settings[name] = setting{text: text, source: source, reason: reason}
	}
	slices.SortFunc(unknown, func(a, b *UnknownKeyError) int { return a.Source.Line - b.Source.Line })
	return settings, join(unknown)
}

func withinLimits(data []byte) error {
	if len(data) > maxFileBytes {
		return fmt.Errorf("the file is larger than %d KB", maxFileBytes>>10)
	}
	line, brackets := 0, 0
	for text := range bytes.Lines(data) {
		line++
		if bytes.HasPrefix(bytes.TrimSpace(text), []byte("#")) {
			continue
		}
		brackets += bytes.Count(text, []byte("[")) + bytes.Count(text, []byte("{"))
		switch {
		case len(text) > maxLineBytes:
			return fmt.Errorf("line %d is longer than %d bytes", line, maxLineBytes)
		case bytes.Count(text, []byte(".")) > maxLineDots:
			return fmt.Errorf("line %d holds more than %d dots", line, maxLineDots)
		case bytes.Contains(text, []byte(`"""`)) || bytes.Contains(text, []byte("'''")):
			return fmt.Errorf("line %d holds a string in triple quotes; write it on one line, in one pair of quotes", line)
		case brackets > maxBrackets:
			return fmt.Errorf("line %d holds opening bracket number %d; there may be %d", line, brackets, maxBrackets)
		}
	}
	return nil
}

// syntaxError drops the excerpt that the parser's message carries where it could
// be part of a password: after database = hunter2 it reads: found "hunter2".
func syntaxError(path string, err error) error {
	var parse toml.ParseError
	if !errors.As(err, &parse) {
		return &SyntaxError{Path: path, Reason: strings.TrimPrefix(err.Error(), "toml: ")}
	}
	reason := parse.Message
	if k, ok := lookup(parse.LastKey); ok && k.mask != nil {
		reason = "the value of " + k.name + " is not valid TOML; text must stand in quotes"
	}
	return &SyntaxError{Path: path, Line: parse.Position.Line, Reason: reason}
}

// probe makes the parser report the position of a value, which it otherwise
// tells in errors only.
type probe struct{}

var errProbe = errors.New("position wanted")

func (*probe) UnmarshalTOML(any) error { return errProbe }

// lineOf returns the line of the key of a value. The table a in a.b = 1 has no
// line of its own; it has that of its first member.
func lineOf(meta *toml.MetaData, value toml.Primitive) int {
	var parse toml.ParseError
	if err := meta.PrimitiveDecode(value, &probe{}); errors.As(err, &parse) && parse.Position.Line > 0 {
		return parse.Position.Line
	}
	var members map[string]toml.Primitive
	if meta.PrimitiveDecode(value, &members) != nil {
		return 0
	}
	first := math.MaxInt
	for _, member := range members {
		first = min(first, lineOf(meta, member))
	}
	return first
}

// text writes a TOML value as the text that a flag would have. The error says
// that a value of this type has no place here.
func (f form) text(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		text := strconv.FormatBool(v)
		switch {
		case f == formSwitch:
			return text, nil
		case (f == formWords || f == formSeconds || f == formList) && !v:
			return "off", nil
		}
		return text, errors.New("it is a boolean; text must stand in quotes")
	case int64:
		text := strconv.FormatInt(v, 10)
		if f == formSize || f == formSeconds {
			return text, nil
		}
		return text, errors.New("it is a number; text must stand in quotes")
	case []any:
		if f != formList {
			return "[...]", errors.New("it is an array")
		}
		names := make([]string, len(v))
		for i, item := range v {
			name, ok := item.(string)
			if !ok {
				return "[...]", errors.New("the array must hold strings only")
			}
			names[i] = name
		}
		return strings.Join(names, ","), nil
	case map[string]any, []map[string]any:
		return "{...}", errors.New("it is a table")
	}
	return fmt.Sprint(value), errors.New("a value of this type has no place here; text must stand in quotes")
}
