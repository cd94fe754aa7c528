package telemetry

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

func newTelemetry(t testing.TB, options Options) *Telemetry {
	t.Helper()
	tel, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	return tel
}

// lines decodes a log in JSON.
func lines(t *testing.T, log string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for text := range strings.Lines(log) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		all = append(all, line)
	}
	return all
}

func TestRequestID(t *testing.T) {
	tel := newTelemetry(t, Options{})
	var inside string
	h := tel.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { inside = RequestID(r.Context()) }))
	made := regexp.MustCompile(`^[0-9a-f]{16}$`)
	seen := map[string]bool{}
	for given, kept := range map[string]bool{
		"abc-DEF_0.9": true, strings.Repeat("a", 64): true,
		"": false, strings.Repeat("a", 65): false, "a b": false, "a\"b": false, "ü": false, "<script>": false, "a,b": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		if given != "" {
			r.Header.Set("X-Request-Id", given)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		got := w.Header().Get("X-Request-Id")
		if kept && got != given || !kept && !made.MatchString(got) {
			t.Errorf("%q is answered with %q", given, got)
		}
		if inside != got {
			t.Errorf("the handler sees %q, the client %q", inside, got)
		}
		if seen[got] {
			t.Errorf("%q was given twice", got)
		}
		seen[got] = true
	}
}

func TestOutsideARequest(t *testing.T) {
	ctx := context.Background()
	SetRoute(ctx, "x")
	SetUser(ctx, "x")
	HidePath(ctx)
	if got := RequestID(ctx); got != "" {
		t.Errorf("id is %q", got)
	}
}

func TestAccessLog(t *testing.T) {
	for _, tt := range []struct {
		name    string
		target  string
		level   slog.Level // of the logger
		options Options
		handler http.HandlerFunc
		want    map[string]any // members of the line, nil if there is none
	}{
		{name: "all members", target: "/api/user/ann?oauth_token=hunter2", level: slog.LevelDebug,
			handler: func(w http.ResponseWriter, r *http.Request) {
				SetRoute(r.Context(), "user")
				SetUser(r.Context(), "ann")
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, "12345")
			},
			want: map[string]any{"level": "DEBUG", "msg": "request", "method": "GET", "path": "/api/user/ann", "route": "user",
				"status": 201.0, "bytes": 5.0, "remote": "192.0.2.1", "user": "ann"}},
		{name: "success is not logged at info", target: "/", level: slog.LevelInfo, handler: func(http.ResponseWriter, *http.Request) {}},
		{name: "redirect is not logged at info", target: "/", level: slog.LevelInfo,
			handler: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusSeeOther) }},
		{name: "nothing written", target: "/", level: slog.LevelDebug, handler: func(http.ResponseWriter, *http.Request) {},
			want: map[string]any{"level": "DEBUG", "status": 200.0, "bytes": 0.0, "route": "unmatched", "user": nil, "cut": nil}},
		{name: "mistake of the client", target: "/", level: slog.LevelInfo, handler: http.NotFound,
			want: map[string]any{"level": "INFO", "status": 404.0}},
		{name: "refusal under load", target: "/", level: slog.LevelInfo,
			handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
			want:    map[string]any{"level": "WARN", "status": 503.0}},
		{name: "mistake of ours", target: "/", level: slog.LevelInfo,
			handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) },
			want:    map[string]any{"level": "ERROR", "status": 502.0}},
		{name: "hidden path", target: "/main/recover/hunter2", level: slog.LevelDebug,
			handler: func(_ http.ResponseWriter, r *http.Request) { HidePath(r.Context()) },
			want:    map[string]any{"path": "[hidden]"}},
		{name: "long path", target: "/" + strings.Repeat("a", 5000), level: slog.LevelDebug,
			handler: func(http.ResponseWriter, *http.Request) {},
			want:    map[string]any{"path": "/" + strings.Repeat("a", 511) + "..."}},
		{name: "encoded path", target: "/a%0Ab%2F", level: slog.LevelDebug, handler: func(http.ResponseWriter, *http.Request) {},
			want: map[string]any{"path": "/a%0Ab%2F"}},
		{name: "levels of the caller", target: "/", level: slog.LevelInfo,
			options: Options{RequestLevel: func(route string, status int) slog.Level {
				if route == "loud" && status == 200 {
					return slog.LevelWarn
				}
				return slog.LevelDebug
			}},
			handler: func(_ http.ResponseWriter, r *http.Request) { SetRoute(r.Context(), "loud") },
			want:    map[string]any{"level": "WARN"}},
		{name: "address of the caller", target: "/", level: slog.LevelDebug,
			options: Options{RemoteAddress: func(r *http.Request) string { return "198.51.100.7" }},
			handler: func(http.ResponseWriter, *http.Request) {},
			want:    map[string]any{"remote": "198.51.100.7"}},
		{name: "informational answers come before the answer", target: "/", level: slog.LevelDebug,
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusEarlyHints)
				w.WriteHeader(http.StatusNotFound)
			},
			want: map[string]any{"status": 404.0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			logger, out := newLogger(t, "json", tt.level)
			tt.options.Logger = logger
			tel := newTelemetry(t, tt.options)
			w := httptest.NewRecorder()
			tel.Middleware(tt.handler).ServeHTTP(w, httptest.NewRequest("GET", tt.target, nil))
			if strings.Contains(out.String(), "hunter2") {
				t.Errorf("the secret is in %s", out)
			}
			all := lines(t, out.String())
			if tt.want == nil {
				if len(all) != 0 {
					t.Errorf("logged %v", all)
				}
				return
			}
			if len(all) != 1 {
				t.Fatalf("%d lines: %v", len(all), all)
			}
			for name, want := range tt.want {
				if got := all[0][name]; got != want {
					t.Errorf("%s is %v, want %v", name, got, want)
				}
			}
			if d, ok := all[0]["duration_ms"].(float64); !ok || d < 0 {
				t.Errorf("duration is %v", all[0]["duration_ms"])
			}
			if all[0]["request_id"] != w.Header().Get("X-Request-Id") {
				t.Errorf("id is %v", all[0]["request_id"])
			}
		})
	}
}

