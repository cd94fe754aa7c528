package models_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"manifold/models"
)

// Where an activity has to be sent: each person by the first of the networks,
// each inbox once.
func TestRemoteInboxes(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ann, bob := person(t, db, "ann", ""), person(t, db, "bob", "")
		list := int64(71)
		remote := func(nick string, presences ...string) int64 {
			id := person(t, db, nick, "them")
			for _, network := range presences {
				shared := ""
				if network == "apub" && nick != "alone" {
					shared = "apub/shared"
				}
				write(t, db, func(ctx context.Context, tx *models.Tx) error {
					return firstError(tx.SetPresence(ctx, models.Presence{ActorID: id, Network: network, Inbox: "old", SharedInbox: "old"}),
						tx.SetPresence(ctx, models.Presence{ActorID: id, Network: network, Inbox: network + "/" + nick, SharedInbox: shared}))
				})
			}
			return id
		}
		both, second, third, alone := remote("both", "apub", "pump"), remote("second", "apub"), remote("third", "apub"), remote("alone", "apub")
		atom, nowhere, suspended, asked := remote("atom", "ostatus"), remote("nowhere"), remote("suspended", "pump"), remote("asked", "pump")
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			a, err := tx.Actor(ctx, suspended)
			if err != nil {
				return err
			}
			a.State = models.Suspended
			return tx.UpdateActor(ctx, a)
		})
		for _, e := range []models.Edge{
			{Kind: models.Follows, ActorID: both, TargetID: ann, State: models.InForce}, {Kind: models.Follows, ActorID: second, TargetID: ann, State: models.InForce},
			{Kind: models.Follows, ActorID: third, TargetID: ann, State: models.InForce}, {Kind: models.Follows, ActorID: suspended, TargetID: ann, State: models.InForce},
			{Kind: models.Follows, ActorID: bob, TargetID: ann, State: models.InForce, ActorLocal: true}, {Kind: models.Follows, ActorID: asked, TargetID: ann, State: models.Requested},
			{Kind: models.Likes, ActorID: alone, TargetID: ann, State: models.InForce},
			{Kind: models.MemberOf, ActorID: atom, TargetID: list, State: models.InForce}, {Kind: models.MemberOf, ActorID: second, TargetID: list, State: models.InForce},
		} {
			write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.AddEdge(ctx, &e) })
		}
		limited := do(t, db, deed{name: "limited", actor: ann, visibility: models.Limited,
			audience: []models.Addressee{{Kind: models.AudienceList, ID: list}}}, models.Distribution{})
		all := []string{"pump", "apub", "ostatus"}
		for _, tt := range []struct {
			name     string
			to       models.Distribution
			networks []string
			want     map[string][]string
		}{
			{"nobody", models.Distribution{}, all, nil},
			{"by no network", models.Distribution{FollowersOf: []int64{ann}}, nil, nil},
			{"followers", models.Distribution{FollowersOf: []int64{ann}}, all, map[string][]string{"pump": {"pump/both"}, "apub": {"apub/shared"}}},
			{"in another order", models.Distribution{FollowersOf: []int64{ann}}, []string{"apub", "pump"}, map[string][]string{"apub": {"apub/shared"}}},
			{"one network", models.Distribution{FollowersOf: []int64{ann}}, []string{"pump"}, map[string][]string{"pump": {"pump/both"}}},
			{"members", models.Distribution{MembersOf: []int64{list}}, all, map[string][]string{"ostatus": {"ostatus/atom"}, "apub": {"apub/shared"}}},
			{"named", models.Distribution{Direct: []int64{alone, bob, suspended, nowhere}, Others: []int64{atom, alone}}, all,
				map[string][]string{"ostatus": {"ostatus/atom"}, "apub": {"apub/alone"}}},
			{"all at once", models.Distribution{FollowersOf: []int64{ann}, MembersOf: []int64{list}, Direct: []int64{alone, both}}, all,
				map[string][]string{"pump": {"pump/both"}, "apub": {"apub/alone", "apub/shared"}, "ostatus": {"ostatus/atom"}}},
			{"only who see", models.Distribution{FollowersOf: []int64{ann}, Direct: []int64{alone, atom}, OnlyWhoSee: limited}, all,
				map[string][]string{"apub": {"apub/shared"}, "ostatus": {"ostatus/atom"}}},
			{"published", models.Distribution{FollowersOf: []int64{ann}, MembersOf: []int64{list}, Published: []string{"ostatus"}}, all,
				map[string][]string{"pump": {"pump/both"}, "apub": {"apub/shared"}}},
			{"published and named", models.Distribution{MembersOf: []int64{list}, Direct: []int64{atom}, Published: []string{"ostatus", "apub"}}, all,
				map[string][]string{"ostatus": {"ostatus/atom"}}},
		} {
			got := must[map[string][]string](t)(db.RemoteInboxes(t.Context(), tt.to, tt.networks))
			for _, inboxes := range got {
				slices.Sort(inboxes)
			}
			if !maps.EqualFunc(got, tt.want, slices.Equal) {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			}
		}
	})
}

