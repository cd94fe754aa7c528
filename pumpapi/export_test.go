package pumpapi

import (
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// AppendString appends a JSON string.
func AppendString(b []byte, s string) []byte { return appendString(b, s) }

// EncodeObject writes a document as it is embedded.
func EncodeObject(o *vocab.Object) []byte {
	w := new(writer)
	plain(w, o)
	return w.b
}

var (
	encoded     = sync.OnceValue(newFragments)
	activityIDs atomic.Int64
)

// EncodeActivity writes an activity of which nothing but its document is known,
// as its actor sees it.
func EncodeActivity(base *url.URL, a *vocab.Activity) ([]byte, error) {
	kept := encoded()
	w := new(writer)
	v := &view{names: bridge.NewNames(base), fragments: kept}
	v.activity(w, &models.Activity{ID: activityIDs.Add(1), Doc: a, Deleted: a.Deleted})
	return w.b, nil
}

// DecodeUpload reads a document with a file in it.
func DecodeUpload(document []byte) (mimeType string, data []byte, err error) {
	return decodeUpload(document)
}

// DecodeHostMeta reads a host-meta document, and returns the relation and the
// address of each link.
func DecodeHostMeta(data []byte) ([]string, error) {
	links, err := decodeHostMeta(data)
	var list []string
	for _, l := range links {
		list = append(list, l.Rel+" "+l.Href)
	}
	return list, err
}

// Freshness tells for how long a copy of an answer is good, and whether it may be
// kept.
func Freshness(h http.Header, now time.Time) (time.Duration, bool) { return freshness(h, now) }
