package pumpapi

import (
	"net/url"
	"sync"
	"sync/atomic"

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
	encoded     = sync.OnceValues(newFragments)
	activityIDs atomic.Int64
)

// EncodeActivity writes an activity of which nothing but its document is known,
// as its actor sees it.
func EncodeActivity(base *url.URL, a *vocab.Activity) ([]byte, error) {
	kept, err := encoded()
	if err != nil {
		return nil, err
	}
	w := new(writer)
	v := &view{names: bridge.NewNames(base), fragments: kept}
	v.activity(w, &models.Activity{ID: activityIDs.Add(1), Doc: a, Deleted: a.Deleted})
	return w.b, nil
}
