// Package house holds the rules that all of this repository's Go code keeps, as
// tests:
//
//   - imports run downwards only, see importRule;
//   - nothing is named after no purpose at all (util, helpers, common, manager);
//   - every package has a comment that says what it is for;
//   - no test is skipped, and none sleeps;
//   - no method is called by a name that is only known at run time, which would have
//     the linker keep all of them.
//
// All but the last read the source files and not the output of `go list`, which leaves out
// what build constraints exclude on this machine. Each rule is a function over
// parsed files and is itself tested on made-up ones.
package house

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"
)

// root is the repository, seen from this package's directory, where `go test` runs.
const root = "../.."

// A file is one parsed Go file.
type file struct {
	path string // relative to the repository, with slashes
	ast  *ast.File
	fset *token.FileSet
}

func (f file) dir() string { return path.Dir(f.path) }

func (f file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// at is where n stands, as path:line.
func (f file) at(n ast.Node) string {
	return f.path + ":" + strconv.Itoa(f.fset.Position(n.Pos()).Line)
}

// imports are the paths that f imports.
func (f file) imports() []string {
	var paths []string
	for _, spec := range f.ast.Imports {
		// The parser lets only valid string literals through.
		p, _ := strconv.Unquote(spec.Path.Value)
		paths = append(paths, p)
	}
	return paths
}

// A complaint says where a rule is broken, how, and what to do instead.
type complaint struct{ where, what string }

func TestImportsRunDownwards(t *testing.T) {
	report(t, upwardImports(repository(t)))
}

func TestNamesSayWhatFor(t *testing.T) {
	report(t, emptyNames(repository(t)))
}

func TestPackagesAreExplained(t *testing.T) {
	report(t, unexplained(repository(t)))
}

func TestNoTestIsSkippedOrSleeps(t *testing.T) {
	report(t, idleTests(repository(t)))
}

func report(t *testing.T, complaints []complaint) {
	t.Helper()
	for _, c := range complaints {
		t.Errorf("%s: %s", c.where, c.what)
	}
}

// repository parses every Go file of this module.
func repository(t *testing.T) []file {
	t.Helper()
	tree := os.DirFS(root)
	gomod, err := fs.ReadFile(tree, "go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(gomod), "module "+module+"\n") {
		t.Fatalf("go.mod does not begin with module %s: no import would count as one of ours", module)
	}
	files, err := load(tree)
	if err != nil {
		t.Fatal(err)
	}
	const self = "internal/house/house_test.go"
	for _, f := range files {
		if f.path == self {
			return files
		}
	}
	t.Fatalf("%s is not among the %d files found: the walk is broken, and every rule would hold", self, len(files))
	return nil
}

// load parses the Go files that belong to the module at the root of tree: not
// those that the go command ignores too (testdata, names that begin with . or _)
// nor those of modules inside.
func load(tree fs.FS) ([]file, error) {
	var files []file
	err := fs.WalkDir(tree, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		ignored := p != "." && strings.ContainsAny(d.Name()[:1], "._")
		if d.IsDir() {
			if ignored || d.Name() == "testdata" || d.Name() == "vendor" || isModule(tree, p) {
				return fs.SkipDir
			}
			return nil
		}
		if ignored || path.Ext(p) != ".go" {
			return nil
		}
		f, err := parse(tree, p)
		if err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

func isModule(tree fs.FS, dir string) bool {
	if dir == "." {
		return false
	}
	_, err := fs.Stat(tree, path.Join(dir, "go.mod"))
	return !errors.Is(err, fs.ErrNotExist)
}

func parse(tree fs.FS, p string) (file, error) {
	source, err := fs.ReadFile(tree, p)
	if err != nil {
		return file{}, err
	}
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, p, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return file{}, fmt.Errorf("parsing %s: %w", p, err)
	}
	return file{path: p, ast: parsed, fset: fset}, nil
}