func TestPanicIsAnswered(t *testing.T) {
	for _, tt := range []struct{ accept, contentType string }{
		{"", "application/json"},
		{"*/*", "application/json"},
		{"application/activity+json", "application/json"},
		{"application/json, text/plain, */*", "application/json"},
		{"text/html,application/xhtml+xml,*/*;q=0.8", "text/plain; charset=utf-8"},
	} {
		logger, out := newLogger(t, "json", slog.LevelInfo)
		tel := newTelemetry(t, Options{Logger: logger})
		h := tel.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			SetRoute(r.Context(), "broken")
			w.Header().Set("Content-Length", "9999")
			w.Header().Set("ETag", `"x"`)
			panic("the cause")
		}))
		r := httptest.NewRequest("POST", "/x", nil)
		r.Header.Set("Accept", tt.accept)
		r.Header.Set("X-Request-Id", "id-1")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)

		body := w.Body.String()
		if w.Code != 500 || w.Header().Get("Content-Type") != tt.contentType || w.Header().Get("Etag") != "" ||
			w.Header().Get("Content-Length") != "" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%q is answered with %d %v", tt.accept, w.Code, w.Header())
		}
		if strings.Contains(body, "cause") || strings.Contains(body, ".go:") || !strings.Contains(body, "id-1") {
			t.Errorf("body is %q", body)
		}
		if tt.contentType == "application/json" {
			var answer map[string]string
			if err := json.Unmarshal([]byte(body), &answer); err != nil || answer["error"] != "internal server error" {
				t.Errorf("body is %q (%v)", body, err)
			}
		}
		all := lines(t, out.String())
		if len(all) != 2 {
			t.Fatalf("%d lines: %v", len(all), all)
		}
		if p := all[0]; p["panic"] != "the cause" || p["level"] != "ERROR" || p["route"] != "broken" || p["request_id"] != "id-1" ||
			!strings.Contains(fmt.Sprint(p["stack"]), "TestPanicIsAnswered") {
			t.Errorf("panic is logged as %v", p)
		}
		if a := all[1]; a["msg"] != "request" || a["status"] != 500.0 || a["level"] != "ERROR" {
			t.Errorf("request is logged as %v", a)
		}
		if got := metric(t, tel, `manifold_http_requests_total{method="POST",route="broken",status="5xx"}`); got != "1" {
			t.Errorf("counted %q", got)
		}
	}
}

