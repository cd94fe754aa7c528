package ostatus_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"manifold/bridge"
	"manifold/internal/outbound"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus"
	"manifold/ostatus/atom"
	"manifold/ostatus/salmon"
)

// fuzzed is a server for arbitrary bytes, and somebody elsewhere who is known to it.
func fuzzed(f *testing.F) (w *world, ann, bob *models.Actor) {
	f.Helper()
	ctx := f.Context()
	db, err := models.Open(ctx, models.Options{Database: f.TempDir() + "/manifold.db"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	if _, err := db.Migrate(ctx); err != nil {
		f.Fatal(err)
	}
	if err := bridge.MigrateQueue(ctx, db); err != nil {
		f.Fatal(err)
	}
	if err := db.Join(ctx); err != nil {
		f.Fatal(err)
	}
	base, err := url.Parse(closedHome)
	if err != nil {
		f.Fatal(err)
	}
	b, err := bridge.New(bridge.Options{DB: db, BaseURL: base})
	if err != nil {
		f.Fatal(err)
	}
	// Nobody is there: whoever is asked for is not found.
	server, err := ostatus.New(ostatus.Options{Bridge: b, Outbound: nowhere()})
	if err != nil {
		f.Fatal(err)
	}
	b.Connect(server)
	router := mux.NewRouter().UseEncodedPath()
	server.Register(router)
	if _, err := b.Register(ctx, bridge.Registration{Nickname: "ann", Password: "correct horse battery"}); err != nil {
		f.Fatal(err)
	}
	if ann, err = db.ActorByIRI(ctx, b.Names().Person("ann")); err != nil {
		f.Fatal(err)
	}
	bob, err = b.Introduce(ctx, &bridge.Account{Profile: &vocab.Object{ID: "http://far.example/user/1", Type: vocab.TypePerson, PreferredUsername: "bob"},
		Network: ostatus.Network, IRI: "http://far.example/user/1", Inbox: "http://far.example/salmon/1"}, nil)
	if err != nil {
		f.Fatal(err)
	}
	return &world{site: &site{Bridge: b, router: router, server: server}}, ann, bob
}

// nowhere reaches nobody.
func nowhere() *outbound.Client {
	return outbound.New(outbound.Options{AllowPrivate: true, Timeout: time.Second, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("there is no network")
	}})
}

const fuzzEntry = `<entry xmlns="http://www.w3.org/2005/Atom" xmlns:activity="http://activitystrea.ms/spec/1.0/"><id>tag:far.example,2026:1</id><title>x</title><content>x</content>` +
	`<published>2026-11-26T10:00:00Z</published><updated>2026-11-26T10:00:00Z</updated><activity:verb>VERB</activity:verb>` +
	`<author><name>bob</name><uri>http://far.example/user/1</uri></author><activity:object><id>http://us.example/users/ann</id></activity:object></entry>`

// Whatever is in a document that was admitted, dealing with it ends, and refuses or
// does what it says.
func FuzzProcess(f *testing.F) {
	w, _, bob := fuzzed(f)
	for _, verb := range []string{"post", "share", "follow", "http://ostatus.org/schema/1.0/unfollow", "delete", "favorite", "tag", "update-profile", "unknown"} {
		entry := strings.Replace(fuzzEntry, "VERB", verb, 1)
		f.Add([]byte(entry), true)
		f.Add([]byte(`<feed xmlns="http://www.w3.org/2005/Atom"><author><name>bob</name><uri>http://far.example/user/1</uri></author>`+entry+entry+`</feed>`), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, envelope bool) {
		a := &bridge.Arrived{Network: ostatus.Network, SenderID: bob.ID, Verified: "websub", ContentType: atom.TypeFeed, Bytes: body, Received: time.Now(), Attempts: 10}
		if envelope {
			sealed, err := salmon.Sign(body, peerKeys()[0], salmon.Padded)
			if err != nil {
				return // it is too large to be sent
			}
			a.Verified, a.ContentType, a.Bytes = "salmon", salmon.MediaType, sealed.XML()
		}
		if err := w.server.Process(t.Context(), a); err != nil && bridge.ReasonOf(err) == 0 {
			t.Errorf("it would be tried again: %v", err)
		}
	})
}

// Whatever is posted to the endpoints is refused by a status that says so.
func FuzzEndpoints(f *testing.F) {
	w, ann, _ := fuzzed(f)
	for _, kind := range []string{salmon.MediaType, salmon.MediaTypeJSON, "application/x-www-form-urlencoded", "text/plain"} {
		f.Add([]byte(`<me:env xmlns:me="http://salmon-protocol.org/ns/magic-env"><me:data type="application/atom+xml">eA==</me:data></me:env>`), kind)
		f.Add([]byte(`{"data":"eA","sigs":[]}`), kind)
		f.Add([]byte("xml=%3Cx%2F%3E"), kind)
	}
	f.Fuzz(func(t *testing.T, body []byte, kind string) {
		for _, address := range []string{w.server.SalmonURL(ann), closedHome + "/hub/callback/unknown"} {
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodPost, u.RequestURI(), strings.NewReader(string(body)))
			r.Header["Content-Type"] = []string{kind}
			answer := httptest.NewRecorder()
			w.router.ServeHTTP(answer, r)
			if answer.Code < 400 || answer.Code > 499 && answer.Code != http.StatusServiceUnavailable || answer.Body.Len() == 0 {
				t.Errorf("%s answers %d %s", address, answer.Code, answer.Body)
			}
		}
	})
}
