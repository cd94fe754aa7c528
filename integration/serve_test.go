package integration

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"debug/elf"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"manifold/internal/scratchpg"
)

// TestServeWithoutConfiguration runs the program as somebody does who has just
// built it: only the port is another one.
func TestServeWithoutConfiguration(t *testing.T) {
	t.Parallel()
	s := newServer(t, "")
	s.env = []string{"PATH=" + os.Getenv("PATH"), "MANIFOLD_LISTEN=127.0.0.1:0"}
	s.launch()
	eventually(t, "the server says where it is", func() error {
		log, err := os.ReadFile(s.logFile())
		if err != nil {
			return err
		}
		_, rest, found := strings.Cut(string(log), " is at ")
		s.url, _, _ = strings.Cut(rest, "\n")
		if !found || !strings.Contains(rest, "manifold user add NICK --admin") {
			return fmt.Errorf("it says %q", log)
		}
		return nil
	})
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.url, "http://"))
	s.address = "127.0.0.1:" + port
	s.untilReady()
	s.env = append(s.env, "MANIFOLD_URL="+s.url, "MANIFOLD_LISTEN="+s.address)
	ann := s.person("ann")
	ann.post("hello")
	s.stop()
	if _, err := os.Stat(filepath.Join(s.dir, "data", "manifold.db")); err != nil {
		t.Errorf("the database is not where it is said to be: %v", err)
	}
	// What is there is served again after a restart, and the newcomer's hint is gone.
	if err := os.Truncate(s.logFile(), 0); err != nil {
		t.Fatal(err)
	}
	s.start()
	if got := ann.all("feed")[0]; got.Object.Content != "hello" {
		t.Errorf("the newest in the feed after a restart is %+v", got)
	}
	if log, err := os.ReadFile(s.logFile()); err != nil || bytes.Contains(log, []byte("user add")) {
		t.Errorf("with an account there the server says (%v):\n%s", err, log)
	}
	s.stop()
}

// TestStopFinishesRequests tells the server to stop while somebody is still
// sending a note.
func TestStopFinishesRequests(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, database string) {
		s := newServer(t, database)
		s.start()
		ann := s.person("ann")
		r, err := ann.sign("POST", ann.path("feed"), ann.note("sent slowly"))
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
			r.path, strings.TrimPrefix(s.url, "http://"), r.authorization, len(r.body))
		// The server asks for the body when the handler begins to read it: from
		// then on the request is under way.
		const goOn = "HTTP/1.1 100 Continue\r\n\r\n"
		begun := make([]byte, len(goOn))
		if _, err := io.ReadFull(c, begun); err != nil || string(begun) != goOn {
			t.Fatalf("the server does not ask for the body: %v %q", err, begun)
		}
		if err := s.process.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the server takes no more connections", func() error {
			other, err := net.Dial("tcp", s.address)
			if err != nil {
				return nil
			}
			return fmt.Errorf("it took one: %v", other.Close())
		})
		if _, err := c.Write(r.body); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(c)
		if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 ")) {
			t.Errorf("the request that was under way is answered with (%v) %.300q", err, answer)
		}
		s.wait()
		s.start()
		if got := ann.all("feed")[0]; got.Object.Content != "sent slowly" {
			t.Errorf("the newest in the feed is %+v", got)
		}
		s.stop()
	})
}

func TestSecondServerOnThePort(t *testing.T) {
	t.Parallel()
	s := newServer(t, filepath.Join(t.TempDir(), "manifold.db"))
	s.start()
	r := s.run("", "serve")
	if r.status != 1 || !strings.Contains(r.errs, s.address) || !strings.Contains(r.errs, "address already in use") {
		t.Errorf("exit status %d: %q", r.status, r.errs)
	}
	if err := answers("http://"+s.address+"/healthz", http.StatusOK); err != nil {
		t.Errorf("the first server suffered: %v", err)
	}
	s.stop()
}

