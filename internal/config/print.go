package config

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Print writes the settings in force and where each came from, passwords masked.
//
// The text is TOML with the source as a comment, one line a key. The JSON is an
// object with a member for each key: {"value": ..., "source": "flag", "name":
// "--listen", "line": 0}; value is a string, a boolean, a number of bytes, or an
// array of strings; name, line and as are as in Source and left out where empty.
func (c *Config) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		return c.printJSON(w)
	}
	return c.printText(w)
}

func (c *Config) printJSON(w io.Writer) error {
	type entry struct {
		Value  any        `json:"value"`
		Source SourceKind `json:"source"`
		Name   string     `json:"name,omitempty"`
		Line   int        `json:"line,omitempty"`
		As     string     `json:"as,omitempty"`
	}
	entries := make(map[string]entry, len(keys))
	for _, k := range keys {
		s := c.Sources[k.name]
		entries[k.name] = entry{Value: k.get(c), Source: s.Kind, Name: s.Name, Line: s.Line, As: s.As}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(entries); err != nil {
		return fmt.Errorf("printing the settings: %w", err)
	}
	return nil
}

func (c *Config) printText(w io.Writer) error {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, k := range keys {
		fmt.Fprintf(columns, "%s = %s\t# %s\n", k.name, k.literal(c), c.Sources[k.name])
	}
	if err := columns.Flush(); err != nil {
		return fmt.Errorf("printing the settings: %w", err)
	}
	return nil
}

// literal returns the value of the key in TOML. Values hold no control
// characters (plain sees to that), and without them the quoting of Go is that of
// TOML.
func (k key) literal(c *Config) string {
	switch v := k.get(c).(type) {
	case bool:
		if k.fallback == "on" || k.fallback == "off" {
			return strconv.Quote(map[bool]string{true: "on", false: "off"}[v])
		}
		return strconv.FormatBool(v)
	case int64:
		return strconv.Quote(formatSize(v))
	case []string:
		quoted := make([]string, len(v))
		for i, item := range v {
			quoted[i] = strconv.Quote(item)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case string:
		return strconv.Quote(v)
	default:
		return fmt.Sprint(v)
	}
}
