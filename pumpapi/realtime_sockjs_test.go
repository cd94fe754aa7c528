package pumpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"manifold/bridge"
	"manifold/pumpapi"
)

// Answers of HTTP end when they have become long; the conversation goes on in the
// next.
func TestLongAnswers(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{}).live()
	ann := s.person("ann")
	l, _ := s.connect(s.transports()["xhr-streaming"]())
	l.follow("/api/public/feed")
	long := strings.Repeat("x", pumpapi.MaxAnswer/2)
	for i := range 5 {
		n := ann.note(fmt.Sprint(i, long), public)
		h, err := l.line.frame()
		if err == io.EOF {
			h, err = l.line.frame()
		}
		if err != nil || !strings.Contains(h, n.id()) {
			t.Fatalf("%d: %v, %.100s", i, err, h)
		}
	}
}

// Conversations over HTTP have at most one answer at a time, and end without any.
func TestConversationsOverHTTP(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{}).live()
	l, _ := s.connect(s.transports()["xhr-streaming"]())
	first := l.line.(*requests)
	other := *first
	other.lines, other.transport, other.streams = nil, "xhr", false
	if frame, err := other.frame(); frame != `c[2010,"Another connection still open"]` {
		t.Errorf("another request is answered with %s, %v", frame, err)
	}
	before := s.api.Connections()
	first.body.Close() // as a browser does that goes elsewhere
	until(t, "the conversation is over", func() bool { return s.api.Connections() == before-1 })
	if err := l.line.say(`{"cmd":"request"}`); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("what is said in a conversation that is over: %v", err)
	}
}

func TestSockJSOverHTTP(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{}).live()
	session := "/000/" + bridge.NewToken()
	for _, tt := range []struct {
		method, path, body string
		status             int
		contentType, has   string
	}{
		{"GET", "", "", 200, "text/plain; charset=UTF-8", "Welcome to SockJS!\n"},
		{"GET", "/", "", 200, "text/plain; charset=UTF-8", "Welcome to SockJS!\n"},
		{"GET", "/info", "", 200, "application/json; charset=UTF-8", `"websocket":true,"cookie_needed":false,"origins":["*:*"],"entropy":`},
		{"OPTIONS", "/info", "", 204, "", ""},
		{"GET", "/iframe.html", "", 200, "text/html; charset=UTF-8", `<script src="` + home + `/javascript/sockjs.min.js"></script>`},
		{"GET", "/iframe-0.3.4.html", "", 200, "text/html; charset=UTF-8", "SockJS.bootstrap_iframe()"},
		{"GET", "/iframe.htm", "", 404, "", ""},
		{"GET", "/IFRAME.html", "", 404, "", ""},
		{"OPTIONS", session + "/xhr", "", 204, "", ""},
		{"OPTIONS", session + "/xhr_send", "", 204, "", ""},
		{"GET", session + "/xhr", "", 405, "", "This takes POST only."},
		{"PUT", session + "/eventsource", "", 405, "", "This takes GET only."},
		{"GET", session + "/websocket", "", 400, "", ""},
		{"GET", "/websocket", "", 400, "", ""},
		{"POST", session + "/websocket", "", 405, "", ""},
		{"POST", session + "/other", "", 404, "", ""},
		{"POST", "/0.0/x/xhr", "", 404, "", ""},
		{"POST", "/000//xhr", "", 404, "", ""},
		{"POST", "/000/" + strings.Repeat("x", 200) + "/xhr", "", 404, "", ""},
		{"POST", session + "/xhr_send", `["x"]`, 404, "", "There is no such session."},
		{"GET", session + "/htmlfile", "", 500, "", `\"callback\" parameter required`},
		{"GET", session + "/jsonp", "", 500, "", `\"callback\" parameter required`},
		{"GET", session + "/jsonp?c=a%3Cb", "", 500, "", `invalid \"callback\" parameter`},
		{"POST", session + "/xhr", "", 200, "application/javascript; charset=UTF-8", "o\n"},
		{"POST", session + "/xhr", "", 200, "application/javascript; charset=UTF-8", `a["{\"cmd\":\"challenge\",`},
		{"POST", session + "/xhr_send", "", 500, "", "Payload expected."},
		{"POST", session + "/jsonp_send", "d=", 500, "", "Payload expected."},
		{"POST", session + "/xhr_send", "[", 500, "", "Broken JSON encoding."},
		{"POST", session + "/xhr_send", `{"a":1}`, 500, "", "Broken JSON encoding."},
		{"POST", session + "/xhr_send", strings.Repeat(" ", 5*pumpapi.MaxFrame), 413, "", ""},
		{"POST", session + "/xhr_send", `["{}"]`, 204, "text/plain; charset=UTF-8", ""},
		{"POST", session + "/jsonp_send", `d=%5B%22%7B%7D%22%5D`, 200, "text/plain; charset=UTF-8", "ok"},
	} {
		r := request{method: tt.method, path: sockJS + tt.path, header: http.Header{"Origin": {"https://page.example"}, "Access-Control-Request-Headers": {"x-a"}}}
		if tt.body != "" {
			r.body, r.contentType = tt.body, "text/plain"
			if strings.HasPrefix(tt.body, "d=") {
				r.contentType = "application/x-www-form-urlencoded"
			}
		}
		a := s.nobody().in(t).send(r)
		if a.status != tt.status || !strings.Contains(string(a.body), tt.has) || tt.contentType != "" && a.header.Get("Content-Type") != tt.contentType {
			t.Errorf("%s %.60s: %d %s: %.300s", tt.method, tt.path, a.status, a.header.Get("Content-Type"), a.body)
		}
		if tt.status < 300 && (a.header.Get("Access-Control-Allow-Origin") != "https://page.example" || a.header.Get("Access-Control-Allow-Credentials") != "true") {
			t.Errorf("%s %s: %v", tt.method, tt.path, a.header)
		}
		if tt.method == "OPTIONS" && (a.header.Get("Access-Control-Allow-Methods") == "" || a.header.Get("Access-Control-Allow-Headers") != "x-a") {
			t.Errorf("%s %s: %v", tt.method, tt.path, a.header)
		}
	}
}
