package ostatus

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"manifold/internal/outbound"
	"manifold/ostatus/websub"
)

// caller asks hubs and callbacks over the guarded client. Redirects are not
// followed: both sides have agreed on an address.
type caller struct{ client *outbound.Client }

var _ websub.Doer = caller{}

// Do implements [websub.Doer].
func (c caller) Do(r *http.Request) (*http.Response, error) {
	req := outbound.Request{Method: r.Method, URL: r.URL.String(), Header: r.Header, NoRedirects: true}
	if r.Body != nil {
		var err error
		if req.Body, err = io.ReadAll(r.Body); err != nil {
			return nil, fmt.Errorf("reading what is to be sent: %w", err)
		}
	}
	answer, err := c.client.Do(r.Context(), req)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: answer.Status, Header: answer.Header, Body: io.NopCloser(bytes.NewReader(answer.Body)), Request: r}, nil
}
