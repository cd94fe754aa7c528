package pumpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// sockJS serves the protocol of SockJS, version 0.3: the same conversation over
// whichever way to a browser is open. Over a WebSocket it is one connection, see
// [webSocket]. Over requests of HTTP the client sends what it says in a request,
// and takes what it is told as the answer to another, which waits until there is
// something to tell; see [session]. All requests of a conversation must reach the
// same process.
type sockJS struct {
	r *realtime

	mu       sync.Mutex
	sessions map[string]*session

	iframe, iframePolicy string
}

func newSockJS(r *realtime) *sockJS {
	s := &sockJS{r: r, sessions: map[string]*session{}}
	// Browsers of old speak with another host through a page of that host. Its
	// script is not ours; who has such clients puts it there.
	const start = "document.domain = document.domain; SockJS.bootstrap_iframe();"
	script := r.a.names.Base + "/javascript/sockjs.min.js"
	s.iframe = "<!DOCTYPE html>\n<meta charset=utf-8>\n<title>SockJS</title>\n<script src=\"" + html.EscapeString(script) + "\"></script>\n<script>" + start + "</script>\n"
	sum := sha256.Sum256([]byte(start))
	s.iframePolicy = "default-src 'none'; connect-src 'self'; script-src " + script + " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	return s
}

var (
	sessionPath = regexp.MustCompile(`^/[^/.]+/([^/.]+)/([a-z_]+)$`)
	iframePath  = regexp.MustCompile(`^/iframe[0-9a-z._-]*\.html$`)
)

// maxSessionName bounds the name that a client gives a conversation, in bytes.
const maxSessionName = 128

var errNoTransport = refuse(http.StatusNotFound, "There is no such transport of SockJS.")

// serveSockJS serves what is below the address of the realtime service.
func (a *API) serveSockJS(w http.ResponseWriter, r *http.Request, _ *caller) error {
	s, path := a.sockJS, strings.TrimPrefix(r.URL.Path, sockjsPath)
	switch {
	case path == "" || path == "/":
		return s.only(w, r, http.MethodGet, func() error {
			w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
			_, err := io.WriteString(w, "Welcome to SockJS!\n")
			return err
		})
	case path == "/info":
		return s.only(w, r, http.MethodGet, func() error { return s.info(w) })
	case iframePath.MatchString(path):
		return s.only(w, r, http.MethodGet, func() error {
			h := w.Header()
			h.Set("Content-Type", "text/html; charset=UTF-8")
			h.Set("Content-Security-Policy", s.iframePolicy)
			h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", longTime))
			_, err := io.WriteString(w, s.iframe)
			return err
		})
	case path == "/websocket":
		return s.only(w, r, http.MethodGet, func() error { a.realtime.upgrade(w, r, true); return nil })
	}
	m := sessionPath.FindStringSubmatch(path)
	if m == nil || len(m[1]) > maxSessionName {
		return errNoTransport
	}
	switch m[2] {
	case "websocket":
		return s.only(w, r, http.MethodGet, func() error { a.realtime.upgrade(w, r, false); return nil })
	case "xhr_send", "jsonp_send":
		return s.only(w, r, http.MethodPost, func() error { return s.hear(w, r, m[1], m[2]) })
	}
	t, ok := transports[m[2]]
	if !ok {
		return errNoTransport
	}
	return s.only(w, r, t.method, func() error { return s.speak(w, r, m[1], t) })
}

// longTime is a year, in seconds: what never changes is asked for once.
const longTime = 365 * 24 * 60 * 60

