package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// guardedDialer connects only to public addresses.
//
// The check sits in the socket's control hook: it runs once for each address
// that the name resolved to, with the very bytes the kernel is about to
// connect to. A check before the look-up could be answered differently by a
// second look-up.
func guardedDialer(dialer net.Dialer) dialFunc {
	inner := dialer.ControlContext
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		d := dialer
		d.ControlContext = func(ctx context.Context, network, resolved string, conn syscall.RawConn) error {
			if err := checkAddress(address, resolved); err != nil {
				return err
			}
			if inner != nil {
				return inner(ctx, network, resolved, conn)
			}
			return nil
		}
		return d.DialContext(ctx, network, address)
	}
}

// checkedDialer is the guard around a dial function that is not ours. The
// control hook is out of reach there, so that it looks at where the connection
// ended up, before anything is sent.
func checkedDialer(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if err := checkAddress(address, conn.RemoteAddr().String()); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return conn, nil
	}
}

// checkAddress returns a *ForbiddenAddressError unless resolved, an IP address
// and port, is public. host is what the request asked for.
func checkAddress(host, resolved string) error {
	ap, err := netip.ParseAddrPort(resolved)
	if err != nil {
		return fmt.Errorf("judging the address of %s: %w", host, err)
	}
	if kind := forbiddenKind(ap.Addr()); kind != "" {
		return &ForbiddenAddressError{Host: host, Addr: ap.Addr(), Kind: kind}
	}
	return nil
}
