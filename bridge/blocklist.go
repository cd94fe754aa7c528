package bridge

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"manifold/models"
)

// The columns of a list of domain blocks as Mastodon exports it. Older versions, and
// lists that are made by hand, have fewer, or only the names.
var blockListColumns = []string{"#domain", "#severity", "#reject_media", "#reject_reports", "#public_comment", "#obfuscate"}

// Limits on lists of domain blocks.
const (
	maxBlockList        = 16 << 20 // bytes
	maxBlockListEntries = 100_000
	maxComment          = 2000 // characters
)

// ReadBlockList reads a list of domain blocks as Mastodon exports it, CSV with or
// without a line of headings. An error tells the line.
func ReadBlockList(r io.Reader) ([]models.HostPolicy, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxBlockList+1))
	if err != nil {
		return nil, fmt.Errorf("reading the list: %w", err)
	}
	if len(data) > maxBlockList {
		return nil, invalid("The list has more than %d MiB.", maxBlockList>>20)
	}
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	in.FieldsPerRecord, in.TrimLeadingSpace, in.ReuseRecord = -1, true, true
	columns := blockListColumns
	var list []models.HostPolicy
	seen := map[string]bool{}
	for first := true; ; first = false {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, invalid("The list is no CSV: %v.", err)
		}
		line, _ := in.FieldPos(0)
		if first && isHeading(record) {
			columns = headings(record)
			continue
		}
		p, err := blockListEntry(columns, record)
		if err != nil {
			return nil, invalid("Line %d: %v", line, err)
		}
		if seen[p.Domain] {
			return nil, invalid("Line %d: %s stands in the list twice.", line, p.Domain)
		}
		seen[p.Domain] = true
		if list = append(list, p); len(list) > maxBlockListEntries {
			return nil, invalid("The list has more than %d servers.", maxBlockListEntries)
		}
	}
}

func isHeading(record []string) bool {
	return strings.HasPrefix(record[0], "#") || slices.Contains(headings(record), blockListColumns[0])
}

func headings(record []string) []string {
	names := make([]string, len(record))
	for i, name := range record {
		names[i] = "#" + strings.TrimPrefix(strings.ToLower(strings.TrimSpace(name)), "#")
	}
	return names
}

func blockListEntry(columns, record []string) (models.HostPolicy, error) {
	p := models.HostPolicy{Severity: models.SeverityBlock}
	for i, value := range record {
		if i >= len(columns) {
			break
		}
		value = strings.TrimSpace(value)
		var err error
		switch columns[i] {
		case "#domain":
			p.Domain, err = Domain(value)
		case "#severity":
			p.Severity, err = severityNamed(value)
		case "#reject_media":
			p.RejectMedia, err = yes(value)
		case "#reject_reports":
			p.RejectReports, err = yes(value)
		case "#obfuscate":
			p.Obfuscate, err = yes(value)
		case "#public_comment":
			p.PublicComment, err = comment(value)
		case "#private_comment":
			p.PrivateComment, err = comment(value)
		}
		if err != nil {
			return p, err
		}
	}
	if p.Domain == "" {
		return p, errors.New("there is no domain")
	}
	return p, nil
}

func comment(s string) (string, error) {
	if len([]rune(s)) > maxComment || strings.ContainsRune(s, 0) {
		return "", fmt.Errorf("a comment may have %d characters, and no NUL", maxComment)
	}
	return strings.ToValidUTF8(s, ""), nil
}

func yes(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "":
		return false, nil
	case "yes", "y":
		return true, nil
	case "no", "n":
		return false, nil
	}
	b, err := strconv.ParseBool(strings.ToLower(value))
	if err != nil {
		return false, fmt.Errorf("%q is neither true nor false", value)
	}
	return b, nil
}

// severityNamed reads the words of Mastodon, and ours. A list without them blocks.
func severityNamed(word string) (models.Severity, error) {
	switch strings.ToLower(word) {
	case "suspend", "block", "":
		return models.SeverityBlock, nil
	case "silence", "limit":
		return models.SeverityLimit, nil
	case "noop", "none":
		return models.SeverityNone, nil
	}
	return 0, fmt.Errorf("%q is no severity: it may be suspend, silence or noop", word)
}

// severityWord is the word of Mastodon for a severity.
func severityWord(s models.Severity) string {
	switch s {
	case models.SeverityBlock:
		return "suspend"
	case models.SeverityLimit:
		return "silence"
	}
	return "noop"
}

// WriteBlockList writes policies so that Mastodon can import them. What only the
// admins here are to know is left out.
func WriteBlockList(w io.Writer, list []models.HostPolicy) error {
	out := csv.NewWriter(w)
	records := [][]string{blockListColumns}
	for _, p := range list {
		records = append(records, []string{p.Domain, severityWord(p.Severity), strconv.FormatBool(p.RejectMedia), strconv.FormatBool(p.RejectReports),
			p.PublicComment, strconv.FormatBool(p.Obfuscate)})
	}
	return out.WriteAll(records)
}