// TestTwoServersOnOneDatabase puts two processes on one PostgreSQL: what one
// takes the other shows, and the death of one is no matter to the other.
func TestTwoServersOnOneDatabase(t *testing.T) {
	t.Parallel()
	first := newServer(t, scratchpg.Database(t))
	first.start()
	second := first.beside()
	second.start()
	ann, ben := first.person("ann"), first.person("ben")
	ben.follow(ann)
	for i := range 20 {
		at := []*server{first, second}[i%2]
		id := ann.at(at).post(fmt.Sprintf("number %d", i)).ID
		for _, s := range []*server{first, second} {
			if got := ben.at(s).all("inbox")[0]; got.ID != id {
				t.Fatalf("after post %d to %s the newest at %s is %+v", i, at.address, s.address, got)
			}
		}
	}
	// The same signed request is good for one of them only.
	r, err := ann.sign("POST", ann.path("feed"), ann.note("once"))
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range []*server{first, second} {
		status, answer, err := r.send(s)
		if want := []int{http.StatusOK, http.StatusUnauthorized}[i]; err != nil || status != want {
			t.Errorf("time %d: status %d, want %d: %.200s (%v)", i+1, status, want, answer, err)
		}
	}
	first.kill()
	id := ann.at(second).post("alone").ID
	if got := ben.at(second).all("inbox")[0]; got.ID != id {
		t.Errorf("the newest at the server that is left is %+v", got)
	}
	second.stop()
}

func TestConfigurationErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "manifold.toml")
	if err := os.WriteFile(file, []byte("listen = \"127.0.0.1:8080\"\nlisten_on = 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		args   []string
		env    string
		status int
		says   []string
	}{
		{"a flag that nobody knows", []string{"--lisen", "x"}, "", 2, []string{"--lisen"}},
		{"an address without a port", []string{"--listen", "localhost"}, "", 2, []string{"--listen", "HOST:PORT", "localhost"}},
		{"an environment variable", nil, "MANIFOLD_URL=example.org", 2, []string{"MANIFOLD_URL", "example.org", "https://"}},
		{"a key in the file that nobody knows", []string{"--config", file}, "", 2, []string{file + ":2", "listen_on"}},
		{"a file that is not there", []string{"--config", filepath.Join(dir, "none.toml")}, "", 2, []string{"none.toml"}},
		{"a certificate that is not given", []string{"--tls", "files"}, "", 2, []string{"tls_cert"}},
		{"a certificate that is not there", []string{"--url", "https://localhost", "--tls", "files", "--tls-cert", "none.pem", "--tls-key", "none.pem"}, "", 1, []string{"none.pem"}},
		{"a log file that cannot be made", []string{"--log-file", filepath.Join(dir, "none", "log")}, "", 1, []string{"log_file", "none"}},
		{"a second port that is no address", []string{"--url", "https://localhost", "--redirect-listen", "80"}, "", 2, []string{"--redirect-listen", "HOST:PORT"}},
		{"redirects to what is not there", []string{"--redirect-listen", ":80"}, "", 2, []string{"redirect_listen", "https"}},
		{"confirmation without mail", nil, "MANIFOLD_REQUIRE_EMAIL=on", 2, []string{"require_email", "smtp_server"}},
		{"an argument too many", []string{"now"}, "", 2, []string{"now"}},
		{"a database that does not answer", []string{"--database", "postgres://nobody:secret@127.0.0.1:1/none"}, "", 1, []string{"127.0.0.1"}},
		{"a database that cannot be made", []string{"--database", "/proc/none/manifold.db"}, "", 1, []string{"/proc/none"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, filepath.Join(dir, "manifold.db"))
			if tt.env != "" {
				s.env = append(s.env, tt.env)
			}
			r := s.run("", append([]string{"serve"}, tt.args...)...)
			if r.status != tt.status || !strings.HasPrefix(r.errs, "manifold: ") {
				t.Errorf("exit status %d, want %d: %q", r.status, tt.status, r.errs)
			}
			for _, word := range tt.says {
				if !strings.Contains(r.errs, word) {
					t.Errorf("%q does not mention %q", r.errs, word)
				}
			}
			if strings.Contains(r.errs, "secret") {
				t.Errorf("a password is shown: %q", r.errs)
			}
		})
	}
}