// queueTables makes the tables of the job queue.
func queueTables(t *testing.T, db *models.DB) {
	t.Helper()
	var driver riverdriver.Driver[*sql.Tx] = riverdatabasesql.New(db.SQL())
	if db.Dialect() == models.SQLite {
		driver = riversqlite.New(db.SQL())
	}
	m := must[*rivermigrate.Migrator[*sql.Tx]](t)(rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)}))
	if _, err := m.Migrate(t.Context(), rivermigrate.DirectionUp, nil); err != nil {
		t.Fatal(err)
	}
}

// A job that was cut off is available again, as if that try had not been.
func TestFreeJobs(t *testing.T) {
	addresses(t, func(t *testing.T, address string) {
		db := newStore(t, address)
		queueTables(t, db)
		alive := open(t, models.Options{Database: address, Name: "alive"})
		join(t, alive)
		stale := open(t, models.Options{Database: address, Name: "stale"})
		join(t, stale)
		execute(t, db, fmt.Sprintf("UPDATE processes SET heartbeat = %d WHERE name = 'stale'", time.Now().Add(-2*models.StaleAfter).UnixMilli()))
		job := func(kind, state, process string, attempt int) {
			by, timestamp := "ARRAY['earlier', '"+process+"']", "'2026-01-01'"
			if db.Dialect() == models.SQLite {
				by = `jsonb('["earlier", "` + process + `"]')`
			}
			finalized := "NULL"
			if state == "discarded" {
				finalized = timestamp
			}
			execute(t, db, fmt.Sprintf(`INSERT INTO river_job (args, kind, max_attempts, state, attempt, attempted_by, attempted_at, scheduled_at, finalized_at)
				VALUES ('{}', '%s', 9, '%s', %d, %s, %s, %s, %s)`, kind, state, attempt, by, timestamp, timestamp, finalized))
		}
		job("of the dead", "running", "dead", 3)
		job("of the stale", "running", "stale", 1)
		job("never counted", "running", "dead", 0)
		job("of the living", "running", "alive", 2)
		job("waiting", "retryable", "dead", 2)
		job("given up", "discarded", "dead", 9)
		want := map[string]string{"of the dead": "available 2", "of the stale": "available 0", "never counted": "available 0",
			"of the living": "running 2", "waiting": "retryable 2", "given up": "discarded 9"}
		freed := int64(3)
		if db.Dialect() == models.SQLite { // one process has the file to itself
			want["of the living"] = "available 1"
			freed++
		}
		var n int64
		write(t, db, func(ctx context.Context, tx *models.Tx) (err error) {
			n, err = tx.FreeJobs(ctx)
			return err
		})
		if n != freed {
			t.Errorf("%d jobs were freed, want %d", n, freed)
		}
		for kind, state := range want {
			if number(t, db, fmt.Sprintf("SELECT COUNT(*) FROM river_job WHERE kind = '%s' AND state || ' ' || attempt = '%s'", kind, state)) != 1 {
				t.Errorf("the job %q is not %q", kind, state)
			}
		}
		waiting, failed, oldest, err := db.QueueState(t.Context())
		if err != nil || waiting != 5 || failed != 1 {
			t.Errorf("%d jobs wait and %d failed, error %v; want 5 and 1", waiting, failed, err)
		}
		if due := time.Since(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); (oldest - due).Abs() > time.Minute {
			t.Errorf("the oldest has been due for %v, want %v", oldest, due)
		}
	})
}

