package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"gorm.io/gorm"
)

// Tx is a transaction that is under way. It has every query of a DB, and sees
// what it has changed itself.
type Tx struct {
	conn
	sql      *sql.Tx
	position int64
	after    []func()
}

// SQL is the transaction as database/sql has it, for libraries with tables of
// their own.
func (tx *Tx) SQL() *sql.Tx { return tx.sql }

// NewID returns a new row id.
func (tx *Tx) NewID() int64 { return tx.db.ids.next() }

// AfterCommit has f called once what the transaction did is durable and
// visible. It is not called when the transaction fails. The writes that share the
// commit wait for f: it has to return soon, and may not write itself.
func (tx *Tx) AfterCommit(f func()) { tx.after = append(tx.after, f) }

// Position returns the place of what this transaction does in the order of all
// streams. [Tx.Distribute] uses it up: what comes after gets the next one. From
// the first call until commit no other transaction gets one, so call it as late
// as possible: after everything that needs no position.
func (tx *Tx) Position(ctx context.Context) (int64, error) {
	if tx.position != 0 {
		return tx.position, nil
	}
	found, err := tx.get(ctx, "UPDATE sequences SET last = last + 1 WHERE name = 'position' RETURNING last", nil, &tx.position)
	if err != nil {
		return 0, fmt.Errorf("taking a position: %w", err)
	}
	if !found {
		return 0, errors.New("taking a position: the table of sequences is empty; run 'manifold migrate'")
	}
	return tx.position, nil
}

// positions takes n positions and returns the last of them.
func (tx *Tx) positions(ctx context.Context, n int64) (last int64, err error) {
	if _, err := tx.get(ctx, "UPDATE sequences SET last = last + ? WHERE name = 'position' RETURNING last", []any{n}, &last); err != nil {
		return 0, fmt.Errorf("taking positions: %w", err)
	}
	return last, nil
}

// Write runs f inside a transaction and commits it, durably: when Write returns
// nil, what f did survives the loss of power. When f returns an error, nothing
// that it did remains.
//
// f must use nothing but its Tx to reach the database: there is one writing
// connection on SQLite. It may be run again when the transaction is lost to
// another, so it must not change anything outside; see [Tx.AfterCommit]. On
// SQLite the functions of concurrent calls run one after the other and share a
// commit; one that fails takes back only what it did, and one whose context ends
// while it runs goes on to its end.
func (db *DB) Write(ctx context.Context, f func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if db.batch != nil {
		return db.batch.run(ctx, f)
	}
	db.open.RLock()
	defer db.open.RUnlock()
	for attempt := 1; ; attempt++ {
		err := db.writeOnce(ctx, f)
		if err == nil || attempt == 5 || !isRetryable(err) || ctx.Err() != nil {
			return err
		}
	}
}

func (db *DB) writeOnce(ctx context.Context, f func(*Tx) error) error {
	sqlTx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	tx := db.newTx(ctx, sqlTx)
	if err := call(tx, f); err != nil {
		return errors.Join(err, ignoreDone(sqlTx.Rollback()))
	}
	if err := sqlTx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	tx.committed()
	return nil
}

func (db *DB) newTx(ctx context.Context, sqlTx *sql.Tx) *Tx {
	g := db.writeGorm.Session(&gorm.Session{Context: ctx, NewDB: true})
	g.Statement.ConnPool = sqlTx
	return &Tx{conn: conn{g: g, db: db, tx: true}, sql: sqlTx}
}

func (tx *Tx) committed() {
	for _, f := range tx.after {
		f()
	}
}

// call runs f and turns a panic into an error, since it may run on a goroutine
// that serves others too.
func call(tx *Tx, f func(*Tx) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic inside a transaction: %v\n%s", r, debug.Stack())
		}
	}()
	return f(tx)
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// batcher runs the writes of SQLite. Those that arrive while a commit is under
// way wait for the next one and share it, so that the cost of making them
// durable is paid once for all of them.
type batcher struct {
	db    *DB
	queue chan *pending
	quit  chan struct{}
	done  chan struct{}
	once  sync.Once
}

