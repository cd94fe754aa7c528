package house

import (
	"go/ast"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// testingTypes are what a test is handed by package testing.
var testingTypes = []string{"T", "B", "F", "TB"}

// idleTests finds what makes a green run say less than it seems to: calls of
// Skip, SkipNow, Skipf and testing.Short in any file that imports testing, and
// of time.Sleep in tests. What a test needs and does not find is an error, and
// what it waits for is polled with a deadline.
//
// Types are not resolved: a Skip counts when it is called on something that the
// file declares with a type of package testing.
func idleTests(files []file) []complaint {
	var complaints []complaint
	for _, f := range files {
		testingName, timeName := importedAs(f, "testing"), importedAs(f, "time")
		if testingName == "" && !f.isTest() {
			continue
		}
		handles := testHandles(f.ast, testingName)
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			on, what := lastName(sel.X), ""
			switch name := sel.Sel.Name; {
			case strings.HasPrefix(name, "Skip") && slices.Contains(handles, on):
				what = "a test may not skip: what it needs and does not find is an error"
			case name == "Short" && on == testingName:
				what = "tests run whole: testing.Short is not asked"
			case name == "Sleep" && on == timeName && f.isTest():
				what = "a test may not sleep: wait for what is to happen, with a deadline"
			default:
				return true
			}
			complaints = append(complaints, complaint{f.at(sel), what})
			return true
		})
	}
	return complaints
}

// importedAs is the name under which f uses the package of importPath, "" if it
// does not import it.
func importedAs(f file, importPath string) string {
	for _, spec := range f.ast.Imports {
		if spec.Path.Value != strconv.Quote(importPath) {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(importPath)
	}
	return ""
}

// testHandles are the names of parameters, fields and variables that f declares
// with a type of package testing; those of embedded fields are the types' names.
func testHandles(f *ast.File, testingName string) []string {
	isHandle := func(t ast.Expr) (typeName string, ok bool) {
		if star, pointer := t.(*ast.StarExpr); pointer {
			t = star.X
		}
		sel, selects := t.(*ast.SelectorExpr)
		if !selects || testingName == "" || lastName(sel.X) != testingName {
			return "", false
		}
		return sel.Sel.Name, slices.Contains(testingTypes, sel.Sel.Name)
	}
	var handles []string
	ast.Inspect(f, func(n ast.Node) bool {
		var names []*ast.Ident
		var declared ast.Expr
		switch n := n.(type) {
		case *ast.Field:
			names, declared = n.Names, n.Type
		case *ast.ValueSpec:
			names, declared = n.Names, n.Type
		default:
			return true
		}
		if typeName, ok := isHandle(declared); ok {
			for _, name := range names {
				handles = append(handles, name.Name)
			}
			if len(names) == 0 {
				handles = append(handles, typeName)
			}
		}
		return true
	})
	return handles
}

// lastName is x of x and of a.b.x, "" of anything else.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	default:
		return ""
	}
}

func TestIdleTests(t *testing.T) {
	const head = "package x\nimport (\"testing\"; \"time\"; \"encoding/xml\")\n"
	tests := []struct {
		name, path, source string
		complaints         int
	}{
		{"works", "x_test.go", head + "func TestX(t *testing.T) { t.Log(time.Now()) }", 0},
		{"skips", "x_test.go", head + "func TestX(t *testing.T) { t.Skip() }", 1},
		{"skips under another name", "x_test.go", head + "func TestX(check *testing.T) { check.SkipNow() }", 1},
		{"skips in a subtest", "x_test.go", head + "func TestX(t *testing.T) { t.Run(``, func(tt *testing.T) { tt.Skipf(``) }) }", 1},
		{"skips a benchmark and fuzzing", "x_test.go", head + "func BenchmarkX(b *testing.B) { b.Skip() }\nfunc FuzzX(f *testing.F) { f.Skip() }", 2},
		{"skips by a field", "x_test.go", head + "type world struct{ t testing.TB }\nfunc (w world) need() { w.t.Skip() }", 1},
		{"skips by an embedded field", "x_test.go", head + "type world struct{ *testing.T }\nfunc (w world) need() { w.T.Skip() }", 1},
		{"hands the skipping on", "x_test.go", head + "func TestX(t *testing.T) { t.Cleanup(t.SkipNow) }", 1},
		{"skips outside a test file", "x.go", head + "func Need(t testing.TB) { t.Skip() }", 1},
		{"skips an element", "x_test.go", head + "func read(d *xml.Decoder) { d.Skip() }", 0},
		{"asks for Short", "x_test.go", head + "var quick = testing.Short()", 1},
		{"sleeps", "x_test.go", head + "func TestX(t *testing.T) { time.Sleep(1) }", 1},
		{"sleeps under another name", "x_test.go", "package x\nimport clock \"time\"\nfunc wait() { clock.Sleep(1) }", 1},
		{"sleeps in the program", "x.go", "package x\nimport \"time\"\nfunc wait() { time.Sleep(1) }", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := idleTests([]file{made(t, tt.path, tt.source)}); len(got) != tt.complaints {
				t.Errorf("complaints %v, want %d", got, tt.complaints)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	tree := fstest.MapFS{
		"go.mod":                   {Data: []byte("module manifold")},
		"bridge/x.go":              {Data: []byte("package bridge")},
		"bridge/x_test.go":         {Data: []byte("package bridge")},
		"bridge/x_plan9.go":        {Data: []byte("//go:build plan9\n\npackage bridge")},
		"bridge/x.txt":             {Data: []byte("package")},
		"bridge/_x.go":             {Data: []byte("package")},
		"bridge/testdata/x.go":     {Data: []byte("package")},
		".git/x.go":                {Data: []byte("package")},
		"integration/other/go.mod": {Data: []byte("module other")},
		"integration/other/x.go":   {Data: []byte("package")},
	}
	files, err := load(tree)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		got = append(got, f.path)
	}
	if want := []string{"bridge/x.go", "bridge/x_plan9.go", "bridge/x_test.go"}; !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	tree["bridge/broken.go"] = &fstest.MapFile{Data: []byte("package")}
	if _, err := load(tree); err == nil || !strings.Contains(err.Error(), "bridge/broken.go") {
		t.Errorf("error %v, want one that names the file that does not parse", err)
	}
}

// made parses a made-up file.
func made(t *testing.T, path, source string) file {
	t.Helper()
	f, err := parse(fstest.MapFS{path: {Data: []byte(source)}}, path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
