package telemetry

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func newLogger(t *testing.T, format string, level slog.Level) (*slog.Logger, *strings.Builder) {
	t.Helper()
	var out strings.Builder
	logger, err := NewLogger(&out, level, format)
	if err != nil {
		t.Fatal(err)
	}
	return logger, &out
}

func TestLoggerFormats(t *testing.T) {
	logger, out := newLogger(t, "json", slog.LevelInfo)
	logger.Debug("unseen")
	logger.Info("seen", "count", 3)
	var line map[string]any
	if err := json.Unmarshal([]byte(out.String()), &line); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if line["msg"] != "seen" || line["level"] != "INFO" || line["count"] != 3.0 {
		t.Errorf("line is %v", line)
	}

	logger, out = newLogger(t, "text", slog.LevelDebug)
	logger.Debug("seen", "text", "a\nb")
	if got := out.String(); !strings.HasSuffix(got, "level=DEBUG msg=seen text=\"a\\nb\"\n") {
		t.Errorf("line is %q", got)
	}

	if _, err := NewLogger(out, slog.LevelInfo, "xml"); err == nil || !strings.Contains(err.Error(), `"xml"`) {
		t.Errorf("format xml gives %v", err)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	for name, secret := range map[string]bool{
		"password": true, "Password": true, "secret": true, "token": true, "token_secret": true, "client_secret": true,
		"authorization": true, "Authorization": true, "cookie": true, "dsn": true, "DSN": true,
		"access_token": true, "accessToken": true, "Set-Cookie": true, "db.dsn": true, "ADMIN_PASSWORD": true, "private_key": true,
		"tokens": false, "nick": false, "passwords_checked": false, "undersecret": false, "id": false, "key": false, "": false,
	} {
		for _, format := range []string{"text", "json"} {
			logger, out := newLogger(t, format, slog.LevelInfo)
			logger.Info("a", name, "hunter2")
			logger.Info("b", slog.Group("group", name, "hunter2"))
			logger.WithGroup("group").With(name, "hunter2").Info("c")
			logger.Info("d", name, struct{ X string }{"hunter2"})
			if got := strings.Count(out.String(), "hunter2"); secret && got != 0 || !secret && got != 4 {
				t.Errorf("%s %q: shown %d times in\n%s", format, name, got, out)
			}
		}
	}
}

func TestSecretsInsideValuesAreMasked(t *testing.T) {
	u, err := url.Parse("https://ann:hunter2@a.example/x")
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Authorization": {"Bearer hunter2"}, "Set-Cookie": {"a=hunter2"}, "Accept": {"text/html"}}
	logger, out := newLogger(t, "json", slog.LevelInfo)
	logger.Info("x", "header", header, "url", u, "nil", (*url.URL)(nil), slog.Group("cookie", "value", "hunter2"))
	got := out.String()
	if strings.Contains(got, "hunter2") {
		t.Errorf("the secret is in %s", got)
	}
	if !strings.Contains(got, "text/html") || !strings.Contains(got, "a.example/x") {
		t.Errorf("what is no secret is missing in %s", got)
	}
	if header.Get("Authorization") != "Bearer hunter2" {
		t.Error("the header of the caller was changed")
	}
}

func TestLinesCarryTheRequest(t *testing.T) {
	logger, out := newLogger(t, "json", slog.LevelInfo)
	tel := newTelemetry(t, Options{})
	h := tel.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		logger.With("job", "x").InfoContext(r.Context(), "inside")
	}))
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Request-Id", "from-proxy.1")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if got := out.String(); !strings.Contains(got, `"job":"x","request_id":"from-proxy.1"`) {
		t.Errorf("line is %s", got)
	}
	out.Reset()
	logger.Info("outside")
	if strings.Contains(out.String(), "request_id") {
		t.Errorf("line is %s", out)
	}
}
