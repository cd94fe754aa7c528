package bridge

import (
	"context"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"manifold/models"
)

// AddPerson makes an account without what costs time in [Bridge.Register]: the
// hash of a password, and the welcome.
func (b *Bridge) AddPerson(ctx context.Context, nickname string) (*models.Actor, error) {
	var person *models.Actor
	err := b.db.Write(ctx, func(tx *models.Tx) error {
		account := &models.Account{ActorID: tx.NewID(), Nickname: nickname, Created: b.time(), Updated: b.time()}
		if err := tx.CreateAccount(ctx, account); err != nil {
			return err
		}
		person = b.newPerson(account)
		return tx.CreateActor(ctx, person, b.names.PersonAliases(nickname)...)
	})
	return person, err
}

// Jobs lists every job that is queued, in the order of their making.
func (b *Bridge) Jobs(ctx context.Context) ([]*rivertype.JobRow, error) {
	list, err := b.queue.client.JobList(ctx, river.NewJobListParams().OrderBy(river.JobListOrderByID, river.SortOrderAsc).First(1000))
	if err != nil {
		return nil, err
	}
	return list.Jobs, nil
}

// RunNow has a job that waits for its next attempt make it at once.
func (b *Bridge) RunNow(ctx context.Context, id int64) error {
	_, err := b.queue.client.JobRetry(ctx, id)
	return err
}

// Pulse does what is done at every beat of the heart of a process.
func (b *Bridge) Pulse(ctx context.Context) error { return b.pulse(ctx) }

// RetryDelay is how long a job waits after its attempt has failed.
func RetryDelay(attempt int, jitter float64) time.Duration { return retryDelay(attempt, jitter) }

// Paragraphs is what HTML says, as lines of text.
func Paragraphs(markup string, most int) (lines []string, cut bool) { return paragraphs(markup, most) }

// NewUnsubscription and OpenUnsubscription make and read the token of a link that
// ends notifications.
func NewUnsubscription(key []byte, actor int64) string { return newUnsubscription(key, actor) }

func OpenUnsubscription(key []byte, token string) (int64, bool) {
	return openUnsubscription(key, token)
}

// Past is the past tense of a verb.
func Past(verb string) string { return past(verb) }

// What the time until a job of a killed process runs again is made of.
const (
	HeartbeatEvery = heartbeatEvery
	PollEvery      = pollEvery
	MaxAttempts    = maxAttempts
	DeliveryChunk  = deliveryChunk
)

// Changed does what is done when an activity was put into streams.
func (b *Bridge) Changed(activity int64) { b.watchers.changed(change{activity: activity}) }

// NarrowFrom sets from how many watched owners on it is asked first whom an
// activity can have reached.
func (b *Bridge) NarrowFrom(n int) { b.watchers.narrowFrom = n }

// BoundArrivals sets how many arrivals are taken, and how many of them are in
// memory.
func (b *Bridge) BoundArrivals(waiting int64, held int) {
	b.arrivals.maxWaiting, b.arrivals.maxHeld = waiting, held
}

// ArrivalDelay is how long an arrival waits after so many failures.
func ArrivalDelay(attempts int) time.Duration { return arrivalDelay(attempts) }

// ArrivalAttempts is how often an arrival is tried.
const ArrivalAttempts = arrivalAttempts

// Of hosts that fail.
const (
	BreakAfter      = breakAfter
	DeliveryWorkers = deliveryWorkers
	GoneAfter       = goneAfter
)

// SyncHosts does what is done at every beat of the heart: it tells other processes
// which hosts fail, and learns it from them.
func (b *Bridge) SyncHosts(ctx context.Context) error { return b.hosts.sync(ctx) }
