package websub_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"manifold/ostatus/websub"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// hubMemory is a store of a hub.
type hubMemory struct {
	sync.Mutex
	queue     []websub.Request
	expected  []websub.Request
	listeners map[string]websub.Listener // by topic and callback
	full      error                      // refuses everything that is new
}

func (m *hubMemory) Queue(_ context.Context, r websub.Request) error {
	m.Lock()
	defer m.Unlock()
	if m.full != nil {
		return m.full
	}
	m.queue = append(m.queue, r)
	return nil
}

func (m *hubMemory) Expect(_ context.Context, r websub.Request) error {
	m.Lock()
	defer m.Unlock()
	m.expected = append(m.expected, r)
	return m.full
}

func (m *hubMemory) Activate(_ context.Context, l websub.Listener) error {
	m.Lock()
	defer m.Unlock()
	if m.full != nil {
		return m.full
	}
	if m.listeners == nil {
		m.listeners = map[string]websub.Listener{}
	}
	m.listeners[l.Topic+" "+l.Callback] = l
	return nil
}

func (m *hubMemory) Remove(_ context.Context, topic, callback string) error {
	m.Lock()
	defer m.Unlock()
	delete(m.listeners, topic+" "+callback)
	return nil
}

// memory is a store of a subscriber.
type memory struct {
	sync.Mutex
	all map[string]websub.Subscription
}

func (m *memory) Put(_ context.Context, s websub.Subscription) error {
	m.Lock()
	defer m.Unlock()
	if m.all == nil {
		m.all = map[string]websub.Subscription{}
	}
	m.all[s.Token] = s
	return nil
}

func (m *memory) Get(_ context.Context, token string) (*websub.Subscription, error) {
	m.Lock()
	defer m.Unlock()
	s, ok := m.all[token]
	if !ok {
		return nil, websub.ErrUnknown
	}
	return &s, nil
}

func (m *memory) Change(_ context.Context, token string, change func(*websub.Subscription) error) error {
	m.Lock()
	defer m.Unlock()
	s, ok := m.all[token]
	if !ok {
		return websub.ErrUnknown
	}
	if err := change(&s); err != nil {
		return err
	}
	m.all[token] = s
	return nil
}

// web answers requests.
type web func(r *http.Request) (status int, body string)

func (w web) Do(r *http.Request) (*http.Response, error) {
	status, body := w(r)
	if status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

const (
	topic    = "https://us.example/users/ann/feed.atom"
	callback = "https://far.example/main/push/callback/7"
)

func body(t *testing.T, r *http.Request) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
