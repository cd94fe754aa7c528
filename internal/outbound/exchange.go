package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// exchange is one request to one host and its answer.
type exchange struct {
	method  string
	host    string
	start   time.Time
	resp    *http.Response // nil if the round trip failed
	place   *place         // at the host
	observe func(host string, status int, err error, d time.Duration)
}

func (x *exchange) wrap(err error) error {
	return fmt.Errorf("%s %s: %w", x.method, x.host, err)
}

// end closes the body, gives the place back and reports the outcome. It is
// called exactly once.
func (x *exchange) end(err error) {
	status := 0
	if x.resp != nil {
		status = x.resp.StatusCode
		_ = x.resp.Body.Close()
	}
	x.place.leave()
	x.observe(x.host, status, err, time.Since(x.start))
}

// stream hands the exchange over to the reader of its body. The context that
// done ends has to live as long as the body.
func (x *exchange) stream(r Request, target *url.URL, done context.CancelFunc) (*Stream, error) {
	if r.Method != http.MethodHead && x.resp.ContentLength > r.MaxBody {
		err := x.wrap(fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, x.resp.ContentLength, r.MaxBody))
		x.end(err)
		done()
		return nil, err
	}
	return &Stream{
		Status: x.resp.StatusCode,
		Header: x.resp.Header,
		URL:    target.String(),
		Size:   x.resp.ContentLength,
		Body:   &limitedBody{x: x, limit: r.MaxBody, left: r.MaxBody, done: done},
	}, nil
}

// limitedBody reads the body of an answer up to a limit.
type limitedBody struct {
	x      *exchange
	limit  int64
	left   int64
	err    error // what Read gives from now on
	closed bool
	done   context.CancelFunc
}

var errClosed = errors.New("read from a closed body")

// Read asks for one byte more than is left, which is how a body of exactly the
// limit is told from a longer one.
func (b *limitedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.x.resp.Body.Read(p)
	switch {
	case int64(n) > b.left:
		n = int(b.left)
		b.err = b.x.wrap(fmt.Errorf("%w: more than %d bytes", ErrTooLarge, b.limit))
	case err == io.EOF:
		b.err = io.EOF
	case err != nil:
		b.err = b.x.wrap(fmt.Errorf("reading the answer: %w", err))
	}
	b.left -= int64(n)
	return n, b.err
}

// Close ends the exchange. Closing twice does nothing.
func (b *limitedBody) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	var failed error
	if b.err != io.EOF {
		failed = b.err
	}
	b.x.end(failed)
	b.done()
	if b.err == nil {
		b.err = errClosed
	}
	return nil
}