type pending struct {
	ctx    context.Context
	f      func(*Tx) error
	tx     *Tx
	err    error
	result chan error
}

// batchSize bounds how many writes share a commit, so that the first of them
// does not wait for ever.
const batchSize = 64

func newBatcher(db *DB) *batcher {
	b := &batcher{db: db, queue: make(chan *pending, batchSize), quit: make(chan struct{}), done: make(chan struct{})}
	go b.loop()
	return b
}

var errClosed = errors.New("the database is closed")

func (b *batcher) run(ctx context.Context, f func(*Tx) error) error {
	p := &pending{ctx: ctx, f: f, result: make(chan error, 1)}
	select {
	case b.queue <- p:
	case <-b.quit:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-p.result:
		return err
	case <-b.done:
	}
	select {
	case err := <-p.result: // the last thing that was done before the end
		return err
	default:
		return errClosed
	}
}

func (b *batcher) close() {
	b.once.Do(func() { close(b.quit) })
	<-b.done
}

func (b *batcher) loop() {
	defer close(b.done)
	for {
		select {
		case p := <-b.queue:
			b.commit(p)
		case <-b.quit:
			for {
				select {
				case p := <-b.queue:
					b.commit(p)
				default:
					return
				}
			}
		}
	}
}

// commit runs one transaction for first and for everything that waits by then.
func (b *batcher) commit(first *pending) {
	for batch := []*pending{first}; len(batch) > 0; {
		batch = b.attempt(batch)
	}
}

// attempt runs writes, and those that come meanwhile, in one transaction and
// answers them. When one of them loses the transaction, that one is answered and
// the others are returned, to be run again.
func (b *batcher) attempt(batch []*pending) (again []*pending) {
	// The context of one caller may not end the transaction of the others.
	sqlTx, err := b.db.write.BeginTx(context.Background(), nil)
	if err != nil {
		for _, p := range batch {
			p.result <- fmt.Errorf("beginning a transaction: %w", err)
		}
		return nil
	}
	for i := 0; i < len(batch); i++ {
		p := batch[i]
		if lost := b.step(sqlTx, p); lost != nil {
			_ = sqlTx.Rollback() // fails where nothing is left to roll back
			if p.err == nil {
				p.err = fmt.Errorf("the transaction was lost: %w", lost)
			}
			p.result <- p.err
			return slices.Delete(batch, i, i+1)
		}
		if i == len(batch)-1 && i < batchSize-1 {
			select {
			case p := <-b.queue:
				batch = append(batch, p)
			default:
			}
		}
	}
	b.answer(batch, sqlTx.Commit())
	return nil
}

func (b *batcher) answer(batch []*pending, commitErr error) {
	for _, p := range batch {
		switch {
		case p.err != nil:
		case commitErr != nil:
			p.err = fmt.Errorf("committing: %w", commitErr)
		default:
			p.tx.committed()
		}
		p.result <- p.err
	}
}

// step runs one write inside a savepoint, which takes back what it did when it
// fails. lost is set when the savepoint is gone, and the transaction with it:
// SQLite rolls back all of it when a statement is interrupted, and on some
// errors of the disk.
func (b *batcher) step(sqlTx *sql.Tx, p *pending) (lost error) {
	if p.err = p.ctx.Err(); p.err != nil {
		return nil
	}
	if _, err := sqlTx.Exec("SAVEPOINT write_step"); err != nil {
		return err
	}
	p.tx = b.db.newTx(context.WithoutCancel(p.ctx), sqlTx)
	if p.err = call(p.tx, p.f); p.err != nil {
		if _, err := sqlTx.Exec("ROLLBACK TO write_step"); err != nil {
			return err
		}
	}
	_, err := sqlTx.Exec("RELEASE write_step")
	return err
}
