package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"time"

	smtp "github.com/wneessen/go-mail"
)

// Encryption is how the connection to the mail server is protected.
type Encryption string

// The ways of protecting a connection. The zero value means StartTLS.
const (
	// StartTLS begins in the clear and changes to TLS before anything is said that
	// matters; a server that cannot do so gets no mail. The usual port is 587.
	StartTLS Encryption = "starttls"
	// TLS is spoken from the first byte on. The usual port is 465.
	TLS Encryption = "tls"
	// Off protects nothing. It is for a server on the same machine; the password is
	// given to no other unless it asks in a way that does not tell it. The usual
	// port is 25.
	Off Encryption = "off"
)

// Options for [New].
type Options struct {
	// Server is the host of the mail server, with its port where that is not the
	// usual one.
	Server string
	// User and Password are what to log in with; without a user nobody does.
	User, Password string
	Encryption     Encryption
	// From is who the mail is from: an address, or a name and an address, as in
	// "The Site <no-reply@example.org>".
	From string
	// Timeout bounds the sending of one mail, from the connection to the end; 0
	// means 15 seconds.
	Timeout time.Duration
	// RootCAs are who vouches for the server; nil stands for those of the system.
	RootCAs *x509.CertPool
}

// Sender hands mail over to one server. It may be used by any number of
// goroutines.
type Sender struct {
	host       string
	port       int
	encryption Encryption
	user       string
	password   string
	from       *mail.Address
	domain     string // of From
	timeout    time.Duration
	roots      *x509.CertPool
}

var usualPorts = map[Encryption]int{StartTLS: 587, TLS: 465, Off: 25}

// New makes a sender. It does not connect.
func New(o Options) (*Sender, error) {
	if o.Encryption == "" {
		o.Encryption = StartTLS
	}
	s := &Sender{encryption: o.Encryption, user: o.User, password: o.Password, timeout: o.Timeout, roots: o.RootCAs}
	var known bool
	if s.port, known = usualPorts[o.Encryption]; !known {
		return nil, fmt.Errorf("preparing to send mail: there is no encryption %q, only %s, %s and %s", o.Encryption, StartTLS, TLS, Off)
	}
	if err := s.setServer(o.Server); err != nil {
		return nil, err
	}
	var err error
	if s.from, err = mail.ParseAddress(o.From); err != nil || hasControl(o.From) {
		return nil, fmt.Errorf("preparing to send mail: %q is no address to send from; it should be like no-reply@example.org", o.From)
	}
	s.domain = s.from.Address[strings.LastIndexByte(s.from.Address, '@')+1:]
	if s.timeout <= 0 {
		s.timeout = 15 * time.Second
	}
	return s, nil
}

func (s *Sender) setServer(server string) error {
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		host = strings.Trim(server, "[]") // there is no port
	} else if s.port, err = strconv.Atoi(port); err != nil || s.port < 1 || s.port > 65535 {
		return fmt.Errorf("preparing to send mail: the mail server %q has no port from 1 to 65535", server)
	}
	if host == "" || hasControl(host) || strings.ContainsAny(host, " /@") {
		return fmt.Errorf("preparing to send mail: %q is no mail server; it should be like mail.example.org:587", server)
	}
	s.host = host
	return nil
}

// Server is the address of the mail server.
func (s *Sender) Server() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

// Send hands a message over. When it returns nil the server has it, and answers
// for what becomes of it. All other outcomes are an [*Error].
func (s *Sender) Send(ctx context.Context, m Message) error {
	composed, err := s.compose(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	c := &connection{sender: s, sending: ctx}
	defer c.close()
	client, err := s.client(c)
	if err != nil {
		return s.unreached(err)
	}
	err = client.DialAndSendWithContext(ctx, composed)
	if err == nil || composed.IsDelivered() {
		// When the farewell fails, the mail has been taken all the same.
		return nil
	}
	return s.failure(err)
}

// client prepares the conversation about one message. The library speaks no TLS
// by itself where it is spoken from the first byte on: the connection does.
func (s *Sender) client(c *connection) (*smtp.Client, error) {
	options := []smtp.Option{
		smtp.WithPort(s.port), smtp.WithTimeout(s.timeout), smtp.WithDialContextFunc(c.dial), smtp.WithoutNoop(), smtp.WithoutRset(),
		smtp.WithTLSPolicy(smtp.NoTLS),
	}
	if s.encryption == StartTLS {
		options = append(options, smtp.WithTLSPolicy(smtp.TLSMandatory), smtp.WithTLSConfig(s.tlsConfig()))
	}
	if s.user != "" {
		options = append(options, smtp.WithUsername(s.user), smtp.WithPassword(s.password), smtp.WithOpportunisticSMTPAuth(s.logins()...))
	}
	return smtp.NewClient(s.host, options...)
}

// logins are the ways of logging in, best first. Inside of TLS that is the one
// that all servers have; outside of it those that do not tell the password. The
// library uses PLAIN and LOGIN there for a server on this machine only.
func (s *Sender) logins() []smtp.SMTPAuthType {
	telling := []smtp.SMTPAuthType{smtp.SMTPAuthPlain, smtp.SMTPAuthLogin}
	proving := []smtp.SMTPAuthType{smtp.SMTPAuthSCRAMSHA256, smtp.SMTPAuthSCRAMSHA1, smtp.SMTPAuthCramMD5}
	if s.encryption == Off {
		return append(proving, telling...)
	}
	return append(telling, proving...)
}

func (s *Sender) tlsConfig() *tls.Config {
	return &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12, RootCAs: s.roots}
}

// connection is the one that a message is sent over. It is closed when sending
// ends: the library leaves it open when the conversation fails before the
// message, and does not heed the context after it is connected.
type connection struct {
	sender  *Sender
	sending context.Context
	conn    net.Conn
	release func() bool
}

func (c *connection) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.conn = conn
	c.release = context.AfterFunc(c.sending, func() { _ = conn.Close() })
	if c.sender.encryption != TLS {
		return conn, nil
	}
	secured := tls.Client(conn, c.sender.tlsConfig())
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return secured, nil
}

func (c *connection) close() {
	if c.conn != nil {
		c.release()
		_ = c.conn.Close()
	}
}