func TestQueueStateOfNothing(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		queueTables(t, db)
		if waiting, failed, oldest, err := db.QueueState(t.Context()); waiting != 0 || failed != 0 || oldest != 0 || err != nil {
			t.Errorf("%d wait, %d failed, oldest %v, error %v", waiting, failed, oldest, err)
		}
	})
}

// listener is a process that listens.
type listener struct {
	heard chan []int64
	lost  chan struct{}
}

func listen(t *testing.T, ctx context.Context, db *models.DB) listener {
	t.Helper()
	l := listener{make(chan []int64, 100), make(chan struct{}, 100)}
	err := db.Listen(ctx, func(_ context.Context, ids []int64) { l.heard <- ids }, func() { l.lost <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Every process hears what one tells, itself included.
func TestNotify(t *testing.T) {
	address := databases[1].address(t)
	one := newStore(t, address)
	two := open(t, models.Options{Database: address})
	listeners := []listener{listen(t, t.Context(), one), listen(t, t.Context(), two)}
	for _, told := range [][]int64{{1}, {1 << 62, 35, 36, 37}, slices.Repeat([]int64{1<<63 - 1}, 200)} {
		if err := one.Notify(t.Context(), told); err != nil {
			t.Fatal(err)
		}
		for _, l := range listeners {
			if got := within(t, "what was told", l.heard); !slices.Equal(got, told) {
				t.Errorf("heard %v, told was %v", got, told)
			}
		}
	}
	// What another program says on the channel is no reason to stop listening.
	execute(t, one, "NOTIFY "+models.NotifyChannel+", 'what is ~ this 10 '")
	for _, l := range listeners {
		if got := within(t, "what is readable", l.heard); !slices.Contains(got, 36) {
			t.Errorf("heard %v, want 36 in it", got)
		}
	}
}

// A broken connection is made anew, and the listener learns that something may
// have been told meanwhile.
func TestListenAgain(t *testing.T) {
	db := newStore(t, databases[1].address(t))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l := listen(t, ctx, db)
	const listening = " FROM pg_stat_activity WHERE datname = current_database() AND query = 'LISTEN " + models.NotifyChannel + "'"
	for i := range int64(2) {
		if n := number(t, db, "SELECT COUNT(pg_terminate_backend(pid))"+listening); n != 1 {
			t.Fatalf("%d connections listen, want 1", n)
		}
		within(t, "the listener to learn of it", l.lost)
		if err := db.Notify(ctx, []int64{i}); err != nil {
			t.Fatal(err)
		}
		if got := within(t, "what was told after it", l.heard); !slices.Equal(got, []int64{i}) {
			t.Errorf("heard %v, want %d", got, i)
		}
	}
	cancel()
	until(t, "nobody listens any more", func() bool { return number(t, db, "SELECT COUNT(*)"+listening) == 0 })
	select {
	case <-l.lost:
		t.Error("the end of listening is taken for a loss")
	default:
	}
}

// SQLite has one process, which needs to be told nothing.
func TestListenOnSQLite(t *testing.T) {
	db := newStore(t, databases[0].address(t))
	if err := db.Listen(t.Context(), func(context.Context, []int64) {}, func() {}); err == nil {
		t.Error("SQLite listens")
	}
	person(t, db, "ann", "") // the only connection that writes was given back
}
