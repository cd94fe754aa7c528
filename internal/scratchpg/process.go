package scratchpg

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// A process is a running child.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended and err is set
	err    error
}

// launch starts cmd as account (nil: as ourselves), with its output going to the
// server's log, so that it ends when we do.
func (s *Server) launch(cmd *exec.Cmd, account *syscall.Credential) (*process, error) {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	// Our own directory and environment are not for the other account: the one
	// may be closed to it, and PGPORT, PGDATA or LC_ALL in the other would
	// change what is started.
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TZ=UTC", "LC_ALL=C.UTF-8"}
	// A process group of its own, or Ctrl-C at the terminal would stop the
	// server while the tests that it serves are still cleaning up.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account, Setpgid: true}
	endWithParent(cmd.SysProcAttr, syscall.SIGQUIT)

	p := &process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel takes the thread that forked for the parent, not the
		// process (prctl(2), PR_SET_PDEATHSIG): the thread has to live as
		// long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.exited)
		// A server that nobody holds on to would be collected, and its pipe to
		// the watcher closed, which means that this process is gone.
		runtime.KeepAlive(s)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// end sends signal and waits; a process that is still there after timeout is killed.
func (p *process) end(signal os.Signal, timeout time.Duration) error {
	// The only failure is a process that has ended already.
	_ = p.cmd.Process.Signal(signal)
	select {
	case <-p.exited:
		return nil
	case <-time.After(timeout):
	}
	if err := p.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("killing %s, which did not end within %v: %w", p.cmd.Path, timeout, err)
	}
	<-p.exited
	return fmt.Errorf("%s did not end within %v of %v and was killed", p.cmd.Path, timeout, signal)
}

// afterlife is the watcher's program; $1 is the server's directory. cat returns
// when the other end of its pipe is closed, which the kernel sees to however the
// process that held it ended. The first line of postmaster.pid is the server's
// process id, and the server removes that file last of all. The file is watched
// beside the process: where nobody collects orphans, as in many containers, a
// dead process stays. rm is repeated because children may still write.
const afterlife = `
cat
file=$1/data/postmaster.pid
if read -r pid <"$file"; then
	kill -QUIT "$pid"
	n=0
	while [ $n -lt 100 ] && [ -e "$file" ] && kill -0 "$pid"; do sleep 0.1; n=$((n+1)); done
fi
n=0
until rm -rf -- "$1" || [ $n -ge 100 ]; do sleep 0.1; n=$((n+1)); done
`

// A watcher is a shell that outlives us when we are killed.
type watcher struct {
	cmd  *exec.Cmd
	pipe io.Closer
}

// watch starts a watcher that ends the server of dir and removes dir once this
// process is gone. It has a session of its own, for signals that go to our whole
// process group must not reach it.
func watch(dir string) (*watcher, error) {
	cmd := exec.Command("/bin/sh", "-c", afterlife, "scratchpg-watcher", dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("making the pipe to the scratch PostgreSQL's watcher: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the scratch PostgreSQL's watcher: %w", err)
	}
	return &watcher{cmd: cmd, pipe: pipe}, nil
}

// dismiss ends a watcher whose server and directory are gone. Its exit status
// says nothing then.
func (w *watcher) dismiss() {
	w.pipe.Close()
	_ = w.cmd.Wait()
}
