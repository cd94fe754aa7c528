package pumpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	"manifold/internal/media"
	"manifold/internal/outbound"
)

const (
	// A picture that says nothing about how long it is good is taken to be good
	// for freshFor, and none for longer than maxFresh.
	freshFor = 24 * time.Hour
	maxFresh = 30 * 24 * time.Hour
)

// copyNote is what a copy is kept with: what its server said of it.
type copyNote struct {
	Type         string `json:"type"`
	Etag         string `json:"etag,omitempty"`
	Modified     string `json:"modified,omitempty"`
	CacheControl string `json:"cacheControl,omitempty"`
	Expires      string `json:"expires,omitempty"`
	// Fresh is for how long it is good, in seconds.
	Fresh int64 `json:"fresh"`
}

// copied returns the copy of a picture, which is made where there is none or an
// old one, so that each is fetched once however many look at it at once. When it
// turns out that this is nothing to be kept, it returns the answer of the other
// server, or neither: then somebody else has got that answer. It does not begin
// to fetch anything unless whole is set, or there was a copy.
func (p *proxies) copied(ctx context.Context, address string, whole bool) (*media.Cached, *outbound.Stream, error) {
	kept, fresh, err := p.open(address)
	if err != nil || fresh || kept == nil && !whole {
		return kept, nil, err
	}
	var stream *outbound.Stream
	_, err, _ = p.fetching.Do(address, func() (any, error) {
		var err error
		// Those who wait for it are not to go without when this one hangs up.
		stream, err = p.makeCopy(context.WithoutCancel(ctx), address, kept)
		return nil, err
	})
	switch {
	case kept != nil && (err != nil || stream != nil && stream.Status >= 500):
		p.log.DebugContext(ctx, "what is proxied cannot be fetched: its old copy has to do", "error", err)
		if stream != nil {
			err = stream.Body.Close()
		}
		return kept, nil, err
	case kept != nil:
		err = errors.Join(err, kept.Close())
	}
	if err != nil || stream != nil {
		return nil, stream, err
	}
	kept, _, err = p.open(address)
	return kept, nil, err
}

// open returns the copy of what lies at an address, or nil.
func (p *proxies) open(address string) (kept *media.Cached, fresh bool, err error) {
	kept, err = p.copies.Open(address)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	note := noteOf(kept)
	return kept, p.now().Sub(kept.At) < time.Duration(note.Fresh)*time.Second, nil
}

// noteOf reads the note of a copy. One that cannot be read, of an older version
// perhaps, makes the copy old.
func noteOf(kept *media.Cached) copyNote {
	var note copyNote
	if json.Unmarshal(kept.Note, &note) != nil {
		return copyNote{}
	}
	return note
}

// makeCopy fetches something and keeps it. It returns the answer where that is
// not to be kept.
func (p *proxies) makeCopy(ctx context.Context, address string, old *media.Cached) (*outbound.Stream, error) {
	header := http.Header{}
	if old != nil {
		note := noteOf(old)
		if note.Etag != "" {
			header.Set("If-None-Match", note.Etag)
		}
		if note.Modified != "" {
			header.Set("If-Modified-Since", note.Modified)
		}
	}
	s, err := p.fetch(ctx, http.MethodGet, address, header)
	if err != nil {
		return nil, err
	}
	if old != nil && s.Status == http.StatusNotModified {
		return nil, errors.Join(p.copies.Renew(address, p.now()), s.Body.Close())
	}
	note, ok := p.noteFor(s)
	if !ok {
		return s, nil
	}
	defer s.Body.Close()
	text, err := json.Marshal(note)
	if err != nil {
		return nil, fmt.Errorf("noting where a copy is from: %w", err)
	}
	if err = p.copies.Keep(address, text, s.Body); err == nil {
		return nil, p.copies.Renew(address, p.now())
	}
	// Its length was not announced and is too great, it broke off, or the disk is
	// full: it is passed on instead.
	if !errors.Is(err, media.ErrTooLarge) {
		p.log.WarnContext(ctx, "keeping a copy of what is proxied", "error", err)
	}
	return nil, nil
}

// noteFor returns the note that an answer is kept with. ok is false for what is
// not kept: anything but pictures, which are looked at over and over and are
// small, and what the other server does not want to be kept.
func (p *proxies) noteFor(s *outbound.Stream) (note copyNote, ok bool) {
	h := s.Header
	note = copyNote{Type: h.Get("Content-Type"), Etag: h.Get("Etag"), Modified: h.Get("Last-Modified"), CacheControl: h.Get("Cache-Control"), Expires: h.Get("Expires")}
	fresh, ok := freshness(h, p.now())
	note.Fresh = int64(fresh / time.Second)
	return note, ok && s.Status == http.StatusOK && strings.HasPrefix(note.Type, "image/") && s.Size <= p.copies.MaxFile() && h.Get("Content-Encoding") == ""
}

// freshness returns for how long an answer is good (RFC 9111 4.2.1). ok is false
// when it may not be kept for others (RFC 9111 5.2.2.5 and 5.2.2.7).
func freshness(h http.Header, now time.Time) (fresh time.Duration, ok bool) {
	fresh = freshFor
	if at, err := http.ParseTime(h.Get("Expires")); err == nil {
		fresh = at.Sub(now)
	} else if h.Get("Expires") != "" {
		fresh = 0 // RFC 9111 5.3: such as "0"
	}
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-store", "private":
			return 0, false
		case "no-cache":
			return 0, true
		case "max-age":
			if n, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 32); err == nil {
				fresh = time.Duration(n) * time.Second
			}
		}
	}
	return min(max(fresh, 0), maxFresh), true
}

// serveCopy serves a copy as the other server did, and answers conditions and
// ranges itself.
func serveCopy(w http.ResponseWriter, r *http.Request, kept *media.Cached, now time.Time) error {
	note := noteOf(kept)
	h := w.Header()
	inert(h, note.Type)
	for name, value := range map[string]string{"Etag": note.Etag, "Cache-Control": note.CacheControl, "Expires": note.Expires} {
		if value != "" {
			h.Set(name, value)
		}
	}
	h.Set("Age", strconv.FormatInt(int64(max(now.Sub(kept.At), 0)/time.Second), 10)) // RFC 9111 5.1
	modified, _ := http.ParseTime(note.Modified)
	http.ServeContent(w, r, "", modified, kept)
	return nil
}
