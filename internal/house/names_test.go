package house

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// emptyWords say that something is of use, and not for what.
var emptyWords = []string{"util", "utils", "helper", "helpers", "common", "manager", "managers"}

// emptyNames finds directories, packages and files with an empty word in their names.
func emptyNames(files []file) []complaint {
	var complaints []complaint
	for _, f := range files {
		names := append(strings.Split(strings.TrimSuffix(f.path, path.Ext(f.path)), "/"), f.ast.Name.Name)
		for _, name := range names {
			if word, ok := emptyWord(name); ok {
				complaints = append(complaints, complaint{f.path, `"` + word + `" in a name does not say what the code is for`})
				break
			}
		}
	}
	return complaints
}

func emptyWord(name string) (string, bool) {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return r == '_' || r == '-' || r == '.'
	})
	i := slices.IndexFunc(words, func(w string) bool { return slices.Contains(emptyWords, w) })
	if i < 0 {
		return "", false
	}
	return words[i], true
}

// unexplained finds packages without a comment that go doc shows: one on the
// package clause of a file that is no test, unless there are only tests. It
// begins "Package NAME", or, for a program, "Command NAME" or "NAME".
func unexplained(files []file) []complaint {
	type state struct{ code, explained bool }
	packages := map[string]state{} // by directory
	var complaints []complaint
	for _, f := range files {
		s := packages[f.dir()]
		s.code = s.code || !f.isTest()
		packages[f.dir()] = s
	}
	for _, f := range files {
		s := packages[f.dir()]
		if f.ast.Doc == nil || s.code && f.isTest() {
			continue
		}
		s.explained = true
		packages[f.dir()] = s
		if doc := f.ast.Doc.Text(); !introduces(doc, f) {
			complaints = append(complaints, complaint{f.path, `the package comment has to begin "Package ` + f.ast.Name.Name + ` " (a program's: "Command NAME ")`})
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		if !packages[dir].explained {
			complaints = append(complaints, complaint{dir, "the package has no comment that says what it is for"})
		}
	}
	return complaints
}

func introduces(doc string, f file) bool {
	name := f.ast.Name.Name
	if name != "main" {
		return strings.HasPrefix(doc, "Package "+name+" ")
	}
	program := strings.TrimPrefix(doc, "Command ")
	word, _, _ := strings.Cut(program, " ")
	return strings.EqualFold(word, path.Base(f.dir()))
}

func TestEmptyNames(t *testing.T) {
	tests := []struct {
		path, source string
		complaints   int
	}{
		{"bridge/follow.go", "package bridge", 0},
		{"bridge/follow_test.go", "package bridge_test", 0},
		{"bridge/util/follow.go", "package follow", 1},
		{"bridge/follow_util.go", "package bridge", 1},
		{"bridge/Helpers.go", "package bridge", 1},
		{"bridge/helper_test.go", "package bridge", 1},
		{"bridge/x.go", "package common", 1},
		{"bridge/x.go", "package common_test", 1},
		{"bridge/job-manager/manager.go", "package manager", 1},
		{"web/commonmark.go", "package web", 0},
	}
	for _, tt := range tests {
		if got := emptyNames([]file{made(t, tt.path, tt.source)}); len(got) != tt.complaints {
			t.Errorf("%s, %s: complaints %v, want %d", tt.path, tt.source, got, tt.complaints)
		}
	}
}

func TestUnexplained(t *testing.T) {
	tests := []struct {
		name       string
		sources    map[string]string
		complaints int
	}{
		{"in one file", map[string]string{
			"bridge/doc.go": "// Package bridge is the heart.\npackage bridge",
			"bridge/x.go":   "package bridge",
		}, 0},
		{"nowhere", map[string]string{"bridge/x.go": "package bridge"}, 1},
		{"of another package", map[string]string{
			"bridge/x.go": "// Package bridge is the heart.\npackage bridge",
			"models/x.go": "package models",
		}, 1},
		{"not attached", map[string]string{"bridge/x.go": "// Package bridge is the heart.\n\npackage bridge"}, 1},
		{"a directive", map[string]string{"bridge/x.go": "//go:build linux\n\npackage bridge"}, 1},
		{"only in a test", map[string]string{
			"bridge/x.go":      "package bridge",
			"bridge/x_test.go": "// Package bridge is the heart.\npackage bridge",
		}, 1},
		{"a package of tests", map[string]string{"internal/house/x_test.go": "// Package house holds rules.\npackage house"}, 0},
		{"a package of tests without", map[string]string{"internal/house/x_test.go": "package house"}, 1},
		{"a wrong name", map[string]string{"bridge/x.go": "// Package models is the store.\npackage bridge"}, 1},
		{"a program", map[string]string{"cmd/manifold/main.go": "// Command manifold is a server.\npackage main"}, 0},
		{"a program by its name", map[string]string{"cmd/manifold/main.go": "// Manifold is a server.\npackage main"}, 0},
		{"a program as package", map[string]string{"cmd/manifold/main.go": "// Package main is a server.\npackage main"}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var files []file
			for p, source := range tt.sources {
				files = append(files, made(t, p, source))
			}
			if got := unexplained(files); len(got) != tt.complaints {
				t.Errorf("complaints %v, want %d", got, tt.complaints)
			}
		})
	}
}