// TestPanicCutsABegunAnswer uses real connections: the client must not take the
// beginning of an answer for the whole.
func TestPanicCutsABegunAnswer(t *testing.T) {
	for name, failure := range map[string]any{"mistake": "the cause", "on purpose": http.ErrAbortHandler} {
		t.Run(name, func(t *testing.T) {
			logger, out := newLogger(t, "json", slog.LevelDebug)
			tel := newTelemetry(t, Options{Logger: logger})
			server := httptest.NewServer(tel.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "begun")
				if err := http.NewResponseController(w).Flush(); err != nil {
					t.Error(err)
				}
				panic(failure)
			})))
			response, err := server.Client().Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			if err == nil || string(body) != "begun" {
				t.Errorf("the client reads %q without an error", body)
			}
			_ = response.Body.Close()
			server.Close() // waits for the handler
			all := lines(t, out.String())
			last := all[len(all)-1]
			if last["msg"] != "request" || last["cut"] != true {
				t.Errorf("request is logged as %v", last)
			}
			if onPurpose := failure == http.ErrAbortHandler; onPurpose && (len(all) != 1 || last["status"] != 200.0) ||
				!onPurpose && (len(all) != 2 || last["status"] != 500.0) {
				t.Errorf("logged %v", all)
			}
		})
	}
}

func TestAbortBeforeTheAnswer(t *testing.T) {
	tel := newTelemetry(t, Options{})
	server := httptest.NewServer(tel.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler)
	})))
	defer server.Close()
	if response, err := server.Client().Get(server.URL); err == nil {
		t.Errorf("the client gets %s", response.Status)
		_ = response.Body.Close()
	}
}

func TestFlush(t *testing.T) {
	tel := newTelemetry(t, Options{})
	release := make(chan struct{})
	server := httptest.NewServer(tel.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first\n")
		w.(http.Flusher).Flush()
		<-release
		_, _ = io.WriteString(w, "second\n")
	})))
	defer server.Close()
	response, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	reader := bufio.NewReader(response.Body)
	if line, err := reader.ReadString('\n'); line != "first\n" {
		t.Errorf("before the end of the handler the client reads %q (%v)", line, err)
	}
	close(release)
	if line, err := reader.ReadString('\n'); line != "second\n" {
		t.Errorf("then the client reads %q (%v)", line, err)
	}
}

// TestFlushErrors has a connection below that cannot flush.
func TestFlushErrors(t *testing.T) {
	tel := newTelemetry(t, Options{})
	plain := struct{ http.ResponseWriter }{httptest.NewRecorder()}
	tel.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).Flush(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("flushing gives %v", err)
		}
		if _, _, err := http.NewResponseController(w).Hijack(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("hijacking gives %v", err)
		}
	})).ServeHTTP(plain, httptest.NewRequest("GET", "/", nil))
}

func TestDeadlinesReachTheConnection(t *testing.T) {
	tel := newTelemetry(t, Options{})
	server := httptest.NewServer(tel.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Error(err)
		}
	})))
	defer server.Close()
	response, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
}

