package outbound_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"manifold/internal/outbound"
)

// A signature covers the path, and often the host, so it is made anew for each
// redirect.
func Example() {
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/users/old" {
			http.Redirect(w, r, "/users/new", http.StatusMovedPermanently)
			return
		}
		fmt.Fprint(w, "signed for ", r.Header.Get("Signature"))
	}))
	defer peer.Close()

	client := outbound.New(outbound.Options{UserAgent: "manifold/1.0", AllowPrivate: true})
	defer client.CloseIdleConnections()
	resp, err := client.Do(context.Background(), outbound.Request{
		URL:    peer.URL + "/users/old",
		Header: http.Header{"Accept": {"application/activity+json"}},
		Sign: func(r *http.Request) error {
			r.Header.Set("Signature", r.URL.Path)
			return nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.Status, string(resp.Body))
	// Output: 200 signed for /users/new
}

func ExampleForbiddenAddressError() {
	client := outbound.New(outbound.Options{})
	_, err := client.Do(context.Background(), outbound.Request{URL: "http://169.254.169.254/latest/meta-data/"})
	var forbidden *outbound.ForbiddenAddressError
	if errors.As(err, &forbidden) {
		fmt.Println(forbidden)
	}
	// Output: refused to connect to 169.254.169.254:80: its address 169.254.169.254 is not public (link-local)
}
