package house

import (
	"slices"
	"testing"
)

// templates finds what uses the templates of the standard library outside of tests.
// They call methods by names that nobody knows before, so the linker would keep every
// exported method of every type in the program; see docs/architecture.md.
func templates(files []file) []complaint {
	var complaints []complaint
	for _, f := range files {
		for i, path := range f.imports() {
			if !f.isTest() && slices.Contains([]string{"text/template", "html/template"}, path) {
				complaints = append(complaints, complaint{f.at(f.ast.Imports[i]), "imports " + path + ": the linker would keep all methods of all types; pages are written in templ"})
			}
		}
	}
	return complaints
}

func TestTemplates(t *testing.T) {
	for _, tt := range []struct {
		path, imports string
		complaints    int
	}{
		{"web/x.go", "html/template", 1},
		{"models/x.go", "text/template", 1},
		{"models/x_test.go", "text/template", 0},
		{"web/x.go", "github.com/a-h/templ", 0},
	} {
		f := made(t, tt.path, "package x\nimport _ \""+tt.imports+"\"")
		if got := templates([]file{f}); len(got) != tt.complaints {
			t.Errorf("%s imports %s: complaints %v, want %d", tt.path, tt.imports, got, tt.complaints)
		}
	}
}