func TestHealthMetricsAndProfiles(t *testing.T) {
	t.Parallel()
	admin := freeAddress(t)
	onEachDatabase(t, func(t *testing.T, database string) {
		s := newServer(t, database, "MANIFOLD_METRICS_LISTEN="+admin)
		s.start()
		ann := s.person("ann")
		ann.post("counted")
		for _, tt := range []struct{ address, want string }{
			{s.url + "/healthz", "ok"},
			{s.url + "/readyz", `{"status":"ready","failed":[]}`},
			{"http://" + admin + "/healthz", "ok"},
			{"http://" + admin + "/readyz", `{"status":"ready","failed":[]}`},
			{"http://" + admin + "/metrics", `manifold_http_requests_total{`},
			{"http://" + admin + "/metrics", `route="POST /api/user/{nick}/feed"`},
			{"http://" + admin + "/metrics", `manifold_store_cached_documents `},
			{"http://" + admin + "/metrics", `manifold_hub_renderings_total 0`},
			{"http://" + admin + "/metrics", `manifold_hub_subscribers 0`},
			{"http://" + admin + "/metrics", `go_goroutines `},
			{"http://" + admin + "/debug/pprof/goroutine?debug=1", "main.main"},
		} {
			if got := fetch(t, tt.address); !strings.Contains(got, tt.want) {
				t.Errorf("%s lacks %q:\n%.2000s", tt.address, tt.want, got)
			}
		}
		for _, path := range []string{"/metrics", "/debug/pprof/"} {
			if err := answers(s.url+path, http.StatusOK); err == nil {
				t.Errorf("%s is for everybody to see", path)
			}
		}
		s.stop()
	})
}

// TestNotReadyWithoutDatabase takes the database away under a running server.
func TestNotReadyWithoutDatabase(t *testing.T) {
	t.Parallel()
	pg, dsn := ownPostgres(t)
	admin := freeAddress(t)
	s := newServer(t, dsn, "MANIFOLD_METRICS_LISTEN="+admin)
	s.start()
	if err := pg.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server says that it is not ready", func() error { return answers(s.url+"/readyz", http.StatusServiceUnavailable) })
	if err := answers(s.url+"/healthz", http.StatusOK); err != nil {
		t.Errorf("the server counts as dead without its database: %v", err)
	}
	r, err := browser.Get("http://" + admin + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var answer struct {
		Failed []string
		Errors map[string]string
	}
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil || answer.Errors["database"] == "" {
		t.Errorf("the operator is told %+v (%v)", answer, err)
	}
	s.kill()
}

func fetch(t *testing.T, address string) string {
	t.Helper()
	r, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Errorf("%s: status %d, %v", address, r.StatusCode, err)
	}
	return string(b)
}

func TestTLSWithFiles(t *testing.T) {
	t.Parallel()
	cert, key, trusted := certificate(t)
	s := newServer(t, filepath.Join(t.TempDir(), "manifold.db"), "MANIFOLD_TLS=files", "MANIFOLD_TLS_CERT="+cert, "MANIFOLD_TLS_KEY="+key)
	s.url = strings.Replace(s.url, "http://", "https://", 1)
	s.env = append(s.env, "MANIFOLD_URL="+s.url)
	s.launch()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true}}
	var r *http.Response
	eventually(t, "the server answers over TLS", func() (err error) {
		r, err = client.Get(s.url + "/.well-known/host-meta.json")
		return err
	})
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || !strings.Contains(string(body), s.url+"/oauth/request_token") {
		t.Errorf("the addresses in the host's description do not begin with %s: %s (%v)", s.url, body, err)
	}
	if r.ProtoMajor != 2 {
		t.Errorf("the protocol is %s, want HTTP/2", r.Proto)
	}
	old := &tls.Config{RootCAs: trusted, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	if c, err := tls.Dial("tcp", s.address, old); err == nil {
		c.Close()
		t.Error("the server speaks TLS 1.1")
	}
	s.stop()
}

// certificate makes a certificate for localhost, by name and number, that is trusted
// by itself.
func certificate(t *testing.T) (certFile, keyFile string, trusted *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	trusted = x509.NewCertPool()
	trusted.AddCert(certificate)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile, trusted
}

// TestProgramIsStatic looks for an interpreter and libraries that the program
// would need on the machine that it is copied to.
func TestProgramIsStatic(t *testing.T) {
	t.Parallel()
	f, err := elf.Open(programPath)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program needs a dynamic linker")
		}
	}
	libraries, err := f.ImportedLibraries()
	if err != nil || len(libraries) > 0 {
		t.Errorf("the program needs %v (%v)", libraries, err)
	}
}
