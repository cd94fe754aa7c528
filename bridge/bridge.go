package bridge

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"manifold/models"
	"manifold/models/vocab"
)

// Network is what the bridge needs of a network to reach people on it.
type Network interface {
	// Name is the word under which documents and presences of this network are
	// stored ("pump", "activitypub", "ostatus").
	Name() string
	// Confirms says that a follow counts only once whoever is followed has accepted
	// it.
	Confirms() bool
	// Discover finds an account by what a person would type or a document would
	// say: user@host, acct:user@host, or a URL. It returns [ErrUnknownAccount] when
	// its host says that there is none.
	Discover(ctx context.Context, name string) (*Account, error)
	// Fetch reads a thing by its id from its own server. It returns [ErrNoThing] when
	// that says that there is none, or does not show it to us.
	Fetch(ctx context.Context, iri string) (*Found, error)
	// Deliver sends an activity to the inboxes of one delivery, and returns
	// those that should be tried again. It tells why an inbox did not take it by
	// [Delivery.Fail].
	Deliver(ctx context.Context, d *Delivery) (retry []string, err error)
}

// ErrUnknownAccount means that a server says that it has no such account.
var ErrUnknownAccount = errors.New("no such account")

// ErrNoThing means that a server does not show a thing that was asked for.
var ErrNoThing = errors.New("no such thing")

// Account is a remote account as a network found it.
type Account struct {
	// Profile has the id by which people know the actor: acct:nick@host, where the
	// host confirms it, else IRI.
	Profile *vocab.Object
	// IRI is the id that the actor has on the network Network, which is where the
	// account was found. Where Network is empty, nothing is known of how the actor is
	// reached.
	Network, IRI string
	// Aliases are its other names.
	Aliases []string
	// Inbox and SharedInbox are where deliveries go; SharedInbox may be empty.
	Inbox, SharedInbox string
	// Original is the document that tells all this, where the network has one,
	// Verified how it is known to be theirs. It is kept until the next one comes.
	Verified, ContentType string
	Original              []byte
}

// Found is a thing as its own server shows it.
type Found struct {
	// Activity is the posting of the thing. Where only the thing is to be had, its
	// posting has the id of the thing.
	Activity *vocab.Activity
	// Author is who posted it, on the network that it was found by.
	Author *Account
	// ContentType and Original are what it was read from.
	ContentType string
	Original    []byte
}

// Delivery is one activity on its way to some inboxes of one network.
type Delivery struct {
	Activity *models.Activity
	Inboxes  []string
	// As is who sends it, where that is not the actor of the activity: whoever the
	// collection belongs to whose members it is passed on to. nil for the actor.
	As *models.Actor
	// Original is what is sent where the activity is somebody else's and is passed
	// on: the bytes that it came as, which its signatures cover. ContentType is what
	// they are. nil where the network is to write the activity itself.
	Original    []byte
	ContentType string

	mu      sync.Mutex
	reasons map[string]string    // see Fail
	waits   map[string]time.Time // see RetryAfter
	unsent  map[string]bool      // see Unsent
	flight  *inFlight            // see DealtWith
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
	// Mail sends mail to people here; nil means that they get none.
	Mail Mailer
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
	mail     *mailing
	secrets  secrets
	now      func() time.Time
	queue    *Queue
	arrivals *arrivals
	hosts    *hosts
	// resolving are the accounts that are being looked for, by name.
	resolving singleflight.Group
	watchers  *watchers
	index     *indexer
	policies  *policies
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
		db: o.DB, names: NewNames(o.BaseURL), site: o.SiteName, log: o.Log, networks: o.Networks, files: o.Files, mail: newMailing(o.Mail), now: o.Now,
	}
	b.arrivals = newArrivals(b)
	b.hosts = newHosts(b)
	b.watchers = newWatchers(b)
	b.index = &indexer{b: b}
	b.policies = &policies{b: b}
	var err error
	b.queue, err = newQueue(b)
	return b, err
}

// Connect adds networks, which were made over the bridge and so could not be among
// its options, after those that there are. It is called before [Bridge.Start], and
// before anything is posted.
func (b *Bridge) Connect(networks ...Network) { b.networks = append(b.networks, networks...) }

// NetworksBefore are the names of the networks that are better than one of them.
func (b *Bridge) NetworksBefore(name string) []string {
	names := b.networkNames()
	return names[:max(slices.Index(names, name), 0)]
}

// DB is the store.
func (b *Bridge) DB() *models.DB { return b.db }

// Names makes the ids of what is ours.
func (b *Bridge) Names() *Names { return b.names }

// SiteName is shown to people.
func (b *Bridge) SiteName() string { return b.site }

// time is the present to the millisecond, as the store keeps it.
func (b *Bridge) time() time.Time { return b.now().UTC().Truncate(time.Millisecond) }
