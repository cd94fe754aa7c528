package models

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// MaxHubAddress is how many bytes the addresses of a topic and a callback may have
// together, bounded by what an index of PostgreSQL takes.
const MaxHubAddress = 2200

// HubSubscriber is a server that has subscribed to a feed of ours.
type HubSubscriber struct {
	ID int64
	// Topic is the address of the feed, Callback where what is new is posted, Host
	// that of the callback, with the port where there is one.
	Topic, Callback, Host string
	// OwnerID is whose feed it is.
	OwnerID   int64
	Secret    string
	Algorithm string
	Expires   time.Time
	// Place is the position of the last publication that it has.
	Place int64
	// Failures counts the attempts in a row that failed, the first of them at Since.
	Failures int64
	Since    time.Time
}

// HubPublication is something new in a feed that somebody has subscribed to.
type HubPublication struct {
	Position   int64
	ActivityID int64
}

// HubRequest is what a subscriber has asked for and has not confirmed yet.
type HubRequest struct {
	ID                    int64
	Topic, Callback, Host string
	Mode                  string
	Secret, Algorithm     string
	Lease                 time.Duration
	VerifyToken           string
	Created               time.Time
}

// SetHubRequest stores a request, in the place of an earlier one with the same
// topic and callback, and gives it an id.
func (tx *Tx) SetHubRequest(ctx context.Context, r *HubRequest) error {
	r.ID = tx.NewID()
	_, err := tx.exec(ctx, `INSERT INTO hub_requests (topic, callback, id, host, mode, secret, algorithm, lease, verify_token, created)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (topic, callback) DO UPDATE SET id = excluded.id, mode = excluded.mode, secret = excluded.secret, algorithm = excluded.algorithm,
			lease = excluded.lease, verify_token = excluded.verify_token, created = excluded.created`,
		r.Topic, r.Callback, r.ID, r.Host, r.Mode, binary([]byte(r.Secret)), r.Algorithm, r.Lease.Milliseconds(), r.VerifyToken, millis(r.Created))
	if err != nil {
		return fmt.Errorf("storing a request to the hub: %w", err)
	}
	return nil
}

// HubRequest returns a request, or [ErrNotFound] where another has taken its place
// or it was dealt with.
func (c *conn) HubRequest(ctx context.Context, id int64) (*HubRequest, error) {
	r := &HubRequest{ID: id}
	var secret []byte
	var lease, created int64
	found, err := c.get(ctx, "SELECT topic, callback, host, mode, secret, algorithm, lease, verify_token, created FROM hub_requests WHERE id = ?", []any{id},
		&r.Topic, &r.Callback, &r.Host, &r.Mode, &secret, &r.Algorithm, &lease, &r.VerifyToken, &created)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading a request to the hub: %w", err)
	case !found:
		return nil, ErrNotFound
	}
	r.Secret, r.Lease, r.Created = string(secret), time.Duration(lease)*time.Millisecond, fromMillis(created)
	return r, nil
}

// RemoveHubRequest removes a request that was dealt with, and reports whether it
// was still there.
func (tx *Tx) RemoveHubRequest(ctx context.Context, id int64) (bool, error) {
	n, err := tx.exec(ctx, "DELETE FROM hub_requests WHERE id = ?", id)
	if err != nil {
		return false, fmt.Errorf("removing a request to the hub: %w", err)
	}
	return n > 0, nil
}

// CountHubRequests returns how many requests wait for the callbacks of a host.
func (c *conn) CountHubRequests(ctx context.Context, host string) (int64, error) {
	var n int64
	if _, err := c.get(ctx, "SELECT COUNT(*) FROM hub_requests WHERE host = ?", []any{host}, &n); err != nil {
		return 0, fmt.Errorf("counting requests to the hub: %w", err)
	}
	return n, nil
}

