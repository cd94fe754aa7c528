package bridge_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// workerEnv makes this test binary play a server on the database that it names,
// which hangs in every delivery until it is killed.
const workerEnv = "BRIDGE_TEST_WORKER"

// workUntilKilled prints a line for each delivery that it has begun.
func workUntilKilled(database string) int {
	go func() {
		io.Copy(io.Discard, os.Stdin) // ends when the test that started us does
		os.Exit(1)
	}()
	ctx := context.Background()
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	base, err := url.Parse(home)
	if err != nil {
		return fail(err)
	}
	db, err := models.Open(ctx, models.Options{Database: database, Name: fmt.Sprintf("killed-%d", os.Getpid())})
	if err != nil {
		return fail(err)
	}
	if err := db.Join(ctx); err != nil {
		return fail(err)
	}
	n := newNetwork("pump")
	n.deliver = func(d *bridge.Delivery) ([]string, error) {
		fmt.Println(strings.Join(d.Inboxes, " "))
		select {}
	}
	b, err := bridge.New(bridge.Options{DB: db, BaseURL: base, Networks: []bridge.Network{n}})
	if err != nil {
		return fail(err)
	}
	if err := b.Start(ctx); err != nil {
		return fail(err)
	}
	select {}
}

// kill starts a server as a process of its own and kills it, as kill -9 does,
// when it is in the middle of a delivery.
func (w *world) kill(inDelivery func()) {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), workerEnv+"="+w.address)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	defer stdin.Close()
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	begun := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		begun <- strings.TrimSpace(line)
	}()
	defer func() {
		if err := cmd.Process.Kill(); err != nil {
			w.t.Error(err)
		}
		_ = cmd.Wait() // says that it was killed
	}()
	same(w.t, "the delivery that is under way", next(w.t, "a delivery by another process", begun), killedInbox)
	w.deliveryJob(rivertype.JobStateRunning, killedInbox)
	inDelivery()
}

const killedInbox = "https://far.example/pump/far"

// silence makes it look as if the killed process had been silent for a while.
func (w *world) silence(d time.Duration) {
	w.t.Helper()
	w.exec(fmt.Sprintf("UPDATE processes SET heartbeat = %d WHERE name LIKE 'killed-%%'", time.Now().Add(-d).UnixMilli()))
}

// postTo posts something to somebody elsewhere.
func (w *world) postTo(account string) {
	w.t.Helper()
	w.do(w.person("ann"), act(vocab.VerbPost, note("x"), w.present(account, "pump", "").Doc.Ref()))
}

// A job whose process was killed runs again after the next start.
func TestAKilledJobRunsAfterTheNextStart(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		before := newWorld(t, address, bridge.Options{Networks: []bridge.Network{newNetwork("pump")}})
		before.postTo("far@far.example")
		before.kill(func() {})
		before.silence(time.Minute)

		n := newNetwork("pump")
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		w.start()
		equal(t, "inboxes", next(t, "the delivery", n.delivered).Inboxes, killedInbox)
		j := w.deliveryJob(rivertype.JobStateCompleted, killedInbox)
		same(t, "attempts that count", j.Attempt, 1)
	})
}

// With several processes on one database those that live take over, and leave
// alone what others are at.
func TestOthersTakeOverTheJobsOfAKilledProcess(t *testing.T) {
	t.Parallel()
	n := newNetwork("pump")
	address := databases[1].address(t)
	before := newWorld(t, address, bridge.Options{Networks: []bridge.Network{newNetwork("pump")}})
	before.postTo("far@far.example")
	w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
	same(t, "the database", w.DB().Dialect(), models.Postgres)
	before.kill(func() {
		w.start()
		if err := w.Pulse(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.deliveryJob(rivertype.JobStateRunning, killedInbox)
		same(t, "deliveries while the other lives", len(n.delivered), 0)
	})
	w.silence(time.Minute)
	if err := w.Pulse(t.Context()); err != nil {
		t.Fatal(err)
	}
	equal(t, "inboxes", next(t, "the delivery", n.delivered).Inboxes, killedInbox)
	w.deliveryJob(rivertype.JobStateCompleted, killedInbox)
}

// A bridge on a database that it has not joined would work on jobs under no
// name, and lose them to others.
func TestNewOnADatabaseThatIsNotJoined(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		db, err := models.Open(t.Context(), models.Options{Database: address})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		const want = "making the job queue: the database must be joined first, or others would take this process for dead"
		if _, err := bridge.New(bridge.Options{DB: db, BaseURL: parseURL(t, home)}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
		if err := db.Join(t.Context()); err != nil {
			t.Fatal(err)
		}
		first := db.ProcessName()
		if _, err := bridge.New(bridge.Options{DB: db, BaseURL: parseURL(t, home)}); err != nil {
			t.Error(err)
		}
		// The process that comes after it is another, also with the same number.
		next, err := models.Open(t.Context(), models.Options{Database: address})
		if err != nil {
			t.Fatal(err)
		}
		defer next.Close()
		if err := next.Join(t.Context()); err != nil {
			t.Fatal(err)
		}
		if next.ProcessName() == first {
			t.Errorf("two processes are both named %s", first)
		}
	})
}

// No job waits for two minutes, although the tests above do not wait until a
// heart has stopped.
func TestTimeUntilAKilledJobRuns(t *testing.T) {
	worlds(t, func(w *world) {
		const silent = time.Minute
		w.exec(fmt.Sprintf("INSERT INTO processes (node, name, started, heartbeat) VALUES (500, 'killed-1', 0, %d)", time.Now().Add(-silent).UnixMilli()))
		live, err := w.DB().LiveProcesses(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		equal(w.t, "processes that count as alive", live, w.DB().ProcessName())
		if worst := silent + bridge.HeartbeatEvery + bridge.PollEvery; worst >= 90*time.Second {
			w.t.Errorf("a job whose process was killed may wait for %v", worst)
		}
		// Two beats may be lost before anybody takes the process for dead.
		w.silence(2*bridge.HeartbeatEvery + time.Second)
		if live, err = w.DB().LiveProcesses(w.t.Context()); err != nil || len(live) != 2 {
			w.t.Errorf("a process that has missed two beats is dead: %q, %v", live, err)
		}
		if bridge.JobTimeout >= bridge.RescueAfter {
			w.t.Errorf("a job may run for %v and is taken for stuck after %v", bridge.JobTimeout, bridge.RescueAfter)
		}
	})
}
