package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"manifold/internal/config"
	"manifold/internal/outbound"
	"manifold/models"
)

// finding is the result of one check.
type finding struct {
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	// Text says what was found and, where it is not right, what to do.
	Text string `json:"text"`
}

func (p *program) doctorCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "doctor", Short: "Check the installation from outside in", Args: noArguments,
		Long: "Check the folder, the database, the job queue, the clock, the name and address of\nthe server, its certificate, whether it answers to its public name, and its mail\nserver. Run it on\nthe machine of the server while that is running.",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), time.Minute)
			defer cancel()
			return p.report(examine(ctx, cfg), asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (p *program) report(findings []finding, asJSON bool) error {
	bad := 0
	for _, f := range findings {
		mark := "ok  "
		if !f.OK {
			mark = "BAD "
			bad++
		}
		if !asJSON {
			fmt.Fprintf(p.out, "%s %-10s %s\n", mark, f.Check, f.Text)
		}
	}
	if asJSON {
		if err := p.printJSON(findings); err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d checks failed", bad, len(findings))
	}
	return nil
}

func examine(ctx context.Context, cfg *config.Config) []finding {
	d := &examination{cfg: cfg, client: outbound.New(outbound.Options{UserAgent: "Manifold/" + version + " (doctor)", AllowPrivate: true})}
	for _, check := range []struct {
		name string
		run  func(context.Context) (string, error)
	}{
		{"data", d.data}, {"database", d.database}, {"queue", d.queue}, {"dns", d.dns}, {"tls", d.tls}, {"server", d.server}, {"clock", d.clock}, {"webfinger", d.webfinger}, {"mail", d.mail},
	} {
		text, err := check.run(ctx)
		if err != nil {
			text = err.Error()
		}
		d.findings = append(d.findings, finding{check.name, err == nil, text})
	}
	if d.db != nil {
		_ = d.db.Close()
	}
	return d.findings
}

type examination struct {
	cfg      *config.Config
	client   *outbound.Client
	db       *models.DB
	date     string
	findings []finding
}

func (d *examination) data(context.Context) (string, error) {
	probe := filepath.Join(d.cfg.DataDir, ".doctor")
	if err := os.MkdirAll(d.cfg.DataDir, 0o750); err != nil {
		return "", fmt.Errorf("the folder %s cannot be made: %w", d.cfg.DataDir, err)
	}
	if err := os.WriteFile(probe, []byte("x"), 0o600); err != nil {
		return "", fmt.Errorf("the folder %s cannot be written to: %w", d.cfg.DataDir, err)
	}
	return "the folder " + d.cfg.DataDir + " can be written to", os.Remove(probe)
}

func (d *examination) database(ctx context.Context) (string, error) {
	db, err := models.Open(ctx, models.Options{Database: d.cfg.Database.DSN(), Connections: 2})
	if err != nil {
		return "", fmt.Errorf("%w; check 'database' in the configuration", err)
	}
	d.db = db
	if err := upToDate(ctx, db); err != nil {
		return "", err
	}
	_, total, err := db.Accounts(ctx, models.Page{Count: 1})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s answers, its tables are up to date, %d accounts", d.cfg.Database, total), nil
}

func (d *examination) queue(ctx context.Context) (string, error) {
	if d.db == nil {
		return "", errors.New("not checked: there is no database")
	}
	waiting, failed, oldest, err := d.db.QueueState(ctx)
	if err != nil {
		return "", err
	}
	if oldest > 5*time.Minute {
		return "", fmt.Errorf("%d jobs wait, the oldest for %s: is 'manifold serve' running?", waiting, oldest.Round(time.Second))
	}
	return fmt.Sprintf("%d jobs wait, %d were given up", waiting, failed), nil
}

func (d *examination) dns(ctx context.Context) (string, error) {
	host := d.cfg.URL.Hostname()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return "", fmt.Errorf("the name %s does not resolve: %w; add it to the DNS", host, err)
	}
	return host + " is " + strings.Join(addresses, ", "), nil
}

