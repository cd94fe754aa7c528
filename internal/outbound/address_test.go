package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

var errWouldConnect = errors.New("the guard let this address through")

// neverConnecting is a client whose sockets stop right behind the guard. It
// reports the addresses that got that far.
func neverConnecting(o Options) (c *Client, passed func() []string) {
	var mu sync.Mutex
	var seen []string
	c = newClient(o, net.Dialer{
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, address)
			return errWouldConnect
		},
	})
	return c, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen)
	}
}

func TestForbiddenAddresses(t *testing.T) {
	tests := []struct{ addr, kind string }{
		{"0.0.0.0", "this network"},
		{"0.1.2.3", "this network"},
		{"10.0.0.1", "private"},
		{"10.255.255.255", "private"},
		{"100.64.0.1", "carrier-grade NAT"},
		{"100.100.100.200", "carrier-grade NAT"}, // Alibaba's metadata
		{"100.127.255.255", "carrier-grade NAT"},
		{"127.0.0.1", "loopback"},
		{"127.255.255.254", "loopback"},
		{"168.63.129.16", "cloud metadata"},
		{"169.254.0.1", "link-local"},
		{"169.254.169.254", "link-local"},
		{"172.16.0.1", "private"},
		{"172.31.255.255", "private"},
		{"192.0.0.192", "protocol assignments"}, // Oracle's metadata
		{"192.0.2.1", "documentation"},
		{"192.88.99.1", "6to4 relay"},
		{"192.168.1.1", "private"},
		{"198.18.0.1", "benchmarking"},
		{"198.19.255.255", "benchmarking"},
		{"198.51.100.7", "documentation"},
		{"203.0.113.7", "documentation"},
		{"224.0.0.1", "multicast"},
		{"239.255.255.255", "multicast"},
		{"240.0.0.1", "reserved"},
		{"255.255.255.255", "broadcast"},
		{"::", "unspecified"},
		{"::1", "loopback"},
		{"::127.0.0.1", "IPv4-compatible"},
		{"::8.8.8.8", "IPv4-compatible"},
		{"::ffff:127.0.0.1", "loopback"},
		{"::ffff:10.0.0.1", "private"},
		{"::ffff:169.254.169.254", "link-local"},
		{"64:ff9b::7f00:1", "loopback in NAT64"},
		{"64:ff9b::a9fe:a9fe", "link-local in NAT64"},
		{"64:ff9b:1::808:808", "local NAT64"},
		{"100::1", "not globally routed"},
		{"2001::1", "this network in Teredo"},
		{"2001:0:808:808::80ff:fffe", "loopback in Teredo"},
		{"2001:0:a00:1::f7f7:f7f7", "private in Teredo"},
		{"2001:2::1", "protocol assignments"},
		{"2001:db8::1", "documentation"},
		{"2002:7f00:1::1", "loopback in 6to4"},
		{"2002:c0a8:101::1", "private in 6to4"},
		{"3fff::1", "documentation"},
		{"5f00::1", "not globally routed"},
		{"fc00::1", "private"},
		{"fd00:ec2::254", "private"}, // Amazon's metadata
		{"fe80::1", "link-local"},
		{"fe80::1%25lo", "link-local"},
		{"fec0::1", "site-local"},
		{"ff02::1", "multicast"},
	}
	client, passed := neverConnecting(Options{})
	for _, tt := range tests {
		host := net.JoinHostPort(tt.addr, "8080")
		_, err := client.Do(t.Context(), Request{URL: "http://" + host + "/"})
		var forbidden *ForbiddenAddressError
		if !errors.As(err, &forbidden) {
			t.Errorf("%s: error %v, want a ForbiddenAddressError", tt.addr, err)
			continue
		}
		if forbidden.Kind != tt.kind {
			t.Errorf("%s: kind %q, want %q", tt.addr, forbidden.Kind, tt.kind)
		}
	}
	if p := passed(); len(p) > 0 {
		t.Errorf("the guard let through %v", p)
	}
}

