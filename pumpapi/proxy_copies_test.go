package pumpapi_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"manifold/internal/media"
	"manifold/pumpapi"
)

func TestProxyKeepsPictures(t *testing.T) {
	t.Parallel()
	png := picture(t, 50, 50, "png")
	var mu sync.Mutex
	content, header, status := png, http.Header{}, 0
	set := func(c []byte, st int, h http.Header) {
		mu.Lock()
		defer mu.Unlock()
		content, header, status = c, h, st
	}
	u := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Content-Type", "image/png")
		for name, values := range header {
			w.Header()[name] = values
		}
		if status != 0 {
			w.WriteHeader(status)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
	folder := t.TempDir()
	adjust := func(o *pumpapi.Options) {
		withProxy(o)
		cache, err := media.OpenCache(folder, media.CacheOptions{MaxFile: 10_000})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cache.Close() })
		o.ProxyCache = cache
	}
	s := newSite(t, siteOptions{adjust: adjust})
	ann, bob := s.person("ann"), s.person("bob")
	asked := 0
	gets := func(what, proxy string, want []byte, requests int) {
		t.Helper()
		for _, v := range []*visitor{ann, bob} {
			if a := v.get(proxy); a.status != 200 || !bytes.Equal(a.body, want) || a.header.Get("Content-Type") != "image/png" {
				t.Errorf("%s: %s gets %d and %d bytes of %s, want %d", what, v.nick, a.status, len(a.body), a.header.Get("Content-Type"), len(want))
			}
		}
		if n := len(u.taken()); n != requests {
			t.Errorf("%s: %d requests were made, want %d", what, n, requests)
		}
		asked++
	}
	newPicture := func() string { asked++; return ann.proxyOf(fmt.Sprint(u.URL, "/", asked)) }

	set(png, 0, http.Header{"Etag": {`"1"`}, "Cache-Control": {"max-age=60"}, "Last-Modified": {"Fri, 02 Jan 2026 03:04:05 GMT"}})
	proxy := newPicture()
	gets("the first time", proxy, png, 1)
	a := ann.send(request{method: "GET", path: proxy, header: http.Header{"Range": {"bytes=1-3"}}})
	if a.status != 206 || string(a.body) != "PNG" || a.header.Get("Etag") != `"1"` || a.header.Get("Last-Modified") != "Fri, 02 Jan 2026 03:04:05 GMT" ||
		a.header.Get("Cache-Control") != "max-age=60" || a.header.Get("Content-Security-Policy") != "default-src 'none'; sandbox" {
		t.Errorf("a part of a copy: %d %q %v", a.status, a.body, a.header)
	}
	if a := ann.send(request{method: "GET", path: proxy, header: http.Header{"If-None-Match": {`"1"`}}}); a.status != 304 {
		t.Errorf("a copy that is known: %d", a.status)
	}
	if n := len(u.taken()); n > 0 {
		t.Errorf("a copy was asked for %d times", n)
	}
	s.clock.advance(61 * time.Second)
	if r := ann.get(proxy); r.status != 200 || r.header.Get("Age") != "0" {
		t.Errorf("an old copy: %d, %s seconds old", r.status, r.header.Get("Age"))
	}
	if list := u.taken(); len(list) != 1 || list[0].Header.Get("If-None-Match") != `"1"` {
		t.Errorf("whether it is good was asked by %v", list)
	}
	gets("found to be good", proxy, png, 0)
	s.clock.advance(61 * time.Second)
	other := picture(t, 60, 60, "png")
	set(other, 0, http.Header{"Etag": {`"2"`}})
	gets("changed", proxy, other, 1)
	s.clock.advance(23 * time.Hour)
	gets("of which nothing was said", proxy, other, 0)
	s.clock.advance(2 * time.Hour)
	set(nil, 503, nil)
	gets("while its server is down", proxy, other, 2)
	set(other, 0, http.Header{"Etag": {`"2"`}})
	gets("up again", proxy, other, 1)
	s.start(siteOptions{adjust: adjust})
	gets("after a restart", proxy, other, 0)

	for what, h := range map[string]http.Header{"private": {"Cache-Control": {"private"}}, "not to be stored": {"Cache-Control": {"public, No-Store"}}, "encoded": {"Content-Encoding": {"br"}}} {
		set(png, 0, h)
		gets(what, newPicture(), png, 2)
	}
	set(png, 0, http.Header{"Cache-Control": {"no-cache"}})
	gets("always to be asked for", newPicture(), png, 2)
	set(png, 0, http.Header{"Expires": {"0"}})
	gets("expired", newPicture(), png, 2)
	large := append(bytes.Clone(png), make([]byte, 10_000)...)
	set(large, 0, nil)
	gets("too large", newPicture(), large, 2)
	if a := ann.send(request{method: "GET", path: newPicture(), header: http.Header{"Range": {"bytes=1-3"}}}); a.status != 206 || string(a.body) != "PNG" {
		t.Errorf("a part of what is not kept: %d %q", a.status, a.body)
	}
}

