package bridge

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"time"

	"manifold/models"
	"manifold/models/vocab"
)

// Network is what the bridge needs of a network to reach people on it.
type Network interface {
	// Name is the word under which documents and presences of this network are
	// stored ("pump", "activitypub", "ostatus").
	Name() string
	// Discover finds an account by what a person would type or a document would
	// say: user@host, acct:user@host, or a URL. It returns [ErrUnknownAccount] when
	// its host says that there is none.
	Discover(ctx context.Context, name string) (*Account, error)
	// Fetch reads a thing by its id from its own server.
	Fetch(ctx context.Context, iri string) (*vocab.Object, error)
	// Deliver sends an activity to the inboxes of one delivery, and returns
	// those that should be tried again.
	Deliver(ctx context.Context, d *Delivery) (retry []string, err error)
}

// ErrUnknownAccount means that a server says that it has no such account.
var ErrUnknownAccount = errors.New("no such account")

// Account is a remote account as a network found it.
type Account struct {
	// Profile has the id by which the network knows the actor.
	Profile *vocab.Object
	// Aliases are its other names.
	Aliases []string
	// Inbox and SharedInbox are where deliveries go; SharedInbox may be empty.
	Inbox, SharedInbox string
}

// Delivery is one activity on its way to some inboxes of one network.
type Delivery struct {
	Activity *models.Activity
	Inboxes  []string
}

// Options for [New].
type Options struct {
	// DB is the store; it must have been joined, see [models.DB.Join].
	DB *models.DB
	// BaseURL is the public address of this server, without a slash at its end.
	BaseURL *url.URL
	// SiteName is shown to people.
	SiteName string
	Log      *slog.Logger
	// Networks are those that people elsewhere are reached by, best first.
	Networks []Network
	// Files are where uploads are kept; it may be nil where there are none.
	Files Files
	// Now replaces the clock in tests.
	Now func() time.Time
}

// Files removes uploaded files.
type Files interface {
	Remove(ctx context.Context, name string) error
}

// Bridge joins the networks over one store. It may be used by any number of
// goroutines.
type Bridge struct {
	db       *models.DB
	names    *Names
	site     string
	log      *slog.Logger
	networks []Network
	files    Files
	now      func() time.Time
	queue    *Queue
	watchers *watchers
}

// New makes a bridge. Call [Bridge.Start] to have its jobs run.
func New(o Options) (*Bridge, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	b := &Bridge{
		db: o.DB, names: NewNames(o.BaseURL), site: o.SiteName, log: o.Log, networks: o.Networks, files: o.Files, now: o.Now,
	}
	b.watchers = newWatchers(b)
	var err error
	b.queue, err = newQueue(b)
	return b, err
}

// DB is the store.
func (b *Bridge) DB() *models.DB { return b.db }

// Names makes the ids of what is ours.
func (b *Bridge) Names() *Names { return b.names }

// SiteName is shown to people.
func (b *Bridge) SiteName() string { return b.site }

// time is the present to the millisecond, as the store keeps it.
func (b *Bridge) time() time.Time { return b.now().UTC().Truncate(time.Millisecond) }