func TestHijack(t *testing.T) {
	logger, out := newLogger(t, "json", slog.LevelDebug)
	tel := newTelemetry(t, Options{Logger: logger})
	socket := tel.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		SetRoute(r.Context(), "socket")
		conn, buffer, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = buffer.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello")
		_ = buffer.Flush()
		_ = conn.Close()
		panic("after the takeover")
	}))
	// The server does not wait for handlers of connections that were taken over.
	finished := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(finished)
		socket.ServeHTTP(w, r)
	}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
	answer, err := io.ReadAll(conn)
	if err != nil || !bytes.HasSuffix(answer, []byte("\r\n\r\nhello")) {
		t.Errorf("the client reads %q (%v)", answer, err)
	}
	<-finished
	const series = `{method="GET",route="socket",status="5xx"}`
	if got := metric(t, tel, "manifold_http_requests_total"+series); got != "1" {
		t.Errorf("counted %q", got)
	}
	if got := metric(t, tel, "manifold_http_request_duration_seconds_count"+series); got != "" {
		t.Errorf("the life of a socket was taken for a duration, %q times", got)
	}
	if !strings.Contains(out.String(), "after the takeover") {
		t.Errorf("log is %s", out)
	}
}

func TestHijackedStatus(t *testing.T) {
	if got := (&response{hijacked: true}).finalStatus(); got != http.StatusSwitchingProtocols {
		t.Errorf("status is %d", got)
	}
}

// readerFrom is a ResponseWriter that can send files by itself, as that of
// net/http can.
type readerFrom struct {
	*httptest.ResponseRecorder
	used bool
}

func (w *readerFrom) ReadFrom(r io.Reader) (int64, error) {
	w.used = true
	return io.Copy(w.ResponseRecorder, r)
}

func TestFilesAreSentByTheServer(t *testing.T) {
	logger, out := newLogger(t, "json", slog.LevelDebug)
	tel := newTelemetry(t, Options{Logger: logger})
	w := &readerFrom{ResponseRecorder: httptest.NewRecorder()}
	tel.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		// LimitReader hides WriterTo, which io.Copy would prefer.
		_, _ = io.Copy(w, io.LimitReader(strings.NewReader("12345"), 4))
	})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if !w.used || w.Body.String() != "1234" {
		t.Errorf("used %v, body %q", w.used, w.Body)
	}
	if line := lines(t, out.String())[0]; line["bytes"] != 4.0 || line["status"] != 200.0 {
		t.Errorf("logged %v", line)
	}
}

// TestHandlerOfAnotherGoroutine sets the route while the request is finished; it
// is for the race detector.
func TestHandlerOfAnotherGoroutine(t *testing.T) {
	tel := newTelemetry(t, Options{})
	done := make(chan struct{})
	tel.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		go func() {
			defer close(done)
			SetRoute(r.Context(), "late")
			SetUser(r.Context(), "late")
			HidePath(r.Context())
		}()
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	<-done
	body := scrape(t, tel)
	if !strings.Contains(body, `route="late"`) && !strings.Contains(body, `route="unmatched"`) {
		t.Errorf("the request was not counted:\n%s", body)
	}
}

// nothing is a ResponseWriter that costs nothing.
type nothing struct{ header http.Header }

func (n nothing) Header() http.Header         { return n.header }
func (n nothing) Write(p []byte) (int, error) { return len(p), nil }
func (n nothing) WriteHeader(int)             {}

// BenchmarkMiddleware measures what the middleware adds to a request: without a
// line in the log (the default for what worked), and with one.
func BenchmarkMiddleware(b *testing.B) {
	for _, level := range []slog.Level{slog.LevelInfo, slog.LevelDebug} {
		b.Run("level="+level.String(), func(b *testing.B) {
			logger, err := NewLogger(io.Discard, level, "json")
			if err != nil {
				b.Fatal(err)
			}
			tel := newTelemetry(b, Options{Logger: logger})
			body := []byte("{}")
			h := tel.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				SetRoute(r.Context(), "pump.inbox")
				SetUser(r.Context(), "ann")
				_, _ = w.Write(body)
			}))
			r := httptest.NewRequest("GET", "/api/user/ann/inbox?count=20", nil)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(nothing{http.Header{}}, r)
			}
		})
	}
}
