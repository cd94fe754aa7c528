//go:build desktop

package integration

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The server of a desktop test is where people expect one: at port 443 of a name,
// with a certificate from an authority that the machine trusts.
const (
	desktopHost    = "pump.example"
	desktopAddress = "127.0.0.11"
)

// worldVariable is set for the process that lives in a world of its own.
const worldVariable = "MANIFOLD_DESKTOP_WORLD"

// inOwnWorld runs the calling test a second time, in a process that is alone in
// the world, and reports whether this is that process.
//
// The programs on a desktop look for a name in /etc/hosts, for authorities in
// /etc/ssl/certs, for a display in /tmp, and leave daemons behind. Linux can give
// a process files, a network and process numbers that are its own (namespaces(7)),
// so nothing of the machine is changed, port 443 is free, several tests run side
// by side, and with the process everything ends that it started.
func inOwnWorld(t *testing.T) bool {
	t.Helper()
	if os.Getenv(worldVariable) != "" {
		enterWorld(t)
		return true
	}
	dir, pictures := t.TempDir(), artifacts(t)
	program := filepath.Join(dir, "manifold")
	copyFile(t, programPath, program)
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), own, "-test.v", "-test.run=^"+t.Name()+"$", "-test.timeout=5m")
	c.Env = append(os.Environ(), worldVariable+"="+dir, "MANIFOLD_ARTIFACTS="+pictures, "MANIFOLD_TEST_PROGRAM=/tmp/manifold", "TMPDIR=/tmp")
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	out, err := c.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Fatalf("a desktop test needs namespaces of its own, which this machine does not give (%v): "+
			"allow them (sysctl kernel.unprivileged_userns_clone), or run the tests as root, in a container a privileged one", err)
	}
	t.Logf("%s\nscreenshots are in %s", out, pictures)
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("in its own world the test fails: %v", err)
	}
	return false
}

// artifacts is the directory that screenshots are left in.
func artifacts(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(cmp.Or(os.Getenv("MANIFOLD_ARTIFACTS"), filepath.Join(os.TempDir(), "manifold-desktop")))
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	source, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err == nil {
		_, err = io.Copy(target, source)
		err = errors.Join(err, target.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// worldArtifacts is where the directory for screenshots is in the world, of which
// everything else under /tmp vanishes with it.
const worldArtifacts = "/tmp/artifacts"

// enterWorld makes a world of the namespaces that the process was started in: an
// own /tmp, the loopback network, and a name of an own server.
func enterWorld(t *testing.T) {
	t.Helper()
	dir := os.Getenv(worldVariable)
	pictures := filepath.Join(dir, filepath.Base(worldArtifacts))
	if err := os.Mkdir(pictures, 0o755); err != nil {
		t.Fatal(err)
	}
	bind := func(from, to string) {
		if err := syscall.Mount(from, to, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
			t.Fatalf("putting %s at %s: %v", from, to, err)
		}
	}
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		t.Fatalf("keeping mounts to this world: %v", err)
	}
	bind(os.Getenv("MANIFOLD_ARTIFACTS"), pictures)
	bind(dir, "/tmp")
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		t.Fatalf("mounting /proc: %v", err)
	}
	hosts := fmt.Sprintf("127.0.0.1 localhost\n%s %s\n", desktopAddress, desktopHost)
	if err := os.WriteFile("/tmp/hosts", []byte(hosts), 0o644); err != nil {
		t.Fatal(err)
	}
	bind("/tmp/hosts", "/etc/hosts")
	// Choqok fetches no pictures on a machine that has only the loopback network:
	// KIO takes it for one without a connection.
	for _, args := range []string{
		"link set lo up", "link add out0 type veth peer name out1",
		"address add 192.0.2.1/24 dev out0", "link set out0 up", "link set out1 up",
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", args, err, out)
		}
	}
}

// A front stands before the server, as people run one: it speaks TLS, and passes
// every request on. It remembers how the requests were answered.
type front struct {
	mu     sync.Mutex
	passed []exchange
}

// exchange is a request with the answer to it.
type exchange struct {
	agent, method, address string
	status                 int
	contentType            string
}

func (e exchange) String() string {
	return fmt.Sprintf("%s %s of %q: %d %s", e.method, e.address, e.agent, e.status, e.contentType)
}

// newFront starts a front for a server.
func newFront(t *testing.T, s *server) *front {
	t.Helper()
	f := &front{}
	target := &url.URL{Scheme: "http", Host: s.address}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.passed = append(f.passed, exchange{r.Request.UserAgent(), r.Request.Method, r.Request.URL.RequestURI(), r.StatusCode, r.Header.Get("Content-Type")})
			return nil
		},
	}
	l, err := net.Listen("tcp", desktopAddress+":443")
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := trustedCertificate(t)
	hs := &http.Server{Handler: proxy}
	done := make(chan error, 1)
	go func() { done <- hs.ServeTLS(l, certFile, keyFile) }()
	t.Cleanup(func() {
		hs.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the front ended: %v", err)
		}
	})
	return f
}

// exchanges are those for which match holds.
func (f *front) exchanges(match func(exchange) bool) []exchange {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []exchange
	for _, e := range f.passed {
		if match(e) {
			found = append(found, e)
		}
	}
	return found
}

// trustedCertificate makes an authority, which it makes the only one that is
// trusted in this world, and a certificate of it for desktopHost.
func trustedCertificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	now := time.Now()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority of the desktop tests"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: desktopHost}, DNSNames: []string{desktopHost},
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	authorityKey, leafKey := newKey(t), newKey(t)
	// What is not a name made of a hash is read only if no such name is there.
	const dir = "/tmp/certs"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"authority.pem", "ca-certificates.crt"} {
		writePEM(t, filepath.Join(dir, name), "CERTIFICATE", issue(t, authority, authority, authorityKey, authorityKey))
	}
	if err := syscall.Mount(dir, "/etc/ssl/certs", "", syscall.MS_BIND, ""); err != nil {
		t.Fatalf("trusting the authority of the tests: %v", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = "/tmp/front.pem", "/tmp/front.key"
	writePEM(t, certFile, "CERTIFICATE", issue(t, leaf, authority, leafKey, authorityKey))
	writePEM(t, keyFile, "PRIVATE KEY", private)
	return certFile, keyFile
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func issue(t *testing.T, template, parent *x509.Certificate, subject, issuer *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, subject.Public(), issuer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
