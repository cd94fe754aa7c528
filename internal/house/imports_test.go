package house

import (
	"slices"
	"strings"
	"testing"
)

// module is the name in go.mod.
const module = "manifold"

// A room is a part of the house: a directory with all below it that is not a
// room of its own.
type room string

const (
	program     room = "cmd"
	heart       room = "bridge"
	store       room = "models"
	vocabulary  room = "models/vocab"
	plumbing    room = "internal"
	scratch     room = "internal/scratchpg"
	integration room = "integration"
)

// outlets stand side by side above the bridge and know nothing of each other. A
// fourth network adds its directory here.
var outlets = []room{"pumpapi", "apub", "ostatus", "web"}

// protocols are the parts of networks that somebody else's program could import.
// They know nothing of this one.
var protocols = []room{
	"pumpapi/oauth1", "pumpapi/dialback",
	"apub/httpsig", "apub/proof",
	"ostatus/salmon", "ostatus/atom", "ostatus/websub", "ostatus/xrd",
}

// roomOf finds the innermost room that holds the directory dir.
func roomOf(dir string) (room, bool) {
	rooms := slices.Concat([]room{program, heart, store, vocabulary, plumbing, scratch, integration}, outlets, protocols)
	for ; dir != "."; dir = parent(dir) {
		if slices.Contains(rooms, room(dir)) {
			return room(dir), true
		}
	}
	return "", false
}

func parent(dir string) string {
	i := strings.LastIndexByte(dir, '/')
	if i < 0 {
		return "."
	}
	return dir[:i]
}

// importRule says why code in from may not import code in to, "" if it may. From
// above to below:
//
//	integration               anything; its tests put the whole together
//	cmd                       anything but integration
//	pumpapi apub ostatus web  the protocol packages and all below, not each other
//	bridge                    models, models/vocab, internal
//	models                    models/vocab, internal
//	protocol packages         internal
//	internal                  internal
//	models/vocab              nothing of ours
//
// A protocol package belongs to no network in this: pump.io and ActivityPub too
// find accounts by what ostatus/xrd reads.
func importRule(from, to room, test bool) string {
	below := []room{heart, store, vocabulary, plumbing}
	var allowed []room
	switch {
	case from == integration:
		return ""
	case to == integration:
		return "nothing imports integration"
	case to == scratch && !test && from != scratch:
		return "internal/scratchpg is for tests and the benchmark: it would take package testing into the program"
	case to == scratch && test && from != vocabulary:
		return ""
	case from == to && from != vocabulary:
		return ""
	case from == program:
		allowed = slices.Concat(outlets, protocols, below)
	case slices.Contains(outlets, from):
		allowed = slices.Concat(protocols, below)
	case from == heart:
		allowed = []room{store, vocabulary, plumbing}
	case from == store:
		allowed = []room{vocabulary, plumbing}
	case slices.Contains(protocols, from):
		allowed = []room{plumbing}
	}
	if slices.Contains(allowed, to) {
		return ""
	}
	return string(from) + " may not import " + string(to) + ": " + reason(from, to)
}

func reason(from, to room) string {
	switch {
	case from == vocabulary:
		return "the vocabulary is plain types and imports nothing of ours"
	case from == scratch:
		return "it imports nothing of ours"
	case slices.Contains(protocols, from):
		return "a protocol package knows nothing of this program"
	case from == plumbing:
		return "plumbing knows nothing of what it serves"
	case slices.Contains(outlets, from) && slices.Contains(outlets, to):
		return "they stand side by side; what they share belongs into bridge or below"
	default:
		return "imports run downwards only"
	}
}

// upwardImports applies importRule to files, the tests' imports included.
func upwardImports(files []file) []complaint {
	var complaints []complaint
	for _, f := range files {
		from, ok := roomOf(f.dir())
		if !ok {
			complaints = append(complaints, complaint{f.path, "the directory is no part of the house: it has no place in importRule (internal/house)"})
			continue
		}
		for i, path := range f.imports() {
			dir, ours := strings.CutPrefix(path, module+"/")
			if !ours {
				continue
			}
			why := "no part of the house"
			if to, ok := roomOf(dir); ok {
				why = importRule(from, to, f.isTest())
			}
			// A package and its test package are one room, whatever that may import.
			if why != "" && dir != f.dir() {
				complaints = append(complaints, complaint{f.at(f.ast.Imports[i]), "imports " + path + ": " + why})
			}
		}
	}
	return complaints
}

