package apub_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"manifold/apub"
	"manifold/bridge"
	"manifold/internal/outbound"
	"manifold/internal/scratchpg"
	"manifold/models"
)

var postgresTemplate scratchpg.Template

func TestMain(m *testing.M) {
	code := m.Run()
	if err := postgresTemplate.Drop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// patience is how long a test waits for what should happen at once.
const patience = 30 * time.Second

// ours is the public address of the server under test, of a closed network where
// there is no TLS.
const ours = "http://us.example"

var openings atomic.Int64

// world is a server under test, without a socket: requests are handed to it.
type world struct {
	t *testing.T
	*apub.Server
	bridge *bridge.Bridge
	db     *models.DB
	router *mux.Router
	ahead  atomic.Int64 // of the clock
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// wait sets the clock of the server forward.
func (w *world) wait(d time.Duration) { w.ahead.Add(int64(d)) }

// worlds runs a test with a server on each kind of database.
func worlds(t *testing.T, o apub.Options, test func(w *world)) {
	t.Helper()
	t.Parallel()
	for name, address := range map[models.Dialect]func(*testing.T) string{
		models.SQLite: sqliteDatabase,
		models.Postgres: func(t *testing.T) string {
			return postgresTemplate.Copy(t, func(address string) { migrate(t, address) })
		},
	} {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			test(newWorld(t, address(t), o))
		})
	}
}

func newWorld(t *testing.T, address string, o apub.Options) *world {
	t.Helper()
	w := &world{t: t}
	var err error
	w.db, err = models.Open(t.Context(), models.Options{Database: address, Name: fmt.Sprintf("apub-test-%d-%d", os.Getpid(), openings.Add(1))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := w.db.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	base, err := url.Parse(ours)
	if err != nil {
		t.Fatal(err)
	}
	if w.bridge, err = bridge.New(bridge.Options{DB: w.db, BaseURL: base, SiteName: "Test Site", Now: w.now}); err != nil {
		t.Fatal(err)
	}
	o.Bridge, o.Now = w.bridge, w.now
	o.Outbound = outbound.New(outbound.Options{AllowPrivate: true, Timeout: 5 * time.Second})
	t.Cleanup(o.Outbound.CloseIdleConnections)
	if w.Server, err = apub.New(o); err != nil {
		t.Fatal(err)
	}
	w.bridge.Connect(w.Server)
	w.router = mux.NewRouter().UseEncodedPath().SkipClean(true)
	w.Register(w.router)
	return w
}

// start has jobs worked until the test ends.
func (w *world) start() {
	w.t.Helper()
	if err := w.bridge.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := w.bridge.Stop(ctx); err != nil {
			w.t.Error(err)
		}
	})
}

// person makes an account here.
func (w *world) person(nick string) *models.Actor {
	w.t.Helper()
	account, err := w.bridge.Register(w.t.Context(), bridge.Registration{Nickname: nick, Password: "correct-horse-9"})
	if err != nil {
		w.t.Fatal(err)
	}
	actor, err := w.db.Actor(w.t.Context(), account.ActorID)
	if err != nil {
		w.t.Fatal(err)
	}
	return actor
}

// serve hands a request over, as a server reads it from a connection.
func (w *world) serve(r *http.Request) *httptest.ResponseRecorder {
	w.t.Helper()
	recorder := httptest.NewRecorder()
	w.router.ServeHTTP(recorder, r)
	return recorder
}

// arrivals is how many documents wait to be dealt with, or have been.
func (w *world) arrivals() int64 {
	w.t.Helper()
	waiting, _, err := w.db.CountArrivals(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return waiting
}

// actor is who is known by a name, nil for nobody.
func (w *world) actor(name string) *models.Actor {
	w.t.Helper()
	actor, err := w.db.ActorByIRI(w.t.Context(), name)
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return actor
}

// until waits for a condition.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func migrate(t *testing.T, address string) {
	t.Helper()
	db, err := models.Open(t.Context(), models.Options{Database: address})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := bridge.MigrateQueue(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

var sqliteTemplate struct {
	once sync.Once
	file []byte
}

func sqliteDatabase(t *testing.T) string {
	t.Helper()
	sqliteTemplate.once.Do(func() {
		path := filepath.Join(t.TempDir(), "template.db")
		migrate(t, path)
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sqliteTemplate.file = file
	})
	path := filepath.Join(t.TempDir(), "manifold.db")
	if err := os.WriteFile(path, bytes.Clone(sqliteTemplate.file), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
