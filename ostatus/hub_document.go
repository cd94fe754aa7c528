package ostatus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"manifold/models"
	"manifold/ostatus/atom"
)

// keepDocuments is how many documents of one feed are kept for subscribers at other
// places.
const keepDocuments = 100

// written are the documents that are being delivered, by topic. Two posts in a row are
// two tasks, each of which may meet subscribers who lack both.
type written struct {
	mu     sync.Mutex
	topics map[string]*documents
}

// documents are those of one topic, for as long as a task delivers some of them, each
// for hubBudget at most: in a busy feed one task follows on another for hours, and what
// was deleted or hidden meanwhile is not to be sent to those who come late.
type documents struct {
	tasks int // guarded by written.mu

	mu         sync.Mutex
	byPosition map[int64]*document
}

// document is what was published, nil bytes for what is not to be seen any more.
type document struct {
	asked time.Time // for the first time
	once  sync.Once
	bytes []byte
	err   error
}

// share returns the documents of a topic for one task, which calls done at its end.
func (w *written) share(topic string) (shared *documents, done func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.topics == nil {
		w.topics = map[string]*documents{}
	}
	shared = w.topics[topic]
	if shared == nil {
		shared = &documents{byPosition: map[int64]*document{}}
		w.topics[topic] = shared
	}
	shared.tasks++
	return shared, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if shared.tasks--; shared.tasks == 0 {
			delete(w.topics, topic)
		}
	}
}

// at returns the document of a position in the topic.
func (d *documents) at(position int64, now time.Time) *document {
	d.mu.Lock()
	defer d.mu.Unlock()
	one := d.byPosition[position]
	if one == nil || now.Sub(one.asked) > hubBudget {
		if len(d.byPosition) >= keepDocuments {
			clear(d.byPosition)
		}
		one = &document{asked: now}
		d.byPosition[position] = one
	}
	return one
}

// forget has a document written again that could not be.
func (d *documents) forget(position int64, one *document) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byPosition[position] == one {
		delete(d.byPosition, position)
	}
}

// document returns what was published, written once however many get it. What is
// published again because it has changed has a position of its own.
func (d *distribution) document(ctx context.Context, p models.HubPublication) ([]byte, error) {
	one := d.documents.at(p.Position, d.s.now())
	one.once.Do(func() {
		// Others wait for it too, who have more time.
		one.bytes, one.err = d.s.publication(context.WithoutCancel(ctx), d.owner, p.ActivityID)
		if incomplete, ok := errors.AsType[*atom.IncompleteError](one.err); ok {
			// It will not be whole the next time either, and others wait behind it.
			d.s.log.ErrorContext(ctx, "something that was published cannot be written", "topic", d.topic, "activity", p.ActivityID, "error", incomplete)
			one.bytes, one.err = nil, nil
		}
		if one.err != nil {
			one.err = fmt.Errorf("writing what is new in %s: %w", d.topic, one.err)
			d.documents.forget(p.Position, one)
		}
	})
	return one.bytes, one.err
}
