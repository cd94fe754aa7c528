package pumpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"manifold/bridge"
	"manifold/models"
)

// Server-Sent Events (the section of that name in the HTML standard) of streams:
// a stream that is asked for as text/event-stream is not a page but goes on. Each
// activity is an event with its id, so that a browser that has lost the connection
// goes on where it was: it sends the last id that it has seen.

const (
	// maxBacklog is how many activities one answer begins with. With more of them
	// it ends, and the client goes on with the next one.
	maxBacklog = 1000
	// backlogPage is how many are read at a time.
	backlogPage = 100
	// retryAfter is how long clients wait before they connect again.
	retryAfter = 5 * time.Second
)

// wantsEvents reports whether a request is for a stream that goes on.
func wantsEvents(r *http.Request) bool {
	for _, line := range r.Header.Values("Accept") {
		for _, t := range strings.Split(line, ",") {
			t, _, _ = strings.Cut(t, ";")
			if strings.EqualFold(strings.TrimSpace(t), "text/event-stream") {
				return true
			}
		}
	}
	return false
}

// eventStream is one answer of that kind.
type eventStream struct {
	client
	a      *API
	out    *streamWriter
	caller *caller
	feed   streamFeed
	follow following
	more   chan struct{}
	// since is the position of the last event that was written.
	since int64
}

// serveEvents answers with what comes into a stream.
func (a *API) serveEvents(w http.ResponseWriter, r *http.Request, c *caller, s streamFeed) error {
	since, resumes, err := a.resumeAt(r, s)
	if err != nil {
		return err
	}
	e := &eventStream{a: a, out: newStreamWriter(w, a.realtime), caller: c, feed: s,
		since: since, more: make(chan struct{}, 1)}
	e.r, e.begun = a.realtime, time.Now()
	e.actorID.Store(c.actorID)
	e.ready = func() {
		select {
		case e.more <- struct{}{}:
		default:
		}
	}
	// The stream is followed before it is read, so that nothing falls between.
	e.follow = following{client: &e.client, ordered: true, after: since,
		feed: feed{StreamID: bridge.StreamID{Owner: s.owner, Stream: s.stream}, part: s.part, url: a.feedAddress(r)}}
	if r.Method != http.MethodHead {
		reason, ok := a.realtime.admit(&e.client)
		if !ok {
			w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
			return refuse(http.StatusServiceUnavailable, "%s.", reason)
		}
		defer a.realtime.dismiss(&e.client)
		a.realtime.follow(&e.follow)
	}
	// What may be refused comes before the answer begins.
	first, more, err := e.page(r.Context(), resumes)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would wait for more
	e.out.WriteHeader(http.StatusOK)
	defer e.out.release()
	if r.Method == http.MethodHead {
		return nil
	}
	e.run(r, first, more)
	return nil
}

// resumeAt returns the position after which the client wants to go on: that of
// the id that it names, by the header that browsers send or by the parameter that
// pages of the stream have too. Without one only what is new is told.
func (a *API) resumeAt(r *http.Request, s streamFeed) (since int64, resumes bool, err error) {
	args, err := readArguments(r.URL)
	if err != nil {
		return 0, false, err
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		args.since = id
	}
	if args.since == "" {
		return 0, false, nil
	}
	activity, err := int64(0), models.ErrNotFound
	if readable(args.since) {
		activity, err = a.db.LookupKind(r.Context(), models.KindActivity, args.since)
	}
	if err == nil {
		since, err = a.db.PositionOf(r.Context(), s.owner, s.stream, activity)
	}
	if errors.Is(err, models.ErrNotFound) {
		return 0, false, args.unplaced(r)
	}
	return since, true, err
}

// page reads what the stream has after the last event, oldest first, and whether
// there may be more. Where nothing is asked for it finds where the stream ends.
func (e *eventStream) page(ctx context.Context, resumes bool) (events []*update, more bool, err error) {
	p := models.Page{Count: backlogPage, Since: e.since}
	if !resumes {
		p = models.Page{Count: 1}
	}
	items, _, err := e.feed.read(ctx, e.caller.viewer(), p)
	if err != nil || len(items) == 0 {
		return nil, false, err
	}
	e.since = max(e.since, items[0].Position)
	if !resumes {
		return nil, false, nil
	}
	v := e.a.newView(e.caller.viewer())
	activities := make([]*models.Activity, len(items))
	for i, item := range items {
		activities[i] = item.Activity
	}
	if err := v.load(ctx, activities, nil, nil); err != nil {
		return nil, false, err
	}
	for i := len(activities) - 1; i >= 0; i-- {
		out := writer{}
		render(ctx, &out, func(out *writer) { v.activity(out, activities[i]) })
		events = append(events, &update{id: activities[i].Doc.ID, json: out.b})
	}
	return events, len(items) == backlogPage, nil
}

// run writes events until the client is gone or has to go.
func (e *eventStream) run(r *http.Request, events []*update, more bool) {
	ctx := r.Context()
	if !e.write("retry: " + strconv.FormatInt(retryAfter.Milliseconds(), 10) + "\n\n") {
		return
	}
	for n := 0; ; {
		if !e.tell(events) {
			return
		}
		n += len(events)
		if !more {
			break
		}
		if n >= maxBacklog {
			return
		}
		var err error
		if events, more, err = e.page(ctx, true); err != nil {
			e.a.log.ErrorContext(ctx, "reading a stream of events", "error", err)
			return
		}
	}
	e.live(r)
}

// live writes what comes in, and a sign of life from time to time.
func (e *eventStream) live(r *http.Request) {
	e.begin()
	beat := time.NewTicker(e.r.heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-e.more:
			queue, over, _ := e.take()
			var events []*update
			for _, m := range queue {
				events = append(events, m.update)
			}
			if !e.tell(events) || over {
				return
			}
		case <-beat.C:
			if ok, err := e.a.stillValid(r, e.caller); err != nil || !ok {
				return
			}
			if !e.write(":\n\n") {
				return
			}
		}
	}
}

// begin leaves to the queue what came after what has been written.
func (e *eventStream) begin() {
	e.mu.Lock()
	defer e.mu.Unlock()
	kept := e.queue[:0]
	for _, m := range e.queue {
		if m.position > e.since {
			kept = append(kept, m)
		}
	}
	e.queue = kept
	e.follow.after = max(e.follow.after, e.since)
	e.ready()
}

func (e *eventStream) tell(events []*update) bool {
	if len(events) == 0 {
		return true
	}
	var b []byte
	for _, u := range events {
		b = appendEvent(b, u)
	}
	return e.write(string(b))
}

func (e *eventStream) write(s string) bool {
	if _, err := e.out.Write([]byte(s)); err != nil {
		return false
	}
	return e.out.control.Flush() == nil
}

// stillValid reports whether what a caller was let in with is still good.
func (a *API) stillValid(r *http.Request, c *caller) (bool, error) {
	ctx := r.Context()
	var err error
	ok := true
	switch token, isBearer := bearerToken(r); {
	case isBearer:
		b, e := a.db.Bearer(ctx, token)
		err = e
		ok = err == nil && b.State == models.Active && (b.Expires.IsZero() || a.now().Before(b.Expires))
	case c.message != nil:
		cr, e := a.db.Credentials(ctx, c.message.ConsumerKey, c.message.Token)
		err = e
		ok = err == nil && (c.actorID == 0 || cr.TokenKnown && cr.State == models.Active)
	case c.actorID != 0:
		actor, e := a.sessionActor(r)
		err = e
		ok = err == nil && actor == c.actorID
	}
	if errors.Is(err, models.ErrNotFound) {
		return false, nil
	}
	return ok, err
}
