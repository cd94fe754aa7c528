package integration

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// python is Debian's interpreter: others on the path have no pypump.
const python = "/usr/bin/python3"

// pythonCommand prepares a Python program that uses PyPump.
func pythonCommand(t *testing.T, program string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	if out, err := exec.CommandContext(ctx, python, "-c", "import pypump, requests_oauthlib").CombinedOutput(); err != nil {
		t.Fatalf("PyPump cannot be used (%v); it comes with: apt-get install python3-pypump python3-requests-oauthlib\n%s", err, out)
	}
	c := exec.CommandContext(ctx, python, append([]string{program}, args...)...)
	c.Dir = t.TempDir()
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.Dir, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1", "LC_ALL=C.UTF-8"}
	return c
}

// TestPyPump has an existing client of the pump.io network do everything that it
// can, and compares what it shows.
func TestPyPump(t *testing.T) {
	t.Parallel()
	const want = `login: ann and bob
post: ann post 'a <b>first</b> note'
post: ann post 'a <b>first</b> note'
post: read by a stranger: First
edit: First: an edited note
follow: ann follows bob
follow: bob is followed by ann
inbox: bob post 'for those who follow me'
inbox: read by a stranger: 401
direct: bob post 'for you only'
comment: replies: ann 'a comment'
comment: ann post 'a comment'
like: liked by ann, one of 1 favorites
like: liked by 0
share: shared by bob
share: bob share 'an edited note'
share: shared by 0
upload: The sky, 800x600
upload: 200 image/png
upload: thumbnail: 200 image/png, 320 wide
lists: Colleagues: bob
lists: ann post 'for colleagues'
lists: 0 members
lists: still there: False
page: 30 items on two pages, 30 different
unfollow: ann follows 0
delete: has a time of deletion: True
delete: read by a stranger: 410
delete: read by a stranger: 410
`
	onEachDatabase(t, func(t *testing.T, database string) {
		s := newServer(t, database)
		s.start()
		s.addUser("ann")
		s.addUser("bob")
		program, err := filepath.Abs("testdata/pypump_drive.py")
		if err != nil {
			t.Fatal(err)
		}
		c := pythonCommand(t, program, s.url, "ann", password, "bob", password)
		var out, errs strings.Builder
		c.Stdout, c.Stderr = &out, &errs
		if err := c.Run(); err != nil {
			t.Errorf("%v\n%s", err, errs.String())
		}
		got := strings.SplitAfter(out.String(), "\n")
		for i, line := range strings.SplitAfter(want, "\n") {
			if i >= len(got) || got[i] != line {
				t.Fatalf("line %d: want %qgot:\n%s", i+1, line, out.String())
			}
		}
	})
}

// TestPyPumpCheck runs a check of pump.io servers that lies outside this
// repository, on the machines that have it.
func TestPyPumpCheck(t *testing.T) {
	t.Parallel()
	tools := os.Getenv("MANIFOLD_TOOLS")
	if tools == "" {
		return
	}
	program := filepath.Join(tools, "pypump_check.py")
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("MANIFOLD_TOOLS is set: %v", err)
	}
	onEachDatabase(t, func(t *testing.T, database string) {
		s := newServer(t, database, "MANIFOLD_REGISTRATION=open")
		s.start()
		out, err := pythonCommand(t, program, s.url, "alice", password, "--create").CombinedOutput()
		if err != nil || !regexp.MustCompile(`(?m)^[1-9]\d* passed, 0 failed\b`).Match(out) {
			t.Errorf("%v\n%s", err, out)
		}
	})
}
