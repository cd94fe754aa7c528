package front

import (
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks of proxies that are believed when they say for whom
// they ask.
type Proxies []netip.Prefix

// maxHops bounds how many proxies in a row are looked at.
const maxHops = 16

// Client returns the address that a request comes from. That is the other end of
// the connection, unless it is a proxy of ours: then it is the last one in
// X-Forwarded-For that is none. What stands before it the client may have made
// up. The address is not valid when the connection has none.
func (p Proxies) Client(r *http.Request) netip.Addr {
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	client := remote.Addr().Unmap().WithZone("")
	if !p.trust(client) {
		return client
	}
	fields := r.Header["X-Forwarded-For"]
	hops := 0
	for i := len(fields) - 1; i >= 0; i-- {
		for rest := fields[i]; rest != ""; {
			var last string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, last = rest[:comma], rest[comma+1:]
			} else {
				rest, last = "", rest
			}
			address, ok := forwarded(last)
			if hops++; !ok || hops > maxHops {
				return client
			}
			if client = address; !p.trust(client) {
				return client
			}
		}
	}
	return client
}

// forwarded reads an item of X-Forwarded-For, which some proxies write with a
// port.
func forwarded(item string) (netip.Addr, bool) {
	item = strings.TrimSpace(item)
	address, err := netip.ParseAddr(strings.Trim(item, "[]"))
	if err != nil {
		with, err := netip.ParseAddrPort(item)
		if err != nil {
			return netip.Addr{}, false
		}
		address = with.Addr()
	}
	return address.Unmap().WithZone(""), true
}

func (p Proxies) trust(a netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}