// CountHubSubscribers returns how many subscriptions to a topic a host has besides
// the one with a callback.
func (c *conn) CountHubSubscribers(ctx context.Context, topic, host, callback string) (int64, error) {
	var n int64
	if _, err := c.get(ctx, "SELECT COUNT(*) FROM hub_subscribers WHERE topic = ? AND host = ? AND callback <> ? AND request = 0", []any{topic, host, callback}, &n); err != nil {
		return 0, fmt.Errorf("counting subscribers: %w", err)
	}
	return n, nil
}

// ExpectHubSubscriber keeps what is published from now on for somebody who is about to
// be asked whether they meant a request. Nothing is sent to them before
// [Tx.SetHubSubscriber], and nothing is kept any more after [Tx.ForgetHubSubscriber].
// Where there is the subscription already, or an earlier request, that keeps its place.
// Of the subscriber, secret, algorithm and place are not looked at.
func (tx *Tx) ExpectHubSubscriber(ctx context.Context, s HubSubscriber, request int64) error {
	place, err := tx.positions(ctx, 1)
	if err == nil {
		_, err = tx.exec(ctx, `INSERT INTO hub_subscribers (id, topic, callback, host, owner_id, secret, algorithm, expires, place, failures, failing_since, next_try, hold, request)
			VALUES (?, ?, ?, ?, ?, ?, '', ?, ?, 0, 0, 0, 0, ?)
			ON CONFLICT (topic, callback) DO UPDATE SET request = excluded.request, expires = excluded.expires WHERE hub_subscribers.request <> 0`,
			tx.NewID(), s.Topic, s.Callback, s.Host, s.OwnerID, binary([]byte{}), millis(s.Expires), place, request)
	}
	return wrapped("expecting a subscriber", err)
}

// ForgetHubSubscriber keeps nothing more for somebody who has not confirmed a request.
func (tx *Tx) ForgetHubSubscriber(ctx context.Context, request int64) error {
	var topic string
	found, err := tx.get(ctx, "DELETE FROM hub_subscribers WHERE request = ? AND request <> 0 RETURNING topic", []any{request}, &topic)
	if err == nil && found {
		err = tx.forgetPublications(ctx, topic)
	}
	return wrapped("forgetting who has not subscribed", err)
}

// forgetPublications removes what was published in a topic that nobody has subscribed
// to.
func (tx *Tx) forgetPublications(ctx context.Context, topic string) error {
	_, err := tx.exec(ctx, "DELETE FROM hub_publications WHERE topic = ? AND (SELECT MIN(place) FROM hub_subscribers WHERE topic = ?) IS NULL", topic, topic)
	return err
}

// SetHubSubscriber makes a subscription, or changes secret and lease of the one
// with the same topic and callback, which keeps its place. A new one gets what is
// published from when it was expected on. It reports whether there is something that the subscriber
// has missed: a server that renews is well, and is not to wait for it any longer.
func (tx *Tx) SetHubSubscriber(ctx context.Context, s HubSubscriber, now time.Time) (behind bool, err error) {
	place, err := tx.positions(ctx, 1)
	if err != nil {
		return false, err
	}
	var at int64
	_, err = tx.get(ctx, `INSERT INTO hub_subscribers (id, topic, callback, host, owner_id, secret, algorithm, expires, place, failures, failing_since, next_try, hold)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0)
		ON CONFLICT (topic, callback) DO UPDATE SET secret = excluded.secret, algorithm = excluded.algorithm, expires = excluded.expires, request = 0,
			failures = 0, failing_since = 0,
			next_try = CASE WHEN hub_subscribers.hold <> 0 OR hub_subscribers.next_try = 0 THEN hub_subscribers.next_try ELSE ? END
		RETURNING place`,
		[]any{tx.NewID(), s.Topic, s.Callback, s.Host, s.OwnerID, binary([]byte(s.Secret)), s.Algorithm, millis(s.Expires), place, millis(now)}, &at)
	if err != nil {
		return false, fmt.Errorf("storing a subscriber: %w", err)
	}
	if _, err := tx.get(ctx, "SELECT COALESCE(MAX(position), 0) > ? FROM hub_publications WHERE topic = ?", []any{at, s.Topic}, &behind); err != nil {
		return false, fmt.Errorf("reading what a subscriber has missed: %w", err)
	}
	return behind, nil
}

