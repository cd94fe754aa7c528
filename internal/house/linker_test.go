package house

import (
	"os/exec"
	"strings"
	"testing"
)

// The linker drops the methods that nothing can call, unless somewhere one is
// looked up by a name that is only known at run time, as text/template and many
// libraries do: then it keeps all of everything, 8 MB of program and 4 of the memory
// of an idle server (go/src/cmd/link/internal/ld/deadcode.go).
func TestMethodsThatNothingCallsAreDropped(t *testing.T) {
	command := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-dumpdep", "-o", t.TempDir()+"/manifold", "./cmd/manifold")
	command.Dir = root
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %.2000s", err, out)
	}
	edges := strings.Split(string(out), "\n")
	if len(edges) < 100_000 {
		t.Fatalf("the linker names no more than %d reasons to keep something", len(edges))
	}
	for _, edge := range edges {
		// What stands before the arrow makes the linker keep what stands behind.
		from, _, _ := strings.Cut(edge, " -> ")
		if strings.HasSuffix(from, "<ReflectMethod>") {
			t.Errorf("%s looks up a method by a name that the linker does not know, and so keeps all", from)
			return
		}
	}
}
