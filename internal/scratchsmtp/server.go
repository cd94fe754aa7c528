package scratchsmtp

import (
	"bufio"
	"bytes"
	"context"
	_ "embed" // the program that sets aiosmtpd up
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed smtpd.py
var program string

// python is Debian's interpreter: others on the path have no aiosmtpd.
const python = "/usr/bin/python3"

// patience is how long the server may take to start, and to end.
const patience = 30 * time.Second

// Options for [Start]. The zero value is a server that takes mail from anybody, in
// the clear.
type Options struct {
	// Folder is where the mail goes, a Maildir; it is made if there is none.
	Folder string
	// Port is 0 for any that is free.
	Port int
	// Encryption is "off", "starttls" or "tls", as in [manifold/internal/mail].
	Encryption string
	// Certificate and Key are paths of PEM files.
	Certificate, Key string
	// User and Password have to be given by whoever brings mail, unless they are
	// empty.
	User, Password string
}

// Server is a running SMTP server.
type Server struct {
	// Port is where it listens, on 127.0.0.1.
	Port   int
	folder string
	cmd    *exec.Cmd
	stdin  io.Closer
	errs   *bytes.Buffer
}

// Start starts a server and returns when it takes mail.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Encryption == "" {
		o.Encryption = "off"
	}
	settings, err := json.Marshal(map[string]any{
		"maildir": o.Folder, "port": o.Port, "encryption": o.Encryption, "certificate": o.Certificate, "key": o.Key,
		"user": o.User, "password": o.Password,
	})
	if err != nil {
		return nil, err
	}
	s := &Server{folder: o.Folder, errs: new(bytes.Buffer)}
	s.cmd = exec.CommandContext(context.WithoutCancel(ctx), python, "-c", program, string(settings))
	s.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PYTHONDONTWRITEBYTECODE=1", "LC_ALL=C.UTF-8"}
	s.cmd.Stderr = s.errs
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	s.stdin = stdin
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting an SMTP server: %w", err)
	}
	late := time.AfterFunc(patience, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	if s.Port, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		return nil, errors.Join(fmt.Errorf("the SMTP server did not start; it comes with: apt-get install python3-aiosmtpd"), s.Stop(),
			errors.New(s.errs.String()))
	}
	return s, nil
}

// Address is where the server listens.
func (s *Server) Address() string { return "127.0.0.1:" + strconv.Itoa(s.Port) }

// Stop ends the server. What it has taken stays readable.
func (s *Server) Stop() error {
	_ = s.stdin.Close() // fails when the server has ended by itself
	late := time.AfterFunc(patience, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("the SMTP server: %w: %s", err, s.errs.String())
	}
	return nil
}

// Mail is what the server has taken.
type Mail struct {
	Header mail.Header
	// To is whom it was handed over for, which the head need not say.
	To string
	// Text and HTML are the two parts of the body, with plain line breaks.
	Text, HTML string
	// Raw is all of it as the server keeps it.
	Raw []byte
}

// Subject is the subject as it is read.
func (m *Mail) Subject() string {
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return m.Header.Get("Subject")
	}
	return subject
}

// Taken returns the mail that the server has taken so far, oldest first.
func (s *Server) Taken() ([]*Mail, error) {
	entries, err := os.ReadDir(filepath.Join(s.folder, "new"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	type dated struct {
		mail *Mail
		at   time.Time
	}
	var list []dated
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		raw, err := os.ReadFile(filepath.Join(s.folder, "new", e.Name()))
		if err != nil {
			return nil, err
		}
		m, err := Parse(raw)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", e.Name(), err)
		}
		list = append(list, dated{m, info.ModTime()})
	}
	slices.SortFunc(list, func(a, b dated) int { return a.at.Compare(b.at) })
	taken := make([]*Mail, len(list))
	for i, d := range list {
		taken[i] = d.mail
	}
	return taken, nil
}

// Parse reads a mail of one or two parts.
func Parse(raw []byte) (*Mail, error) {
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	m := &Mail{Header: parsed.Header, To: parsed.Header.Get("X-RcptTo"), Raw: raw}
	kind, params, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	if kind != "multipart/alternative" {
		return m, m.part(kind, parsed.Header.Get("Content-Transfer-Encoding"), parsed.Body)
	}
	for parts := multipart.NewReader(parsed.Body, params["boundary"]); ; {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			return m, nil
		}
		if err != nil {
			return nil, err
		}
		kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil {
			return nil, err
		}
		if err := m.part(kind, part.Header.Get("Content-Transfer-Encoding"), part); err != nil {
			return nil, err
		}
	}
}

func (m *Mail) part(kind, encoding string, body io.Reader) error {
	if encoding != "quoted-printable" {
		return fmt.Errorf("a part has the encoding %q", encoding)
	}
	b, err := io.ReadAll(quotedprintable.NewReader(body))
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(string(b), "\r\n", "\n")
	switch kind {
	case "text/plain":
		m.Text = text
	case "text/html":
		m.HTML = text
	default:
		return fmt.Errorf("a part is of the type %q", kind)
	}
	return nil
}