// TestProxyFetchesOnce: many who look at a new picture at once have it fetched
// once.
func TestProxyFetchesOnce(t *testing.T) {
	t.Parallel()
	const viewers = 6
	png := picture(t, 50, 50, "png")
	release := make(chan struct{})
	u := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		<-release
		w.Header().Set("Content-Type", "image/png")
		w.Write(png)
	})
	s := newSite(t, siteOptions{adjust: func(o *pumpapi.Options) {
		withProxy(o)
		cache, err := media.OpenCache(t.TempDir(), media.CacheOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cache.Close() })
		o.ProxyCache = cache
	}})
	ann := s.person("ann")
	proxy := ann.proxyOf(u.URL)
	var wg sync.WaitGroup
	for range viewers {
		wg.Go(func() {
			if a := ann.get(proxy); a.status != 200 || !bytes.Equal(a.body, png) {
				t.Errorf("%d and %d bytes", a.status, len(a.body))
			}
		})
	}
	until(t, "somebody asks", func() bool { u.mu.Lock(); defer u.mu.Unlock(); return len(u.requests) > 0 })
	close(release)
	wg.Wait()
	if n := len(u.taken()); n != 1 {
		t.Errorf("it was fetched %d times", n)
	}
}

func TestFreshness(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	in := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	tests := []struct {
		control, expires string
		fresh            time.Duration
		kept             bool
	}{
		{"", "", 24 * time.Hour, true},
		{"max-age=60", "", time.Minute, true},
		{"public, Max-Age=\"60\" , must-revalidate", "", time.Minute, true},
		{"max-age=60", in(time.Hour), time.Minute, true},
		{"", in(time.Hour), time.Hour, true},
		{"", in(-time.Hour), 0, true},
		{"", "0", 0, true},
		{"max-age=0", "", 0, true},
		{"max-age=-5", "", 0, true},
		{"max-age=2147483647", "", 30 * 24 * time.Hour, true},
		{"max-age=99999999999999999999", "", 24 * time.Hour, true},
		{"max-age=x", "", 24 * time.Hour, true},
		{"max-age=60, no-cache", "", 0, true},
		{"no-store", "", 0, false},
		{"max-age=60,PRIVATE", "", 0, false},
		{"private=\"Set-Cookie\"", "", 0, false},
	}
	for _, tt := range tests {
		h := http.Header{"Cache-Control": {tt.control}}
		if tt.expires != "" {
			h.Set("Expires", tt.expires)
		}
		if fresh, kept := pumpapi.Freshness(h, now); fresh != tt.fresh || kept != tt.kept {
			t.Errorf("%v: %s, %t; want %s, %t", h, fresh, kept, tt.fresh, tt.kept)
		}
	}
}

func FuzzFreshness(f *testing.F) {
	f.Add("max-age=60", "Fri, 02 Jan 2026 03:04:05 GMT")
	f.Add("no-store,,=", "0")
	f.Add("max-age=\"9223372036854775807\"", "Thu, 01 Jan 9999 00:00:00 GMT")
	f.Fuzz(func(t *testing.T, control, expires string) {
		fresh, kept := pumpapi.Freshness(http.Header{"Cache-Control": {control}, "Expires": {expires}}, time.Unix(0, 0))
		if fresh < 0 || fresh > 30*24*time.Hour || !kept && fresh != 0 {
			t.Errorf("%q, %q: %s, %t", control, expires, fresh, kept)
		}
		if kept && strings.EqualFold(control, "no-store") {
			t.Errorf("%q is kept", control)
		}
	})
}