func (d *examination) tls(ctx context.Context) (string, error) {
	if d.cfg.URL.Scheme != "https" {
		return "not used: the address begins with http://, which only tests and closed networks should do", nil
	}
	_, err := d.client.Do(ctx, outbound.Request{Method: http.MethodGet, URL: d.cfg.URL.String() + "/healthz"})
	if e, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "", fmt.Errorf("the certificate of %s is not from a known authority: %w", d.cfg.URL.Host, e)
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return "", fmt.Errorf("the certificate of %s is not valid: %w", d.cfg.URL.Host, e)
	}
	if err != nil {
		return "", fmt.Errorf("no connection to %s: %w", d.cfg.URL, err)
	}
	return "the certificate of " + d.cfg.URL.Host + " is valid", nil
}

func (d *examination) server(ctx context.Context) (string, error) {
	r, err := d.client.Do(ctx, outbound.Request{Method: http.MethodGet, URL: d.cfg.URL.String() + "/readyz"})
	if err != nil {
		return "", fmt.Errorf("%s does not answer: %w; is 'manifold serve' running, and does the proxy pass requests on to %s?", d.cfg.URL, err, d.cfg.Listen)
	}
	d.date = r.Header.Get("Date")
	if r.Status != http.StatusOK {
		return "", fmt.Errorf("%s answers %d: %s", d.cfg.URL, r.Status, strings.TrimSpace(string(r.Body)))
	}
	return d.cfg.URL.String() + " answers and is ready", nil
}

// clock compares with whoever answered: behind a proxy, another machine.
func (d *examination) clock(context.Context) (string, error) {
	if d.date == "" {
		return "", errors.New("not checked: the server did not answer")
	}
	there, err := http.ParseTime(d.date)
	if err != nil {
		return "", fmt.Errorf("the server gave a date that cannot be read: %w", err)
	}
	if off := time.Since(there).Abs(); off > 30*time.Second {
		return "", fmt.Errorf("the clock differs by %s from the one of %s: signatures will be refused; set up NTP", off.Round(time.Second), d.cfg.URL.Host)
	}
	return "the clock agrees with the one of " + d.cfg.URL.Host, nil
}

func (d *examination) webfinger(ctx context.Context) (string, error) {
	if d.db == nil {
		return "", errors.New("not checked: there is no database")
	}
	accounts, _, err := d.db.Accounts(ctx, models.Page{Count: 1})
	if err != nil {
		return "", err
	}
	if len(accounts) == 0 {
		return "not checked: nobody has an account yet; 'manifold user add' makes one", nil
	}
	resource := "acct:" + accounts[0].Nickname + "@" + d.cfg.URL.Host
	root := d.cfg.URL.Scheme + "://" + d.cfg.URL.Host
	r, err := d.client.Do(ctx, outbound.Request{Method: http.MethodGet, URL: root + "/.well-known/webfinger?resource=" + resource})
	if err != nil {
		return "", fmt.Errorf("others cannot look up %s: %w", resource, err)
	}
	var jrd struct{ Subject string }
	if r.Status != http.StatusOK || json.Unmarshal(r.Body, &jrd) != nil || jrd.Subject != resource {
		return "", fmt.Errorf("others cannot look up %s: the answer has status %d; does the proxy pass /.well-known/ on?", resource, r.Status)
	}
	return "others can look up " + resource, nil
}

// mail waits for the greeting of the mail server (RFC 5321 4.2), and sends
// nothing.
func (d *examination) mail(ctx context.Context) (string, error) {
	address := d.cfg.SMTPServer
	if address == "" {
		return "not used: without smtp_server nobody can be mailed a new password", nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	dialer := interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	}(new(net.Dialer))
	if d.cfg.SMTPTLS == config.SMTPOverTLS {
		dialer = new(tls.Dialer)
	}
	c, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return "", fmt.Errorf("no connection to the mail server: %w; check smtp_server and smtp_tls", err)
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return "", err
	}
	greeting, err := bufio.NewReaderSize(c, 1024).ReadString('\n')
	if err != nil || !strings.HasPrefix(greeting, "220") {
		return "", fmt.Errorf("%s does not greet as a mail server does (%v): it says %.100q; check smtp_server and smtp_tls", address, err, greeting)
	}
	return address + " is a mail server", nil
}