// only has requests of one method served, and answers the question that browsers
// ask before requests to another host. Who asks is of no concern, since cookies
// prove nothing here.
func (s *sockJS) only(w http.ResponseWriter, r *http.Request, method string, serve func() error) error {
	h := w.Header()
	origin := r.Header.Get("Origin")
	if origin == "" || origin == "null" {
		h.Set("Access-Control-Allow-Origin", "*")
	} else {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Add("Vary", "Origin")
	}
	switch r.Method {
	case method:
		h.Set("Cache-Control", "no-store, no-cache, no-transform, must-revalidate, max-age=0")
		return serve()
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "OPTIONS, "+method)
		h.Set("Access-Control-Max-Age", fmt.Sprint(longTime))
		if headers := r.Header.Get("Access-Control-Request-Headers"); headers != "" {
			h.Set("Access-Control-Allow-Headers", headers)
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	h.Set("Allow", "OPTIONS, "+method)
	return refuse(http.StatusMethodNotAllowed, "This takes %s only.", method)
}

// info tells clients which transports they may try.
func (s *sockJS) info(w http.ResponseWriter) error {
	out := writer{}
	out.open('{')
	out.flag("websocket", true)
	out.flag("cookie_needed", false)
	out.raw("origins", []byte(`["*:*"]`))
	out.number("entropy", int64(rand.Uint32()))
	out.close('}')
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_, err := w.Write(out.b)
	return err
}

// transport is a way in which answers of HTTP carry frames.
type transport struct {
	method, contentType string
	// callback says that the page names a function for the frames.
	callback bool
	// prelude makes browsers show the answer bit by bit.
	prelude func(callback string) string
	// wrap puts a frame into the answer.
	wrap func(frame []byte, callback string) []byte
	// streams says that an answer has many frames.
	streams bool
}

const javascript = "application/javascript; charset=UTF-8"

var transports = map[string]transport{
	"xhr": {method: http.MethodPost, contentType: javascript, wrap: line},
	"xhr_streaming": {method: http.MethodPost, contentType: javascript, wrap: line, streams: true,
		prelude: func(string) string { return strings.Repeat("h", 2048) + "\n" }},
	"eventsource": {method: http.MethodGet, contentType: "text/event-stream; charset=UTF-8", streams: true,
		prelude: func(string) string { return "\r\n" },
		wrap:    func(frame []byte, _ string) []byte { return append(append([]byte("data: "), frame...), "\r\n\r\n"...) }},
	"htmlfile": {method: http.MethodGet, contentType: "text/html; charset=UTF-8", callback: true, streams: true,
		prelude: func(callback string) string {
			page := "<!DOCTYPE html>\n<meta charset=utf-8>\n<title>SockJS</title>\n<script>\ndocument.domain = document.domain;\nvar c = parent." + callback +
				";\nc.start();\nfunction p(d) { c.message(d); }\nwindow.onload = function() { c.stop(); };\n</script>\n"
			return page + strings.Repeat(" ", max(0, 1024-len(page))) + "\r\n\r\n"
		},
		wrap: func(frame []byte, _ string) []byte {
			return fmt.Appendf(nil, "<script>\np(%s);\n</script>\r\n", scriptString(frame))
		}},
	"jsonp": {method: http.MethodGet, contentType: javascript, callback: true,
		// What comes before keeps the answer from being taken for something else.
		wrap: func(frame []byte, callback string) []byte {
			return fmt.Appendf(nil, "/**/%s(%s);\r\n", callback, scriptString(frame))
		}},
}

func line(frame []byte, _ string) []byte { return append(frame[:len(frame):len(frame)], '\n') }

// scriptString is a string literal that can stand in a script in a page.
func scriptString(frame []byte) []byte {
	b, _ := json.Marshal(string(frame)) // escapes < and >
	return b
}

var callbacks = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,128}$`)

// speak answers with what there is to tell in a conversation, which it begins if
// there is none.
func (s *sockJS) speak(w http.ResponseWriter, r *http.Request, name string, t transport) error {
	callback := ""
	if t.callback {
		if callback = r.URL.Query().Get("c"); callback == "" {
			return refuse(http.StatusInternalServerError, `"callback" parameter required`)
		}
		if !callbacks.MatchString(callback) {
			return refuse(http.StatusInternalServerError, `invalid "callback" parameter`)
		}
	}
	conversation, err := s.session(name)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", t.contentType)
	h.Set("X-Accel-Buffering", "no")
	out := newStreamWriter(w, s.r)
	defer out.release()
	conversation.speak(out, r, t, callback)
	return nil
}

// hear takes what a client says.
func (s *sockJS) hear(w http.ResponseWriter, r *http.Request, name, how string) error {
	s.mu.Lock()
	conversation := s.sessions[name]
	s.mu.Unlock()
	if conversation == nil {
		return refuse(http.StatusNotFound, "There is no such session.")
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4*maxFrame))
	if err != nil {
		return err
	}
	contentType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if how == "jsonp_send" && contentType == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(data))
		if err != nil {
			return refuse(http.StatusInternalServerError, "Broken JSON encoding.")
		}
		data = []byte(form.Get("d"))
	}
	if len(data) == 0 {
		return refuse(http.StatusInternalServerError, "Payload expected.")
	}
	messages, err := decodeFrame(data)
	if err != nil {
		return refuse(http.StatusInternalServerError, "Broken JSON encoding.")
	}
	conversation.hear(messages)
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	if how == "jsonp_send" {
		_, err = io.WriteString(w, "ok")
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
