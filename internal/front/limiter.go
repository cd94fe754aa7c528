package front

import (
	"encoding/binary"
	"net/http"
	"strconv"
	"time"
)

// Fields that tell a client how much it may still ask
// (draft-ietf-httpapi-ratelimit-headers-07), as Go writes them: the number of
// requests that may come at once, how many of them are left, and after how many
// seconds all are there again.
const (
	limitField     = "Ratelimit-Limit"
	remainingField = "Ratelimit-Remaining"
	resetField     = "Ratelimit-Reset"
)

// Class is a kind of request that is counted by itself.
type Class uint8

const (
	Reads      Class = iota // what only looks
	Writes                  // what changes something
	Logins                  // what tries a password or makes an account, a program or a token known
	Uploads                 // what brings a file
	Deliveries              // what other servers bring
	classes
)

// party is who a request is counted against.
type party uint8

const (
	byAddress party = iota
	byAccount
	byClient
	parties
)

// Limit allows Requests at once, and as many again over Per. The zero value
// allows any number.
type Limit struct {
	Requests int
	Per      time.Duration
}

// Limits has one for each class.
type Limits [classes]Limit

// The limits that hold when nothing else is said. They are several times what
// the busiest client does: Dianara asks for 20 addresses and some hundred
// pictures when it starts, an importer posts twice a second. Behind one address
// there may be a whole school, behind one client all users of a web
// application.
var (
	addressLimits = Limits{
		Reads: {6000, 5 * time.Minute}, Writes: {1500, 5 * time.Minute}, Logins: {100, 10 * time.Minute},
		Uploads: {600, time.Hour}, Deliveries: {12_000, 5 * time.Minute},
	}
	accountLimits = Limits{
		Reads: {3000, 5 * time.Minute}, Writes: {600, 5 * time.Minute}, Uploads: {300, time.Hour},
	}
	clientLimits = Limits{
		Reads: {12_000, 5 * time.Minute}, Writes: {3000, 5 * time.Minute}, Logins: {100, 10 * time.Minute}, Uploads: {1200, time.Hour},
	}
)

// LimiterOptions are those of [NewLimiter]; the zero value is useful.
type LimiterOptions struct {
	// Proxies are believed when they say for whom they ask. Requests that they
	// make without saying so are not counted by address: all clients would share
	// one.
	Proxies Proxies
	// Address, Account and Client replace the default limits where they are not
	// nil.
	Address, Account, Client *Limits
	// Now replaces the clock in tests.
	Now func() time.Time
}

// Limiter bounds how often one address, account and client may ask. Each of them
// has a bucket for each [Class], from which a request takes a drop; drops come
// back evenly. A nil Limiter bounds nothing. It may be used by any number of
// goroutines.
type Limiter struct {
	proxies Proxies
	rules   [parties][classes]rule
	now     func() time.Time
	buckets *buckets
}

// rule is a limit, prepared.
type rule struct {
	requests int
	per      time.Duration
	interval time.Duration // after which one more drop is there
	shown    []string      // the value of limitField
}

// NewLimiter makes a limiter with empty memory.
func NewLimiter(o LimiterOptions) *Limiter {
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &Limiter{proxies: o.Proxies, now: o.Now}
	longest := time.Duration(0)
	for who, limits := range [parties]*Limits{byAddress: o.Address, byAccount: o.Account, byClient: o.Client} {
		if limits == nil {
			limits = [parties]*Limits{&addressLimits, &accountLimits, &clientLimits}[who]
		}
		for class, limit := range limits {
			if limit.Requests <= 0 || limit.Per <= 0 {
				continue
			}
			l.rules[who][class] = rule{limit.Requests, limit.Per, max(1, limit.Per/time.Duration(limit.Requests)), []string{strconv.Itoa(limit.Requests)}}
			longest = max(longest, limit.Per)
		}
	}
	l.buckets = newBuckets(longest)
	return l
}

// TooMany is what a client is told that has asked too much.
const TooMany = "Too many requests; please wait a while."

// limit has the address of a request pay for it.
func (l *Limiter) limit(next http.Handler) http.Handler {
	if l == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := l.proxies.Client(r)
		if client.IsValid() && !l.proxies.trust(client) {
			b := client.As16()
			key := bucketKey{high: binary.BigEndian.Uint64(b[:8]), low: binary.BigEndian.Uint64(b[8:])}
			if client.Is6() {
				// A network of 64 bits is what one customer gets, at least (RFC 6177).
				key.low = 0
			}
			if !l.take(w.Header(), byAddress, ClassOf(r), key, l.now()) {
				named(r, "too many requests")
				refuse(w, r, http.StatusTooManyRequests, TooMany)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// Identified counts a request against the account and the client that made it,
// which are known once it is authenticated; 0 stands for none. It sets the
// fields of the answer that tell how much is left. If it returns false there is
// nothing left: the answer is to be status 429 with [TooMany].
func (l *Limiter) Identified(w http.ResponseWriter, r *http.Request, account, client int64) bool {
	if l == nil {
		return true
	}
	class, now := ClassOf(r), l.now()
	if account != 0 && !l.take(w.Header(), byAccount, class, bucketKey{low: uint64(account)}, now) {
		return false
	}
	return client == 0 || l.take(w.Header(), byClient, class, bucketKey{low: uint64(client)}, now)
}

// take takes a drop, and tells the client about the bucket in which least is
// left of those that its request was counted in.
func (l *Limiter) take(h http.Header, who party, class Class, key bucketKey, now time.Time) bool {
	rule := &l.rules[who][class]
	if rule.requests == 0 {
		return true
	}
	key.who, key.class = who, class
	level := l.buckets.take(key, rule, now.UnixNano())
	left := int((rule.per - level.used) / rule.interval)
	if shown := h[remainingField]; level.wait == 0 && len(shown) == 1 {
		if least, err := strconv.Atoi(shown[0]); err == nil && least <= left {
			return true
		}
	}
	h[limitField] = rule.shown
	h[remainingField] = []string{strconv.Itoa(left)}
	h[resetField] = []string{seconds(level.used)}
	if level.wait > 0 {
		h.Set("Retry-After", seconds(level.wait))
		return false
	}
	return true
}

// seconds writes a duration in whole seconds, rounded up.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
