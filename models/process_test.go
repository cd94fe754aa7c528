package models_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"manifold/models"
)

func TestIDsGrow(t *testing.T) {
	const makers, each = 8, 5_000
	next := models.NewIDs(3)
	before := time.Now().Truncate(time.Millisecond)
	var wg sync.WaitGroup
	lists := make([][]int64, makers)
	for i := range makers {
		wg.Go(func() {
			for range each {
				lists[i] = append(lists[i], next())
			}
		})
	}
	wg.Wait()
	for _, list := range lists {
		if !slices.IsSorted(list) {
			t.Error("the ids that one goroutine got do not grow")
		}
	}
	all := slices.Sorted(slices.Values(slices.Concat(lists...)))
	if n := len(slices.Compact(all)); n != makers*each {
		t.Errorf("%d different ids of %d", n, makers*each)
	}
	// More were asked for than fit into the milliseconds that passed, so the last
	// ones may run ahead of the clock, by no more than it takes to hold them all.
	first, last := models.IDTime(all[0]), models.IDTime(all[len(all)-1])
	if first.Before(before) || last.After(time.Now().Add(time.Second)) {
		t.Errorf("the ids say that they were made between %v and %v, it is %v", first, last, time.Now())
	}
	if first.Location() != time.UTC {
		t.Errorf("the time of an id is in %v, want UTC", first.Location())
	}
}

func TestIDsOfTwoProcesses(t *testing.T) {
	one, two := models.NewIDs(0), models.NewIDs(models.MaxProcesses-1)
	var all []int64
	for range 10_000 {
		a, b := one(), two()
		if a <= 0 || b <= 0 {
			t.Fatalf("ids %d and %d have to be positive", a, b)
		}
		all = append(all, a, b)
	}
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != 20_000 {
		t.Errorf("%d different ids of 20,000", n)
	}
}

// Each process has a number of its own, which is in its ids and is given to
// another when it leaves.
func TestJoin(t *testing.T) {
	addresses(t, func(t *testing.T, address string) {
		first := newStore(t, address)
		dbs := []*models.DB{first}
		for i := range 3 {
			db := open(t, models.Options{Database: address, Name: fmt.Sprint("p", i)})
			join(t, db)
			join(t, db) // again changes nothing
			dbs = append(dbs, db)
		}
		nodes := make([]int64, len(dbs))
		for i, db := range dbs {
			nodes[i] = nodeOf(t, db)
		}
		if want := []int64{0, 1, 2, 3}; !slices.Equal(nodes, want) {
			t.Errorf("the processes have the numbers %v, want %v", nodes, want)
		}
		names := must[[]string](t)(first.LiveProcesses(t.Context()))
		slices.Sort(names)
		if want := slices.Sorted(slices.Values([]string{first.ProcessName(), "p0", "p1", "p2"})); !slices.Equal(names, want) || first.ProcessName() == "" {
			t.Errorf("live processes %v, want %v", names, want)
		}
		if err := dbs[1].Close(); err != nil {
			t.Fatal(err)
		}
		next := open(t, models.Options{Database: address, Name: "next"})
		join(t, next)
		if node := nodeOf(t, next); node != 1 {
			t.Errorf("a new process has the number %d, want 1, which is free", node)
		}
		if names := must[[]string](t)(first.LiveProcesses(t.Context())); len(names) != 4 || slices.Contains(names, "p0") || !slices.Contains(names, "next") {
			t.Errorf("live processes %v, want p0 gone and next there", names)
		}
	})
}

func nodeOf(t *testing.T, db *models.DB) int64 {
	t.Helper()
	var id int64
	if err := db.Write(t.Context(), func(tx *models.Tx) error {
		id = tx.NewID()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return models.NodeOf(id)
}

func TestJoinAtOnce(t *testing.T) {
	const processes = 6
	addresses(t, func(t *testing.T, address string) {
		newStore(t, address)
		var wg sync.WaitGroup
		dbs := make([]*models.DB, processes)
		for i := range dbs {
			dbs[i] = open(t, models.Options{Database: address, Name: fmt.Sprint("p", i)})
			wg.Go(func() {
				if err := dbs[i].Join(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var nodes []int64
		for _, db := range dbs {
			nodes = append(nodes, nodeOf(t, db))
		}
		slices.Sort(nodes)
		if want := []int64{1, 2, 3, 4, 5, 6}; !slices.Equal(nodes, want) {
			t.Errorf("the processes have the numbers %v, want %v", nodes, want)
		}
	})
}

// A process that was silent for too long loses its number, and learns of it.
func TestStaleProcess(t *testing.T) {
	addresses(t, func(t *testing.T, address string) {
		db := newStore(t, address)
		silent := open(t, models.Options{Database: address, Name: "silent"})
		join(t, silent)
		silence := func(d time.Duration) {
			execute(t, db, fmt.Sprintf("UPDATE processes SET heartbeat = %d WHERE name = 'silent'", time.Now().Add(-d).UnixMilli()))
		}
		silence(models.StaleAfter - 5*time.Second)
		if err := silent.Heartbeat(t.Context()); err != nil {
			t.Fatal(err)
		}
		age := time.Now().UnixMilli() - number(t, db, "SELECT heartbeat FROM processes WHERE name = 'silent'")
		if time.Duration(age)*time.Millisecond > 5*time.Second {
			t.Errorf("after a heartbeat the last one is %d ms old", age)
		}

		silence(models.StaleAfter + time.Second)
		if names := must[[]string](t)(db.LiveProcesses(t.Context())); slices.Contains(names, "silent") {
			t.Errorf("live processes %v", names)
		}
		heir := open(t, models.Options{Database: address, Name: "heir"})
		join(t, heir)
		if got := nodeOf(t, heir); got != 1 {
			t.Errorf("the new process has the number %d, want that of the silent one", got)
		}
		if err := silent.Heartbeat(t.Context()); err == nil {
			t.Error("the heart of a process beats whose number was taken")
		}
		if err := silent.Close(); err != nil {
			t.Error(err)
		}
		if err := heir.Heartbeat(t.Context()); err != nil {
			t.Errorf("when the silent one left, it took the number of its heir: %v", err)
		}
	})
}

// There are as many numbers as fit into an id.
func TestJoinWhenAllNumbersAreTaken(t *testing.T) {
	addresses(t, func(t *testing.T, address string) {
		db := newStore(t, address)
		execute(t, db, fmt.Sprintf(`INSERT INTO processes (node, name, started, heartbeat)
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i, 'x', 0, %d FROM n`,
			models.MaxProcesses-1, time.Now().UnixMilli()))
		more := open(t, models.Options{Database: address})
		if err := more.Join(t.Context()); err == nil {
			t.Errorf("process %d has joined", models.MaxProcesses+1)
		}
		execute(t, db, "DELETE FROM processes WHERE node = 77")
		join(t, more)
		if got := nodeOf(t, more); got != 77 {
			t.Errorf("the process has the number %d, want the one that is free", got)
		}
	})
}