func TestPublicAddresses(t *testing.T) {
	tests := []string{
		"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
		"172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
		"::ffff:8.8.8.8", "64:ff9b::808:808", "2001:0:808:808::f7f7:f7f7", "2001:200::1", "2002:808:808::1", "2606:4700::1111", "2a00::1",
	}
	client, _ := neverConnecting(Options{})
	for _, addr := range tests {
		_, err := client.Do(t.Context(), Request{URL: "http://" + net.JoinHostPort(addr, "80") + "/"})
		// A machine without IPv6 makes no such socket, and so never asks the guard.
		if !errors.Is(err, errWouldConnect) && !errors.Is(err, syscall.EAFNOSUPPORT) {
			t.Errorf("%s: error %v, want it let through", addr, err)
		}
		if kind := forbiddenKind(netip.MustParseAddr(addr)); kind != "" {
			t.Errorf("%s: judged %q, want public", addr, kind)
		}
	}
}

func TestAllowPrivateLetsEverythingThrough(t *testing.T) {
	client, passed := neverConnecting(Options{AllowPrivate: true})
	for _, host := range []string{"127.0.0.1:80", "10.0.0.1:80", "169.254.169.254:80"} {
		if _, err := client.Do(t.Context(), Request{URL: "http://" + host}); !errors.Is(err, errWouldConnect) {
			t.Errorf("%s: error %v, want it let through", host, err)
		}
	}
	if len(passed()) != 3 {
		t.Errorf("let through %v, want all three", passed())
	}
}

// nameServer is a DNS server on loopback. answers gets how often it was asked
// for IPv4 addresses before, and returns those to give.
func nameServer(t *testing.T, answers func(asked int) []string) *net.Resolver {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		asked := 0
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			m.Response, m.Additionals = true, nil
			if q.Type == dnsmessage.TypeA {
				for _, a := range answers(asked) {
					m.Answers = append(m.Answers, dnsmessage.Resource{
						Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class},
						Body:   &dnsmessage.AResource{A: netip.MustParseAddr(a).As4()},
					})
				}
				asked++
			}
			if out, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(out, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func TestNamesAreJudgedByTheirAddress(t *testing.T) {
	client, passed := neverConnecting(Options{Resolver: nameServer(t, func(int) []string { return []string{"192.168.0.7"} })})
	_, err := client.Do(t.Context(), Request{URL: "http://social.example:81/"})
	var forbidden *ForbiddenAddressError
	if !errors.As(err, &forbidden) {
		t.Fatalf("error %v, want a ForbiddenAddressError", err)
	}
	if got, want := fmt.Sprint(forbidden.Host, " ", forbidden.Addr), "social.example:81 192.168.0.7"; got != want {
		t.Errorf("forbidden %s, want %s", got, want)
	}
	if p := passed(); len(p) > 0 {
		t.Errorf("the guard let through %v", p)
	}
}

func TestRebindingIsRefused(t *testing.T) {
	client, _ := neverConnecting(Options{Resolver: nameServer(t, func(asked int) []string {
		if asked == 0 {
			return []string{"93.184.216.34"}
		}
		return []string{"127.0.0.1"}
	})})
	if _, err := client.Do(t.Context(), Request{URL: "http://rebind.example/"}); !errors.Is(err, errWouldConnect) {
		t.Fatalf("first request: error %v, want it let through", err)
	}
	_, err := client.Do(t.Context(), Request{URL: "http://rebind.example/"})
	if forbidden := (*ForbiddenAddressError)(nil); !errors.As(err, &forbidden) {
		t.Errorf("second request: error %v, want a ForbiddenAddressError", err)
	}
}

func TestEachAddressOfANameIsJudged(t *testing.T) {
	client, passed := neverConnecting(Options{Resolver: nameServer(t, func(int) []string {
		return []string{"127.0.0.1", "93.184.216.34", "10.0.0.1"}
	})})
	_, err := client.Do(t.Context(), Request{URL: "http://mixed.example/"})
	if err == nil {
		t.Fatal("a request over a dialer that never connects succeeded")
	}
	if got, want := passed(), []string{"93.184.216.34:80"}; !slices.Equal(got, want) {
		t.Errorf("let through %v, want %v", got, want)
	}
}

func TestDialContextIsGuardedToo(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client := New(Options{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", ln.Addr().String())
	}})
	_, err = client.Do(t.Context(), Request{URL: "http://social.example/"})
	var forbidden *ForbiddenAddressError
	if !errors.As(err, &forbidden) || forbidden.Host != "social.example:80" {
		t.Errorf("error %v, want a ForbiddenAddressError for social.example:80", err)
	}
}