func TestImportRule(t *testing.T) {
	const allowed, refused = true, false
	tests := []struct {
		from, to string
		want     bool
	}{
		{"cmd/manifold", "pumpapi", allowed},
		{"cmd/manifold", "web", allowed},
		{"cmd/manifold", "ostatus/xrd", allowed},
		{"cmd/manifold", "models/vocab", allowed},
		{"cmd/manifold", "cmd/manifold/face", allowed},
		{"cmd/manifold", "integration/bench", refused},
		{"cmd/manifold", "internal/scratchpg", refused},
		{"apub", "bridge", allowed},
		{"apub", "apub/wire", allowed},
		{"apub/wire", "apub/httpsig", allowed},
		{"apub", "ostatus/xrd", allowed},
		{"apub", "ostatus", refused},
		{"ostatus", "pumpapi", refused},
		{"pumpapi", "web", refused},
		{"web", "pumpapi", refused},
		{"pumpapi", "cmd/manifold", refused},
		{"bridge", "models", allowed},
		{"bridge/audience", "bridge", allowed},
		{"bridge", "internal/outbound", allowed},
		{"bridge", "pumpapi", refused},
		{"bridge", "pumpapi/oauth1", refused},
		{"models", "models/vocab", allowed},
		{"models", "models/migrations", allowed},
		{"models", "bridge", refused},
		{"models", "apub/httpsig", refused},
		{"models/vocab", "models", refused},
		{"models/vocab", "internal/config", refused},
		{"models/vocab", "models/vocab/html", refused},
		{"internal/config", "internal/telemetry", allowed},
		{"internal/config", "models/vocab", refused},
		{"internal/config", "bridge", refused},
		{"internal/scratchpg", "internal/config", refused},
		{"internal/scratchpg/cmd/scratchpg", "internal/scratchpg", allowed},
		{"pumpapi/oauth1", "internal/outbound", allowed},
		{"pumpapi/oauth1", "pumpapi", refused},
		{"pumpapi/oauth1", "models/vocab", refused},
		{"ostatus/salmon", "ostatus/atom", refused},
		{"ostatus/atom", "bridge", refused},
		{"integration", "cmd/manifold", allowed},
		{"integration/bench", "internal/scratchpg", allowed},
		{"models", "attic", refused},
	}
	for _, tt := range tests {
		t.Run(tt.from+" imports "+tt.to, func(t *testing.T) {
			f := made(t, tt.from+"/x.go", "package x\nimport _ \"manifold/"+tt.to+"\"")
			if got := upwardImports([]file{f}); (len(got) == 0) != tt.want {
				t.Errorf("complaints %v, want allowed %v", got, tt.want)
			}
		})
	}
}

func TestImportRuleOnTests(t *testing.T) {
	tests := []struct {
		name, path, imports string
		complaints          int
	}{
		{"a scratch database", "models/x_test.go", "manifold/internal/scratchpg", 0},
		{"upwards", "models/x_test.go", "manifold/bridge", 1},
		{"a sibling", "apub/x_test.go", "manifold/ostatus", 1},
		{"the package itself, from its test package", "models/vocab/x_test.go", "manifold/models/vocab", 0},
		{"a scratch database for plain types", "models/vocab/x_test.go", "manifold/internal/scratchpg", 1},
		{"not ours", "models/vocab/x_test.go", "manifoldest/bridge", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := made(t, tt.path, "package x_test\nimport _ \"fmt\"\nimport _ \""+tt.imports+"\"")
			got := upwardImports([]file{f})
			if len(got) != tt.complaints {
				t.Fatalf("complaints %v, want %d", got, tt.complaints)
			}
			if tt.complaints > 0 && got[0].where != tt.path+":3" {
				t.Errorf("complaint at %s, want line 3", got[0].where)
			}
		})
	}
}

func TestDirectoryOutsideTheHouse(t *testing.T) {
	files := []file{
		made(t, "attic/x.go", "package attic"),
		made(t, "main.go", "package main"),
		made(t, "bridge/x.go", "package bridge"),
	}
	if got := upwardImports(files); len(got) != 2 {
		t.Errorf("complaints %v, want one on attic/x.go and one on main.go", got)
	}
}
