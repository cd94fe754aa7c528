package oauth1_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"

	"manifold/pumpapi/oauth1"
)

// A server that answers only to signed requests.
func Example() {
	base, err := oauth1.ParseBaseURL("https://pump.example")
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier := oauth1.Verifier{BaseURLs: []oauth1.BaseURL{base}}
	nonces := oauth1.NewMemoryNonces(oauth1.MemoryNoncesOptions{})
	secretsOf := func(consumerKey, token string) (oauth1.Secrets, bool) { // the server's own store
		return oauth1.Secrets{Consumer: "consumer secret", Token: "token secret"}, consumerKey == "client" && token == "evan"
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m, err := oauth1.Parse(oauth1.FromHTTP(r, nil))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		secrets, known := secretsOf(m.ConsumerKey, m.Token)
		if !known {
			http.Error(w, "unknown client or token", http.StatusUnauthorized)
			return
		}
		err = verifier.VerifyOnce(r.Context(), m, secrets, nonces)
		switch {
		case errors.Is(err, oauth1.ErrNonceUndecided):
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		case err != nil:
			http.Error(w, err.Error(), http.StatusUnauthorized)
		default:
			fmt.Fprintf(w, "hello, %s", m.Token)
		}
	})

	// The client's side.
	signer := oauth1.Signer{
		ConsumerKey: "client",
		Token:       "evan",
		Secrets:     oauth1.Secrets{Consumer: "consumer secret", Token: "token secret"},
	}
	target := &url.URL{Scheme: "https", Host: "pump.example", Path: "/api/whoami"}
	header, err := signer.AuthorizationHeader(oauth1.Call{Method: http.MethodGet, URL: target})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		r := httptest.NewRequest(http.MethodGet, "/api/whoami", nil)
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 200 hello, evan
	// 401 oauth1: nonce was used before at this timestamp
}

func ExampleRedirectURL() {
	target, err := oauth1.RedirectURL("https://printer.example/ready?job=7#top", "hh5s93j4hdidpola", "hfdp7dh39dks9884")
	fmt.Println(target, err)
	// Output: https://printer.example/ready?job=7&oauth_token=hh5s93j4hdidpola&oauth_verifier=hfdp7dh39dks9884#top <nil>
}