// RemoveHubSubscriber ends the subscription of a topic and callback, if there is
// one.
func (tx *Tx) RemoveHubSubscriber(ctx context.Context, topic, callback string) error {
	_, err := tx.exec(ctx, "DELETE FROM hub_subscribers WHERE topic = ? AND callback = ?", topic, callback)
	if err == nil {
		err = tx.forgetPublications(ctx, topic)
	}
	if err != nil {
		return fmt.Errorf("removing a subscriber: %w", err)
	}
	return nil
}

// RemoveHubTopic ends all subscriptions to a topic, which is no more.
func (tx *Tx) RemoveHubTopic(ctx context.Context, topic string) error {
	for _, query := range []string{"DELETE FROM hub_subscribers WHERE topic = ?", "DELETE FROM hub_publications WHERE topic = ?"} {
		if _, err := tx.exec(ctx, query, topic); err != nil {
			return fmt.Errorf("removing a topic: %w", err)
		}
	}
	return nil
}

// HubTopics returns the topics of owners that somebody has subscribed to or is about
// to, by owner. Each has one feed.
func (c *conn) HubTopics(ctx context.Context, owners ...int64) (map[int64]string, error) {
	topics := map[int64]string{}
	for chunk := range slices.Chunk(owners, unionChunk) {
		query, args := unionAll(chunk, "SELECT owner_id, MIN(topic) AS topic FROM hub_subscribers WHERE owner_id = ? GROUP BY owner_id")
		err := c.each(ctx, query, args, func(r *sql.Rows) error {
			var owner int64
			var topic string
			err := r.Scan(&owner, &topic)
			topics[owner] = topic
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("finding topics: %w", err)
		}
	}
	return topics, nil
}

// AddHubPublications adds an activity to what is new in topics. From the call until
// commit no other transaction adds any, so that nobody who has one has missed an
// earlier one.
func (tx *Tx) AddHubPublications(ctx context.Context, activity int64, now time.Time, topics ...string) error {
	if len(topics) == 0 {
		return nil
	}
	last, err := tx.positions(ctx, int64(len(topics)))
	if err != nil {
		return err
	}
	for i, topic := range topics {
		_, err := tx.exec(ctx, "INSERT INTO hub_publications (topic, position, activity_id, created) VALUES (?, ?, ?, ?)",
			topic, last-int64(i), activity, millis(now))
		if err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
	}
	return nil
}

// HubBatch says which of the subscribers of a topic are taken to deliver to.
type HubBatch struct {
	Topic string
	// Failing takes those who have failed the last time and are due again, and
	// nobody else.
	Failing bool
	Count   int
	// Until is how long nobody else takes them, unless [Tx.SettleHub] is called
	// before.
	Now, Until time.Time
}

// TakeHub takes subscribers of a topic who lack something that was published, those
// who lack least before the others. hold is for [Tx.SettleHub].
func (tx *Tx) TakeHub(ctx context.Context, b HubBatch) (list []HubSubscriber, hold int64, err error) {
	hold = tx.NewID()
	failing, skip := "failures = 0", ""
	if b.Failing {
		failing = "failures > 0"
	}
	if tx.db.dialect == Postgres {
		skip = " FOR UPDATE SKIP LOCKED"
	}
	err = tx.each(ctx, `UPDATE hub_subscribers SET hold = ?, next_try = ? WHERE id IN (
			SELECT id FROM hub_subscribers WHERE topic = ? AND place < (SELECT MAX(position) FROM hub_publications WHERE topic = ?)
				AND next_try <= ? AND request = 0 AND `+failing+` ORDER BY place DESC LIMIT `+strconv.Itoa(b.Count)+skip+`)
		RETURNING id, callback, host, owner_id, secret, algorithm, expires, place, failures, failing_since`,
		[]any{hold, millis(b.Until), b.Topic, b.Topic, millis(b.Now)}, func(r *sql.Rows) error {
			s := HubSubscriber{Topic: b.Topic}
			var secret []byte
			var expires, since int64
			err := r.Scan(&s.ID, &s.Callback, &s.Host, &s.OwnerID, &secret, &s.Algorithm, &expires, &s.Place, &s.Failures, &since)
			s.Secret, s.Expires, s.Since = string(secret), fromMillis(expires), fromMillis(since)
			list = append(list, s)
			return err
		})
	if err != nil {
		return nil, 0, fmt.Errorf("taking subscribers: %w", err)
	}
	return list, hold, nil
}

// HubPending returns what was published in a topic after each of some places, in
// order and at most so many.
func (c *conn) HubPending(ctx context.Context, topic string, count int, places ...int64) (map[int64][]HubPublication, error) {
	pending := map[int64][]HubPublication{}
	for chunk := range slices.Chunk(places, unionChunk) {
		query, args := unionAll(chunk, `SELECT d.place, p.position, p.activity_id FROM (SELECT CAST(? AS BIGINT) AS place) d
			JOIN hub_publications p ON p.topic = ? AND p.position > d.place ORDER BY p.position LIMIT `+strconv.Itoa(count), topic)
		err := c.each(ctx, query, args, func(r *sql.Rows) error {
			var place int64
			var p HubPublication
			err := r.Scan(&place, &p.Position, &p.ActivityID)
			pending[place] = append(pending[place], p)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("reading what was published: %w", err)
		}
	}
	return pending, nil
}

// HubState is how a subscriber stands after it was delivered to.
type HubState struct {
	Place    int64
	Failures int64
	Since    time.Time
	// NextTry is zero for one who is well.
	NextTry time.Time
	// Ended is for one whose subscription has ended.
	Ended bool
}

// SettleHub notes how subscribers of one batch stand, by their ids, and gives them
// back. Those whom somebody else has taken since stay as they are.
func (tx *Tx) SettleHub(ctx context.Context, hold int64, states map[int64]HubState) error {
	groups := map[HubState][]int64{}
	for id, s := range states {
		if s.Ended {
			s = HubState{Ended: true}
		}
		groups[s] = append(groups[s], id)
	}
	for s, ids := range groups {
		slices.Sort(ids)
		var err error
		if s.Ended {
			err = tx.execIn(ctx, "DELETE FROM hub_subscribers WHERE hold = ? AND id IN ?", ids, hold)
		} else {
			err = tx.execIn(ctx, "UPDATE hub_subscribers SET place = ?, failures = ?, failing_since = ?, next_try = ?, hold = 0 WHERE hold = ? AND id IN ?",
				ids, s.Place, s.Failures, millis(s.Since), millis(s.NextTry), hold)
		}
		if err != nil {
			return fmt.Errorf("settling deliveries to subscribers: %w", err)
		}
	}
	return nil
}

// FreeHub gives back the subscribers that were taken by a process that is gone, and
// has them tried again from now on, so that nobody waits until its time is over. On
// SQLite one process delivers, on PostgreSQL those whose hearts beat.
func (db *DB) FreeHub(ctx context.Context, now time.Time) error {
	holds := map[int64]bool{} // whether whoever holds it is gone
	err := db.each(ctx, "SELECT DISTINCT hold FROM hub_subscribers WHERE next_try > 0 AND hold <> 0", nil, func(r *sql.Rows) error {
		var hold int64
		err := r.Scan(&hold)
		holds[hold] = true
		return err
	})
	if err != nil || len(holds) == 0 {
		return wrapped("finding batches of the hub", err)
	}
	alive, args := "heartbeat >= ?", []any{time.Now().Add(-staleAfter).UnixMilli()}
	if db.dialect == SQLite {
		alive, args = "name = ?", []any{db.process.name}
	}
	err = db.each(ctx, "SELECT node, started FROM processes WHERE node >= 0 AND "+alive, args, func(r *sql.Rows) error {
		var node, started int64
		err := r.Scan(&node, &started)
		for hold := range holds {
			// A number is given to another process when the one that had it is gone.
			if hold>>seqBits&(MaxProcesses-1) == node && IDTime(hold).UnixMilli() >= started {
				holds[hold] = false
			}
		}
		return err
	})
	if err != nil {
		return wrapped("finding batches of the hub", err)
	}
	var gone []int64
	for hold, dead := range holds {
		if dead {
			gone = append(gone, hold)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return db.Write(ctx, func(tx *Tx) error {
		return wrapped("freeing batches of the hub", tx.execIn(ctx, "UPDATE hub_subscribers SET hold = 0, next_try = ? WHERE next_try > 0 AND hold IN ?", gone, millis(now)))
	})
}

// wrapped says what failed, if anything has.
func wrapped(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// TidyHub removes publications that all subscribers of a topic have, and has
// nobody wait who waits for nothing.
func (tx *Tx) TidyHub(ctx context.Context, topic string, now time.Time) error {
	_, err := tx.exec(ctx, "DELETE FROM hub_publications WHERE topic = ? AND position <= COALESCE((SELECT MIN(place) FROM hub_subscribers WHERE topic = ?), ?)",
		topic, topic, int64(math.MaxInt64))
	if err == nil {
		_, err = tx.exec(ctx, `UPDATE hub_subscribers SET failures = 0, failing_since = 0, next_try = 0, hold = 0
			WHERE topic = ? AND next_try > 0 AND next_try <= ? AND NOT EXISTS (SELECT 1 FROM hub_publications p WHERE p.topic = hub_subscribers.topic AND p.position > hub_subscribers.place)`, topic, millis(now))
	}
	if err != nil {
		return fmt.Errorf("tidying up a topic: %w", err)
	}
	return nil
}

// DueHubTopics returns topics some of whose subscribers are to be tried again, or
// were taken by somebody who has not given them back in time.
func (c *conn) DueHubTopics(ctx context.Context, now time.Time, count int) ([]string, error) {
	var topics []string
	err := c.each(ctx, "SELECT topic FROM hub_subscribers WHERE next_try > 0 AND next_try <= ? GROUP BY topic ORDER BY MIN(next_try) LIMIT "+strconv.Itoa(count),
		[]any{millis(now)}, func(r *sql.Rows) error {
			var topic string
			err := r.Scan(&topic)
			topics = append(topics, topic)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("finding topics that are due: %w", err)
	}
	return topics, nil
}

// PruneHub removes subscriptions that have ended by one time, and publications and
// requests that are older than others.
func (tx *Tx) PruneHub(ctx context.Context, ended, published, asked time.Time) error {
	for _, one := range []struct {
		query  string
		before time.Time
	}{
		{"DELETE FROM hub_subscribers WHERE expires < ?", ended},
		{"DELETE FROM hub_publications WHERE created < ?", published},
		{"DELETE FROM hub_requests WHERE created < ?", asked},
	} {
		if _, err := tx.exec(ctx, one.query, millis(one.before)); err != nil {
			return fmt.Errorf("pruning the hub: %w", err)
		}
	}
	return nil
}

// CountHub returns how many subscriptions there are, and how many of them fail.
func (c *conn) CountHub(ctx context.Context) (all, failing int64, err error) {
	_, err = c.get(ctx, "SELECT COUNT(*), COALESCE(SUM(CASE WHEN failures > 0 THEN 1 ELSE 0 END), 0) FROM hub_subscribers WHERE request = 0", nil, &all, &failing)
	if err != nil {
		return 0, 0, fmt.Errorf("counting subscriptions: %w", err)
	}
	return all, failing, nil
}
