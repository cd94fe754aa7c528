package models

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// staleAfter is how long a process may be silent before others take it for dead.
const staleAfter = 45 * time.Second

type process struct {
	mu     sync.Mutex
	name   string
	node   int
	joined bool
}

// Join gives this process a number of its own among those that run on the
// database, which goes into every row id that it makes, and enters it into the
// table of processes. Whatever writes must have joined.
func (db *DB) Join(ctx context.Context) error {
	p := db.process
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.joined {
		return nil
	}
	if p.name == "" {
		// In a container that was restarted, host and process id are those of the
		// process that was killed.
		host, _ := os.Hostname()
		p.name = fmt.Sprintf("%s:%d:%s", host, os.Getpid(), rand.Text()[:8])
	}
	// Another process that picks the same number at the same time fails on the
	// primary key; the loser picks again.
	for {
		err := db.claimNode(ctx, p)
		if err == nil {
			break
		}
		if !IsUnique(err) || ctx.Err() != nil {
			return fmt.Errorf("joining the processes on the database: %w", err)
		}
	}
	db.ids = newIDMaker(p.node)
	p.joined = true
	return nil
}

func (db *DB) claimNode(ctx context.Context, p *process) error {
	return db.Write(ctx, func(tx *Tx) error {
		now := time.Now().UnixMilli()
		if _, err := tx.exec(ctx, "DELETE FROM processes WHERE heartbeat < ?", now-staleAfter.Milliseconds()); err != nil {
			return err
		}
		var used []int
		if err := tx.in(ctx).Raw("SELECT node FROM processes ORDER BY node").Scan(&used).Error; err != nil {
			return err
		}
		p.node = firstFree(used)
		if p.node >= MaxProcesses {
			return fmt.Errorf("%d processes run on this database, no more can join", len(used))
		}
		_, err := tx.exec(ctx, "INSERT INTO processes (node, name, started, heartbeat) VALUES (?, ?, ?, ?)", p.node, p.name, now, now)
		return err
	})
}

// firstFree returns the smallest number that a sorted list leaves out.
func firstFree(used []int) int {
	for i, n := range used {
		if n != i {
			return i
		}
	}
	return len(used)
}

// ProcessName is the name under which this process has joined.
func (db *DB) ProcessName() string { return db.process.name }

// Heartbeat tells the others that this process lives. Call it several times
// within 45 seconds.
func (db *DB) Heartbeat(ctx context.Context) error {
	err := db.Write(ctx, func(tx *Tx) error {
		now := time.Now().UnixMilli()
		n, err := tx.exec(ctx, "UPDATE processes SET heartbeat = ? WHERE node = ? AND name = ?", now, db.process.node, db.process.name)
		if err == nil && n == 0 {
			err = errors.New("another process has taken the number of this one, which was silent for too long; restart it")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	return nil
}

// LiveProcesses returns the names of the processes whose heart beats.
func (c *conn) LiveProcesses(ctx context.Context) ([]string, error) {
	var names []string
	err := c.in(ctx).Raw("SELECT name FROM processes WHERE heartbeat >= ?", time.Now().Add(-staleAfter).UnixMilli()).Scan(&names).Error
	if err != nil {
		return nil, fmt.Errorf("reading the processes: %w", err)
	}
	return names, nil
}

// leave gives the number back.
func (db *DB) leave() error {
	p := db.process
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.joined {
		return nil
	}
	p.joined = false
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return db.Write(ctx, func(tx *Tx) error {
		_, err := tx.exec(ctx, "DELETE FROM processes WHERE node = ? AND name = ?", p.node, p.name)
		return err
	})
}
